//! Events as lines for people, with the phrases that they grep for.

use std::sync::Arc;

use orchestrator::{Event, Line, Listener, Status};

use crate::printer::{Printer, Tone};

/// Shows every event: as JSON on standard output where asked for, and always
/// as lines on standard error.
pub(crate) struct Screen {
    printer: Arc<Printer>,
}

impl Screen {
    pub(crate) fn new(printer: Arc<Printer>) -> Self {
        Self { printer }
    }
}

impl Listener for Screen {
    fn event(&self, line: &Line) {
        if self.printer.json() {
            self.printer.data(&line.to_json());
        }
        for (tone, text) in lines(&line.event) {
            self.printer.say(tone, &text);
        }
    }
}

/// What people are told of an event; most steps are told by what comes of them.
pub(crate) fn lines(event: &Event) -> Vec<(Tone, String)> {
    match event {
        Event::RunStarted {
            idea,
            title,
            branch,
            base,
        } => {
            vec![(
                Tone::Plain,
                format!(
                    "Working on {idea}: {title} (branch {branch}, from {})",
                    short(base)
                ),
            )]
        }
        Event::RunResumed {
            idea,
            branch,
            after,
        } => {
            vec![(
                Tone::Plain,
                format!("Going on with {idea} (branch {branch}), last {after}"),
            )]
        }
        Event::StepStarted { .. } | Event::StepFinished { .. } => step(event),
        Event::AttemptStarted { .. }
        | Event::AttemptFailed { .. }
        | Event::AttemptSucceeded { .. }
        | Event::FallbackUsed { .. }
        | Event::ModelResting { .. }
        | Event::BreakerOpened { .. }
        | Event::BreakerHalfOpened { .. }
        | Event::BreakerClosed { .. }
        | Event::Degraded { .. }
        | Event::BudgetExhausted { .. } => model(event),
        Event::RunFinished { status, reason, .. } => finished(*status, reason.as_deref()),
        Event::IssueCreated { title, url, .. } => {
            vec![(Tone::Warn, format!("Issue: {title} ({url})"))]
        }
        Event::IssueClosed { url, .. } => vec![(Tone::Good, format!("Issue closed: {url}"))],
        Event::EffectDeferred { effect, reason, .. } => {
            vec![(Tone::Warn, format!("Put off: {effect}: {reason}"))]
        }
        Event::Warned { message } => vec![(Tone::Warn, format!("warning: {message}"))],
        Event::TestsPassed { .. } | Event::TestsFailed { .. } => tests(event),
        _ => milestone(event),
    }
}

fn step(event: &Event) -> Vec<(Tone, String)> {
    use orchestrator::event::StepName;
    match event {
        Event::StepStarted {
            step: StepName::Analyze,
            ..
        } => vec![(Tone::Plain, "Analyzing the idea".to_owned())],
        Event::StepStarted {
            step: StepName::Plan,
            ..
        } => vec![(Tone::Plain, "Planning milestones".to_owned())],
        Event::StepStarted {
            step: StepName::Prepare,
            ..
        } => {
            vec![(
                Tone::Plain,
                "Preparing a worktree and running the tests as they are".to_owned(),
            )]
        }
        Event::StepStarted {
            step: StepName::Implement,
            milestone: Some(number),
            name,
            items,
        } => {
            let name = name.as_deref().unwrap_or_default();
            vec![(
                Tone::Plain,
                format!(
                    "Milestone {number}: {name} ({} work items)",
                    items.unwrap_or(0)
                ),
            )]
        }
        Event::StepFinished {
            summary: Some(summary),
            ..
        } => vec![(Tone::Dim, format!("  {summary}"))],
        _ => Vec::new(),
    }
}

fn model(event: &Event) -> Vec<(Tone, String)> {
    match event {
        Event::AttemptStarted {
            role,
            model,
            attempt,
            models,
            ..
        } => {
            let first = (*attempt == 1).then(|| {
                (
                    Tone::Dim,
                    format!("[FAILOVER] Attempting {role} with {models} fallback models"),
                )
            });
            first
                .into_iter()
                .chain([(Tone::Dim, format!("  Try #{attempt}: {model}"))])
                .collect()
        }
        Event::AttemptFailed {
            role,
            model,
            class,
            latency_ms,
            message,
            ..
        } => {
            let why = message.as_deref().unwrap_or_default();
            vec![(
                Tone::Warn,
                format!(
                    "  {role}: {model} failed ({class}, {}): {why}",
                    seconds(*latency_ms)
                ),
            )]
        }
        Event::AttemptSucceeded {
            role,
            model,
            latency_ms,
            ..
        } => {
            vec![(
                Tone::Dim,
                format!("  {role}: {model} answered ({})", seconds(*latency_ms)),
            )]
        }
        Event::FallbackUsed {
            role, from, model, ..
        } => {
            vec![(
                Tone::Warn,
                format!("  [FAILOVER] {role}: {model} answers for {from}"),
            )]
        }
        Event::ModelResting {
            model,
            class,
            retry_in_ms,
            ..
        } => {
            vec![(
                Tone::Warn,
                format!("  {model} rests for {} ({class})", seconds(*retry_in_ms)),
            )]
        }
        Event::BreakerOpened {
            model,
            state,
            retry_in_ms,
            ..
        }
        | Event::BreakerHalfOpened {
            model,
            state,
            retry_in_ms,
            ..
        }
        | Event::BreakerClosed {
            model,
            state,
            retry_in_ms,
            ..
        } => {
            let probe = retry_in_ms
                .map(|millis| format!(", next probe in {}", seconds(millis)))
                .unwrap_or_default();
            vec![(
                Tone::Warn,
                format!("  Circuit breaker {state}: {model}{probe}"),
            )]
        }
        Event::Degraded { role, reason, .. } => vec![(
            Tone::Warn,
            format!("  Using degraded mode ({role}): {reason}"),
        )],
        Event::BudgetExhausted { message, .. } => {
            vec![(Tone::Bad, format!("  Budget exhausted: {message}"))]
        }
        _ => Vec::new(),
    }
}

fn tests(event: &Event) -> Vec<(Tone, String)> {
    match event {
        Event::TestsPassed {
            command,
            latency_ms,
            note,
            ..
        } => {
            let what = command
                .as_deref()
                .map(|command| format!("Tests passed: {command} ({})", seconds(*latency_ms)));
            let note = note
                .as_deref()
                .map(|note| format!("; {note}"))
                .unwrap_or_default();
            vec![(
                Tone::Good,
                format!(
                    "  {}{note}",
                    what.unwrap_or_else(|| "No tests to run".to_owned())
                ),
            )]
        }
        Event::TestsFailed {
            command,
            failing,
            note,
            ..
        } => {
            let names = if failing.is_empty() {
                String::new()
            } else {
                format!(": {}", failing.join(", "))
            };
            let note = note
                .as_deref()
                .map(|note| format!(" ({note})"))
                .unwrap_or_default();
            vec![(
                Tone::Warn,
                format!(
                    "  Tests failed: {}{names}{note}",
                    command.as_deref().unwrap_or_default()
                ),
            )]
        }
        _ => Vec::new(),
    }
}

fn milestone(event: &Event) -> Vec<(Tone, String)> {
    match event {
        Event::ItemSucceeded { item, files, .. } => vec![(
            Tone::Good,
            format!("  Item {item} done: {}", files.join(", ")),
        )],
        Event::ItemFailed {
            item,
            files,
            message,
            ..
        } => {
            vec![(
                Tone::Bad,
                format!("  Item {item} failed: {}: {message}", files.join(", ")),
            )]
        }
        Event::PartialAccepted {
            percent, missing, ..
        } => {
            let line = format!(
                "  Accepting partial results ({percent}% success), missing: {}",
                missing.join(", ")
            );
            vec![(Tone::Warn, line)]
        }
        Event::MilestoneRolledBack {
            milestone,
            reason,
            outcome,
            ..
        } => {
            let then = outcome.map_or_else(
                || "trying again".to_owned(),
                |status| format!("the run is {status}"),
            );
            vec![(
                Tone::Bad,
                format!("Milestone {milestone} rolled back: {reason}; {then}"),
            )]
        }
        Event::MilestoneCommitted {
            milestone,
            total,
            name,
            commit,
            ..
        } => {
            vec![(
                Tone::Good,
                format!(
                    "Milestone {milestone}/{total} committed: {name} ({})",
                    short(commit.as_str())
                ),
            )]
        }
        Event::MilestoneNoted { milestone, name } => {
            vec![(Tone::Dim, format!("Milestone {milestone} noted: {name}"))]
        }
        Event::ReviewApproved {
            code_quality,
            degraded,
            ..
        } => {
            let by = if *degraded {
                " by static checks only"
            } else {
                ""
            };
            vec![(
                Tone::Good,
                format!("  Review approved{by} (code quality {code_quality})"),
            )]
        }
        Event::ReviewRejected { findings, .. } => {
            let told = findings.iter().map(|finding| {
                (
                    Tone::Warn,
                    format!(
                        "    [{}] {}: {}",
                        finding.severity, finding.file, finding.message
                    ),
                )
            });
            std::iter::once((Tone::Warn, "  Review rejected".to_owned()))
                .chain(told)
                .collect()
        }
        _ => Vec::new(),
    }
}

fn finished(status: Status, reason: Option<&str>) -> Vec<(Tone, String)> {
    let tone = match status {
        Status::Completed => Tone::Good,
        Status::Failed => Tone::Bad,
        _ => Tone::Warn,
    };
    let reason = reason
        .map(|reason| format!(": {reason}"))
        .unwrap_or_default();
    vec![(tone, format!("Run {status}{reason}"))]
}

/// The beginning of a commit id.
pub(crate) fn short(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}

/// Milliseconds as people read them.
pub(crate) fn seconds(millis: u64) -> String {
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..60_000 => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
        _ => format!("{} min {} s", millis / 60_000, millis % 60_000 / 1_000),
    }
}
