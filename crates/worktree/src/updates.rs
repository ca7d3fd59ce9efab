//! Bringing a branch up to date with another one, beside every checkout: what
//! the other one is now, and trees and commits of a merge or a rebase made in
//! the object database alone. Nothing is moved here.
//!
//! A rebase is made of merges: each commit is merged onto the new place with
//! its own parent as the common past. It takes git 2.38 or later.

use std::time::Duration;

use subprocess::Ended;

use crate::error::Error;
use crate::git::{Call, complaint};
use crate::objects::{CommitId, TreeId};
use crate::refs::commit_id;
use crate::repository::{Repository, tree_id};

/// Refs named in one call: a command line has a limit.
const MOST_NAMES: usize = 200;

/// Nothing of the person's is renewed by the way.
const FETCH_OPTIONS: [&str; 2] = ["fetch.writeCommitGraph=false", "fetch.prune=false"];

/// Markers as coders know them, whatever the person likes to see.
pub(crate) const MERGE_OPTIONS: [&str; 1] = ["merge.conflictStyle=merge"];

/// For one signature: see `signing`.
const SIGNING_LIMIT: Duration = Duration::from_secs(60);

/// What two commits come to when they are merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The whole of it; files in conflict hold markers.
    pub tree: TreeId,
    /// The paths that git could not merge.
    pub conflicts: Vec<String>,
}

/// A commit and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Replayed {
    /// As it was.
    pub from: CommitId,
    /// As it is on its new place; the commit before it, if nothing is left of
    /// what it changed.
    pub to: CommitId,
}

impl Repository {
    /// The full name of the branch, of this repository or of a remote, that a
    /// revision such as `HEAD` or `main` stands for; `None` if it is none.
    ///
    /// # Errors
    ///
    /// `Git` if it cannot be told.
    pub async fn branch_behind(&self, rev: &str) -> Result<Option<String>, Error> {
        let args =
            ["rev-parse", "--verify", "--quiet", "--symbolic-full-name", "--end-of-options", rev];
        let Some(output) = self.caller().ask(&Call::new(&args)).await? else {
            return Ok(None);
        };
        let said = output.stdout.text();
        // Some gits repeat the option that ends the options.
        let name = said.lines().find(|line| line.starts_with("refs/")).unwrap_or_default();
        let is_branch = ["refs/heads/", "refs/remotes/"].iter().any(|kind| name.starts_with(kind));
        Ok(is_branch.then(|| name.to_owned()))
    }

    /// Where a ref stands; `None` if there is none of that full name.
    ///
    /// # Errors
    ///
    /// `Git` if it cannot be told.
    pub async fn ref_tip(&self, name: &str) -> Result<Option<CommitId>, Error> {
        let commit = format!("{name}^{{commit}}");
        let args = ["rev-parse", "--verify", "--quiet", "--end-of-options", &commit];
        let Some(output) = self.caller().ask(&Call::new(&args)).await? else {
            return Ok(None);
        };
        commit_id("rev-parse", output.stdout.text().trim()).map(Some)
    }

    /// The remote that a branch, by its full name, follows, and the full name
    /// that it has there; `None` if it follows none.
    ///
    /// # Errors
    ///
    /// `Git` if it cannot be told.
    pub async fn followed(&self, name: &str) -> Result<Option<(String, String)>, Error> {
        if let Some(tracked) = name.strip_prefix("refs/remotes/") {
            let remotes = self.caller().line(&Call::new(&["remote"])).await?;
            let found = remotes.lines().filter_map(|remote| {
                let branch = tracked.strip_prefix(remote)?.strip_prefix('/')?;
                Some((remote.to_owned(), format!("refs/heads/{branch}")))
            });
            return Ok(found.max_by_key(|(remote, _)| remote.len()));
        }
        let format = "--format=%(upstream:remotename)%00%(upstream:remoteref)";
        let said = self.caller().line(&Call::new(&["for-each-ref", format, name])).await?;
        let found = said.split_once('\0').filter(|(remote, _)| !matches!(*remote, "" | "."));
        Ok(found.map(|(remote, name)| (remote.to_owned(), name.to_owned())))
    }

    /// Where a ref stands on a remote, with all that it is made of brought
    /// here; `None` if it is not there. No ref of this repository is changed.
    ///
    /// # Errors
    ///
    /// `Git` if the remote cannot be reached within a minute or two;
    /// `Cancelled`.
    pub async fn fetch(&self, remote: &str, name: &str) -> Result<Option<CommitId>, Error> {
        let Some(commit) = self.remote_ref(remote, name).await? else {
            return Ok(None);
        };
        if self.has_commit(&commit).await? {
            return Ok(Some(commit));
        }
        self.fetch_named(remote, &[name]).await?;
        if self.has_commit(&commit).await? {
            return Ok(Some(commit));
        }
        Err(Error::Git {
            command: "fetch".to_owned(),
            message: format!("{name} of {remote} moved while it was fetched"),
        })
    }

    /// Brings here what these refs of a remote are made of, as far as it is
    /// not here already, in as few calls as there can be. No ref of this
    /// repository is changed.
    ///
    /// # Errors
    ///
    /// As [`Self::fetch`], also if one of them is gone: others may not be here then.
    pub async fn fetch_all(&self, remote: &str, refs: &[(String, CommitId)]) -> Result<(), Error> {
        let mut wanted = Vec::new();
        for (name, commit) in refs {
            if !self.has_commit(commit).await? {
                wanted.push(name.as_str());
            }
        }
        for names in wanted.chunks(MOST_NAMES) {
            self.fetch_named(remote, names).await?;
        }
        Ok(())
    }

    async fn fetch_named(&self, remote: &str, names: &[&str]) -> Result<(), Error> {
        let fixed = [
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            "--refmap=",
            "--",
            remote,
        ];
        let args: Vec<&str> = fixed.into_iter().chain(names.iter().copied()).collect();
        self.caller()
            .run(&self.over_the_network(remote, &args).await?.options(&FETCH_OPTIONS))
            .await
            .map(drop)
    }

    /// Merges two commits; makes a tree and nothing else.
    ///
    /// # Errors
    ///
    /// `Git` if they have no common past, or git is older than 2.38;
    /// `Unreadable` for a conflict in a path that is no text; `Cancelled`.
    pub async fn merge(&self, ours: &CommitId, theirs: &CommitId) -> Result<Merged, Error> {
        let args = [
            "merge-tree",
            "--write-tree",
            "-z",
            "--name-only",
            "--no-messages",
            ours.as_str(),
            theirs.as_str(),
        ];
        let call = Call::new(&args).options(&MERGE_OPTIONS);
        let output = self.caller().try_run(&call).await?;
        // 0: clean, 1: conflicts; in both a tree.
        if !matches!(output.ended, Ended::Exited(0 | 1)) || output.stdout.bytes.is_empty() {
            let message = complaint(&output);
            return Err(Error::Git { command: "merge-tree".to_owned(), message });
        }
        let text = String::from_utf8(output.stdout.bytes).map_err(|_| Error::Unreadable {
            command: "merge-tree".to_owned(),
            what: "paths in UTF-8".to_owned(),
        })?;
        let mut fields = text.split('\0').filter(|field| !field.is_empty());
        let tree = tree_id("merge-tree", fields.next().unwrap_or_default())?;
        Ok(Merged { tree, conflicts: fields.map(str::to_owned).collect() })
    }

    /// Makes the commits from `base` to `tip` anew on top of `onto`, with their
    /// authors, dates and messages; the same ones each time, unless they are
    /// signed. Moves nothing to them. `None` if one of them conflicts, or is
    /// none that can be replayed: a merge, or not in UTF-8.
    ///
    /// # Errors
    ///
    /// `Git`, `Unsigned` and `Cancelled`, as for `commit` and `merge`.
    pub async fn rebase(
        &self,
        base: &CommitId,
        tip: &CommitId,
        onto: &CommitId,
        sign: bool,
    ) -> Result<Option<Vec<Replayed>>, Error> {
        let mut onto = onto.clone();
        let mut replayed = Vec::new();
        for from in self.commits(base, tip).await? {
            let bytes =
                self.caller().bytes(&Call::new(&["cat-file", "commit", from.as_str()])).await?;
            let Some(old) = Commit::parse(&bytes) else {
                return Ok(None);
            };
            // Stands where the new place is, and came from where the commit did.
            let stand_in = Commit { tree: self.tree_of(&onto).await?, ..old.clone() };
            let stand_in = self.make(&stand_in, &old.parent, false).await?;
            let merged = self.merge(&stand_in, &from).await?;
            if !merged.conflicts.is_empty() {
                return Ok(None);
            }
            if merged.tree != self.tree_of(&onto).await? {
                onto = self.make(&Commit { tree: merged.tree, ..old }, &onto, sign).await?;
            }
            replayed.push(Replayed { from, to: onto.clone() });
        }
        Ok(Some(replayed))
    }

    async fn make(
        &self,
        commit: &Commit,
        parent: &CommitId,
        sign: bool,
    ) -> Result<CommitId, Error> {
        let mut args = vec!["commit-tree", commit.tree.as_str(), "-p", parent.as_str(), "-F", "-"];
        if sign {
            args.push("-S");
        }
        let Commit { author, committer, message, .. } = commit;
        let call = Call::new(&args)
            .stdin(message.as_str())
            .env("GIT_AUTHOR_NAME", &author.name)
            .env("GIT_AUTHOR_EMAIL", &author.email)
            .env("GIT_AUTHOR_DATE", &author.date)
            .env("GIT_COMMITTER_NAME", &committer.name)
            .env("GIT_COMMITTER_EMAIL", &committer.email)
            .env("GIT_COMMITTER_DATE", &committer.date);
        if !sign {
            return commit_id("commit-tree", &self.caller().line(&call).await?);
        }
        match self.caller().line(&call.within(SIGNING_LIMIT).asking_nobody()).await {
            Err(Error::Git { message, .. }) => Err(Error::Unsigned { reason: message }),
            line => commit_id("commit-tree", &line?),
        }
    }
}

/// What of a commit is kept when it is made anew.
#[derive(Clone)]
struct Commit {
    tree: TreeId,
    parent: CommitId,
    author: Stamp,
    committer: Stamp,
    message: String,
}

/// Who, and when, as git takes it.
#[derive(Clone)]
struct Stamp {
    name: String,
    email: String,
    date: String,
}

impl Commit {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (head, message) = text.split_once("\n\n")?;
        let field = |key: &str| {
            let mut found = head.lines().filter_map(|line| line.strip_prefix(key));
            found.next().filter(|_| found.next().is_none())
        };
        if head.lines().any(|line| line.starts_with("encoding ")) {
            return None;
        }
        Some(Self {
            tree: TreeId::parse(field("tree ")?)?,
            parent: CommitId::parse(field("parent ")?)?,
            author: Stamp::parse(field("author ")?)?,
            committer: Stamp::parse(field("committer ")?)?,
            message: message.to_owned(),
        })
    }
}

impl Stamp {
    fn parse(line: &str) -> Option<Self> {
        let (name, rest) = line.split_once(" <")?;
        let (email, date) = rest.rsplit_once("> ")?;
        Some(Self { name: name.to_owned(), email: email.to_owned(), date: format!("@{date}") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_read_unless_it_cannot_be_replayed() {
        let id = "a".repeat(40);
        let by =
            "author Ada L. <ada@example.org> 1700000000 +0100\ncommitter Bob <> 1700000001 +0000";
        let text =
            format!("tree {id}\nparent {id}\n{by}\ngpgsig -----BEGIN\n line\n\nSubject\n\nBody\n");
        let commit = Commit::parse(text.as_bytes()).expect("a commit");
        assert_eq!(
            (commit.author.name.as_str(), commit.author.email.as_str()),
            ("Ada L.", "ada@example.org")
        );
        assert_eq!(commit.author.date, "@1700000000 +0100");
        assert_eq!((commit.committer.name.as_str(), commit.committer.email.as_str()), ("Bob", ""));
        assert_eq!(commit.message, "Subject\n\nBody\n");
        let merge =
            text.replacen(&format!("parent {id}\n"), &format!("parent {id}\nparent {id}\n"), 1);
        let root = text.replacen(&format!("parent {id}\n"), "", 1);
        let foreign = text.replacen("gpgsig", "encoding ISO-8859-1\ngpgsig", 1);
        for other in [merge, root, foreign] {
            assert!(Commit::parse(other.as_bytes()).is_none(), "{other}");
        }
    }
}
