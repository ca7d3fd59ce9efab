//! What a coder made is taken, or refused: by the repository, for what it gives away, or because
//! another item changed the same place of a file.

use std::collections::BTreeMap;

use agents::{Answered, ChangeSet, ResolvedChange};
use model_providers::{Attempt, Class};
use worktree::{FileWrite, TreeId};

use super::implement::Board;
use crate::Error;
use crate::driver::{Driver, Parts};
use crate::event::Event;
use crate::fact::Fact;
use crate::milestone::MilestoneState;

impl Driver {
    /// Takes a coder's change set, beside those that were taken before it.
    pub(super) async fn take_item(
        &self,
        board: &Board,
        index: usize,
        files: Vec<String>,
        answered: Answered<ChangeSet>,
    ) -> Result<(), Error> {
        let (milestone, item) = (board.milestone, index + 1);
        let Answered { mut value, model, attempts, .. } = answered;
        let _one_at_a_time = board.taking.lock().await;
        let refusal = match self.beside(milestone, &mut value).await? {
            None => self.refusal(board, &value).await?,
            conflict => conflict,
        };
        if let Some(refusal) = refusal {
            return self.item_refused(milestone, item, files, refusal, attempts).await;
        }
        let (attempts, authors) = (attempts.len(), Vec::new());
        let event = Event::ItemSucceeded { milestone, item, files, model, attempts, authors };
        self.journal.append_fact(event, Fact::Changes(value)).await
    }

    /// What was taken in the round so far, in order.
    fn taken_so_far(&self, milestone: usize) -> Vec<ResolvedChange> {
        let state = self.journal.state();
        let round = state.milestone(milestone).and_then(MilestoneState::current);
        let mut items: Vec<_> = round.into_iter().flat_map(|round| &round.items).collect();
        items.sort_by_key(|item| item.after);
        items.into_iter().filter_map(|item| item.changes()).flatten().cloned().collect()
    }

    /// Brings a change set together with those of the round that were taken before it and touched
    /// the same files; why that cannot be done, if it cannot.
    async fn beside(
        &self,
        milestone: usize,
        changes: &mut ChangeSet,
    ) -> Result<Option<String>, Error> {
        let taken =
            self.taken_so_far(milestone).into_iter().map(|change| (change.path, change.after));
        let taken: BTreeMap<String, Option<String>> = taken.collect();
        for change in &mut changes.changes {
            let Some(theirs) = taken.get(&change.path) else { continue };
            let merged = match (theirs, &change.after) {
                (theirs, ours) if theirs == ours => Some(theirs.clone()),
                (Some(theirs), Some(ours)) => {
                    let base = change.before.as_deref().unwrap_or_default();
                    self.parts.repository.merge_texts(base, theirs, ours).await?.map(Some)
                }
                _ => None,
            };
            let Some(merged) = merged else {
                let path = &change.path;
                return Ok(Some(format!(
                    "{path} was changed by another item too, in the same place"
                )));
            };
            change.before.clone_from(theirs);
            change.after = merged;
        }
        Ok(None)
    }

    /// Why the repository does not take the item's files, if it does not: a symlink on the
    /// way, a twin in another case, a guarded path. The whole item is refused.
    pub(super) async fn refusal(
        &self,
        board: &Board,
        changes: &ChangeSet,
    ) -> Result<Option<String>, Error> {
        if let Some(refusal) = self.unresolved(board.milestone, changes) {
            return Ok(Some(refusal));
        }
        let taken = self.taken_so_far(board.milestone);
        refused(&self.parts, board.source.tree(), &taken, &changes.changes).await
    }

    async fn item_refused(
        &self,
        milestone: usize,
        item: usize,
        files: Vec<String>,
        message: String,
        attempts: Vec<Attempt>,
    ) -> Result<(), Error> {
        let event = Event::ItemFailed {
            milestone,
            item,
            files,
            class: Some(Class::InvalidOutput),
            message,
            for_want_of_a_model: false,
            attempts: attempts.len(),
        };
        self.journal.append_fact(event, Fact::Attempts(attempts)).await
    }
}

/// Why changes are not taken beside those that were taken, if they are not: for what they give away,
/// or for what the repository says of their paths.
pub(super) async fn refused(
    parts: &Parts,
    onto: &TreeId,
    taken: &[ResolvedChange],
    changes: &[ResolvedChange],
) -> Result<Option<String>, Error> {
    if let Some(refusal) = leaks(&parts.settings.secrets, changes) {
        return Ok(Some(refusal));
    }
    if changes.is_empty() {
        return Ok(None);
    }
    let writes = writes(taken, changes);
    match parts.repository.check_writes(onto, &writes, &parts.guard).await {
        Ok(()) => Ok(None),
        Err(refusal @ worktree::Error::Refused { .. }) => Ok(Some(refusal.to_string())),
        Err(error) => Err(error.into()),
    }
}

/// What is written in all, each path once.
fn writes(taken: &[ResolvedChange], changes: &[ResolvedChange]) -> Vec<FileWrite> {
    let all = taken.iter().chain(changes).map(|change| (change.path.as_str(), change));
    let last: BTreeMap<&str, &ResolvedChange> = all.collect();
    let write = |change: &ResolvedChange| FileWrite {
        path: change.path.clone(),
        content: change.after.clone().map(String::into_bytes),
        from: change.from.clone(),
        ..FileWrite::default()
    };
    last.into_values().map(write).collect()
}

/// Whether a change brings the value of a secret of this process into a file: it would be
/// committed, and pushed.
fn leaks(secrets: &[String], changes: &[ResolvedChange]) -> Option<String> {
    let holds = |text: Option<&String>, secret: &String| {
        text.is_some_and(|text| text.contains(secret.as_str()))
    };
    let leak = changes.iter().find(|change| {
        secrets.iter().any(|secret| {
            holds(change.after.as_ref(), secret) && !holds(change.before.as_ref(), secret)
        })
    });
    leak.map(|change| format!("{} holds the value of a secret of this machine", change.path))
}
