//! Any sequence of calls, against a model so plain that it is right at a glance: it keeps every
//! result ever counted and counts them anew for each question.

use std::time::Duration;

use circuit_breaker::{CircuitBreaker, Clock as _, ManualClock, Permit, Recorded, Settings, State};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Call {
    Acquire,
    /// The permit at this place among those held, wrapped around.
    Succeed(usize),
    Fail(usize),
    Drop(usize),
    Advance(Duration),
    Trip(Duration),
    ForceOpen,
    ForceClosed,
    Reset,
    /// A new process takes over; permits die with the old one.
    Restart,
}

fn call() -> impl Strategy<Value = Call> {
    let millis = |range: std::ops::Range<u64>| range.prop_map(Duration::from_millis);
    prop_oneof![
        12 => Just(Call::Acquire),
        4 => (0_usize..8).prop_map(Call::Succeed),
        10 => (0_usize..8).prop_map(Call::Fail),
        3 => (0_usize..8).prop_map(Call::Drop),
        8 => millis(0..40_000).prop_map(Call::Advance),
        1 => millis(0..30_000).prop_map(Call::Trip),
        1 => Just(Call::ForceOpen),
        1 => Just(Call::ForceClosed),
        1 => Just(Call::Reset),
        2 => Just(Call::Restart),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    (1_u32..5, proptest::option::of(1_u32..5), 1_u64..60).prop_map(|(threshold, row, window)| {
        Settings {
            enabled: true,
            failure_threshold: threshold,
            monitoring_window: Duration::from_secs(window),
            consecutive_failures: row,
            reset_timeout: Duration::from_secs(10),
            max_reset_timeout: Duration::from_secs(50),
            probe_deadline: Duration::from_secs(20),
        }
    })
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Closed,
    HeldClosed,
    OpenUntil(Duration),
    HeldOpen,
    Probing { until: Duration },
    ProbeLost,
}

struct Naive {
    settings: Settings,
    now: Duration,
    mode: Mode,
    /// Changes with every change of mode and every probe.
    era: u64,
    /// Every result of this closed period, oldest first; `true` is a failure.
    results: Vec<(Duration, bool)>,
    reopenings: u32,
}

impl Naive {
    fn enter(&mut self, mode: Mode) {
        self.mode = mode;
        self.era += 1;
    }

    fn clear(&mut self, mode: Mode) {
        self.results.clear();
        self.reopenings = 0;
        self.enter(mode);
    }

    fn acquire(&mut self) -> Option<u64> {
        let free = match self.mode {
            Mode::Closed | Mode::HeldClosed => return Some(self.era),
            Mode::HeldOpen => false,
            Mode::ProbeLost => true,
            Mode::OpenUntil(until) | Mode::Probing { until } => self.now >= until,
        };
        let until = self.now + self.settings.probe_deadline;
        free.then(|| self.enter(Mode::Probing { until }))?;
        Some(self.era)
    }

    fn in_window(&self) -> u32 {
        let window = self.settings.monitoring_window;
        let counted = self.results.iter();
        let counted = counted.filter(|(at, failed)| *failed && self.now - *at <= window);
        u32::try_from(counted.count()).unwrap()
    }

    fn in_a_row(&self) -> u32 {
        let row = self.results.iter().rev().take_while(|(_, failed)| *failed);
        u32::try_from(row.count()).unwrap()
    }

    /// Whether the result opens it, and the time it may then stay open at most.
    fn report(&mut self, era: u64, failed: Option<bool>) -> (Recorded, Option<Duration>) {
        if era != self.era {
            return (Recorded::Stale, None);
        }
        let opens = match (self.mode, failed) {
            (Mode::Closed, Some(failed)) => {
                self.results.push((self.now, failed));
                let row = self.settings.consecutive_failures;
                let full = self.in_window() >= self.settings.failure_threshold
                    || row.is_some_and(|limit| self.in_a_row() >= limit);
                failed && full
            }
            (Mode::Probing { .. }, Some(true)) => {
                self.reopenings += 1;
                true
            }
            (Mode::Probing { .. }, Some(false)) => {
                self.clear(Mode::Closed);
                false
            }
            (Mode::Probing { .. }, None) => {
                self.enter(Mode::ProbeLost);
                false
            }
            _ => false,
        };
        let doubled = self.settings.reset_timeout * 2_u32.pow(self.reopenings.min(10));
        let nominal = doubled.min(self.settings.max_reset_timeout);
        (Recorded::Counted, opens.then_some(nominal))
    }

    fn trip(&mut self, timeout: Duration) {
        let until = self.now + timeout;
        match self.mode {
            Mode::HeldOpen => {}
            Mode::OpenUntil(already) if already >= until => {}
            _ => self.enter(Mode::OpenUntil(until)),
        }
    }

    fn restart(&mut self) {
        let mode = match self.mode {
            Mode::Closed | Mode::HeldClosed => Mode::Closed,
            Mode::OpenUntil(until) => Mode::OpenUntil(until.max(self.now)),
            Mode::HeldOpen => Mode::OpenUntil(self.now + self.settings.reset_timeout),
            Mode::Probing { .. } | Mode::ProbeLost => Mode::OpenUntil(self.now),
        };
        self.enter(mode);
    }

    fn state(&self) -> State {
        match self.mode {
            Mode::Closed | Mode::HeldClosed => State::Closed,
            Mode::OpenUntil(_) | Mode::HeldOpen => State::Open,
            Mode::Probing { .. } | Mode::ProbeLost => State::HalfOpen,
        }
    }

    fn retry_in(&self) -> Option<Duration> {
        match self.mode {
            Mode::Closed | Mode::HeldClosed | Mode::HeldOpen => None,
            Mode::OpenUntil(until) | Mode::Probing { until } => {
                Some(until.saturating_sub(self.now))
            }
            Mode::ProbeLost => Some(Duration::ZERO),
        }
    }
}

struct Pair {
    clock: ManualClock,
    real: CircuitBreaker<ManualClock>,
    naive: Naive,
    permits: Vec<(Permit<ManualClock>, u64)>,
}

impl Pair {
    fn new(settings: Settings) -> Self {
        let clock = ManualClock::new();
        Self {
            real: CircuitBreaker::with_seed(settings.clone(), clock.clone(), 3),
            clock,
            naive: Naive {
                settings,
                now: Duration::ZERO,
                mode: Mode::Closed,
                era: 0,
                results: Vec::new(),
                reopenings: 0,
            },
            permits: Vec::new(),
        }
    }

    fn make(&mut self, call: &Call) {
        match *call {
            Call::Acquire => {
                let (real, era) = (self.real.try_acquire(), self.naive.acquire());
                assert_eq!(real.is_ok(), era.is_some());
                self.permits.extend(real.ok().zip(era));
            }
            Call::Succeed(place) => self.report(place, Some(false)),
            Call::Fail(place) => self.report(place, Some(true)),
            Call::Drop(place) => self.report(place, None),
            Call::Advance(passed) => {
                self.clock.advance(passed);
                self.naive.now += passed;
            }
            Call::Trip(timeout) => {
                self.real.trip_for(timeout);
                self.naive.trip(timeout);
            }
            Call::ForceOpen => {
                self.real.force_open();
                self.naive.enter(Mode::HeldOpen);
            }
            Call::ForceClosed => {
                self.real.force_closed();
                self.naive.clear(Mode::HeldClosed);
            }
            Call::Reset => {
                self.real.reset();
                self.naive.clear(Mode::Closed);
            }
            Call::Restart => self.restart(),
        }
    }

    fn report(&mut self, place: usize, failed: Option<bool>) {
        if self.permits.is_empty() {
            return;
        }
        let (permit, era) = self.permits.remove(place % self.permits.len());
        let real = match failed {
            Some(true) => permit.failure(),
            Some(false) => permit.success(),
            None => permit.ignore(),
        };
        let (expected, nominal) = self.naive.report(era, failed);
        assert_eq!(real, expected);
        if let Some(nominal) = nominal {
            // How much jitter took is the real one's to say, within its bounds.
            let retry_in = self.real.status().retry_in.unwrap();
            assert!(retry_in <= nominal && retry_in >= nominal * 4 / 5);
            self.naive.enter(Mode::OpenUntil(self.naive.now + retry_in));
        }
    }

    fn restart(&mut self) {
        let snapshot = self.real.snapshot();
        let settings = self.naive.settings.clone();
        self.clock = ManualClock::starting_at(self.clock.wall());
        self.real = CircuitBreaker::with_seed(settings, self.clock.clone(), 4);
        self.real.restore(&snapshot);
        self.permits.clear();
        self.naive.restart();
        // Stamps are whole milliseconds, a jittered time is not.
        if let (Mode::OpenUntil(until), Some(real)) = (self.naive.mode, self.real.status().retry_in)
        {
            let left = until.saturating_sub(self.naive.now);
            assert!(left.abs_diff(real) <= Duration::from_millis(1));
            self.naive.mode = Mode::OpenUntil(self.naive.now + real);
        }
    }

    fn compare(&self) {
        let status = self.real.status();
        assert_eq!(status.state, self.naive.state());
        assert_eq!(status.retry_in, self.naive.retry_in());
        if self.naive.mode == Mode::Closed {
            let (window, row) = (self.naive.in_window(), self.naive.in_a_row());
            let expected = match self.naive.settings.consecutive_failures {
                Some(limit) if row > window => (row, limit),
                _ => (window, self.naive.settings.failure_threshold),
            };
            assert_eq!((status.failures, status.threshold), expected);
        }
    }
}

proptest! {
    #[test]
    fn any_sequence_of_calls_ends_as_the_naive_model_says(
        settings in settings(),
        calls in proptest::collection::vec(call(), 1..200),
    ) {
        let mut pair = Pair::new(settings);
        for call in &calls {
            pair.make(call);
            pair.compare();
        }
    }
}
