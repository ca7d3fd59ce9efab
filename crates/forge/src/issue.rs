//! An issue, wherever it is kept.

use crate::marker::Marker;

/// An issue to be made, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewIssue {
    /// One line; longer ones are cut at [`MAX_TITLE_CHARS`](crate::MAX_TITLE_CHARS).
    pub title: String,
    /// Markdown; longer ones are cut at [`MAX_BODY_BYTES`](crate::MAX_BODY_BYTES).
    pub body: String,
    /// At most [`MAX_LABELS`](crate::MAX_LABELS) of them.
    pub labels: Vec<String>,
    /// What the issue is known by.
    pub marker: Marker,
}

/// An issue as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Where a person finds it: a path relative to the repository's top, or a
    /// web address.
    pub url: String,
    /// Its number, never given twice.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// Its text, without comments.
    pub body: String,
    /// Its labels.
    pub labels: Vec<String>,
    /// Whether it waits for somebody.
    pub state: IssueState,
    /// What it is known by, if it was made by a run.
    pub marker: Option<Marker>,
}

/// An issue with what people did to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The issue.
    pub issue: Issue,
    /// Whether a person closed it, as opposed to a [`close`](crate::Forge::close)
    /// of ours. Once we have closed an issue, a person who opens it and closes
    /// it again cannot be told from us everywhere; that counts as ours, so that
    /// nothing is given up for good by mistake.
    pub closed_by_person: bool,
    /// What people answered, in order: at most [`MAX_REPLIES`](crate::MAX_REPLIES),
    /// the last ones where there are more.
    pub replies: Vec<Reply>,
}

/// What a person answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Who, where that is known.
    pub author: Option<String>,
    /// Markdown of unknown origin and never empty: without control and
    /// invisible characters and without look-alikes of our marks, at most
    /// [`MAX_REPLY_BYTES`](crate::MAX_REPLY_BYTES) and a note that it was cut.
    pub body: String,
}

/// Whether an issue waits for somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssueState {
    /// It does.
    Open,
    /// It does not.
    Closed,
}
