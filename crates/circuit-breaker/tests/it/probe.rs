//! The one probe of a half-open breaker: let through, lost, overdue, answered.

use circuit_breaker::{Recorded, Settings, State};

use crate::{Bench, MINUTE, SECOND};

#[test]
fn one_probe_is_let_through_and_its_success_closes() {
    let bench = Bench::new(Settings::default());
    bench.make_probe_due();
    assert_eq!(bench.text(), "OPEN", "looking does not begin the probe");
    assert_eq!(bench.retry_in().as_secs(), 0);
    let probe = bench.breaker.try_acquire().unwrap();
    assert_eq!(bench.text(), "HALF-OPEN");
    assert_eq!(bench.rejected().state, State::HalfOpen);
    assert_eq!(probe.success(), Recorded::Counted);
    assert_eq!(bench.text(), "CLOSED");
}

#[test]
fn a_failed_probe_opens_it_again_for_longer() {
    let bench = Bench::new(Settings::default());
    bench.make_probe_due();
    let probe = bench.breaker.try_acquire().unwrap();
    assert_eq!(probe.failure(), Recorded::Counted);
    assert_eq!(bench.text(), "OPEN");
    assert!(bench.retry_in() > MINUTE);
}

/// Trap 1: a probe whose future is dropped must not keep its place for ever.
#[test]
fn a_dropped_probe_frees_its_place_and_decides_nothing() {
    let bench = Bench::new(Settings::default());
    bench.make_probe_due();
    for _ in 0..3 {
        drop(bench.breaker.try_acquire().unwrap());
        assert_eq!(bench.text(), "HALF-OPEN");
        assert_eq!(bench.retry_in().as_secs(), 0);
    }
    bench.succeed();
    assert_eq!(bench.text(), "CLOSED");
}

/// Trap 1: also when the caller panics while it holds the probe.
#[test]
fn a_panicking_caller_frees_the_place() {
    let bench = Bench::new(Settings::default());
    bench.make_probe_due();
    let probe = bench.breaker.try_acquire_owned().unwrap();
    let panicked = std::thread::spawn(move || {
        let _held = probe;
        std::panic::resume_unwind(Box::new("the caller died"));
    });
    assert!(panicked.join().is_err());
    assert!(bench.breaker.try_acquire().is_ok());
}

/// Traps 1 and 4: a cancelled probe is not a success that closes it.
#[test]
fn an_ignored_probe_frees_its_place_and_does_not_close() {
    let bench = Bench::new(Settings::default());
    bench.make_probe_due();
    let probe = bench.breaker.try_acquire().unwrap();
    assert_eq!(probe.ignore(), Recorded::Counted);
    assert_eq!(bench.state(), State::HalfOpen);
    let next = bench.breaker.try_acquire().unwrap();
    assert_eq!(next.failure(), Recorded::Counted);
    assert_eq!(bench.state(), State::Open);
}

/// Trap 1: a probe that is leaked or hangs loses its place at its deadline.
#[test]
fn an_overdue_probe_loses_its_place_to_the_next_caller() {
    let bench = Bench::new(Settings::default());
    bench.make_probe_due();
    let overdue = bench.breaker.try_acquire().unwrap();
    bench.advance(5 * MINUTE - SECOND);
    assert_eq!(bench.rejected().retry_after, SECOND);
    bench.advance(SECOND);
    let next = bench.breaker.try_acquire().unwrap();
    assert_eq!(overdue.success(), Recorded::Stale);
    assert_eq!(bench.text(), "HALF-OPEN", "the late answer decides nothing");
    assert_eq!(next.failure(), Recorded::Counted);
    assert_eq!(bench.text(), "OPEN");
}

#[test]
fn the_end_of_an_overdue_probe_does_not_free_the_place_of_the_next() {
    let bench = Bench::new(Settings::default());
    bench.make_probe_due();
    let overdue = bench.breaker.try_acquire().unwrap();
    bench.advance(5 * MINUTE);
    let _next = bench.breaker.try_acquire().unwrap();
    drop(overdue);
    assert_eq!(bench.rejected().state, State::HalfOpen);
}

/// Trap 10: of the crates looked at, none stands the first three traps together, and none
/// remembers. One outage, with all of it, over two processes.
#[test]
fn one_outage_with_lost_probes_and_late_answers_over_two_processes() {
    let bench = Bench::new(Settings::default());
    let late = bench.breaker.try_acquire().unwrap();
    bench.make_probe_due();
    drop(bench.breaker.try_acquire().unwrap());
    let probe = bench.breaker.try_acquire().unwrap();
    assert_eq!(late.success(), Recorded::Stale);
    assert_eq!(bench.rejected().state, State::HalfOpen);
    assert_eq!(probe.failure(), Recorded::Counted);

    let second = bench.next_process(Settings::default());
    assert_eq!(second.rejected().state, State::Open);
    second.advance(second.retry_in());
    let probe = second.breaker.try_acquire().unwrap();
    assert_eq!(second.rejected().state, State::HalfOpen);
    assert_eq!(probe.success(), Recorded::Counted);
    assert_eq!(second.text(), "CLOSED");
}
