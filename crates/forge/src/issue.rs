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

/// Whether an issue waits for somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssueState {
    /// It does.
    Open,
    /// It does not.
    Closed,
}
