//! The other ends of a request: no model, a stand-in that does not pass, secrets in errors.

use std::sync::Arc;

use serde_json::json;

use super::bench::{Bench, Does, by, classes, request};
use crate::{Event, Reason};

#[tokio::test(start_paused = true)]
async fn an_empty_chain_is_answered_by_the_stand_in() {
    let bench = Bench::new();
    let mut request = request();
    let unanswered = bench.ask_for(&request, &[]).await.unwrap_err();
    assert_eq!(unanswered.reason, Reason::NoModel);
    request.stand_in = Some(Arc::new(|_| json!({"ok": true})));
    let answer = bench.ask_for(&request, &[]).await.unwrap();
    assert!(answer.degraded);
    let events = bench.seen.all();
    let Some(Event::Degraded { reason }) = events.last() else {
        panic!("{events:?}");
    };
    assert_eq!(reason, "no model is configured");
}

#[tokio::test(start_paused = true)]
async fn a_stand_in_passes_the_same_checks_as_a_model() {
    let bench = Bench::new();
    let mut request = request();
    request.stand_in = Some(Arc::new(|_| json!({"ok": "yes"})));
    let unanswered = bench.ask_for(&request, &[]).await.unwrap_err();
    assert!(matches!(unanswered.reason, Reason::StandIn { .. }));
    request.stand_in = Some(Arc::new(|_| json!({"ok": true})));
    request.validate = Some(Arc::new(|_| Err("not today".to_owned())));
    let unanswered = bench.ask_for(&request, &[]).await.unwrap_err();
    let message = "not today".to_owned();
    assert_eq!(unanswered.reason, Reason::StandIn { message });
}

#[tokio::test(start_paused = true)]
async fn a_schema_that_is_none_is_said_before_anything_is_sent() {
    let bench = Bench::new();
    let mut request = request();
    request.schema.body = json!({"type": 7});
    let unanswered = bench.ask_for(&request, &["a/one"]).await.unwrap_err();
    assert!(matches!(unanswered.reason, Reason::StandIn { .. }));
    assert!(bench.asked().is_empty());
}

/// A server that quotes what it was sent does not carry a key into an attempt, an event or an
/// error.
#[tokio::test(start_paused = true)]
async fn a_key_in_an_error_body_is_taken_out_of_everything() {
    let bench = Bench::new();
    let body = r#"{"error": {"message": "key sk-a-secret is wrong, sk-b-secret too"}}"#;
    bench.script("one", [Does::Status(401, body)]);
    bench.script(
        "two",
        [Does::Streams(vec![(std::time::Duration::ZERO, format!("data: {body}\n\n"))], false)],
    );
    let unanswered = bench.ask(&["a/one", "b/two"]).await.unwrap_err();
    let everything = format!("{unanswered} {unanswered:?} {:?}", bench.seen.all());
    assert!(everything.contains("[secret]"), "{everything}");
    assert!(!everything.contains("-secret"), "{everything}");
    let memory = serde_json::to_string(&bench.providers.memory()).unwrap();
    assert!(!memory.contains("-secret"), "{memory}");
    assert!(!format!("{:?}", bench.providers).contains("-secret"));
}

/// Callers ask from spawned work, and a limit that nobody outlives is no overflow.
#[tokio::test(start_paused = true)]
async fn a_request_can_be_spawned_and_its_time_be_endless() {
    let mut bench = Bench::new();
    bench.timeout = std::time::Duration::MAX;
    let models = ["a/one".parse().unwrap()];
    let chain = bench.providers.chain(&models, bench.timeout).unwrap();
    let asking = tokio::spawn(async move {
        let cancel = tokio_util::sync::CancellationToken::new();
        chain.ask(&request(), None, &cancel, &()).await
    });
    assert_eq!(classes(&asking.await.unwrap()), ["ok"]);
}

#[tokio::test(start_paused = true)]
async fn attempts_are_numbered_over_the_whole_request() {
    let bench = Bench::new();
    bench.script("one", [Does::Status(500, "")]);
    let outcome = bench.ask(&["a/one", "b/two"]).await;
    assert_eq!(by(&outcome).unwrap(), "b/two");
    assert_eq!(classes(&outcome), ["unavailable", "unavailable", "ok"]);
    let attempts = outcome.unwrap().attempts;
    let numbers: Vec<(u32, usize)> = attempts.iter().map(|a| (a.number, a.position)).collect();
    assert_eq!(numbers, [(1, 0), (2, 0), (3, 1)]);
    assert_eq!(attempts[0].status, Some(500));
}
