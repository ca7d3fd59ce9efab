//! What a person is told at the end: what there is now, what is missing, what
//! it cost, and what to do next. Whoever comes back in the morning reads this
//! and nothing else.

use checkpoint_store::RunHead;
use orchestrator::view::{self, MilestoneView, RunView};
use orchestrator::{Outcome, Status};

use crate::human::{seconds, short};
use crate::printer::labelled as row;

/// The summary, one line an element.
pub(crate) fn lines(outcome: &Outcome, head: &RunHead) -> Vec<String> {
    let run = RunView::new(head, &outcome.state);
    let mut lines = vec![String::new(), told(outcome)];
    lines.push(row("run", &run.run));
    lines.push(row("idea", &format!("{}: {}", run.idea, run.title)));
    lines.extend(outcome.reason.iter().map(|reason| row("reason", reason)));
    if !run.branch.is_empty() {
        let from = format!("{} (from {})", run.branch, short(&run.base));
        lines.push(row("branch", &from));
        lines.push(row("commits", &outcome.state.commits().to_string()));
    }
    lines.extend(run.pull_request.iter().map(|url| row("pull req", url)));
    lines.extend(run.milestones.iter().flatten().flat_map(milestone));
    let degraded = view::degraded(&outcome.state);
    if !degraded.is_empty() {
        lines.push(row("degraded", &format!("a template answered: {}", degraded.join(", "))));
    }
    if !run.red_checks.is_empty() {
        let red = format!("still red, as before any change: {}", run.red_checks.join(", "));
        lines.push(row("checks", &red));
    }
    if let Some(base) = &run.not_updated_to {
        lines.push(row("base", &format!("not brought up to date with {}", short(base))));
    }
    lines.extend(run.put_off.iter().map(|put_off| {
        let line = format!("{}: {}; a later belay run tries again", put_off.effect, put_off.reason);
        row("put off", &line)
    }));
    lines.extend(used(&run));
    lines.extend(run.issues.iter().map(|url| row("issue", url)));
    lines.push(row("next", &next_step(outcome, &run)));
    lines
}

fn told(outcome: &Outcome) -> String {
    let partial = if outcome.state.partial() { ", partial" } else { "" };
    let degraded = outcome.state.degraded() && outcome.status != Status::Degraded;
    let degraded = if degraded { ", degraded" } else { "" };
    format!("Run {}{partial}{degraded}", outcome.status)
}

/// A milestone and the files that it was to have and has not.
fn milestone(milestone: &MilestoneView) -> Vec<String> {
    let commit = milestone.commit.as_deref().map(|commit| format!(", {}", short(commit)));
    let commit = commit.unwrap_or_default();
    let number = if milestone.update { String::new() } else { format!("{}. ", milestone.number) };
    let name = format!("{number}{} ({}{commit})", milestone.name, milestone.status);
    let missing =
        milestone.items.iter().filter(|item| matches!(item.status, "failed" | "degraded"));
    let missing: Vec<String> = missing.flat_map(|item| item.files.iter().cloned()).collect();
    let mut lines = vec![row("", &name)];
    if milestone.status == "pending" {
        let files = &milestone.files;
        let kinds =
            [("create", &files.create), ("modify", &files.modify), ("delete", &files.delete)];
        let named = kinds.iter().filter(|(_, paths)| !paths.is_empty());
        lines.extend(
            named.map(|(what, paths)| row("", &format!("   {what}: {}", paths.join(", ")))),
        );
    }
    if !missing.is_empty() {
        lines.push(row("", &format!("   missing: {}", missing.join(", "))));
    }
    lines
}

/// What it took: models, tokens, money and time.
fn used(run: &RunView) -> Vec<String> {
    let models: Vec<String> = run.models_used.iter().map(ToString::to_string).collect();
    let models = if models.is_empty() { "none".to_owned() } else { models.join(", ") };
    let cost = run.usd.map_or_else(|| "unknown".to_owned(), |usd| format!("{usd:.4} USD"));
    let (attempts, fallbacks) = (run.attempts_total, run.fallback_attempts);
    let mut lines = vec![
        row("models", &models),
        row("attempts", &format!("{attempts}, {fallbacks} on fallbacks")),
        row("cost", &format!("{cost} ({} tokens in, {} out)", run.tokens.input, run.tokens.output)),
    ];
    lines.extend(time(run).map(|time| row("time", &time)));
    lines
}

/// How long it took from its first row to its last, and how much of that was work.
pub(crate) fn time(run: &RunView) -> Option<String> {
    let (started_at, finished_at) = run.started_at.zip(run.finished_at)?;
    let millis = finished_at.as_millisecond().saturating_sub(started_at.as_millisecond());
    let took = seconds(u64::try_from(millis).unwrap_or(0));
    let worked = seconds(run.worked_ms);
    Some(if worked == took { took } else { format!("{took}, {worked} of it worked") })
}

fn next_step(outcome: &Outcome, run: &RunView) -> String {
    let look = || format!("git log -p {}..{}", short(&run.base), run.branch);
    match outcome.status {
        Status::Completed if run.issues.is_empty() => format!("look at it: {}", look()),
        Status::Completed => format!("look at it: {}, and do what the issues say", look()),
        Status::Degraded => {
            "do the tasks in the issues, or `belay run` again when a model is back".to_owned()
        }
        Status::Blocked => format!("answer the issues, then `belay resume {}`", outcome.run),
        Status::Interrupted | Status::Running => format!("`belay resume {}`", outcome.run),
        Status::Failed => format!("mend the cause, then `belay resume {}`", outcome.run),
    }
}
