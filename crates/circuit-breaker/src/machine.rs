//! The state machine itself: no lock, no clock, time as an argument.
//!
//! Everything that breakers elsewhere got wrong is a decision made here, where it can be tested
//! without waiting: a result of an earlier state changes nothing, a probe's place is freed by its
//! end, and time never runs backwards.

use std::num::NonZeroU64;
use std::time::Duration;

use crate::gate::{Ticket, Word};
use crate::jitter::Jitter;
use crate::moment::{self, after, left, nanos, reading};
use crate::phase::{Closed, Hold, Opening, Phase, Probe, Probing};
use crate::ring::Ring;
use crate::settings::{Rules, SharedRules};
use crate::{Cause, Outcome, Recorded, Rejected, State, Status};

#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) rules: SharedRules,
    pub(crate) phase: Phase,
    /// The last calls of this closed time; there if there is a rule for their rate.
    pub(crate) ring: Option<Box<Ring>>,
    /// What `status` shows while open: the count and limit at the moment of opening.
    pub(crate) shown: (u16, u16),
    /// Doublings of the present or last opening.
    pub(crate) reopenings: u8,
    /// Changes of state that led here, those of earlier processes included.
    pub(crate) revision: u64,
    /// The last number given to a closed time or a probe.
    last_number: u64,
    jitter: Jitter,
    latest: u64,
    cause: Option<Cause>,
}

impl Machine {
    /// The longest that a caller may open a breaker for.
    pub(crate) const LONGEST_TRIP: Duration = Duration::from_hours(7 * 24);

    pub(crate) fn new(rules: SharedRules, seed: u64) -> Self {
        Self {
            shown: (0, rules.threshold),
            phase: Phase::Closed(Closed::new(rules.threshold, Hold::No, None)),
            ring: rules.rate.filter(|_| rules.enabled).map(|rate| Box::new(Ring::new(rate.calls))),
            rules,
            reopenings: 0,
            revision: 0,
            last_number: 0,
            jitter: Jitter::new(seed),
            latest: 0,
            cause: None,
        }
    }

    /// Callers read the clock before they take the lock, so readings may arrive out of order.
    pub(crate) fn settle(&mut self, now: u64) -> u64 {
        self.latest = self.latest.max(now);
        self.latest
    }

    pub(crate) fn state(&self) -> State {
        match self.phase {
            Phase::Closed(_) => State::Closed,
            Phase::Open(_) => State::Open,
            Phase::HalfOpen(_) => State::HalfOpen,
        }
    }

    /// What the gate should say.
    pub(crate) fn word(&self) -> Word {
        match &self.phase {
            Phase::Closed(closed) => Word::closed(self.last_number, self.is_watched(closed)),
            Phase::Open(Opening { until: Some(until), .. }) => Word::open(reading(*until)),
            Phase::Open(_) | Phase::HalfOpen(_) => Word::ask(),
        }
    }

    fn is_watched(&self, closed: &Closed) -> bool {
        closed.hold == Hold::No && (closed.streak > 0 || self.ring.is_some())
    }

    /// Why something changed since this was last asked.
    pub(crate) fn take_cause(&mut self) -> Option<Cause> {
        self.cause.take()
    }

    pub(crate) fn try_acquire(&mut self, now: u64) -> Result<Ticket, Rejected> {
        let now = self.settle(now);
        let most = usize::from(self.rules.probes);
        let due = match &mut self.phase {
            Phase::Closed(_) => return Ok(Ticket::closed(self.last_number)),
            Phase::Open(Opening { until: Some(until), .. }) if *until <= now => {
                let probing = Probing { probes: Vec::with_capacity(most), succeeded: 0 };
                self.enter(Phase::HalfOpen(probing), Cause::ProbeDue);
                None
            }
            Phase::Open(Opening { until, .. }) => Some(until.unwrap_or(moment::LAST)),
            Phase::HalfOpen(probing) if probing.probes.len() < most => None,
            Phase::HalfOpen(probing) => match probing.first_due() {
                Some((overdue, deadline)) if deadline <= now => {
                    probing.probes.remove(overdue);
                    None
                }
                first => first.map(|(_, deadline)| deadline),
            },
        };
        match due {
            None => Ok(self.begin_probe(now)),
            Some(due) => Err(Rejected { state: self.state(), retry_after: self.wait(due, now) }),
        }
    }

    /// A forced opening has no end, and "in a century" is no time to come back at.
    fn wait(&self, due: u64, now: u64) -> Duration {
        match self.phase {
            Phase::Open(Opening { until: None, .. }) => Duration::from_nanos(self.rules.longest),
            _ => left(due, now),
        }
    }

    fn begin_probe(&mut self, now: u64) -> Ticket {
        self.last_number += 1;
        let (number, deadline) = (self.last_number, after(now, self.rules.deadline));
        if let Phase::HalfOpen(probing) = &mut self.phase {
            probing.probes.push(Probe { number, deadline });
        }
        Ticket::probe(number)
    }

    pub(crate) fn record(&mut self, ticket: Ticket, outcome: Outcome, now: u64) -> Recorded {
        let now = self.settle(now);
        let number = ticket.number();
        match &mut self.phase {
            Phase::Closed(closed) if number == self.last_number => {
                match outcome {
                    Outcome::Success => {
                        closed.streak = 0;
                        self.enter_in_ring(false);
                    }
                    Outcome::Failure if closed.hold == Hold::No => self.count_failure(now),
                    Outcome::Failure | Outcome::Ignored => {}
                }
                Recorded::Counted
            }
            Phase::HalfOpen(probing) => match probing.position(number) {
                Some(place) => {
                    probing.probes.remove(place);
                    self.end_probe(outcome, now);
                    Recorded::Counted
                }
                None => Recorded::Stale,
            },
            Phase::Closed(_) | Phase::Open(_) => Recorded::Stale,
        }
    }

    fn end_probe(&mut self, outcome: Outcome, now: u64) {
        let Phase::HalfOpen(probing) = &mut self.phase else {
            return;
        };
        match outcome {
            Outcome::Ignored => {}
            Outcome::Failure => {
                self.reopenings = self.reopenings.saturating_add(1);
                self.open(now, Cause::ProbeFailed);
            }
            Outcome::Success => {
                probing.succeeded += 1;
                if probing.succeeded >= self.rules.to_close {
                    self.close(Hold::No, NonZeroU64::new(now), Cause::ProbeSucceeded);
                }
            }
        }
    }

    fn enter_in_ring(&mut self, failed: bool) {
        if let Some(ring) = &mut self.ring {
            ring.push(failed);
        }
    }

    fn count_failure(&mut self, now: u64) {
        if !self.rules.enabled {
            return;
        }
        self.enter_in_ring(true);
        let Phase::Closed(closed) = &mut self.phase else {
            return;
        };
        let rules = &self.rules;
        closed.window.forget(now, rules.window);
        let in_window = closed.window.length() + 1;
        if rules.in_a_row.is_some() {
            closed.streak = closed.streak.saturating_add(1);
        }
        let of_calls = self.ring.as_ref().map_or((0, 0), |ring| (ring.failed(), ring.length()));
        let cause = if in_window >= usize::from(rules.threshold) {
            Cause::FailuresInWindow
        } else if rules.in_a_row.is_some_and(|limit| closed.streak >= limit) {
            Cause::ConsecutiveFailures
        } else if rules.rate.is_some_and(|rate| rate.is_reached(of_calls.0, of_calls.1)) {
            Cause::FailureRate
        } else {
            closed.window.push(now);
            self.cause = Some(Cause::FailureCounted);
            return;
        };
        self.shown = tally(rules, in_window, closed.streak);
        self.reopenings = closed.recovered_at.map_or(0, |at| {
            let taken_back = taken_back(now, at.get(), rules);
            self.reopenings.saturating_add(1).saturating_sub(taken_back)
        });
        self.open(now, cause);
    }

    fn open(&mut self, now: u64, cause: Cause) {
        let nominal = self.rules.timeout_after(self.reopenings);
        let timeout = self.jitter.shorten(nominal, self.last_number);
        let until = Some(after(now, timeout));
        self.enter(Phase::Open(Opening { at: now, until, tripped: false }), cause);
    }

    fn close(&mut self, hold: Hold, recovered_at: Option<NonZeroU64>, cause: Cause) {
        if let Some(ring) = &mut self.ring {
            ring.clear();
        }
        let closed = Closed::new(self.rules.threshold, hold, recovered_at);
        self.enter(Phase::Closed(closed), cause);
    }

    fn enter(&mut self, phase: Phase, cause: Cause) {
        self.revision = self.revision.saturating_add(1);
        self.take_over(phase);
        self.cause = Some(cause);
    }

    /// Every change of phase makes the permits given before it stale.
    pub(crate) fn take_over(&mut self, phase: Phase) {
        self.last_number += 1;
        self.phase = phase;
    }

    /// Open for `timeout` from now; never shortens the time it is open already.
    pub(crate) fn trip(&mut self, now: u64, timeout: Duration) {
        let now = self.settle(now);
        let until = Some(after(now, nanos(timeout.min(Self::LONGEST_TRIP))));
        let at = match self.phase {
            Phase::Open(Opening { until: None, .. }) => return,
            Phase::Open(opening) if opening.until >= until => return,
            Phase::Open(opening) => opening.at,
            Phase::Closed(_) | Phase::HalfOpen(_) => now,
        };
        self.open_by_hand(now, Opening { at, until, tripped: true }, Cause::Tripped);
    }

    pub(crate) fn force_open(&mut self, now: u64) {
        let now = self.settle(now);
        let opening = Opening { at: now, until: None, tripped: false };
        self.open_by_hand(now, opening, Cause::Forced);
    }

    fn open_by_hand(&mut self, now: u64, opening: Opening, cause: Cause) {
        if let Phase::Closed(closed) = &self.phase {
            if !self.rules.enabled || closed.hold == Hold::Off {
                return;
            }
            self.shown = self.tally_of(closed, now);
            let taken_back =
                closed.recovered_at.map_or(u8::MAX, |at| taken_back(now, at.get(), &self.rules));
            self.reopenings = self.reopenings.saturating_sub(taken_back);
        }
        self.enter(Phase::Open(opening), cause);
    }

    pub(crate) fn force_closed(&mut self) {
        self.close_by_hand(Hold::Closed, Cause::Forced);
    }

    pub(crate) fn disable(&mut self) {
        self.close_by_hand(Hold::Off, Cause::Disabled);
    }

    pub(crate) fn reset(&mut self) {
        self.close_by_hand(Hold::No, Cause::Reset);
    }

    fn close_by_hand(&mut self, hold: Hold, cause: Cause) {
        self.reopenings = 0;
        self.close(hold, None, cause);
    }

    /// Whether a breaker made anew would do exactly the same.
    pub(crate) fn is_blank(&self, now: u64) -> bool {
        let Phase::Closed(closed) = &self.phase else {
            return false;
        };
        let recovered = closed.recovered_at.is_none_or(|at| {
            taken_back(self.latest.max(now), at.get(), &self.rules) > self.reopenings
        });
        let quiet = self.tally_of(closed, now).0 == 0;
        let no_rate = self.ring.as_ref().is_none_or(|ring| ring.failed() == 0);
        closed.hold == Hold::No && recovered && quiet && no_rate
    }

    fn tally_of(&self, closed: &Closed, now: u64) -> (u16, u16) {
        let in_window = closed.window.count(self.latest.max(now), self.rules.window);
        tally(&self.rules, in_window, closed.streak)
    }

    pub(crate) fn status(&self, now: u64) -> Status {
        let now = self.latest.max(now);
        let (shown, due) = match &self.phase {
            Phase::Closed(closed) => (self.tally_of(closed, now), None),
            Phase::Open(opening) => (self.shown, opening.until),
            Phase::HalfOpen(probing) => {
                let free = probing.probes.len() < usize::from(self.rules.probes);
                let first = probing.first_due().filter(|_| !free);
                (self.shown, Some(first.map_or(now, |(_, deadline)| deadline)))
            }
        };
        Status {
            state: self.state(),
            failures: u32::from(shown.0),
            threshold: u32::from(shown.1),
            retry_in: due.map(|due| left(due, now)),
        }
    }
}

/// The greater of the two counts with its limit; the window's where they are equal.
fn tally(rules: &Rules, in_window: usize, streak: u16) -> (u16, u16) {
    let in_window = u16::try_from(in_window).unwrap_or(u16::MAX);
    match rules.in_a_row {
        Some(limit) if streak > in_window => (streak, limit),
        _ => (in_window, rules.threshold),
    }
}

/// How many doublings the time since it recovered takes back.
fn taken_back(now: u64, recovered_at: u64, rules: &Rules) -> u8 {
    let intervals = now.saturating_sub(recovered_at).checked_div(rules.decay);
    intervals.map_or(u8::MAX, |some| u8::try_from(some).unwrap_or(u8::MAX))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::Settings;

    /// Trap 7: of two callers, the one that read the clock first may come second.
    #[test]
    fn a_reading_that_comes_late_does_not_turn_time_back() {
        let mut machine = Machine::new(SharedRules::new(Rules::new(&Settings::default())), 1);
        let second = nanos(Duration::from_secs(1));
        let (early, late) = (100 * second, 200 * second);
        assert_eq!(machine.settle(late), late);
        machine.trip(early, Duration::from_secs(10));
        let retry_in = machine.status(early).retry_in;
        assert_eq!(retry_in, Some(Duration::from_secs(10)));
        assert_eq!(machine.status(late).retry_in, retry_in);
    }

    fn machine(settings: &Settings) -> Machine {
        Machine::new(SharedRules::new(Rules::new(settings)), 1)
    }

    fn report(machine: &mut Machine, outcome: Outcome) {
        let ticket = machine.try_acquire(0);
        let recorded = ticket.map(|ticket| machine.record(ticket, outcome, 0));
        assert_eq!(recorded, Ok(Recorded::Counted));
    }

    /// A success takes the lock only while it can change something, and then it must.
    #[test]
    fn successes_are_watched_only_while_they_matter() {
        let mut machine = machine(&Settings::default());
        assert_eq!(machine.word(), Word::closed(0, false));
        report(&mut machine, Outcome::Failure);
        assert_eq!(machine.word(), Word::closed(0, true));
        report(&mut machine, Outcome::Success);
        assert_eq!(machine.word(), Word::closed(0, false));
        machine.force_closed();
        report(&mut machine, Outcome::Failure);
        assert_eq!(machine.word(), Word::closed(1, false));
    }

    #[test]
    fn with_a_rate_every_success_is_watched() {
        let rate = crate::FailureRate { percent: 50, calls: 4, minimum: 2 };
        let settings = Settings { failure_rate: Some(rate), ..Settings::default() };
        assert_eq!(machine(&settings).word(), Word::closed(0, true));
        let mut off = machine(&Settings { enabled: false, ..settings.clone() });
        assert_eq!(off.word(), Word::closed(0, false));
        let mut held = machine(&settings);
        held.force_closed();
        off.force_closed();
        assert_eq!(held.word(), Word::closed(1, false));
        assert_eq!(off.word(), Word::closed(1, false));
    }

    /// The opening may have been lengthened between a caller's look at the gate and its lock.
    #[test]
    fn an_opening_that_lasts_rejects_under_the_lock_too() {
        let mut machine = machine(&Settings::default());
        machine.trip(10, Duration::from_nanos(5));
        let rejected = machine.try_acquire(14).unwrap_err();
        assert_eq!((rejected.state, rejected.retry_after), (State::Open, Duration::from_nanos(1)));
        assert!(machine.try_acquire(15).is_ok());
    }
}
