//! The tree that a milestone would commit: its base with every change set
//! that was taken, built in git's object database and nowhere else.

use sha2::{Digest, Sha256};
use worktree::{FileWrite, TreeId};

use crate::Error;
use crate::driver::Driver;
use crate::milestone::Write;

/// The tree that was built last, and from what: formatting, review, checks and commit of a round
/// all want the same one.
pub(crate) struct Built {
    onto: TreeId,
    writes: [u8; 32],
    tree: TreeId,
}

impl Driver {
    pub(super) async fn milestone_tree(&self, milestone: usize) -> Result<TreeId, Error> {
        let onto = self.onto(milestone).await?;
        let writes = self.milestone_writes(milestone)?;
        if writes.is_empty() {
            return Ok(onto);
        }
        let digest = digest(&writes)?;
        let mut built = self.built.lock().await;
        if let Some(built) =
            built.as_ref().filter(|built| built.onto == onto && built.writes == digest)
        {
            return Ok(built.tree.clone());
        }
        let tree = self.parts.repository.write_tree(&onto, &writes, &self.parts.guard).await?;
        *built = Some(Built { onto, writes: digest, tree: tree.clone() });
        Ok(tree)
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

fn digest(writes: &[FileWrite]) -> Result<[u8; 32], Error> {
    let mut hash = Sha256::new();
    for write in writes {
        hash.update(serde_json::to_vec(&(&write.path, &write.from))?);
        for content in [&write.content, &write.before] {
            hash.update([u8::from(content.is_some())]);
            let content = content.as_deref().unwrap_or_default();
            hash.update((content.len() as u64).to_le_bytes());
            hash.update(content);
        }
    }
    Ok(hash.finalize().into())
}
