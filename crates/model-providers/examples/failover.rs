//! A chain of models through an outage: `cargo run -p model-providers --example failover`.
//!
//! The models are a server on this machine that fails as it is told, so no key and no network is
//! needed. What it shows: the next model answers; the breaker of the first opens, and it is not asked
//! again; when all are out, a stand-in answers and says that it does.

#![expect(clippy::print_stdout, reason = "an example that shows what happens")]

use std::sync::Arc;
use std::time::Duration;

use model_providers::{
    Chain, Endpoint, Event, Kind, Message, MessageRole, ModelId, Observer, Providers, Request,
    Schema, Settings,
};
use serde_json::json;
use simulated_models::{Fault, ModelScript, Script, Server};

type Failure = Box<dyn std::error::Error>;

/// Prints what happens as it happens.
struct Told;

impl Observer for Told {
    fn observe(&self, event: &Event) {
        match event {
            Event::AttemptFailed { attempt } => {
                let class = attempt.class.map_or("", |class| class.as_str());
                println!("  {} failed: {class}", attempt.model);
            }
            Event::AttemptSucceeded { attempt } => println!("  {} answered", attempt.model),
            Event::BreakerMonitoring { model, state }
            | Event::BreakerOpened { model, state, .. } => {
                println!("  breaker of {model}: {state}");
            }
            Event::Degraded { reason } => println!("  the stand-in answers: {reason}"),
            _ => {}
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut script = Script::with_model("large", ModelScript::failing(Fault::status(503)));
    script.answers.other.insert("health".into(), json!({"ok": true}));
    let server = Server::start(script).await?;

    let mut settings = Settings::default();
    let endpoint = Endpoint::new(Kind::OpenAi, server.base_url().parse()?);
    settings.endpoints.insert("local".into(), endpoint);
    settings.breaker.failure_threshold = 2;
    let providers = Providers::new(settings)?;
    let large: ModelId = "local/large".parse()?;
    let models = [large.clone(), "local/small".parse()?];
    let chain = providers.chain(&models, Duration::from_secs(60))?;

    for number in 1..=3 {
        println!("question {number}");
        ask(&chain).await?;
    }
    println!("{large} stands at {}", providers.health(&large).status);

    println!("every model is out");
    server.set_script(Script::all_failing(Fault::status(503)));
    ask(&chain).await?;
    server.stop().await;
    Ok(())
}

async fn ask(chain: &Chain) -> Result<(), Failure> {
    let question = Message { role: MessageRole::User, content: "Is all well?".into() };
    let request = Request {
        schema: Schema { name: "health".into(), body: json!({"required": ["ok"]}) },
        prompt: Arc::new(vec![question]),
        validate: None,
        stand_in: Some(Arc::new(|_attempts| json!({"ok": false}))),
        workplace: None,
    };
    let answer = chain.ask(&request, None, &Default::default(), &Told).await?;
    println!("  = {} (degraded: {})", answer.value, answer.degraded);
    Ok(())
}
