//! Breakers by key: one each, their events in order, their memory together.

use circuit_breaker::{
    Cause, Event, FailureRate, ManualClock, Registry, RegistrySnapshot, Settings, State, Warning,
};

use crate::{MINUTE, many};

fn registry() -> (Registry<&'static str, ManualClock>, ManualClock) {
    let clock = ManualClock::new();
    (Registry::new(Settings::default(), clock.clone()), clock)
}

fn fail(registry: &Registry<&'static str, ManualClock>, key: &'static str, times: usize) {
    for _ in 0..times {
        let permit = registry.breaker(&key).try_acquire_owned().unwrap();
        let _ = permit.failure();
    }
}

#[test]
fn a_key_has_one_breaker_and_keys_do_not_touch_each_other() {
    let (registry, _) = registry();
    fail(&registry, "b", 2);
    fail(&registry.clone(), "b", 1);
    fail(&registry, "a", 5);
    let texts: Vec<(&str, String)> =
        registry.statuses().into_iter().map(|(key, status)| (key, status.to_string())).collect();
    let expected = [("a", "OPEN"), ("b", "MONITORING (3/5)")];
    assert_eq!(texts, expected.map(|(key, text)| (key, text.to_owned())));
}

#[test]
fn each_change_of_state_and_each_counted_failure_is_one_event_and_nothing_else_is() {
    let (registry, clock) = registry();
    fail(&registry, "a", 5);
    clock.advance(MINUTE);
    let breaker = registry.breaker(&"a");
    drop(breaker.try_acquire().unwrap());
    let _ = breaker.try_acquire().unwrap().success();
    let steps: Vec<_> = registry
        .drain_events()
        .into_iter()
        .map(|event| (event.sequence, event.key, event.from, event.to))
        .collect();
    let counted = |sequence| (sequence, "a", State::Closed, State::Closed);
    let expected = [
        counted(1),
        counted(2),
        counted(3),
        counted(4),
        (5, "a", State::Closed, State::Open),
        (6, "a", State::Open, State::HalfOpen),
        (7, "a", State::HalfOpen, State::Closed),
    ];
    assert_eq!(steps, expected);
    assert!(registry.drain_events().is_empty());
}

#[test]
fn an_event_says_how_the_breaker_stood_at_that_moment() {
    let (registry, clock) = registry();
    fail(&registry, "a", 5);
    clock.advance(MINUTE);
    let events = registry.drain_events();
    let texts: Vec<String> = events.iter().map(|event| event.status.to_string()).collect();
    let counts = ["MONITORING (1/5)", "MONITORING (2/5)", "MONITORING (3/5)", "MONITORING (4/5)"];
    assert_eq!(texts, [&counts[..], &["OPEN"]].concat());
    let Some(Event { status, .. }) = events.last() else {
        panic!("no event");
    };
    assert_eq!((status.failures, status.threshold), (5, 5));
    let retry_in = status.retry_in.unwrap();
    assert!(retry_in <= MINUTE && retry_in >= MINUTE * 4 / 5);
}

/// Trap 8: who hears of an event may look at every breaker and change them, without a deadlock.
#[test]
fn a_listener_may_use_the_breakers_while_it_listens() {
    let (registry, _) = registry();
    fail(&registry, "a", 5);
    let mut heard = Vec::new();
    while let [.., event] = registry.drain_events().as_slice() {
        heard.push((event.sequence, event.to));
        if event.to == State::Open {
            assert_eq!(registry.breaker(&event.key).status().state, State::Open);
            registry.reset(Some(&event.key));
        }
    }
    assert_eq!(heard, [(5, State::Open), (6, State::Closed)]);
}

/// Not under miri, where six thousand changes take minutes.
#[cfg(not(miri))]
#[test]
fn a_queue_that_nobody_drains_is_bounded_and_the_gap_shows() {
    let (registry, _) = registry();
    let breaker = registry.breaker(&"a");
    for _ in 0..3000 {
        breaker.trip_for(MINUTE);
        breaker.reset();
    }
    let events = registry.drain_events();
    assert_eq!(events.len(), 4096);
    assert_eq!(events.first().unwrap().sequence, 6000 - 4096 + 1);
    assert_eq!(events.last().unwrap().sequence, 6000);
}

#[test]
fn the_memory_goes_over_by_key_without_events() {
    let (first, clock) = registry();
    fail(&first, "a", 5);
    fail(&first, "b", 2);
    let _untouched = first.breaker(&"c");
    let snapshot = first.snapshot();
    let keys: Vec<&str> = snapshot.breakers.iter().map(|(key, _)| *key).collect();
    assert_eq!(keys, ["a", "b"], "nothing to remember of c");

    let second = Registry::new(Settings::default(), clock);
    second.restore(&snapshot);
    assert_eq!(second.breaker(&"a").status().state, State::Open);
    assert_eq!(second.breaker(&"b").status().failures, 2);
    assert!(second.drain_events().is_empty());
    second.restore(&RegistrySnapshot::default());
    assert_eq!(second.snapshot(), snapshot);
}

#[test]
fn a_reset_takes_one_key_or_all() {
    let (registry, _) = registry();
    for key in ["a", "b", "c"] {
        fail(&registry, key, 5);
    }
    let open = || {
        let statuses = registry.statuses().into_iter();
        let open = statuses.filter(|(_, status)| status.state == State::Open);
        open.map(|(key, _)| key).collect::<Vec<_>>()
    };
    registry.reset(Some(&"b"));
    registry.reset(Some(&"unknown"));
    assert_eq!(open(), ["a", "c"]);
    registry.reset(None);
    assert_eq!(open(), [""; 0]);
    assert_eq!(registry.statuses().len(), 3, "a reset makes no breaker");
}

#[test]
fn breakers_of_one_registry_do_not_open_for_the_same_time() {
    let (registry, _) = registry();
    fail(&registry, "a", 5);
    fail(&registry, "b", 5);
    let times: Vec<_> = registry.statuses().into_iter().map(|(_, s)| s.retry_in).collect();
    assert_ne!(times[0], times[1]);
}

#[test]
fn an_event_names_its_cause() {
    let (registry, clock) = registry();
    fail(&registry, "a", 5);
    clock.advance(MINUTE);
    fail(&registry, "a", 1);
    clock.advance(2 * MINUTE);
    let breaker = registry.breaker(&"a");
    let _ = breaker.try_acquire().unwrap().success();
    breaker.force_open();
    breaker.reset();
    breaker.reset();
    breaker.trip_for(MINUTE);
    breaker.disable();
    let causes: Vec<Cause> = registry.drain_events().iter().map(|event| event.cause).collect();
    let expected = [
        Cause::FailuresInWindow,
        Cause::ProbeDue,
        Cause::ProbeFailed,
        Cause::ProbeDue,
        Cause::ProbeSucceeded,
        Cause::Forced,
        Cause::Reset,
        Cause::Tripped,
        Cause::Disabled,
    ];
    assert_eq!(causes, [&[Cause::FailureCounted; 4][..], &expected].concat());
}

fn with_room(most: usize) -> Registry<u32, ManualClock> {
    Registry::bounded(Settings::default(), ManualClock::new(), most)
}

/// Keys that come from outside are no leak.
#[test]
fn many_keys_with_nothing_to_remember_take_the_room_of_a_few() {
    let registry = with_room(8);
    for key in (0..).take(many(50_000, 50)) {
        let breaker = registry.breaker(&key);
        if key % 10 == 0 {
            let _ = breaker.try_acquire().unwrap().success();
        }
    }
    assert!(registry.statuses().len() <= 8);
    assert_eq!(registry.unlisted(), 0);
}

#[test]
fn as_long_as_there_is_room_none_is_evicted() {
    let registry = with_room(4);
    for key in [0, 1, 2, 3, 0] {
        let _ = registry.breaker(&key);
    }
    assert_eq!(registry.statuses().len(), 4);
}

#[test]
fn what_is_open_counted_forced_or_held_is_not_evicted() {
    let registry = with_room(5);
    registry.breaker(&0).trip_for(MINUTE);
    let _ = registry.breaker(&1).try_acquire().unwrap().failure();
    registry.breaker(&2).force_closed();
    let held = registry.breaker(&3);
    for key in 4..100 {
        let _ = registry.breaker(&key);
    }
    let keys: Vec<u32> = registry.statuses().into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, [0, 1, 2, 3, 99]);
    let _ = held.try_acquire().unwrap().failure();
    let text = registry.breaker(&3).status().to_string();
    assert_eq!(text, "MONITORING (1/5)", "held, it is still the one of its key");
}

/// Failures that have left the window may still count for the rate.
#[test]
fn a_breaker_whose_last_calls_failed_is_not_evicted() {
    let clock = ManualClock::new();
    let rate = FailureRate { percent: 50, calls: 10, minimum: 10 };
    let settings =
        Settings { consecutive_failures: None, failure_rate: Some(rate), ..Settings::default() };
    let registry = Registry::bounded(settings, clock.clone(), 1);
    let _ = registry.breaker(&0).try_acquire().unwrap().failure();
    clock.advance(6 * MINUTE);
    let _ = registry.breaker(&1);
    assert_eq!(registry.statuses()[0].0, 0);
    registry.breaker(&0).reset();
    let _ = registry.breaker(&1);
    assert_eq!(registry.statuses()[0].0, 1);
}

/// A permit under way holds its breaker: two for one key would each see half of the failures.
#[test]
fn a_breaker_with_an_owned_permit_out_is_not_evicted() {
    let registry = with_room(1);
    let permit = registry.breaker(&0).try_acquire_owned().unwrap();
    let other = registry.breaker(&1);
    let _ = permit.failure();
    assert_eq!(registry.breaker(&0).status().failures, 1);
    assert_eq!(registry.unlisted(), 1);
    let _ = other.try_acquire().unwrap().failure();
    assert_eq!(registry.statuses().len(), 1, "the other one guards, but is not listed");
}

#[test]
fn an_evicted_breaker_has_recovered_wholly() {
    let clock = ManualClock::new();
    let registry = Registry::bounded(Settings::default(), clock.clone(), 1);
    registry.breaker(&0).trip_for(MINUTE);
    clock.advance(MINUTE);
    let _ = registry.breaker(&0).try_acquire().unwrap().success();
    // Its next opening would be doubled, which one made anew does not know.
    let _ = registry.breaker(&1);
    assert_eq!(registry.statuses()[0].0, 0);
    clock.advance(5 * MINUTE);
    let _ = registry.breaker(&1);
    assert_eq!(registry.statuses()[0].0, 1);
}

#[test]
fn events_of_evicted_breakers_still_have_their_keys() {
    let registry = with_room(3);
    for key in 0..3 {
        registry.breaker(&key).trip_for(MINUTE);
        registry.breaker(&key).reset();
    }
    for key in 3..10 {
        let _ = registry.breaker(&key);
    }
    let keys: Vec<u32> = registry.drain_events().into_iter().map(|event| event.key).collect();
    assert_eq!(keys, [0, 0, 1, 1, 2, 2]);
}

#[test]
fn a_registry_shows_its_breakers_by_key() {
    let (registry, _) = registry();
    let _ = registry.breaker(&"a");
    let shown = format!("{registry:?}");
    assert!(shown.starts_with(r#"{"a": Status { state: Closed,"#), "{shown}");
}

#[test]
fn memory_that_cannot_be_taken_over_is_told_by_key() {
    use circuit_breaker::{SavedState, Snapshot};
    let registry = with_room(3);
    let open = Snapshot { state: SavedState::Open, ..Snapshot::default() };
    let failed = Snapshot { failed_at: vec![u64::MAX], ..Snapshot::default() };
    let snapshot = RegistrySnapshot {
        breakers: vec![
            (0, failed),
            (1, Snapshot { version: 7, ..Snapshot::default() }),
            (2, Snapshot { state: SavedState::Unknown, ..Snapshot::default() }),
            (3, open),
        ],
    };
    let warnings = registry.restore(&snapshot);
    let expected =
        [(1, Warning::UnknownVersion(7)), (2, Warning::UnknownState), (3, Warning::NoTimes)];
    assert_eq!(warnings, expected);
    let held: Vec<_> = [0, 7, 8].map(|key| registry.breaker(&key)).into();
    let last = RegistrySnapshot { breakers: vec![(9, Snapshot::default())] };
    assert_eq!(registry.restore(&last), [(9, Warning::NoRoom)]);
    assert_eq!(held.len(), 3);
}
