//! Two processes that share one place for what they know (trap 9).

use circuit_breaker::{RegistrySnapshot, SavedState, Settings, Snapshot, State};
use proptest::prelude::*;

use crate::{Bench, MINUTE, tries};

/// Trap 9: a new process with nothing to tell closed everyone's breaker.
#[test]
fn a_process_that_saw_nothing_does_not_close_what_another_opened() {
    let bench = Bench::new(Settings::default());
    let nothing = bench.breaker.snapshot();
    bench.open();
    let opened = bench.breaker.snapshot();
    assert_eq!(opened.clone().merge(nothing.clone()), opened);
    assert_eq!(nothing.merge(opened.clone()), opened);
}

/// And the other way round: what was open before a recovery does not open it again.
#[test]
fn a_recovery_wins_over_the_opening_before_it() {
    let bench = Bench::new(Settings::default());
    bench.open();
    let opened = bench.breaker.snapshot();
    let next = bench.next_process(Settings::default());
    next.advance(MINUTE);
    next.succeed();
    let recovered = next.breaker.snapshot();
    assert_eq!(opened.merge(recovered.clone()), recovered);
}

#[test]
fn open_wins_over_half_open_and_closed_at_the_same_revision_and_the_longer_time_wins() {
    let open = |due| Snapshot {
        state: SavedState::Open,
        opened_at: Some(1),
        probe_due_at: Some(due),
        revision: 3,
        ..Snapshot::default()
    };
    let half_open = Snapshot { state: SavedState::HalfOpen, ..open(900) };
    let closed = Snapshot { revision: 3, ..Snapshot::default() };
    assert_eq!(closed.merge(open(5)), open(5));
    assert_eq!(half_open.merge(open(5)), open(5));
    assert_eq!(open(5).merge(open(9)), open(9));
    let newer_but_unknown = Snapshot { version: 9, revision: 99, ..open(1) };
    assert_eq!(newer_but_unknown.merge(open(5)), open(5));
}

#[test]
fn failures_of_both_count_and_those_of_before_count_once() {
    let first = Bench::new(Settings::default());
    first.fail(1);
    let second = first.next_process(Settings::default());
    second.advance(MINUTE);
    second.fail(1);
    first.advance(2 * MINUTE);
    first.fail(1);
    let merged = first.breaker.snapshot().merge(second.breaker.snapshot());
    assert_eq!(merged.failed_at.len(), 3);
    // However often it is read, it counts the same.
    for _ in 0..3 {
        first.breaker.restore(&merged);
        assert_eq!(first.text(), "MONITORING (3/5)");
    }
}

/// Also what means nothing there, so that a rule for it is the same in any order.
#[test]
fn of_two_closed_ones_nothing_is_lost() {
    let one = Snapshot { tripped: true, opened_at: Some(3), failures: 1, ..Snapshot::default() };
    let other = Snapshot { recent: "x".to_owned(), closed_at: Some(5), ..Snapshot::default() };
    let merged = Snapshot { recent: "x".to_owned(), closed_at: Some(5), ..one.clone() };
    assert_eq!(one.merge(other), merged);
}

#[test]
fn an_older_opening_does_not_open_what_has_recovered_here() {
    let bench = Bench::new(Settings::default());
    bench.open();
    let old = bench.breaker.snapshot();
    bench.advance(MINUTE);
    bench.succeed();
    bench.breaker.restore(&old);
    assert_eq!(bench.state(), State::Closed);
}

#[test]
fn registries_are_merged_key_by_key() {
    let bench = Bench::new(Settings::default());
    bench.open();
    let open = bench.breaker.snapshot();
    let blank = Snapshot::default();
    let of = |pairs: &[(&'static str, &Snapshot)]| {
        let breakers = pairs.iter().map(|(key, saved)| (*key, (*saved).clone())).collect();
        RegistrySnapshot { breakers }
    };
    let merged = of(&[("a", &open), ("b", &blank)]).merge(of(&[("c", &open), ("a", &blank)]));
    assert_eq!(merged, of(&[("a", &open), ("b", &blank), ("c", &open)]));
}

fn snapshot() -> impl Strategy<Value = Snapshot> {
    let state = prop_oneof![
        3 => Just(SavedState::Closed),
        2 => Just(SavedState::Open),
        1 => Just(SavedState::HalfOpen),
        1 => Just(SavedState::Unknown),
    ];
    let small = || 0_u64..3;
    let counts = (0_u32..3, 0_u32..3, 1_u32..3, any::<bool>());
    let stamp = || proptest::option::of(0_u64..3);
    let stamps = (stamp(), stamp(), stamp(), proptest::collection::vec(small(), 0..4));
    (state, small(), counts, stamps, "[.x]{0,3}").prop_map(
        |(state, revision, (failures, reopenings, version, tripped), stamps, recent)| {
            let (opened_at, probe_due_at, closed_at, mut failed_at) = stamps;
            failed_at.sort_unstable();
            Snapshot {
                version,
                state,
                failed_at,
                failures,
                reopenings,
                opened_at,
                probe_due_at,
                tripped,
                revision,
                closed_at,
                recent,
            }
        },
    )
}

proptest! {
    #![proptest_config(tries())]

    /// So that it does not matter in which order, or how often, processes write.
    #[test]
    fn merging_is_commutative_associative_and_idempotent(
        a in snapshot(), b in snapshot(), c in snapshot(),
    ) {
        let merge = |one: &Snapshot, other: &Snapshot| one.clone().merge(other.clone());
        prop_assert_eq!(merge(&a, &a), a.clone());
        prop_assert_eq!(merge(&a, &b), merge(&b, &a));
        prop_assert_eq!(merge(&merge(&a, &b), &c), merge(&a, &merge(&b, &c)));
        prop_assert_eq!(merge(&merge(&a, &b), &b), merge(&a, &b));
    }

    /// Whatever was written, by whom ever: it is read without a panic and turns nobody away longer
    /// than the settings allow.
    #[test]
    fn no_snapshot_makes_it_panic_or_stay_open_for_ever(
        saved in snapshot(), stamps in proptest::collection::vec(any::<u64>(), 5),
    ) {
        let bench = Bench::new(Settings::default());
        let wild = Snapshot {
            opened_at: saved.opened_at.map(|_| stamps[0]),
            probe_due_at: saved.probe_due_at.map(|_| stamps[1]),
            closed_at: saved.closed_at.map(|_| stamps[2]),
            failed_at: stamps.clone(),
            revision: stamps[3],
            recent: "x?.é".to_owned(),
            ..saved
        };
        bench.breaker.restore(&wild);
        let longest = if wild.tripped { 7 * 24 * 60 * MINUTE } else { 15 * MINUTE };
        prop_assert!(bench.breaker.status().retry_in.unwrap_or_default() <= longest);
        bench.advance(longest);
        prop_assert!(bench.breaker.try_acquire().is_ok());
        let _ = bench.breaker.snapshot();
    }
}
