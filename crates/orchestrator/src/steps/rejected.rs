//! What a milestone has made when it is given up: work that was paid for, and
//! that a person may mend in a minute. It is on no branch, but not gone either.

use worktree::{CommitId, CommitIntent};

use crate::Error;
use crate::clock::commit_stamp;
use crate::driver::Driver;

impl Driver {
    /// Keeps what the milestone's change sets make of its base, under a ref of ours; none if
    /// there is nothing, or it cannot be kept.
    pub(super) async fn keep_rejected(&self, milestone: usize) -> Option<CommitId> {
        match self.try_to_keep(milestone).await {
            Ok(kept) => kept,
            Err(error) => {
                tracing::warn!(%error, "what was made and not accepted is not kept");
                None
            }
        }
    }

    async fn try_to_keep(&self, milestone: usize) -> Result<Option<CommitId>, Error> {
        let tree = self.milestone_tree(milestone).await?;
        if tree == self.tip_tree().await? {
            return Ok(None);
        }
        let name = self.planned(milestone)?.name;
        let intent = CommitIntent {
            tree,
            parent: self.tip()?,
            message: format!("Not accepted: {name}\n\nBelay-Run: {}\n", self.run),
            author: self.author().await?,
            at: commit_stamp(),
            sign: false,
        };
        let commit = self.parts.repository.commit(&intent).await?;
        self.parts.repository.keep(&commit).await?;
        Ok(Some(commit))
    }
}
