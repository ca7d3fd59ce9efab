//! When a breaker opens, for how long, and what it says of itself meanwhile.

use std::time::Duration;

use circuit_breaker::{Recorded, Settings, State};

use crate::{Bench, MINUTE, SECOND};

#[test]
fn opens_after_five_failures() {
    let bench = Bench::new(Settings::default());
    let mut texts = vec![bench.text()];
    for _ in 0..5 {
        bench.fail(1);
        texts.push(bench.text());
    }
    let expected = [
        "CLOSED",
        "MONITORING (1/5)",
        "MONITORING (2/5)",
        "MONITORING (3/5)",
        "MONITORING (4/5)",
        "OPEN",
    ];
    assert_eq!(texts, expected);
    assert_eq!(bench.rejected().state, State::Open);
    assert_eq!(bench.breaker.status().failures, 5);
}

#[test]
fn a_success_does_not_wipe_the_window() {
    let bench = Bench::new(Settings::default());
    bench.fail(4);
    bench.succeed();
    assert_eq!(bench.text(), "MONITORING (4/5)");
    bench.fail(1);
    assert_eq!(bench.state(), State::Open);
}

/// Trap 6: a fixed interval forgets at its boundary; five failures around it never add up.
#[test]
fn the_window_slides_and_has_no_boundary_to_forget_at() {
    let settings = Settings { consecutive_failures: None, ..Settings::default() };
    let bench = Bench::new(settings);
    bench.advance(4 * MINUTE);
    bench.fail(3);
    bench.advance(2 * MINUTE);
    bench.fail(2);
    assert_eq!(bench.state(), State::Open);
}

#[test]
fn a_failure_exactly_a_window_old_still_helps_to_open() {
    let settings = Settings { consecutive_failures: None, ..Settings::default() };
    let bench = Bench::new(settings);
    bench.fail(1);
    bench.advance(5 * MINUTE);
    bench.fail(4);
    assert_eq!(bench.state(), State::Open);
}

#[test]
fn each_failure_leaves_the_window_at_its_own_time() {
    let settings = Settings { consecutive_failures: None, ..Settings::default() };
    let bench = Bench::new(settings);
    bench.fail(1);
    bench.advance(MINUTE);
    bench.fail(3);
    bench.advance(4 * MINUTE);
    assert_eq!(bench.text(), "MONITORING (4/5)", "both ends count");
    bench.advance(Duration::from_nanos(1));
    assert_eq!(bench.text(), "MONITORING (3/5)");
    bench.advance(MINUTE);
    assert_eq!(bench.text(), "CLOSED");
}

/// Trap 6: failures that take minutes each never fill a window, so those in a row count too.
#[test]
fn slow_failures_in_a_row_open_it_however_far_apart() {
    let bench = Bench::new(Settings::default());
    for expected in ["MONITORING (1/5)", "MONITORING (2/5)", "MONITORING (3/5)"] {
        bench.fail(1);
        bench.advance(60 * MINUTE);
        assert_eq!(bench.text(), expected);
    }
    bench.fail(1);
    bench.advance(60 * MINUTE);
    bench.fail(1);
    assert_eq!(bench.state(), State::Open);
}

#[test]
fn a_success_ends_the_row() {
    let bench = Bench::new(Settings::default());
    for _ in 0..20 {
        bench.fail(1);
        bench.advance(6 * MINUTE);
        bench.succeed();
    }
    assert_eq!(bench.text(), "CLOSED");
}

/// Trap 4: a caller's own cancel is neither a failure nor a success.
#[test]
fn an_ignored_call_neither_counts_nor_ends_the_row() {
    let bench = Bench::new(Settings {
        failure_threshold: 100,
        consecutive_failures: Some(2),
        ..Settings::default()
    });
    bench.fail(1);
    for _ in 0..50 {
        let recorded = bench.breaker.try_acquire().unwrap().ignore();
        assert_eq!(recorded, Recorded::Counted);
        drop(bench.breaker.try_acquire().unwrap());
    }
    assert_eq!(bench.state(), State::Closed);
    bench.fail(1);
    assert_eq!(bench.state(), State::Open);
}

/// Trap 5: a success booked at the first byte hides a stream that dies later. The permit is
/// owned and may wander with the stream, and only the end of it is counted.
#[test]
fn a_permit_counts_nothing_until_the_whole_answer_is_there() {
    let bench = Bench::new(Settings::default());
    bench.fail(1);
    let permit = bench.breaker.try_acquire_owned().unwrap();
    bench.advance(MINUTE);
    assert_eq!(bench.text(), "MONITORING (1/5)");
    let stream = std::thread::spawn(move || permit.failure());
    assert_eq!(stream.join().unwrap(), Recorded::Counted);
    assert_eq!(bench.text(), "MONITORING (2/5)");
}

#[test]
fn the_first_opening_lasts_at_most_its_timeout_and_at_least_four_fifths() {
    let bench = Bench::new(Settings::default());
    bench.open();
    let retry_in = bench.retry_in();
    assert!(retry_in <= MINUTE && retry_in >= 48 * SECOND, "{retry_in:?}");
    assert_eq!(bench.rejected().retry_after, retry_in);
    bench.advance(retry_in - Duration::from_nanos(1));
    assert_eq!(bench.rejected().retry_after, Duration::from_nanos(1));
    bench.advance(Duration::from_nanos(1));
    assert!(bench.breaker.try_acquire().is_ok());
}

#[test]
fn the_same_seed_gives_the_same_openings() {
    let openings = || {
        let bench = Bench::new(Settings::default());
        bench.make_probe_due();
        let mut seen = Vec::new();
        for _ in 0..4 {
            bench.fail(1);
            seen.push(bench.retry_in());
            bench.advance(bench.retry_in());
        }
        seen
    };
    assert_eq!(openings(), openings());
}

#[test]
fn each_reopening_doubles_the_time_up_to_the_cap() {
    let bench = Bench::new(Settings::default());
    bench.make_probe_due();
    for nominal in [2, 4, 8, 15, 15].map(|minutes| minutes * MINUTE) {
        bench.fail(1);
        let retry_in = bench.retry_in();
        let fits = retry_in <= nominal && retry_in >= nominal / 5 * 4;
        assert!(fits, "{retry_in:?} for {nominal:?}");
        bench.advance(retry_in);
    }
}

/// A service that recovers for a moment and fails again must not start from the shortest time each
/// time; one that stayed well is owed it.
#[test]
fn a_doubling_is_taken_back_for_each_interval_of_health() {
    let nominal_after = |healthy: Duration| {
        let bench = Bench::new(Settings::default());
        bench.make_probe_due();
        bench.fail(1);
        bench.advance(bench.retry_in());
        bench.succeed();
        bench.advance(healthy);
        bench.open();
        let retry_in = bench.retry_in().as_secs();
        (1..=15).find(|nominal| (nominal * 48..=nominal * 60).contains(&retry_in)).unwrap()
    };
    let interval = 5 * MINUTE;
    assert_eq!(nominal_after(Duration::ZERO), 4);
    assert_eq!(nominal_after(interval - Duration::from_nanos(1)), 4);
    assert_eq!(nominal_after(interval), 2);
    assert_eq!(nominal_after(2 * interval), 1);
    assert_eq!(nominal_after(20 * interval), 1);
}

#[test]
fn without_an_interval_a_recovery_takes_back_every_doubling() {
    let bench = Bench::new(Settings { decay_interval: Duration::ZERO, ..Settings::default() });
    bench.make_probe_due();
    bench.fail(1);
    bench.advance(bench.retry_in());
    bench.succeed();
    bench.open();
    assert!(bench.retry_in() <= MINUTE);
}

#[test]
fn switched_off_it_never_opens() {
    let bench = Bench::new(Settings { enabled: false, ..Settings::default() });
    bench.fail(100);
    bench.breaker.trip_for(MINUTE);
    bench.breaker.force_open();
    assert_eq!(bench.text(), "CLOSED");
}

/// Trap 7: decisions rest on monotonic time; the wall clock may jump either way.
#[test]
fn steps_of_the_wall_clock_decide_nothing() {
    for step in [-400 * 86_400, 400 * 86_400] {
        let bench = Bench::new(Settings::default());
        bench.fail(4);
        bench.clock.step_wall(step);
        assert_eq!(bench.text(), "MONITORING (4/5)");
        bench.fail(1);
        let retry_in = bench.retry_in();
        bench.clock.step_wall(-step);
        assert_eq!(bench.retry_in(), retry_in);
        assert!(bench.breaker.try_acquire().is_err());
    }
}

/// Trap 7: the arithmetic saturates instead of wrapping to "long ago".
#[test]
fn the_longest_durations_do_not_overflow() {
    let bench = Bench::new(Settings {
        monitoring_window: Duration::MAX,
        reset_timeout: Duration::MAX,
        max_reset_timeout: Duration::MAX,
        probe_deadline: Duration::MAX,
        ..Settings::default()
    });
    bench.advance(Duration::from_hours(24 * 365 * 20));
    bench.open();
    assert_eq!(bench.rejected().state, State::Open);
    bench.advance(Duration::MAX);
    let probe = bench.breaker.try_acquire().unwrap();
    assert_eq!(probe.failure(), Recorded::Counted);
}
