//! The run's branch, as a person may have left it between two processes.
//!
//! People may work on the branch: a manual task says so. What they committed
//! on top is built upon; a branch that was taken elsewhere is left alone, and
//! found out before a model is asked, not after.

use worktree::CommitId;

use crate::Error;
use crate::driver::Driver;
use crate::event::Event;

impl Driver {
    /// Holds the branch against what the journal knows of it.
    pub(crate) async fn meet_the_branch(&self) -> Result<(), Error> {
        if !self.journal.state().prepared || self.commit_is_under_way() {
            return Ok(());
        }
        let repository = &self.parts.repository;
        let (branch, tip) = (self.branch()?, self.tip()?);
        match repository.branch_tip(&branch).await? {
            Some(found) if found == tip => Ok(()),
            Some(found) if repository.builds_on(&found, &tip).await? => {
                let redo = self.touches_our_files(&tip, &found).await?;
                let event = Event::BranchAdopted { branch, from: tip, to: found, redo };
                self.journal.append(event).await
            }
            Some(found) => Err(worktree::Error::BranchMoved { branch, found: Some(found) }.into()),
            // Deleted, as after a merge: what was committed is known by its id.
            None => Ok(repository.move_branch(&branch, &tip, None).await?),
        }
    }

    /// Whether files that the milestone in progress was made for are other ones now.
    pub(super) async fn touches_our_files(
        &self,
        from: &CommitId,
        to: &CommitId,
    ) -> Result<bool, Error> {
        let paths: Vec<String> = {
            let state = self.journal.state();
            let open = state.milestones.iter().filter(|milestone| milestone.commit.is_none());
            open.flat_map(|milestone| milestone.writes().into_keys()).collect()
        };
        let repository = &self.parts.repository;
        let most = self.parts.settings.max_file_bytes;
        let (from, to) = (repository.tree_of(from).await?, repository.tree_of(to).await?);
        Ok(repository.read(&from, &paths, most).await?
            != repository.read(&to, &paths, most).await?)
    }

    /// Whether a commit was intended and not yet booked: the branch may stand at it already.
    pub(super) fn commit_is_under_way(&self) -> bool {
        let state = self.journal.state();
        state.milestones.iter().any(|milestone| {
            let intended = milestone.intent.is_some() || milestone.update.is_some();
            intended && milestone.commit.is_none()
        })
    }
}
