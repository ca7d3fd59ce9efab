//! The traits that every store keeps. Small on purpose, so that they never
//! have to change: one verb to begin a run, one to take it over, one to write.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use crate::care::{Checkup, Note, Pruning, Repaired};
use crate::error::Error;
use crate::lease::Lease;
use crate::run::{Batch, Entry, Imported, NewRecord, NewRun, RunHead, RunId, Versioned};

/// Runs and their journals.
///
/// Cancellation: dropping a future stops the waiting, not the work. A commit
/// that was dropped may have been written; read [`records`](Self::records) to
/// find out. A lease that nobody waits for any more is released.
#[async_trait]
pub trait RunStore: Send + Sync {
    /// Begins a run with its first records, and holds it.
    ///
    /// Atomic between processes: of two that create a run of the same subject
    /// at once, one gets the lease.
    ///
    /// # Errors
    /// [`Error::Held`] if a living process holds an unfinished run of the
    /// subject; [`Error::Unfinished`] if there is one that nobody holds and
    /// `new.fresh` is false; [`Error::Exists`] if the id is taken.
    async fn create(&self, new: NewRun, first: Vec<NewRecord>) -> Result<Lease, Error>;

    /// Takes hold of a run, finished or not, and raises its epoch, which shuts
    /// out whoever held it before.
    ///
    /// # Errors
    /// [`Error::Held`] if a living process holds it; [`Error::UnknownRun`].
    async fn acquire(&self, run: RunId) -> Result<Lease, Error>;

    /// Writes a batch: all of it or nothing, and on the disk when this
    /// returns. The entries come back as stored.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] if the run was acquired by someone else since;
    /// [`Error::TooLarge`] and [`Error::Invalid`] for what is handed in.
    async fn commit(&self, lease: &Lease, batch: Batch) -> Result<Vec<Entry>, Error>;

    /// The records whose number is greater than `after`, in order. Needs no
    /// lease and never waits for the run's holder.
    ///
    /// # Errors
    /// [`Error::UnknownRun`]; [`Error::Damaged`] for the first record that
    /// cannot be trusted; [`Error::Newer`] for one that only a newer release
    /// may read.
    async fn records(&self, run: RunId, after: u64) -> Result<Vec<Entry>, Error>;

    /// Every run, the newest first, each with the living process that holds
    /// it, if any.
    ///
    /// # Errors
    /// [`Error::Storage`].
    async fn runs(&self) -> Result<Vec<RunHead>, Error>;

    /// Gives the run back. Dropping the lease does the same without waiting.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] if it was no longer ours to give.
    async fn release(&self, lease: Lease) -> Result<(), Error>;

    /// The whole run as text that stands for itself: lines of JSON, each with
    /// its checksum, that [`import`](Self::import) takes on another machine or
    /// in another kind of store. Needs no lease; shows one moment of a run
    /// that is written to meanwhile.
    ///
    /// # Errors
    /// As [`records`](Self::records); [`Error::TooLarge`] beyond
    /// [`MAX_EXPORT_BYTES`](crate::MAX_EXPORT_BYTES).
    async fn export(&self, run: RunId) -> Result<Vec<u8>, Error>;

    /// Takes an export in: all of it or nothing, and durable when this
    /// returns. A run that is not here is made, and held by nobody. Of one
    /// that is here, only what goes on after its last record is added, so the
    /// same export twice, or an older one, changes nothing. With as many
    /// records on both sides, the status of the later lease holds, and of the
    /// same lease the one that is finished.
    ///
    /// An export that breaks off (its last line is torn, or missing) is taken
    /// up to its last whole record, and [`Imported::torn`] says so.
    ///
    /// # Errors
    /// [`Error::DamagedExport`]; [`Error::Diverged`] if the two know different
    /// things; [`Error::Newer`]; [`Error::Held`] if a living process holds the
    /// run here; [`Error::Damaged`] if the run here is damaged itself;
    /// [`Error::TooLarge`] and [`Error::Invalid`] for what no store would have
    /// written.
    async fn import(&self, export: Vec<u8>) -> Result<Imported, Error>;

    /// Looks at every record of a run and says what is wrong. Changes nothing
    /// and needs no lease.
    ///
    /// # Errors
    /// [`Error::UnknownRun`]; [`Error::Storage`]. Damage is no error here.
    async fn check(&self, run: RunId) -> Result<Checkup, Error>;

    /// Sets a damaged run aside as a copy and cuts it back to its last good
    /// record, so that it can be gone on with: unfinished, and with its epoch
    /// raised. `None`: nothing was wrong, nothing was changed. The copy is
    /// durable before anything is cut, and what the note says stands behind the
    /// last good record as soon as the rest is cut.
    ///
    /// # Errors
    /// [`Error::Held`] if a living process holds the run, this one included:
    /// release the lease first; [`Error::Newer`], with nothing changed, if the
    /// first bad record is one for newer releases; [`Error::UnknownRun`].
    async fn repair(&self, run: RunId, note: Option<Note>) -> Result<Option<Repaired>, Error>;

    /// Deletes finished runs that nobody needs any more, journal and all, and
    /// says which. Never called by the store itself: only the caller knows
    /// whose issues are open.
    ///
    /// # Errors
    /// [`Error::Storage`]. What was deleted before stays deleted.
    async fn prune(&self, pruning: Pruning) -> Result<Vec<RunId>, Error>;
}

/// Small values that runs share: what one learned about a model, the next one
/// knows.
#[async_trait]
pub trait ValueStore: Send + Sync {
    /// The value and its revision, or `None` if it was never set.
    ///
    /// # Errors
    /// [`Error::DamagedValue`]; [`Error::Storage`].
    async fn get(&self, key: &str) -> Result<Option<Versioned>, Error>;

    /// Sets the value if its revision is still `expected` (`None`: if there
    /// is none yet) and gives the new revision.
    ///
    /// # Errors
    /// [`Error::Conflict`] if someone else was quicker; [`Error::TooLarge`] for
    /// a large value, or one more key than [`MAX_VALUES`](crate::MAX_VALUES).
    async fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<u64>,
        value: Value,
    ) -> Result<u64, Error>;

    /// Waits until the value has a revision above `above` (0: until it is set
    /// at all) and gives it; `None` when `within` has passed without one.
    /// Revisions in between may be skipped, the newest never.
    ///
    /// Cancellation: dropping the future ends the waiting and nothing else.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    async fn watch(
        &self,
        key: &str,
        above: u64,
        within: Duration,
    ) -> Result<Option<Versioned>, Error>;
}
