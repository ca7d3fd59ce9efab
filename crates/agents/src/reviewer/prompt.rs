//! What the reviewer is told.

use globset::GlobSet;
use static_checks::Finding;

use super::ReviewInput;
use crate::answers::{Milestone, bound};
use crate::earlier;
use crate::fence;
use crate::fit::{Part, Priority, Sheet};
use crate::idea::answers;

/// Bytes of one file's diff that is not shown whole.
const DIFF_SIZES: [usize; 4] = [60_000, 20_000, 6_000, 2_000];
/// The most files whose diffs are parts of their own; the rest share the last part.
const MAX_FILE_DIFFS: usize = 300;
const MAX_FINDINGS: usize = 50;

const SYSTEM: &str = "You are the reviewer of an autonomous development system. You judge whether the diff of one \
milestone may be committed. Nobody reads it after you.

- Approve when it does what the milestone asks, is right, and breaks nothing. Taste is no reason to reject.
- Each issue: severity (high: must be fixed before a commit; medium; low), file (its path, or empty), line (in the new \
file, or null), issue (what is wrong), suggestion (how to mend it). Do not approve with an issue of severity high.
- Look for wrong logic, missed criteria, missing error handling, security, code left half done, tests that test nothing.
- Files said to be missing, of this milestone or of earlier ones, could not be made: judge the rest, and whether it stands \
without them. Code that needs one of them is an issue of severity high.
- code_quality: from 0 to 100. strengths, next_steps: short, may be empty.";

pub(super) fn review(input: &ReviewInput<'_>, deny: &GlobSet) -> Sheet {
    let mut parts =
        vec![Part::material("idea", Priority::Near, &idea(input), &[6_000, 2_000, 600]).required()];
    parts.extend(answers::part(input.idea));
    parts.push(
        Part::material("milestone", Priority::Subject, &milestone(input), &[4_000, 1_500])
            .required(),
    );
    parts.extend(earlier::part(input.earlier));
    if !input.missing.is_empty() {
        parts.push(
            Part::material(
                "missing files",
                Priority::Subject,
                &input.missing.join("\n"),
                &[2_000, 600],
            )
            .required(),
        );
    }
    if !input.findings.is_empty() {
        let findings = findings(input.findings);
        parts.push(
            Part::material(
                "findings of the static checks",
                Priority::Subject,
                &findings,
                &[4_000, 1_500],
            )
            .required(),
        );
    }
    parts.extend(diffs(input.diff, deny));
    Sheet {
        system: format!("{SYSTEM}{}\n\n{}", answers::rule(input.idea), fence::RULE),
        parts,
        closing:
            "Review the diff. Answer with one JSON object by schema review, and with nothing else."
                .to_owned(),
    }
}

fn idea(input: &ReviewInput<'_>) -> String {
    let mut text = format!("{}\n\n{}", input.idea.title, input.idea.description);
    push_list(&mut text, "Criteria of the idea", &input.idea.criteria);
    push_list(&mut text, "Success criteria of the plan", &input.plan.success_criteria);
    text
}

fn milestone(input: &ReviewInput<'_>) -> String {
    let Some(milestone) = input.plan.milestones.get(input.milestone) else {
        return String::new();
    };
    let total = input.plan.milestones.len();
    let mut text = format!(
        "Milestone {} of {total}: {}\n{}\n",
        input.milestone + 1,
        milestone.name,
        milestone.description
    );
    push_list(&mut text, "Tests", &milestone.tests);
    push_list(&mut text, "Planned files", &planned(milestone));
    let untouched: Vec<String> = milestone
        .files
        .iter()
        .filter(|path| !input.diff.contains(path.as_str()) && !input.missing.contains(path))
        .cloned()
        .collect();
    push_list(&mut text, "Planned, but not in the diff", &untouched);
    let later: Vec<String> = input
        .plan
        .milestones
        .iter()
        .skip(input.milestone + 1)
        .map(|later| later.name.clone())
        .collect();
    push_list(&mut text, "Later milestones, not part of this review", &later);
    text
}

fn planned(milestone: &Milestone) -> Vec<String> {
    let lists = [
        ("create", &milestone.files.create),
        ("modify", &milestone.files.modify),
        ("delete", &milestone.files.delete),
    ];
    lists
        .iter()
        .flat_map(|(action, paths)| paths.iter().map(move |path| format!("{action} {path}")))
        .collect()
}

fn push_list(text: &mut String, name: &str, list: &[String]) {
    if !list.is_empty() {
        text.push_str(&format!("\n{name}:\n- {}\n", list.join("\n- ")));
    }
}

fn findings(findings: &[Finding]) -> String {
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let lines = sorted.into_iter().take(MAX_FINDINGS).map(|finding| {
        let line = finding.line.map(|line| format!(":{line}")).unwrap_or_default();
        let mut text =
            format!("[{}] {}{line}: {}", finding.severity.as_str(), finding.path, finding.message);
        bound(&mut text, 500);
        text
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// One part for each file, so that a long one cannot push out the others. The first is required:
/// a review of nothing is none.
fn diffs(diff: &str, deny: &GlobSet) -> Vec<Part> {
    let files = by_file(diff);
    let shown = files.iter().filter(|(path, _)| !deny.is_match(path));
    let mut parts: Vec<Part> = shown
        .map(|(path, text)| {
            Part::material(&format!("diff of {path}"), Priority::Near, text, &DIFF_SIZES)
        })
        .collect();
    if parts.is_empty() {
        parts.push(Part::text("diff", Priority::Near, "The diff is empty."));
    }
    let first = parts.remove(0).required();
    std::iter::once(first).chain(parts).collect()
}

/// The diff cut at its `diff --git` lines, with the path that each names.
fn by_file(diff: &str) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = Vec::new();
    for line in diff.split_inclusive('\n') {
        if let Some(names) = line.strip_prefix("diff --git ")
            && files.len() < MAX_FILE_DIFFS
        {
            let path = header_path(names.trim_end());
            files.push((path.trim_matches('"').to_owned(), line.to_owned()));
        } else if let Some((_, text)) = files.last_mut() {
            text.push_str(line);
        } else if !line.trim().is_empty() {
            files.push(("the changes".to_owned(), line.to_owned()));
        }
    }
    files
}

/// The path of `a/PATH b/PATH`: both halves are alike, so that a blank in it does no harm.
fn header_path(names: &str) -> &str {
    let half = names.get(names.len() / 2 + 1..).and_then(|half| half.strip_prefix("b/"));
    let alike = half.filter(|path| names.get(2..).is_some_and(|rest| rest.starts_with(*path)));
    alike.or_else(|| names.rsplit_once(" b/").map(|(_, path)| path)).unwrap_or(names)
}

#[cfg(test)]
mod tests;
