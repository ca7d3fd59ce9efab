//! A coder's entries applied to the files as they are.
//!
//! An entry may say too little, too much or something else than the plan; what it can only have
//! meant is taken so, and the rest is refused in words from which a model can mend it.

use super::{ItemRules, MOST_EDITS, MOST_ENTRIES, Outside};
use crate::answers::{bound, tidy_path};
use crate::coder::ResolvedChange;
use crate::coder::changes::{RawAction, RawChange};
use crate::divide::{Action, PlannedFile};
use crate::edits;

const EXPLANATION_CHARS: usize = 1000;

/// What the entries come to.
pub(super) struct Resolved {
    pub(super) changes: Vec<ResolvedChange>,
    /// Files of entries that change nothing; they are no changes.
    pub(super) unchanged: Vec<String>,
}

impl ItemRules {
    /// Each entry applied to its file; what changes nothing is set apart.
    pub(super) fn resolve(&self, entries: &[RawChange]) -> Result<Resolved, String> {
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
                None if entry.action == RawAction::Rename => {
                    let moved = self.rename(&planned, entry, &changes)?;
                    changes.push(moved);
                }
                None => changes.push(self.change(&planned, entry)?),
            }
        }
        self.delete_sources(&mut changes);
        let differs =
            |change: &ResolvedChange| change.before != change.after || change.after.is_none();
        let (changes, same): (Vec<_>, Vec<_>) = changes.into_iter().partition(differs);
        Ok(Resolved { changes, unchanged: same.into_iter().map(|change| change.path).collect() })
    }

    fn planned(&self, path: &str) -> Result<PlannedFile, String> {
        if let Some(why) = (self.unwritable)(path) {
            return Err(format!("{why}; leave it out"));
        }
        let own = self.files.iter().find(|file| file.path == path).cloned();
        own.map_or_else(|| self.outside(path), Ok)
    }

    /// A file that the plan does not give to this item.
    fn outside(&self, path: &str) -> Result<PlannedFile, String> {
        let free = |outside: &&Outside| !outside.others.contains(path);
        let Some(outside) = self.outside.as_ref().filter(free) else {
            let own: Vec<&str> = self.paths().map(String::as_str).collect();
            return Err(format!(
                "{path} is not one of your files; you may change only {}",
                own.join(", ")
            ));
        };
        (outside.guard)(path)?;
        if self.known.is_denied(path) {
            return Err(format!("{path} may not be changed"));
        }
        let action = if self.known.exists(path) { Action::Modify } else { Action::Create };
        Ok(PlannedFile { path: path.to_owned(), action })
    }

    fn change(&self, planned: &PlannedFile, entry: &RawChange) -> Result<ResolvedChange, String> {
        let path = planned.path.as_str();
        let is_own = self.files.iter().any(|file| file.path == path);
        let before = self.before.get(path).or(entry.base.as_ref().filter(|_| !is_own));
        let after = match entry.action {
            RawAction::Delete => {
                self.check_deletion(planned)?;
                None
            }
            _ if planned.action == Action::Delete && self.known.exists(path) => {
                return Err(format!(
                    "{path}: the plan deletes this file; delete it, or make it the `from` of a rename"
                ));
            }
            RawAction::Create | RawAction::Modify | RawAction::Rename => {
                Some(self.written(path, before.map(String::as_str), entry)?)
            }
        };
        Ok(resolved(path, before.cloned(), after, entry))
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

    /// The new file of a rename; the old one's deletion follows from it.
    fn rename(
        &self,
        planned: &PlannedFile,
        entry: &RawChange,
        changes: &[ResolvedChange],
    ) -> Result<ResolvedChange, String> {
        let path = planned.path.as_str();
        let from = tidy_path(entry.from.as_deref().unwrap_or_default());
        self.check_rename(planned, &from, changes)?;
        let content = entry.content.as_deref().filter(|content| !content.trim().is_empty());
        let after = match (self.before.get(&from), content, edits_of(entry)) {
            (_, Some(_), Some(_)) => {
                return Err(format!("{path}: give either content or edits, not both"));
            }
            (None, None, None) => None,
            (None, ..) => {
                return Err(format!(
                    "{from} is no text that can be shown, so it can only be renamed as it is: content and edits are null"
                ));
            }
            (Some(before), Some(content), None) => Some(edits::whole(before, content)),
            (Some(before), None, Some(list)) => Some(edits::apply(path, before, list)?),
            (Some(before), None, None) => Some(before.clone()),
        };
        Ok(ResolvedChange { from: Some(from), ..resolved(path, None, after, entry) })
    }

    fn check_rename(
        &self,
        planned: &PlannedFile,
        from: &str,
        changes: &[ResolvedChange],
    ) -> Result<(), String> {
        let path = &planned.path;
        let how = "a rename has the new path in path and the old one in from";
        if from.is_empty() {
            return Err(format!("{path}: {how}; from is missing"));
        }
        let old = self.planned(from)?;
        if old.action != Action::Delete || !self.known.exists(from) {
            return Err(format!(
                "{path} cannot be renamed from {from}: that is no existing file which the plan deletes ({how})"
            ));
        }
        if planned.action == Action::Delete || self.known.exists(path) {
            return Err(format!(
                "{path} cannot be the new path of a rename: the plan does not create it ({how})"
            ));
        }
        let twice = changes.iter().find(|change| change.from.as_deref() == Some(from));
        twice.map_or(Ok(()), |other| {
            Err(format!("{from} is renamed to both {} and {path}; decide for one", other.path))
        })
    }

    /// What a rename takes away: the old file goes, whether or not an entry says so too.
    fn delete_sources(&self, changes: &mut Vec<ResolvedChange>) {
        let mut whole = Vec::with_capacity(changes.len());
        for change in std::mem::take(changes) {
            if let Some(from) = &change.from {
                whole.push(ResolvedChange {
                    path: from.clone(),
                    before: self.before.get(from).cloned(),
                    after: None,
                    explanation: change.explanation.clone(),
                    from: None,
                });
            }
            whole.push(change);
        }
        let mut seen = std::collections::BTreeSet::new();
        whole.retain(|change| seen.insert(change.path.clone()));
        *changes = whole;
    }

    /// A second entry for a file can only be further edits: models split them up.
    fn go_on(&self, change: &mut ResolvedChange, entry: &RawChange) -> Result<(), String> {
        let further =
            edits_of(entry).filter(|_| entry.content.as_deref().unwrap_or_default().is_empty());
        let renames_again = entry.action == RawAction::Rename
            && entry.from.as_deref().map(tidy_path) != change.from;
        match (&change.after, further) {
            (Some(text), Some(further)) if entry.action != RawAction::Delete && !renames_again => {
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
}

fn resolved(
    path: &str,
    before: Option<String>,
    after: Option<String>,
    entry: &RawChange,
) -> ResolvedChange {
    let mut explanation = entry.explanation.clone();
    bound(&mut explanation, EXPLANATION_CHARS);
    ResolvedChange { path: path.to_owned(), before, after, explanation, from: None }
}

/// The edits of an entry, if there are any.
fn edits_of(entry: &RawChange) -> Option<&[edits::Edit]> {
    entry.edits.as_deref().filter(|edits| !edits.is_empty())
}
