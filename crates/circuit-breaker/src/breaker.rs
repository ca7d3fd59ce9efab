//! The handle that callers share, and the few memory accesses that a call costs.
//!
//! A breaker stands in the way of every call, so that of a healthy service must not wait for a lock:
//! a closed breaker is passed with one load, and a success that changes nothing is one addition.
//! Failures and changes of state take a lock, so that what decides is decided in one order.

use std::fmt;
use std::time::{Duration, SystemTime};

use crate::events::Line;
use crate::gate::{Gate, Ticket, Way};
use crate::machine::Machine;
use crate::moment::moment;
use crate::restore;
use crate::settings::{Rules, SharedRules};
use crate::snapshot::{Snapshot, Warning};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Arc, Mutex, lock};
use crate::{
    Cause, Clock, Outcome, OwnedPermit, Permit, Recorded, Rejected, Settings, State, Status,
    SystemClock,
};

/// A circuit breaker; clones are handles to the same one.
///
/// No method blocks longer than a few memory accesses of another caller, and none calls foreign
/// code under its lock.
pub struct CircuitBreaker<C: Clock = SystemClock> {
    shared: Arc<Shared<C>>,
}

/// What every call writes stands far from what every call reads: on one cache line, each success on
/// one core would take the gate away from all others.
#[repr(C)]
pub(crate) struct Shared<C> {
    successes: AtomicU64,
    machine: Mutex<Machine>,
    events: Option<Line>,
    gate: Gate,
    clock: C,
}

impl<C: Clock> CircuitBreaker<C> {
    /// A closed breaker. The jitter is seeded from the clock's wall time: different in each
    /// process, the same for a clock that a test holds.
    #[must_use]
    pub fn new(settings: Settings, clock: C) -> Self {
        let seed = seed_from(clock.wall());
        Self::with_seed(settings, clock, seed)
    }

    /// As [`new`](Self::new), with the jitter's seed given.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "as `new` takes them")]
    pub fn with_seed(settings: Settings, clock: C, seed: u64) -> Self {
        Self::build(Rules::shared(&settings), clock, seed, None)
    }

    pub(crate) fn build(rules: SharedRules, clock: C, seed: u64, events: Option<Line>) -> Self {
        let machine = Machine::new(rules, seed);
        let gate = Gate::new(machine.word());
        let machine = Mutex::new(machine);
        let successes = AtomicU64::new(0);
        Self { shared: Arc::new(Shared { successes, machine, events, gate, clock }) }
    }

    /// Leave to make one call. While half-open, as many permits at a time as there may be probes.
    ///
    /// # Errors
    /// [`Rejected`] while open, and for all but the probes while half-open.
    #[inline]
    pub fn try_acquire(&self) -> Result<Permit<'_, C>, Rejected> {
        let ticket = self.shared.admit()?;
        Ok(Permit::new(&self.shared, ticket))
    }

    /// The same for a call that outlives the borrow of this handle: one that is spawned, or whose
    /// answer is a stream. It costs two more additions, for the handle that it keeps.
    ///
    /// # Errors
    /// As [`try_acquire`](Self::try_acquire).
    #[inline]
    pub fn try_acquire_owned(&self) -> Result<OwnedPermit<C>, Rejected> {
        let ticket = self.shared.admit()?;
        Ok(OwnedPermit::new(self.clone(), ticket))
    }

    /// How it stands now. Looking takes no permit and changes nothing.
    #[must_use]
    pub fn status(&self) -> Status {
        let now = self.shared.now();
        lock(&self.shared.machine).status(now)
    }

    /// Successes that were counted since this value was made, those of probes included.
    #[must_use]
    pub fn successes(&self) -> u64 {
        self.shared.successes.load(Ordering::Relaxed)
    }

    /// Opens it for `timeout` (at most seven days), as when a service names the time of its
    /// return; the first call after that is the probe. A longer opening is not shortened.
    pub fn trip_for(&self, timeout: Duration) {
        self.shared.change(|machine, now| machine.trip(now, timeout));
    }

    /// Opens it until [`reset`](Self::reset) or [`force_closed`](Self::force_closed); no probe is
    /// let through. The force is this process's: a snapshot holds an ordinary opening.
    pub fn force_open(&self) {
        self.shared.change(Machine::force_open);
    }

    /// Closes it and counts no failure until [`reset`](Self::reset); only [`trip_for`](Self::trip_for)
    /// and [`force_open`](Self::force_open) open it. Not kept in a snapshot.
    pub fn force_closed(&self) {
        self.shared.change(|machine, _| machine.force_closed());
    }

    /// Switches it off until [`reset`](Self::reset): every call is let through and nothing opens
    /// it. Not kept in a snapshot.
    pub fn disable(&self) {
        self.shared.change(|machine, _| machine.disable());
    }

    /// Closes it and forgets everything: failures, doublings, forces. Permits out become stale.
    pub fn reset(&self) {
        self.shared.change(|machine, _| machine.reset());
    }

    /// What the next process should know.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let (now, wall) = (self.shared.now(), self.shared.clock.wall());
        restore::take(&mut lock(&self.shared.machine), now, wall)
    }

    /// Takes over what an earlier process learned. Open wins: a snapshot never closes a breaker
    /// that is open here, nor shortens its time. Values that make no sense are clamped; what cannot
    /// be read at all leaves the breaker as it is, and is told. A half-open snapshot becomes open
    /// with its probe due. No event is queued.
    #[expect(clippy::must_use_candidate, reason = "a caller that has nobody to warn goes on")]
    pub fn restore(&self, snapshot: &Snapshot) -> Option<Warning> {
        let (now, wall) = (self.shared.now(), self.shared.clock.wall());
        let mut machine = lock(&self.shared.machine);
        let warning = restore::restore(&mut machine, snapshot, now, wall);
        self.shared.gate.publish(machine.word());
        warning
    }

    pub(crate) fn shared(&self) -> &Shared<C> {
        &self.shared
    }

    /// Whether nobody else holds a handle or an owned permit, and a breaker made anew would do the
    /// same as this one. Only for who can make sure that no handle is given meanwhile.
    pub(crate) fn is_idle_and_blank(&self, now: u64) -> bool {
        Arc::strong_count(&self.shared) == 1 && lock(&self.shared.machine).is_blank(now)
    }
}

impl<C: Clock> Shared<C> {
    #[inline]
    fn now(&self) -> u64 {
        moment(self.clock.now())
    }

    #[inline]
    fn admit(&self) -> Result<Ticket, Rejected> {
        match self.gate.look() {
            Way::Admit(ticket) => Ok(ticket),
            Way::OpenUntil(until) => self.wait(until),
            Way::Ask => self.ask(),
        }
    }

    /// Not among what a closed breaker executes, which is faster without it.
    #[inline(never)]
    fn wait(&self, until: Duration) -> Result<Ticket, Rejected> {
        // The clock is read after the gate: it was open at a moment before `until`.
        let left = until.saturating_sub(self.clock.now());
        if left.is_zero() {
            return self.ask();
        }
        Err(Rejected { state: State::Open, retry_after: left })
    }

    #[cold]
    fn ask(&self) -> Result<Ticket, Rejected> {
        self.change(Machine::try_acquire)
    }

    #[inline]
    pub(crate) fn succeed(&self, ticket: Ticket) -> Recorded {
        if !self.gate.is_indifferent_to(ticket) {
            return self.record_slowly(ticket, Outcome::Success);
        }
        self.successes.fetch_add(1, Ordering::Relaxed);
        Recorded::Counted
    }

    #[inline]
    pub(crate) fn ignore(&self, ticket: Ticket) -> Recorded {
        if self.gate.is_indifferent_to(ticket) {
            return Recorded::Counted;
        }
        self.record_slowly(ticket, Outcome::Ignored)
    }

    pub(crate) fn fail(&self, ticket: Ticket) -> Recorded {
        self.record_slowly(ticket, Outcome::Failure)
    }

    #[cold]
    fn record_slowly(&self, ticket: Ticket, outcome: Outcome) -> Recorded {
        let recorded = self.change(|machine, now| machine.record(ticket, outcome, now));
        if outcome == Outcome::Success && recorded == Recorded::Counted {
            self.successes.fetch_add(1, Ordering::Relaxed);
        }
        recorded
    }

    /// Runs `change` under the lock, publishes what came of it, and queues the event if there is
    /// one.
    fn change<T>(&self, change: impl FnOnce(&mut Machine, u64) -> T) -> T {
        let now = self.now();
        let mut machine = lock(&self.machine);
        let from = machine.state();
        let result = change(&mut machine, now);
        self.gate.publish(machine.word());
        let to = machine.state();
        let told =
            machine.take_cause().filter(|cause| from != to || *cause == Cause::FailureCounted);
        if let (Some(cause), Some(events)) = (told, &self.events) {
            events.push(from, to, cause, machine.status(now));
        }
        result
    }
}

impl<C: Clock> Clone for CircuitBreaker<C> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<C: Clock> fmt::Debug for CircuitBreaker<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CircuitBreaker").field(&self.status()).finish()
    }
}

pub(crate) fn seed_from(wall: SystemTime) -> u64 {
    let since = wall.duration_since(SystemTime::UNIX_EPOCH);
    // Only spread is wanted: the low bits of the nanoseconds have it all.
    since.map_or(0, |since| since.as_nanos() as u64)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// With the two counters that an `Arc` puts before it. The rules stand elsewhere, once for all
    /// breakers of a registry.
    #[test]
    fn a_breaker_is_at_most_256_bytes_and_its_gate_far_from_what_is_written() {
        let counters = 2 * size_of::<usize>();
        assert!(counters + size_of::<Shared<SystemClock>>() <= 256);
        let gate = std::mem::offset_of!(Shared<SystemClock>, gate);
        assert!(gate - std::mem::offset_of!(Shared<SystemClock>, successes) >= 128);
    }
}
