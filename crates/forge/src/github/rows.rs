//! Issues, comments, pull requests and people as the service lists them: only the fields that
//! are read, so that an older server's answer can be read too.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::Error;
use crate::issue::{Issue, IssueState};
use crate::marker::Marker;
use crate::pull_request::{PullRequest, PullRequestState};
use crate::replies::is_mark;

use super::answer::Answer;
use super::wire::unreachable;

#[derive(Clone, Debug, Deserialize)]
pub(super) struct User {
    pub(super) login: String,
    #[serde(rename = "type", default)]
    kind: String,
}

impl User {
    /// Somebody who is no app.
    pub(super) fn person(login: &str) -> Self {
        Self { login: login.to_owned(), kind: "User".to_owned() }
    }

    pub(super) fn is_bot(&self) -> bool {
        self.kind == "Bot"
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct IssueRow {
    pub(super) number: u64,
    pub(super) html_url: String,
    title: String,
    pub(super) body: Option<String>,
    #[serde(default)]
    labels: Vec<LabelRow>,
    pub(super) state: String,
    /// None for an account that was deleted.
    pub(super) user: Option<User>,
    pub(super) closed_by: Option<User>,
    #[serde(default)]
    pub(super) comments: u64,
    pull_request: Option<Value>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum LabelRow {
    Named { name: Option<String> },
    Plain(String),
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct CommentRow {
    pub(super) body: Option<String>,
    pub(super) user: Option<User>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct PullRow {
    pub(super) number: u64,
    html_url: String,
    #[serde(default)]
    pub(super) node_id: String,
    body: Option<String>,
    state: String,
    merged_at: Option<String>,
    #[serde(default)]
    pub(super) draft: bool,
    pub(super) user: Option<User>,
    head: Side,
    pub(super) base: Side,
}

/// One of the two branches of a pull request.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Side {
    #[serde(rename = "ref")]
    pub(super) name: String,
    /// None for a fork that was deleted.
    repo: Option<SideRepository>,
}

#[derive(Clone, Debug, Deserialize)]
struct SideRepository {
    full_name: String,
}

impl PullRow {
    pub(super) fn text(&self) -> String {
        self.body.as_deref().unwrap_or_default().replace("\r\n", "\n")
    }

    pub(super) fn marker(&self) -> Option<Marker> {
        Marker::find(&self.text())
    }

    /// Whether it brings this branch of this repository; a fork may have one of the same name.
    pub(super) fn is_from(&self, repository: &str, branch: &str) -> bool {
        let from = self.head.repo.as_ref();
        self.head.name == branch
            && from.is_some_and(|from| from.full_name.eq_ignore_ascii_case(repository))
    }

    pub(super) fn state(&self) -> PullRequestState {
        match (self.merged_at.is_some(), self.state.as_str()) {
            (true, _) => PullRequestState::Merged,
            (false, "closed") => PullRequestState::Closed,
            (false, _) => PullRequestState::Open,
        }
    }

    pub(super) fn into_pull_request(self) -> PullRequest {
        let state = self.state();
        PullRequest { url: self.html_url, number: self.number, state, draft: self.draft }
    }
}

impl IssueRow {
    pub(super) fn is_pull_request(&self) -> bool {
        self.pull_request.is_some()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state == "closed"
    }

    pub(super) fn text(&self) -> String {
        self.body.as_deref().unwrap_or_default().replace("\r\n", "\n")
    }

    pub(super) fn marker(&self) -> Option<Marker> {
        Marker::find(&self.text())
    }

    pub(super) fn into_issue(self) -> Issue {
        let text = self.text();
        let shown: Vec<&str> = text.lines().filter(|line| !is_mark(line)).collect();
        let names = self.labels.into_iter().filter_map(|label| match label {
            LabelRow::Named { name } => name,
            LabelRow::Plain(name) => Some(name),
        });
        Issue {
            url: self.html_url,
            number: self.number,
            title: self.title,
            body: shown.join("\n").trim().to_owned(),
            labels: names.collect(),
            state: if self.state == "closed" { IssueState::Closed } else { IssueState::Open },
            marker: Marker::find(&text),
        }
    }
}

/// # Errors
/// [`Error::Unreachable`] for what is not of that shape: a portal's page, say.
pub(super) fn read<T: DeserializeOwned>(answer: Answer) -> Result<T, Error> {
    serde_json::from_value(answer.body).map_err(|_| unreachable("what answered is not GitHub"))
}
