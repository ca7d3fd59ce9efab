//! One error for every store, split by what the caller can do about it.
//!
//! It stands alone, so that a store of any kind can answer with it; how the
//! embedded store finds the class of a failure is that store's own matter.

use std::fmt;

use crate::run::{Holder, RunId};

/// What a store can answer instead of what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A living process holds the run (or an unfinished run of the same
    /// subject). Nothing was changed.
    #[error("the run is held by process {} on {} since {}", holder.pid, holder.host, holder.since)]
    Held {
        /// Who holds it, as the holder itself wrote down.
        holder: Holder,
    },
    /// An unfinished run of the same subject exists and nobody holds it:
    /// acquire it, or create with `fresh`.
    #[error("run {run} of the same subject is unfinished")]
    Unfinished {
        /// The newest such run.
        run: RunId,
    },
    /// A run with this id was created before.
    #[error("run {run} exists already")]
    Exists {
        /// The id that is taken.
        run: RunId,
    },
    /// There is no such run in this store.
    #[error("there is no such run")]
    UnknownRun,
    /// Another process acquired the run since this lease was given. Nothing
    /// was written; stop working on the run.
    #[error("the lease is lost: another process has taken the run over")]
    LeaseLost,
    /// The value changed since its revision was read. Read again.
    #[error("the value was changed by someone else in between")]
    Conflict,
    /// A record does not match its checksum, or is missing from the middle or
    /// the end. The records before `seq` are good. Number 0 is the run's head:
    /// what the run is of, and how far it goes. See
    /// [`repair`](crate::RunStore::repair).
    #[error("{} of run {run} is damaged", place(*seq))]
    Damaged {
        /// The run it belongs to.
        run: RunId,
        /// The first record that cannot be trusted.
        seq: u64,
    },
    /// The export of a run is damaged before its end. Nothing of it was taken.
    #[error("the export is damaged at line {line}")]
    DamagedExport {
        /// The first line that cannot be trusted, from 1.
        line: u64,
    },
    /// The export holds another past of the run than this store. Nothing of
    /// it was taken: one of the two has to be set aside by a person.
    #[error("the export and this store know different things of run {run}, from {} on", place(*seq))]
    Diverged {
        /// The run.
        run: RunId,
        /// The first record that differs; 0 is the head.
        seq: u64,
    },
    /// A shared value cannot be read. It may be overwritten by a
    /// compare-and-swap that expects `revision`.
    #[error("the value {key:?} is damaged")]
    DamagedValue {
        /// Its key.
        key: String,
        /// The revision to expect when overwriting it.
        revision: u64,
    },
    /// The state was written by a newer release than this one.
    #[error(
        "{what} was written by a newer release of this program; \
         this one cannot read it: install the newer release to go on"
    )]
    Newer {
        /// What is too new, as the beginning of the sentence.
        what: String,
    },
    /// More was handed in than the store takes. Nothing was written.
    #[error("{what} is too large: {size}, where at most {limit} is taken")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size: bytes, records, or levels of nesting.
        size: usize,
        /// The most that is taken, in the same unit.
        limit: usize,
    },
    /// What was handed in makes no sense. Nothing was written.
    #[error("{0}")]
    Invalid(&'static str),
    /// The disk or the database under the store failed.
    #[error("{class} ({action}: {message})")]
    Storage {
        /// The kind of failure, by code.
        class: StorageClass,
        /// What was being done.
        action: &'static str,
        /// The raw message of the layer below.
        message: String,
    },
    /// The store was closed, or its worker died; nothing more can be done
    /// with this handle.
    #[error("the store is closed")]
    Closed,
}

/// Why storage failed, told by its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorageClass {
    /// No room left.
    Full,
    /// The file or its file system cannot be written.
    ReadOnly,
    /// The file is not a sound database.
    Corrupt,
    /// Another process kept the database locked for longer than the limit.
    Busy,
    /// The operating system denies access.
    Denied,
    /// Anything else; the message says what.
    Other,
}

impl fmt::Display for StorageClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "there is no room left on the disk",
            Self::ReadOnly => "the state cannot be written: it is read-only",
            Self::Corrupt => "the state file is corrupt",
            Self::Busy => "another process keeps the state locked",
            Self::Denied => "access to the state is denied",
            Self::Other => "the state cannot be read or written",
        })
    }
}

fn place(seq: u64) -> String {
    if seq == 0 { "the head".to_owned() } else { format!("record {seq}") }
}
