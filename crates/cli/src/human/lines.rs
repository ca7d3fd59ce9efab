//! Events as lines for people, with the phrases that they grep for.
//!
//! Three coders work side by side, so a line that does not say what it is
//! about is worse than none: each begins with its role or its work item.

use model_providers::Class;
use orchestrator::event::{Finding, StepName, Success};
use orchestrator::{Event, Role, Status};

use super::{seconds, short};
use crate::printer::{Said, Tone};

/// What people are told of an event; most steps are told by what comes of them.
pub(super) fn lines(event: &Event) -> Vec<Said> {
    match event {
        Event::RunStarted { .. }
        | Event::RunResumed { .. }
        | Event::RunFinished { .. }
        | Event::ShutdownRequested { .. }
        | Event::StepFailed { .. }
        | Event::RunParked { .. }
        | Event::Warned { .. } => run(event),
        Event::StepStarted { .. } | Event::StepFinished { .. } => step(event),
        Event::AttemptStarted { .. }
        | Event::AttemptFailed { .. }
        | Event::AttemptSucceeded { .. }
        | Event::FallbackUsed { .. }
        | Event::Degraded { .. }
        | Event::BudgetExhausted { .. } => attempt(event),
        Event::ModelResting { .. }
        | Event::BreakerMonitoring { .. }
        | Event::BreakerOpened { .. }
        | Event::BreakerHalfOpened { .. }
        | Event::BreakerClosed { .. } => health(event),
        Event::TestsPassed { .. } | Event::TestsFailed { .. } => tests(event),
        Event::ReviewApproved { .. } | Event::ReviewRejected { .. } => review(event),
        Event::IssueCreated { .. }
        | Event::IssueClosed { .. }
        | Event::WorkOffered { .. }
        | Event::WorkRefused { .. }
        | Event::WorkSalvaged { .. }
        | Event::QuestionAsked { .. }
        | Event::QuestionAnswered { .. }
        | Event::BranchAdopted { .. }
        | Event::BranchPushed { .. }
        | Event::BaseMoved { .. }
        | Event::BaseUpdated { .. }
        | Event::BaseRefused { .. }
        | Event::PullRequestOpened { .. }
        | Event::PullRequestUpdated { .. }
        | Event::EffectDeferred { .. }
        | Event::EffectsRetried { .. } => outside(event),
        _ => milestone(event),
    }
}

fn at(label: &str, tone: Tone, text: &str) -> Said {
    Said::labelled(tone, label, text)
}

fn one(label: &str, tone: Tone, text: &str) -> Vec<Said> {
    vec![at(label, tone, text)]
}

/// A heading, set off from what stands above.
fn heading(text: &str) -> Vec<Said> {
    vec![Said::new(Tone::Plain, ""), Said::new(Tone::Strong, text)]
}

/// What a line about a role is labelled with: coders work side by side, so the
/// item says more than the role.
pub(super) fn label(role: Role, item: Option<usize>) -> String {
    item.map_or_else(|| role.to_string(), |item| format!("item {item}"))
}

fn run(event: &Event) -> Vec<Said> {
    match event {
        Event::RunStarted { idea, title, branch, base } => {
            let mut lines = heading(&format!("Working on {idea}: {title}"));
            lines.push(at("branch", Tone::Dim, &format!("{branch}, from {}", short(base))));
            lines
        }
        Event::RunResumed { idea, branch, after } => {
            let mut lines = heading(&format!("Going on with {idea}, which was {after}"));
            lines.push(at("branch", Tone::Dim, branch));
            lines
        }
        // What a signal asks for is said the moment it comes.
        Event::ShutdownRequested { trigger } if !trigger.starts_with("SIG") => {
            vec![Said::new(Tone::Warn, &format!("Stopping: {trigger}"))]
        }
        Event::RunFinished { status, reason, .. } => {
            let reason = reason.as_deref().map(|why| format!(": {}", cut(why))).unwrap_or_default();
            let then = match status {
                Status::Interrupted => "; `belay resume` goes on with it",
                _ => "",
            };
            vec![Said::new(tone_of(*status), &format!("Run {status}{reason}{then}"))]
        }
        Event::StepFailed { message, .. } => one("failed", Tone::Bad, message),
        Event::RunParked { reason, .. } => one("blocked", Tone::Bad, reason),
        Event::Warned { message } => one("warning", Tone::Warn, message),
        _ => Vec::new(),
    }
}

/// How a run's end is taken.
fn tone_of(status: Status) -> Tone {
    match status {
        Status::Completed => Tone::Good,
        Status::Failed => Tone::Bad,
        _ => Tone::Warn,
    }
}

fn step(event: &Event) -> Vec<Said> {
    match event {
        Event::StepStarted { step: StepName::Analyze, .. } => heading("Analyzing the idea"),
        Event::StepStarted { step: StepName::Plan, .. } => heading("Planning milestones"),
        Event::StepStarted { step: StepName::Prepare, .. } => {
            heading("Preparing a worktree, and running the tests as they are")
        }
        Event::StepStarted { step: StepName::Implement, milestone: Some(number), name, items } => {
            let name = name.as_deref().unwrap_or_default();
            let items = items.unwrap_or(0);
            let many = if items == 1 { "item" } else { "items" };
            heading(&format!("Milestone {number}: {name} ({items} {many})"))
        }
        Event::StepFinished { step, summary: Some(summary), degraded, .. } => {
            let label = match step {
                StepName::Analyze | StepName::Plan => "planner",
                StepName::Implement => "coder",
                StepName::Format => "format",
                StepName::Review => "reviewer",
                StepName::Prepare | StepName::Test => "tests",
                StepName::Commit | StepName::Push => "commit",
            };
            let tone = if *degraded { Tone::Warn } else { Tone::Plain };
            one(label, tone, summary)
        }
        _ => Vec::new(),
    }
}

fn attempt(event: &Event) -> Vec<Said> {
    match event {
        Event::AttemptStarted { role, model, attempt, models, item, .. } => {
            let label = label(*role, *item);
            let first = format!("[FAILOVER] Attempting {role} with {models} fallback models");
            let first = (*attempt == 1).then(|| at(&label, Tone::Dim, &first));
            let this = at(&label, Tone::Dim, &format!("Try #{attempt}: {model}"));
            first.into_iter().chain([this]).collect()
        }
        Event::AttemptFailed { role, model, class: Class::Cancelled, attempt, item, .. } => {
            let line = format!("Try #{attempt}: {model} stopped; it is asked again later");
            one(&label(*role, *item), Tone::Dim, &line)
        }
        Event::AttemptFailed { role, model, class, attempt, latency_ms, message, item, .. } => {
            let why = message.as_deref().map(|why| format!(": {}", cut(why))).unwrap_or_default();
            let after = seconds(*latency_ms);
            let line = format!("Try #{attempt}: {model} failed after {after} ({class}){why}");
            one(&label(*role, *item), Tone::Warn, &line)
        }
        Event::AttemptSucceeded { role, model, attempt, latency_ms, item, .. } => {
            let line = format!("Try #{attempt}: {model} answered in {}", seconds(*latency_ms));
            one(&label(*role, *item), Tone::Plain, &line)
        }
        Event::FallbackUsed { role, from, model, item, .. } => one(
            &label(*role, *item),
            Tone::Warn,
            &format!("[FAILOVER] {model} is asked instead of {from}"),
        ),
        Event::Degraded { role, reason, item, .. } => {
            one(&label(*role, *item), Tone::Warn, &format!("Using degraded mode: {}", cut(reason)))
        }
        Event::BudgetExhausted { role, message } => {
            one(role.as_str(), Tone::Bad, &format!("Budget exhausted: {message}"))
        }
        _ => Vec::new(),
    }
}

/// How models stand; told of the role that found out, as others ask them too.
fn health(event: &Event) -> Vec<Said> {
    match event {
        Event::ModelResting { role, model, class, retry_in_ms } => {
            let rest = format!("{model} rests for {} ({class})", seconds(*retry_in_ms));
            one(role.as_str(), Tone::Warn, &rest)
        }
        Event::BreakerMonitoring { role, model, state } => {
            one(role.as_str(), Tone::Dim, &format!("Circuit breaker {state}: {model}"))
        }
        Event::BreakerOpened { role, model, state, retry_in_ms }
        | Event::BreakerHalfOpened { role, model, state, retry_in_ms }
        | Event::BreakerClosed { role, model, state, retry_in_ms } => {
            let probe = retry_in_ms
                .map(|millis| format!(", next probe in {}", seconds(millis)))
                .unwrap_or_default();
            let tone = match event {
                Event::BreakerOpened { .. } => Tone::Bad,
                Event::BreakerClosed { .. } => Tone::Good,
                _ => Tone::Warn,
            };
            one(role.as_str(), tone, &format!("Circuit breaker {state}: {model}{probe}"))
        }
        _ => Vec::new(),
    }
}

fn tests(event: &Event) -> Vec<Said> {
    match event {
        Event::TestsPassed { check, command: Some(command), note, red: true, .. } => {
            let note = note.as_deref().unwrap_or("as before any change");
            one(label_of(check), Tone::Warn, &format!("still red: {command}; {note}"))
        }
        Event::TestsPassed { check, command, latency_ms, note, .. } => {
            let passed =
                |command: &String| format!("passed in {}: {command}", seconds(*latency_ms));
            let what = command.as_ref().map_or_else(|| "none to run".to_owned(), passed);
            let note = note.as_deref().map(|note| format!("; {note}")).unwrap_or_default();
            let tone = if command.is_some() { Tone::Good } else { Tone::Plain };
            one(label_of(check), tone, &format!("{what}{note}"))
        }
        Event::TestsFailed { check, command, latency_ms, failing, note, .. } => {
            let command = command.as_deref().unwrap_or_default();
            let names = match failing.as_slice() {
                [] => String::new(),
                names => format!(": {}", names.join(", ")),
            };
            let note = note.as_deref().map(|note| format!(" ({note})")).unwrap_or_default();
            let after = seconds(*latency_ms);
            let line = format!("failed after {after}: {command}{names}{note}");
            one(label_of(check), Tone::Warn, &line)
        }
        _ => Vec::new(),
    }
}

/// The check's name as a label; tests are most of them.
fn label_of(check: &str) -> &str {
    if check == "test" { "tests" } else { check }
}

fn review(event: &Event) -> Vec<Said> {
    match event {
        Event::ReviewApproved { code_quality, degraded, findings, .. } => {
            let (tone, by) =
                if *degraded { (Tone::Warn, " by static checks only") } else { (Tone::Good, "") };
            let line = format!("approved{by}, code quality {code_quality}");
            let told = findings.iter().map(|finding| found(finding, Tone::Dim));
            std::iter::once(at("reviewer", tone, &line)).chain(told).collect()
        }
        Event::ReviewRejected { findings, .. } => {
            let told = findings.iter().map(|finding| found(finding, Tone::Warn));
            std::iter::once(at("reviewer", Tone::Warn, "rejected")).chain(told).collect()
        }
        _ => Vec::new(),
    }
}

fn found(finding: &Finding, tone: Tone) -> Said {
    let place = if finding.file.is_empty() { String::new() } else { format!("{}: ", finding.file) };
    at("", tone, &format!("[{}] {place}{}", finding.severity, finding.message))
}

fn milestone(event: &Event) -> Vec<Said> {
    match event {
        Event::ItemSucceeded { item, files, .. } => {
            one(&format!("item {item}"), Tone::Good, &format!("done: {}", files.join(", ")))
        }
        Event::ItemFailed { item, files, message, .. } => {
            let line = format!("failed: {}: {}", files.join(", "), cut(message));
            one(&format!("item {item}"), Tone::Bad, &line)
        }
        Event::PartialAccepted { percent, success, missing, .. } => {
            let missing = missing.join(", ");
            let how = match success {
                Success::All | Success::Most => "most",
                Success::Half => "only about half",
                Success::Few => "less than half",
            };
            let line = format!(
                "Accepting partial results ({percent}% success): {how} of it is there, missing: {missing}"
            );
            one("partial", Tone::Warn, &line)
        }
        Event::MilestoneRolledBack { milestone, reason, outcome, .. } => {
            let then = outcome
                .map_or_else(|| "trying again".to_owned(), |status| format!("the run is {status}"));
            let line = format!("milestone {milestone}: {reason}; {then}");
            one("undone", Tone::Bad, &line)
        }
        Event::MilestoneCommitted {
            milestone,
            total,
            name,
            commit,
            partial,
            degraded,
            rest_of,
            recovered,
            ..
        } => {
            let milestone = rest_of.unwrap_or(*milestone);
            let how = match (partial, degraded) {
                (true, true) => ", partial and degraded",
                (true, false) => ", partial",
                (false, true) => ", degraded",
                (false, false) => "",
            };
            let tone = if how.is_empty() { Tone::Good } else { Tone::Warn };
            let commit = short(commit.as_str());
            let what = if *recovered { "found again" } else { "committed" };
            let line = format!("Milestone {milestone}/{total} {what}: {name} ({commit}{how})");
            one("commit", tone, &line)
        }
        Event::MilestoneReopened { rest_of, files, .. } => {
            let files = files.join(", ");
            heading(&format!("Trying once more what milestone {rest_of} lacks: {files}"))
        }
        Event::MilestoneDropped { rest_of, reason, .. } => {
            let reason = cut(reason);
            let line = format!("the rest of milestone {rest_of}: {reason}; its issue stays");
            one("undone", Tone::Bad, &line)
        }
        Event::MilestoneNoted { milestone, name, by_hand } => {
            let mut lines = heading(&format!("Milestone {milestone}: {name}"));
            let what = if *by_hand { "done by hand" } else { "nothing to change, no commit" };
            lines.push(at("note", Tone::Dim, what));
            lines
        }
        _ => Vec::new(),
    }
}

/// What was done, or could not be, outside the run's own folders.
fn outside(event: &Event) -> Vec<Said> {
    match event {
        Event::IssueCreated { title, url, .. } => {
            one("issue", Tone::Warn, &format!("{title}: {url}"))
        }
        Event::IssueClosed { url, by_person, .. } => {
            let who = if *by_person { "closed by a person" } else { "closed" };
            one("issue", Tone::Good, &format!("{who}: {url}"))
        }
        Event::WorkOffered { named, url, .. } => {
            one("by hand", Tone::Good, &format!("a person did it in {named}: {url}"))
        }
        Event::WorkRefused { reason, url, .. } => {
            one("by hand", Tone::Warn, &format!("not taken: {reason}: {url}"))
        }
        Event::WorkSalvaged { model, item, reference, .. } => {
            let who = model.as_ref().map_or("a program".to_owned(), ToString::to_string);
            one("kept", Tone::Warn, &format!("what {who} left of item {item}: {reference}"))
        }
        Event::QuestionAsked { question, url, .. } => {
            let place = url.as_deref().map(|url| format!(" ({url})")).unwrap_or_default();
            one("question", Tone::Warn, &format!("{question}{place}"))
        }
        Event::QuestionAnswered { question, .. } => {
            one("question", Tone::Good, &format!("answered: {question}"))
        }
        Event::BranchAdopted { branch, to, .. } => {
            let line = format!("{branch} has newer commits; going on from {}", short(to.as_str()));
            one("branch", Tone::Plain, &line)
        }
        Event::BaseMoved { base, to, files, .. } => {
            let conflicts = match files.as_slice() {
                [] => String::new(),
                files => format!("; in conflict: {}", files.join(", ")),
            };
            heading(&format!("{base} has moved on to {}{conflicts}", short(to.as_str())))
        }
        Event::BaseUpdated { base, update, .. } => {
            let line = format!("up to date with {base}, at {}", short(update.to.as_str()));
            one("branch", Tone::Good, &line)
        }
        Event::BaseRefused { onto, reason, .. } => {
            let onto = short(onto.as_str());
            let line = format!("not brought up to date with {onto}: {}", cut(reason));
            one("branch", Tone::Warn, &line)
        }
        Event::BranchPushed { branch, remote, .. } => {
            one("pushed", Tone::Good, &format!("{branch} to {remote}"))
        }
        Event::PullRequestOpened { url, draft, state, .. } => {
            let what = if *draft { "draft pull request" } else { "pull request" };
            let state = if state == "open" { String::new() } else { format!(", {state} since") };
            one("opened", Tone::Good, &format!("{what} {url}{state}"))
        }
        Event::PullRequestUpdated { url, state, .. } => {
            let state = if state == "open" { String::new() } else { format!(", {state} since") };
            one("updated", Tone::Plain, &format!("pull request {url}{state}"))
        }
        Event::EffectsRetried { number } => {
            let many = if *number == 1 { "effect" } else { "effects" };
            let line =
                format!("Trying again what an earlier run could not do outside: {number} {many}");
            vec![Said::new(Tone::Plain, &line)]
        }
        Event::EffectDeferred { effect, reason, .. } => {
            let line = format!("{effect}: {reason}; a later belay run tries again");
            one("put off", Tone::Warn, &line)
        }
        _ => Vec::new(),
    }
}

/// A reason, short enough to read past at night; the event has the whole of it.
fn cut(reason: &str) -> String {
    const MOST: usize = 120;
    match reason.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}...", reason.get(..at).unwrap_or(reason).trim_end()),
        None => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests;
