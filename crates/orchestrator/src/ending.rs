//! How a process's work on a run ends: finished, or stopped with its state
//! saved, whatever stopped it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use checkpoint_store::{Error as StoreError, Lease, RunId};
use tokio::time::{sleep, timeout};

use crate::driver::{Driver, Outcome, Parts};
use crate::event::{Event, Status};
use crate::issues::Wanted;
use crate::state::State;
use crate::{Error, clock, memory, owed};

/// Ends that a person asked for beforehand: nothing is to be recovered from.
const ASKED_FOR: [&str; 2] = ["plan only", "milestone limit"];
/// How long the recovery issue may take; it is put off after that.
const ISSUE_LIMIT: Duration = Duration::from_secs(2);
/// How long the mirror may take at a run's end, and at an end that was asked for.
pub(crate) const MIRROR_LIMIT: Duration = Duration::from_secs(60);
const LAST_MIRROR_LIMIT: Duration = Duration::from_millis(1500);
/// The marker of a mirror that could not be reached.
pub(crate) const MIRROR: &str = "mirror";
/// How long the lease of what broke may take to come back, and how often it is asked for.
const LEASE_TRIES: usize = 20;
const LEASE_PAUSE: Duration = Duration::from_millis(50);

/// Ends a run whose driver broke: a panic, or the end of a task that it needs. What was durable
/// by then is kept; the run is one that was interrupted.
///
/// # Errors
///
/// If the lease does not come back, or the state cannot be written.
pub async fn end_broken(parts: Parts, run: RunId, trigger: &str) -> Result<Outcome, Error> {
    parts.shutdown.request(trigger);
    let lease = lease(&parts, run).await?;
    let entries = parts.store.records(run, 0).await?;
    let state = State::fold(&entries);
    let (journal, writer) = parts.journal(lease, state);
    let store = Arc::clone(&parts.store);
    let driver = Driver::new(parts, journal, run);
    let result = driver.interrupt().await;
    let state = driver.journal.state().clone();
    drop(driver);
    if let Ok(lease) = writer.await {
        store.release(lease).await?;
    }
    let (status, reason) = result?;
    Ok(Outcome { run, status, reason, state })
}

async fn lease(parts: &Parts, run: RunId) -> Result<Lease, Error> {
    let mut tries = 1;
    loop {
        match parts.store.acquire(run).await {
            // What broke gives it back as it is cleared away.
            Err(StoreError::Held { .. }) if tries < LEASE_TRIES => sleep(LEASE_PAUSE).await,
            lease => return Ok(lease?),
        }
        tries += 1;
    }
}

impl Driver {
    pub(crate) async fn close(
        &self,
        result: Result<Option<(Status, Option<String>)>, Error>,
    ) -> Result<(Status, Option<String>), Error> {
        if self.parts.shutdown.lease_is_lost() {
            return Err(Error::LeaseLost);
        }
        memory::save(&self.parts).await;
        let (status, reason) = match result {
            Ok(Some(ended)) => ended,
            Ok(None) => return self.interrupt().await,
            Err(error) if error.cancelled() || self.parts.shutdown.trigger().is_some() => {
                tracing::debug!(%error, "a step was cut short by the shutdown");
                return self.interrupt().await;
            }
            Err(error @ Error::Unanswered(_)) => (Status::Failed, Some(error.to_string())),
            Err(error) => {
                // A failure that comes back on every machine is counted over all of them.
                self.mirror_the_end(self.time_for_the_mirror()).await;
                return Err(error);
            }
        };
        if status == Status::Completed {
            self.clear_away().await;
            if !self.journal.state().partial() {
                self.forget_salvaged().await;
            }
        }
        self.end_progress(status).await?;
        // Noted first: whoever dies between the two leaves a run that is taken up again anyway.
        let owes = self.owes() || self.parts.settings.mirror.is_some();
        owed::note(&self.parts, self.run, owes).await?;
        let event = self.finished(status, reason.clone());
        self.journal.finish(event, status.as_str()).await?;
        if self.mirror_the_end(self.time_for_the_mirror()).await {
            owed::note(&self.parts, self.run, self.owes()).await?;
        }
        if self.parts.shutdown.lease_is_lost() {
            return Err(Error::LeaseLost);
        }
        Ok((status, reason))
    }

    /// A run that ends with little time left must not be kept beyond it.
    fn time_for_the_mirror(&self) -> Duration {
        let left = self.parts.deadline.map(|at| at.saturating_duration_since(clock::now()));
        left.map_or(MIRROR_LIMIT, |left| left.clamp(LAST_MIRROR_LIMIT, MIRROR_LIMIT))
    }

    /// The worktree of a run that is done holds nothing that its commits do not.
    async fn clear_away(&self) {
        let path = self.worktree_path();
        // What cannot be looked at is told below.
        if !path.exists() && !self.parts.repository.has_left(&path).unwrap_or(true) {
            return;
        }
        let removed = match self.worktree().await {
            Ok(worktree) => worktree.clone().remove().await.map_err(Error::from),
            Err(error) => Err(error),
        };
        if let Err(error) = removed {
            tracing::warn!(%error, "the run's worktree was left behind");
        }
    }

    /// Writes down that an end was asked for; once a process.
    pub(crate) async fn announce_end(&self) -> Result<(), Error> {
        // The row may be on its way and not yet part of the state.
        if self.announced.swap(true, Ordering::Relaxed) || self.journal.state().stopping {
            return Ok(());
        }
        let trigger = self.trigger();
        self.journal.append(Event::ShutdownRequested { trigger }).await
    }

    fn trigger(&self) -> String {
        self.parts.shutdown.trigger().unwrap_or("cancelled").to_owned()
    }

    pub(crate) async fn interrupt(&self) -> Result<(Status, Option<String>), Error> {
        self.announce_end().await?;
        let trigger = self.trigger();
        let phase = self.journal.state().phase.to_string();
        self.journal.append(Event::CheckpointSaved { milestone: None, phase }).await?;
        let (told, pushed) = tokio::join!(self.tell_recovery(&trigger), self.push_now());
        told.and(pushed)?;
        let event = self.finished(Status::Interrupted, Some(trigger.clone()));
        self.journal.append(event).await?;
        self.mirror_the_end(LAST_MIRROR_LIMIT).await;
        Ok((Status::Interrupted, Some(trigger)))
    }

    fn owes(&self) -> bool {
        self.journal.state().deferred.iter().any(|deferred| deferred.marker != MIRROR)
    }

    /// Brings the last rows to the mirror; true if they are there, or there is none. Nothing is
    /// written about it any more: the next process brings them.
    pub(crate) async fn mirror_the_end(&self, limit: Duration) -> bool {
        match timeout(limit, self.mirror_state()).await {
            Ok(Ok(())) => true,
            Ok(Err(reason)) => {
                tracing::warn!(%reason, "the end of the run is not on the mirror yet");
                false
            }
            Err(_) => {
                tracing::warn!("the mirror takes too long; the end of the run is not there yet");
                false
            }
        }
    }

    /// What was committed since the last push is not left on a machine that may be gone next.
    async fn push_now(&self) -> Result<(), Error> {
        let due = self.journal.state().push_due(self.parts.settings.push.as_deref());
        match due {
            Some(push) => self.push(push).await,
            None => Ok(()),
        }
    }

    pub(crate) fn finished(&self, status: Status, reason: Option<String>) -> Event {
        let state = self.journal.state();
        Event::RunFinished {
            status,
            branch: state
                .started
                .as_ref()
                .map(|started| started.branch.clone())
                .unwrap_or_default(),
            commits: state.commits(),
            partial: state.partial(),
            degraded: state.degraded() || status == Status::Degraded,
            reason,
        }
    }

    /// Tells people how to go on, in an issue of which there is one a run: an hourly run that
    /// ends at its time limit keeps it current.
    async fn tell_recovery(&self, trigger: &str) -> Result<(), Error> {
        if ASKED_FOR.contains(&trigger) {
            return Ok(());
        }
        let wanted = Wanted::recovery(&self.journal.state(), trigger);
        let told = async {
            match self.issue_url(&wanted.marker) {
                Some(url) => self.refresh_issue(&url, &wanted).await,
                None => self.open_issue(&wanted).await,
            }
        };
        match timeout(ISSUE_LIMIT, told).await {
            Ok(told) => told,
            Err(_) => self.defer("issue", "it took too long".to_owned(), &wanted.marker).await,
        }
    }
}
