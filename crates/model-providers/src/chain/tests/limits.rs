//! Limits that are kept beforehand, as a chain's callers meet them.

use std::time::Duration;

use futures::future::join_all;

use super::bench::{Bench, Does, by, chunk, classes, finish, settings};
use crate::{Limits, Settings};

const TWO: [&str; 2] = ["a/one", "b/two"];

fn limited(limits: Limits) -> Settings {
    let mut settings = settings();
    settings.endpoints.get_mut("a").unwrap().limits = limits;
    settings
}

fn three_seconds() -> Does {
    let pieces = vec![
        (Duration::from_secs(3), chunk("{\"ok\":true}")),
        (Duration::ZERO, finish("stop")),
        (Duration::ZERO, "data: [DONE]\n\n".to_owned()),
    ];
    Does::Streams(pieces, false)
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_one_at_a_time_gets_one_at_a_time() {
    let bench = Bench::with(limited(Limits { concurrency: Some(1), ..Limits::default() }));
    bench.script("one", [three_seconds()]);
    let asking = (0..4).map(|_| bench.ask(&TWO[..1]));
    let outcomes = join_all(asking).await;
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(bench.elapsed().as_secs(), 12);
}

/// As with a `Retry-After`: a short wait is waited out, a long one is not slept through.
#[tokio::test(start_paused = true)]
async fn where_another_model_is_ready_a_long_queue_is_passed_by() {
    let bench = Bench::with(limited(Limits { concurrency: Some(1), ..Limits::default() }));
    bench.script("one", [three_seconds()]);
    let outcomes = join_all((0..3).map(|_| bench.ask(&TWO))).await;
    let models: Vec<_> = outcomes.iter().map(|outcome| by(outcome).unwrap()).collect();
    assert_eq!(models, ["a/one", "a/one", "b/two"]);
    assert!(outcomes.iter().all(|outcome| classes(outcome) == ["ok"]), "nothing was an attempt");
    assert!(bench.elapsed().as_secs() <= 6);
}

#[tokio::test(start_paused = true)]
async fn a_lone_model_is_waited_for_a_minute_and_a_second_one_is_not() {
    let rates = Limits { requests_per_minute: Some(1), ..Limits::default() };
    let bench = Bench::with(limited(rates));
    bench.ask(&TWO[..1]).await.unwrap();
    assert_eq!(by(&bench.ask(&TWO).await).unwrap(), "b/two");
    assert_eq!(bench.elapsed(), Duration::ZERO);
    assert_eq!(by(&bench.ask(&TWO[..1]).await).unwrap(), "a/one");
    assert_eq!(bench.elapsed().as_secs(), 60);
}

/// What the headers of an answer say costs no 429.
#[tokio::test(start_paused = true)]
async fn a_limit_that_the_server_tells_of_is_not_met() {
    let bench = Bench::new();
    let told = vec![("x-ratelimit-remaining-requests", "1"), ("x-ratelimit-reset-requests", "40s")];
    bench.script("one", [Does::Tells(told), Does::Answers]);
    let mut models = Vec::new();
    for _ in 0..3 {
        let outcome = bench.ask(&TWO).await;
        assert_eq!(classes(&outcome), ["ok"]);
        models.push(by(&outcome).unwrap());
    }
    assert_eq!(models, ["a/one", "a/one", "b/two"]);
    tokio::time::sleep(Duration::from_secs(40)).await;
    assert_eq!(by(&bench.ask(&TWO).await).unwrap(), "a/one");
}
