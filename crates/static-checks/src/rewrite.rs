//! A rewrite that drops most of a file. A model that is asked for one change
//! and answers with a short new file has usually lost the rest of the old one.

use std::collections::HashMap;

use crate::{Change, Finding, Rule, Severity, content};

/// Smaller files are rewritten for good reasons all the time.
const SMALLEST: usize = 40;

/// Lines that new content brings, and how often: where dropped lines may have gone.
#[derive(Default)]
pub(crate) struct Arrivals<'a> {
    lines: HashMap<&'a str, usize>,
}

impl<'a> Arrivals<'a> {
    /// The lines of every new or changed file, beyond what it had before.
    pub(crate) fn of(changes: &[Change<'a>], limit: u64) -> Self {
        let mut arrivals = Self::default();
        for change in changes {
            let texts =
                change.after.filter(|after| after.len() as u64 <= limit).and_then(content::decode);
            let mut known = tally(change.before.and_then(content::decode).unwrap_or_default());
            for line in texts.into_iter().flat_map(meaningful) {
                match known.get_mut(line) {
                    Some(left) if *left > 0 => *left -= 1,
                    _ => *arrivals.lines.entry(line).or_default() += 1,
                }
            }
        }
        arrivals
    }
}

/// Medium when less than a third of a file's lines is left, there or in
/// another file of the same change, and the file shrank to less than half.
pub(crate) fn check(change: &Change<'_>, after: &str, arrivals: &Arrivals<'_>) -> Option<Finding> {
    let before = change.before.and_then(content::decode)?;
    let had = meaningful(before).count();
    if had < SMALLEST || meaningful(after).count() * 2 >= had {
        return None;
    }
    let here = tally(after);
    let mut used: HashMap<&str, usize> = HashMap::new();
    let mut has = 0;
    for line in meaningful(before) {
        let at = |lines: &HashMap<&str, usize>| lines.get(line).copied().unwrap_or(0);
        let used = used.entry(line).or_default();
        if *used < at(&here) + at(&arrivals.lines) {
            *used += 1;
            has += 1;
        }
    }
    (has * 3 < had).then(|| Finding {
        path: change.path.to_owned(),
        line: None,
        severity: Severity::Medium,
        rule: Rule::Gutted,
        message: format!("The rewrite keeps {has} of {had} lines of the file."),
        suggestion: "Bring back what the change does not mean to remove.".to_owned(),
    })
}

fn tally(text: &str) -> HashMap<&str, usize> {
    let mut lines = HashMap::new();
    for line in meaningful(text) {
        *lines.entry(line).or_default() += 1;
    }
    lines
}

fn meaningful(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}
