//! Ideas that people put into issues: taken as they stood when somebody with write access put the
//! label on them, or not at all.
//!
//! The failure this prevents: the text is approved, and another one is worked on. GitHub's REST
//! interface has no event for an edit of a text, and nothing has a text's earlier versions for
//! certain. But one question to the other interface tells text, time of its last edit, and every
//! label and title in one moment; so what was edited after its label is not taken.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use crate::error::Error;
use crate::text;
use crate::visible::visible;

use super::rows::{self, User};
use super::wire::unreachable;
use super::{GitHub, listing};

/// The label that makes an idea of an issue.
pub const IDEA_LABEL: &str = "belay:idea";
/// What one question asks for, the newest of them.
const QUESTION: &str = "query($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) {
    issue(number: $number) {
      number url title body state lastEditedAt
      labels(first: 100) { nodes { name } }
      timelineItems(last: 100, itemTypes: [LABELED_EVENT, UNLABELED_EVENT, RENAMED_TITLE_EVENT, TRANSFERRED_EVENT]) {
        nodes {
          __typename
          ... on LabeledEvent { createdAt actor { __typename login } label { name } }
          ... on UnlabeledEvent { createdAt actor { __typename login } label { name } }
          ... on RenamedTitleEvent { createdAt }
          ... on TransferredEvent { createdAt }
        }
      }
    }
  }
}";
const ACTION: &str = "read an idea";

/// An idea as it stood when its label was put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdeaIssue {
    /// The issue's number.
    pub number: u64,
    /// Its address.
    pub url: String,
    /// One line.
    pub title: String,
    /// What people saw of its text; may be empty.
    pub text: String,
    /// Who put the label.
    pub by: String,
}

/// Why an issue is not taken as an idea.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// There is none of this number; a pull request is none.
    #[error("there is no such issue")]
    Unknown,
    /// It is closed.
    #[error("it is closed")]
    Closed,
    /// It does not carry the label.
    #[error("it has no label {IDEA_LABEL}")]
    Unlabelled,
    /// The label was put by an app, by a template, or by somebody without write access.
    #[error("its label {IDEA_LABEL} was put by {who}, who may not write to the repository")]
    Stranger {
        /// Who.
        who: String,
    },
    /// What it says now is not what it said when the label was put.
    #[error(
        "it was edited after its label {IDEA_LABEL} was put: take the label off and put it again"
    )]
    Edited {
        /// Its address.
        url: String,
        /// When the label was put; one word.
        labelled_at: String,
    },
}

#[derive(Deserialize)]
struct Told {
    data: Option<Data>,
    #[serde(default)]
    errors: Vec<Trouble>,
}

#[derive(Deserialize)]
struct Trouble {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
struct Data {
    repository: Option<RepositoryPart>,
}

#[derive(Deserialize)]
struct RepositoryPart {
    issue: Option<IssuePart>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IssuePart {
    number: u64,
    url: String,
    title: String,
    body: String,
    state: String,
    /// Left out is not never.
    #[serde(deserialize_with = "told")]
    last_edited_at: Option<Timestamp>,
    labels: Nodes<Label>,
    timeline_items: Nodes<Happening>,
}

fn told<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    Option::deserialize(from)
}

#[derive(Deserialize)]
struct Nodes<T> {
    nodes: Vec<T>,
}

#[derive(Deserialize)]
struct Label {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Happening {
    #[serde(rename = "__typename")]
    kind: String,
    created_at: Timestamp,
    actor: Option<Actor>,
    label: Option<Label>,
}

#[derive(Deserialize)]
struct Actor {
    #[serde(rename = "__typename")]
    kind: String,
    login: String,
}

impl Label {
    fn is_ours(&self) -> bool {
        self.name.eq_ignore_ascii_case(IDEA_LABEL)
    }
}

impl Happening {
    fn is_about_the_label(&self) -> bool {
        self.label.as_ref().is_some_and(Label::is_ours)
    }
}

impl GitHub {
    /// The numbers of open issues with the label, the oldest first. Whether each may be taken is
    /// another question.
    ///
    /// # Errors
    /// When the issues cannot be listed.
    pub async fn labelled_ideas(&self) -> Result<Vec<u64>, Error> {
        listing::open_with(&self.wire, IDEA_LABEL).await
    }

    /// The idea in an issue, or why it is not taken.
    ///
    /// # Errors
    /// When that cannot be told now.
    pub async fn idea(&self, number: u64) -> Result<Result<IdeaIssue, Unfit>, Error> {
        let Some(found) = self.issue_part(number).await? else { return Ok(Err(Unfit::Unknown)) };
        if found.state != "OPEN" {
            return Ok(Err(Unfit::Closed));
        }
        let put = match standing(&found) {
            Ok(put) => put,
            Err(unfit) => return Ok(Err(unfit)),
        };
        let Some(actor) = put.actor.as_ref() else {
            return Ok(Err(Unfit::Stranger { who: "an account that is gone".to_owned() }));
        };
        let user = User::person(&actor.login);
        if actor.kind != "User" || !self.people.may_write(&self.wire, &user).await? {
            return Ok(Err(Unfit::Stranger { who: text::title(&actor.login) }));
        }
        Ok(Ok(IdeaIssue {
            number: found.number,
            by: user.login,
            title: text::title(&visible(&found.title)),
            text: text::body(visible(&found.body).trim()),
            url: found.url,
        }))
    }

    async fn issue_part(&self, number: u64) -> Result<Option<IssuePart>, Error> {
        let settings = &self.wire.settings;
        let variables = json!({
            "owner": settings.owner, "name": settings.name, "number": number,
        });
        let body = json!({ "query": QUESTION, "variables": variables });
        let answer = self.wire.query(body, ACTION).await?;
        let rest = answer.told.used_up;
        let told: Told = rows::read(answer)?;
        if let Some(issue) = told.data.and_then(|data| data.repository?.issue) {
            return Ok(Some(issue));
        }
        let Some(trouble) = told.errors.into_iter().next() else {
            return Err(unreachable("it answered without an issue"));
        };
        let said = settings.token.clean(&trouble.message);
        match trouble.kind.as_str() {
            "NOT_FOUND" => Ok(None),
            "RATE_LIMITED" => Err(Error::RateLimited { retry_in: rest.unwrap_or_default() }),
            "FORBIDDEN" | "INSUFFICIENT_SCOPES" => {
                Err(Error::Forbidden { action: ACTION, right: said })
            }
            _ => Err(Error::Rejected { action: ACTION, status: 200, said }),
        }
    }
}

/// The putting of the label that still stands, with text and title as they were then. Stamps have
/// whole seconds: what was edited in the same one may have been edited after.
fn standing(issue: &IssuePart) -> Result<&Happening, Unfit> {
    if !issue.labels.nodes.iter().any(Label::is_ours) {
        return Err(Unfit::Unlabelled);
    }
    let happened = &issue.timeline_items.nodes;
    let at = happened.iter().rposition(Happening::is_about_the_label).ok_or(Unfit::Unlabelled)?;
    let (put, later) = happened.get(at..).and_then(<[_]>::split_first).ok_or(Unfit::Unlabelled)?;
    if put.kind != "LabeledEvent" {
        return Err(Unfit::Unlabelled);
    }
    let edited = issue.last_edited_at.is_some_and(|edited_at| edited_at >= put.created_at);
    let moved = later.iter().any(|one| one.label.is_none());
    if edited || moved {
        let (url, labelled_at) = (issue.url.clone(), put.created_at.to_string());
        return Err(Unfit::Edited { url, labelled_at });
    }
    Ok(put)
}
