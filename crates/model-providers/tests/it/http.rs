//! What only real HTTP shows: redirects, headers, encodings, and the plain form of an answer.

use std::time::Duration;

use model_providers::{Kind, Providers};
use serde_json::json;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::bench::{KEY, ask, attempts, classes, settings};

async fn serving(response: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(response).mount(&server).await;
    server
}

fn plain_answer() -> serde_json::Value {
    json!({
        "choices": [{"index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": "{\"understanding\": \"yes\"}"}}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 5},
    })
}

#[tokio::test]
async fn a_plain_body_to_a_streamed_request_is_an_answer() {
    let server = serving(ResponseTemplate::new(200).set_body_json(plain_answer())).await;
    let providers = Providers::new(settings(&server.uri(), Kind::OpenAi)).unwrap();
    let outcome = ask(&providers, &["sim/m"]).await;
    assert_eq!(classes(&outcome), ["ok"]);
    assert_eq!(outcome.unwrap().attempts[0].tokens.unwrap().total(), 16);
}

#[tokio::test]
async fn an_anthropic_endpoint_is_asked_in_its_own_way() {
    let server = MockServer::start().await;
    let body = json!({
        "content": [{"type": "text", "text": "```json\n{\"understanding\": \"yes\"}\n```"}],
        "stop_reason": "end_turn", "usage": {"input_tokens": 3, "output_tokens": 4},
    });
    Mock::given(path("/v1/messages"))
        .and(header("x-api-key", KEY))
        .and(header("anthropic-version", "2023-06-01"))
        .respond_with(ResponseTemplate::new(200).set_body_json(body))
        .expect(1)
        .mount(&server)
        .await;
    let providers = Providers::new(settings(&server.uri(), Kind::Anthropic)).unwrap();
    assert_eq!(classes(&ask(&providers, &["sim/m"]).await), ["ok"]);
}

/// A key never travels to another host.
#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = serving(ResponseTemplate::new(200).set_body_json(plain_answer())).await;
    for status in [301, 302, 307, 308] {
        let target = format!("{}/elsewhere", other.uri());
        let redirect = ResponseTemplate::new(status).insert_header("location", target.as_str());
        let server = serving(redirect).await;
        let providers = Providers::new(settings(&server.uri(), Kind::OpenAi)).unwrap();
        let outcome = ask(&providers, &["sim/m"]).await;
        assert_eq!(classes(&outcome), ["invalid_request"]);
        let message = attempts(&outcome)[0].message.clone().unwrap();
        assert!(message.contains("redirects are not followed"), "{message}");
    }
    assert!(other.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_key_planted_in_headers_and_bodies_shows_nowhere() {
    let body = format!("{{\"error\": {{\"message\": \"{KEY} and Bearer {KEY}\"}}}}");
    let target = format!("http://127.0.0.1:9/{KEY}");
    for status in [301, 400, 401, 429, 500] {
        let response = ResponseTemplate::new(status)
            .insert_header("location", target.as_str())
            .insert_header("retry-after", "3600")
            .insert_header("x-echo", KEY)
            .set_body_string(body.clone());
        let server = serving(response).await;
        let providers = Providers::new(settings(&server.uri(), Kind::OpenAi)).unwrap();
        let unanswered = ask(&providers, &["sim/m"]).await.unwrap_err();
        let memory = serde_json::to_string(&providers.memory()).unwrap();
        let everything = format!("{unanswered} {unanswered:?} {providers:?} {memory}");
        assert!(everything.contains("[secret]"), "{status}: {everything}");
        assert!(!everything.contains(KEY), "{status}: {everything}");
    }
}

#[tokio::test]
async fn a_retry_after_rests_the_model_for_as_long() {
    let limited = ResponseTemplate::new(429).insert_header("retry-after", "3600");
    let server = serving(limited).await;
    let providers = Providers::new(settings(&server.uri(), Kind::OpenAi)).unwrap();
    assert_eq!(classes(&ask(&providers, &["sim/m"]).await), ["rate_limited"]);
    let resting = providers.health(&"sim/m".parse().unwrap()).resting.unwrap();
    assert!(resting > Duration::from_secs(3_500), "{resting:?}");
    // While it rests nothing is sent.
    assert!(classes(&ask(&providers, &["sim/m"]).await).is_empty());
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_answer_that_is_compressed_unasked_is_not_unpacked() {
    let packed = ResponseTemplate::new(200)
        .set_body_json(plain_answer())
        .insert_header("content-encoding", "gzip");
    let server = serving(packed).await;
    let providers = Providers::new(settings(&server.uri(), Kind::OpenAi)).unwrap();
    let outcome = ask(&providers, &["sim/m"]).await;
    assert_eq!(classes(&outcome), ["unavailable", "unavailable"]);
    let requests = server.received_requests().await.unwrap();
    assert!(requests[0].headers.get("accept-encoding").is_none());
}

#[tokio::test]
async fn an_answer_larger_than_allowed_is_given_up() {
    let mut body = plain_answer();
    body["padding"] = "x".repeat(100_000).into();
    let server = serving(ResponseTemplate::new(200).set_body_json(body)).await;
    let mut settings = settings(&server.uri(), Kind::OpenAi);
    settings.max_response_bytes = 10_000;
    let providers = Providers::new(settings).unwrap();
    assert_eq!(classes(&ask(&providers, &["sim/m"]).await), ["invalid_output"]);
}

#[tokio::test]
async fn a_refused_parameter_is_left_out_over_http_too() {
    let server = MockServer::start().await;
    let refusal = json!({"error": {"message": "Unknown parameter: 'response_format'.",
        "type": "invalid_request_error", "param": "response_format"}});
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(400).set_body_json(refusal))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(200).set_body_json(plain_answer()))
        .mount(&server)
        .await;
    let providers = Providers::new(settings(&server.uri(), Kind::OpenAi)).unwrap();
    assert_eq!(classes(&ask(&providers, &["sim/m"]).await), ["ok"]);
    assert_eq!(classes(&ask(&providers, &["sim/m"]).await), ["ok"]);
    assert_eq!(server.received_requests().await.unwrap().len(), 3);
}
