//! Effects that a run put off and ended without: an issue that nobody could be
//! told, a branch that did not reach its remote.
//!
//! A run that has ended is not taken up again for that: its issues would wait
//! for a day that never comes. So runs that owe something are noted among the
//! shared values, and any later process does what they owe and nothing else.

use std::sync::Arc;

use checkpoint_store::{Error as StoreError, Lease, RunId, ValueStore};

use crate::Error;
use crate::driver::{Driver, Parts};
use crate::ending::MIRROR_LIMIT;
use crate::event::Event;
use crate::next;
use crate::state::State;

/// Where the list stands among the shared values.
const KEY: &str = "owed";
/// Runs kept in it; of more than that the newest.
const MOST: usize = 100;
/// Attempts at writing against other processes that write too.
const TRIES: usize = 5;
/// Tries after which an effect is given up: four days of an hourly run.
const MOST_RETRIES: usize = 100;
/// More than any run's effects.
const MOST_STEPS: usize = 200;

/// The runs that ended with something put off, the oldest first. A value that
/// cannot be read is an empty list.
///
/// # Errors
/// If the store cannot be read.
pub async fn list(values: &dyn ValueStore) -> Result<Vec<RunId>, StoreError> {
    let found = match values.get(KEY).await {
        Err(StoreError::DamagedValue { .. }) => None,
        found => found?,
    };
    Ok(found.map(|found| parse(found.value)).unwrap_or_default())
}

fn parse(value: serde_json::Value) -> Vec<RunId> {
    let names: Vec<String> = serde_json::from_value(value).unwrap_or_default();
    names.iter().filter_map(|name| name.parse().ok()).collect()
}

/// Notes whether a run owes anything. Before its end is written: a process that
/// dies between the two leaves a run that is taken up again anyway.
pub(crate) async fn note(parts: &Parts, run: RunId, owes: bool) -> Result<(), StoreError> {
    write(&*parts.values, run, owes).await
}

/// Notes whether a run owes anything whose state came from another machine.
///
/// # Errors
/// If the store cannot be written.
pub async fn take_over(
    values: &dyn ValueStore,
    run: RunId,
    state: &State,
) -> Result<(), StoreError> {
    let gives_up = state.retried >= MOST_RETRIES;
    let owes = state.ended.is_some() && !state.deferred.is_empty() && !gives_up;
    write(values, run, owes).await
}

async fn write(values: &dyn ValueStore, run: RunId, owes: bool) -> Result<(), StoreError> {
    for _ in 0..TRIES {
        let (expected, mut runs) = match values.get(KEY).await {
            Ok(Some(found)) => (Some(found.revision), parse(found.value)),
            Ok(None) => (None, Vec::new()),
            Err(StoreError::DamagedValue { revision, .. }) => (Some(revision), Vec::new()),
            Err(error) => return Err(error),
        };
        if runs.contains(&run) == owes {
            return Ok(());
        }
        runs.retain(|other| *other != run);
        runs.extend(owes.then_some(run));
        runs.drain(..runs.len().saturating_sub(MOST));
        let names: Vec<String> = runs.iter().map(ToString::to_string).collect();
        match values.compare_and_swap(KEY, expected, names.into()).await {
            Err(StoreError::Conflict) => {}
            written => return written.map(drop),
        }
    }
    Err(StoreError::Conflict)
}

/// Does what a run that has ended still owes, as far as it can be done now.
/// True if nothing is left.
///
/// Cancelling the future puts off what is not done.
///
/// # Errors
/// If the state cannot be read or written.
pub async fn settle(parts: Parts, lease: Lease) -> Result<bool, Error> {
    let run = lease.run();
    let state = State::fold(&parts.store.records(run, 0).await?);
    let number = state.deferred.len();
    let (journal, writer) = parts.journal(lease, state);
    let store = Arc::clone(&parts.store);
    let driver = Driver::new(parts, journal, run);
    let settled = driver.settle(number).await;
    drop(driver);
    if let Ok(lease) = writer.await {
        store.release(lease).await?;
    }
    settled
}

impl Driver {
    async fn settle(&self, number: usize) -> Result<bool, Error> {
        let unanswered = self.unanswered();
        self.journal.append(Event::EffectsRetried { number }).await?;
        self.find_again(unanswered).await?;
        for _ in 0..MOST_STEPS {
            let owed = next::owed(&self.journal.state(), &self.parts.settings);
            let Some(step) = owed else { break };
            self.perform(step).await?;
        }
        let ended = self.journal.state().ended.as_ref().map(|(status, _)| *status);
        if let Some(status) = ended {
            self.end_progress(status).await?;
        }
        let mirrored = self.mirror_the_end(MIRROR_LIMIT).await;
        let owes = !mirrored || !self.journal.state().deferred.is_empty();
        let is_last = self.journal.state().retried >= MOST_RETRIES;
        if owes && is_last {
            let message = "what was put off is given up; `belay resume` tries it again".to_owned();
            self.journal.append(Event::Warned { message }).await?;
        }
        note(&self.parts, self.run, owes && !is_last).await?;
        Ok(!owes)
    }
}
