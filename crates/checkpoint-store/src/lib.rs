//! Runs, leases and an append-only journal behind traits, with an embedded
//! SQLite store, so that a killed process loses nothing it was told is safe
//! and no two living processes work on the same run.
//!
//! The failure this prevents: a run that dies in the middle leaves a state
//! that nobody can trust. Here [`RunStore::commit`] returns only when its
//! records are on the disk, every record carries a checksum and the epoch of
//! the lease that wrote it, and the lease is an operating-system lock that
//! dies with its process.
//!
//! The store takes bytes in and gives bytes out. What a record means is known
//! one floor up; the traits name no path and no SQL type, so a store shared
//! by many machines can stand behind them too.

/// The readme's example is run as those here are.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod care;
mod clock;
mod error;
mod export;
mod head;
mod lease;
mod memory;
mod record;
mod run;
#[cfg(feature = "sqlite")]
mod sqlite;
mod store;

pub use care::{Checkup, Flaw, Note, Pruning, Repaired};
pub use clock::Clock;
pub use error::{Error, StorageClass};
pub use lease::Lease;
pub use memory::MemoryStore;
pub use record::{
    MAX_ATTRIBUTES_BYTES, MAX_BATCH_BYTES, MAX_BATCH_RECORDS, MAX_DEPTH, MAX_EXPORT_BYTES,
    MAX_NAME_BYTES, MAX_RECORD_BYTES, MAX_SUBJECT_BYTES, MAX_VALUE_BYTES, MAX_VALUES,
};
pub use run::{
    BadRunId, Batch, Entry, Holder, Imported, NewRecord, NewRun, RunHead, RunId, Versioned,
};
#[cfg(feature = "sqlite")]
pub use sqlite::{MakeValue, Salvaged, Settings, SqliteStore, Telling};
pub use store::{RunStore, ValueStore};
