//! Many callers at the same instant, on real threads.

use std::sync::Barrier;

use circuit_breaker::{CircuitBreaker, Event, ManualClock, Recorded, Registry, Settings, State};

use crate::{Bench, MINUTE, many};

const THREADS: usize = many(8, 3);
const CALLERS: usize = many(125, 4);

/// Trap 3: all who wait for a reviving service become probes at once and fell it again.
#[test]
fn a_thousand_callers_on_eight_threads_make_one_probe() {
    let bench = Bench::new(Settings::default());
    for round in 0..many(20, 3) {
        bench.make_probe_due();
        let permits = ask_all_at_once(&bench.breaker);
        assert_eq!(permits.len(), 1, "round {round}");
        // The lost probe's place goes to one caller again, not to all.
        drop(permits);
        let mut permits = ask_all_at_once(&bench.breaker);
        assert_eq!(permits.len(), 1, "round {round} after a drop");
        let probe = permits.pop().unwrap();
        assert_eq!(probe.success(), Recorded::Counted);
    }
}

fn ask_all_at_once(
    breaker: &CircuitBreaker<ManualClock>,
) -> Vec<circuit_breaker::Permit<'_, ManualClock>> {
    let start = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        let ask = || {
            start.wait();
            let asked = (0..CALLERS).map(|_| breaker.try_acquire());
            asked.filter_map(Result::ok).collect::<Vec<_>>()
        };
        let asking: Vec<_> = (0..THREADS).map(|_| scope.spawn(ask)).collect();
        let joined = asking.into_iter().map(|one| one.join().unwrap());
        joined.flatten().collect()
    })
}

#[test]
fn failures_of_many_threads_are_all_counted() {
    let callers = u32::try_from(THREADS * CALLERS).unwrap();
    let bench = Bench::new(Settings {
        failure_threshold: callers,
        consecutive_failures: None,
        ..Settings::default()
    });
    let permits = ask_all_at_once(&bench.breaker);
    let last = bench.breaker.try_acquire().unwrap();
    std::thread::scope(|scope| {
        let mut rest = permits;
        for permit in rest.drain(1..) {
            scope.spawn(|| permit.failure());
        }
    });
    assert_eq!(bench.breaker.status().failures, callers - 1);
    assert_eq!(last.failure(), Recorded::Counted);
    assert_eq!(bench.state(), State::Open);
}

/// Trap 8: events of breakers that change at the same time come in one order without gaps, and
/// each breaker's own form a chain.
#[test]
fn events_of_many_threads_come_in_order() {
    let clock = ManualClock::new();
    let registry = Registry::new(Settings::default(), clock);
    let keys: Vec<usize> = (0..THREADS).collect();
    let seen = std::thread::scope(|scope| {
        let mut working = Vec::new();
        for key in &keys {
            // Two neighbours work on each breaker.
            for key in [*key, (*key + 1) % THREADS] {
                let breaker = registry.breaker(&key);
                working.push(scope.spawn(move || {
                    for _ in 0..many(50, 5) {
                        breaker.trip_for(MINUTE);
                        breaker.reset();
                    }
                }));
            }
        }
        let mut seen: Vec<Event<usize>> = Vec::new();
        while working.iter().any(|one| !one.is_finished()) {
            seen.extend(registry.drain_events());
        }
        seen
    });
    let seen: Vec<_> = seen.into_iter().chain(registry.drain_events()).collect();
    assert!(seen.len() >= 2 * THREADS, "each breaker was opened and reset: {}", seen.len());
    let sequences: Vec<u64> = seen.iter().map(|event| event.sequence).collect();
    let expected: Vec<u64> = (1..).take(seen.len()).collect();
    assert_eq!(sequences, expected);
    for key in keys {
        let own = seen.iter().filter(|event| event.key == key);
        let mut state = State::Closed;
        for event in own {
            assert_eq!(event.from, state);
            assert!(event.from != event.to || event.to == State::Closed);
            state = event.to;
        }
        assert_eq!(state, registry.breaker(&key).status().state);
    }
}
