//! What there is, for people.

use jiff::Timestamp;
use model_providers::Providers;
use orchestrator::metrics::view::Lights;
use orchestrator::view::{ItemView, MilestoneView};
use orchestrator::{Asking, RunView};
use serde_json::Value;

use super::LAST;
use super::seen::{Seen, SeenRun, since};
use crate::commands::metrics::lights;
use crate::human::seconds;
use crate::printer::labelled as row;
use crate::project::Project;

/// Every line. Without a moment nothing stands there that changes by itself.
pub(super) fn all(
    project: &Project,
    providers: &Providers,
    seen: &Seen,
    now: Option<Timestamp>,
) -> Vec<String> {
    let mut lines = project.failover_status(providers, now.is_some());
    match seen.current() {
        Some(run) => lines.extend(working(run, now)),
        None => lines.push("No run is being worked on".to_owned()),
    }
    if seen.metrics.requests.ended() > 0 {
        lines.push("All runs (see `belay metrics`):".to_owned());
        lines.extend(lights(&Lights::of(&seen.metrics)));
    }
    if !seen.runs.is_empty() {
        lines.push("Last runs:".to_owned());
    }
    let told =
        |view: &RunView| format!("  {}  {:<11}  {}", view.run, view.status.as_str(), view.idea);
    lines.extend(seen.runs.iter().take(LAST).map(|run| told(&run.view)));
    let waiting: Vec<&Value> = seen.runs.iter().flat_map(|run| &run.waiting).collect();
    if !waiting.is_empty() {
        lines.push("Waiting for a person:".to_owned());
    }
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    lines.extend(
        waiting
            .iter()
            .map(|one| format!("  {}  {}", text(one, "kind").replace('_', " "), text(one, "url"))),
    );
    lines
}

fn working(run: &SeenRun, now: Option<Timestamp>) -> Vec<String> {
    let view = &run.view;
    let mut lines =
        vec![format!("Working on {} ({}), branch {}", view.idea, view.run, view.branch)];
    let milestones = view.milestones.as_deref().unwrap_or_default();
    let number = run.under_way.step.as_ref().and_then(|begun| begun.milestone).or(run.open);
    let milestone = milestones.iter().find(|milestone| Some(milestone.number) == number);
    lines.push(row("now", &phase(run, milestone, milestones.len(), now)));
    let items = milestone.map(|milestone| milestone.items.as_slice()).unwrap_or_default();
    let items = items.iter().enumerate().map(|(index, item)| {
        let asking = run.under_way.asking.iter().find(|asking| asking.item == Some(index + 1));
        row(&format!("item {}", index + 1), &self::item(item, asking, now))
    });
    lines.extend(items);
    let others = run.under_way.asking.iter().filter(|asking| asking.item.is_none());
    lines.extend(others.map(|one| row(one.role.as_str(), &asked(one, now))));
    let elapsed = view.started_at.zip(now).map(|(at, now)| seconds(since(at, now)));
    lines.extend(elapsed.map(|elapsed| row("elapsed", &elapsed)));
    let usd = view.usd.map_or_else(|| "unknown".to_owned(), |usd| format!("{usd:.4} USD"));
    let tokens = format!("{} tokens in, {} out", view.tokens.input, view.tokens.output);
    lines.push(row("cost", &format!("{usd} ({tokens})")));
    lines
}

fn phase(
    run: &SeenRun,
    milestone: Option<&MilestoneView>,
    milestones: usize,
    now: Option<Timestamp>,
) -> String {
    let begun = run.under_way.step.as_ref();
    let time = begun.zip(now).map(|(begun, now)| format!(" for {}", seconds(since(begun.at, now))));
    let time = time.unwrap_or_default();
    match milestone {
        Some(milestone) => format!(
            "{}{time}: milestone {} of {milestones}, {}",
            run.view.phase, milestone.number, milestone.name
        ),
        None => format!("{}{time}", run.view.phase),
    }
}

fn item(item: &ItemView, asking: Option<&Asking>, now: Option<Timestamp>) -> String {
    let files = item.files.join(", ");
    match (asking, &item.model) {
        (Some(asking), _) => format!("{files}: {}", asked(asking, now)),
        (None, Some(model)) => format!("{files}: {} ({model})", item.status),
        (None, None) => format!("{files}: {}", item.status),
    }
}

fn asked(asking: &Asking, now: Option<Timestamp>) -> String {
    let time = now.map(|now| format!(", {}", seconds(since(asking.at, now)))).unwrap_or_default();
    format!("{} (try {}){time}", asking.model, asking.attempt)
}
