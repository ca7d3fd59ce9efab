//! The rule that goes by the share of the last calls that failed, and half-open with several
//! probes.

use circuit_breaker::{FailureRate, Recorded, Settings, State};

use crate::{Bench, MINUTE, many};

fn by_rate(percent: u32, calls: u32, minimum: u32) -> Bench {
    Bench::new(Settings {
        failure_threshold: 10_000,
        consecutive_failures: None,
        failure_rate: Some(FailureRate { percent, calls, minimum }),
        ..Settings::default()
    })
}

/// Twenty failures among a thousand calls are noise, though any window by number opens at them.
#[test]
fn a_share_below_the_rate_does_not_open_it() {
    let bench = by_rate(50, 10, 4);
    for _ in 0..many(100, 10) {
        bench.succeed();
        bench.succeed();
        bench.fail(1);
    }
    assert_eq!(bench.state(), State::Closed);
    bench.fail(2);
    assert_eq!(bench.state(), State::Open);
}

#[test]
fn with_fewer_calls_than_the_minimum_the_rate_says_nothing() {
    let bench = by_rate(50, 10, 4);
    bench.fail(3);
    assert_eq!(bench.state(), State::Closed);
    bench.succeed();
    assert_eq!(bench.state(), State::Closed, "a success never opens it");
    bench.fail(1);
    assert_eq!(bench.state(), State::Open);
}

#[test]
fn calls_of_before_the_outage_are_forgotten_when_it_closes() {
    let bench = by_rate(50, 10, 4);
    bench.fail(4);
    bench.advance(MINUTE);
    bench.succeed();
    bench.fail(3);
    assert_eq!(bench.state(), State::Closed);
    bench.fail(1);
    assert_eq!(bench.state(), State::Open);
}

#[test]
fn the_last_calls_go_on_in_the_next_process() {
    let bench = by_rate(50, 10, 4);
    bench.succeed();
    bench.fail(2);
    assert_eq!(bench.breaker.snapshot().recent, ".xx");
    let next = Bench::new(Settings {
        failure_threshold: 10_000,
        consecutive_failures: None,
        failure_rate: Some(FailureRate { percent: 50, calls: 10, minimum: 4 }),
        ..Settings::default()
    });
    next.breaker.restore(&bench.breaker.snapshot());
    next.breaker.restore(&bench.breaker.snapshot());
    assert_eq!(next.breaker.snapshot().recent, ".xx");
    next.fail(1);
    assert_eq!(next.state(), State::Open);
}

fn half_open(probes: u32, successes_to_close: u32) -> Bench {
    let bench = Bench::new(Settings { probes, successes_to_close, ..Settings::default() });
    bench.make_probe_due();
    bench
}

#[test]
fn as_many_probes_as_allowed_are_let_through_and_no_more() {
    let bench = half_open(3, 3);
    let probes: Vec<_> = (0..3).map(|_| bench.breaker.try_acquire().unwrap()).collect();
    assert_eq!(bench.rejected().state, State::HalfOpen);
    for (place, probe) in probes.into_iter().enumerate() {
        assert_eq!(bench.state(), State::HalfOpen, "{place} succeeded");
        assert_eq!(probe.success(), Recorded::Counted);
    }
    assert_eq!(bench.state(), State::Closed);
}

#[test]
fn more_successes_than_places_are_asked_for_one_after_the_other() {
    let bench = half_open(1, 3);
    for _ in 0..2 {
        bench.succeed();
        assert_eq!(bench.state(), State::HalfOpen);
    }
    bench.succeed();
    assert_eq!(bench.state(), State::Closed);
}

/// One bad probe is enough, and the others have nothing left to decide.
#[test]
fn a_failed_probe_opens_it_and_makes_the_others_stale() {
    let bench = half_open(3, 2);
    let [good, bad, late] = [0, 1, 2].map(|_| bench.breaker.try_acquire().unwrap());
    assert_eq!(good.success(), Recorded::Counted);
    assert_eq!(bad.failure(), Recorded::Counted);
    assert_eq!(late.success(), Recorded::Stale);
    assert_eq!(bench.state(), State::Open);
}

#[test]
fn the_next_half_open_time_counts_its_successes_anew() {
    let bench = half_open(2, 2);
    bench.succeed();
    bench.fail(1);
    bench.advance(2 * MINUTE);
    bench.succeed();
    assert_eq!(bench.state(), State::HalfOpen);
}
