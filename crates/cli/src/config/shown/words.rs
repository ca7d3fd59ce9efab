//! The words that the config has for what is meant, the other way round from reading it.

use std::time::Duration;

use model_providers::{Class, Input, Kind, OnRefusal, Output};
use serde_json::{Value, json};
use worktree::CheckKind;

use crate::config::duration;
use crate::config::meant::{
    Check, Checks, Choice, Confine, Gate, ProjectCommand, PullRequest, StoreKind, Update,
};

pub(super) fn time(duration: Duration) -> Value {
    json!(duration::text(duration))
}

pub(super) fn time_or(duration: Option<Duration>, otherwise: Value) -> Value {
    duration.map_or(otherwise, time)
}

pub(super) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::OpenAi => "openai",
        Kind::Anthropic => "anthropic",
        Kind::Command => "command",
    }
}

pub(super) fn input(input: Input) -> &'static str {
    match input {
        Input::Argument => "argument",
        Input::Stdin => "stdin",
        Input::File => "file",
    }
}

pub(super) fn output(output: &Output) -> &'static str {
    match output {
        Output::Text => "text",
        Output::Events(_) => "events",
    }
}

/// What a program's failure is called; the other classes are no word of the config.
pub(super) fn failure(class: Class) -> &'static str {
    match class {
        Class::Auth => "auth",
        Class::RateLimited => "rate_limited",
        Class::QuotaExhausted => "quota_exhausted",
        Class::ContextOverflow => "context_overflow",
        Class::Refused => "refused",
        _ => "unavailable",
    }
}

pub(super) fn on_refusal(choice: OnRefusal) -> &'static str {
    match choice {
        OnRefusal::Next => "next",
        OnRefusal::Stop => "stop",
    }
}

pub(super) fn choice(choice: Choice) -> Value {
    match choice {
        Choice::Auto => json!("auto"),
        Choice::Always => json!(true),
        Choice::Never => json!(false),
    }
}

pub(super) fn command(command: &ProjectCommand) -> &str {
    match command {
        ProjectCommand::Auto => "auto",
        ProjectCommand::None => "none",
        ProjectCommand::Given(text) => text,
    }
}

pub(super) fn gate(gate: Gate) -> &'static str {
    match gate {
        Gate::Milestone => "milestone",
        Gate::End => "end",
    }
}

pub(super) fn update(update: Update) -> &'static str {
    match update {
        Update::None => "none",
        Update::Merge => "merge",
        Update::Rebase => "rebase",
    }
}

pub(super) fn confine(confine: Confine) -> &'static str {
    match confine {
        Confine::Auto => "auto",
        Confine::Off => "off",
    }
}

pub(super) fn pull_request(choice: PullRequest) -> &'static str {
    match choice {
        PullRequest::Ready => "ready",
        PullRequest::Draft => "draft",
        PullRequest::None => "none",
    }
}

pub(super) fn store(kind: StoreKind) -> &'static str {
    match kind {
        StoreKind::Sqlite => "sqlite",
    }
}

pub(super) fn checks(checks: &Checks) -> Value {
    match checks {
        Checks::Auto => json!("auto"),
        Checks::Given(list) => list.iter().map(check).collect(),
    }
}

/// A check without the keys that it leaves to others.
fn check(check: &Check) -> Value {
    let kind = match check.kind {
        CheckKind::Format => "format",
        CheckKind::Lint => "lint",
        CheckKind::Typecheck => "typecheck",
        CheckKind::Build => "build",
        CheckKind::Test => "test",
    };
    let mut shown = json!({ "name": check.name, "run": check.command, "kind": kind });
    if let Some(limit) = check.timeout {
        shown["timeout"] = time(limit);
    }
    if let Some(when) = check.gate {
        shown["gate"] = json!(gate(when));
    }
    shown
}
