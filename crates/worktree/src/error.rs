//! What can go wrong with a repository, split by who must act: the person who
//! started in the wrong place, the model that wrote to the wrong path, or
//! nobody because git itself failed, whose own sentence is then kept.

use std::io;
use std::path::PathBuf;

use crate::guard::Refusal;
use crate::objects::CommitId;
use crate::text::one_line;

/// Why something could not be done to the repository. Nothing is half done:
/// no error leaves a changed branch, index or file of the person behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No repository contains the folder, or git will not use it; the reason
    /// is git's own.
    #[error("not a usable git repository: {}: {reason}", path.display())]
    NotARepository {
        /// Where was looked.
        path: PathBuf,
        /// What git said about it.
        reason: String,
    },
    /// The repository has no files checked out.
    #[error("a bare repository has no files to work on: {}", path.display())]
    Bare {
        /// Where was looked.
        path: PathBuf,
    },
    /// There is nothing to build upon yet.
    #[error("the repository has no commit yet: {}", path.display())]
    NoCommit {
        /// The repository's top.
        path: PathBuf,
    },
    /// The name does not mean a commit.
    #[error("no such commit: {}", one_line(rev))]
    UnknownRevision {
        /// As given.
        rev: String,
    },
    /// Not a name for a branch.
    #[error("not a valid branch name: {branch:?}")]
    BadBranchName {
        /// As given.
        branch: String,
    },
    /// Not a name under which work can be kept.
    #[error("not a name to keep work under: {name:?}")]
    BadKeptName {
        /// As given.
        name: String,
    },
    /// The branch does not stand where the caller thinks.
    #[error("branch {branch} has moved: it stands at {}", found.as_ref().map_or("nothing", CommitId::as_str))]
    BranchMoved {
        /// Without `refs/heads/`.
        branch: String,
        /// Where it stands now; `None` if it does not exist.
        found: Option<CommitId>,
    },
    /// The branch is checked out in a worktree that is not ours: moved, it
    /// would leave files and index there behind.
    #[error(
        "branch {branch} is checked out at {}; check out another one there, so that it can be moved",
        at.display()
    )]
    BranchCheckedOut {
        /// Without `refs/heads/`.
        branch: String,
        /// The worktree's top.
        at: PathBuf,
    },
    /// The token given to `Repository::with_cancel` was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// A path that may not be written.
    #[error("{}: {why}", one_line(path))]
    Refused {
        /// As given.
        path: String,
        /// A clause that follows the path.
        why: String,
    },
    /// A deny pattern that is not a glob.
    #[error("bad deny pattern {pattern:?}: {reason}")]
    BadPattern {
        /// As given.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The folder for the linked worktree belongs to somebody else.
    #[error("{} is not a worktree made by belay: {why}", path.display())]
    NotOurs {
        /// The folder.
        path: PathBuf,
        /// What was found there.
        why: String,
    },
    /// A commit that is to be signed cannot be: no key, a key that wants a
    /// passphrase, no program, no answer in time.
    #[error("the commit cannot be signed: {reason}")]
    Unsigned {
        /// What git and the signing program said, bounded.
        reason: String,
    },
    /// git ended with an error.
    #[error("git {command}: {message}")]
    Git {
        /// The subcommand.
        command: String,
        /// What git said, bounded.
        message: String,
    },
    /// git answered, but not in the form it documents.
    #[error("git {command} gave an answer that cannot be read: {what}")]
    Unreadable {
        /// The subcommand.
        command: String,
        /// What was expected.
        what: String,
    },
    /// A program could not be run at all.
    #[error(transparent)]
    Subprocess(#[from] subprocess::Error),
    /// A file of ours could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused { path: refusal.path, why: refusal.why }
    }
}

/// Attaches a path to an error of the file system.
pub(crate) fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
    let path = path.into();
    move |source| Error::Io { path, source }
}
