//! What a run is made of, from outside: an idea, its issues, paths that are refused, a journal on disk
//! and what follows from it.

use std::collections::BTreeMap;
use std::time::Duration;

use agents::{Action, Idea, Milestone, divide};
use checkpoint_store::{RunStore as _, SqliteStore};
use forge::{Folder, Forge as _, Marker, NewIssue};
use orchestrator::metrics::{Metrics, MetricsView};
use orchestrator::{RunView, State};
use run_report::Told;
use simulated_github::Server;
use worktree::Guard;

type Failure = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    tokio::time::timeout(Duration::from_secs(60), everything()).await?
}

async fn everything() -> Result<(), Failure> {
    let place = tempfile::tempdir()?;
    ideas()?;
    paths()?;
    issues(place.path()).await?;
    journal(&place.path().join("state")).await?;
    let server = Server::start("octo/demo", "ghp_simulated").await?;
    server.stop().await;
    println!("runs: every crate was used from its package");
    Ok(())
}

fn ideas() -> Result<(), Failure> {
    let idea = Idea::parse("001", "# Say farewell\n\nBy name.\n")?;
    assert_eq!(idea.title, "Say farewell");
    let mut milestone = Milestone::default();
    milestone.files.create = vec!["src/farewell.rs".to_owned()];
    let items = divide(&milestone, &Default::default(), 3);
    assert_eq!(items.len(), 1);
    assert_eq!(items[0].files[0].action, Action::Create);
    Ok(())
}

fn paths() -> Result<(), Failure> {
    let guard = Guard::new(&["**/.env".to_owned()], 1024)?;
    assert!(guard.check_path("src/main.rs").is_ok());
    assert!(guard.check_path("../outside").is_err());
    assert!(guard.check_path("deep/.ENV").is_err());
    Ok(())
}

async fn issues(top: &std::path::Path) -> Result<(), Failure> {
    let forge = Folder::new(top.to_owned());
    let new = NewIssue {
        title: "Which farewell?".to_owned(),
        body: "Short or long?".to_owned(),
        labels: Vec::new(),
        marker: Marker { run: "run".to_owned(), step: "ask".to_owned() },
    };
    let made = forge.create(&new).await?;
    assert_eq!(forge.create(&new).await?, made);
    assert_eq!(forge.open_issues().await?, [made]);
    Ok(())
}

async fn journal(folder: &std::path::Path) -> Result<(), Failure> {
    let store = SqliteStore::open(folder, "host").await?;
    let work = orchestrator::NewWork {
        idea: Idea::parse("001", "# Say farewell\n")?,
        idea_path: None,
        idea_issue: None,
        base: serde_json::from_value("6f3a1c5e0b7d42f8896aa3d1f0c5b2e7d4980a1b".into())?,
        base_branch: None,
        branch: "belay/001".to_owned(),
        fresh: false,
        repairs: Vec::new(),
    };
    let lease = orchestrator::start(&store, work).await?;
    let run = lease.run();
    store.release(lease).await?;
    store.close().await?;
    // Another process would find it like this.
    let store = SqliteStore::open(folder, "host").await?;
    let state = State::fold(&store.records(run, 0).await?);
    let head = store.runs().await?.remove(0);
    store.close().await?;
    let metrics = Metrics::of(&[], &state);
    let page = run_report::html(&Told {
        lines: &[],
        state: &state,
        view: &RunView::new(&head, &state),
        metrics: &MetricsView::new(&metrics, None, 1, 1),
        patches: &BTreeMap::new(),
        hide: &str::to_owned,
    })?;
    assert!(page.contains("Say farewell"));
    Ok(())
}
