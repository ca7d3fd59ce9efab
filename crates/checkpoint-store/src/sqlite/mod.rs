//! The embedded store: `DIR/state.db` for everything durable, `DIR/locks/` for
//! who holds what. Other processes may read while a run writes.
//!
//! The failure this prevents: a folder of JSON files in which a kill between
//! two writes leaves half a step.

mod aside;
mod failure;
mod heads;
mod lock;
mod repair;
mod replace;
mod runs;
mod salvage;
mod schema;
mod transfer;
mod values;
mod worker;

#[cfg(test)]
mod tests;

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::Connection;
use serde_json::Value;
use tokio::sync::Notify;

use crate::care::{Checkup, Note, Pruning, Repaired};
use crate::clock::Clock;
use crate::error::{Error, StorageClass};
use crate::export;
use crate::lease::Lease;
use crate::record::{CheckedBatch, check_key, check_records, check_run, check_value};
use crate::run::{Batch, Entry, Holder, Imported, NewRecord, NewRun, RunHead, RunId, Versioned};
use crate::sqlite::failure::During as _;
use crate::sqlite::lock::LockFile;
use crate::store::{RunStore, ValueStore};

pub use salvage::{MakeValue, Salvaged, Telling};
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
    /// How often a watched value is looked at. A change through this handle
    /// or a clone of it is seen at once, one by another process after this
    /// long at most.
    pub watch_interval: Duration,
}

impl Settings {
    /// The system's clock, five seconds of patience, and a look at a watched
    /// value four times a second.
    pub fn new(host: &str) -> Self {
        Self {
            host: host.to_owned(),
            clock: Clock::system(),
            busy_timeout: Duration::from_secs(5),
            watch_interval: Duration::from_millis(250),
        }
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
    dir: PathBuf,
    locks: PathBuf,
    /// Told of every change of a value through this handle.
    changed: Notify,
    settings: Settings,
}

impl Place {
    fn new(dir: &Path, settings: Settings) -> Self {
        let locks = dir.join("locks");
        Self { dir: dir.to_owned(), locks, changed: Notify::new(), settings }
    }

    fn database(&self) -> PathBuf {
        self.dir.join("state.db")
    }

    /// Makes the folder, and waits until nobody else is opening the state.
    fn open_alone(&self) -> Result<LockFile, Error> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.locks)
            .during("making the folder of the state")?;
        LockFile::wait(&self.locks.join("open.lock"), self.settings.busy_timeout)
    }

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
        let place = Arc::new(Place::new(dir, settings));
        let at = Arc::clone(&place);
        let worker = Worker::start(move || open(&at)).await?;
        Ok(Self { worker, place })
    }

    /// Waits until the connection is closed, for at most the busy timeout; a
    /// dropped handle is closed a moment later.
    ///
    /// # Errors
    /// [`Error::Storage`] of class busy if another clone of the handle lives.
    pub async fn close(self) -> Result<(), Error> {
        self.worker.close(self.place.settings.busy_timeout).await
    }

    /// What is wrong with the state file itself, a line each; nothing where it
    /// is sound. [`RunStore::check`] looks at one run's records. Reads the
    /// whole file.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn check_file(&self) -> Result<Vec<String>, Error> {
        self.ask(|connection, _| salvage::flaws(connection)).await
    }

    /// Every run that has a lock file, and so was here once, whether or not anything is left of
    /// it. What is pruned leaves none.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn lock_names(&self) -> Result<Vec<RunId>, Error> {
        self.ask(|_, place| salvage::lock_names(&place.locks)).await
    }

    /// Whether runs were ever kept in the folder: their file is there, or what
    /// only runs leave. Makes nothing; what cannot be looked at may be there.
    #[must_use]
    pub fn is_there(dir: &Path) -> bool {
        let place = Place::new(dir, Settings::new(""));
        place.database().exists() || replace::was_used(&place).unwrap_or(true)
    }

    /// For a state file that is no sound database, or is gone: sets what there
    /// is aside and puts a new one in its place, with every run, record and
    /// value that can still be read, and with what `telling` says of it. A run
    /// of which anything is missing is unfinished in it.
    ///
    /// No other handle on the folder may be open in this process: await
    /// [`close`](Self::close). Other processes may not hold a run.
    ///
    /// Cancellation: once begun it runs to its end, whoever still waits.
    ///
    /// # Errors
    /// [`Error::Held`] if a living process holds a run; [`Error::Newer`] if a
    /// newer release wrote the file: it is left alone; [`Error::Storage`].
    pub async fn salvage(
        dir: &Path,
        settings: Settings,
        telling: Option<Telling>,
    ) -> Result<Salvaged, Error> {
        let place = Place::new(dir, settings);
        let work = tokio::task::spawn_blocking(move || salvage::salvage(&place, telling));
        work.await.map_err(|_| Error::Closed)?
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

fn open(place: &Place) -> Result<Connection, Error> {
    let _alone = place.open_alone()?;
    replace::settle(place)?;
    refuse_lost(place)?;
    schema::connect(&place.database(), place.settings.busy_timeout)
        .map_err(|error| told_by_the_system(place, error))
}

/// SQLite does not say why it cannot make a file, such as for want of room;
/// the operating system does, if one more is made.
fn told_by_the_system(place: &Place, error: Error) -> Error {
    let Error::Storage { class: StorageClass::Other, action, .. } = error else { return error };
    let probe = place.dir.join("probe.tmp");
    let made = fs::write(&probe, "?");
    // Gone already, or never there.
    let _ = fs::remove_file(&probe);
    made.map_or_else(|found| Error::io(action, &found), |()| error)
}

/// No file, or one without a byte, is a new database to SQLite, which throws a log beside it
/// away. Where runs were kept, it is one that lost everything, and must not be taken for a fresh
/// start.
fn refuse_lost(place: &Place) -> Result<(), Error> {
    let action = "opening the state";
    let what = match fs::metadata(place.database()) {
        Ok(found) if found.len() > 0 => return Ok(()),
        Ok(_) => "empty",
        Err(error) if error.kind() == io::ErrorKind::NotFound => "gone",
        Err(error) => return Err(Error::io(action, &error)),
    };
    if !replace::was_used(place)? {
        return Ok(());
    }
    let message = format!("the file is {what}, though runs were kept in it");
    Err(Error::Storage { class: StorageClass::Corrupt, action, message })
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
        self.ask(|connection, place| heads::list(connection, place)).await
    }

    async fn release(&self, lease: Lease) -> Result<(), Error> {
        self.ask(move |connection, _| {
            let ours = runs::epoch(connection, lease.run())? == lease.epoch();
            lease.let_go();
            if ours { Ok(()) } else { Err(Error::LeaseLost) }
        })
        .await
    }

    async fn export(&self, run: RunId) -> Result<Vec<u8>, Error> {
        self.ask(move |connection, _| transfer::export(connection, run)).await
    }

    async fn import(&self, text: Vec<u8>) -> Result<Imported, Error> {
        self.ask(move |connection, place| {
            transfer::import(connection, place, &export::read(&text)?)
        })
        .await
    }

    async fn check(&self, run: RunId) -> Result<Checkup, Error> {
        self.ask(move |connection, place| repair::check(connection, place, run)).await
    }

    async fn repair(&self, run: RunId, note: Option<Note>) -> Result<Option<Repaired>, Error> {
        self.ask(move |connection, place| repair::repair(connection, place, run, note)).await
    }

    async fn prune(&self, pruning: Pruning) -> Result<Vec<RunId>, Error> {
        self.ask(move |connection, place| transfer::prune(connection, place, &pruning)).await
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
        self.ask(move |connection, place| {
            let revision = values::compare_and_swap(connection, &key, expected, &text)?;
            place.changed.notify_waiters();
            Ok(revision)
        })
        .await
    }

    async fn watch(
        &self,
        key: &str,
        above: u64,
        within: Duration,
    ) -> Result<Option<Versioned>, Error> {
        let look = async || {
            let found = self.get(key).await?;
            Ok::<_, Error>(found.filter(|found| found.revision > above))
        };
        // Once in any case: with no time at all, what is there is still found.
        if let Some(found) = look().await? {
            return Ok(Some(found));
        }
        let newer = async {
            loop {
                // Listened for before the look: no change falls in between.
                let changed = self.place.changed.notified();
                if let Some(found) = look().await? {
                    return Ok(Some(found));
                }
                // Time over is the next look at what other processes wrote.
                let _ = tokio::time::timeout(self.place.settings.watch_interval, changed).await;
            }
        };
        tokio::time::timeout(within, newer).await.unwrap_or(Ok(None))
    }
}
