//! From an idea to files, with models on this machine: `cargo run -p agents --example
//! from_idea_to_changes`.
//!
//! What it shows: an analysis, a plan, the work items of a milestone and a change set; and what is
//! planned when no model is left.

#![expect(clippy::print_stdout, reason = "an example that shows what happens")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use agents::{
    Asking, CoderInput, Idea, PlanInput, Settings, Source, SourceError, SourceFile, WorkRules,
    analyze, divide, implement, plan,
};
use async_trait::async_trait;
use degradation_templates::Templates;
use model_providers::{Endpoint, Kind, Providers};
use simulated_models::{Answers, Fault, Script, Server};
use tokio_util::sync::CancellationToken;

type Failure = Box<dyn std::error::Error>;

/// A project without any file yet.
struct Empty;

#[async_trait]
impl Source for Empty {
    fn files(&self) -> &[SourceFile] {
        &[]
    }

    async fn read(&self, _: &[String]) -> Result<BTreeMap<String, String>, SourceError> {
        Ok(BTreeMap::new())
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let farewell = "//! Farewells.\n\npub fn farewell(name: &str) -> String {\n    \
                    format!(\"Goodbye, {name}!\")\n}\n";
    let answers = Answers::creating([("src/farewell.rs", farewell)]);
    let server = Server::start(Script::default().with_answers(answers)).await?;
    let mut settings = model_providers::Settings::default();
    let endpoint = Endpoint::new(Kind::OpenAi, server.base_url().parse()?);
    settings.endpoints.insert("local".into(), endpoint);
    let providers = Providers::new(settings)?;
    let chain = providers.chain(&["local/any".parse()?], Duration::from_secs(60))?;
    let (cancel, templates) = (CancellationToken::new(), Templates::built_in()?);
    let asking = Asking {
        chain: &chain,
        deadline: None,
        cancel: &cancel,
        observer: &(),
        degradation: Some(&templates),
    };

    let idea = "# Say farewell\n\nBy name.\n\n## Files\n- src/farewell.rs\n";
    let idea = Idea::parse("001", idea)?;
    println!("with a model");
    work(&asking, &idea).await?;
    println!("without one");
    server.set_script(Script::all_failing(Fault::status(503)));
    work(&asking, &idea).await?;
    server.stop().await;
    Ok(())
}

async fn work(asking: &Asking<'_>, idea: &Idea) -> Result<(), Failure> {
    let settings = settings();
    let analysis = analyze(asking, idea, &Empty, &settings).await?;
    println!("  understood: {}", analysis.value.understanding);
    let input = PlanInput { idea, analysis: &analysis.value, done: &[], open_questions: &[] };
    let planned = plan(asking, &input, &Empty, &settings).await?;
    for milestone in &planned.value.milestones {
        println!("  milestone: {} (degraded: {})", milestone.name, planned.degraded);
    }
    if planned.degraded {
        return Ok(());
    }
    let items = divide(&planned.value.milestones[0], &BTreeMap::new(), 3);
    for item in &items {
        let input = CoderInput {
            idea,
            plan: &planned.value,
            milestone: 0,
            item,
            earlier: &[],
            findings: &[],
        };
        let written = implement(asking, &input, &Empty, &settings, None).await?;
        for change in &written.value.changes {
            let size = change.after.as_ref().map_or(0, String::len);
            println!("  written: {}, {size} bytes", change.path);
        }
    }
    Ok(())
}

fn settings() -> Settings {
    Settings {
        context_files: vec!["AGENTS.md".to_owned()],
        deny: vec!["**/.env".to_owned()],
        rounds: 2,
        max_milestones: 10,
        max_file_bytes: 1024 * 1024,
        max_questions: 3,
        path_guard: Arc::new(|_| Ok(())),
        unwritable: Arc::new(|_| None),
        work: WorkRules::default(),
    }
}
