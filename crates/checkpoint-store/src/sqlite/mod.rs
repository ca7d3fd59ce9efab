//! The embedded store: `DIR/state.db` for everything durable, `DIR/locks/` for
//! who holds what. Other processes may read while a run writes.
//!
//! The failure this prevents: a folder of JSON files in which a kill between
//! two writes leaves half a step.

mod runs;
mod schema;
mod values;
mod worker;

#[cfg(test)]
mod tests;

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::Connection;
use serde_json::Value;

use crate::clock::Clock;
use crate::error::{During as _, Error};
use crate::lease::Lease;
use crate::lock::LockFile;
use crate::record::{CheckedBatch, check_key, check_records, check_run, check_value};
use crate::run::{Batch, Entry, Holder, NewRecord, NewRun, RunHead, RunId, Versioned};
use crate::store::{RunStore, ValueStore};

use worker::Worker;

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name of this machine, for the note in a lock.
    pub host: String,
    /// Where stamps come from.
    pub clock: Clock,
    /// How long to wait for another process that is writing.
    pub busy_timeout: Duration,
}

impl Settings {
    /// The system's clock, and five seconds of patience.
    pub fn new(host: &str) -> Self {
        Self { host: host.to_owned(), clock: Clock::system(), busy_timeout: Duration::from_secs(5) }
    }
}

/// A store in a folder of this machine. A cheap handle: clones share one
/// connection, which closes with the last of them.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    worker: Worker,
    place: Arc<Place>,
}

/// What the worker needs besides the connection.
#[derive(Debug)]
struct Place {
    locks: PathBuf,
    settings: Settings,
}

impl Place {
    fn lock_path(&self, run: RunId) -> PathBuf {
        self.locks.join(format!("{run}.lock"))
    }

    fn holder(&self) -> Holder {
        Holder {
            host: self.settings.host.clone(),
            pid: std::process::id(),
            since: self.settings.clock.now(),
        }
    }
}

impl SqliteStore {
    /// Opens the store in `dir`, which is made, for its owner alone, if it is
    /// not there.
    ///
    /// # Errors
    /// [`Error::Newer`] if a newer release wrote it; [`Error::Storage`].
    pub async fn open(dir: &Path, host: &str) -> Result<Self, Error> {
        Self::open_with(dir, Settings::new(host)).await
    }

    /// [`open`](Self::open) with every setting spelt out.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_with(dir: &Path, settings: Settings) -> Result<Self, Error> {
        let locks = dir.join("locks");
        let place = Arc::new(Place { locks, settings });
        let database = dir.join("state.db");
        let at = Arc::clone(&place);
        let worker = Worker::start(move || open(&database, &at)).await?;
        Ok(Self { worker, place })
    }

    /// Work on the connection that also needs the place.
    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection, &Place) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let place = Arc::clone(&self.place);
        self.worker.ask(move |connection| work(connection, &place)).await
    }
}

fn open(database: &Path, place: &Place) -> Result<Connection, Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&place.locks)
        .during("making the folder of the state")?;
    let patience = place.settings.busy_timeout;
    let _alone = LockFile::wait(&place.locks.join("open.lock"), patience)?;
    schema::connect(database, patience)
}

#[async_trait]
impl RunStore for SqliteStore {
    async fn create(&self, new: NewRun, first: Vec<NewRecord>) -> Result<Lease, Error> {
        let attributes = check_run(&new)?;
        let first = check_records(first)?;
        self.ask(move |connection, place| runs::create(connection, place, &new, &attributes, first))
            .await
    }

    async fn acquire(&self, run: RunId) -> Result<Lease, Error> {
        self.ask(move |connection, place| runs::acquire(connection, place, run)).await
    }

    async fn commit(&self, lease: &Lease, batch: Batch) -> Result<Vec<Entry>, Error> {
        let batch = CheckedBatch::new(batch)?;
        let (run, epoch) = (lease.run(), lease.epoch());
        self.ask(move |connection, place| {
            runs::commit(connection, run, epoch, batch, place.settings.clock.now())
        })
        .await
    }

    async fn records(&self, run: RunId, after: u64) -> Result<Vec<Entry>, Error> {
        self.ask(move |connection, _| runs::records(connection, run, after)).await
    }

    async fn runs(&self) -> Result<Vec<RunHead>, Error> {
        self.ask(|connection, place| runs::heads(connection, place)).await
    }

    async fn release(&self, lease: Lease) -> Result<(), Error> {
        self.ask(move |connection, _| {
            let ours = runs::epoch(connection, lease.run())? == lease.epoch();
            lease.let_go();
            if ours { Ok(()) } else { Err(Error::LeaseLost) }
        })
        .await
    }
}

#[async_trait]
impl ValueStore for SqliteStore {
    async fn get(&self, key: &str) -> Result<Option<Versioned>, Error> {
        check_key(key)?;
        let key = key.to_owned();
        self.ask(move |connection, _| values::get(connection, &key)).await
    }

    async fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<u64>,
        value: Value,
    ) -> Result<u64, Error> {
        check_key(key)?;
        let text = check_value(&value)?;
        let key = key.to_owned();
        self.ask(move |connection, _| values::compare_and_swap(connection, &key, expected, &text))
            .await
    }
}
