//! The reviewer: whether a milestone's diff may be committed.
//!
//! The template behind it only repeats what the static checks found; it never praises what nobody read.

mod prompt;

use std::sync::Arc;

use degradation_templates::{FindingFact, ReviewFacts};
use static_checks::Finding;

use crate::answers::{Plan, Review, read_review};
use crate::asking::{Answered, Asking, Failed, Question, Settings};
use crate::idea::Idea;
use crate::schema;
use crate::source::deny_set;

/// What is reviewed.
#[derive(Clone, Copy, Debug)]
pub struct ReviewInput<'a> {
    /// The idea.
    pub idea: &'a Idea,
    /// The plan.
    pub plan: &'a Plan,
    /// The index of the milestone in the plan, from 0.
    pub milestone: usize,
    /// The milestone's changes as a unified diff.
    pub diff: &'a str,
    /// What earlier milestones did, and what they failed to do.
    pub earlier: &'a [String],
    /// What the static checks found.
    pub findings: &'a [Finding],
    /// Files of the milestone whose work item failed: they are not in the diff.
    pub missing: &'a [String],
}

/// Asks the reviewer for a verdict. Where `asking.degradation` is there, a template stands in.
///
/// # Errors
/// [`Failed::Unanswered`] when no model answered and nothing stands in, or on cancellation;
/// [`Failed::Template`] when the template is broken; [`Failed::Source`] for a bad `deny` pattern.
pub async fn review(
    asking: &Asking<'_>,
    input: &ReviewInput<'_>,
    settings: &Settings,
) -> Result<Answered<Review>, Failed> {
    let stand_in = match asking.degradation {
        Some(templates) => Some(templates.review(&facts(input.findings))?),
        None => None,
    };
    let question = Question {
        name: "review",
        schema: schema::of::<Review>(),
        prompt: Arc::new(prompt::review(input, &deny_set(&settings.deny)?)),
        read: Arc::new(|value, _| read_review(value)),
        stand_in,
        workplace: None,
    };
    question.ask(asking).await
}

fn facts(findings: &[Finding]) -> ReviewFacts {
    let fact = |finding: &Finding| FindingFact {
        severity: finding.severity.as_str().to_owned(),
        file: finding.path.clone(),
        line: finding.line,
        message: finding.message.clone(),
        suggestion: finding.suggestion.clone(),
    };
    ReviewFacts { findings: findings.iter().map(fact).collect() }
}
