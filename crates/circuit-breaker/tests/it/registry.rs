//! Breakers by key: one each, their events in order, their memory together.

use circuit_breaker::{Event, ManualClock, Registry, RegistrySnapshot, Settings, State};

use crate::MINUTE;

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
