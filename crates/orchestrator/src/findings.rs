//! What stands in the way of a milestone, as coders and people are told it.

use agents::Review;

use crate::fact::Checked;
use crate::milestone::{ItemResult, MilestoneState};

/// How much of a test run's output a coder or a person is shown.
const OUTPUT_SHOWN: usize = 6_000;

/// What a review says must be mended, one line each.
pub(crate) fn review_findings(review: &Review) -> Vec<String> {
    let line = |issue: &agents::ReviewIssue| {
        let place =
            issue.line.map_or_else(|| issue.file.clone(), |line| format!("{}:{line}", issue.file));
        format!("[{}] {place}: {} - {}", issue.severity.as_str(), issue.issue, issue.suggestion)
    };
    let mut findings: Vec<String> = review.issues.iter().map(line).collect();
    if findings.is_empty() {
        findings
            .push("The review did not approve the change and named no single issue.".to_owned());
        findings.extend(review.next_steps.iter().cloned());
    }
    findings
}

/// What a red check says.
pub(crate) fn check_finding(red: &Checked) -> Option<String> {
    let outcome = red.outcome.as_ref()?;
    let start = outcome.output.len().saturating_sub(OUTPUT_SHOWN);
    let start = (start..outcome.output.len())
        .find(|at| outcome.output.is_char_boundary(*at))
        .unwrap_or_default();
    let (name, command, ended) = (&red.name, &outcome.command, &outcome.ended);
    Some(format!("The check {name}, `{command}`, failed ({ended}):\n{}", &outcome.output[start..]))
}

/// What stood in the way of a milestone, for the person who decides.
pub(crate) fn details(milestone: &MilestoneState, files: &[&str]) -> String {
    let mut lines = vec![format!("Files of the milestone: {}", files.join(", "))];
    if let Some(round) = milestone.rounds.last() {
        for item in round.failed() {
            if let Some(ItemResult::Failed { message, .. }) = &item.result {
                lines.push(format!("{}: {message}", item.files().join(", ")));
            }
        }
        lines.extend(round.findings.iter().cloned());
        if let Some(judged) = round.judged.as_ref().filter(|judged| !judged.approved) {
            lines.extend(review_findings(&judged.review));
        }
        lines.extend(round.red().and_then(check_finding));
    }
    if let Some(kept) = milestone.given_up.as_ref().and_then(|given_up| given_up.kept.as_ref()) {
        lines.push(format!(
            "What was made and not accepted is kept: git show {kept}; git cherry-pick {kept} takes it"
        ));
    }
    lines.join("\n\n")
}
