//! Pull requests, where there are any: opened once for a branch, kept current,
//! and never closed by us.
//!
//! The failure this prevents: a process dies between opening one and writing
//! it down, and the next one opens it again; or opens again what a person
//! closed. It is known by its branch and a hidden [`Marker`], whatever became
//! of it since.

use async_trait::async_trait;

use crate::error::Error;
use crate::marker::Marker;

/// A pull request to be opened, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPullRequest {
    /// One line; a person's to change from then on.
    pub title: String,
    /// Markdown of ours, which is kept current.
    pub body: String,
    /// Markdown that stands below it and is a person's to fill in: the
    /// repository's own template. May be empty.
    pub below: String,
    /// The branch that it brings.
    pub head: String,
    /// The branch that it is for.
    pub base: String,
    /// Whether it is not to be reviewed yet.
    pub draft: bool,
    /// What it is known by, besides its branch.
    pub marker: Marker,
}

/// A pull request as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRequest {
    /// Where a person finds it.
    pub url: String,
    /// Its number.
    pub number: u64,
    /// What became of it.
    pub state: PullRequestState,
    /// Whether it is not to be reviewed yet.
    pub draft: bool,
}

/// What became of a pull request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullRequestState {
    /// It waits.
    Open,
    /// Somebody wants no more of it.
    Closed,
    /// It is part of its base.
    Merged,
}

/// Where pull requests are opened, if anywhere.
///
/// Cancellation: as for [`Forge`](crate::Forge).
#[async_trait]
pub trait PullRequests: Send + Sync {
    /// Looks for the pull request of the branch with the marker, open or not,
    /// brings it up to date as [`update_pull_request`](Self::update_pull_request)
    /// does and gives it back; opens one if there is none. One that somebody with
    /// write access has opened from the branch meanwhile is as good. `None`
    /// where there are no pull requests at all.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an empty title, branch or marker;
    /// [`Error::NoBranch`]; [`Error::NothingToMerge`]; [`Error::NoDrafts`].
    async fn open_pull_request(&self, new: &NewPullRequest) -> Result<Option<PullRequest>, Error>;

    /// Replaces our part of its text and, if it is `ready`, ends its being a
    /// draft. What people wrote around our part stays; one that is closed or
    /// merged, and one whose text has no part of ours any more, is left alone.
    ///
    /// # Errors
    /// [`Error::UnknownPullRequest`].
    async fn update_pull_request(
        &self,
        url: &str,
        body: &str,
        ready: bool,
    ) -> Result<PullRequest, Error>;
}
