//! What is learned stays: timers within a process, breakers and rests beyond it.

use std::time::Duration;

use super::bench::{Bench, Does, by, chunk, finish, model, settings};
use crate::{Memory, Secret};

const SECOND: Duration = Duration::from_secs(1);

fn slow(seconds: u32) -> Does {
    let pieces = vec![
        (SECOND * seconds, chunk("{\"ok\":true}")),
        (Duration::ZERO, finish("stop")),
        (Duration::ZERO, "data: [DONE]\n\n".to_owned()),
    ];
    Does::Streams(pieces, false)
}

/// What the next process has of this one, through the disk.
fn carried(bench: &Bench) -> Memory {
    let text = serde_json::to_string(&bench.providers.memory()).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_first_token_timer_follows_what_the_model_has_shown() {
    let bench = Bench::new();
    bench.script("one", [slow(5)]);
    for _ in 0..5 {
        bench.ask(&["a/one", "b/two"]).await.unwrap();
    }
    bench.script("one", [Does::Hangs]);
    let before = bench.elapsed();
    bench.ask(&["a/one", "b/two"]).await.unwrap();
    assert_eq!((bench.elapsed() - before).as_secs(), 15);
    let next = Bench::new();
    next.providers.restore(&carried(&bench));
    next.script("one", [Does::Hangs]);
    next.ask(&["a/one", "b/two"]).await.unwrap();
    // The silence made the samples doubtful, so the long timer is back, within half of the time.
    assert_eq!(next.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_and_a_limits_rest_outlive_the_process() {
    let bench = Bench::new();
    bench.script("one", [Does::Status(503, "")]);
    bench.script("two", [Does::Limited(3_600)]);
    bench.script("three", [Does::Status(401, "")]);
    for _ in 0..5 {
        bench.ask(&["a/one", "b/two", "c/three"]).await.unwrap_err();
    }
    assert_eq!(bench.state("a/one"), "OPEN");
    let next = Bench::new();
    next.providers.restore(&carried(&bench));
    assert_eq!(next.state("a/one"), "OPEN");
    let resting = next.providers.health(&model("b/two")).resting.unwrap();
    assert!(resting > Duration::from_secs(3_500), "{resting:?}");
    // The refused key may have been mended since.
    assert_eq!(next.providers.health(&model("c/three")).resting, None);
    assert_eq!(by(&next.ask(&["a/one", "b/two", "c/three"]).await).unwrap(), "c/three");
}

/// Trap 52: a changed credential clears what was held against the old one.
#[tokio::test(start_paused = true)]
async fn a_changed_key_clears_breaker_and_rest() {
    let bench = Bench::new();
    bench.script("one", [Does::Status(402, "")]);
    bench.ask(&["a/one"]).await.unwrap_err();
    let breaker = bench.providers.breakers.breaker(&bench.providers.model_key(&model("a/one")));
    breaker.force_open();
    let mut settings = settings();
    let endpoint = settings.endpoints.get_mut("a").unwrap();
    endpoint.api_key = Some(Secret::new("sk-a-new-one".to_owned()));
    let next = Bench::with(settings);
    next.providers.restore(&carried(&bench));
    assert_eq!(by(&next.ask(&["a/one"]).await).unwrap(), "a/one");
}

#[tokio::test(start_paused = true)]
async fn a_damaged_memory_is_used_as_far_as_it_can_be_read() {
    let bench = Bench::new();
    bench.script("one", [Does::Limited(3_600)]);
    bench.ask(&["a/one"]).await.unwrap_err();
    let mut value = serde_json::to_value(bench.providers.memory()).unwrap();
    value["breakers"] = serde_json::json!({"breakers": [1, ["x", {}], ["a/one#none", 5]]});
    value["first_token"] = "rubbish".into();
    let next = Bench::new();
    next.providers.restore(&serde_json::from_value(value).unwrap());
    assert!(next.providers.health(&model("a/one")).resting.is_some());
    assert_eq!(next.state("a/one"), "CLOSED");
}
