//! What another team would take first: a breaker, a chain of models, templates, checks, a journal.
//!
//! Each crate is used through what it offers to everybody. It ends with an error where one does not
//! keep its promise, and needs no network but loopback.

use std::sync::Arc;
use std::time::Duration;

use checkpoint_store::{Batch, MemoryStore, NewRecord, NewRun, RunId, RunStore as _};
use circuit_breaker::{ManualClock, Registry};
use degradation_templates::{FileFact, IdeaFacts, Templates};
use model_providers::{
    Class, Endpoint, Kind, Message, MessageRole, Providers, Request, Schema, Settings,
};
use serde_json::json;
use simulated_models::{Fault, ModelScript, Script, Server};
use static_checks::{Change, Rule};

type Failure = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    tokio::time::timeout(Duration::from_secs(60), everything()).await?
}

async fn everything() -> Result<(), Failure> {
    breaker();
    failover().await?;
    templates()?;
    checks();
    journal().await?;
    child().await?;
    println!("services: every crate was used from its package");
    Ok(())
}

fn breaker() {
    let clock = ManualClock::new();
    let breakers = Registry::new(circuit_breaker::Settings::default(), clock.clone());
    let breaker = breakers.breaker(&"api");
    breaker.trip_for(Duration::from_secs(10));
    assert!(breaker.try_acquire().is_err());
    clock.advance(Duration::from_secs(10));
    assert!(breaker.try_acquire().is_ok());
}

async fn failover() -> Result<(), Failure> {
    let mut script = Script::with_model("first", ModelScript::failing(Fault::status(503)));
    script.answers.other.insert("health".to_owned(), json!({"ok": true}));
    let server = Server::start(script).await?;
    let mut settings = Settings::default();
    let endpoint = Endpoint::new(Kind::OpenAi, server.base_url().parse::<url::Url>()?);
    settings.endpoints.insert("local".to_owned(), endpoint);
    let providers = Providers::new(settings)?;
    let chain = ["local/first".parse()?, "local/second".parse()?];
    let chain = providers.chain(&chain, Duration::from_secs(30))?;
    let question = "Is all well?".to_owned();
    let request = Request {
        schema: Schema { name: "health".to_owned(), body: json!({"required": ["ok"]}) },
        prompt: Arc::new(vec![Message { role: MessageRole::User, content: question }]),
        validate: None,
        stand_in: None,
        workplace: None,
    };
    let answer = chain.ask(&request, None, &Default::default(), &()).await?;
    assert_eq!(answer.value, json!({"ok": true}));
    assert_eq!(answer.model, Some("local/second".parse()?));
    assert_eq!(answer.attempts[0].class, Some(Class::Unavailable));
    server.stop().await;
    Ok(())
}

fn templates() -> Result<(), Failure> {
    let file = FileFact { path: "src/tides.py".into(), exists: false };
    let idea =
        IdeaFacts { title: "Show the tides".into(), files: vec![file], ..Default::default() };
    let plan = Templates::built_in()?.plan(&idea)?;
    assert_eq!(plan["milestones"][1]["files"]["create"][0], "src/tides.py");
    Ok(())
}

fn checks() {
    let after = b"fn main() {\n<<<<<<< ours\n}\n";
    let change = Change { path: "src/main.rs", before: None, after: Some(after) };
    let findings = static_checks::check(&[change], &static_checks::Settings::default());
    assert!(findings.iter().any(|one| one.rule == Rule::ConflictMarker && one.line == Some(2)));
}

async fn journal() -> Result<(), Failure> {
    let store = MemoryStore::new();
    let run = RunId::generate();
    let new = NewRun { id: run, subject: "tides".into(), attributes: json!({}), fresh: false };
    let lease = store.create(new, Vec::new()).await?;
    let record = NewRecord { kind: "planned".into(), body: json!({"milestones": 2}) };
    let batch = Batch { records: vec![record], finish: Some("completed".into()), reopen: false };
    store.commit(&lease, batch).await?;
    store.release(lease).await?;
    let elsewhere = MemoryStore::new();
    let taken = elsewhere.import(store.export(run).await?).await?;
    assert_eq!((taken.added, taken.torn), (1, false));
    assert_eq!(elsewhere.records(run, 0).await?, store.records(run, 0).await?);
    Ok(())
}

async fn child() -> Result<(), Failure> {
    let command = subprocess::Command::new("/bin/sh", "/").args(["-c", "echo $GREETING; exit 3"]);
    let command = command.env([("GREETING", "hello")]);
    let output = subprocess::run(&command, &Default::default()).await?;
    assert_eq!(output.ended, subprocess::Ended::Exited(3));
    assert_eq!(output.stdout.text(), "hello\n");
    Ok(())
}
