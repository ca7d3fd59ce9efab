//! Issues and pull requests on GitHub, or on an Enterprise server, over its REST interface.
//!
//! The failures this prevents: an answer is lost after the issue was made, and
//! the next try makes it again; a stranger's comment is taken for an answer, a
//! stranger's issue for one of ours; a service that throttles or is gone is
//! asked on and on. Whatever cannot be done now is an error that says whether
//! the same may go well later.

mod address;
mod answer;
mod ideas;
mod limits;
mod listing;
mod making;
mod people;
mod pull_text;
mod pulls;
mod rows;
mod settings;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{Mutex, OnceCell};

use crate::Forge;
use crate::clock::Clock;
use crate::error::Error;
use crate::issue::{Issue, NewIssue, Reply, Seen};
use crate::marker::{Marker, encode};
use crate::replies;
use crate::text::{self, MARK, MAX_REPLIES};

use address::Address;
use answer::Answer;
use people::People;
use rows::{CommentRow, IssueRow};
use wire::{Call, Failure, Method, Wire};

pub use ideas::{IDEA_LABEL, IdeaIssue, Unfit};
pub use settings::{Proxy, Settings, Token};

/// The mark of our comment that says why an issue was closed.
const CLOSED: &str = "closed";

/// The issues of one repository.
pub struct GitHub {
    wire: Wire,
    people: People,
    /// Held while an issue or a comment is looked for and made: two at once
    /// would both find nothing.
    making: Mutex<making::Prepared>,
    /// How the repository is called now, once that was asked.
    home: OnceCell<String>,
    /// Names that the repository had before.
    aliases: Mutex<Vec<(String, bool)>>,
}

/// What there is to know before a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// How the repository is called now.
    pub full_name: String,
    /// Whose token it is; none for an app's.
    pub login: Option<String>,
    /// Whether the token may write, where the service says so.
    pub may_write: Option<bool>,
    /// Whether it has issues.
    pub has_issues: bool,
    /// Whether nothing can be written any more.
    pub archived: bool,
}

#[derive(Deserialize)]
struct RepositoryRow {
    full_name: String,
    #[serde(default)]
    has_issues: bool,
    #[serde(default)]
    archived: bool,
    permissions: Option<Permissions>,
}

#[derive(Deserialize)]
struct Permissions {
    #[serde(default)]
    push: bool,
    #[serde(default)]
    triage: bool,
}

impl GitHub {
    /// # Errors
    /// [`Error::Invalid`] if the settings make no client. Nothing is sent yet.
    pub fn new(settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        Ok(Self {
            wire: Wire::new(settings, clock)?,
            people: People::default(),
            making: Mutex::default(),
            home: OnceCell::new(),
            aliases: Mutex::default(),
        })
    }

    /// Whether the address is that of an issue on a hosting service.
    pub fn is_address(url: &str) -> bool {
        address::parse(url).is_some()
    }

    /// How repository and token stand.
    ///
    /// # Errors
    /// When the repository cannot be looked at.
    pub async fn examine(&self) -> Result<Condition, Error> {
        let login = self.people.own_login(&self.wire).await?;
        let row = self.repository(&self.wire.settings.repository()).await?;
        Ok(Condition {
            full_name: row.full_name,
            login,
            may_write: row.permissions.map(|own| own.push || own.triage),
            has_issues: row.has_issues,
            archived: row.archived,
        })
    }

    async fn repository(&self, name: &str) -> Result<RepositoryRow, Error> {
        let path = match name.split_once('/') {
            Some((owner, name)) => {
                format!("/repos/{}/{}", people::segment(owner), people::segment(name))
            }
            None => return Err(Error::UnknownRepository { repository: name.to_owned() }),
        };
        rows::read(self.wire.get(path, "look at the repository").await?)
    }

    /// The issue's number, if it is one of this repository under any name.
    async fn number(&self, url: &str) -> Result<u64, Error> {
        let elsewhere = || Error::Elsewhere { url: url.to_owned() };
        self.number_here(url, address::parse(url).ok_or_else(elsewhere)?).await
    }

    /// The name of the repository, also where it was moved.
    async fn home(&self) -> Result<String, Error> {
        let own = self.wire.settings.repository();
        let ask = || async { Ok(self.repository(&own).await?.full_name) };
        self.home.get_or_try_init(ask).await.cloned()
    }

    async fn number_here(&self, url: &str, address: Address) -> Result<u64, Error> {
        let own = self.wire.settings.repository();
        if address.repository.eq_ignore_ascii_case(&own) {
            return Ok(address.number);
        }
        let mut aliases = self.aliases.lock().await;
        let known = aliases.iter().find(|(name, _)| *name == address.repository);
        let is_ours = match known {
            Some((_, is_ours)) => *is_ours,
            None => {
                let named = |row: RepositoryRow| row.full_name;
                let there = self.repository(&address.repository).await.map(named);
                let here = self.home().await?;
                let is_ours = match there {
                    Ok(there) => there.eq_ignore_ascii_case(&here),
                    Err(Error::UnknownRepository { .. }) => false,
                    Err(error) => return Err(error),
                };
                aliases.push((address.repository.clone(), is_ours));
                is_ours
            }
        };
        if is_ours { Ok(address.number) } else { Err(Error::Elsewhere { url: url.to_owned() }) }
    }

    async fn row(&self, url: &str, number: u64) -> Result<IssueRow, Error> {
        let action = "look at an issue";
        let path = format!("{}/issues/{number}", self.wire.repository_path());
        let answer = self.wire.ask(path, action).await?;
        match answer.status {
            200 => {
                let row: IssueRow = rows::read(answer)?;
                // A transfer leads to another repository, where it has another number.
                if row.number == number { Ok(row) } else { Err(unknown(url)) }
            }
            404 | 410 => Err(self.missing(url, &answer).await),
            _ => Err(self.wire.refusal(&answer, action, false)),
        }
    }

    /// An issue that is not there: was it removed, or can nothing be seen any more? A person who
    /// removes an issue is done with it, so the two must not be mixed up.
    async fn missing(&self, url: &str, answer: &Answer) -> Error {
        match self.repository(&self.wire.settings.repository()).await {
            Ok(row) if row.has_issues => unknown(url),
            Ok(_) => {
                let repository = self.wire.settings.repository();
                Error::IssuesDisabled { repository }
            }
            Err(error) if answer.status == 404 => error,
            Err(_) => unknown(url),
        }
    }

    /// What people with write access said in comments, the newest first, and whether one of
    /// our own comments carries the mark.
    async fn comments(&self, row: &IssueRow, mark: &str) -> Result<(Vec<Reply>, bool), Error> {
        let all = listing::comments(&self.wire, row).await?;
        let mut replies = Vec::new();
        let mut is_marked = false;
        for comment in all.into_iter().rev() {
            let text = comment.body.as_deref().unwrap_or_default().replace("\r\n", "\n");
            if text.starts_with(MARK) {
                is_marked |= text.lines().next().is_some_and(|line| line.trim_end() == mark)
                    && self.people.is_ours(&self.wire, comment.user.as_ref()).await?;
            } else if replies.len() < MAX_REPLIES {
                replies.extend(self.reply(&comment, &text).await?);
            }
        }
        Ok((replies, is_marked))
    }

    async fn reply(&self, comment: &CommentRow, text: &str) -> Result<Option<Reply>, Error> {
        let person = comment.user.as_ref().filter(|user| !user.is_bot());
        let (Some(user), Some(body)) = (person, text::reply(text)) else { return Ok(None) };
        let may_write = self.people.may_write(&self.wire, user).await?;
        Ok(may_write.then(|| Reply { author: Some(user.login.clone()), body }))
    }

    async fn seen(&self, row: IssueRow) -> Result<Seen, Error> {
        let closed = mark(CLOSED);
        let (mut said, mut closed_by_us) = self.comments(&row, &closed).await?;
        said.reverse();
        let text = row.text();
        // A twin has it in its text.
        closed_by_us |= text.lines().any(|line| line.trim_end() == closed);
        let mut all = replies::below_headings(&text);
        all.append(&mut said);
        all.drain(..all.len().saturating_sub(MAX_REPLIES));
        // An app that sweeps old issues decides nothing.
        let by_app = row.closed_by.as_ref().is_some_and(rows::User::is_bot);
        let closed_by_person = row.is_closed() && !closed_by_us && !by_app;
        Ok(Seen { closed_by_person, replies: all, issue: row.into_issue() })
    }

    /// Adds a comment with this mark, unless it is there.
    async fn comment_once(&self, row: &IssueRow, mark: &str, body: &str) -> Result<(), Error> {
        let _making = self.making.lock().await;
        if self.comments(row, mark).await?.1 {
            return Ok(());
        }
        let call = Call {
            method: Method::Post,
            path: format!("{}/issues/{}/comments", self.wire.repository_path(), row.number),
            body: Some(json!({ "body": format!("{mark}\n{body}") })),
            action: "comment on an issue",
        };
        match self.wire.write(&call).await {
            Ok(_) => Ok(()),
            Err(failure) if failure.is_ambiguous => {
                // It may have been one more comment than the row says.
                let mut longer = row.clone();
                longer.comments += 1;
                if self.comments(&longer, mark).await?.1 {
                    return Ok(());
                }
                self.wire.write(&call).await.map(drop).map_err(|failure| failure.error)
            }
            Err(failure) => Err(failure.error),
        }
    }

    /// Changes fields of an issue. Doing it twice is doing it once.
    async fn patch(&self, number: u64, fields: Value, action: &'static str) -> Result<(), Error> {
        let call = Call {
            method: Method::Patch,
            path: format!("{}/issues/{number}", self.wire.repository_path()),
            body: Some(fields),
            action,
        };
        self.again(&call).await.map(drop)
    }

    /// Does what is the same whether it is done once or twice.
    async fn again(&self, call: &Call) -> Result<Answer, Error> {
        match self.wire.write(call).await {
            Err(Failure { is_ambiguous: true, .. }) => {
                self.wire.write(call).await.map_err(|failure| failure.error)
            }
            done => done.map_err(|failure| failure.error),
        }
    }
}

#[async_trait]
impl Forge for GitHub {
    async fn open_issues(&self) -> Result<Vec<Issue>, Error> {
        listing::open(&self.wire).await
    }

    async fn create(&self, new: &NewIssue) -> Result<Issue, Error> {
        new.marker.check()?;
        if text::title(&new.title).is_empty() {
            return Err(Error::Invalid("an issue needs a title"));
        }
        let (issue, rest) = {
            let mut prepared = self.making.lock().await;
            self.make(new, &mut prepared).await?
        };
        if let Some(rest) = rest {
            self.comment(&issue.url, &rest, "rest").await?;
        }
        Ok(issue)
    }

    async fn look(&self, url: &str) -> Result<Seen, Error> {
        let number = self.number(url).await?;
        let row = self.row(url, number).await?;
        self.seen(row).await
    }

    async fn comment(&self, url: &str, body: &str, marker: &str) -> Result<(), Error> {
        if marker.is_empty() {
            return Err(Error::Invalid("a comment needs a marker"));
        }
        let number = self.number(url).await?;
        let row = self.row(url, number).await?;
        let mark = mark(&format!("comment={}", encode(marker)));
        self.comment_once(&row, &mark, &text::body(body)).await
    }

    async fn update(&self, url: &str, body: &str) -> Result<(), Error> {
        let number = self.number(url).await?;
        let row = self.row(url, number).await?;
        let marker = row.marker();
        let (text, _) = composed(body, marker.as_ref());
        let now = row.text();
        if text.trim_end() == now.trim_end() || !replies::below_headings(&now).is_empty() {
            return Ok(());
        }
        self.patch(number, json!({ "body": text }), "bring an issue up to date").await
    }

    async fn close(&self, url: &str, reason: &str) -> Result<(), Error> {
        let number = self.number(url).await?;
        let row = self.row(url, number).await?;
        if row.is_closed() {
            return Ok(());
        }
        // The comment first: an issue that is closed without it was closed by a person.
        let said = format!("Closed: {}", text::body(reason));
        self.comment_once(&row, &mark(CLOSED), &said).await?;
        let fields = json!({ "state": "closed", "state_reason": "completed" });
        self.patch(number, fields, "close an issue").await
    }
}

fn unknown(url: &str) -> Error {
    Error::UnknownIssue { url: url.to_owned() }
}

fn mark(name: &str) -> String {
    format!("{MARK}{name} -->")
}

/// The text of an issue with its marker, and what did not fit in.
fn composed(body: &str, marker: Option<&Marker>) -> (String, Option<String>) {
    let (first, rest) = text::body_and_rest(body);
    let first = replies::reserved(&first);
    (marker.map_or_else(|| first.clone(), |marker| marker.embed(&first)), rest)
}
