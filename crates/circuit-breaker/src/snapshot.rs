//! What survives a process, as plain data that a later binary can read and need not trust.
//!
//! Two processes that share a place to keep it overwrite each other: the one that saw nothing closes
//! what the other one opened. So a snapshot counts the changes that led to it, and two of the same
//! breaker can be merged.

use std::collections::BTreeMap;
use std::fmt;

/// One breaker's memory. Stamps are milliseconds since the Unix epoch.
///
/// Every field has a default, unknown fields are left out, and what is no snapshot at all is read
/// as one of state `Unknown`, so older and newer data and rubbish can be read;
/// [`CircuitBreaker::restore`](crate::CircuitBreaker::restore) decides what is believed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(from = "read::Readable"))]
pub struct Snapshot {
    /// The shape of this data; a version that this binary does not know restores as closed.
    pub version: u32,
    /// The state when it was taken.
    pub state: SavedState,
    /// When each failure that may still count happened, oldest first. Empty unless closed.
    pub failed_at: Vec<u64>,
    /// While closed, failures in a row; else the number of failures that opened it.
    pub failures: u32,
    /// Doublings of the present or last opening.
    pub reopenings: u32,
    /// When it opened; `None` while closed.
    pub opened_at: Option<u64>,
    /// When its probe is due; `None` while closed.
    pub probe_due_at: Option<u64>,
    /// Opened for a time that the service named, which `max_reset_timeout` does not bound.
    pub tripped: bool,
    /// Changes of state that led here, in this process and those before it.
    pub revision: u64,
    /// When probes closed it; `None` unless closed, or if it never was open.
    pub closed_at: Option<u64>,
    /// How the last calls ended, oldest first: `.` for a success, `x` for a failure. Empty unless
    /// closed and with a rule for the failure rate.
    pub recent: String,
}

impl Snapshot {
    /// The version that this binary writes.
    pub const VERSION: u32 = 1;

    pub(crate) const BLANK: Self = Self {
        version: Self::VERSION,
        state: SavedState::Closed,
        failed_at: Vec::new(),
        failures: 0,
        reopenings: 0,
        opened_at: None,
        probe_due_at: None,
        tripped: false,
        revision: 0,
        closed_at: None,
        recent: String::new(),
    };

    /// What is known of one breaker to those who know either. The order does not matter, nor how
    /// often it is done.
    ///
    /// The one with more changes behind it wins. Where they are equal, open wins over half-open
    /// and that over closed; of two open ones the longer opening; of two closed ones the failures
    /// of both count. What this binary cannot read loses.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let (own, others) = (self.rank(), other.rank());
        let both_are_closed = own.0 && self.state == SavedState::Closed;
        if own == others && both_are_closed {
            return self.join(other);
        }
        let key = |one: &Self| (one.rank(), one.probe_due_at);
        if (key(&self), &self) >= (key(&other), &other) { self } else { other }
    }

    fn rank(&self) -> (bool, u64, u8) {
        let readable = self.version == Self::VERSION && self.state != SavedState::Unknown;
        let state = match self.state {
            SavedState::Unknown | SavedState::Closed => 0,
            SavedState::HalfOpen => 1,
            SavedState::Open => 2,
        };
        (readable, self.revision, state)
    }

    fn join(self, other: Self) -> Self {
        let newer = |one: &Self| (one.closed_at, one.reopenings);
        let (closed_at, reopenings) = newer(&self).max(newer(&other));
        let by_length = |text: String| (text.len(), text);
        let recent = by_length(self.recent).max(by_length(other.recent)).1;
        Self {
            failed_at: either(self.failed_at, other.failed_at),
            failures: self.failures.max(other.failures),
            reopenings,
            closed_at,
            recent,
            version: self.version.max(other.version),
            state: SavedState::Closed,
            opened_at: self.opened_at.max(other.opened_at),
            probe_due_at: self.probe_due_at.max(other.probe_due_at),
            tripped: self.tripped || other.tripped,
            revision: self.revision,
        }
    }
}

/// Each stamp as often as in the list that has it more often: what both were told by an earlier
/// process must not count twice.
fn either(own: Vec<u64>, others: Vec<u64>) -> Vec<u64> {
    let mut counts: BTreeMap<u64, (usize, usize)> = BTreeMap::new();
    for at in own {
        counts.entry(at).or_default().0 += 1;
    }
    for at in others {
        counts.entry(at).or_default().1 += 1;
    }
    let stamps = counts.into_iter();
    stamps.flat_map(|(at, (own, others))| std::iter::repeat_n(at, own.max(others))).collect()
}

impl Default for Snapshot {
    /// A closed breaker that has seen nothing.
    fn default() -> Self {
        Self::BLANK
    }
}

/// The state as it stands in a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum SavedState {
    /// Closed, perhaps with failures that count.
    Closed,
    /// Open, with its probe due at a stated time.
    Open,
    /// The probe was under way; nobody knows how it ended.
    HalfOpen,
    /// A word that this binary does not know; restores as closed.
    #[cfg_attr(feature = "serde", serde(other))]
    Unknown,
}

/// Why a snapshot was not taken over. Nothing is lost but its memory: the breaker stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// It was written by a newer binary.
    UnknownVersion(u32),
    /// It names no state that this binary knows, or is no snapshot at all.
    UnknownState,
    /// It says that it is open, but not since when or until when.
    NoTimes,
    /// The registry is full of breakers that have something to remember.
    NoRoom,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self {
            Self::UnknownVersion(version) => {
                return write!(f, "its memory is of version {version}, which is not known here");
            }
            Self::UnknownState => "its memory names no known state",
            Self::NoTimes => "its memory says open, but not since when and until when",
            Self::NoRoom => "there is no room for one more breaker",
        };
        f.write_str(reason)
    }
}

/// The memory of every breaker of a registry that has anything to remember, ordered by key.
///
/// ```
/// # #[cfg(not(feature = "serde"))] fn main() {}
/// # #[cfg(feature = "serde")]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use circuit_breaker::{Registry, RegistrySnapshot, Settings, SystemClock};
///
/// let registry = Registry::new(Settings::default(), SystemClock);
/// registry.breaker(&"api.example.org".to_owned()).force_open();
/// let text = serde_json::to_string(&registry.snapshot())?;
///
/// // In the next process, with what it finds:
/// let saved: RegistrySnapshot<String> = serde_json::from_str(&text)?;
/// let registry = Registry::new(Settings::default(), SystemClock);
/// for (key, warning) in registry.restore(&saved) {
///     eprintln!("{key} begins closed: {warning}");
/// }
/// let breaker = registry.breaker(&"api.example.org".to_owned());
/// assert_eq!(breaker.status().to_string(), "OPEN");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RegistrySnapshot<K> {
    /// Each key with its breaker's memory.
    pub breakers: Vec<(K, Snapshot)>,
}

impl<K: Ord> RegistrySnapshot<K> {
    /// Every key of either, those of both [merged](Snapshot::merge).
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let mut merged: BTreeMap<K, Snapshot> = BTreeMap::new();
        for (key, saved) in self.breakers.into_iter().chain(other.breakers) {
            let known = merged.remove(&key);
            let saved = match known {
                Some(known) => known.merge(saved),
                None => saved,
            };
            merged.insert(key, saved);
        }
        Self { breakers: merged.into_iter().collect() }
    }
}

impl<K> Default for RegistrySnapshot<K> {
    fn default() -> Self {
        Self { breakers: Vec::new() }
    }
}

#[cfg(feature = "serde")]
mod read {
    //! What may stand where a snapshot should: one damaged entry must not make a whole file
    //! unreadable, and with it the memory of every other breaker.

    use serde::Deserialize;
    use serde::de::IgnoredAny;

    use super::{SavedState, Snapshot};

    #[derive(Deserialize)]
    #[serde(untagged)]
    pub(super) enum Readable {
        Fields(#[serde(with = "Fields")] Snapshot),
        Rubbish(IgnoredAny),
    }

    /// What may be missing is as in a blank one.
    #[derive(Deserialize)]
    #[serde(remote = "Snapshot", default = "Snapshot::default")]
    struct Fields {
        version: u32,
        state: SavedState,
        failed_at: Vec<u64>,
        failures: u32,
        reopenings: u32,
        opened_at: Option<u64>,
        probe_due_at: Option<u64>,
        tripped: bool,
        revision: u64,
        closed_at: Option<u64>,
        recent: String,
    }

    impl From<Readable> for Snapshot {
        fn from(read: Readable) -> Self {
            match read {
                Readable::Fields(snapshot) => snapshot,
                Readable::Rubbish(_) => Self { state: SavedState::Unknown, ..Self::BLANK },
            }
        }
    }
}
