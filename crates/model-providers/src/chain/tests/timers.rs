//! Connect and first token, idle, total; and the share of each visit.

use std::time::Duration;

use super::bench::{Bench, Does, by, chunk, classes, finish, settings};
use crate::{Class, Facts};

const SECOND: Duration = Duration::from_secs(1);

/// Trap 16: a hung primary does not eat the time of its fallback.
#[tokio::test(start_paused = true)]
async fn a_hung_primary_uses_at_most_half_of_the_time() {
    let bench = Bench::new();
    bench.script("one", [Does::Hangs]);
    let outcome = bench.ask(&["a/one", "b/two"]).await;
    assert_eq!(classes(&outcome), ["timeout", "ok"]);
    assert_eq!(by(&outcome).unwrap(), "b/two");
    assert_eq!(bench.elapsed().as_secs(), 60);
    let first = &outcome.unwrap().attempts[0];
    assert_eq!(first.latency.as_secs(), 60);
    insta::assert_snapshot!(first.message.as_ref().unwrap(), @"not done within the 60.0 s it was given");
}

#[tokio::test(start_paused = true)]
async fn three_hung_models_use_exactly_the_whole_time() {
    let bench = Bench::new();
    for name in ["one", "two", "three"] {
        bench.script(name, [Does::Hangs]);
    }
    let outcome = bench.ask(&["a/one", "b/two", "c/three"]).await;
    assert_eq!(classes(&outcome), ["timeout"; 3]);
    let latencies = outcome.unwrap_err().attempts;
    let seconds: Vec<u64> = latencies.iter().map(|a| a.latency.as_secs()).collect();
    assert_eq!(seconds, [60, 30, 30]);
    assert_eq!(bench.elapsed().as_secs(), 120);
}

/// Trap 15: the wait for headers has its timer, and a silent model is not asked twice.
#[tokio::test(start_paused = true)]
async fn an_unknown_model_has_90_seconds_for_its_first_token() {
    let mut bench = Bench::new();
    bench.timeout = Duration::from_mins(10);
    bench.script("one", [Does::Hangs]);
    let outcome = bench.ask(&["a/one", "b/two"]).await;
    assert_eq!(bench.elapsed().as_secs(), 90);
    assert_eq!(bench.order(), ["one", "two"]);
    let attempts = outcome.unwrap().attempts;
    assert_eq!(attempts[0].message.as_deref(), Some("no first token within 90s"));
}

#[tokio::test(start_paused = true)]
async fn headers_alone_are_no_first_token() {
    let mut settings = settings();
    settings.failover.first_token_timeout = Some(5 * SECOND);
    let bench = Bench::with(settings);
    bench.script("one", [Does::Streams(Vec::new(), true)]);
    let outcome = bench.ask(&["a/one", "b/two"]).await;
    assert_eq!(classes(&outcome), ["timeout", "ok"]);
    assert_eq!(bench.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn keep_alives_and_reasoning_count_as_life() {
    let mut bench = Bench::new();
    bench.timeout = Duration::from_hours(1);
    let comment = ": processing\n\n".to_owned();
    let reasoning = "data: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning\":\"hm\"}}]}\n\n";
    let mut pieces = Vec::new();
    for _ in 0..5 {
        pieces.push((50 * SECOND, comment.clone()));
        pieces.push((50 * SECOND, reasoning.to_owned()));
    }
    pieces.push((SECOND, chunk("{\"ok\":true}")));
    pieces.push((SECOND, finish("stop")));
    bench.script("one", [Does::Streams(pieces, false)]);
    let outcome = bench.ask(&["a/one", "b/two"]).await;
    assert_eq!(by(&outcome).unwrap(), "a/one");
    assert_eq!(bench.elapsed().as_secs(), 502);
}

#[tokio::test(start_paused = true)]
async fn a_stalled_stream_ends_at_the_idle_timeout() {
    let mut bench = Bench::new();
    bench.timeout = Duration::from_mins(10);
    let pieces = vec![(SECOND, chunk("{\"ok\":"))];
    bench.script("one", [Does::Streams(pieces, true)]);
    let outcome = bench.ask(&["a/one", "b/two"]).await;
    assert_eq!(classes(&outcome), ["timeout", "ok"]);
    assert_eq!(bench.elapsed().as_secs(), 61);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_drips_for_ever_ends_with_its_share() {
    let bench = Bench::new();
    let pieces = vec![(SECOND, chunk(" ")); 1_000];
    bench.script("one", [Does::Streams(pieces, false)]);
    let outcome = bench.ask(&["a/one", "b/two"]).await;
    assert_eq!(classes(&outcome), ["timeout", "ok"]);
    assert_eq!(bench.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn a_missing_end_mark_ends_promptly_after_the_finish_reason() {
    let bench = Bench::new();
    let pieces = vec![(SECOND, chunk("{\"ok\":true}")), (SECOND, finish("stop"))];
    bench.script("one", [Does::Streams(pieces, true)]);
    let outcome = bench.ask(&["a/one"]).await;
    assert_eq!(classes(&outcome), ["ok"]);
    assert!(bench.elapsed() <= 5 * SECOND, "{:?}", bench.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_models_own_timeout_bounds_its_visit() {
    let facts = Facts { timeout: Some(7 * SECOND), ..Facts::default() };
    let bench = Bench::facts("a/one", facts);
    bench.script("one", [Does::Hangs]);
    let outcome = bench.ask(&["a/one", "b/two"]).await;
    assert_eq!(classes(&outcome), ["timeout", "ok"]);
    assert_eq!(bench.elapsed().as_secs(), 7);
}

#[tokio::test(start_paused = true)]
async fn the_callers_deadline_ends_the_chain_and_is_no_proof_against_a_model() {
    let mut bench = Bench::new();
    bench.deadline = Some(8 * SECOND);
    bench.script("one", [Does::Hangs]).script("two", [Does::Hangs]);
    let outcome = bench.ask(&["a/one", "b/two"]).await;
    assert_eq!(classes(&outcome), ["timeout"; 2]);
    assert_eq!(bench.elapsed().as_secs(), 8);
    assert_eq!(bench.state("a/one"), "CLOSED");
}

#[tokio::test(start_paused = true)]
async fn a_lone_model_has_the_whole_time() {
    let bench = Bench::new();
    let slow = vec![(80 * SECOND, chunk("{\"ok\":true}")), (30 * SECOND, finish("stop"))];
    bench.script("one", [Does::Streams(slow, false)]);
    assert_eq!(by(&bench.ask(&["a/one"]).await).unwrap(), "a/one");
}

#[tokio::test(start_paused = true)]
async fn cancelling_ends_at_once_and_is_held_against_nobody() {
    let bench = Bench::new();
    bench.script("one", [Does::Hangs]);
    let cancel = bench.cancel.clone();
    let later = async {
        tokio::time::sleep(3 * SECOND).await;
        cancel.cancel();
    };
    let (outcome, ()) = tokio::join!(bench.ask(&["a/one", "b/two"]), later);
    assert_eq!(bench.elapsed().as_secs(), 3);
    let unanswered = outcome.unwrap_err();
    assert_eq!(unanswered.reason, crate::Reason::Cancelled);
    assert_eq!(unanswered.attempts.len(), 1);
    assert_eq!(unanswered.attempts[0].class, Some(Class::Cancelled));
    assert_eq!(bench.state("a/one"), "CLOSED");
    assert!(bench.providers.spent().tokens.input > 0);
}
