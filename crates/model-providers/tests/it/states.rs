//! What is learned of models over many requests, over a real socket: down and up again, all open,
//! poisoned requests, budgets that end in the middle.

use std::sync::Arc;
use std::time::Duration;

use model_providers::{Memory, ModelId, Providers, Reason, Settings};
use serde_json::json;
use simulated_models::{Fault, ModelScript, Script, Server};
use tokio_util::sync::CancellationToken;

use crate::bench::{BOTH, ask, attempts, by, classes, request, two};

async fn serving(primary: Fault) -> Server {
    let script = Script::with_model("primary", ModelScript::failing(primary));
    Server::start(script).await.unwrap()
}

fn of(server: &Server) -> Settings {
    two(&server.base_url(), &server.base_url())
}

fn quick(server: &Server, reset_timeout: Duration) -> Settings {
    let mut settings = of(server);
    settings.breaker.failure_threshold = 2;
    settings.breaker.reset_timeout = reset_timeout;
    settings.breaker.max_reset_timeout = reset_timeout;
    settings
}

fn calls(server: &Server, model: &str) -> usize {
    server.requests().iter().filter(|request| request.model == model).count()
}

fn state(providers: &Providers, model: &str) -> String {
    providers.health(&model.parse().unwrap()).status.to_string()
}

/// Served throughout; one call to the dead model a reset period; back within one probe.
#[tokio::test]
async fn a_primary_that_is_down_for_a_while_costs_one_call_a_period_and_is_back_at_once() {
    // More than twice the longest pause before a second try.
    let period = Duration::from_millis(1_250);
    let server = serving(Fault::status(503)).await;
    let providers = Providers::new(quick(&server, period)).unwrap();
    for _ in 0..2 {
        assert_eq!(by(&ask(&providers, &BOTH).await), "b/second");
    }
    assert_eq!(state(&providers, "a/primary"), "OPEN");
    let before = calls(&server, "primary");
    let mut asked = 0;
    // A server keeps the newest few thousand requests only.
    let mut paced = tokio::time::interval(Duration::from_millis(5));
    // Until two probes failed.
    while calls(&server, "primary") < before + 2 {
        paced.tick().await;
        assert_eq!(by(&ask(&providers, &BOTH).await), "b/second");
        asked += 1;
    }
    assert!(asked > 2, "{asked} requests were served meanwhile");
    let requests = server.requests();
    let to_the_dead = requests.iter().filter(|request| request.model == "primary");
    let stamps: Vec<Duration> = to_the_dead.map(|request| request.received).collect();
    for pair in stamps[before - 1..].windows(2) {
        // A period is shortened by up to a fifth.
        assert!(pair[1] - pair[0] >= period * 4 / 5, "one call a period: {stamps:?}");
    }
    server.set_script(Script::default());
    let back = calls(&server, "primary");
    while by(&ask(&providers, &BOTH).await) != "a/primary" {
        paced.tick().await;
    }
    assert_eq!(calls(&server, "primary"), back + 1, "one probe and it is back");
    assert_eq!(state(&providers, "a/primary"), "CLOSED");
    server.stop().await;
}

#[tokio::test]
async fn with_all_open_the_answer_is_degraded_at_once_and_nobody_is_called() {
    let server = Server::start(Script::all_failing(Fault::status(503))).await.unwrap();
    let mut settings = quick(&server, Duration::from_secs(600));
    settings.failover.max_wait = Duration::from_secs(5);
    let providers = Providers::new(settings).unwrap();
    for _ in 0..2 {
        ask(&providers, &BOTH).await.unwrap_err();
    }
    let before = server.request_count();
    let models: Vec<ModelId> = BOTH.iter().map(|name| name.parse().unwrap()).collect();
    let chain = providers.chain(&models, Duration::from_mins(1)).unwrap();
    let mut request = request();
    request.stand_in = Some(Arc::new(|_| json!({"understanding": "nobody was there"})));
    let answer = chain.ask(&request, None, &CancellationToken::new(), &()).await.unwrap();
    assert!(answer.degraded && answer.attempts.is_empty());
    assert_eq!(server.request_count(), before);
    assert_eq!(providers.counts().degradations, 1);
    assert_eq!(providers.counts().openings, 2);
    server.stop().await;
}

/// What one process knows goes through the disk; the test of the binary kills it for that.
#[tokio::test]
async fn an_open_breaker_is_open_after_the_process() {
    let server = serving(Fault::status(503)).await;
    let settings = quick(&server, Duration::from_secs(600));
    let providers = Providers::new(settings.clone()).unwrap();
    for _ in 0..2 {
        ask(&providers, &BOTH).await.unwrap();
    }
    let saved = serde_json::to_string(&providers.memory()).unwrap();
    let next = Providers::new(settings).unwrap();
    next.restore(&serde_json::from_str::<Memory>(&saved).unwrap());
    let before = calls(&server, "primary");
    assert_eq!(by(&ask(&next, &BOTH).await), "b/second");
    assert_eq!((calls(&server, "primary"), state(&next, "a/primary")), (before, "OPEN".to_owned()));
    server.stop().await;
}

/// Stamps far ahead, as by a clock that was wrong, hold nobody off for longer than a week and a day.
#[tokio::test]
async fn a_clock_that_jumped_holds_no_model_off_for_ever() {
    let server = serving(Fault::rate_limited("600")).await;
    let providers = Providers::new(of(&server)).unwrap();
    ask(&providers, &BOTH).await.unwrap();
    let saved = serde_json::to_value(providers.memory()).unwrap();
    for (until_at, rests) in [(u64::MAX, true), (0, false)] {
        let mut jumped = saved.clone();
        jumped["rests"][0]["until_at"] = until_at.into();
        let next = Providers::new(of(&server)).unwrap();
        next.restore(&serde_json::from_value::<Memory>(jumped).unwrap());
        let resting = next.health(&"a/primary".parse().unwrap()).resting;
        assert_eq!(resting.is_some(), rests, "{resting:?}");
        assert!(resting.unwrap_or_default() <= Duration::from_hours(8 * 24));
    }
    server.stop().await;
}

#[tokio::test]
async fn bad_json_is_repaired_once_and_then_left() {
    for fault in [Fault::NotJson, Fault::WrongSchema, Fault::Empty, Fault::CutOff] {
        let server = serving(fault.clone()).await;
        let mut settings = of(&server);
        settings.failover.repair_attempts = 1;
        let providers = Providers::new(settings).unwrap();
        let outcome = ask(&providers, &BOTH).await;
        assert_eq!(classes(&outcome), ["invalid_output", "invalid_output", "ok"], "{fault:?}");
        let repair = server.requests()[1].body["messages"].to_string();
        assert!(repair.contains("That answer cannot be used"), "{repair}");
        server.stop().await;
    }
}

#[tokio::test]
async fn a_refused_connection_costs_one_call_and_no_pause() {
    let server = Server::start(Script::default()).await.unwrap();
    let refusing = server.refusing_url().unwrap();
    let providers = Providers::new(two(&refusing, &server.base_url())).unwrap();
    let outcome = ask(&providers, &BOTH).await;
    assert_eq!(classes(&outcome), ["unavailable", "ok"]);
    let message = attempts(&outcome)[0].message.as_deref();
    assert_eq!(message, Some("the connection was refused"));
    server.stop().await;
}

/// Trap 1: a probe that is given up frees its place.
#[tokio::test]
async fn a_cancelled_probe_leaves_the_next_one_its_place() {
    let server = serving(Fault::status(503)).await;
    let providers = Providers::new(quick(&server, Duration::from_millis(100))).unwrap();
    for _ in 0..2 {
        ask(&providers, &BOTH).await.unwrap();
    }
    let hanging = Fault::SlowHeaders { delay: Duration::from_secs(3_600) };
    server.set_script(Script::with_model("primary", ModelScript::failing(hanging)));
    let (before, models) = (server.request_count(), BOTH.map(|name| name.parse().unwrap()));
    let chain = providers.chain(&models[..1], Duration::from_mins(1)).unwrap();
    let (request, cancel) = (request(), CancellationToken::new());
    let probe = async {
        // Until the breaker lets the probe through.
        while server.request_count() == before {
            let asked = chain.ask(&request, None, &cancel, &()).await;
            if asked.is_err_and(|unanswered| unanswered.reason == Reason::Cancelled) {
                return;
            }
        }
    };
    let giving_up = async {
        while server.request_count() == before {
            tokio::task::yield_now().await;
        }
        assert_eq!(state(&providers, "a/primary"), "HALF-OPEN");
        cancel.cancel();
    };
    tokio::join!(probe, giving_up);
    server.set_script(Script::default());
    while by(&ask(&providers, &BOTH).await) != "a/primary" {}
    assert_eq!(state(&providers, "a/primary"), "CLOSED");
    server.stop().await;
}

/// Trap 19: what fails alike on two models is the request's fault.
#[tokio::test]
async fn a_poisoned_request_is_held_against_nobody() {
    let server = Server::start(Script::all_failing(Fault::WrongSchema)).await.unwrap();
    let providers = Providers::new(quick(&server, Duration::from_secs(600))).unwrap();
    for _ in 0..4 {
        ask(&providers, &BOTH).await.unwrap_err();
    }
    for model in BOTH {
        assert_eq!(state(&providers, model), "CLOSED");
    }
    server.stop().await;
}

/// Trap 22: it ends in degradation, never in retries.
#[tokio::test]
async fn a_budget_that_is_out_in_mid_chain_ends_it() {
    let server = serving(Fault::NoFinishReason).await;
    let mut settings = of(&server);
    settings.budget.max_tokens = Some(200);
    for model in BOTH {
        let facts = model_providers::Facts { max_output_tokens: Some(60), ..Default::default() };
        settings.models.insert(model.parse().unwrap(), facts);
    }
    let providers = Providers::new(settings).unwrap();
    let unanswered = ask(&providers, &BOTH).await.unwrap_err();
    assert_eq!(unanswered.reason, Reason::BudgetExhausted);
    assert_eq!(classes(&Err(unanswered)), ["unavailable"; 2], "the fallback was not paid for");
    for _ in 0..5 {
        ask(&providers, &BOTH).await.unwrap_err();
    }
    assert_eq!(server.request_count(), 2, "a denied call is not tried again");
    assert_eq!(state(&providers, "b/second"), "CLOSED");
    server.stop().await;
}

#[tokio::test]
async fn without_a_fallback_the_true_cause_is_told() {
    let server = serving(Fault::status(503)).await;
    let providers = Providers::new(of(&server)).unwrap();
    let unanswered = ask(&providers, &BOTH[..1]).await.unwrap_err();
    assert_eq!(server.request_count(), 2);
    let told = unanswered.to_string();
    assert!(
        told.starts_with("no model answered; first a/primary: unavailable: status 503"),
        "{told}"
    );
    server.stop().await;
}
