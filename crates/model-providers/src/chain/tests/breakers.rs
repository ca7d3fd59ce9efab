//! Permits, what feeds a breaker, and waiting for a model that comes back.

use std::time::Duration;

use super::bench::{Bench, Does, by, classes, model, request, settings};
use crate::{Class, Event};

const ALL: [&str; 3] = ["a/one", "b/two", "c/three"];

/// Traps 11 and 12: one model with a fallback, and its breaker opens; then it costs nothing.
#[tokio::test(start_paused = true)]
async fn five_failed_visits_open_the_breaker_and_the_model_is_skipped() {
    let bench = Bench::new();
    bench.script("one", [Does::Status(503, "")]);
    for visit in 1..=4 {
        assert_eq!(by(&bench.ask(&ALL).await).unwrap(), "b/two");
        assert_eq!(bench.state("a/one"), format!("MONITORING ({visit}/5)"));
    }
    bench.ask(&ALL).await.unwrap();
    assert_eq!(bench.state("a/one"), "OPEN");
    let asked = bench.asked().len();
    let before = bench.elapsed();
    let outcome = bench.ask(&ALL).await;
    assert_eq!(classes(&outcome), ["ok"]);
    assert_eq!(bench.asked().len(), asked + 1);
    assert_eq!(bench.elapsed(), before);
    let events = bench.seen.all();
    let opened = |e: &Event| matches!(e, Event::BreakerOpened { state, .. } if state == "OPEN");
    assert_eq!(events.iter().filter(|e| opened(e)).count(), 1);
    let skipped = |e: &Event| matches!(e, Event::FallbackUsed { from, class: None, position: 1, .. } if *from == model("a/one"));
    assert!(events.iter().any(skipped));
}

/// Trap 20: back to the primary as soon as its probe succeeds.
#[tokio::test(start_paused = true)]
async fn every_request_starts_at_the_primary_again() {
    let bench = Bench::new();
    bench.script("one", [Does::Status(503, "")]);
    for _ in 0..5 {
        bench.ask(&ALL).await.unwrap();
    }
    bench.script("one", [Does::Answers]);
    assert_eq!(by(&bench.ask(&ALL).await).unwrap(), "b/two");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(by(&bench.ask(&ALL).await).unwrap(), "a/one");
    assert_eq!(bench.state("a/one"), "CLOSED");
    let names = bench.seen.names();
    assert!(names.contains(&"BreakerHalfOpened".to_owned()));
    assert!(names.contains(&"BreakerClosed".to_owned()));
}

/// Trap 19: what fails alike on two models is the request's fault.
#[tokio::test(start_paused = true)]
async fn a_request_that_no_model_can_answer_opens_no_breaker() {
    let bench = Bench::new();
    for name in ["one", "two", "three"] {
        bench.script(name, [Does::Says("{\"ok\": 3}")]);
    }
    for _ in 0..6 {
        assert!(bench.ask(&ALL).await.is_err());
    }
    for name in ALL {
        assert_eq!(bench.state(name), "CLOSED");
    }
    // A model that alone answers wrongly is at fault itself.
    bench.script("two", [Does::Answers]);
    bench.ask(&ALL).await.unwrap();
    assert_eq!(bench.state("a/one"), "MONITORING (1/5)");
}

#[tokio::test(start_paused = true)]
async fn a_breaker_that_is_switched_off_never_opens() {
    let mut settings = settings();
    settings.breaker.enabled = false;
    let bench = Bench::with(settings);
    bench.script("one", [Does::Status(503, "")]);
    for _ in 0..20 {
        bench.ask(&ALL).await.unwrap();
    }
    assert_eq!(bench.asked().len(), 60);
}

#[tokio::test(start_paused = true)]
async fn failover_switched_off_asks_the_primary_only() {
    let mut settings = settings();
    settings.failover.enabled = false;
    let bench = Bench::with(settings);
    bench.script("one", [Does::Hangs]);
    let outcome = bench.ask(&ALL).await;
    assert_eq!(classes(&outcome), ["timeout"]);
    assert_eq!(bench.order(), ["one"]);
}

#[tokio::test(start_paused = true)]
async fn no_more_models_are_visited_than_allowed() {
    let mut settings = settings();
    settings.failover.max_models = 2;
    let bench = Bench::with(settings);
    for name in ["one", "two", "three"] {
        bench.script(name, [Does::Status(404, name)]);
    }
    bench.ask(&ALL).await.unwrap_err();
    assert_eq!(bench.order(), ["one", "two"]);
}

/// Trap 13: a model that comes back soon is waited for.
#[tokio::test(start_paused = true)]
async fn if_all_rest_the_one_that_comes_back_in_time_is_waited_for() {
    let bench = Bench::new();
    bench.script("one", [Does::Limited(30)]);
    bench.script("two", [Does::Limited(8), Does::Answers]);
    let outcome = bench.ask(&ALL[..2]).await;
    assert_eq!(classes(&outcome), ["rate_limited", "rate_limited", "ok"]);
    assert_eq!(by(&outcome).unwrap(), "b/two");
    assert_eq!(bench.elapsed().as_secs(), 8);
}

#[tokio::test(start_paused = true)]
async fn if_none_comes_back_in_time_the_stand_in_answers_at_once() {
    let bench = Bench::new();
    bench.script("one", [Does::Limited(30)]).script("two", [Does::Limited(11)]);
    let mut request = request();
    request.stand_in = Some(std::sync::Arc::new(|attempts| {
        assert_eq!(attempts.len(), 2);
        serde_json::json!({"ok": false})
    }));
    let answer = bench.ask_for(&request, &ALL[..2]).await.unwrap();
    assert!(answer.degraded && answer.model.is_none());
    assert_eq!(bench.elapsed(), Duration::ZERO);
    let events = bench.seen.all();
    let Some(Event::Degraded { reason }) = events.last() else {
        panic!("{events:?}");
    };
    insta::assert_snapshot!(reason, @"no model answered; first a/one: rate_limited: status 429 without a word");
}

#[tokio::test(start_paused = true)]
async fn a_silent_model_is_not_waited_for() {
    let mut settings = settings();
    settings.breaker.failure_threshold = 1;
    settings.breaker.reset_timeout = Duration::from_secs(2);
    let bench = Bench::with(settings);
    bench.script("one", [Does::Hangs]);
    let outcome = bench.ask(&ALL[..1]).await;
    assert_eq!(classes(&outcome), ["timeout"]);
    assert_eq!(bench.state("a/one"), "OPEN");
    // The next request finds it open, and waits for the probe.
    bench.script("one", [Does::Answers]);
    assert_eq!(by(&bench.ask(&ALL[..1]).await).unwrap(), "a/one");
}

/// A probe that another request makes is waited for, not doubled.
#[tokio::test(start_paused = true)]
async fn while_a_probe_is_under_way_others_wait_for_its_result() {
    let bench = Bench::new();
    bench.script("one", [Does::Status(404, "x")]);
    let breaker = bench.providers.breakers.breaker(&bench.providers.model_key(&model("a/one")));
    breaker.trip_for(Duration::from_secs(1));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let probe = breaker.try_acquire().unwrap();
    bench.script("one", [Does::Answers]);
    let ends = async {
        tokio::time::sleep(Duration::from_secs(4)).await;
        assert!(bench.asked().is_empty());
        assert_eq!(probe.success(), circuit_breaker::Recorded::Counted);
    };
    let (outcome, ()) = tokio::join!(bench.ask(&ALL[..1]), ends);
    assert_eq!(by(&outcome).unwrap(), "a/one");
    assert!(bench.elapsed() <= Duration::from_secs(6), "{:?}", bench.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_reset_closes_the_breaker_and_ends_the_rest() {
    let bench = Bench::new();
    bench.script("one", [Does::Limited(60)]).script("two", [Does::Status(401, "")]);
    bench.ask(&ALL).await.unwrap();
    bench.providers.reset_breakers(Some(&model("a/one")));
    assert_eq!(bench.providers.health(&model("a/one")).resting, None);
    assert!(bench.providers.health(&model("b/two")).resting.is_some());
    bench.providers.reset_breakers(None);
    assert!(bench.providers.health(&model("b/two")).resting.is_none());
}

#[tokio::test(start_paused = true)]
async fn events_tell_what_happened_in_order() {
    let bench = Bench::new();
    bench.script("one", [Does::Limited(40)]);
    bench.ask(&ALL).await.unwrap();
    assert_eq!(
        bench.seen.names(),
        [
            "AttemptStarted",
            "AttemptFailed",
            "ModelResting",
            "FallbackUsed",
            "AttemptStarted",
            "AttemptSucceeded",
        ]
    );
    let events = bench.seen.all();
    let Some(Event::FallbackUsed { from, to, position, class }) = events.get(3) else {
        panic!("{events:?}");
    };
    assert_eq!((from, to, *position), (&model("a/one"), &model("b/two"), 1));
    assert_eq!(*class, Some(Class::RateLimited));
    let Some(Event::AttemptStarted { attempt, models, .. }) = events.get(4) else {
        panic!("{events:?}");
    };
    assert_eq!((*attempt, *models), (2, 3));
}
