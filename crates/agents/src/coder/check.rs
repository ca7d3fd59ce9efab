//! Holding a coder's answer against its work item.
//!
//! An answer counts when every path is the item's own, every edit fits, the result differs from what
//! was there, and the static checks find nothing grave: half-written code, an empty answer or a
//! stub must fail here, where the model can still mend it, and not on the branch.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use static_checks::{Change, Severity};

use super::changes::{RawChange, RawChanges};
use super::{ChangeSet, ResolvedChange};
use crate::answers::{bound, read, tidy_path};
use crate::divide::{Action, PlannedFile};
use crate::edits;
use crate::source::Known;

/// The most files that are asked for at once.
const MOST_NEEDED: usize = 20;
/// The most entries, and the most edits, of an answer: each costs a walk through a file.
const MOST_ENTRIES: usize = 400;
const MOST_EDITS: usize = 500;
/// How many findings are named.
const NAMED: usize = 10;
const NOTES_CHARS: usize = 4000;
const EXPLANATION_CHARS: usize = 1000;

/// What an answer must keep to.
pub(super) struct ItemRules {
    pub(super) known: Arc<Known>,
    pub(super) files: Vec<PlannedFile>,
    /// The texts of the item's files that are there.
    pub(super) before: BTreeMap<String, String>,
    /// What the coder sees already; `None` when no more files can be had.
    pub(super) shown: Option<BTreeSet<String>>,
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
        let changes = self.resolve(&raw.files)?;
        self.check_missing(&changes)?;
        if changes.is_empty() && !says_nothing_to_do(&notes) {
            return Err("the answer changes nothing. Give the changes; only if really nothing is to do, write \
                        `nothing to do: ` and the reason into notes"
                .to_owned());
        }
        self.check_coverage(&changes, &notes)?;
        self.check_code(&changes)?;
        Ok(Outcome::Done(ChangeSet { changes, notes }))
    }

    /// Trap 43: a file that is not there cannot be done already, nor one that is to go and is still
    /// there, whatever the notes say.
    fn check_missing(&self, changes: &[ResolvedChange]) -> Result<(), String> {
        let undone = |file: &&PlannedFile| {
            let wanted = file.action != Action::Delete;
            self.known.exists(&file.path) != wanted && is_left_out(file, changes)
        };
        let named: Vec<String> = self
            .files
            .iter()
            .filter(undone)
            .take(NAMED)
            .map(|file| match file.action {
                Action::Delete => format!("{} (still there)", file.path),
                Action::Create | Action::Modify => format!("{} (not there yet)", file.path),
            })
            .collect();
        if named.is_empty() {
            return Ok(());
        }
        Err(format!(
            "these files of yours are left out: {}. They cannot be done already. Give all of your files in one answer",
            named.join(", ")
        ))
    }

    /// A file that was to be made and is there already may not be passed over in silence: it is
    /// perhaps another one. One that is to be modified may need no change.
    fn check_coverage(&self, changes: &[ResolvedChange], notes: &str) -> Result<(), String> {
        let left_out =
            |file: &&PlannedFile| file.action == Action::Create && is_left_out(file, changes);
        let left_out: Vec<&str> =
            self.files.iter().filter(left_out).map(|file| file.path.as_str()).take(NAMED).collect();
        if left_out.is_empty() || says_nothing_to_do(notes) {
            return Ok(());
        }
        Err(format!(
            "these files of yours are left out: {}. Give all of your files in one answer",
            left_out.join(", ")
        ))
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

    /// Each entry applied to its file; what changes nothing is dropped.
    fn resolve(&self, entries: &[RawChange]) -> Result<Vec<ResolvedChange>, String> {
        let edits: usize = entries.iter().filter_map(edits_of).map(<[_]>::len).sum();
        if entries.len() > MOST_ENTRIES || edits > MOST_EDITS {
            return Err(format!(
                "the answer has {} entries and {edits} edits; give whole contents instead of so many edits",
                entries.len()
            ));
        }
        let mut changes: Vec<ResolvedChange> = Vec::new();
        for entry in entries {
            let path = tidy_path(&entry.path);
            let planned = self.planned(&path)?;
            let earlier = changes.iter().position(|change| change.path == path);
            match earlier {
                Some(index) => self.go_on(&mut changes[index], entry)?,
                None => changes.push(self.change(planned, entry)?),
            }
        }
        changes.retain(|change| change.before != change.after || change.after.is_none());
        Ok(changes)
    }

    fn planned(&self, path: &str) -> Result<&PlannedFile, String> {
        self.files.iter().find(|file| file.path == path).ok_or_else(|| {
            let own: Vec<&str> = self.files.iter().map(|file| file.path.as_str()).collect();
            format!("{path} is not one of your files; you may change only {}", own.join(", "))
        })
    }

    fn change(&self, planned: &PlannedFile, entry: &RawChange) -> Result<ResolvedChange, String> {
        let path = planned.path.as_str();
        let before = self.before.get(path);
        let after = match entry.action {
            Action::Delete => {
                self.check_deletion(planned)?;
                None
            }
            Action::Create | Action::Modify => {
                Some(self.written(path, before.map(String::as_str), entry)?)
            }
        };
        let mut explanation = entry.explanation.clone();
        bound(&mut explanation, EXPLANATION_CHARS);
        Ok(ResolvedChange {
            path: path.to_owned(),
            before: before.cloned(),
            after,
            explanation,
            from: None,
        })
    }

    fn check_deletion(&self, planned: &PlannedFile) -> Result<(), String> {
        let path = &planned.path;
        if planned.action != Action::Delete {
            return Err(format!(
                "{path}: the plan does not delete this file; give its content or edits"
            ));
        }
        if !self.known.exists(path) {
            return Err(format!("{path} cannot be deleted: it does not exist"));
        }
        Ok(())
    }

    /// A second entry for a file can only be further edits: models split them up.
    fn go_on(&self, change: &mut ResolvedChange, entry: &RawChange) -> Result<(), String> {
        let further =
            edits_of(entry).filter(|_| entry.content.as_deref().unwrap_or_default().is_empty());
        match (&change.after, further) {
            (Some(text), Some(further)) if entry.action != Action::Delete => {
                change.after = Some(edits::apply(&change.path, text, further)?);
                Ok(())
            }
            _ => Err(format!("{} has more than one entry in files; give one", change.path)),
        }
    }

    fn written(
        &self,
        path: &str,
        before: Option<&str>,
        entry: &RawChange,
    ) -> Result<String, String> {
        let content = entry.content.as_deref();
        match (before, content, edits_of(entry)) {
            (_, Some(content), Some(_)) if !content.is_empty() => {
                Err(format!("{path}: give either content or edits, not both"))
            }
            (None, ..) if self.known.exists(path) => Err(format!(
                "{path} exists but is no text that can be shown, so it cannot be changed; leave it out"
            )),
            (None, _, Some(_)) => Err(format!(
                "{path} does not exist yet, so there is nothing to edit; give its content"
            )),
            (Some(before), _, Some(list)) => edits::apply(path, before, list),
            (Some(before), Some(content), None)
                if content.trim().is_empty() && !before.trim().is_empty() =>
            {
                Err(format!(
                    "{path}: the content is empty, which would lose the file's text; give its whole new text, or edits"
                ))
            }
            (Some(before), Some(content), None) => Ok(edits::whole(before, content)),
            (None, Some(content), None) => Ok(content.to_owned()),
            (_, None, None) => {
                Err(format!("{path} has neither content nor edits; give one of them"))
            }
        }
    }

    fn check_code(&self, changes: &[ResolvedChange]) -> Result<(), String> {
        let changed: Vec<Change<'_>> = changes
            .iter()
            .map(|change| Change {
                path: &change.path,
                before: change.before.as_deref().map(str::as_bytes),
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

fn is_left_out(file: &PlannedFile, changes: &[ResolvedChange]) -> bool {
    !changes.iter().any(|change| change.path == file.path)
}

/// The edits of an entry, if there are any.
fn edits_of(entry: &RawChange) -> Option<&[edits::Edit]> {
    entry.edits.as_deref().filter(|edits| !edits.is_empty())
}

/// Trap 43: no evidence, no done, unless the coder says in so many words that nothing is to do.
fn says_nothing_to_do(notes: &str) -> bool {
    let notes = notes.to_lowercase();
    const WORDINGS: [&str; 9] = [
        "nothing to do",
        "nothing is to do",
        "nothing needs to be done",
        "nothing to change",
        "no change is needed",
        "no changes are needed",
        "no changes needed",
        "no changes are required",
        "no changes are necessary",
    ];
    WORDINGS.iter().any(|words| notes.contains(words))
}

#[cfg(test)]
mod tests;
