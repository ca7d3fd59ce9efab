//! The queues under a clock that stands still unless it is waited for.

use super::*;

fn limits(requests: Option<u32>, tokens: Option<u64>, at_once: Option<u32>) -> Limits {
    Limits { requests_per_minute: requests, tokens_per_minute: tokens, concurrency: at_once }
}

fn gate(limits: Limits) -> Vec<Arc<Gate>> {
    let gates = Gates::default();
    gates.configure("c", limits);
    gates.before("m", "c")
}

const HOUR: Duration = Duration::from_hours(1);

async fn place(gates: &[Arc<Gate>], tokens: u64, clock: Clock) -> Option<Place> {
    Place::wait(gates.to_vec(), tokens, HOUR, HOUR, clock).await
}

async fn used(gates: &[Arc<Gate>], tokens: u64, clock: Clock) {
    let mut place = place(gates, tokens, clock).await.unwrap();
    place.begin();
    place.used(tokens);
}

#[tokio::test(start_paused = true)]
async fn no_minute_has_more_requests_than_allowed() {
    let clock = Clock::new();
    let gates = gate(limits(Some(3), None, None));
    let mut stamps = Vec::new();
    for _ in 0..8 {
        used(&gates, 1, clock).await;
        stamps.push(clock.now());
    }
    for window in stamps.windows(4) {
        assert!(window[3] - window[0] >= MINUTE, "{stamps:?}");
    }
    assert!(stamps[7] <= Duration::from_secs(121), "{stamps:?}");
}

#[tokio::test(start_paused = true)]
async fn tokens_count_as_they_were_used_and_not_as_expected() {
    let clock = Clock::new();
    let gates = gate(limits(None, Some(100), None));
    let mut first = place(&gates, 90, clock).await.unwrap();
    first.begin();
    first.used(10);
    // The ninety that were expected are not in the way.
    used(&gates, 80, clock).await;
    assert_eq!(clock.now(), Duration::ZERO);
    used(&gates, 20, clock).await;
    assert!(clock.now() >= MINUTE);
    // More than the whole limit goes when nothing else does.
    used(&gates, 1_000, clock).await;
    assert!(clock.now() < 3 * MINUTE);
}

#[tokio::test(start_paused = true)]
async fn a_place_that_was_not_made_use_of_counts_for_nothing() {
    let clock = Clock::new();
    let gates = gate(limits(Some(1), None, Some(1)));
    drop(place(&gates, 1, clock).await.unwrap());
    let mut second = place(&gates, 1, clock).await.unwrap();
    second.begin();
    drop(second);
    assert_eq!(clock.now(), Duration::ZERO);
    used(&gates, 1, clock).await;
    assert!(clock.now() >= MINUTE, "a request that was given up was made");
}

/// Fair: who came first is served first, and nobody passes.
#[tokio::test(start_paused = true)]
async fn the_queue_is_served_in_its_order() {
    let clock = Clock::new();
    let gates = gate(limits(Some(2), None, Some(1)));
    let served = Arc::new(Mutex::new(Vec::new()));
    let asking = (0..7).map(|who| {
        let (gates, served) = (gates.clone(), Arc::clone(&served));
        async move {
            let mut place = place(&gates, 1, clock).await.unwrap();
            place.begin();
            served.lock().unwrap().push(who);
            sleep(Duration::from_secs(2)).await;
            place.used(1);
        }
    });
    futures::future::join_all(asking).await;
    assert_eq!(*served.lock().unwrap(), [0, 1, 2, 3, 4, 5, 6]);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_too_long_is_not_begun() {
    let clock = Clock::new();
    let gates = gate(limits(Some(1), None, None));
    used(&gates, 1, clock).await;
    let ten = Duration::from_secs(10);
    assert!(Place::wait(gates.clone(), 1, ten, ten, clock).await.is_none());
    assert_eq!(clock.now(), Duration::ZERO);
    assert!(gates[0].ready_in(1, clock) >= Duration::from_secs(59));
}

#[tokio::test(start_paused = true)]
async fn what_a_server_says_is_kept_to_until_its_reset() {
    let clock = Clock::new();
    let gates = Gates::default();
    let left = |amount| Some(crate::classify::Left { amount, reset_in: Duration::from_secs(20) });
    gates.learn("m", &Told { requests: left(2), tokens: None }, clock);
    let before = gates.before("m", "c");
    used(&before, 1, clock).await;
    used(&before, 1, clock).await;
    assert_eq!(clock.now(), Duration::ZERO);
    used(&before, 1, clock).await;
    assert_eq!(clock.now().as_secs(), 20);
    // After the reset nothing is known, so nothing is held back.
    used(&before, 1, clock).await;
    assert_eq!(clock.now().as_secs(), 20);
    assert!(gates.before("another", "c").is_empty());
}

#[test]
fn of_two_limits_for_one_credential_the_lower_holds() {
    let gates = Gates::default();
    gates.configure("c", limits(Some(9), None, Some(2)));
    gates.configure("c", limits(Some(5), Some(7), Some(4)));
    let gate = &gates.before("m", "c")[0];
    assert_eq!(gate.limits, limits(Some(5), Some(7), Some(2)));
}
