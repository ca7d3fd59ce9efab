//! Issues for people, behind one trait: on GitHub, or in a folder of Markdown
//! files with the same promises where there is no GitHub. Pull requests, behind
//! another: on GitHub, or nowhere.
//!
//! The failure this prevents: a run that cannot go on without a person says so
//! eleven times over in as many hours, or never. An issue carries a hidden
//! [`Marker`], is looked for before it is made, and is made once; so is a
//! comment. What models and strangers write into a title or a body cannot pass
//! for a marker.

/// The readme's example is run as those here are.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod clock;
mod error;
mod folder;
mod github;
mod issue;
mod marker;
mod places;
mod pull_request;
mod replies;
mod text;
mod visible;

use async_trait::async_trait;

pub use clock::{Clock, SystemClock};
pub use error::Error;
pub use folder::Folder;
pub use github::{Condition, GitHub, IDEA_LABEL, IdeaIssue, Proxy, Settings, Token, Unfit};
pub use issue::{Issue, IssueState, NewIssue, Reply, Seen};
pub use marker::Marker;
pub use places::Places;
pub use pull_request::{NewPullRequest, PullRequest, PullRequestState, PullRequests};
pub use text::{
    ANSWER, MAX_BODY_BYTES, MAX_LABELS, MAX_REPLIES, MAX_REPLY_BYTES, MAX_TITLE_CHARS, neutralise,
};

/// Where issues are kept.
///
/// Cancellation: dropping a future stops the waiting, but what was begun may
/// still be done. Every verb may be called again: what was done is found and not
/// done twice.
#[async_trait]
pub trait Forge: Send + Sync {
    /// Every open issue, by number; the thousand oldest where there are more.
    ///
    /// # Errors
    /// When the issues cannot be listed. One issue that cannot be read does
    /// not hide the others.
    async fn open_issues(&self) -> Result<Vec<Issue>, Error>;

    /// Looks for an issue with the marker, open or closed, and gives it back;
    /// makes one if there is none.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an empty title or marker.
    async fn create(&self, new: &NewIssue) -> Result<Issue, Error>;

    /// The issue as it stands, open or closed, and what people wrote in answer
    /// to it. Changes nothing.
    ///
    /// # Errors
    /// [`Error::UnknownIssue`], also for one that a person deleted;
    /// [`Error::Damaged`] for one that cannot be read.
    async fn look(&self, url: &str) -> Result<Seen, Error>;

    /// Adds a comment, unless one with this marker is there already. The
    /// marker is any text that names the comment within its issue.
    ///
    /// # Errors
    /// [`Error::UnknownIssue`]; [`Error::TooLarge`] when the issue is full.
    async fn comment(&self, url: &str, body: &str, marker: &str) -> Result<(), Error>;

    /// Replaces the issue's text, which then says how things stand now; title,
    /// state, labels and comments stay. A text that people have answered in is
    /// left as it is.
    ///
    /// # Errors
    /// [`Error::UnknownIssue`]; [`Error::Damaged`]; [`Error::TooLarge`].
    async fn update(&self, url: &str, body: &str) -> Result<(), Error>;

    /// Closes the issue and says why. A closed issue is left as it is.
    ///
    /// # Errors
    /// [`Error::UnknownIssue`]; [`Error::Damaged`] if its state cannot be set.
    async fn close(&self, url: &str, reason: &str) -> Result<(), Error>;
}
