//! The state machine itself: no lock, no clock, time as an argument.
//!
//! Everything that breakers elsewhere got wrong is a decision made here, where it can be tested
//! without waiting: a result of an earlier state changes nothing, a probe's place is freed by its
//! end, and time never runs backwards.

use std::collections::VecDeque;
use std::time::Duration;

use crate::jitter::Jitter;
use crate::{Recorded, Rejected, Settings, State, Status};

/// How a permitted call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Success,
    Failure,
    Ignored,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Closed {
        /// Forced: failures do not open it.
        held: bool,
    },
    Open(Opening),
    HalfOpen {
        /// When the probe under way loses its place; `None`: the place is free.
        deadline: Option<Duration>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opening {
    pub(crate) at: Duration,
    /// `None`: forced, until somebody resets it.
    pub(crate) until: Option<Duration>,
    /// Opened for a time that a caller named, which `max_reset_timeout` does not bound.
    pub(crate) tripped: bool,
}

#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) settings: Settings,
    pub(crate) phase: Phase,
    /// Failures that may still count, oldest first, at most `failure_threshold`.
    pub(crate) window: VecDeque<Duration>,
    /// Failures since the last success.
    pub(crate) streak: u32,
    /// Failed probes since it was last closed.
    pub(crate) reopenings: u32,
    /// What `status` shows while open: the count and limit at the moment of opening.
    pub(crate) shown: (u32, u32),
    generation: u64,
    jitter: Jitter,
    latest: Duration,
}

impl Machine {
    /// The longest that a caller may open a breaker for.
    pub(crate) const LONGEST_TRIP: Duration = Duration::from_hours(7 * 24);

    pub(crate) fn new(settings: Settings, seed: u64) -> Self {
        let settings = settings.normalized();
        Self {
            shown: (0, settings.failure_threshold),
            settings,
            phase: Phase::Closed { held: false },
            window: VecDeque::new(),
            streak: 0,
            reopenings: 0,
            generation: 0,
            jitter: Jitter::new(seed),
            latest: Duration::ZERO,
        }
    }

    /// Callers read the clock before they take the lock, so readings may arrive out of order.
    pub(crate) fn settle(&mut self, now: Duration) -> Duration {
        self.latest = self.latest.max(now);
        self.latest
    }

    pub(crate) fn state(&self) -> State {
        match self.phase {
            Phase::Closed { .. } => State::Closed,
            Phase::Open(_) => State::Open,
            Phase::HalfOpen { .. } => State::HalfOpen,
        }
    }

    /// The generation to carry in the permit.
    pub(crate) fn try_acquire(&mut self, now: Duration) -> Result<u64, Rejected> {
        let now = self.settle(now);
        let due = match self.phase {
            Phase::Closed { .. } => return Ok(self.generation),
            Phase::Open(Opening { until, .. }) => until,
            Phase::HalfOpen { deadline } => Some(deadline.unwrap_or(now)),
        };
        match due {
            Some(due) if due <= now => {
                let deadline = now.saturating_add(self.settings.probe_deadline);
                self.enter(Phase::HalfOpen { deadline: Some(deadline) });
                Ok(self.generation)
            }
            _ => Err(Rejected {
                state: self.state(),
                retry_after: due
                    .map_or(self.settings.max_reset_timeout, |due| due.saturating_sub(now)),
            }),
        }
    }

    pub(crate) fn record(&mut self, generation: u64, outcome: Outcome, now: Duration) -> Recorded {
        let now = self.settle(now);
        if generation != self.generation {
            return Recorded::Stale;
        }
        match (self.phase, outcome) {
            (Phase::Closed { held: false }, Outcome::Failure) => self.count_failure(now),
            (Phase::Closed { .. }, Outcome::Success) => self.streak = 0,
            (Phase::HalfOpen { .. }, Outcome::Success) => self.close(false),
            (Phase::HalfOpen { .. }, Outcome::Failure) => {
                self.reopenings = self.reopenings.saturating_add(1);
                self.open(now);
            }
            (Phase::HalfOpen { .. }, Outcome::Ignored) => {
                self.enter(Phase::HalfOpen { deadline: None });
            }
            (Phase::Closed { .. } | Phase::Open(_), _) => {}
        }
        Recorded::Counted
    }

    fn count_failure(&mut self, now: Duration) {
        if !self.settings.enabled {
            return;
        }
        self.forget_old(now);
        if self.window.len() >= self.settings.failure_threshold as usize {
            self.window.pop_front();
        }
        self.window.push_back(now);
        self.streak = self.streak.saturating_add(1);
        let in_a_row = self.settings.consecutive_failures;
        if self.in_window(now) >= self.settings.failure_threshold
            || in_a_row.is_some_and(|limit| self.streak >= limit)
        {
            self.open(now);
        }
    }

    fn forget_old(&mut self, now: Duration) {
        let window = self.settings.monitoring_window;
        let old = |at: &Duration| now.saturating_sub(*at) > window;
        while self.window.front().is_some_and(old) {
            self.window.pop_front();
        }
    }

    fn in_window(&self, now: Duration) -> u32 {
        let window = self.settings.monitoring_window;
        let counts = |at: &&Duration| now.saturating_sub(**at) <= window;
        u32::try_from(self.window.iter().filter(counts).count()).unwrap_or(u32::MAX)
    }

    /// The greater of the two counts with its limit; the window's where they are equal.
    fn tally(&self, now: Duration) -> (u32, u32) {
        let in_window = self.in_window(now);
        match self.settings.consecutive_failures {
            Some(limit) if self.streak > in_window => (self.streak, limit),
            _ => (in_window, self.settings.failure_threshold),
        }
    }

    fn open(&mut self, now: Duration) {
        if self.state() == State::Closed {
            self.shown = self.tally(now);
        }
        let nominal = self.settings.timeout_after(self.reopenings);
        let timeout = self.jitter.shorten(nominal);
        self.enter(Phase::Open(Opening {
            at: now,
            until: Some(now.saturating_add(timeout)),
            tripped: false,
        }));
    }

    fn close(&mut self, held: bool) {
        self.window.clear();
        self.streak = 0;
        self.reopenings = 0;
        self.enter(Phase::Closed { held });
    }

    /// Every change of phase makes the permits given before it stale.
    pub(crate) fn enter(&mut self, phase: Phase) {
        self.generation = self.generation.wrapping_add(1);
        self.phase = phase;
    }

    /// Open for `timeout` from now; never shortens the time it is open already.
    pub(crate) fn trip(&mut self, now: Duration, timeout: Duration) {
        let now = self.settle(now);
        if !self.settings.enabled {
            return;
        }
        let until = now.saturating_add(timeout.min(Self::LONGEST_TRIP));
        let opening = match self.phase {
            Phase::Open(Opening { until: None, .. }) => return,
            Phase::Open(opening) if opening.until >= Some(until) => return,
            Phase::Open(opening) => opening.at,
            Phase::Closed { .. } => {
                self.shown = self.tally(now);
                now
            }
            Phase::HalfOpen { .. } => now,
        };
        self.enter(Phase::Open(Opening { at: opening, until: Some(until), tripped: true }));
    }

    pub(crate) fn force_open(&mut self, now: Duration) {
        let now = self.settle(now);
        if !self.settings.enabled {
            return;
        }
        if self.state() == State::Closed {
            self.shown = self.tally(now);
        }
        self.enter(Phase::Open(Opening { at: now, until: None, tripped: false }));
    }

    pub(crate) fn force_closed(&mut self) {
        self.close(true);
    }

    pub(crate) fn reset(&mut self) {
        self.close(false);
    }

    pub(crate) fn status(&self, now: Duration) -> Status {
        let now = self.latest.max(now);
        let (failures, threshold) = match self.phase {
            Phase::Closed { .. } => self.tally(now),
            Phase::Open(_) | Phase::HalfOpen { .. } => self.shown,
        };
        let due = match self.phase {
            Phase::Closed { .. } => None,
            Phase::Open(opening) => opening.until,
            Phase::HalfOpen { deadline } => Some(deadline.unwrap_or(now)),
        };
        Status {
            state: self.state(),
            failures,
            threshold,
            retry_in: due.map(|due| due.saturating_sub(now)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Trap 7: of two callers, the one that read the clock first may come second.
    #[test]
    fn a_reading_that_comes_late_does_not_turn_time_back() {
        let mut machine = Machine::new(Settings::default(), 1);
        let (early, late) = (Duration::from_secs(100), Duration::from_secs(200));
        assert_eq!(machine.settle(late), late);
        machine.trip(early, Duration::from_secs(10));
        let retry_in = machine.status(early).retry_in;
        assert_eq!(retry_in, Some(Duration::from_secs(10)));
        assert_eq!(machine.status(late).retry_in, retry_in);
    }
}
