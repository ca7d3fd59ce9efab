//! The page of a short run: `cargo run -p run-report --example one_page > run.html`.
//!
//! The run is told by a few rows: a model that failed, with words that would like to be more than
//! words and with a key in them, and another model that answered.

#![expect(clippy::print_stdout, reason = "an example that shows what happens")]

use std::collections::BTreeMap;

use checkpoint_store::{Entry, MemoryStore, NewRun, RunId, RunStore as _};
use model_providers::{Class, ModelId, Tokens};
use orchestrator::metrics::{Metrics, MetricsView};
use orchestrator::{Event, Line, Role, RunView, State, journal};
use run_report::{Told, html};

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let store = MemoryStore::new();
    let run = RunId::generate();
    let attributes = serde_json::json!({});
    let new = NewRun { id: run, subject: "tides".to_owned(), attributes, fresh: false };
    let rows = events()?.into_iter().map(|event| journal::record(&event, None));
    store.create(new, rows.collect::<Result<_, _>>()?).await?;

    let entries: Vec<Entry> = store.records(run, 0).await?;
    let lines: Vec<Line> = entries.iter().filter_map(Line::read).collect();
    let state = State::fold(&entries);
    let head = store.runs().await?.into_iter().next().ok_or("the run is not there")?;
    let metrics = Metrics::of(&lines, &state);
    let page = html(&Told {
        lines: &lines,
        state: &state,
        view: &RunView::new(&head, &state),
        metrics: &MetricsView::new(&metrics, Some(run.to_string()), 1, 1),
        patches: &BTreeMap::new(),
        hide: &|text| text.replace("sk-simulated", "***"),
    })?;
    println!("{page}");
    Ok(())
}

fn events() -> Result<Vec<Event>, Failure> {
    let (large, small): (ModelId, ModelId) = ("local/large".parse()?, "local/small".parse()?);
    let begun = Event::RunStarted {
        idea: "tides".to_owned(),
        title: "Show the tides".to_owned(),
        branch: "belay/tides".to_owned(),
        base: "6f3a1c5e0b7d42f8896aa3d1f0c5b2e7d4980a1b".to_owned(),
    };
    let failed = Event::AttemptFailed {
        role: Role::Planner,
        model: large.clone(),
        class: Class::Unavailable,
        attempt: 1,
        position: 0,
        latency_ms: 120,
        message: Some("status 503 <script>alert(1)</script> for key sk-simulated".to_owned()),
        status: Some(503),
        tokens: None,
        usd: None,
        milestone: None,
        item: None,
    };
    let fallback = Event::FallbackUsed {
        role: Role::Planner,
        from: large,
        model: small.clone(),
        position: 1,
        class: Some(Class::Unavailable),
        milestone: None,
        item: None,
    };
    let answered = Event::AttemptSucceeded {
        role: Role::Planner,
        model: small,
        attempt: 2,
        position: 1,
        latency_ms: 2_400,
        tokens: Some(Tokens { input: 900, output: 150 }),
        usd: Some(0.002),
        milestone: None,
        item: None,
    };
    Ok(vec![begun, failed, fallback, answered])
}
