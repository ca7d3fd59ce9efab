//! Results that come in after the state has changed (trap 2): none changes anything.

use circuit_breaker::{Recorded, Settings};

use crate::{Bench, MINUTE};

/// Trap 2: a failure of before the opening must not lengthen it.
#[test]
fn a_late_failure_does_not_extend_an_opening() {
    let bench = Bench::new(Settings::default());
    let late = bench.breaker.try_acquire().unwrap();
    bench.open();
    bench.advance(MINUTE / 2);
    let before = bench.breaker.status();
    assert_eq!(late.failure(), Recorded::Stale);
    assert_eq!(bench.breaker.status(), before);
}

/// Trap 2: a success of before the opening must not close it, nor may it pass for the probe's.
#[test]
fn a_late_success_closes_neither_an_open_nor_a_half_open_breaker() {
    let bench = Bench::new(Settings::default());
    let late = [0, 1].map(|_| bench.breaker.try_acquire().unwrap());
    let [first, second] = late;
    bench.open();
    assert_eq!(first.success(), Recorded::Stale);
    assert_eq!(bench.text(), "OPEN");
    bench.advance(MINUTE);
    let probe = bench.breaker.try_acquire().unwrap();
    assert_eq!(second.success(), Recorded::Stale);
    assert_eq!(bench.text(), "HALF-OPEN");
    assert_eq!(probe.success(), Recorded::Counted);
}

/// Trap 2: failures of before an outage must not count against the recovered service.
#[test]
fn failures_of_before_a_recovery_do_not_reopen() {
    let bench = Bench::new(Settings::default());
    let late: Vec<_> = (0..10).map(|_| bench.breaker.try_acquire().unwrap()).collect();
    bench.make_probe_due();
    bench.succeed();
    for permit in late {
        assert_eq!(permit.failure(), Recorded::Stale);
    }
    assert_eq!(bench.text(), "CLOSED");
}

/// Trap 2: a late failure during the probe must not reopen over its head.
#[test]
fn a_late_failure_does_not_decide_for_the_probe() {
    let bench = Bench::new(Settings::default());
    let late = bench.breaker.try_acquire().unwrap();
    bench.make_probe_due();
    let probe = bench.breaker.try_acquire().unwrap();
    assert_eq!(late.failure(), Recorded::Stale);
    assert_eq!(bench.text(), "HALF-OPEN");
    assert_eq!(probe.success(), Recorded::Counted);
    assert_eq!(bench.text(), "CLOSED");
}

#[test]
fn a_reset_makes_the_permits_before_it_stale() {
    let bench = Bench::new(Settings::default());
    let late = bench.breaker.try_acquire().unwrap();
    bench.breaker.reset();
    assert_eq!(late.failure(), Recorded::Stale);
    assert_eq!(bench.text(), "CLOSED");
}

#[test]
fn a_dropped_permit_of_before_does_not_free_the_probes_place() {
    let bench = Bench::new(Settings::default());
    let late = bench.breaker.try_acquire().unwrap();
    bench.make_probe_due();
    let _probe = bench.breaker.try_acquire().unwrap();
    drop(late);
    assert!(bench.breaker.try_acquire().is_err());
}
