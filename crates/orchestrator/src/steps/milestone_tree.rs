//! The tree that a milestone would commit: its base with every change set
//! that was taken, built in git's object database and nowhere else.

use worktree::{FileWrite, TreeId};

use crate::Error;
use crate::driver::Driver;
use crate::milestone::Write;

impl Driver {
    pub(super) async fn milestone_tree(&self, milestone: usize) -> Result<TreeId, Error> {
        let onto = self.tip_tree().await?;
        let writes = self.milestone_writes(milestone)?;
        if writes.is_empty() {
            return Ok(onto);
        }
        Ok(self.parts.repository.write_tree(&onto, &writes, &self.parts.guard).await?)
    }

    fn milestone_writes(&self, milestone: usize) -> Result<Vec<FileWrite>, Error> {
        let state = self.journal.state();
        let found = state.milestone(milestone);
        let milestone = found.ok_or(Error::Inconsistent("no such milestone"))?;
        let write = |(path, write): (String, Write)| FileWrite {
            path,
            content: write.after.map(String::into_bytes),
            before: write.before.map(String::into_bytes),
            from: write.from,
        };
        Ok(milestone.writes().into_iter().map(write).collect())
    }
}
