//! `belay status`: breakers by role and chain, the run in progress, the last
//! runs, and what waits for a person. Reads the store only: no lease, no network.

use std::time::Duration;

use checkpoint_store::{RunStore, SqliteStore};
use orchestrator::event::IssueKind;
use orchestrator::{RunView, Status};
use serde_json::{Value, json};

use crate::commands::runs::damaged;
use crate::error::{CommandError, CommandResult};
use crate::exit::Exit;
use crate::project::Project;
use crate::records;

/// Runs that are told of.
const LAST: usize = 10;

/// What the store says, read once.
#[derive(Default)]
struct Found {
    runs: Vec<RunView>,
    waiting: Vec<Value>,
}

/// Runs the command.
pub(crate) async fn run(project: Project) -> CommandResult {
    let store = if project.has_state() { Some(project.open_store().await?) } else { None };
    let providers = project.providers(store.as_ref()).await?;
    let found = match &store {
        Some(store) => read(store).await?,
        None => Found::default(),
    };
    let current = found.runs.iter().find(|view| view.status == Status::Running);
    if project.printer.json() {
        let last: Vec<Value> = found
            .runs
            .iter()
            .take(LAST)
            .map(|view| json!(view.clone().without_milestones()))
            .collect();
        let breakers = breakers(&project, &providers);
        project.printer.data(
            &json!({ "run": current, "breakers": breakers, "runs": last, "waiting": found.waiting }),
        );
        return Ok(Exit::Success);
    }
    lines(&project, &providers, &found, current).iter().for_each(|line| project.printer.out(line));
    Ok(Exit::Success)
}

async fn read(store: &SqliteStore) -> Result<Found, CommandError> {
    let mut found = Found::default();
    for head in store.runs().await? {
        let state = match records::state(store, &head).await? {
            Ok(state) => state,
            Err(why) => {
                found.runs.push(damaged(&head, why));
                continue;
            }
        };
        for issue in state.issues.iter().filter(|issue| !issue.closed) {
            let kind = match issue.kind {
                IssueKind::Blocked | IssueKind::ReviewRejected | IssueKind::Question => "question",
                IssueKind::ManualTask | IssueKind::FailedItem | IssueKind::DegradedReview => {
                    "manual_task"
                }
                IssueKind::Recovery | IssueKind::DamagedState | IssueKind::Progress => continue,
            };
            found
                .waiting
                .push(json!({ "kind": kind, "url": issue.url, "run": head.id.to_string() }));
        }
        found.runs.push(RunView::new(&head, &state));
    }
    Ok(found)
}

fn breakers(project: &Project, providers: &model_providers::Providers) -> Vec<Value> {
    let millis = |wait: Duration| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    let shown = project.standings(providers).map(|(role, index, model, health)| {
        json!({
            "role": role.name(),
            "position": index,
            "model": model,
            "state": health.status.to_string(),
            "retry_in_ms": health.resting.or(health.status.retry_in).map(millis),
        })
    });
    shown.collect()
}

fn lines(
    project: &Project,
    providers: &model_providers::Providers,
    found: &Found,
    current: Option<&RunView>,
) -> Vec<String> {
    let mut lines = project.failover_status(providers);
    lines.push(match current {
        Some(view) => format!("Working on {} ({}), branch {}", view.idea, view.run, view.branch),
        None => "No run is being worked on".to_owned(),
    });
    if !found.runs.is_empty() {
        lines.push("Last runs:".to_owned());
    }
    let told =
        |view: &RunView| format!("  {}  {:<11}  {}", view.run, view.status.as_str(), view.idea);
    lines.extend(found.runs.iter().take(LAST).map(told));
    if !found.waiting.is_empty() {
        lines.push("Waiting for a person:".to_owned());
    }
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    lines.extend(
        found
            .waiting
            .iter()
            .map(|one| format!("  {}  {}", text(one, "kind").replace('_', " "), text(one, "url"))),
    );
    lines
}
