//! Opened and closed from outside: for a time, by force, and back again.

use circuit_breaker::{Recorded, Settings, State};

use crate::{Bench, MINUTE, SECOND};

#[test]
fn a_trip_lasts_as_long_as_named_and_is_not_bounded_by_the_cap() {
    let bench = Bench::new(Settings::default());
    bench.breaker.trip_for(60 * MINUTE);
    assert_eq!(bench.rejected().retry_after, 60 * MINUTE);
    bench.advance(60 * MINUTE);
    bench.succeed();
    assert_eq!(bench.text(), "CLOSED");
}

#[test]
fn a_trip_never_shortens_an_opening() {
    let bench = Bench::new(Settings::default());
    bench.open();
    let retry_in = bench.retry_in();
    bench.breaker.trip_for(SECOND);
    assert_eq!(bench.retry_in(), retry_in);
    bench.breaker.trip_for(2 * MINUTE);
    assert_eq!(bench.retry_in(), 2 * MINUTE);
}

#[test]
fn a_trip_of_centuries_is_cut_to_a_week() {
    let bench = Bench::new(Settings::default());
    bench.breaker.trip_for(std::time::Duration::MAX);
    assert_eq!(bench.retry_in(), 7 * 24 * 60 * MINUTE);
}

#[test]
fn a_trip_during_the_probe_makes_it_stale() {
    let bench = Bench::new(Settings::default());
    bench.make_probe_due();
    let probe = bench.breaker.try_acquire().unwrap();
    bench.breaker.trip_for(MINUTE);
    assert_eq!(probe.success(), Recorded::Stale);
    assert_eq!(bench.retry_in(), MINUTE);
}

#[test]
fn forced_open_it_lets_no_probe_through_until_reset() {
    let bench = Bench::new(Settings::default());
    bench.breaker.force_open();
    bench.advance(7 * 24 * 60 * MINUTE);
    let status = bench.breaker.status();
    assert_eq!((status.state, status.retry_in), (State::Open, None));
    assert_eq!(bench.rejected().retry_after, 15 * MINUTE);
    bench.breaker.trip_for(MINUTE);
    assert_eq!(bench.breaker.status(), status);
    bench.breaker.reset();
    bench.succeed();
}

#[test]
fn forced_closed_it_counts_nothing_until_reset() {
    let bench = Bench::new(Settings::default());
    bench.open();
    bench.breaker.force_closed();
    bench.fail(100);
    assert_eq!(bench.text(), "CLOSED");
    bench.breaker.reset();
    bench.fail(5);
    assert_eq!(bench.text(), "OPEN");
}

#[test]
fn a_reset_forgets_the_doubling() {
    let bench = Bench::new(Settings::default());
    bench.make_probe_due();
    bench.fail(1);
    bench.breaker.reset();
    bench.open();
    assert!(bench.retry_in() <= MINUTE);
}

#[test]
fn disabled_it_cannot_be_opened_until_reset() {
    let bench = Bench::new(Settings::default());
    bench.open();
    bench.breaker.disable();
    bench.fail(100);
    bench.breaker.trip_for(MINUTE);
    bench.breaker.force_open();
    assert_eq!(bench.text(), "CLOSED");
    bench.breaker.reset();
    bench.breaker.trip_for(MINUTE);
    assert_eq!(bench.text(), "OPEN");
}

#[test]
fn forced_closed_it_can_still_be_tripped() {
    let bench = Bench::new(Settings::default());
    bench.breaker.force_closed();
    bench.breaker.trip_for(MINUTE);
    assert_eq!(bench.text(), "OPEN");
}
