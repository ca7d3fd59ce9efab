//! What follows each class of failure: once more, the next model, the next provider, or the end.

use std::sync::Arc;
use std::time::Duration;

use super::bench::{Bench, Does, by, classes, model, request, settings};
use crate::transport::Broken;
use crate::{Class, Event, Facts, OnRefusal, Reason, Validate};

const ALL: [&str; 3] = ["a/one", "b/two", "c/three"];

#[tokio::test(start_paused = true)]
async fn unavailable_is_tried_once_more_after_a_short_pause() {
    let bench = Bench::new();
    bench.script("one", [Does::Status(503, ""), Does::Answers]);
    let outcome = bench.ask(&ALL).await;
    assert_eq!(classes(&outcome), ["unavailable", "ok"]);
    assert_eq!(by(&outcome).unwrap(), "a/one");
    let pause = bench.elapsed().as_millis();
    assert!((50..=500).contains(&pause), "{pause}");
    assert_eq!(bench.state("a/one"), "CLOSED");
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_is_not_tried_again() {
    let bench = Bench::new();
    bench.script("one", [Does::Breaks(Broken::Refused)]);
    let outcome = bench.ask(&ALL).await;
    assert_eq!(classes(&outcome), ["unavailable", "ok"]);
    assert_eq!(by(&outcome).unwrap(), "b/two");
    assert_eq!(bench.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_takes_too_long_is_a_timeout_and_not_tried_again() {
    let bench = Bench::new();
    bench.script("one", [Does::Breaks(Broken::ConnectTimeout)]);
    assert_eq!(classes(&bench.ask(&ALL).await), ["timeout", "ok"]);
    assert_eq!(bench.order(), ["one", "two"]);
}

#[tokio::test(start_paused = true)]
async fn a_short_retry_after_is_waited_out_once() {
    let bench = Bench::new();
    bench.script("one", [Does::Limited(2), Does::Answers]);
    let outcome = bench.ask(&ALL).await;
    assert_eq!(by(&outcome).unwrap(), "a/one");
    assert_eq!(bench.elapsed().as_secs(), 2);
    bench.script("one", [Does::Limited(2)]);
    let outcome = bench.ask(&ALL).await;
    assert_eq!(classes(&outcome), ["rate_limited", "rate_limited", "ok"]);
    assert_eq!(by(&outcome).unwrap(), "b/two");
    assert_eq!(bench.elapsed().as_secs(), 4);
}

/// Trap 17: no sleep while another model stands ready.
#[tokio::test(start_paused = true)]
async fn a_long_retry_after_rests_the_model_and_the_next_is_asked_at_once() {
    let bench = Bench::new();
    bench.script("one", [Does::Limited(40), Does::Answers]);
    assert_eq!(by(&bench.ask(&ALL).await).unwrap(), "b/two");
    assert_eq!(bench.elapsed(), Duration::ZERO);
    let health = bench.providers.health(&model("a/one"));
    assert_eq!(health.resting, Some(Duration::from_secs(40)));
    assert_eq!(health.status.to_string(), "CLOSED");
    // Trap 18: its sister with the same key is not resting.
    assert_eq!(bench.providers.health(&model("a/sister")).resting, None);
    assert_eq!(by(&bench.ask(&ALL).await).unwrap(), "b/two");
    tokio::time::sleep(Duration::from_secs(40)).await;
    assert_eq!(by(&bench.ask(&ALL).await).unwrap(), "a/one");
}

#[tokio::test(start_paused = true)]
async fn quota_and_auth_rest_every_model_of_the_credential_and_no_other() {
    for (status, class, rest) in
        [(402, Class::QuotaExhausted, 15 * 60), (401, Class::Auth, 365 * 86_400)]
    {
        let bench = Bench::new();
        bench.script("one", [Does::Status(status, "")]);
        let outcome = bench.ask(&["a/one", "a/sister", "b/two"]).await;
        assert_eq!(classes(&outcome), [class.as_str(), "ok"]);
        assert_eq!(bench.order(), ["one", "two"]);
        let resting = bench.providers.health(&model("a/sister")).resting;
        assert_eq!(resting, Some(Duration::from_secs(rest)));
        assert_eq!(bench.providers.health(&model("b/two")).resting, None);
        assert_eq!(bench.state("a/one"), "CLOSED");
        let rests = |event: &Event| matches!(event, Event::ModelResting { class: told, .. } if *told == class);
        assert!(bench.seen.all().iter().any(rests));
    }
}

#[tokio::test(start_paused = true)]
async fn after_an_overflow_only_a_larger_window_is_asked() {
    let mut settings = settings();
    for (name, window) in [("a/one", 30_000), ("b/two", 20_000), ("c/three", 90_000)] {
        let facts = Facts { context_window: Some(window), ..Facts::default() };
        settings.models.insert(model(name), facts);
    }
    let bench = Bench::with(settings);
    bench.script("one", [Does::Status(400, r#"{"error": {"code": "context_length_exceeded"}}"#)]);
    let outcome = bench.ask(&ALL).await;
    assert_eq!(classes(&outcome), ["context_overflow", "ok"]);
    assert_eq!(bench.order(), ["one", "three"]);
}

#[tokio::test(start_paused = true)]
async fn a_prompt_that_does_not_fit_passes_the_model_over_unasked() {
    let facts = Facts { context_window: Some(10), ..Facts::default() };
    let bench = Bench::facts("a/one", facts);
    let outcome = bench.ask(&ALL).await;
    assert_eq!(classes(&outcome), ["context_overflow", "ok"]);
    assert_eq!(bench.order(), ["two"]);
    assert_eq!(bench.seen.names(), ["AttemptFailed", "AttemptStarted", "AttemptSucceeded"]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_goes_to_the_next_or_ends_as_the_settings_say() {
    const REFUSAL: &str = r#"{"error": {"message": "not allowed", "code": "content_filter"}}"#;
    for (on_refusal, answered) in [(OnRefusal::Next, true), (OnRefusal::Stop, false)] {
        let mut settings = settings();
        settings.failover.on_refusal = on_refusal;
        let bench = Bench::with(settings);
        bench.script("one", [Does::Status(400, REFUSAL)]);
        let outcome = bench.ask(&ALL).await;
        assert_eq!(outcome.is_ok(), answered);
        if let Err(unanswered) = outcome {
            let message = "status 400: not allowed".to_owned();
            assert_eq!(unanswered.reason, Reason::Refused { message });
        }
        assert_eq!(bench.state("a/one"), "CLOSED");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_answer_is_repaired_once_with_what_was_wrong() {
    let bench = Bench::new();
    bench.script("one", [Does::Says("{\"ok\": 3}"), Does::Answers]);
    let outcome = bench.ask(&ALL).await;
    assert_eq!(classes(&outcome), ["invalid_output", "ok"]);
    assert_eq!(by(&outcome).unwrap(), "a/one");
    let asked = &bench.asked()[1]["messages"];
    assert_eq!(asked[1]["role"], "assistant");
    assert_eq!(asked[1]["content"], "{\"ok\": 3}");
    let said = asked[2]["content"].as_str().unwrap();
    assert!(said.contains("is not of type \"boolean\""), "{said}");
}

#[tokio::test(start_paused = true)]
async fn the_requests_own_check_is_shown_to_the_model_too() {
    let bench = Bench::new();
    bench.script("one", [Does::Answers, Does::Says("{\"ok\": false}")]);
    let mut request = request();
    let validate: Validate = Arc::new(|value| match value["ok"].as_bool() {
        Some(false) => Ok(()),
        _ => Err("`ok` must be false today".to_owned()),
    });
    request.validate = Some(validate);
    let outcome = bench.ask_for(&request, &ALL).await;
    assert_eq!(classes(&outcome), ["invalid_output", "ok"]);
    let said = bench.asked()[1]["messages"][2]["content"].to_string();
    assert!(said.contains("`ok` must be false today"), "{said}");
}

/// Trap 21: the next model begins afresh.
#[tokio::test(start_paused = true)]
async fn nothing_of_a_failed_answer_is_shown_to_the_next_model() {
    let bench = Bench::new();
    bench.script("one", [Does::Says("no")]);
    let outcome = bench.ask(&ALL).await;
    assert_eq!(classes(&outcome), ["invalid_output", "invalid_output", "ok"]);
    assert_eq!(bench.asked()[2]["messages"].as_array().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_invalid_request_goes_to_the_next_provider() {
    let bench = Bench::new();
    bench.script("one", [Does::Status(422, "no such field")]);
    let outcome = bench.ask(&["a/one", "a/sister", "b/two"]).await;
    assert_eq!(classes(&outcome), ["invalid_request", "ok"]);
    assert_eq!(bench.order(), ["one", "two"]);
    assert_eq!(bench.state("a/one"), "CLOSED");
}

#[tokio::test(start_paused = true)]
async fn the_same_invalid_request_twice_ends_the_chain() {
    let bench = Bench::new();
    for name in ["one", "two"] {
        bench.script(name, [Does::Status(422, "no such field")]);
    }
    let outcome = bench.ask(&ALL).await;
    assert_eq!(classes(&outcome), ["invalid_request"; 2]);
    assert_eq!(bench.order(), ["one", "two"]);
}

#[tokio::test(start_paused = true)]
async fn a_model_that_is_not_there_does_not_rule_out_its_sister() {
    let bench = Bench::new();
    let body = r#"{"error": {"message": "gone", "code": "model_not_found"}}"#;
    bench.script("one", [Does::Status(404, body)]);
    let outcome = bench.ask(&["a/one", "a/sister"]).await;
    assert_eq!(by(&outcome).unwrap(), "a/sister");
}

#[tokio::test(start_paused = true)]
async fn a_refused_parameter_is_left_out_and_that_is_remembered() {
    let bench = Bench::new();
    let format = r#"{"error": {"message": "no", "param": "response_format"}}"#;
    let options = r#"{"detail": [{"loc": ["body", "stream_options"], "msg": "Extra"}]}"#;
    bench.script(
        "one",
        [
            Does::Status(400, format),
            Does::Status(422, options),
            Does::Says("```json\n{\"ok\": true}\n```"),
        ],
    );
    let outcome = bench.ask(&ALL).await;
    assert_eq!(classes(&outcome), ["ok"]);
    let asked = bench.asked();
    assert!(asked[0].get("response_format").is_some());
    assert!(asked[1].get("response_format").is_none());
    assert!(asked[1].get("stream_options").is_some());
    assert!(asked[2].get("stream_options").is_none());
    let system = asked[2]["messages"][0]["content"].as_str().unwrap();
    assert!(system.contains("\"additionalProperties\""), "{system}");
    assert_eq!(by(&bench.ask(&ALL).await).unwrap(), "a/one");
    assert_eq!(bench.asked().len(), 4);
}
