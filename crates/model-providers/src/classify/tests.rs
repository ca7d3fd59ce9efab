//! Recorded forms of each vendor's errors, as their public documentation and bug reports show
//! them, and the class each must get.

use std::time::UNIX_EPOCH;

use serde_json::Value;

use super::*;

/// `status class vendor: what` and the body, one after the other.
const FIXTURES: &str = include_str!("fixtures.txt");

struct Fixture {
    name: String,
    status: u16,
    class: String,
    body: String,
}

fn fixtures() -> Vec<Fixture> {
    let blocks = FIXTURES.split("\n\n").filter(|block| !block.trim().is_empty());
    blocks
        .map(|block| {
            let (head, body) = block.trim().split_once('\n').unwrap_or((block, ""));
            let mut words = head.splitn(3, ' ');
            let mut word = || words.next().unwrap().to_owned();
            Fixture {
                status: word().parse().unwrap(),
                class: word(),
                name: word(),
                body: body.to_owned(),
            }
        })
        .collect()
}

fn classified(status: u16, body: &str) -> Failure {
    refused(status, &HeaderMap::new(), body.as_bytes(), UNIX_EPOCH)
}

#[test]
fn each_vendors_errors_get_their_class() {
    let fixtures = fixtures();
    assert!(fixtures.len() > 60, "{}", fixtures.len());
    for fixture in fixtures {
        let failure = classified(fixture.status, &fixture.body);
        let class = failure.class.as_str();
        assert_eq!(class, fixture.class, "{}: {}", fixture.name, fixture.body);
    }
}

/// Trap 51: what is not recognised is still a failure with a class.
#[test]
fn every_status_has_a_class_whatever_the_body() {
    for status in 100..=999 {
        for body in ["", "{}", "[]", "null", "\"x\"", "{\"error\":null}", "\u{0}"] {
            let class = classified(status, body).class;
            let expected = match status {
                401 | 403 => Class::Auth,
                402 => Class::QuotaExhausted,
                408 => Class::Timeout,
                413 => Class::ContextOverflow,
                429 => Class::RateLimited,
                409 | 425 | 498 | 500.. => Class::Unavailable,
                _ => Class::InvalidRequest,
            };
            assert_eq!(class, expected, "{status} {body}");
        }
    }
}

/// Trap 44: words in a page or far inside an object decide nothing that a code could decide.
#[test]
fn words_outside_the_errors_message_decide_nothing() {
    let body = r#"{"error": {"message": "Bad things", "hint": "insufficient_quota"}}"#;
    assert_eq!(classified(400, body).class, Class::InvalidRequest);
}

#[test]
fn a_missing_model_says_nothing_about_its_sisters() {
    let missing =
        r#"{"error": {"message": "The model `x` does not exist", "code": "model_not_found"}}"#;
    assert!(classified(404, missing).this_model_only);
    let ollama = r#"{"error": "model 'x' not found, try pulling it first"}"#;
    assert!(classified(404, ollama).this_model_only);
    assert!(!classified(404, "404 page not found").this_model_only);
    let parameter = r#"{"error": {"message": "temperature must be at most 2"}}"#;
    assert!(!classified(400, parameter).this_model_only);
}

#[test]
fn waits_are_found_in_headers_and_bodies() {
    let gemini = r#"[{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "m",
        "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "32s"}]}}]"#;
    let wait = classified(429, gemini).retry_after;
    assert_eq!(wait, Some(Duration::from_secs(32)));
    let router = r#"{"error": {"code": 429, "message": "m",
        "metadata": {"headers": {"X-RateLimit-Reset": "7000"}}}}"#;
    let wait = classified(429, router).retry_after;
    assert_eq!(wait, Some(Duration::from_secs(7)));
    let mut headers = HeaderMap::new();
    headers.insert("x-ratelimit-remaining-tokens", "0".parse().unwrap());
    headers.insert("x-ratelimit-reset-tokens", "1m20s".parse().unwrap());
    let wait = refused(429, &headers, b"", UNIX_EPOCH).retry_after;
    assert_eq!(wait, Some(Duration::from_secs(80)));
    headers.insert("retry-after", "99999999".parse().unwrap());
    let wait = refused(429, &headers, b"", UNIX_EPOCH).retry_after;
    assert_eq!(wait, Some(LONGEST));
}

#[test]
fn an_error_inside_a_200_is_the_servers_unless_its_code_says_otherwise() {
    let table = [
        (r#"{"error": {"message": "x", "type": "server_error"}}"#, Class::Unavailable),
        (r#"{"error": {"message": "x"}}"#, Class::Unavailable),
        (r#"{"error": "x"}"#, Class::Unavailable),
        (
            r#"{"type": "error", "error": {"type": "overloaded_error", "message": "x"}}"#,
            Class::Unavailable,
        ),
        (
            r#"{"type": "error", "error": {"type": "rate_limit_error", "message": "x"}}"#,
            Class::RateLimited,
        ),
        (r#"{"error": {"code": 429, "message": "Rate limit exceeded"}}"#, Class::RateLimited),
        (r#"{"error": {"code": 502, "message": "Provider disconnected"}}"#, Class::Unavailable),
        (r#"{"error": {"code": 402, "message": "x"}}"#, Class::QuotaExhausted),
    ];
    for (body, class) in table {
        let value: Value = serde_json::from_str(body).unwrap();
        let complaint = Complaint::of(&value).unwrap();
        assert_eq!(inside(&complaint, UNIX_EPOCH).class, class, "{body}");
    }
}

#[test]
fn a_page_is_shown_without_its_tags() {
    let page = "<html><title>502 Bad Gateway</title><center>nginx</center></html>";
    let failure = classified(502, page);
    assert_eq!(failure.raw(), "status 502: a page: 502 Bad Gateway nginx");
}

#[test]
fn a_redirect_is_named_and_not_followed() {
    let mut headers = HeaderMap::new();
    headers.insert("location", "https://other.example/v1?key=1".parse().unwrap());
    let failure = refused(307, &headers, b"", UNIX_EPOCH);
    assert_eq!(failure.class, Class::InvalidRequest);
    insta::assert_snapshot!(failure.raw(), @"status 307: redirects are not followed; it points to https://other.example/v1");
}
