//! The milestones with what was made, judged and checked, round by round, and with their patches.

use std::collections::BTreeMap;

use orchestrator::fact::Cause;
use orchestrator::milestone::{MilestoneState, RoundState};
use orchestrator::view::{ItemView, MilestoneView};
use serde::Serialize;

use crate::patch::Patch;
use crate::{Told, text};

/// Milestones, items of one, rounds of one, and findings of one review at most.
const MILESTONES: usize = 60;
const ITEMS: usize = 50;
const ROUNDS: usize = 5;
const FINDINGS: usize = 20;

/// One milestone.
#[derive(Serialize)]
pub(crate) struct Milestone {
    name: String,
    status: &'static str,
    description: String,
    commit: Option<String>,
    items: Vec<Item>,
    more_items: usize,
    rounds: Vec<Round>,
    more_rounds: usize,
    patch: Option<Patch>,
}

#[derive(Serialize)]
struct Item {
    files: String,
    status: &'static str,
    model: String,
    attempts: usize,
}

#[derive(Serialize)]
struct Round {
    why: &'static str,
    review: Option<Review>,
    checks: Vec<Check>,
}

#[derive(Serialize)]
struct Review {
    approved: bool,
    by: String,
    quality: u8,
    findings: Vec<Finding>,
    more: usize,
}

#[derive(Serialize)]
struct Finding {
    severity: &'static str,
    place: String,
    text: String,
}

#[derive(Serialize)]
struct Check {
    name: String,
    word: &'static str,
    command: String,
    took: String,
}

/// The milestones, and how many were left out.
pub(crate) fn all(told: &Told<'_>) -> (Vec<Milestone>, usize) {
    let views = told.view.milestones.as_deref().unwrap_or_default();
    let shown = views.iter().take(MILESTONES).map(|view| milestone(view, told));
    (shown.collect(), views.len().saturating_sub(MILESTONES))
}

fn milestone(view: &MilestoneView, told: &Told<'_>) -> Milestone {
    let state = told.state.milestone(view.number);
    let plan = told.state.plan.as_ref().map(|plan| &plan.value.milestones);
    let planned = plan.and_then(|plan| plan.get(view.number.checked_sub(1)?));
    let name = text::line(&(told.hide)(&view.name));
    let rounds = state.map(rounds).unwrap_or_default();
    Milestone {
        name: if view.update { name } else { format!("{}. {name}", view.number) },
        status: view.status,
        description: planned
            .map(|planned| text::bounded(&(told.hide)(&planned.description), 2 * text::LINE))
            .unwrap_or_default(),
        commit: view.commit.as_deref().map(text::short),
        items: view.items.iter().take(ITEMS).map(|one| item(one, told)).collect(),
        more_items: view.items.len().saturating_sub(ITEMS),
        more_rounds: rounds.len().saturating_sub(ROUNDS),
        rounds: rounds.iter().rev().take(ROUNDS).rev().map(|one| round(one, told)).collect(),
        patch: view.commit.as_ref().and_then(|commit| patch(commit, told.patches, told.hide)),
    }
}

fn patch(
    commit: &str,
    patches: &BTreeMap<String, String>,
    hide: &dyn Fn(&str) -> String,
) -> Option<Patch> {
    patches.get(commit).map(|patch| Patch::new(&hide(patch)))
}

fn item(item: &ItemView, told: &Told<'_>) -> Item {
    Item {
        files: text::line(&(told.hide)(&item.files.join(", "))),
        status: item.status,
        model: item.model.as_ref().map(|model| text::line(&model.to_string())).unwrap_or_default(),
        attempts: item.attempts,
    }
}

/// Those that came to anything.
fn rounds(state: &MilestoneState) -> Vec<&RoundState> {
    let told = |round: &&RoundState| round.judged.is_some() || !round.checks.is_empty();
    state.rounds.iter().filter(told).collect()
}

fn round(round: &RoundState, told: &Told<'_>) -> Round {
    let why = match round.cause {
        Cause::Plan => "As planned",
        Cause::Review => "After the review",
        Cause::Tests => "After red checks",
    };
    Round { why, review: review(round, told), checks: checks(round, told) }
}

fn review(round: &RoundState, told: &Told<'_>) -> Option<Review> {
    let judged = round.judged.as_ref()?;
    let findings = judged.review.issues.iter().take(FINDINGS).map(|issue| Finding {
        severity: issue.severity.as_str(),
        place: match issue.line {
            Some(line) => text::line(&(told.hide)(&format!("{}:{line}", issue.file))),
            None => text::line(&(told.hide)(&issue.file)),
        },
        text: text::line(&(told.hide)(&issue.issue)),
    });
    Some(Review {
        approved: judged.approved,
        by: match &judged.model {
            Some(model) => text::line(&model.to_string()),
            None => "static checks only".to_owned(),
        },
        quality: judged.review.code_quality,
        findings: findings.collect(),
        more: judged.review.issues.len().saturating_sub(FINDINGS),
    })
}

fn checks(round: &RoundState, told: &Told<'_>) -> Vec<Check> {
    let checks = round.checks.iter().take(ITEMS).map(|(checked, passed)| {
        let outcome = checked.outcome.as_ref();
        let green = outcome.is_none_or(|outcome| outcome.passed);
        Check {
            name: text::line(&checked.name),
            word: match (passed, green) {
                (true, true) => "green",
                (true, false) => "red as before",
                (false, _) => "red",
            },
            command: outcome
                .map(|outcome| text::line(&(told.hide)(&outcome.command)))
                .unwrap_or_default(),
            took: outcome.map(|outcome| text::time(outcome.elapsed_ms)).unwrap_or_default(),
        }
    });
    checks.collect()
}
