//! The model: it keeps every result ever counted and every probe, and counts them anew for each
//! question. It has no window, no ring, no lock and no word.

use std::time::Duration;

use circuit_breaker::{Cause, Outcome, Recorded, Settings, State};

/// Nanoseconds; times before the first process began are negative.
pub(super) type Time = i64;

pub(super) const LONG_AGO: Time = i64::MIN / 4;

pub(super) fn time(span: Duration) -> Time {
    i64::try_from(span.as_nanos()).unwrap()
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Mode {
    Closed,
    HeldClosed,
    Disabled,
    Open { at: Time, until: Time, tripped: bool },
    HeldOpen { at: Time },
    HalfOpen { probes: Vec<(u64, Time)>, succeeded: u32 },
}

pub(super) struct Naive {
    pub(super) settings: Settings,
    pub(super) now: Time,
    pub(super) mode: Mode,
    /// What every permit gets: its own number, and the era it was given in.
    pub(super) era: u64,
    last_permit: u64,
    /// Every result of this closed time, oldest first; `true` is a failure.
    pub(super) results: Vec<(Time, bool)>,
    pub(super) recovered_at: Option<Time>,
    pub(super) reopenings: u32,
    pub(super) revision: u64,
    pub(super) events: Vec<(State, State, Cause)>,
}

/// A permit as the model knows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Given {
    era: u64,
    permit: u64,
}

impl Naive {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            now: 0,
            mode: Mode::Closed,
            era: 0,
            last_permit: 0,
            results: Vec::new(),
            recovered_at: None,
            reopenings: 0,
            revision: 0,
            events: Vec::new(),
        }
    }

    pub(super) fn enter(&mut self, mode: Mode, cause: Cause) {
        let from = self.state();
        self.mode = mode;
        self.era += 1;
        self.revision += 1;
        if from != self.state() {
            self.events.push((from, self.state(), cause));
        }
    }

    fn clear(&mut self, mode: Mode, cause: Cause) {
        self.results.clear();
        self.recovered_at = None;
        self.enter(mode, cause);
    }

    pub(super) fn close_by_hand(&mut self, mode: Mode, cause: Cause) {
        self.reopenings = 0;
        self.clear(mode, cause);
    }

    pub(super) fn acquire(&mut self) -> Option<Given> {
        match self.mode {
            Mode::Open { until, .. } if until <= self.now => {
                self.enter(Mode::HalfOpen { probes: Vec::new(), succeeded: 0 }, Cause::ProbeDue);
            }
            Mode::Open { .. } | Mode::HeldOpen { .. } => return None,
            _ => {}
        }
        self.last_permit += 1;
        let given = Given { era: self.era, permit: self.last_permit };
        let deadline = self.now + time(self.settings.probe_deadline);
        if let Mode::HalfOpen { probes, .. } = &mut self.mode {
            if probes.len() == self.settings.probes as usize {
                let first = probes.iter().map(|(_, deadline)| *deadline).min().unwrap();
                if first > self.now {
                    return None;
                }
                // Which of two that are due in the same moment goes is nobody's business, but both
                // sides have to agree: the older one.
                let oldest = probes.iter().filter(|(_, d)| *d == first).map(|(p, _)| *p).min();
                probes.retain(|(permit, _)| Some(*permit) != oldest);
            }
            probes.push((given.permit, deadline));
        }
        Some(given)
    }

    pub(super) fn in_window(&self) -> u32 {
        let window = time(self.settings.monitoring_window);
        let counted = self.results.iter();
        let counted = counted.filter(|(at, failed)| *failed && self.now - *at <= window);
        u32::try_from(counted.count()).unwrap()
    }

    fn in_a_row(&self) -> u32 {
        let row = self.results.iter().rev().take_while(|(_, failed)| *failed);
        u32::try_from(row.count()).unwrap()
    }

    fn rate_is_reached(&self) -> bool {
        let Some(rate) = self.settings.failure_rate else {
            return false;
        };
        let last: Vec<_> = self.results.iter().rev().take(rate.calls as usize).collect();
        let failed = last.iter().filter(|(_, failed)| *failed).count() as u32;
        last.len() as u32 >= rate.minimum && failed * 100 >= rate.percent * last.len() as u32
    }

    fn rule_that_holds(&self) -> Option<Cause> {
        let row = self.settings.consecutive_failures;
        if self.in_window() >= self.settings.failure_threshold {
            return Some(Cause::FailuresInWindow);
        }
        if row.is_some_and(|limit| self.in_a_row() >= limit) {
            return Some(Cause::ConsecutiveFailures);
        }
        self.rate_is_reached().then_some(Cause::FailureRate)
    }

    pub(super) fn counts(&self) -> (u32, u32) {
        let (window, row) = (self.in_window(), self.in_a_row());
        match self.settings.consecutive_failures {
            Some(limit) if row > window => (row, limit),
            _ => (window, self.settings.failure_threshold),
        }
    }

    /// What the result counts as, and why it opens the breaker if it does.
    pub(super) fn report(&mut self, given: Given, outcome: Outcome) -> (Recorded, Option<Cause>) {
        if given.era != self.era {
            return (Recorded::Stale, None);
        }
        match &mut self.mode {
            Mode::Closed => (Recorded::Counted, self.count(outcome)),
            Mode::HalfOpen { probes, succeeded } => {
                let before = probes.len();
                probes.retain(|(permit, _)| *permit != given.permit);
                if probes.len() == before {
                    return (Recorded::Stale, None);
                }
                if outcome == Outcome::Failure {
                    self.reopenings += 1;
                    return (Recorded::Counted, Some(Cause::ProbeFailed));
                }
                *succeeded += u32::from(outcome == Outcome::Success);
                if *succeeded == self.settings.successes_to_close {
                    self.clear(Mode::Closed, Cause::ProbeSucceeded);
                    self.recovered_at = Some(self.now);
                }
                (Recorded::Counted, None)
            }
            _ => (Recorded::Counted, None),
        }
    }

    fn count(&mut self, outcome: Outcome) -> Option<Cause> {
        if outcome == Outcome::Ignored {
            return None;
        }
        let failed = outcome == Outcome::Failure;
        self.results.push((self.now, failed));
        let cause = self.rule_that_holds().filter(|_| failed);
        if cause.is_some() {
            let taken_back = self.taken_back();
            self.reopenings = match self.recovered_at {
                None => 0,
                Some(_) => (self.reopenings + 1).saturating_sub(taken_back),
            };
        } else if failed {
            self.events.push((State::Closed, State::Closed, Cause::FailureCounted));
        }
        cause
    }

    fn taken_back(&self) -> u32 {
        let decay = time(self.settings.decay_interval);
        match self.recovered_at {
            Some(at) if decay > 0 => u32::try_from((self.now - at) / decay).unwrap_or(u32::MAX),
            _ => u32::MAX,
        }
    }

    /// The time that an opening lasts at most.
    pub(super) fn nominal(&self) -> Time {
        let doubled = self.settings.reset_timeout * 2_u32.pow(self.reopenings.min(10));
        time(doubled.min(self.settings.max_reset_timeout))
    }

    pub(super) fn trip(&mut self, timeout: Duration) {
        let until = self.now + time(timeout);
        let at = match self.mode {
            Mode::HeldOpen { .. } | Mode::Disabled => return,
            Mode::Open { until: already, .. } if already >= until => return,
            Mode::Open { at, .. } => at,
            _ => self.now,
        };
        self.open_by_hand(Mode::Open { at, until, tripped: true }, Cause::Tripped);
    }

    pub(super) fn force_open(&mut self) {
        if self.mode != Mode::Disabled {
            self.open_by_hand(Mode::HeldOpen { at: self.now }, Cause::Forced);
        }
    }

    fn open_by_hand(&mut self, mode: Mode, cause: Cause) {
        if self.state() == State::Closed {
            self.reopenings = self.reopenings.saturating_sub(self.taken_back());
        }
        self.enter(mode, cause);
    }

    /// A new process takes over, whose wall clock shows `step` more than the old one's did.
    pub(super) fn restart(&mut self, step: Time) {
        let (now, window) = (self.now, time(self.settings.monitoring_window));
        let moved = |at: Time| (at - step).min(now);
        for (at, _) in &mut self.results {
            // The snapshot says when the failures were that may still count, and of the others only
            // that they were.
            *at = if now - *at <= window { moved(*at) } else { LONG_AGO };
        }
        self.recovered_at = self.recovered_at.map(moved);
        let reset = time(self.settings.reset_timeout);
        let longest = time(self.settings.max_reset_timeout);
        self.mode = match self.mode {
            Mode::Closed | Mode::HeldClosed | Mode::Disabled => Mode::Closed,
            Mode::Open { at, until, tripped } => {
                let decided = if tripped { until - at } else { (until - at).min(longest) };
                let left = (until - now - step).clamp(0, decided);
                Mode::Open { at: moved(at), until: now + left, tripped }
            }
            Mode::HeldOpen { at } => {
                let left = (reset - step).clamp(0, now + reset - at);
                Mode::Open { at: moved(at), until: now + left.min(longest), tripped: false }
            }
            Mode::HalfOpen { .. } => Mode::Open { at: moved(now), until: now, tripped: false },
        };
        self.era += 1;
    }

    pub(super) fn state(&self) -> State {
        match self.mode {
            Mode::Closed | Mode::HeldClosed | Mode::Disabled => State::Closed,
            Mode::Open { .. } | Mode::HeldOpen { .. } => State::Open,
            Mode::HalfOpen { .. } => State::HalfOpen,
        }
    }

    pub(super) fn retry_in(&self) -> Option<Duration> {
        let due = match &self.mode {
            Mode::Open { until, .. } => *until,
            Mode::HalfOpen { probes, .. } if probes.len() < self.settings.probes as usize => {
                self.now
            }
            Mode::HalfOpen { probes, .. } => probes.iter().map(|(_, deadline)| *deadline).min()?,
            _ => return None,
        };
        Some(Duration::from_nanos(u64::try_from(due - self.now).unwrap_or(0)))
    }
}
