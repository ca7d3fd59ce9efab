//! A journal that grows row by row, and the step that follows from each: `cargo run -p orchestrator
//! --example what_comes_next`.
//!
//! Nothing is done here: no model, no git. What it shows is that the state is the fold of the rows, and
//! the next step a pure function of it.

#![expect(clippy::print_stdout, reason = "an example that shows what happens")]

use std::path::PathBuf;
use std::time::Duration;

use agents::{Analysis, Complexity, Idea, Milestone, Plan};
use checkpoint_store::{Batch, Lease, MemoryStore, RunStore as _};
use orchestrator::event::StepName;
use orchestrator::fact::Fact;
use orchestrator::{
    ChecksSetting, Event, Gate, NewWork, ProjectCommandSetting, PullRequestWhen, Settings, Sign,
    State, UpdateBy, journal, next, start,
};

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let store = MemoryStore::new();
    let work = NewWork {
        idea: Idea::parse("001", "# Say farewell\n")?,
        idea_path: None,
        idea_issue: None,
        base: serde_json::from_str("\"6f3a1c5e0b7d42f8896aa3d1f0c5b2e7d4980a1b\"")?,
        base_branch: None,
        branch: "belay/001".to_owned(),
        fresh: false,
        repairs: Vec::new(),
    };
    let lease = start(&store, work).await?;
    show(&store, &lease).await?;

    println!("the planner has understood the idea");
    finished(&store, &lease, StepName::Analyze, Fact::Analysis(analysis(0.9))).await?;
    show(&store, &lease).await?;

    println!("another planner is not sure, and asks");
    let questions = vec!["In which language?".to_owned()];
    let unsure = Analysis { questions, ..analysis(0.2) };
    finished(&store, &lease, StepName::Analyze, Fact::Analysis(unsure)).await?;
    show(&store, &lease).await?;

    println!("the first one was right, and has a plan");
    finished(&store, &lease, StepName::Analyze, Fact::Analysis(analysis(0.9))).await?;
    finished(&store, &lease, StepName::Plan, Fact::Plan(plan())).await?;
    show(&store, &lease).await
}

async fn show(store: &MemoryStore, lease: &Lease) -> Result<(), Failure> {
    let rows = store.records(lease.run(), 0).await?;
    let state = State::fold(&rows);
    println!("  after {} rows comes {:?}", rows.len(), next(&state, &settings()));
    Ok(())
}

async fn finished(
    store: &MemoryStore,
    lease: &Lease,
    step: StepName,
    fact: Fact,
) -> Result<(), Failure> {
    let event =
        Event::StepFinished { step, milestone: None, model: None, degraded: false, summary: None };
    let records = vec![journal::record(&event, Some(&fact))?];
    store.commit(lease, Batch { records, ..Batch::default() }).await?;
    Ok(())
}

fn analysis(confidence: f64) -> Analysis {
    Analysis {
        understanding: "A function that says farewell.".to_owned(),
        complexity: Complexity::Low,
        confidence,
        risks: Vec::new(),
        questions: Vec::new(),
        relevant_files: Vec::new(),
    }
}

fn plan() -> Plan {
    let mut milestone = Milestone { name: "Farewell".to_owned(), ..Milestone::default() };
    milestone.files.create = vec!["src/farewell.rs".to_owned()];
    Plan {
        milestones: vec![milestone],
        risks: Vec::new(),
        success_criteria: Vec::new(),
        confidence: 0.9,
    }
}

fn settings() -> Settings {
    Settings {
        parallel: 3,
        max_begun: None,
        milestone_retries: 2,
        fix_rounds: 2,
        min_success_rate: 0.5,
        degradation: true,
        setup_command: ProjectCommandSetting::Auto,
        test_command: ProjectCommandSetting::Auto,
        checks: ChecksSetting::Auto,
        gate: Gate::Milestone,
        hooks: true,
        sign: Sign::Auto,
        min_confidence: 0.5,
        max_questions: 3,
        test_timeout: Duration::from_secs(600),
        project: worktree::ProjectEnvironment::default(),
        subject: "Milestone {number}/{total}: {name}".to_owned(),
        author: None,
        update: UpdateBy::Nothing,
        mirror: None,
        push: None,
        pull_request: PullRequestWhen::Never,
        worktrees: PathBuf::new(),
        workspaces: PathBuf::new(),
        transcripts: PathBuf::new(),
        max_file_bytes: 1024 * 1024,
        plan_only: false,
        progress_issue: false,
        secrets: Vec::new(),
        resume_command: "belay resume".to_owned(),
    }
}
