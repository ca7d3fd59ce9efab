//! What can go wrong with issues, split by who can mend it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why an issue could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no issue at this address.
    #[error("there is no issue {url:?}")]
    UnknownIssue {
        /// The address that was given.
        url: String,
    },
    /// The issue is a file that another machine has written, and is not here.
    #[error("the issue {url} is a file of another machine")]
    NotHere {
        /// The address that was given.
        url: String,
    },
    /// There is no pull request at this address.
    #[error("there is no pull request {url}")]
    UnknownPullRequest {
        /// The address that was given.
        url: String,
    },
    /// A pull request needs two branches that are there.
    #[error("there is no branch {branch} in {repository} on GitHub")]
    NoBranch {
        /// The branch that is missing.
        branch: String,
        /// `owner/name`.
        repository: String,
    },
    /// A pull request without a commit is none.
    #[error("{base} already has every commit of {head}")]
    NothingToMerge {
        /// The branch that was to be brought.
        head: String,
        /// The branch that it is for.
        base: String,
    },
    /// Drafts are not part of every plan.
    #[error("{repository} has no draft pull requests")]
    NoDrafts {
        /// `owner/name`.
        repository: String,
    },
    /// The repository does not let its jobs open pull requests.
    #[error(
        "GitHub lets no job of this repository open a pull request with its own token: switch on \
         \"Allow GitHub Actions to create and approve pull requests\" in its settings (Actions, \
         General), or give belay the token of a GitHub App or of a person"
    )]
    JobsMayNotOpen,
    /// Somebody edited the issue so that it cannot be read any more. It is
    /// left as it is; a person has to mend it.
    #[error("the issue {file} cannot be read: {why}")]
    Damaged {
        /// The issue's file, relative to the top.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// A symbolic link stands where the folder of issues should be; following
    /// it would write outside the repository.
    #[error("{} is a symbolic link or no folder: issues are not written through it", path.display())]
    Refused {
        /// The link.
        path: PathBuf,
    },
    /// The issue has no room for more.
    #[error("the issue {file} would grow beyond {limit} bytes")]
    TooLarge {
        /// The issue's file, relative to the top.
        file: String,
        /// The most it may hold.
        limit: usize,
    },
    /// What was handed in makes no sense.
    #[error("{0}")]
    Invalid(&'static str),
    /// Another process kept the folder locked for too long.
    #[error("another process keeps the folder of issues locked")]
    Busy,
    /// The disk refused.
    #[error("{action}: {source}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The address is of another place than the one that was asked: nobody can
    /// tell from here how the issue stands.
    #[error("the issue {url} is not kept where issues are kept now")]
    Elsewhere {
        /// The address that was given.
        url: String,
    },
    /// The service does not take the token at all.
    #[error("GitHub does not take the token: {said}")]
    BadToken {
        /// The service's words.
        said: String,
    },
    /// The token lacks a right.
    #[error("the token may not {action}; it lacks {right}")]
    Forbidden {
        /// What was to be done.
        action: &'static str,
        /// The right, as the service or its documentation names it.
        right: String,
    },
    /// Refused as before, for the reason that was given then.
    #[error("GitHub still refuses to let us {action}, for the reason told before")]
    StillRefused {
        /// What was to be done.
        action: &'static str,
    },
    /// The repository has no issues.
    #[error("issues are switched off in {repository}")]
    IssuesDisabled {
        /// `owner/name`.
        repository: String,
    },
    /// The repository is archived.
    #[error("{repository} is archived: nothing can be written there")]
    Archived {
        /// `owner/name`.
        repository: String,
    },
    /// There is no such repository, as far as the token can see.
    #[error("there is no repository {repository}, or the token may not see it")]
    UnknownRepository {
        /// `owner/name`.
        repository: String,
    },
    /// The conversation is locked.
    #[error("the issue is locked: nobody may {action}")]
    Locked {
        /// What was to be done.
        action: &'static str,
    },
    /// No answer, or none of the service itself. It may be there again later.
    #[error("GitHub is out of reach: {why}")]
    Unreachable {
        /// What the network said, without the address.
        why: String,
    },
    /// Too many requests.
    #[error("GitHub takes no request for another {} s", retry_in.as_secs().max(1))]
    RateLimited {
        /// How long it is to be left alone.
        retry_in: Duration,
    },
    /// Any other refusal.
    #[error("GitHub refused to {action} ({status}): {said}")]
    Rejected {
        /// What was to be done.
        action: &'static str,
        /// The answer's status.
        status: u16,
        /// The service's words.
        said: String,
    },
    /// The work was cut off: the runtime is shutting down.
    #[error("the work on the folder of issues was cut off")]
    Interrupted,
}

impl Error {
    /// Whether the same may go well later without anybody doing anything.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::RateLimited { .. } | Self::Busy | Self::Interrupted
        )
    }
}

/// Names what was being done when the system refused.
pub(crate) trait During<T> {
    fn during(self, action: &'static str) -> Result<T, Error>;
}

impl<T, E: Into<io::Error>> During<T> for Result<T, E> {
    fn during(self, action: &'static str) -> Result<T, Error> {
        self.map_err(|error| Error::Io { action, source: error.into() })
    }
}
