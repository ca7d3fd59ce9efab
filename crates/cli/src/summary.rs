//! What a person is told at the end: what there is now, what is missing, what
//! it cost, and what to do next.

use orchestrator::{Outcome, Status, view};

use crate::human::short;

/// The summary, one line an element.
pub(crate) fn lines(outcome: &Outcome, head: &checkpoint_store::RunHead) -> Vec<String> {
    let state = &outcome.state;
    let run = view::RunView::new(head, state);
    let mut lines = vec![
        String::new(),
        format!("Run {}: {}", outcome.run, told(outcome)),
    ];
    lines.push(format!(
        "  branch    {} (from {})",
        run.branch,
        short(&run.base)
    ));
    for milestone in run.milestones.iter().flatten() {
        let commit = milestone
            .commit
            .as_deref()
            .map(|commit| format!(" {}", short(commit)))
            .unwrap_or_default();
        lines.push(format!(
            "  milestone {}: {} [{}{commit}]",
            milestone.number, milestone.name, milestone.status
        ));
        let missing = milestone
            .items
            .iter()
            .filter(|item| matches!(item.status, "failed" | "degraded"));
        lines.extend(
            missing.map(|item| format!("              missing: {}", item.files.join(", "))),
        );
    }
    let tokens = run.tokens;
    let cost = run
        .usd
        .map_or_else(|| "cost unknown".to_owned(), |usd| format!("{usd:.4} USD"));
    lines.push(format!(
        "  models    {} attempts, {} on fallbacks, {} tokens in, {} out, {cost}",
        run.attempts_total, run.fallback_attempts, tokens.input, tokens.output
    ));
    lines.extend(run.issues.iter().map(|url| format!("  issue     {url}")));
    lines.push(format!("  next      {}", next_step(outcome, &run)));
    lines
}

fn told(outcome: &Outcome) -> String {
    let partial = if outcome.state.partial() {
        ", partial"
    } else {
        ""
    };
    let degraded = if outcome.state.degraded() && outcome.status != Status::Degraded {
        ", degraded"
    } else {
        ""
    };
    let reason = outcome
        .reason
        .as_deref()
        .map(|reason| format!(" ({reason})"))
        .unwrap_or_default();
    format!("{}{partial}{degraded}{reason}", outcome.status)
}

fn next_step(outcome: &Outcome, run: &view::RunView) -> String {
    match outcome.status {
        Status::Completed if run.issues.is_empty() => format!(
            "look at it: git log -p {}..{}",
            short(&run.base),
            run.branch
        ),
        Status::Completed => format!(
            "look at it: git log -p {}..{}; and at the issues",
            short(&run.base),
            run.branch
        ),
        Status::Degraded => {
            "do the tasks in the issues, or run `belay run` when a model is back".to_owned()
        }
        Status::Blocked => format!("read the issues, then `belay resume {}`", outcome.run),
        Status::Interrupted | Status::Running => format!("belay resume {}", outcome.run),
        Status::Failed => format!("mend the cause, then `belay resume {}`", outcome.run),
    }
}
