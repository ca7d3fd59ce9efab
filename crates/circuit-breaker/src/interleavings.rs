//! Every order in which two or three threads can meet at one breaker, tried by loom.
//!
//! `cargo xtask loom`, which is `cargo test -p circuit-breaker --release --lib interleavings` with
//! `RUSTFLAGS="--cfg loom"` and a target folder of its own.

use std::time::Duration;

use loom::thread;

use crate::{Cause, CircuitBreaker, ManualClock, Outcome, Recorded, Registry, Settings, State};

const MINUTE: Duration = Duration::from_mins(1);

struct Bench {
    clock: ManualClock,
    registry: Registry<(), ManualClock>,
    breaker: CircuitBreaker<ManualClock>,
}

fn bench(settings: Settings) -> Bench {
    let clock = ManualClock::new();
    let registry = Registry::new(settings, clock.clone());
    let breaker = registry.breaker(&());
    Bench { clock, registry, breaker }
}

impl Bench {
    /// Open, with its time up.
    fn with_probe_due(settings: Settings) -> Self {
        let bench = bench(settings);
        bench.breaker.trip_for(MINUTE);
        bench.clock.advance(MINUTE);
        bench
    }

    fn openings(&self) -> usize {
        let events = self.registry.drain_events();
        events.iter().filter(|event| event.to == State::Open).count()
    }
}

fn one_failure_opens() -> Settings {
    Settings { failure_threshold: 1, consecutive_failures: None, ..Settings::default() }
}

/// Does both at once and waits for them.
fn both<A: 'static, B>(first: impl FnOnce() -> A + 'static, second: impl FnOnce() -> B) -> (A, B) {
    let first = thread::spawn(first);
    let second = second();
    (first.join().unwrap(), second)
}

#[test]
fn never_more_probes_than_allowed() {
    loom::model(|| {
        let bench = Bench::with_probe_due(Settings::default());
        let ask = || {
            let breaker = bench.breaker.clone();
            thread::spawn(move || breaker.try_acquire_owned().ok())
        };
        let asking = [ask(), ask()];
        let own = bench.breaker.try_acquire();
        let others = asking.map(|one| one.join().unwrap());
        let given = others.iter().flatten().count() + usize::from(own.is_ok());
        assert_eq!(given, 1);
    });
}

#[test]
fn of_two_places_both_are_given_and_no_third() {
    loom::model(|| {
        let bench = Bench::with_probe_due(Settings { probes: 2, ..Settings::default() });
        let ask = || {
            let breaker = bench.breaker.clone();
            thread::spawn(move || breaker.try_acquire_owned().ok())
        };
        let asking = [ask(), ask()];
        let own = bench.breaker.try_acquire();
        let others = asking.map(|one| one.join().unwrap());
        assert_eq!(others.iter().flatten().count() + usize::from(own.is_ok()), 2);
    });
}

#[test]
fn failures_that_meet_open_it_exactly_once() {
    loom::model(|| {
        let bench = bench(one_failure_opens());
        let breaker = bench.breaker.clone();
        let [first, second] = [0, 1].map(|_| breaker.try_acquire_owned().unwrap());
        let ended = both(move || first.failure(), || second.failure());
        let counted = [ended.0, ended.1].iter().filter(|one| **one == Recorded::Counted).count();
        assert_eq!((counted, bench.openings()), (1, 1));
    });
}

#[test]
fn no_failure_is_lost() {
    loom::model(|| {
        let bench = bench(Settings { failure_threshold: 2, ..one_failure_opens() });
        let permit = bench.breaker.try_acquire_owned().unwrap();
        let own = bench.breaker.try_acquire().unwrap();
        let ended = both(move || permit.failure(), || own.failure());
        assert_eq!(ended, (Recorded::Counted, Recorded::Counted));
        assert_eq!(bench.breaker.status().state, State::Open);
    });
}

#[test]
fn a_place_that_is_given_back_while_others_ask_is_not_lost() {
    loom::model(|| {
        let bench = Bench::with_probe_due(Settings::default());
        let probe = bench.breaker.try_acquire_owned().unwrap();
        let (_, asked) = both(move || drop(probe), || bench.breaker.try_acquire());
        let free = asked.is_err();
        drop(asked);
        // Whether or not it was had in passing, now somebody can have it.
        assert!(bench.breaker.try_acquire().is_ok(), "free before: {free}");
    });
}

#[test]
fn the_probes_success_and_a_late_failure_close_it_in_any_order() {
    loom::model(|| {
        let bench = bench(one_failure_opens());
        let late = bench.breaker.try_acquire_owned().unwrap();
        bench.breaker.trip_for(MINUTE);
        bench.clock.advance(MINUTE);
        let probe = bench.breaker.try_acquire().unwrap();
        let ended = both(move || late.failure(), || probe.success());
        assert_eq!(ended, (Recorded::Stale, Recorded::Counted));
        assert_eq!(bench.breaker.status().state, State::Closed);
    });
}

/// A success that meets the opening is counted before it or is stale, and changes nothing in either
/// case.
#[test]
fn a_success_that_meets_an_opening_does_not_undo_it() {
    loom::model(|| {
        let bench = bench(one_failure_opens());
        let good = bench.breaker.try_acquire_owned().unwrap();
        let bad = bench.breaker.try_acquire().unwrap();
        let (success, failure) = both(move || good.success(), || bad.failure());
        assert_eq!(failure, Recorded::Counted);
        assert_eq!(bench.breaker.status().state, State::Open);
        let counted = u64::from(success == Recorded::Counted);
        assert_eq!(bench.breaker.successes(), counted);
        assert_eq!(bench.openings(), 1);
    });
}

#[test]
fn successes_that_meet_are_both_counted() {
    loom::model(|| {
        let bench = bench(Settings::default());
        let permit = bench.breaker.try_acquire_owned().unwrap();
        let own = bench.breaker.try_acquire().unwrap();
        let ended = both(move || permit.success(), || own.success());
        assert_eq!(ended, (Recorded::Counted, Recorded::Counted));
        assert_eq!(bench.breaker.successes(), 2);
    });
}

/// A success ends the row of failures that it follows, though it need not take the lock when there
/// is none.
#[test]
fn a_success_after_a_failure_ends_the_row() {
    loom::model(|| {
        let bench = bench(Settings {
            failure_threshold: 100,
            consecutive_failures: Some(2),
            ..Settings::default()
        });
        let good = bench.breaker.try_acquire_owned().unwrap();
        let bad = bench.breaker.try_acquire_owned().unwrap();
        let failing = thread::spawn(move || bad.failure());
        assert_eq!(failing.join().unwrap(), Recorded::Counted);
        // Joined, so it comes after.
        assert_eq!(good.success(), Recorded::Counted);
        let next = bench.breaker.try_acquire().unwrap();
        assert_eq!(next.failure(), Recorded::Counted);
        assert_eq!(bench.breaker.status().state, State::Closed);
    });
}

#[test]
fn who_is_told_of_an_opening_is_rejected() {
    loom::model(|| {
        let bench = bench(one_failure_opens());
        let breaker = bench.breaker.clone();
        let opening = thread::spawn(move || {
            let permit = breaker.try_acquire().unwrap();
            permit.record(Outcome::Failure)
        });
        // Meanwhile either is right, but nothing in between.
        if let Err(rejected) = bench.breaker.try_acquire() {
            assert_eq!(rejected.state, State::Open);
            assert!(rejected.retry_after > Duration::ZERO && rejected.retry_after <= MINUTE);
        }
        assert_eq!(opening.join().unwrap(), Recorded::Counted);
        assert!(bench.breaker.try_acquire().is_err());
    });
}

#[test]
fn a_reset_that_meets_a_failure_leaves_it_open_or_closed_with_one_opening_at_most() {
    loom::model(|| {
        let bench = bench(one_failure_opens());
        let permit = bench.breaker.try_acquire_owned().unwrap();
        let breaker = bench.breaker.clone();
        let (recorded, ()) = both(move || permit.failure(), move || breaker.reset());
        // Opened and then reset, or reset and then stale: closed both times.
        assert_eq!(bench.breaker.status().state, State::Closed);
        let opened = usize::from(recorded == Recorded::Counted);
        let causes: Vec<Cause> =
            bench.registry.drain_events().into_iter().map(|event| event.cause).collect();
        let expected = [Cause::FailuresInWindow, Cause::Reset];
        assert_eq!(causes, &expected[..2 * opened]);
    });
}
