//! Any sequence of calls, against a model so plain that it is right at a glance.

mod model;

use std::time::Duration;

use circuit_breaker::{
    Cause, CircuitBreaker, Clock as _, FailureRate, ManualClock, Outcome, OwnedPermit, Registry,
    Settings,
};
use proptest::prelude::*;

use crate::{many, tries};
use model::{Given, Mode, Naive, Time, time};

#[derive(Clone, Debug)]
enum Call {
    Acquire,
    /// The permit at this place among those held, wrapped around.
    Report(usize, Outcome),
    Drop(usize),
    Advance(Duration),
    /// To the moment at which a permit may be had.
    AdvanceToDue,
    StepWall(i64),
    Trip(Duration),
    ForceOpen,
    ForceClosed,
    Disable,
    Reset,
    /// What it says itself changes nothing.
    RestoreOwn,
    /// A new process takes over, whose wall clock is that many seconds ahead; permits die.
    Restart(i64),
}

fn call() -> impl Strategy<Value = Call> {
    let millis = |range: std::ops::Range<u64>| range.prop_map(Duration::from_millis);
    let place = || 0_usize..8;
    let outcome = prop_oneof![
        4 => Just(Outcome::Success),
        10 => Just(Outcome::Failure),
        2 => Just(Outcome::Ignored),
    ];
    prop_oneof![
        14 => Just(Call::Acquire),
        16 => (place(), outcome).prop_map(|(place, outcome)| Call::Report(place, outcome)),
        2 => place().prop_map(Call::Drop),
        8 => millis(0..40_000).prop_map(Call::Advance),
        3 => Just(Call::AdvanceToDue),
        1 => (-100_000_i64..100_000).prop_map(Call::StepWall),
        1 => millis(0..30_000).prop_map(Call::Trip),
        1 => Just(Call::ForceOpen),
        1 => Just(Call::ForceClosed),
        1 => Just(Call::Disable),
        2 => Just(Call::Reset),
        1 => Just(Call::RestoreOwn),
        2 => prop_oneof![Just(0), -60_i64..60].prop_map(Call::Restart),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    let rate = (1_u32..=100, 1_u32..12, 1_u32..12).prop_map(|(percent, calls, minimum)| {
        FailureRate { percent, calls, minimum: minimum.min(calls) }
    });
    // Those above 16 keep their stamps on the heap.
    let threshold = prop_oneof![4 => 1_u32..6, 1 => 14_u32..19];
    let row = proptest::option::of(1_u32..6);
    let rate = proptest::option::of(rate);
    let rest = (1_u64..60, 0_u64..60, 1_u32..4, 1_u32..4);
    (threshold, row, rate, rest).prop_map(|(threshold, row, rate, rest)| {
        let (window, decay, probes, successes_to_close) = rest;
        Settings {
            enabled: true,
            failure_threshold: threshold,
            monitoring_window: Duration::from_secs(window),
            consecutive_failures: row,
            failure_rate: rate,
            reset_timeout: Duration::from_secs(10),
            max_reset_timeout: Duration::from_secs(50),
            decay_interval: Duration::from_secs(decay),
            probes,
            successes_to_close,
            probe_deadline: Duration::from_secs(20),
        }
    })
}

struct Pair {
    clock: ManualClock,
    registry: Registry<(), ManualClock>,
    real: CircuitBreaker<ManualClock>,
    naive: Naive,
    permits: Vec<(OwnedPermit<ManualClock>, Given)>,
}

impl Pair {
    fn new(settings: Settings) -> Self {
        let clock = ManualClock::new();
        let registry = Registry::new(settings.clone(), clock.clone());
        let real = registry.breaker(&());
        Self { clock, registry, real, naive: Naive::new(settings), permits: Vec::new() }
    }

    fn make(&mut self, call: &Call) {
        match *call {
            Call::Acquire => {
                let (real, given) = (self.real.try_acquire_owned(), self.naive.acquire());
                assert_eq!(real.is_ok(), given.is_some());
                if let Err(rejected) = &real {
                    assert_eq!(rejected.state, self.naive.state());
                    let longest = self.naive.settings.max_reset_timeout;
                    assert_eq!(rejected.retry_after, self.naive.retry_in().unwrap_or(longest));
                }
                self.permits.extend(real.ok().zip(given));
            }
            Call::Report(place, outcome) => self.report(place, Some(outcome)),
            Call::Drop(place) => self.report(place, None),
            Call::Advance(passed) => self.advance(passed),
            Call::AdvanceToDue => {
                let due = self.naive.retry_in().unwrap_or_default();
                // Stamps are whole milliseconds, so time is held to them.
                self.advance(Duration::from_millis(u64::try_from(due.as_millis()).unwrap() + 1));
            }
            Call::StepWall(seconds) => self.clock.step_wall(seconds),
            Call::Trip(timeout) => {
                self.real.trip_for(timeout);
                self.naive.trip(timeout);
            }
            Call::ForceOpen => {
                self.real.force_open();
                self.naive.force_open();
            }
            Call::ForceClosed => {
                self.real.force_closed();
                self.naive.close_by_hand(Mode::HeldClosed, Cause::Forced);
            }
            Call::Disable => {
                self.real.disable();
                self.naive.close_by_hand(Mode::Disabled, Cause::Disabled);
            }
            Call::Reset => {
                self.real.reset();
                self.naive.close_by_hand(Mode::Closed, Cause::Reset);
            }
            Call::RestoreOwn => {
                assert_eq!(self.real.restore(&self.real.snapshot()), None);
                self.take_rounding_over();
            }
            Call::Restart(seconds) => self.restart(seconds),
        }
    }

    fn advance(&mut self, passed: Duration) {
        self.clock.advance(passed);
        self.naive.now += time(passed);
    }

    fn report(&mut self, place: usize, outcome: Option<Outcome>) {
        if self.permits.is_empty() {
            return;
        }
        let (permit, given) = self.permits.remove(place % self.permits.len());
        let (expected, opens) = self.naive.report(given, outcome.unwrap_or(Outcome::Ignored));
        match outcome {
            Some(outcome) => assert_eq!(permit.record(outcome), expected),
            None => drop(permit),
        }
        let Some(cause) = opens else {
            return;
        };
        // How much jitter took is the real one's to say, within its bounds.
        let (nominal, retry_in) = (self.naive.nominal(), self.retry_in());
        assert!(retry_in <= nominal && retry_in >= nominal / 5 * 4, "{retry_in} of {nominal}");
        let (at, until) = (self.naive.now, self.naive.now + retry_in);
        self.naive.enter(Mode::Open { at, until, tripped: false }, cause);
    }

    fn retry_in(&self) -> Time {
        time(self.real.status().retry_in.unwrap())
    }

    fn restart(&mut self, seconds: i64) {
        let snapshot = self.registry.snapshot();
        let settings = self.naive.settings.clone();
        self.clock.step_wall(seconds);
        self.clock = ManualClock::starting_at(self.clock.wall());
        self.permits.clear();
        self.check_events();
        self.registry = Registry::new(settings, self.clock.clone());
        assert_eq!(self.registry.restore(&snapshot), []);
        self.real = self.registry.breaker(&());
        self.naive.restart(time(Duration::from_secs(seconds.unsigned_abs())) * seconds.signum());
        self.take_rounding_over();
    }

    /// Stamps are whole milliseconds, a jittered time is not.
    fn take_rounding_over(&mut self) {
        if let Mode::Open { until, .. } = &mut self.naive.mode {
            let left = (*until - self.naive.now).max(0);
            let real = time(self.real.status().retry_in.unwrap());
            assert!(left.abs_diff(real) <= 1_000_000, "{left} is {real}");
            *until = self.naive.now + real;
        }
    }

    fn compare(&mut self) {
        let status = self.real.status();
        assert_eq!(status.state, self.naive.state());
        assert_eq!(status.retry_in, self.naive.retry_in());
        if self.naive.mode == Mode::Closed {
            assert_eq!((status.failures, status.threshold), self.naive.counts());
        }
        assert_eq!(self.real.snapshot().revision, self.naive.revision);
        self.check_events();
    }

    fn check_events(&mut self) {
        let events = self.registry.drain_events().into_iter();
        let real: Vec<_> = events.map(|event| (event.from, event.to, event.cause)).collect();
        assert_eq!(real, std::mem::take(&mut self.naive.events));
    }
}

proptest! {
    #![proptest_config(tries())]

    #[test]
    fn any_sequence_of_calls_ends_as_the_naive_model_says(
        settings in settings(),
        calls in proptest::collection::vec(call(), 1..many(200, 30)),
    ) {
        let mut pair = Pair::new(settings);
        for call in &calls {
            pair.make(call);
            pair.compare();
        }
    }
}
