//! What people read of a breaker, its permits and its errors, and the count of its successes.

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use circuit_breaker::{CallError, CircuitBreaker, Recorded, Settings};

use crate::{Bench, MINUTE};

#[test]
fn a_breaker_shows_its_status_and_a_permit_its_number() {
    let bench = Bench::new(Settings::default());
    bench.make_probe_due();
    let shown = format!("{:?}", bench.breaker);
    assert!(shown.starts_with("CircuitBreaker(Status { state: Open, failures: 5,"), "{shown}");
    let probe = bench.breaker.try_acquire().unwrap();
    let shown = format!("{probe:?}");
    assert!(shown.starts_with("Permit { number: "), "{shown}");
    drop(probe);
    let probe = bench.breaker.try_acquire_owned().unwrap();
    let shown = format!("{probe:?}");
    assert!(shown.starts_with("OwnedPermit { number: Some("), "{shown}");
}

#[derive(Debug)]
struct Outer;

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no answer")
    }
}

impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&fmt::Error)
    }
}

/// Each error of the chain is told once: the call's own text, then what lies under it.
#[test]
fn a_failed_call_tells_its_own_error_and_a_rejected_one_when_to_come_back() {
    let failed = CallError::Failed(Outer);
    assert_eq!(failed.to_string(), "no answer");
    assert_eq!(failed.source().unwrap().to_string(), fmt::Error.to_string());
    let bench = Bench::new(Settings::default());
    bench.breaker.trip_for(MINUTE);
    let rejected = CallError::<Outer>::from(bench.rejected());
    assert_eq!(rejected.to_string(), "circuit breaker OPEN, try again in 60 s");
    assert!(rejected.source().is_none());
}

#[test]
fn successes_are_counted_whichever_way_they_take_and_nothing_else_is() {
    let bench = Bench::new(Settings::default());
    bench.succeed();
    bench.succeed();
    assert_eq!(bench.breaker.successes(), 2);
    bench.fail(1);
    let _ = bench.breaker.try_acquire().unwrap().ignore();
    assert_eq!(bench.breaker.successes(), 2);
    // This one takes the lock, to end the row of failures.
    bench.succeed();
    assert_eq!(bench.breaker.successes(), 3);
    let late = bench.breaker.try_acquire().unwrap();
    bench.make_probe_due();
    assert_eq!(late.success(), Recorded::Stale);
    assert_eq!(bench.breaker.successes(), 3);
    bench.succeed();
    assert_eq!(bench.breaker.successes(), 4, "the probe's");
}

/// Processes that start at different times do not probe a reviving service in step.
#[test]
fn the_jitter_follows_from_the_time_on_the_wall() {
    let mut openings: Vec<Duration> = Vec::new();
    for second in 0..8 {
        let clock = Bench::new(Settings::default()).clock;
        clock.step_wall(second);
        let breaker = CircuitBreaker::new(Settings::default(), clock.clone());
        for _ in 0..5 {
            let _ = breaker.try_acquire().unwrap().failure();
        }
        openings.extend(breaker.status().retry_in);
    }
    openings.sort_unstable();
    openings.dedup();
    assert!(openings.len() > 4, "{openings:?}");
}
