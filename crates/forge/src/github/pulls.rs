//! Pull requests: looked for by their branch before and after, as issues are
//! by their marker.

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::error::Error;
use crate::pull_request::{NewPullRequest, PullRequest, PullRequestState, PullRequests};
use crate::text;

use super::answer::Answer;
use super::making::LOOKS;
use super::people::segment;
use super::pull_text::{composed, renewed};
use super::rows::{self, PullRow};
use super::wire::{self, Call, GRAPHQL, Method};
use super::{GitHub, address};

const OPEN: &str = "open a pull request";
const LOOK: &str = "look at a pull request";
const UPDATE: &str = "bring a pull request up to date";
const READY: &str = "mark a pull request as ready";
/// Only this interface can do it; the other one ignores the wish without a word.
const MUTATION: &str = "mutation($id: ID!) { markPullRequestReadyForReview(input: { pullRequestId: $id }) { pullRequest { isDraft } } }";

#[async_trait]
impl PullRequests for GitHub {
    async fn open_pull_request(&self, new: &NewPullRequest) -> Result<Option<PullRequest>, Error> {
        new.marker.check()?;
        if text::title(&new.title).is_empty() || new.head.is_empty() || new.base.is_empty() {
            return Err(Error::Invalid("a pull request needs a title and two branches"));
        }
        let _making = self.making.lock().await;
        let row = match self.find_pull(new).await? {
            Some(found) => found,
            None => self.open_pull(new).await?,
        };
        // One that was found may say how things stood long ago.
        let row = self.refreshed(row, &new.body, !new.draft).await?;
        Ok(Some(row.into_pull_request()))
    }

    async fn update_pull_request(
        &self,
        url: &str,
        body: &str,
        ready: bool,
    ) -> Result<PullRequest, Error> {
        let elsewhere = || Error::Elsewhere { url: url.to_owned() };
        let address = address::of_pull_request(url).ok_or_else(elsewhere)?;
        let number = self.number_here(url, address).await?;
        let row = self.pull(url, number).await?;
        Ok(self.refreshed(row, body, ready).await?.into_pull_request())
    }
}

impl GitHub {
    /// Our part of its text as it is to be now, and no draft any more where it is `ready`.
    async fn refreshed(&self, mut row: PullRow, body: &str, ready: bool) -> Result<PullRow, Error> {
        let now = row.text();
        let text = renewed(&now, body).filter(|_| row.state() == PullRequestState::Open);
        let Some(text) = text else { return Ok(row) };
        if text.trim_end() != now.trim_end() {
            self.again(&self.pull_call(row.number, json!({ "body": text }))).await?;
        }
        if ready && row.draft {
            self.mark_ready(&row).await?;
            row.draft = false;
        }
        Ok(row)
    }

    async fn open_pull(&self, new: &NewPullRequest) -> Result<PullRow, Error> {
        let call = Call {
            method: Method::Post,
            path: format!("{}/pulls", self.wire.repository_path()),
            body: Some(json!({
                "title": text::title(&new.title),
                "body": composed(&new.body, &new.below, &new.marker),
                "head": new.head,
                "base": new.base,
                "draft": new.draft,
            })),
            action: OPEN,
        };
        for _ in 0..2 {
            match self.wire.answered(&call).await {
                Ok(answer) if answer.is_success() => return rows::read(answer),
                Ok(answer) => {
                    // Somebody else may have opened it since it was looked for.
                    let found = match answer.status {
                        422 => self.find_pull(new).await?,
                        _ => None,
                    };
                    return found.ok_or_else(|| self.not_opened(&answer, new));
                }
                Err(failure) if failure.is_ambiguous => {
                    for look in 0..LOOKS {
                        if look > 0 {
                            self.wire.clock.pause(self.wire.settings.pace).await;
                        }
                        if let Some(found) = self.find_pull(new).await? {
                            return Ok(found);
                        }
                    }
                }
                Err(failure) => return Err(failure.error),
            }
        }
        Err(wire::unreachable("the answers to our requests are lost"))
    }

    /// Ours, whatever became of it; else one from the branch that is open, by us or by somebody
    /// with write access: a second one beside it is refused anyway.
    async fn find_pull(&self, new: &NewPullRequest) -> Result<Option<PullRow>, Error> {
        let home = self.home().await?;
        let owner = home.split_once('/').map_or(home.as_str(), |(owner, _)| owner);
        let head = segment(&format!("{owner}:{}", new.head));
        let path = format!(
            "{}/pulls?head={head}&state=all&sort=created&direction=desc&per_page=100",
            self.wire.repository_path()
        );
        let rows: Vec<PullRow> = rows::read(self.wire.get(path, "list pull requests").await?)?;
        let mut open = None;
        let mut ours = None;
        for row in rows.into_iter().filter(|row| row.is_from(&home, &new.head)) {
            let is_known = row.marker().as_ref() == Some(&new.marker);
            let is_same = row.state() == PullRequestState::Open && row.base.name == new.base;
            // A marker can be copied; who wrote it cannot.
            if (is_known || is_same) && self.people.is_ours(&self.wire, row.user.as_ref()).await? {
                if is_known { ours = Some(row) } else { open = Some(row) }
            }
        }
        Ok(ours.or(open))
    }

    /// Why the service did not open it, by the field that it names.
    fn not_opened(&self, answer: &Answer, new: &NewPullRequest) -> Error {
        let all: Vec<&Value> = answer.body["errors"].as_array().into_iter().flatten().collect();
        let is_about = |field: &str| all.iter().any(|error| error["field"] == field);
        let more = all.iter().filter_map(|error| error["message"].as_str());
        let words = [answer.said()].into_iter().chain(more).collect::<Vec<_>>().join(": ");
        let said = |part: &str| words.contains(part);
        let repository = self.wire.settings.repository();
        let (head, base) = (new.head.clone(), new.base.clone());
        match answer.status {
            422 if is_about("head") => Error::NoBranch { branch: head, repository },
            422 if is_about("base") => Error::NoBranch { branch: base, repository },
            422 if said("No commits between") => Error::NothingToMerge { head, base },
            422 if said("Draft pull requests are not supported") => Error::NoDrafts { repository },
            422 => {
                let said = self.wire.settings.token.clean(&words);
                Error::Rejected { action: OPEN, status: answer.status, said }
            }
            _ => self.wire.refusal(answer, OPEN, true),
        }
    }

    async fn pull(&self, url: &str, number: u64) -> Result<PullRow, Error> {
        let path = format!("{}/pulls/{number}", self.wire.repository_path());
        let answer = self.wire.ask(path, LOOK).await?;
        match answer.status {
            200 => rows::read(answer),
            404 => match self.repository(&self.wire.settings.repository()).await {
                Ok(_) => Err(Error::UnknownPullRequest { url: url.to_owned() }),
                Err(error) => Err(error),
            },
            _ => Err(self.wire.refusal(&answer, LOOK, false)),
        }
    }

    fn pull_call(&self, number: u64, fields: Value) -> Call {
        Call {
            method: Method::Patch,
            path: format!("{}/pulls/{number}", self.wire.repository_path()),
            body: Some(fields),
            action: UPDATE,
        }
    }

    async fn mark_ready(&self, row: &PullRow) -> Result<(), Error> {
        let call = Call {
            method: Method::Post,
            path: GRAPHQL.to_owned(),
            body: Some(json!({ "query": MUTATION, "variables": { "id": row.node_id } })),
            action: READY,
        };
        let answer = self.again(&call).await?;
        // This interface refuses with a success.
        match answer.body["errors"].as_array().and_then(|errors| errors.first()) {
            None => Ok(()),
            Some(error) => Err(self.wire.mutation_refusal(error, READY)),
        }
    }
}
