//! The sixteen failures that gateways are compared by, one test each, over a real socket. The table
//! in docs/failures.md names them in the words of the comparison.

use std::time::Duration;

use model_providers::{Providers, Settings};
use serde_json::json;
use simulated_models::{Answers, Fault, ModelScript, Script, Server, Step};
use tokio::time::timeout;

use crate::bench::{BOTH, ask, attempts, by, classes, two};

/// Far beyond every limit that is set here.
const NEVER: Duration = Duration::from_secs(3_600);
const SHORT: Duration = Duration::from_millis(300);
const SOON: Duration = Duration::from_secs(20);

async fn serving(primary: ModelScript) -> Server {
    // Sixty pieces and a few.
    let text = "word ".repeat(40 * 61 / 5);
    let analysis = json!({ "understanding": text });
    let answers = Answers { analysis, ..Answers::default() };
    Server::start(Script::with_model("primary", primary).with_answers(answers)).await.unwrap()
}

async fn failing(fault: Fault) -> Server {
    serving(ModelScript::failing(fault)).await
}

fn of(server: &Server) -> Settings {
    two(&server.base_url(), &server.base_url())
}

/// Which models were sent a request, in order.
fn order(server: &Server) -> Vec<String> {
    server.requests().into_iter().map(|request| request.model).collect()
}

#[tokio::test]
async fn a_429_with_retry_after_2_is_waited_out_on_the_same_model() {
    let limited = ModelScript::steps([Step::calls(1..=1, Fault::rate_limited("2"))]);
    let server = serving(limited).await;
    let providers = Providers::new(of(&server)).unwrap();
    let outcome = ask(&providers, &BOTH).await;
    assert_eq!(
        (by(&outcome), classes(&outcome)),
        ("a/primary".into(), vec!["rate_limited".into(), "ok".into()])
    );
    let requests = server.requests();
    let waited = requests[1].received - requests[0].received;
    assert!(waited >= Duration::from_secs(2), "{waited:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_429_for_ever_without_retry_after_costs_one_call_and_no_wait() {
    let server = failing(Fault::status(429)).await;
    let providers = Providers::new(of(&server)).unwrap();
    for _ in 0..2 {
        let outcome = ask(&providers, &BOTH).await;
        assert_eq!(by(&outcome), "b/second");
    }
    assert_eq!(order(&server), ["primary", "second", "second"]);
    let health = providers.health(&"a/primary".parse().unwrap());
    assert!(health.resting.is_some() && health.status.to_string() == "CLOSED");
    server.stop().await;
}

#[tokio::test]
async fn a_500_once_is_tried_again_on_the_same_model() {
    let server = serving(ModelScript::steps([Step::calls(1..=1, Fault::status(500))])).await;
    let providers = Providers::new(of(&server)).unwrap();
    let outcome = ask(&providers, &BOTH).await;
    assert_eq!(
        (by(&outcome), classes(&outcome)),
        ("a/primary".into(), vec!["unavailable".into(), "ok".into()])
    );
    server.stop().await;
}

/// Twice on the primary, then the fallback, and nothing of the failed answer travels with it.
async fn is_left_after_two_tries(fault: Fault) {
    let server = failing(fault.clone()).await;
    let providers = Providers::new(of(&server)).unwrap();
    let outcome = ask(&providers, &BOTH).await;
    assert_eq!(classes(&outcome), ["unavailable", "unavailable", "ok"], "{fault:?}");
    assert_eq!(order(&server), ["primary", "primary", "second"], "{fault:?}");
    let requests = server.requests();
    let messages = |at: usize| requests[at].body["messages"].clone();
    assert_eq!(messages(0), messages(2), "the next model starts afresh");
    server.stop().await;
}

#[tokio::test]
async fn a_503_for_ever_goes_to_the_fallback() {
    is_left_after_two_tries(Fault::status(503)).await;
}

#[tokio::test]
async fn a_reset_before_headers_goes_to_the_fallback() {
    is_left_after_two_tries(Fault::ResetBeforeHeaders).await;
}

#[tokio::test]
async fn a_stream_cut_after_40_of_60_tokens_is_never_a_success() {
    is_left_after_two_tries(Fault::Cut { after_chunks: 40 }).await;
}

/// The primary is asked once, its silence has an end, and the fallback answers.
async fn is_silent(fault: Fault) {
    let server = failing(fault.clone()).await;
    let mut settings = of(&server);
    settings.failover.first_token_timeout = Some(SHORT);
    settings.failover.idle_timeout = SHORT;
    let providers = Providers::new(settings).unwrap();
    let outcome = timeout(SOON, ask(&providers, &BOTH)).await.unwrap();
    assert_eq!(classes(&outcome), ["timeout", "ok"], "{fault:?}");
    assert_eq!(order(&server), ["primary", "second"], "{fault:?}");
    let waited = attempts(&outcome)[0].latency;
    assert!(waited >= SHORT, "{waited:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_accepts_and_is_silent_is_left() {
    is_silent(Fault::SlowHeaders { delay: NEVER }).await;
}

#[tokio::test]
async fn a_first_token_that_comes_too_late_is_not_waited_for() {
    is_silent(Fault::SlowFirstToken { delay: NEVER }).await;
}

#[tokio::test]
async fn a_stream_that_stalls_is_left() {
    is_silent(Fault::Stall { after_chunks: 40 }).await;
}

/// Skipped where the rest is whole, and no success where a piece may be missing.
#[tokio::test]
async fn a_malformed_chunk_is_skipped_only_if_the_rest_is_whole() {
    let server = failing(Fault::Noise).await;
    let providers = Providers::new(of(&server)).unwrap();
    let outcome = ask(&providers, &BOTH).await;
    assert_eq!((by(&outcome), classes(&outcome)), ("a/primary".into(), vec!["ok".into()]));
    server.stop().await;
    is_left_after_two_tries(Fault::MalformedChunk).await;
}

#[tokio::test]
async fn a_missing_end_mark_ends_promptly_and_the_answer_counts() {
    let server = failing(Fault::MissingEndMark).await;
    let providers = Providers::new(of(&server)).unwrap();
    let outcome = timeout(SOON, ask(&providers, &BOTH)).await.unwrap();
    assert_eq!((by(&outcome), classes(&outcome)), ("a/primary".into(), vec!["ok".into()]));
    server.stop().await;
}

#[tokio::test]
async fn a_context_that_is_too_long_goes_to_a_larger_model() {
    let server = serving(ModelScript::good().with_context_window(1)).await;
    let providers = Providers::new(of(&server)).unwrap();
    let outcome = ask(&providers, &BOTH).await;
    assert_eq!(
        (by(&outcome), classes(&outcome)),
        ("b/second".into(), vec!["context_overflow".into(), "ok".into()])
    );
    assert_eq!(order(&server), ["primary", "second"], "never the same one unchanged");
    server.stop().await;
}

#[tokio::test]
async fn a_content_filter_goes_on_or_ends_as_on_refusal_says() {
    use model_providers::{OnRefusal, Reason};
    let server = failing(Fault::ContentFilter).await;
    let mut settings = of(&server);
    let providers = Providers::new(settings.clone()).unwrap();
    assert_eq!(classes(&ask(&providers, &BOTH).await), ["refused", "ok"]);
    settings.failover.on_refusal = OnRefusal::Stop;
    let providers = Providers::new(settings).unwrap();
    let unanswered = ask(&providers, &BOTH).await.unwrap_err();
    assert!(matches!(unanswered.reason, Reason::Refused { .. }), "{unanswered}");
    assert_eq!(order(&server), ["primary", "second", "primary"]);
    server.stop().await;
}

/// Trap 21: no answer is continued by prefill, and the first error is kept.
#[tokio::test]
async fn a_fallback_that_rejects_a_prefilled_answer_answers() {
    let script =
        Script::with_model("primary", ModelScript::failing(Fault::Cut { after_chunks: 1 }))
            .and_model("second", ModelScript::failing(Fault::RejectsPrefill));
    let server = Server::start(script).await.unwrap();
    let providers = Providers::new(of(&server)).unwrap();
    let outcome = ask(&providers, &BOTH).await;
    assert_eq!(by(&outcome), "b/second");
    let first = attempts(&outcome)[0].message.as_deref().unwrap_or_default();
    assert!(first.starts_with("the connection failed"), "{first}");
    server.stop().await;
}

#[tokio::test]
async fn the_fallbacks_name_and_usage_are_reported() {
    let server = failing(Fault::status(401)).await;
    let providers = Providers::new(of(&server)).unwrap();
    let outcome = ask(&providers, &BOTH).await;
    assert_eq!(by(&outcome), "b/second");
    let tries = attempts(&outcome);
    assert_eq!((tries[0].tokens, tries[1].position), (None, 1));
    let tokens = tries[1].tokens.unwrap();
    assert!(tokens.input > 0 && tokens.output > 500, "{tokens:?}");
    assert_eq!(providers.spent().tokens, tokens);
    server.stop().await;
}
