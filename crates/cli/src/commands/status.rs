//! `belay status`: breakers by role and chain, the run in progress, the lights, the last runs, and
//! what waits for a person. Reads the store only: no lease, no network.

mod lines;
mod seen;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use model_providers::Providers;
use orchestrator::metrics::view::Lights;
use serde_json::{Value, json};

use crate::clock;
use crate::error::CommandResult;
use crate::exit::Exit;
use crate::project::Project;
use seen::{Looking, Seen};

/// Runs that are told of.
const LAST: usize = 10;

/// Runs the command.
pub(crate) async fn run(project: Project, watching: bool) -> CommandResult {
    let mut looking = Looking::default();
    if watching {
        return watch::run(&project, looking).await;
    }
    let (seen, providers) = looking.look(&project).await?;
    if project.printer.json() {
        project.printer.data(&data(&project, &providers, &seen, clock::stamp()));
        return Ok(Exit::Success);
    }
    let lines = lines::all(&project, &providers, &seen, Some(clock::stamp()));
    lines.iter().for_each(|line| project.printer.out(line));
    Ok(Exit::Success)
}

/// What there is, for scripts.
fn data(project: &Project, providers: &Arc<Providers>, seen: &Seen, now: Timestamp) -> Value {
    let last: Vec<Value> = seen
        .runs
        .iter()
        .take(LAST)
        .map(|run| json!(run.view.clone().without_milestones()))
        .collect();
    let waiting: Vec<&Value> = seen.runs.iter().flat_map(|run| &run.waiting).collect();
    json!({
        "run": seen.current().map(|run| &run.view),
        "breakers": breakers(project, providers),
        "runs": last,
        "waiting": waiting,
        "working": seen.current().map(|run| run.working(now)),
        "lights": Lights::of(&seen.metrics),
    })
}

fn breakers(project: &Project, providers: &Providers) -> Vec<Value> {
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
