//! The branch on a remote: intent, effect, receipt. A remote that is out of
//! reach never stops a run: the push is put off, and a later one brings all.
//!
//! A branch there that holds commits which nobody here knows is left alone;
//! what this run pushed itself may be moved on, also by a process that did not
//! live to write down that it had.

use std::time::Duration;

use worktree::{CommitId, RefMove};

use super::command::redact;
use crate::Error;
use crate::driver::Driver;
use crate::event::{Event, StepName};
use crate::fact::{Fact, Push};
use crate::mirror::Refused;

/// How much longer a push may take once an end is asked for.
const LAST_MOMENT: Duration = Duration::from_secs(2);

impl Driver {
    pub(crate) async fn push(&self, push: Push) -> Result<(), Error> {
        let branch = self.branch()?;
        let (step, milestone) = (StepName::Push, None);
        let begun = Event::StepStarted { step, milestone, name: None, items: None };
        self.journal.append_fact(begun, Fact::Push(push.clone())).await?;
        let moved = tokio::select! {
            moved = self.move_there(&branch, &push) => moved,
            () = self.last_moment() => {
                Err(Refused::Reason("there was no time left for it".to_owned()))
            }
        };
        match moved {
            Ok(()) => {
                let commit = push.commit.to_string();
                let event = Event::BranchPushed { branch, commit, remote: push.remote };
                self.journal.append(event).await?;
            }
            Err(refused) => {
                let reason = self.in_words(refused);
                if self.parts.shutdown.lease_is_lost() {
                    return Err(Error::LeaseLost);
                }
                let reason = redact(&reason, &self.parts.settings.secrets);
                self.defer("push", reason, &push.marker()).await?;
            }
        }
        let event =
            Event::StepFinished { step, milestone, model: None, degraded: false, summary: None };
        self.journal.append(event).await
    }

    async fn last_moment(&self) {
        self.parts.shutdown.token().cancelled().await;
        tokio::time::sleep(LAST_MOMENT).await;
    }

    async fn move_there(&self, branch: &str, push: &Push) -> Result<(), Refused> {
        let told = |error: worktree::Error| Refused::Reason(error.to_string());
        let Push { remote, commit } = push;
        self.unless_lost(remote).await?;
        let over = self.parts.repository.remote_tip(remote, branch).await.map_err(told)?;
        if over.as_ref() == Some(commit) {
            return self.publish(remote, Vec::new()).await;
        }
        if let Some(found) = &over
            && !self.may_move_on(found, commit).await.map_err(told)?
        {
            return Err(Refused::Reason(format!(
                "{branch} on {remote} stands at {found}, which is not part of this run: left alone"
            )));
        }
        let (name, to) = (format!("refs/heads/{branch}"), commit.clone());
        self.publish(remote, vec![RefMove { name, to, over }]).await
    }

    /// Whether nothing is lost if the branch there goes from one commit to the other.
    async fn may_move_on(&self, found: &CommitId, to: &CommitId) -> Result<bool, worktree::Error> {
        let ours = self.journal.state().pushes.iter().any(|push| push.commit == *found);
        if ours {
            return Ok(true);
        }
        match self.parts.repository.builds_on(to, found).await {
            // A commit that is not here.
            Err(worktree::Error::Git { .. }) => Ok(false),
            answer => answer,
        }
    }
}
