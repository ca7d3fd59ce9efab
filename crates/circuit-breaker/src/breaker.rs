//! The handle that callers share, and the permit they hold while they call.
//!
//! The permit is the only way to report a result, and its drop is the only thing that frees a
//! probe's place, so a cancelled future cannot leave a breaker half-open for ever.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::events::Line;
use crate::machine::{Machine, Outcome};
use crate::snapshot::{self, Snapshot};
use crate::{Clock, Recorded, Rejected, Settings, State, Status, SystemClock};

/// A circuit breaker; clones are handles to the same one.
///
/// No method blocks longer than a few memory accesses of another caller, and none calls foreign
/// code under its lock.
pub struct CircuitBreaker<C: Clock = SystemClock> {
    shared: Arc<Shared<C>>,
}

struct Shared<C> {
    machine: Mutex<Machine>,
    clock: C,
    events: Option<Line>,
}

impl<C: Clock> Shared<C> {
    /// Monotonic time, set off so that there is room before the clock's origin: what a snapshot
    /// tells of happened before this process began.
    fn now(&self) -> Duration {
        const BEFORE_ORIGIN: Duration = Duration::from_hours(24 * 365 * 100);
        self.clock.now().saturating_add(BEFORE_ORIGIN)
    }
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
    pub fn with_seed(settings: Settings, clock: C, seed: u64) -> Self {
        Self::build(settings, clock, seed, None)
    }

    pub(crate) fn build(settings: Settings, clock: C, seed: u64, events: Option<Line>) -> Self {
        Self {
            shared: Arc::new(Shared {
                machine: Mutex::new(Machine::new(settings, seed)),
                clock,
                events,
            }),
        }
    }

    /// Leave to make one call. While half-open, at most one permit at a time is a probe.
    ///
    /// # Errors
    /// [`Rejected`] while open, and for all but the probe while half-open.
    pub fn try_acquire(&self) -> Result<Permit<C>, Rejected> {
        let generation = self.change(Machine::try_acquire)?;
        Ok(Permit { breaker: self.clone(), generation, reported: false })
    }

    /// How it stands now. Looking changes nothing.
    #[must_use]
    pub fn status(&self) -> Status {
        let now = self.shared.now();
        self.lock().status(now)
    }

    /// Opens it for `timeout` (at most seven days), as when a service names the time of its
    /// return; the first call after that is the probe. A longer opening is not shortened.
    pub fn trip_for(&self, timeout: Duration) {
        self.change(|machine, now| machine.trip(now, timeout));
    }

    /// Opens it until [`reset`](Self::reset) or [`force_closed`](Self::force_closed); no probe is
    /// let through. The force is this process's: a snapshot holds an ordinary opening.
    pub fn force_open(&self) {
        self.change(Machine::force_open);
    }

    /// Closes it and counts no failure until [`reset`](Self::reset). Not kept in a snapshot.
    pub fn force_closed(&self) {
        self.change(|machine, _| machine.force_closed());
    }

    /// Closes it and forgets everything: failures, doublings, forces. Permits out become stale.
    pub fn reset(&self) {
        self.change(|machine, _| machine.reset());
    }

    /// What the next process should know.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let (now, wall) = (self.shared.now(), self.shared.clock.wall());
        snapshot::take(&mut self.lock(), now, wall)
    }

    /// Takes over what an earlier process learned. Open wins: a snapshot never closes a breaker
    /// that is open here, nor shortens its time. Values that make no sense are clamped or read as
    /// closed; a half-open snapshot becomes open with its probe due. No event is queued.
    pub fn restore(&self, snapshot: &Snapshot) {
        let (now, wall) = (self.shared.now(), self.shared.clock.wall());
        snapshot::restore(&mut self.lock(), snapshot, now, wall);
    }

    /// Runs `change` under the lock and queues the event if the state is another after it.
    fn change<T>(&self, change: impl FnOnce(&mut Machine, Duration) -> T) -> T {
        self.change_and_tell(change, |_| false)
    }

    /// The same, and queues an event too if `counted` says that a failure was counted by a breaker
    /// that stays closed.
    fn change_and_tell<T>(
        &self,
        change: impl FnOnce(&mut Machine, Duration) -> T,
        counted: impl FnOnce(&T) -> bool,
    ) -> T {
        let now = self.shared.now();
        let mut machine = self.lock();
        let from = machine.state();
        let result = change(&mut machine, now);
        let to = machine.state();
        let told = from != to || (to == State::Closed && counted(&result));
        if let Some(events) = self.shared.events.as_ref().filter(|_| told) {
            events.push(from, to, machine.status(now));
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, Machine> {
        // Nothing under the lock panics halfway through a change, so a poisoned state is whole.
        let machine = &self.shared.machine;
        machine.lock().unwrap_or_else(PoisonError::into_inner)
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

/// Leave to make one call, to be held until the call's whole answer is there or lost.
///
/// Dropping it counts as [`ignore`](Self::ignore): a probe's place is freed, nothing is decided.
#[must_use = "a dropped permit reports nothing"]
pub struct Permit<C: Clock = SystemClock> {
    breaker: CircuitBreaker<C>,
    generation: u64,
    reported: bool,
}

impl<C: Clock> Permit<C> {
    /// The service answered in full.
    pub fn success(self) -> Recorded {
        self.report(Outcome::Success)
    }

    /// The service failed, by its own fault.
    pub fn failure(self) -> Recorded {
        self.report(Outcome::Failure)
    }

    /// The call says nothing about the service: cancelled here, or wrong in itself.
    pub fn ignore(self) -> Recorded {
        self.report(Outcome::Ignored)
    }

    fn report(mut self, outcome: Outcome) -> Recorded {
        self.reported = true;
        self.record(outcome)
    }

    fn record(&self, outcome: Outcome) -> Recorded {
        let generation = self.generation;
        self.breaker.change_and_tell(
            |machine, now| machine.record(generation, outcome, now),
            |recorded| outcome == Outcome::Failure && *recorded == Recorded::Counted,
        )
    }
}

impl<C: Clock> Drop for Permit<C> {
    fn drop(&mut self) {
        if !self.reported {
            // Stale or not, a dropped permit has nobody left to tell.
            let _ = self.record(Outcome::Ignored);
        }
    }
}

impl<C: Clock> fmt::Debug for Permit<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("generation", &self.generation).finish_non_exhaustive()
    }
}

pub(crate) fn seed_from(wall: SystemTime) -> u64 {
    let since = wall.duration_since(SystemTime::UNIX_EPOCH);
    // Only spread is wanted: the low bits of the nanoseconds have it all.
    since.map_or(0, |since| since.as_nanos() as u64)
}
