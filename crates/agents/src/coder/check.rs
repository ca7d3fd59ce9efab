//! Holding a coder's answer against its work item.
//!
//! An answer counts when every path is the item's own, every edit fits, the result differs from what
//! was there, and the static checks find nothing grave: half-written code, an empty answer or a
//! stub must fail here, where the model can still mend it, and not on the branch.

mod evidence;
mod resolve;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use static_checks::{Change, Severity};

use super::changes::RawChanges;
use super::{ChangeSet, ResolvedChange};
use crate::answers::{bound, read, tidy_path};
use crate::asking::{PathGuard, Unwritable};
use crate::divide::PlannedFile;
use crate::source::Known;
use resolve::Resolved;

/// The most files that are asked for at once.
const MOST_NEEDED: usize = 20;
/// The most entries, and the most edits, of an answer: each costs a walk through a file.
const MOST_ENTRIES: usize = 400;
const MOST_EDITS: usize = 500;
/// How many findings are named.
const NAMED: usize = 10;
const NOTES_CHARS: usize = 4000;

/// What an answer must keep to.
pub(super) struct ItemRules {
    pub(super) known: Arc<Known>,
    pub(super) files: Vec<PlannedFile>,
    /// The texts of the item's files that are there.
    pub(super) before: BTreeMap<String, String>,
    /// What the coder sees already; `None` when no more files can be had.
    pub(super) shown: Option<BTreeSet<String>>,
    /// Files that may be left out whatever the plan says: commands write them, or they were deleted
    /// as planned.
    pub(super) optional: BTreeSet<String>,
    /// Says which files no model writes.
    pub(super) unwritable: Unwritable,
    /// Whether findings are to be mended; they may be about white space alone.
    pub(super) mending: bool,
    /// What else a program may change; `None` is nothing. A model cannot: its schema names the paths.
    pub(super) outside: Option<Outside>,
}

/// Which files beside the item's own may be changed.
pub(super) struct Outside {
    /// The milestone's other files: somebody else has them.
    pub(super) others: BTreeSet<String>,
    /// The guard, for all others.
    pub(super) guard: PathGuard,
}

/// What an answer means.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    Done(ChangeSet),
    /// These files exist, may be shown, and were not shown yet.
    Needs(Vec<String>),
}

impl ItemRules {
    /// Reads an answer; the error is written for the model.
    pub(super) fn read(&self, value: &Value) -> Result<Outcome, String> {
        let raw: RawChanges = read(value)?;
        let asked = raw.needs_files.unwrap_or_default();
        if raw.files.is_empty() && !asked.is_empty() {
            return self.needs(&asked).map(Outcome::Needs);
        }
        let mut notes = raw.notes;
        bound(&mut notes, NOTES_CHARS);
        let Resolved { changes, unchanged } = self.resolve(&raw.files)?;
        self.check_evidence(&changes, &unchanged, &notes)?;
        self.check_code(&changes)?;
        Ok(Outcome::Done(ChangeSet { changes, notes }))
    }

    /// The item's own paths.
    pub(super) fn paths(&self) -> impl Iterator<Item = &String> {
        self.files.iter().map(|file| &file.path)
    }

    /// Whether one entry, for itself, would be taken.
    pub(super) fn judge(&self, entry: &Value) -> Result<(), String> {
        let Resolved { changes, .. } = self.resolve(&[read(entry)?])?;
        self.check_code(&changes)
    }

    fn needs(&self, asked: &[String]) -> Result<Vec<String>, String> {
        let Some(shown) = &self.shown else {
            return Err("no more files can be had; give the changes with what you see".to_owned());
        };
        let mut needed: Vec<String> = Vec::new();
        for path in asked.iter().map(|path| tidy_path(path)) {
            if self.known.is_visible(&path) && !shown.contains(&path) && !needed.contains(&path) {
                needed.push(path);
            }
        }
        needed.truncate(MOST_NEEDED);
        if needed.is_empty() {
            return Err("none of needs_files can be had: they do not exist, may not be shown, or are shown already; \
                        give the changes with what you see"
                .to_owned());
        }
        Ok(needed)
    }

    /// The text that a change starts from: its own, or that of the file it was renamed from.
    fn text_before<'a>(&'a self, change: &'a ResolvedChange) -> Option<&'a str> {
        match &change.from {
            Some(from) => self.before.get(from).map(String::as_str),
            None => change.before.as_deref(),
        }
    }

    /// A renamed file is one file: what the old one had is not held against the new one, and the
    /// deletion is no loss.
    fn check_code(&self, changes: &[ResolvedChange]) -> Result<(), String> {
        let renamed: BTreeSet<&str> =
            changes.iter().filter_map(|change| change.from.as_deref()).collect();
        let is_whole = |change: &&ResolvedChange| {
            !renamed.contains(change.path.as_str())
                && (change.from.is_none() || change.after.is_some())
        };
        let changed: Vec<Change<'_>> = changes
            .iter()
            .filter(is_whole)
            .map(|change| Change {
                path: &change.path,
                before: self.text_before(change).map(str::as_bytes),
                after: change.after.as_deref().map(str::as_bytes),
            })
            .collect();
        let settings = static_checks::Settings { max_file_bytes: self.known.max_file_bytes() };
        let findings = static_checks::check(&changed, &settings);
        let grave: Vec<String> = findings
            .iter()
            .filter(|finding| finding.severity >= Severity::High)
            .take(NAMED)
            .map(|finding| {
                let line = finding.line.map(|line| format!(":{line}")).unwrap_or_default();
                format!("{}{line}: {} {}", finding.path, finding.message, finding.suggestion)
            })
            .collect();
        if grave.is_empty() {
            return Ok(());
        }
        Err(format!("the changes cannot be accepted:\n{}", grave.join("\n")))
    }
}

#[cfg(test)]
mod tests;
