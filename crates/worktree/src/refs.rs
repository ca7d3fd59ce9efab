//! Commits and the branches that point to them. A commit is made from facts
//! only, so a process that died between making it and noting it down makes the
//! very same one again; a branch moves only from where it is known to stand.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::sleep;

use crate::clock;
use crate::error::{Error, at};
use crate::git::{Call, complaint};
use crate::objects::{CommitId, CommitIntent};
use crate::place::{self, MARK};
use crate::repository::Repository;
use crate::text::{in_line, in_lines, is_name};

/// git holds the lock of a branch for milliseconds, and removes it unless it is
/// killed in them; then nobody else ever would.
const STALE_LOCK: Duration = Duration::from_secs(10);

/// Together they outlast `STALE_LOCK`.
const LOCK_TRIES: usize = 9;
const LOCK_PAUSE: Duration = Duration::from_secs(1);

/// The author of a commit whose author has no name that git would take.
const NAMELESS: &str = "belay";

impl Repository {
    /// Where a branch stands; `None` if it does not exist.
    ///
    /// # Errors
    ///
    /// `BadBranchName`.
    pub async fn branch_tip(&self, branch: &str) -> Result<Option<CommitId>, Error> {
        let name = self.branch_ref(branch).await?;
        self.ref_tip(&name).await
    }

    /// Moves a branch to a commit if it stands at `from`; `None` means that it
    /// must not exist yet. Moving a branch that exists to where it already
    /// stands succeeds, whatever `from` is: an earlier process did it. A lock
    /// that a killed git left on the branch is waited for and broken.
    ///
    /// # Errors
    ///
    /// `BranchMoved` if it stands elsewhere, `BranchCheckedOut` if it exists
    /// and a worktree that is not ours has it checked out, `BadBranchName`,
    /// `Cancelled`, and `Git` if the name collides with another branch's
    /// folder.
    pub async fn move_branch(
        &self,
        branch: &str,
        to: &CommitId,
        from: Option<&CommitId>,
    ) -> Result<(), Error> {
        let name = self.branch_ref(branch).await?;
        let none = "0".repeat(to.as_str().len());
        if let Some(from) = from {
            self.check_not_checked_out(branch, to, from).await?;
        }
        let from_id = from.map_or(none.as_str(), CommitId::as_str);
        let args = ["update-ref", "--no-deref", "-m", "belay", &name, to.as_str(), from_id];
        let call = Call::new(&args).uninterrupted();
        let mut output = self.caller().try_run(&call).await?;
        let mut tries = 1;
        while !output.success() && tries < LOCK_TRIES && self.lock_is_taken(&name).await? {
            output = self.caller().try_run(&call).await?;
            tries += 1;
        }
        if output.success() {
            return Ok(());
        }
        let found = self.branch_tip(branch).await?;
        if from.is_some() && found.as_ref() == Some(to) {
            return Ok(());
        }
        if found.as_ref() != from {
            return Err(Error::BranchMoved { branch: branch.to_owned(), found });
        }
        Err(Error::Git { command: "update-ref".to_owned(), message: complaint(&output) })
    }

    /// Makes a commit without hooks, and without moving anything to it. The
    /// same intent gives the same id, unless it is signed: see `is_of`. Control
    /// characters and those that turn or hide text are left out of message,
    /// name and email; a name of which nothing is left is `belay`.
    ///
    /// A signed one is signed as git's config says, by a program that can ask
    /// nobody, within a minute or the time limit of git if that is less. What
    /// the program needs to find its keys (GNUPGHOME, SSH_AUTH_SOCK,
    /// XDG_RUNTIME_DIR, HOME) must be in `Git::env`.
    ///
    /// # Errors
    ///
    /// `Git` if the tree or the parent does not exist; `Unsigned` if it cannot
    /// be signed, and `Cancelled`, of which only a signed one is: then there is
    /// no commit.
    pub async fn commit(&self, intent: &CommitIntent) -> Result<CommitId, Error> {
        self.commit_with(intent, None).await
    }

    /// As `commit`, with a second parent: the merge of that one into the first.
    ///
    /// # Errors
    ///
    /// As for `commit`.
    pub async fn commit_merge(
        &self,
        intent: &CommitIntent,
        other: &CommitId,
    ) -> Result<CommitId, Error> {
        self.commit_with(intent, Some(other)).await
    }

    async fn commit_with(
        &self,
        intent: &CommitIntent,
        other: Option<&CommitId>,
    ) -> Result<CommitId, Error> {
        let date = format!("@{} +0000", intent.at.as_second());
        let mut args =
            vec!["commit-tree", intent.tree.as_str(), "-p", intent.parent.as_str(), "-F", "-"];
        args.extend(other.into_iter().flat_map(|other| ["-p", other.as_str()]));
        if intent.sign {
            args.push("-S");
        }
        let name = Some(in_line(&intent.author.name)).filter(|name| is_name(name));
        let name = name.as_deref().unwrap_or(NAMELESS);
        let email = in_line(&intent.author.email);
        let call = Call::new(&args)
            .stdin(in_lines(&intent.message))
            .env("GIT_AUTHOR_NAME", name)
            .env("GIT_AUTHOR_EMAIL", &email)
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_NAME", name)
            .env("GIT_COMMITTER_EMAIL", &email)
            .env("GIT_COMMITTER_DATE", &date);
        if intent.sign {
            return self.signed(intent, call).await;
        }
        self.made(intent, &self.caller().line(&call.uninterrupted()).await?)
    }

    /// The commit that git says it made of the intent, whose tree is known.
    pub(crate) fn made(&self, intent: &CommitIntent, said: &str) -> Result<CommitId, Error> {
        let commit = commit_id("commit-tree", said)?;
        self.known().trees.put(commit.clone(), intent.tree.clone());
        Ok(commit)
    }

    /// The commits that `to` has and `from` has not, the oldest first.
    ///
    /// # Errors
    ///
    /// `Git` if one of them does not exist.
    pub async fn commits(&self, from: &CommitId, to: &CommitId) -> Result<Vec<CommitId>, Error> {
        let range = format!("{from}..{to}");
        let args = ["rev-list", "--reverse", "--topo-order", &range];
        let list = self.caller().line(&Call::new(&args)).await?;
        list.lines().map(|line| commit_id("rev-list", line)).collect()
    }

    /// The commits from `from`, which is left out, to `to`, the oldest first, each with its
    /// message. Of a merge only the first parent is followed: that is where the branch stood.
    ///
    /// # Errors
    ///
    /// `Git` if one of them does not exist.
    pub async fn messages(
        &self,
        from: &CommitId,
        to: &CommitId,
    ) -> Result<Vec<(CommitId, String)>, Error> {
        let range = format!("{from}..{to}");
        let mut args = vec!["log", "-z", "--first-parent", "--reverse", "--format=%H%n%B"];
        // Nothing that a person's config adds to a log.
        args.extend(["--no-show-signature", "--no-decorate", "--no-color", "--no-notes", &range]);
        let bytes = self.caller().bytes(&Call::new(&args)).await?;
        let text = String::from_utf8_lossy(&bytes);
        let entries = text.split('\0').filter(|entry| !entry.trim().is_empty());
        let split = |entry: &str| {
            let (id, message) = entry.split_once('\n').unwrap_or((entry, ""));
            Ok((commit_id("log", id.trim())?, message.to_owned()))
        };
        entries.map(split).collect()
    }

    /// Whether `descendant` is `ancestor` or builds on it.
    ///
    /// # Errors
    ///
    /// `Git` if one of them does not exist.
    pub async fn builds_on(
        &self,
        descendant: &CommitId,
        ancestor: &CommitId,
    ) -> Result<bool, Error> {
        Ok(self.commits(descendant, ancestor).await?.is_empty())
    }

    /// Whether the branch is locked, after a pause; breaks the lock once it is
    /// too old for a living git to hold it.
    async fn lock_is_taken(&self, name: &str) -> Result<bool, Error> {
        let lock = self.git_dir().join(format!("{name}.lock"));
        let Ok(modified) = lock.metadata().and_then(|facts| facts.modified()) else {
            return Ok(false);
        };
        if clock::age(modified) < STALE_LOCK {
            self.caller().unless_cancelled(sleep(LOCK_PAUSE)).await?;
            return Ok(true);
        }
        tracing::warn!(lock = %lock.display(), "breaking a lock that a killed git left");
        match std::fs::remove_file(&lock) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(at(lock)(error)),
            _ => Ok(true),
        }
    }

    /// Where the branch is checked out, in a worktree that is not ours.
    ///
    /// # Errors
    ///
    /// `BadBranchName`, `Git`.
    pub async fn checkout_of(&self, branch: &str) -> Result<Option<PathBuf>, Error> {
        let name = self.branch_ref(branch).await?;
        let args = ["worktree", "list", "--porcelain", "-z"];
        let list = self.caller().bytes(&Call::new(&args)).await?;
        for path in checkouts(&list, &name) {
            let admin = place::canonical(&path).and_then(|path| self.admin_of(&path))?;
            if !admin.is_some_and(|admin| admin.join(MARK).is_file()) {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    /// A branch that moves under a checkout leaves its files and index behind,
    /// and the next commit there would take back what the branch brought. Not
    /// so in worktrees of ours, where a command may have checked it out.
    async fn check_not_checked_out(
        &self,
        branch: &str,
        to: &CommitId,
        from: &CommitId,
    ) -> Result<(), Error> {
        let Some(at) = self.checkout_of(branch).await? else {
            return Ok(());
        };
        // Elsewhere already is another answer, and moved already is none.
        if self.branch_tip(branch).await?.as_ref() == Some(from) && from != to {
            return Err(Error::BranchCheckedOut { branch: branch.to_owned(), at });
        }
        Ok(())
    }

    /// The full name of a branch, if it is one that git allows.
    pub(crate) async fn branch_ref(&self, branch: &str) -> Result<String, Error> {
        let bad = || Error::BadBranchName { branch: branch.to_owned() };
        // Allowed as refs, refused as branches.
        if branch.starts_with('-') || branch == "HEAD" || branch.contains('\0') {
            return Err(bad());
        }
        let name = format!("refs/heads/{branch}");
        if self.known().branches.get(&name).is_some() {
            return Ok(name);
        }
        let call = Call::new(&["check-ref-format", &name]);
        if !self.caller().try_run(&call).await?.success() {
            return Err(bad());
        }
        self.known().branches.put(name.clone(), ());
        Ok(name)
    }
}

/// The worktrees in git's list that have this ref checked out and still exist.
fn checkouts(list: &[u8], name: &str) -> Vec<PathBuf> {
    let text = String::from_utf8_lossy(list);
    let mut found = Vec::new();
    for entry in text.split("\0\0") {
        let mut path = None;
        let mut is_here = false;
        for field in entry.split('\0') {
            let (key, value) = field.split_once(' ').unwrap_or((field, ""));
            match key {
                "worktree" => path = Some(PathBuf::from(value)),
                "branch" => is_here = value == name,
                // Its folder is gone.
                "prunable" => path = None,
                _ => {}
            }
        }
        found.extend(path.filter(|_| is_here));
    }
    found
}

pub(crate) fn commit_id(command: &str, text: &str) -> Result<CommitId, Error> {
    CommitId::parse(text).ok_or_else(|| Error::Unreadable {
        command: command.to_owned(),
        what: "the name of a commit".to_owned(),
    })
}
