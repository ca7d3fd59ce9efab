//! The breaker from outside: what is promised to callers, and the traps that it closes.

#![expect(clippy::unwrap_used, reason = "what the test functions share may fail them")]

mod forces;
mod many_callers;
mod memory;
mod merging;
mod naive;
mod opening;
mod probe;
mod rates;
mod registry;
mod stale;
mod texts;
#[cfg(feature = "tower")]
mod tower;
mod whole_calls;

use std::time::Duration;

use circuit_breaker::{CircuitBreaker, Clock as _, ManualClock, Rejected, Settings, State};
use proptest::test_runner::Config;

/// A breaker and the clock it goes by.
struct Bench {
    clock: ManualClock,
    breaker: CircuitBreaker<ManualClock>,
}

impl Bench {
    fn new(settings: Settings) -> Self {
        let clock = ManualClock::new();
        let breaker = CircuitBreaker::with_seed(settings, clock.clone(), 1);
        Self { clock, breaker }
    }

    /// As a process does that starts now: only the wall clock and the snapshot are the same.
    fn next_process(&self, settings: Settings) -> Self {
        let clock = ManualClock::starting_at(self.clock.wall());
        let breaker = CircuitBreaker::with_seed(settings, clock.clone(), 2);
        breaker.restore(&self.breaker.snapshot());
        Self { clock, breaker }
    }

    fn fail(&self, times: usize) {
        for _ in 0..times {
            let permit = self.breaker.try_acquire().unwrap();
            let _ = permit.failure();
        }
    }

    fn succeed(&self) {
        let permit = self.breaker.try_acquire().unwrap();
        let _ = permit.success();
    }

    fn advance(&self, passed: Duration) {
        self.clock.advance(passed);
    }

    fn state(&self) -> State {
        self.breaker.status().state
    }

    fn text(&self) -> String {
        self.breaker.status().to_string()
    }

    fn retry_in(&self) -> Duration {
        self.breaker.status().retry_in.unwrap()
    }

    fn rejected(&self) -> Rejected {
        self.breaker.try_acquire().unwrap_err()
    }

    /// Opens it with as many failures as it takes.
    fn open(&self) {
        let failures = (0..1000).take_while(|_| self.state() == State::Closed);
        failures.for_each(|_| self.fail(1));
        assert_ne!(self.state(), State::Closed, "a thousand failures do not open it");
    }

    /// Opens it and waits until its probe is due.
    fn make_probe_due(&self) {
        self.open();
        self.advance(self.retry_in());
    }
}

/// So many, or under miri, which looks at each access to memory and takes its time, so few.
const fn many(many: usize, few: usize) -> usize {
    if cfg!(miri) { few } else { many }
}

/// How often a property is tried. Miri has no folder to note failures in.
fn tries() -> Config {
    if cfg!(miri) {
        Config { cases: 4, failure_persistence: None, ..Config::default() }
    } else {
        Config::default()
    }
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
