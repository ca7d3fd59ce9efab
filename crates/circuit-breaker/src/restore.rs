//! Between a machine and its snapshot, with every value clamped on the way in.
//!
//! Monotonic time means nothing to another process, so a snapshot holds wall-clock stamps, and
//! a clock that was set back a year must not keep a breaker open a year. What cannot be believed
//! ends as closed: memory that is wrong must not turn anybody away.

use std::num::NonZeroU64;
use std::time::{Duration, SystemTime};

use crate::machine::Machine;
use crate::moment::{after, nanos};
use crate::phase::{Closed, Hold, Opening, Phase};
use crate::settings::Rules;
use crate::snapshot::{SavedState, Snapshot, Warning};

/// How far a stamp may be off, in milliseconds, that was carried from one clock to the other and
/// back.
const ROUNDING: u64 = 1;

pub(crate) fn take(machine: &mut Machine, now: u64, wall: SystemTime) -> Snapshot {
    let now = machine.settle(now);
    let stamps = Stamps::new(now, wall);
    let blank = Snapshot {
        reopenings: u32::from(machine.reopenings),
        revision: machine.revision,
        ..Snapshot::BLANK
    };
    let failures = u32::from(machine.shown.0);
    match &machine.phase {
        Phase::Closed(closed) => Snapshot {
            failed_at: closed
                .window
                .within(now, machine.rules.window)
                .map(|at| stamps.save(at))
                .collect(),
            failures: u32::from(closed.streak),
            closed_at: closed.recovered_at.map(|at| stamps.save(at.get())),
            recent: recent(machine),
            ..blank
        },
        Phase::Open(opening) => {
            let until = opening.until.unwrap_or(after(now, machine.rules.reset));
            Snapshot {
                state: SavedState::Open,
                failures,
                opened_at: Some(stamps.save(opening.at)),
                probe_due_at: Some(stamps.save(until)),
                tripped: opening.tripped,
                ..blank
            }
        }
        Phase::HalfOpen(_) => Snapshot {
            state: SavedState::HalfOpen,
            failures,
            opened_at: Some(stamps.save(now)),
            probe_due_at: Some(stamps.save(now)),
            ..blank
        },
    }
}

fn recent(machine: &Machine) -> String {
    let calls = machine.ring.iter().flat_map(|ring| ring.iter());
    calls.map(|failed| if failed { 'x' } else { '.' }).collect()
}

pub(crate) fn restore(
    machine: &mut Machine,
    saved: &Snapshot,
    now: u64,
    wall: SystemTime,
) -> Option<Warning> {
    let now = machine.settle(now);
    if saved.version != Snapshot::VERSION {
        return Some(Warning::UnknownVersion(saved.version));
    }
    let is_off = matches!(&machine.phase, Phase::Closed(closed) if closed.hold != Hold::No);
    if !machine.rules.enabled || is_off {
        return None;
    }
    let stamps = Stamps::new(now, wall);
    match saved.state {
        SavedState::Closed => restore_closed(machine, saved, stamps),
        SavedState::Open | SavedState::HalfOpen => {
            let (Some(opened_at), Some(due_at)) = (saved.opened_at, saved.probe_due_at) else {
                return Some(Warning::NoTimes);
            };
            restore_open(machine, saved, (opened_at, due_at), stamps);
        }
        SavedState::Unknown => return Some(Warning::UnknownState),
    }
    None
}

/// Counts are kept below their limits: what an earlier process saw may bring a breaker close to
/// opening, but only a failure of this one opens it.
fn restore_closed(machine: &mut Machine, saved: &Snapshot, stamps: Stamps) {
    let Phase::Closed(closed) = &mut machine.phase else {
        return;
    };
    let rules = &machine.rules;
    restore_window(closed, saved, rules, stamps);
    if let Some(limit) = rules.in_a_row {
        let streak = u16::try_from(saved.failures).unwrap_or(u16::MAX).max(closed.streak);
        closed.streak = streak.min(limit - 1);
    }
    if let (None, Some(closed_at)) = (closed.recovered_at, saved.closed_at) {
        closed.recovered_at = NonZeroU64::new(stamps.past(closed_at));
        machine.reopenings = u8::try_from(saved.reopenings).unwrap_or(u8::MAX);
    }
    if let Some(ring) = machine.ring.as_mut().filter(|ring| ring.length() == 0) {
        let known = saved.recent.chars().filter_map(|call| match call {
            '.' => Some(false),
            'x' => Some(true),
            _ => None,
        });
        known.for_each(|failed| ring.push(failed));
    }
    machine.revision = machine.revision.max(saved.revision);
}

fn restore_window(closed: &mut Closed, saved: &Snapshot, rules: &Rules, stamps: Stamps) {
    let most = usize::from(rules.threshold) - 1;
    let own: Vec<u64> = closed.window.iter().collect();
    let mut unmatched: Vec<u64> = own.iter().map(|at| stamps.save(*at)).collect();
    let mut failed = own;
    for saved_at in &saved.failed_at {
        // What is known here already must not count twice, however often a store is read.
        let known = unmatched.iter().position(|at| at.abs_diff(*saved_at) <= ROUNDING);
        match known {
            Some(known) => drop(unmatched.swap_remove(known)),
            None => failed.push(stamps.past(*saved_at)),
        }
    }
    failed.sort_unstable();
    let surplus = failed.len().saturating_sub(most);
    let streak = closed.streak;
    *closed = Closed::new(rules.threshold, closed.hold, closed.recovered_at);
    closed.streak = streak;
    failed.iter().skip(surplus).for_each(|at| closed.window.push(*at));
}

fn restore_open(machine: &mut Machine, saved: &Snapshot, times: (u64, u64), stamps: Stamps) {
    let (opened_at, due_at) = times;
    let longest = if saved.tripped { nanos(Machine::LONGEST_TRIP) } else { machine.rules.longest };
    // Set back, the wall clock must not lengthen an opening beyond what was decided for it.
    let decided = nanos(Duration::from_millis(due_at.saturating_sub(opened_at))).min(longest);
    let left = match saved.state {
        SavedState::HalfOpen => 0,
        _ => stamps.ahead(due_at).min(decided),
    };
    let until = after(stamps.now, left);
    let takes_over = match &machine.phase {
        Phase::Closed(_) => saved.revision >= machine.revision,
        Phase::Open(opening) => opening.until.is_some_and(|own| own < until),
        Phase::HalfOpen(_) => false,
    };
    if !takes_over {
        return;
    }
    let threshold = machine.rules.threshold;
    let failures = u16::try_from(saved.failures).unwrap_or(u16::MAX);
    machine.shown = (failures.min(threshold), threshold);
    machine.reopenings = u8::try_from(saved.reopenings).unwrap_or(u8::MAX);
    machine.revision = machine.revision.max(saved.revision);
    machine.take_over(Phase::Open(Opening {
        at: stamps.past(opened_at),
        until: Some(until),
        tripped: saved.tripped,
    }));
}

/// One moment on both clocks, to carry a stamp from one to the other.
#[derive(Clone, Copy)]
struct Stamps {
    now: u64,
    since_epoch: Duration,
}

impl Stamps {
    fn new(now: u64, wall: SystemTime) -> Self {
        let since = wall.duration_since(SystemTime::UNIX_EPOCH);
        Self { now, since_epoch: since.unwrap_or(Duration::ZERO) }
    }

    fn save(self, at: u64) -> u64 {
        let ahead = Duration::from_nanos(at.saturating_sub(self.now));
        let past = Duration::from_nanos(self.now.saturating_sub(at));
        let stamp = self.since_epoch.saturating_add(ahead).saturating_sub(past);
        // To the nearest, so that saving and restoring again and again does not creep.
        let rounded = stamp.saturating_add(Duration::from_micros(500));
        u64::try_from(rounded.as_millis()).unwrap_or(u64::MAX)
    }

    /// The moment of a stamp; of one that lies ahead, now.
    fn past(self, stamp: u64) -> u64 {
        let age = self.since_epoch.saturating_sub(Duration::from_millis(stamp));
        self.now.saturating_sub(nanos(age))
    }

    fn ahead(self, stamp: u64) -> u64 {
        nanos(Duration::from_millis(stamp).saturating_sub(self.since_epoch))
    }
}
