//! Files of ours under refs of ours, here and on a remote: a commit that holds
//! them and nothing else, moved together with branches, all or none.
//!
//! The failure this prevents: a state that says a milestone is done, on a
//! remote whose branch has not got it, or the other way round.

use crate::error::Error;
use crate::git::Call;
use crate::objects::{CommitId, TreeId};
use crate::refs::commit_id;
use crate::remote::discreet;
use crate::repository::{Repository, tree_id};

/// Who such commits are by, and when: the same files are the same commit.
const STAMP: [(&str, &str); 6] = [
    ("GIT_AUTHOR_NAME", "belay"),
    ("GIT_AUTHOR_EMAIL", "belay@localhost"),
    ("GIT_AUTHOR_DATE", "@0 +0000"),
    ("GIT_COMMITTER_NAME", "belay"),
    ("GIT_COMMITTER_EMAIL", "belay@localhost"),
    ("GIT_COMMITTER_DATE", "@0 +0000"),
];

/// A ref to be moved on a remote, by its full name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefMove {
    /// Its full name.
    pub name: String,
    /// Where it is to stand.
    pub to: CommitId,
    /// Where it stands now; `None` means that it must not exist there yet.
    pub over: Option<CommitId>,
}

impl Repository {
    /// Makes a commit that holds these files, at its top, and nothing else. It
    /// stands on `upon`, so that whoever fetches it has that too. No ref is
    /// moved to it.
    ///
    /// # Errors
    ///
    /// `Git`, `Cancelled`.
    pub async fn bundle(
        &self,
        files: &[(&str, &[u8])],
        upon: &CommitId,
    ) -> Result<CommitId, Error> {
        let mut listing = String::new();
        for (name, content) in files {
            let args = ["hash-object", "-w", "--no-filters", "--stdin"];
            let call = Call::new(&args).stdin(content.to_vec()).uninterrupted();
            let blob = self.caller().line(&call).await?;
            listing.push_str(&format!("100644 blob {blob}\t{name}\n"));
        }
        let call = Call::new(&["mktree"]).stdin(listing).uninterrupted();
        let tree: TreeId = tree_id("mktree", &self.caller().line(&call).await?)?;
        let args =
            ["commit-tree", tree.as_str(), "-p", upon.as_str(), "-m", "state of a belay run"];
        let call = STAMP
            .iter()
            .fold(Call::new(&args).uninterrupted(), |call, (name, value)| call.env(name, *value));
        commit_id("commit-tree", &self.caller().line(&call).await?)
    }

    /// A file of a bundle; `None` if it has none of the name.
    ///
    /// # Errors
    ///
    /// `Unreadable` for one of more than `most` bytes; `Git`, `Cancelled`.
    pub async fn bundled(
        &self,
        bundle: &CommitId,
        name: &str,
        most: usize,
    ) -> Result<Option<Vec<u8>>, Error> {
        let object = format!("{bundle}:{name}");
        let exists = Call::new(&["cat-file", "-e", &object]).uninterrupted();
        if !self.caller().try_run(&exists).await?.success() {
            return Ok(None);
        }
        let call = Call::new(&["cat-file", "blob", &object]).keep(most).uninterrupted();
        self.caller().bytes(&call).await.map(Some)
    }

    /// The refs whose full names begin like this, which must end in a slash,
    /// on a remote, with where they stand.
    ///
    /// # Errors
    ///
    /// `Git` if the remote cannot be asked; `Cancelled`.
    pub async fn remote_refs(
        &self,
        remote: &str,
        beginning: &str,
    ) -> Result<Vec<(String, CommitId)>, Error> {
        let pattern = format!("{beginning}*");
        let args = ["ls-remote", "--quiet", "--", remote, &pattern];
        let list = self
            .caller()
            .line(&self.over_the_network(remote, &args).await?)
            .await
            .map_err(discreet)?;
        let named = list.lines().filter_map(|line| line.split_once('\t'));
        named
            .filter(|(_, name)| name.starts_with(beginning))
            .map(|(id, name)| Ok((name.to_owned(), commit_id("ls-remote", id)?)))
            .collect()
    }

    /// The refs of this repository whose full names begin like this.
    ///
    /// # Errors
    ///
    /// `Git`, `Cancelled`.
    pub async fn refs(&self, beginning: &str) -> Result<Vec<(String, CommitId)>, Error> {
        let args = ["for-each-ref", "--format=%(objectname)%09%(refname)", beginning];
        let list = self.caller().line(&Call::new(&args).uninterrupted()).await?;
        let named = list.lines().filter_map(|line| line.split_once('\t'));
        named.map(|(id, name)| Ok((name.to_owned(), commit_id("for-each-ref", id)?))).collect()
    }

    /// Moves all of the refs on the remote, or none of them. No hook is run,
    /// and nobody is asked for a password.
    ///
    /// # Errors
    ///
    /// `Git` if one of them stands elsewhere, or the remote cannot be reached
    /// or refuses; `Cancelled`. After an error they may have been moved all the
    /// same: see `remote_refs`.
    pub async fn publish(&self, remote: &str, moves: &[RefMove]) -> Result<(), Error> {
        let lease = |one: &RefMove| {
            let over = one.over.as_ref().map(CommitId::as_str).unwrap_or_default();
            format!("--force-with-lease={}:{over}", one.name)
        };
        let leases: Vec<String> = moves.iter().map(lease).collect();
        let moved: Vec<String> =
            moves.iter().map(|one| format!("{}:{}", one.to, one.name)).collect();
        let mut args = vec!["push", "--quiet", "--porcelain", "--no-verify"];
        // Not every remote knows how; one ref is all or none by itself.
        args.extend((moves.len() > 1).then_some("--atomic"));
        args.extend(leases.iter().map(String::as_str));
        args.extend(["--", remote]);
        args.extend(moved.iter().map(String::as_str));
        let call = self.over_the_network(remote, &args).await?.options(&crate::remote::OPTIONS);
        self.caller().run(&call).await.map(drop).map_err(discreet)
    }
}
