//! What survives a process, as plain data that a later binary can read and need not trust.
//!
//! Monotonic time means nothing to another process, so a snapshot holds wall-clock stamps, and
//! reading one clamps them: a clock that was set back a year must not keep a breaker open a year.

use std::time::{Duration, SystemTime};

use crate::machine::{Machine, Opening, Phase};

/// One breaker's memory. Stamps are milliseconds since the Unix epoch.
///
/// Every field has a default and unknown fields are left out, so older and newer data can be read;
/// [`CircuitBreaker::restore`](crate::CircuitBreaker::restore) decides what is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct Snapshot {
    /// The shape of this data; a version that this binary does not know restores as closed.
    pub version: u32,
    /// The state when it was taken.
    pub state: SavedState,
    /// When each failure that may still count happened, oldest first. Empty unless closed.
    pub failed_at: Vec<u64>,
    /// While closed, failures in a row; else the number of failures that opened it.
    pub failures: u32,
    /// Failed probes since it was last closed.
    pub reopenings: u32,
    /// When it opened; `None` while closed.
    pub opened_at: Option<u64>,
    /// When its probe is due; `None` while closed.
    pub probe_due_at: Option<u64>,
    /// Opened for a time that the service named, which `max_reset_timeout` does not bound.
    pub tripped: bool,
}

impl Snapshot {
    /// The version that this binary writes.
    pub const VERSION: u32 = 1;
}

impl Default for Snapshot {
    /// A closed breaker that has seen nothing.
    fn default() -> Self {
        Self {
            version: Self::VERSION,
            state: SavedState::Closed,
            failed_at: Vec::new(),
            failures: 0,
            reopenings: 0,
            opened_at: None,
            probe_due_at: None,
            tripped: false,
        }
    }
}

/// The state as it stands in a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// The memory of every breaker of a registry that has anything to remember, ordered by key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RegistrySnapshot<K> {
    /// Each key with its breaker's memory.
    pub breakers: Vec<(K, Snapshot)>,
}

impl<K> Default for RegistrySnapshot<K> {
    fn default() -> Self {
        Self { breakers: Vec::new() }
    }
}

pub(crate) fn take(machine: &mut Machine, now: Duration, wall: SystemTime) -> Snapshot {
    let now = machine.settle(now);
    let stamps = Stamps { now, wall };
    let blank = Snapshot { reopenings: machine.reopenings, ..Snapshot::default() };
    match machine.phase {
        Phase::Closed { .. } => Snapshot {
            failed_at: machine.window.iter().map(|at| stamps.save(*at)).collect(),
            failures: machine.streak,
            ..blank
        },
        Phase::Open(opening) => {
            let forced_until = now.saturating_add(machine.settings.reset_timeout);
            Snapshot {
                state: SavedState::Open,
                failures: machine.shown.0,
                opened_at: Some(stamps.save(opening.at)),
                probe_due_at: Some(stamps.save(opening.until.unwrap_or(forced_until))),
                tripped: opening.tripped,
                ..blank
            }
        }
        Phase::HalfOpen { .. } => Snapshot {
            state: SavedState::HalfOpen,
            failures: machine.shown.0,
            opened_at: Some(stamps.save(now)),
            probe_due_at: Some(stamps.save(now)),
            ..blank
        },
    }
}

pub(crate) fn restore(machine: &mut Machine, saved: &Snapshot, now: Duration, wall: SystemTime) {
    let now = machine.settle(now);
    if !machine.settings.enabled || saved.version != Snapshot::VERSION {
        return;
    }
    let stamps = Stamps { now, wall };
    match saved.state {
        SavedState::Closed => restore_closed(machine, saved, stamps),
        SavedState::Open | SavedState::HalfOpen => restore_open(machine, saved, stamps),
        SavedState::Unknown => {}
    }
}

/// Counts are kept below their limits: what an earlier process saw may bring a breaker close to
/// opening, but only a failure of this one opens it.
fn restore_closed(machine: &mut Machine, saved: &Snapshot, stamps: Stamps) {
    if machine.phase != (Phase::Closed { held: false }) {
        return;
    }
    let most = machine.settings.failure_threshold as usize - 1;
    let mut failed: Vec<Duration> = machine.window.iter().copied().collect();
    let ages = saved.failed_at.iter().map(|at| stamps.age(*at));
    failed.extend(ages.map(|age| stamps.now.saturating_sub(age)));
    failed.sort_unstable();
    let surplus = failed.len().saturating_sub(most);
    machine.window = failed.split_off(surplus).into();
    let limit = machine.settings.consecutive_failures.unwrap_or(u32::MAX);
    let streak = machine.streak.max(saved.failures);
    machine.streak = streak.min(limit - 1);
}

fn restore_open(machine: &mut Machine, saved: &Snapshot, stamps: Stamps) {
    let (Some(opened_at), Some(due_at)) = (saved.opened_at, saved.probe_due_at) else {
        return;
    };
    let longest =
        if saved.tripped { Machine::LONGEST_TRIP } else { machine.settings.max_reset_timeout };
    // Set back, the wall clock must not lengthen an opening beyond what was decided for it.
    let decided = Duration::from_millis(due_at.saturating_sub(opened_at)).min(longest);
    let left = match saved.state {
        SavedState::HalfOpen => Duration::ZERO,
        _ => stamps.ahead(due_at).min(decided),
    };
    let until = Some(stamps.now.saturating_add(left));
    let here = match machine.phase {
        Phase::Closed { held } => !held,
        Phase::Open(opening) => opening.until.is_some() && opening.until < until,
        Phase::HalfOpen { .. } => false,
    };
    if !here {
        return;
    }
    let threshold = machine.settings.failure_threshold;
    machine.shown = (saved.failures.min(threshold), threshold);
    machine.reopenings = saved.reopenings;
    machine.enter(Phase::Open(Opening {
        at: stamps.now.saturating_sub(stamps.age(opened_at)),
        until,
        tripped: saved.tripped,
    }));
}

/// One moment on both clocks, to carry a stamp from one to the other.
#[derive(Clone, Copy)]
struct Stamps {
    now: Duration,
    wall: SystemTime,
}

impl Stamps {
    fn save(self, at: Duration) -> u64 {
        let stamp = if at >= self.now {
            self.since_epoch().saturating_add(at - self.now)
        } else {
            self.since_epoch().saturating_sub(self.now - at)
        };
        // To the nearest, so that saving and restoring again and again does not creep.
        let rounded = stamp.saturating_add(Duration::from_micros(500));
        u64::try_from(rounded.as_millis()).unwrap_or(u64::MAX)
    }

    fn age(self, stamp: u64) -> Duration {
        self.since_epoch().saturating_sub(Duration::from_millis(stamp))
    }

    fn ahead(self, stamp: u64) -> Duration {
        Duration::from_millis(stamp).saturating_sub(self.since_epoch())
    }

    fn since_epoch(self) -> Duration {
        let since = self.wall.duration_since(SystemTime::UNIX_EPOCH);
        since.unwrap_or(Duration::ZERO)
    }
}
