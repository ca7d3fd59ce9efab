//! Two models side by side: who wins, who pays, and what the loser costs.

use std::time::Duration;

use super::bench::{Bench, Does, by, chunk, classes, finish, model, settings};
use crate::{Class, Facts, Settings};

const ALL: [&str; 3] = ["a/one", "b/two", "c/three"];
const SECOND: Duration = Duration::from_secs(1);

fn hedging() -> Settings {
    let mut settings = settings();
    settings.failover.hedge_after = Some(5 * SECOND);
    settings
}

fn slow(seconds: u32) -> Does {
    let pieces = vec![
        (SECOND * seconds, chunk("{\"ok\":true}")),
        (Duration::ZERO, finish("stop")),
        (Duration::ZERO, "data: [DONE]\n\n".to_owned()),
    ];
    Does::Streams(pieces, false)
}

#[tokio::test(start_paused = true)]
async fn a_slow_primary_is_overtaken_and_not_held_against() {
    let bench = Bench::with(hedging());
    bench.script("one", [Does::Hangs]);
    let outcome = bench.ask(&ALL).await;
    assert_eq!(by(&outcome).unwrap(), "b/two");
    assert_eq!(bench.elapsed().as_secs(), 5);
    assert_eq!(classes(&outcome), ["cancelled", "ok"]);
    assert_eq!(bench.state("a/one"), "CLOSED");
    let lost = outcome.unwrap().attempts[0].message.clone();
    assert_eq!(lost.as_deref(), Some("given up: another model answered first"));
    let names = bench.seen.names();
    let expected =
        ["AttemptStarted", "FallbackUsed", "AttemptStarted", "AttemptSucceeded", "AttemptFailed"];
    assert_eq!(names, expected);
}

#[tokio::test(start_paused = true)]
async fn a_primary_that_answers_in_time_is_alone() {
    let bench = Bench::with(hedging());
    bench.script("one", [slow(4)]);
    assert_eq!(classes(&bench.ask(&ALL).await), ["ok"]);
    assert_eq!(bench.order(), ["one"]);
}

#[tokio::test(start_paused = true)]
async fn the_slow_one_wins_if_it_is_done_first() {
    let bench = Bench::with(hedging());
    bench.script("one", [slow(7)]).script("two", [slow(30)]);
    let outcome = bench.ask(&ALL).await;
    assert_eq!(by(&outcome).unwrap(), "a/one");
    assert_eq!(
        (bench.elapsed().as_secs(), classes(&outcome)),
        (7, vec!["ok".into(), "cancelled".into()])
    );
    assert_eq!(bench.state("b/two"), "CLOSED");
}

/// Not the first answer, but the first valid one.
#[tokio::test(start_paused = true)]
async fn an_invalid_answer_does_not_win() {
    let bench = Bench::with(hedging());
    bench.script("one", [slow(20)]).script("two", [Does::Says("{\"ok\": 3}")]);
    let outcome = bench.ask(&ALL).await;
    assert_eq!(by(&outcome).unwrap(), "a/one");
    assert_eq!(classes(&outcome), ["ok", "invalid_output", "invalid_output"]);
    assert_eq!(bench.state("b/two"), "MONITORING (1/5)");
}

#[tokio::test(start_paused = true)]
async fn if_the_slow_one_fails_the_other_goes_on_and_nobody_else_is_asked() {
    let bench = Bench::with(hedging());
    let cut = Does::Streams(vec![(8 * SECOND, chunk("{"))], false);
    bench.script("one", [cut, Does::Status(404, "")]).script("two", [slow(20)]);
    let outcome = bench.ask(&ALL).await;
    assert_eq!(by(&outcome).unwrap(), "b/two");
    assert_eq!(bench.elapsed().as_secs(), 25);
    assert!(!bench.order().contains(&"three".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn there_are_never_more_than_two() {
    let bench = Bench::with(hedging());
    bench.script("one", [Does::Hangs]).script("two", [Does::Hangs]);
    let outcome = bench.ask(&ALL).await;
    assert_eq!(by(&outcome).unwrap(), "c/three");
    let attempts = outcome.unwrap().attempts;
    let classes: Vec<Option<Class>> = attempts.iter().map(|a| a.class).collect();
    assert_eq!(classes, [Some(Class::Timeout), Some(Class::Timeout), None]);
    // The third was asked when both had used up their shares, of 60 and of 57.5 seconds.
    assert!(bench.elapsed().as_secs() >= 60, "{:?}", bench.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_second_model_counts_among_those_that_may_be_visited() {
    let mut settings = hedging();
    settings.failover.max_models = 1;
    let bench = Bench::with(settings);
    bench.script("one", [slow(20)]);
    assert_eq!(by(&bench.ask(&ALL).await).unwrap(), "a/one");
    assert_eq!(bench.order(), ["one"]);
}

#[tokio::test(start_paused = true)]
async fn models_that_rest_or_are_held_off_are_no_second() {
    let bench = Bench::with(hedging());
    bench.script("two", [Does::Limited(300)]);
    bench.ask(&ALL[1..2]).await.unwrap_err();
    bench.script("one", [slow(20)]);
    assert_eq!(by(&bench.ask(&ALL).await).unwrap(), "c/three");
}

/// Paid for by the same budget; one that cannot be paid for is not made and ends nothing.
#[tokio::test(start_paused = true)]
async fn a_second_that_cannot_be_paid_for_is_not_asked() {
    let mut settings = hedging();
    settings.budget.max_tokens = Some(150);
    for name in ALL {
        let facts = Facts { max_output_tokens: Some(10), ..Facts::default() };
        settings.models.insert(model(name), facts);
    }
    let bench = Bench::with(settings);
    bench.script("one", [slow(20)]);
    let outcome = bench.ask(&ALL).await;
    assert_eq!((by(&outcome).unwrap(), classes(&outcome)), ("a/one".into(), vec!["ok".into()]));
    assert_eq!(bench.order(), ["one"]);
    let names = bench.seen.names();
    assert!(!names.contains(&"BudgetExhausted".to_owned()), "{names:?}");
}

#[tokio::test(start_paused = true)]
async fn what_the_loser_used_is_booked() {
    let bench = Bench::with(hedging());
    bench.script("one", [Does::Hangs]);
    bench.ask(&ALL).await.unwrap();
    let input = bench.providers.spent().tokens.input;
    // The winner's own 7, and the prompt that the loser took in.
    assert!(input > 7, "{input}");
}
