//! An issue is looked for, made, and looked for again where nobody knows
//! whether it was made. The younger of two twins is closed.

use std::collections::BTreeSet;

use serde_json::json;

use crate::error::Error;
use crate::issue::{Issue, NewIssue};
use crate::marker::Marker;
use crate::text;

use super::rows::{self, IssueRow};
use super::wire::{Call, Method};
use super::{CLOSED, GitHub, composed, listing, mark, people};

/// Looks after a lost answer, a pace apart: a listing may not be up to date yet.
pub(super) const LOOKS: usize = 3;
const MAKE: &str = "make an issue";
/// Colours of the labels that are made.
const COLOUR: &str = "5319e7";

/// What a process has seen to before its first issue.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    /// Labels that need no second look.
    labels: BTreeSet<String>,
    /// Who can be assigned, once that is known.
    assignees: Option<Vec<String>>,
}

impl GitHub {
    /// The issue with the marker, made if it is not there, and what of its text is still to be
    /// told.
    pub(super) async fn make(
        &self,
        new: &NewIssue,
        prepared: &mut Prepared,
    ) -> Result<(Issue, Option<String>), Error> {
        let labels = text::labels(&new.labels);
        let label = labels.first().map(String::as_str);
        if let Some(found) = self.find(&new.marker, label).await? {
            return Ok((found.into_issue(), None));
        }
        for label in &labels {
            self.prepare_label(label, prepared).await?;
        }
        let assignees = self.assignees(prepared).await?;
        let (body, rest) = composed(&new.body, Some(&new.marker));
        let call = Call {
            method: Method::Post,
            path: format!("{}/issues", self.wire.repository_path()),
            body: Some(json!({
                "title": text::title(&new.title),
                "body": body,
                "labels": labels,
                "assignees": assignees,
            })),
            action: MAKE,
        };
        let row = match self.post(&call, &new.marker).await? {
            Some(row) => row,
            // Twice nobody knows what became of it, and it is in no listing.
            None => return Err(super::wire::unreachable("the answers to our requests are lost")),
        };
        Ok((row.into_issue(), rest))
    }

    /// Makes the issue, if need be a second time; nothing where that went no better.
    async fn post(&self, call: &Call, marker: &Marker) -> Result<Option<IssueRow>, Error> {
        for _ in 0..2 {
            match self.wire.write(call).await {
                Ok(answer) => {
                    let row: IssueRow = rows::read(answer)?;
                    // Somebody else may have made the same in the meantime.
                    let older = self.find_newest(marker).await.unwrap_or_else(|error| {
                        tracing::debug!(%error, "no second look at a new issue");
                        None
                    });
                    return Ok(older.filter(|older| older.number < row.number).or(Some(row)));
                }
                Err(failure) if failure.is_ambiguous => {
                    for look in 0..LOOKS {
                        if look > 0 {
                            self.wire.clock.pause(self.wire.settings.pace).await;
                        }
                        if let Some(found) = self.find_newest(marker).await? {
                            return Ok(Some(found));
                        }
                    }
                }
                Err(failure) => return Err(failure.error),
            }
        }
        Ok(None)
    }

    /// The oldest of our issues with the marker: the newest of all issues are looked at, and all
    /// that have the label.
    async fn find(&self, marker: &Marker, label: Option<&str>) -> Result<Option<IssueRow>, Error> {
        let (mut rows, all) = listing::newest(&self.wire).await?;
        if let Some(label) = label.filter(|_| !all) {
            rows.extend(listing::labelled(&self.wire, label).await?);
        }
        self.oldest(rows, marker).await
    }

    async fn find_newest(&self, marker: &Marker) -> Result<Option<IssueRow>, Error> {
        let (rows, _) = listing::newest(&self.wire).await?;
        self.oldest(rows, marker).await
    }

    async fn oldest(
        &self,
        rows: Vec<IssueRow>,
        marker: &Marker,
    ) -> Result<Option<IssueRow>, Error> {
        let mut found = Vec::new();
        for row in rows {
            let is_it = row.marker().as_ref() == Some(marker);
            // A marker can be copied; who wrote it cannot.
            if is_it && self.people.is_ours(&self.wire, row.user.as_ref()).await? {
                found.push(row);
            }
        }
        found.sort_by_key(|row| row.number);
        found.dedup_by_key(|row| row.number);
        let mut found = found.into_iter();
        let oldest = found.next();
        for twin in found.filter(|twin| !twin.is_closed()) {
            if let Some(oldest) = &oldest {
                self.close_twin(&twin, oldest, marker).await?;
            }
        }
        Ok(oldest)
    }

    async fn close_twin(
        &self,
        twin: &IssueRow,
        oldest: &IssueRow,
        marker: &Marker,
    ) -> Result<(), Error> {
        let (said, closed) = (oldest.number, mark(CLOSED));
        let text = format!("This was made twice; #{said} is the one that counts.\n\n{closed}");
        let fields = json!({
            "state": "closed",
            "state_reason": "not_planned",
            "body": format!("{text}\n\n{marker}\n"),
        });
        self.patch(twin.number, fields, "close an issue that was made twice").await
    }

    /// Makes a label that is not there. One that cannot be made is gone without.
    async fn prepare_label(&self, label: &str, prepared: &mut Prepared) -> Result<(), Error> {
        if prepared.labels.contains(label) {
            return Ok(());
        }
        let labels = format!("{}/labels", self.wire.repository_path());
        let action = "look for a label";
        let answer = self.wire.ask(format!("{labels}/{}", people::segment(label)), action).await?;
        if answer.status == 404 {
            let body = json!({ "name": label, "color": COLOUR, "description": "Made by belay" });
            let call = Call {
                method: Method::Post,
                path: labels,
                body: Some(body),
                action: "make a label",
            };
            match self.wire.write(&call).await {
                Ok(_) => {}
                // By somebody else in the meantime, perhaps.
                Err(failure) if matches!(failure.error, Error::Rejected { status: 422, .. }) => {}
                Err(failure) if failure.error.is_passing() => return Err(failure.error),
                Err(failure) => {
                    let error = failure.error;
                    self.wire.tell_once(&format!("the label {label} cannot be made: {error}"));
                }
            }
        } else if !answer.is_success() {
            return Err(self.wire.refusal(&answer, action, false));
        }
        prepared.labels.insert(label.to_owned());
        Ok(())
    }

    /// Who of the settings can be assigned: one who cannot would have every issue refused.
    async fn assignees(&self, prepared: &mut Prepared) -> Result<Vec<String>, Error> {
        if let Some(known) = &prepared.assignees {
            return Ok(known.clone());
        }
        let mut assignees = Vec::new();
        for login in &self.wire.settings.assignees {
            let path =
                format!("{}/assignees/{}", self.wire.repository_path(), people::segment(login));
            let answer = self.wire.ask(path, "look for an assignee").await?;
            if answer.is_success() {
                assignees.push(login.clone());
            } else {
                self.wire.tell_once(&format!("issues cannot be assigned to {login}"));
            }
        }
        prepared.assignees = Some(assignees.clone());
        Ok(assignees)
    }
}
