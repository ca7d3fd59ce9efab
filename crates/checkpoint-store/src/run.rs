//! The words of the store: what goes in and what comes out, for every store
//! alike. No path and no SQL type stands here, so that a shared store can
//! speak the same words.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, UNIX_EPOCH};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ulid::Ulid;

use crate::clock::Clock;

/// Names one run, everywhere and for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(Ulid);

/// The text is not the id of a run (a ULID: 26 letters and digits).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not the id of a run (26 letters and digits)")]
pub struct BadRunId {
    /// The beginning of what was given instead.
    pub text: String,
}

impl RunId {
    /// A new id, unlike every other.
    pub fn generate() -> Self {
        let since_epoch = Clock::system().now().as_millisecond();
        let since_epoch = Duration::from_millis(u64::try_from(since_epoch).unwrap_or(0));
        Self(Ulid::from_datetime(UNIX_EPOCH + since_epoch))
    }
}

impl From<Ulid> for RunId {
    fn from(ulid: Ulid) -> Self {
        Self(ulid)
    }
}

impl From<RunId> for Ulid {
    fn from(run: RunId) -> Self {
        run.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for RunId {
    type Err = BadRunId;

    /// Upper and lower case are the same.
    fn from_str(text: &str) -> Result<Self, BadRunId> {
        Ulid::from_string(text)
            .map(Self)
            .map_err(|_| BadRunId { text: text.chars().take(64).collect() })
    }
}

/// A run to be created.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRun {
    /// Its id; must be new.
    pub id: RunId,
    /// What it works on. At most one living process works on a subject.
    pub subject: String,
    /// Small facts about the run that never change.
    pub attributes: Value,
    /// Create it even where an unfinished run of the subject lies around.
    pub fresh: bool,
}

/// A record to be appended. The store adds number, stamp, epoch and checksum.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRecord {
    /// What kind of fact it is; the store does not look at it.
    pub kind: String,
    /// The fact. A number with a fraction may come back different in its
    /// last binary digit.
    pub body: Value,
}

/// What one commit does: all of it, or nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Appended in this order.
    pub records: Vec<NewRecord>,
    /// Marks the run finished with this status; `None` leaves it as it is.
    pub finish: Option<String>,
    /// Makes a finished run unfinished again, before `finish` is looked at.
    pub reopen: bool,
}

/// One record as it was stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The run it belongs to.
    pub run: RunId,
    /// Its number: 1, 2, 3 … without gaps within its run.
    pub seq: u64,
    /// The epoch of the lease that wrote it.
    pub epoch: u64,
    /// When it was written, by the writer's clock. For people; never compare.
    pub at: Timestamp,
    /// The kind it was given.
    pub kind: String,
    /// The body it was given.
    pub body: Value,
    /// The version of the record's form.
    pub version: u32,
    /// The oldest reader that may read it.
    pub min_reader: u32,
}

/// A run as a list shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct RunHead {
    /// Its id.
    pub id: RunId,
    /// What it works on.
    pub subject: String,
    /// As given when it was created.
    pub attributes: Value,
    /// When it was created.
    pub created_at: Timestamp,
    /// The status it finished with; `None` while unfinished.
    pub finished: Option<String>,
    /// When something was last committed to it.
    pub updated_at: Timestamp,
    /// The living process that holds it, if there is one.
    pub holder: Option<Holder>,
}

/// The process that holds a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The name of its machine.
    pub host: String,
    /// Its process id there.
    pub pid: u32,
    /// Since when it holds the run.
    pub since: Timestamp,
}

/// A shared value and the revision that a swap must expect.
#[derive(Clone, Debug, PartialEq)]
pub struct Versioned {
    /// Grows by one with every change, from 1.
    pub revision: u64,
    /// The value.
    pub value: Value,
}

/// What an import did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The run that the export is of.
    pub run: RunId,
    /// Records that were not here before.
    pub added: u64,
    /// Records that the run has now.
    pub records: u64,
    /// The export broke off: its beginning was taken, up to the last whole
    /// record, and the run counts as unfinished if anything was added.
    pub torn: bool,
}
