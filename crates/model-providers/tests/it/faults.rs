//! Every fault of the simulated models over a real socket, each with the class it must get.

use std::time::Duration;

use model_providers::{Class, Kind, Providers};
use simulated_models::{Fault, ModelScript, Script, Server, Step};

use crate::bench::{ask, attempts, classes, settings};

const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(20);

/// What a fault must be taken for; `None` is an answer. There is no catch-all: a new fault needs
/// its line here.
fn expected(fault: &Fault) -> Option<Class> {
    match fault {
        Fault::Answer
        | Fault::AnswerAfter { .. }
        | Fault::Drip { .. }
        | Fault::Thinking { .. }
        | Fault::Fragmented
        | Fault::MissingEndMark
        | Fault::Noise
        | Fault::RejectsPrefill
        // The shape is right; what stands in it is for the request's own check to see.
        | Fault::Placeholder => None,
        Fault::Status { status, .. } => Some(match status {
            400 | 404 | 422 => Class::InvalidRequest,
            401 | 403 => Class::Auth,
            402 => Class::QuotaExhausted,
            429 => Class::RateLimited,
            _ => Class::Unavailable,
        }),
        Fault::SlowHeaders { .. } | Fault::SlowFirstToken { .. } | Fault::Stall { .. } => {
            Some(Class::Timeout)
        }
        Fault::RefuseConnection
        | Fault::ResetBeforeHeaders
        | Fault::Cut { .. }
        | Fault::NoFinishReason
        | Fault::MalformedChunk
        | Fault::ErrorEvent { .. }
        | Fault::WrongContentType
        | Fault::Compressed
        | Fault::InvalidUtf8
        | Fault::DeepJson
        | Fault::EmptyBody => Some(Class::Unavailable),
        Fault::Empty
        | Fault::NotJson
        | Fault::WrongSchema
        | Fault::CutOff
        | Fault::Endless => Some(Class::InvalidOutput),
        Fault::Redirect { .. } => Some(Class::InvalidRequest),
        Fault::Refusal | Fault::ContentFilter => Some(Class::Refused),
    }
}

fn every_fault() -> Vec<Fault> {
    let mut faults = vec![
        Fault::Answer,
        Fault::AnswerAfter { delay: SHORT },
        Fault::Drip { pause: SHORT / 10 },
        Fault::Thinking { pause: SHORT, times: 4 },
        Fault::Fragmented,
        Fault::MissingEndMark,
        Fault::Placeholder,
        Fault::RefuseConnection,
        Fault::ResetBeforeHeaders,
        Fault::SlowHeaders { delay: LONG },
        Fault::SlowFirstToken { delay: LONG },
        Fault::NoFinishReason,
        Fault::MalformedChunk,
        Fault::WrongContentType,
        Fault::Noise,
        Fault::RejectsPrefill,
        Fault::Compressed,
        Fault::InvalidUtf8,
        Fault::DeepJson,
        Fault::Endless,
        Fault::Redirect { to: "http://127.0.0.1:9".to_owned() },
        Fault::EmptyBody,
        Fault::Empty,
        Fault::NotJson,
        Fault::WrongSchema,
        Fault::CutOff,
        Fault::Refusal,
        Fault::ContentFilter,
    ];
    for after_chunks in [0, 1, 1_000] {
        faults.push(Fault::Stall { after_chunks });
        faults.push(Fault::Cut { after_chunks });
        faults.push(Fault::ErrorEvent { after_chunks });
    }
    let statuses = [400, 401, 402, 403, 404, 422, 429, 500, 502, 503, 504, 529];
    faults.extend(statuses.map(Fault::status));
    faults
}

#[tokio::test]
async fn every_fault_gets_its_class_and_only_the_good_ones_an_answer() {
    futures::future::join_all(every_fault().into_iter().map(gets_its_class)).await;
}

async fn gets_its_class(fault: Fault) {
    let script = Script::all_failing(fault.clone());
    let server = Server::start(script).await.unwrap();
    let mut settings = settings(&server.base_url(), Kind::OpenAi);
    let expected = expected(&fault);
    if expected == Some(Class::Timeout) {
        settings.failover.first_token_timeout = Some(Duration::from_millis(300));
        settings.failover.idle_timeout = Duration::from_millis(300);
    }
    let providers = Providers::new(settings).unwrap();
    let outcome = ask(&providers, &["sim/m"]).await;
    let tries = attempts(&outcome);
    assert_eq!(tries[0].class, expected, "{fault:?}: {tries:?}");
    assert_eq!(outcome.is_ok(), expected.is_none(), "{fault:?}");
    let twice = expected == Some(Class::Unavailable);
    assert_eq!(tries.len(), 1 + usize::from(twice), "{fault:?}: {tries:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_asked_once() {
    let server = Server::start(Script::default()).await.unwrap();
    let refusing = server.refusing_url().unwrap();
    let providers = Providers::new(settings(&refusing, Kind::OpenAi)).unwrap();
    let outcome = ask(&providers, &["sim/m"]).await;
    assert_eq!(classes(&outcome), ["unavailable"]);
    let message = attempts(&outcome)[0].message.as_deref();
    assert_eq!(message, Some("the connection was refused"));
}

#[tokio::test]
async fn a_balance_error_dressed_as_a_rate_limit_rests_the_credential() {
    let script = Script::with_model("m", ModelScript::failing(Fault::quota_exhausted()));
    let server = Server::start(script).await.unwrap();
    let providers = Providers::new(settings(&server.base_url(), Kind::OpenAi)).unwrap();
    let outcome = ask(&providers, &["sim/m", "sim/sister"]).await;
    assert_eq!(classes(&outcome), ["quota_exhausted"]);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_window_that_is_too_small_is_an_overflow() {
    let script = Script::with_model("m", ModelScript::good().with_context_window(1));
    let server = Server::start(script).await.unwrap();
    let providers = Providers::new(settings(&server.base_url(), Kind::OpenAi)).unwrap();
    let outcome = ask(&providers, &["sim/m", "sim/larger"]).await;
    assert_eq!(classes(&outcome), ["context_overflow", "ok"]);
}

#[tokio::test]
async fn down_for_two_calls_then_up_is_one_visit() {
    let script = Script::with_model(
        "m",
        ModelScript::steps([Step::calls(1..=1, Fault::ResetBeforeHeaders)]),
    );
    let server = Server::start(script).await.unwrap();
    let providers = Providers::new(settings(&server.base_url(), Kind::OpenAi)).unwrap();
    let outcome = ask(&providers, &["sim/m", "sim/other"]).await;
    assert_eq!(classes(&outcome), ["unavailable", "ok"]);
    let answer = outcome.unwrap();
    assert_eq!(answer.model.unwrap().to_string(), "sim/m");
    assert!(answer.attempts[1].tokens.is_some());
    let requests = server.requests();
    assert_eq!(requests[0].schema.as_deref(), Some("analysis"));
    let bearer = format!("Bearer {}", crate::bench::KEY);
    assert_eq!(requests[0].authorization.as_deref(), Some(bearer.as_str()));
}

/// A request that was given up leaves no connection behind.
#[tokio::test]
async fn a_hung_request_is_closed_when_it_is_given_up() {
    let script = Script::all_failing(Fault::Stall { after_chunks: 1 });
    let server = Server::start(script).await.unwrap();
    let mut settings = settings(&server.base_url(), Kind::OpenAi);
    settings.failover.idle_timeout = Duration::from_millis(200);
    let providers = Providers::new(settings).unwrap();
    assert_eq!(classes(&ask(&providers, &["sim/m"]).await), ["timeout"]);
    let ended = tokio::time::timeout(LONG, server.wait_for_ended(1)).await;
    assert!(ended.is_ok());
}
