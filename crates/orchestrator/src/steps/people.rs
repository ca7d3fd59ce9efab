//! What is written down for people. A forge that is out of reach never stops
//! a run: the effect is deferred and wanted again by the next process.

use forge::{Marker, NewIssue};

use crate::Error;
use crate::driver::Driver;
use crate::event::{Event, IssueKind};
use crate::issues::{Wanted, text};

impl Driver {
    pub(super) async fn open_issue(&self, wanted: &Wanted) -> Result<(), Error> {
        match self.make_issue(wanted).await {
            Ok(event) => self.journal.append(event).await,
            Err(reason) => self.defer("issue", reason, &wanted.marker).await,
        }
    }

    async fn make_issue(&self, wanted: &Wanted) -> Result<Event, String> {
        let existing = self.existing().await.map_err(|error| error.to_string())?;
        let state = self.journal.state().clone();
        let run = self.run.to_string();
        let resume = &self.parts.settings.resume_command;
        let text = text(wanted, &state, &run, &existing, resume, &self.parts.templates)
            .map_err(|error| error.to_string())?;
        let new = NewIssue {
            title: text.title,
            body: text.body,
            labels: labels(wanted.kind),
            marker: Marker { run, step: wanted.marker.clone() },
        };
        let issue = self.parts.forge.create(&new).await.map_err(|error| error.to_string())?;
        Ok(Event::IssueCreated {
            kind: wanted.kind,
            url: issue.url,
            title: issue.title,
            milestone: wanted.milestone,
            item: wanted.item,
            marker: wanted.marker.clone(),
        })
    }

    async fn existing(&self) -> Result<Vec<String>, Error> {
        Ok(self.source(self.tip_tree().await?).await?.paths())
    }

    pub(super) async fn close_issue(&self, url: &str, marker: &str) -> Result<(), Error> {
        let reason = "Done by a later step of the run.";
        match self.parts.forge.close(url, reason).await {
            Ok(()) => {
                let event = Event::IssueClosed {
                    url: url.to_owned(),
                    marker: marker.to_owned(),
                    reason: reason.to_owned(),
                    by_person: false,
                };
                self.journal.append(event).await
            }
            Err(error) => self.defer("issue close", error.to_string(), marker).await,
        }
    }

    async fn defer(&self, effect: &str, reason: String, marker: &str) -> Result<(), Error> {
        let event = Event::EffectDeferred {
            effect: effect.to_owned(),
            reason,
            marker: Some(marker.to_owned()),
        };
        self.journal.append(event).await
    }
}

fn labels(kind: IssueKind) -> Vec<String> {
    let more = match kind {
        IssueKind::ManualTask | IssueKind::FailedItem => Some("belay:manual-task"),
        IssueKind::Blocked => Some("belay:needs-input"),
        IssueKind::DegradedReview => None,
    };
    std::iter::once("belay").chain(more).map(str::to_owned).collect()
}
