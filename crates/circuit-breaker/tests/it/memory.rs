//! What one process learned and the next one knows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use circuit_breaker::{CircuitBreaker, Clock, ManualClock, SavedState, Settings, Snapshot, State};

use crate::{Bench, MINUTE, SECOND, many};

#[test]
fn an_opening_goes_on_in_the_next_process() {
    let bench = Bench::new(Settings::default());
    bench.open();
    let retry_in = bench.retry_in();
    bench.advance(20 * SECOND);
    let next = bench.next_process(Settings::default());
    assert_eq!(next.text(), "OPEN");
    let left = retry_in - 20 * SECOND;
    let drift = next.retry_in().abs_diff(left);
    assert!(drift <= Duration::from_millis(1), "{drift:?}");
    assert_eq!(next.breaker.status().failures, 5, "what opened it is still told");
}

#[test]
fn failures_and_their_ages_go_on_in_the_next_process() {
    let bench = Bench::new(Settings::default());
    bench.fail(2);
    bench.advance(4 * MINUTE);
    bench.fail(2);
    let next = bench.next_process(Settings::default());
    assert_eq!(next.text(), "MONITORING (4/5)");
    next.succeed();
    next.advance(MINUTE + SECOND);
    assert_eq!(next.text(), "MONITORING (2/5)");
}

#[test]
fn hourly_processes_with_one_failure_each_open_it() {
    let mut bench = Bench::new(Settings::default());
    for _ in 0..4 {
        bench.fail(1);
        bench.advance(60 * MINUTE);
        bench = bench.next_process(Settings::default());
    }
    assert_eq!(bench.text(), "MONITORING (4/5)");
    bench.fail(1);
    assert_eq!(bench.text(), "OPEN");
}

#[test]
fn the_doubling_goes_on_in_the_next_process() {
    let bench = Bench::new(Settings::default());
    bench.make_probe_due();
    bench.fail(1);
    let next = bench.next_process(Settings::default());
    next.advance(2 * MINUTE);
    next.fail(1);
    assert!(next.retry_in() > 3 * MINUTE, "{:?}", next.retry_in());
}

/// A recovery of a moment ago is one in the next process too, which doubles the next opening.
#[test]
fn a_recovery_goes_on_in_the_next_process() {
    let bench = Bench::new(Settings::default());
    bench.make_probe_due();
    bench.succeed();
    let next = bench.next_process(Settings::default());
    next.open();
    assert!(next.retry_in() > MINUTE, "{:?}", next.retry_in());
}

/// Trap 7: nobody knows how the probe ended, so another one is due, and nothing is closed.
#[test]
fn half_open_restores_as_open_with_its_probe_due() {
    let bench = Bench::new(Settings::default());
    bench.make_probe_due();
    let _probe = bench.breaker.try_acquire().unwrap();
    let next = bench.next_process(Settings::default());
    assert_eq!(next.text(), "OPEN");
    assert_eq!(next.retry_in().as_secs(), 0);
    assert_eq!(next.breaker.status().failures, 5);
    next.succeed();
    assert_eq!(next.text(), "CLOSED");
}

/// Whatever time stands beside it: nobody waits for a probe whose process is gone.
#[test]
fn half_open_is_due_at_once_whatever_its_snapshot_says() {
    let bench = Bench::new(Settings::default());
    bench.breaker.trip_for(MINUTE);
    let saved = Snapshot { state: SavedState::HalfOpen, ..bench.breaker.snapshot() };
    let next = Bench::new(Settings::default());
    next.breaker.restore(&saved);
    assert_eq!((next.text(), next.retry_in()), ("OPEN".to_owned(), Duration::ZERO));
}

/// Trap 7: a wall clock that is set back must not lengthen an opening beyond what was decided.
#[test]
fn a_wall_clock_set_back_lengthens_no_opening() {
    let bench = Bench::new(Settings::default());
    bench.open();
    let decided = bench.retry_in();
    let snapshot = bench.breaker.snapshot();
    let next = Bench::new(Settings::default());
    next.clock.step_wall(-86_400 * 365);
    next.breaker.restore(&snapshot);
    let slack = Duration::from_millis(1);
    assert!(next.retry_in() <= decided + slack);
    assert!(next.retry_in() + slack >= decided);
}

/// Trap 7: set forward, an opening ends early and failures age; nothing overflows.
#[test]
fn a_wall_clock_set_forward_makes_the_probe_due() {
    let bench = Bench::new(Settings::default());
    bench.open();
    let snapshot = bench.breaker.snapshot();
    let next = Bench::new(Settings::default());
    next.clock.step_wall(86_400 * 365);
    next.breaker.restore(&snapshot);
    assert_eq!(next.text(), "OPEN");
    assert_eq!(next.retry_in().as_secs(), 0);
}

#[test]
fn a_smaller_cap_of_the_next_process_holds_for_old_openings_too() {
    let bench = Bench::new(Settings::default());
    bench.open();
    let short =
        Settings { reset_timeout: SECOND, max_reset_timeout: 2 * SECOND, ..Settings::default() };
    let next = bench.next_process(short);
    assert_eq!(next.retry_in(), 2 * SECOND);
}

#[test]
fn a_trip_keeps_its_whole_time() {
    let bench = Bench::new(Settings::default());
    bench.breaker.trip_for(60 * MINUTE);
    let next = bench.next_process(Settings::default());
    assert_eq!(next.retry_in(), 60 * MINUTE);
}

/// Trap 9: a new process with a blank or older memory closed everyone's breaker.
#[test]
fn open_wins_over_closed() {
    let bench = Bench::new(Settings::default());
    bench.open();
    let before = bench.breaker.status();
    bench.breaker.restore(&Snapshot::default());
    assert_eq!(bench.breaker.status(), before);
    let shorter = Bench::new(Settings::default());
    shorter.breaker.trip_for(SECOND);
    bench.breaker.restore(&shorter.breaker.snapshot());
    assert_eq!(bench.breaker.status(), before);
}

#[test]
fn an_opening_of_the_same_length_changes_nothing() {
    let bench = Bench::new(Settings::default());
    bench.breaker.trip_for(MINUTE);
    let own = bench.breaker.snapshot();
    bench.breaker.restore(&Snapshot { reopenings: 3, failures: 4, ..own.clone() });
    assert_eq!(bench.breaker.snapshot(), own);
}

/// Trap 9: each reader rewrote the opening time, so that the probe was never due.
#[test]
fn reading_and_writing_again_leaves_the_times_as_they_are() {
    let bench = Bench::new(Settings::default());
    bench.open();
    let written = bench.breaker.snapshot();
    let mut reader = bench;
    for _ in 0..many(100, 10) {
        reader.advance(Duration::from_micros(100_700));
        reader = reader.next_process(Settings::default());
    }
    assert_eq!(reader.breaker.snapshot(), written);
}

/// Trap 9: the two clocks are never read in the same instant. That little must not add up either.
#[test]
fn readings_that_lie_apart_do_not_add_up() {
    let bench = Bench::new(Settings::default());
    bench.open();
    let written = bench.breaker.snapshot();
    let clock = Apart(bench.clock, Arc::default());
    let mut last = written.clone();
    for _ in 0..many(100, 10) {
        let breaker = CircuitBreaker::new(Settings::default(), clock.clone());
        breaker.restore(&last);
        last = breaker.snapshot();
    }
    assert_eq!(last, written);
}

/// Each reading of the monotonic time comes a microsecond after the one before.
#[derive(Clone)]
struct Apart(ManualClock, Arc<AtomicU64>);

impl Clock for Apart {
    fn now(&self) -> Duration {
        let readings = self.1.fetch_add(1, Ordering::Relaxed);
        self.0.now() + Duration::from_micros(readings)
    }

    fn wall(&self) -> SystemTime {
        self.0.wall()
    }
}

#[test]
fn a_forced_breaker_takes_nothing_over() {
    let open = Bench::new(Settings::default());
    open.open();
    let failing = Bench::new(Settings::default());
    failing.fail(2);
    let bench = Bench::new(Settings::default());
    bench.breaker.force_closed();
    for other in [&open, &failing] {
        bench.breaker.restore(&other.breaker.snapshot());
        assert_eq!(bench.text(), "CLOSED");
    }
    bench.breaker.force_open();
    let before = bench.breaker.status();
    for other in [&open, &failing] {
        bench.breaker.restore(&other.breaker.snapshot());
        assert_eq!(bench.breaker.status(), before);
    }
}

#[test]
fn rubbish_restores_as_closed() {
    let blank = Snapshot::default();
    let rubbish = [
        Snapshot {
            version: 2,
            state: SavedState::Open,
            opened_at: Some(0),
            probe_due_at: Some(u64::MAX),
            ..blank.clone()
        },
        Snapshot { state: SavedState::Unknown, failures: u32::MAX, ..blank.clone() },
        Snapshot { state: SavedState::Open, ..blank.clone() },
        Snapshot { state: SavedState::HalfOpen, opened_at: Some(u64::MAX), ..blank },
    ];
    for snapshot in rubbish {
        let bench = Bench::new(Settings::default());
        bench.breaker.restore(&snapshot);
        assert_eq!(bench.text(), "CLOSED", "{snapshot:?}");
    }
}

#[test]
fn values_out_of_range_are_clamped() {
    let bench = Bench::new(Settings::default());
    bench.breaker.restore(&Snapshot {
        failed_at: vec![u64::MAX; 1000],
        failures: u32::MAX,
        reopenings: u32::MAX,
        ..Snapshot::default()
    });
    assert_eq!(bench.text(), "MONITORING (4/5)", "memory alone opens nothing");
    bench.breaker.restore(&Snapshot {
        state: SavedState::Open,
        failures: u32::MAX,
        reopenings: u32::MAX,
        opened_at: Some(0),
        probe_due_at: Some(u64::MAX),
        tripped: false,
        ..Snapshot::default()
    });
    let status = bench.breaker.status();
    assert_eq!((status.state, status.failures), (State::Open, 5));
    assert_eq!(bench.retry_in(), 15 * MINUTE);
    bench.advance(15 * MINUTE);
    bench.fail(1);
    assert!(bench.retry_in() <= 15 * MINUTE);
}

#[test]
fn a_force_is_not_handed_on() {
    let bench = Bench::new(Settings::default());
    bench.breaker.force_open();
    let next = bench.next_process(Settings::default());
    assert_eq!(next.retry_in(), MINUTE);
}

#[test]
fn switched_off_it_remembers_nothing() {
    let bench = Bench::new(Settings::default());
    bench.open();
    let next = bench.next_process(Settings { enabled: false, ..Settings::default() });
    assert_eq!(next.text(), "CLOSED");
    next.succeed();
}

#[cfg(feature = "serde")]
mod written {
    use super::*;
    use circuit_breaker::RegistrySnapshot;

    #[test]
    fn a_snapshot_reads_back_as_it_was_written() {
        let bench = Bench::new(Settings::default());
        bench.open();
        let snapshot =
            RegistrySnapshot { breakers: vec![("a/b".to_owned(), bench.breaker.snapshot())] };
        let text = serde_json::to_string(&snapshot).unwrap();
        let read: RegistrySnapshot<String> = serde_json::from_str(&text).unwrap();
        assert_eq!(read, snapshot);
    }

    #[test]
    fn the_written_names_stay() {
        let snapshot = Snapshot {
            state: SavedState::HalfOpen,
            failed_at: vec![1],
            opened_at: Some(2),
            ..Snapshot::default()
        };
        let text = serde_json::to_string(&snapshot).unwrap();
        let expected = r#"{"version":1,"state":"half_open","failed_at":[1],"failures":0,"reopenings":0,"opened_at":2,"probe_due_at":null,"tripped":false,"revision":0,"closed_at":null,"recent":""}"#;
        assert_eq!(text, expected);
    }

    /// One damaged entry does not make the others unreadable.
    #[test]
    fn rubbish_among_others_is_read_as_unknown() {
        let text = r#"{"breakers": [["a", 7], ["b", {"state": 3}], ["c", null], ["d", {"failures": -1}],
            ["e", {"state": "open", "opened_at": 1, "probe_due_at": 2, "failures": 2}]]}"#;
        let read: RegistrySnapshot<String> = serde_json::from_str(text).unwrap();
        let states: Vec<SavedState> = read.breakers.iter().map(|(_, saved)| saved.state).collect();
        let unknown = SavedState::Unknown;
        assert_eq!(states, [unknown, unknown, unknown, unknown, SavedState::Open]);
        let bench = Bench::new(Settings::default());
        let warning = bench.breaker.restore(&read.breakers[0].1).unwrap();
        assert_eq!(warning.to_string(), "its memory names no known state");
        assert_eq!(bench.text(), "CLOSED");
    }

    #[test]
    fn words_and_fields_of_a_newer_binary_are_read_as_closed() {
        let text = r#"{"state": "resting", "colour": "blue", "failures": 3}"#;
        let read: Snapshot = serde_json::from_str(text).unwrap();
        assert_eq!(read.state, SavedState::Unknown);
        let bench = Bench::new(Settings::default());
        bench.breaker.restore(&read);
        assert_eq!(bench.text(), "CLOSED");
    }
}
