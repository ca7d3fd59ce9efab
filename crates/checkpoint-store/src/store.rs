//! The traits that every store keeps. Small on purpose, so that they never
//! have to change: one verb to begin a run, one to take it over, one to write.

use async_trait::async_trait;
use serde_json::Value;

use crate::error::Error;
use crate::lease::Lease;
use crate::run::{Batch, Entry, NewRecord, NewRun, RunHead, RunId, Versioned};

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
    /// [`Error::Conflict`] if someone else was quicker; [`Error::TooLarge`].
    async fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<u64>,
        value: Value,
    ) -> Result<u64, Error>;
}
