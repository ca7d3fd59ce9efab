//! Commits that somebody made in a worktree of ours. Its HEAD is often all that
//! holds them: they are gone a while after the worktree is removed, made again
//! or taken over by another run, and nobody would know.
//!
//! Files that were never committed are not kept. Whether a person or a test
//! changed a tracked file cannot be told, tests do it all the time, and whoever
//! works in a folder that is filled anew at every milestone commits to be safe.

use std::io::Read;
use std::path::Path;

use crate::edit::utf8;
use crate::error::Error;
use crate::git::Call;
use crate::objects::CommitId;
use crate::place::is_whole_admin;
use crate::repository::Repository;

/// Where such commits are kept, each under its own name.
pub(crate) const KEPT: &str = "refs/belay/salvage/";

/// What stands in HEAD is shorter.
const LONGEST_HEAD: u64 = 4096;

/// What HEAD says where git keeps refs in tables, not in files.
const NO_FILE: &str = "ref: refs/heads/.invalid";

impl Repository {
    /// Keeps the commit that the worktree with this administrative directory
    /// stands at, unless it is `known`, on a branch, or part of what any ref
    /// holds. Called before anything moves or forgets that worktree's HEAD.
    pub(crate) async fn salvage(
        &self,
        admin: &Path,
        known: Option<&CommitId>,
    ) -> Result<(), Error> {
        let Some(commit) = self.head_of(admin).await? else {
            return Ok(());
        };
        if known == Some(&commit)
            || self.known().own.get(&commit).is_some()
            || !self.has_commit(&commit).await?
            || self.is_held(&commit).await?
        {
            return Ok(());
        }
        self.keep(&commit).await?;
        tracing::warn!(%commit, "a commit made in a worktree of ours is kept");
        Ok(())
    }

    /// Keeps a commit that is on no branch, under a ref of its own in
    /// `refs/belay/salvage/`, named after it.
    ///
    /// # Errors
    ///
    /// `Git` if there is no such commit.
    pub async fn keep(&self, commit: &CommitId) -> Result<(), Error> {
        let name = format!("{KEPT}{commit}");
        let args = ["update-ref", "--no-deref", "-m", "belay", &name, commit.as_str()];
        self.caller().run(&Call::new(&args).uninterrupted()).await.map(drop)
    }

    /// Says which commits the caller made itself: one of those that a worktree
    /// still stands at, as after a rebase, is not kept as if somebody had made it
    /// there.
    pub fn own(&self, commits: impl IntoIterator<Item = CommitId>) {
        commits.into_iter().for_each(|commit| self.known().own.put(commit, ()));
    }

    /// The commit of a HEAD that is on no branch.
    async fn head_of(&self, admin: &Path) -> Result<Option<CommitId>, Error> {
        let head = admin.join("HEAD");
        if !head.symlink_metadata().is_ok_and(|facts| facts.is_file()) {
            return Ok(None);
        }
        let mut text = String::new();
        let read = std::fs::File::open(&head)
            .and_then(|file| file.take(LONGEST_HEAD).read_to_string(&mut text));
        if read.is_err() {
            return Ok(None);
        }
        let text = text.trim_end();
        if let Some(commit) = CommitId::parse(text) {
            return Ok(Some(commit));
        }
        let on_branch = text.starts_with("ref: refs/heads/") && text != NO_FILE;
        if on_branch || !is_whole_admin(admin, self.git_dir()) {
            return Ok(None);
        }
        // A ref of the worktree's own goes with it.
        let call = Call::new(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])
            .env("GIT_DIR", utf8(admin)?);
        let answer = self.caller().try_run(&call).await?;
        Ok(CommitId::parse(answer.stdout.text().trim()).filter(|_| answer.success()))
    }

    /// Whether any ref holds the commit; those of single worktrees do not count.
    async fn is_held(&self, commit: &CommitId) -> Result<bool, Error> {
        let args = ["rev-list", "-1", "--single-worktree", commit.as_str(), "--not", "--all"];
        let list = self.caller().try_run(&Call::new(&args)).await?;
        // What cannot be told is kept.
        Ok(list.success() && list.stdout.bytes.is_empty())
    }
}
