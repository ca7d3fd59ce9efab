//! Answers as bytes, whole and broken, in any fragments.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use futures::{StreamExt, stream};
use proptest::prelude::*;
use reqwest::header::HeaderMap;
use tokio::time::Instant;

use crate::budget::Usage;
use crate::failure::Failure;
use crate::transport::{Broken, Reply};
use crate::wire::{Completion, Spans, read};
use crate::{Class, Kind, Tokens};

const GOOD: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n\
    : keep-alive\n\n\
    data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"{\\\"a\\\":\"}}]}\r\n\r\n\
    data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\\\"grün 🌱\\\"}\"}}]}\n\n\
    data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
    data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}\n\n\
    data: [DONE]\n\n";
const TEXT: &str = "{\"a\":\"grün 🌱\"}";

const ANTHROPIC: &str = "event: message_start\n\
    data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":5,\"cache_read_input_tokens\":20,\"output_tokens\":1}}}\n\n\
    event: ping\ndata: {\"type\":\"ping\"}\n\n\
    event: content_block_start\n\
    data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n\
    event: content_block_delta\n\
    data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"hm\"}}\n\n\
    event: content_block_delta\n\
    data: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":\"{}\"}}\n\n\
    event: message_delta\n\
    data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":15}}\n\n\
    event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

struct Sent {
    kind: Kind,
    status: u16,
    content_type: &'static str,
    pieces: Vec<Result<Vec<u8>, Broken>>,
}

impl Sent {
    fn stream(text: &str) -> Self {
        Self {
            kind: Kind::OpenAi,
            status: 200,
            content_type: "text/event-stream; charset=utf-8",
            pieces: vec![Ok(text.as_bytes().to_vec())],
        }
    }

    fn plain(text: &str) -> Self {
        Self { content_type: "application/json", ..Self::stream(text) }
    }

    #[expect(clippy::disallowed_methods, reason = "the clock is the test's own")]
    async fn read(self) -> Result<Completion, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", self.content_type.parse().unwrap());
        let reply = Reply { status: self.status, headers, body: stream::iter(self.pieces).boxed() };
        let minute = Duration::from_mins(1);
        let spans = Spans {
            first_token: minute,
            first_token_at: Instant::now() + minute,
            idle: minute,
            most_bytes: 10_000,
            wall: SystemTime::UNIX_EPOCH,
        };
        let lives = AtomicU32::new(0);
        let alive = || {
            lives.fetch_add(1, Ordering::Relaxed);
        };
        let outcome = read(self.kind, reply, spans, alive).await;
        assert!(lives.load(Ordering::Relaxed) <= 1);
        outcome
    }
}

async fn class(sent: Sent) -> Class {
    sent.read().await.unwrap_err().class
}

fn known(input: u64, output: u64) -> Usage {
    Usage::Known(Tokens { input, output })
}

#[tokio::test(start_paused = true)]
async fn a_good_stream_gives_text_and_usage() {
    let completion = Sent::stream(GOOD).read().await.unwrap();
    assert_eq!(completion.text, TEXT);
    assert_eq!(completion.usage, known(7, 3));
}

#[tokio::test(start_paused = true)]
async fn an_anthropic_stream_gives_text_and_usage() {
    let sent = Sent { kind: Kind::Anthropic, ..Sent::stream(ANTHROPIC) };
    let completion = sent.read().await.unwrap();
    assert_eq!(completion.text, "{}");
    assert_eq!(completion.usage, known(25, 15));
}

proptest! {
    #[test]
    fn fragments_of_any_size_give_the_same_answer(sizes in prop::collection::vec(1_usize..40, 1..60)) {
        let mut rest = GOOD.as_bytes();
        let mut pieces = Vec::new();
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*size).min(rest.len()));
            pieces.push(Ok(piece.to_vec()));
            rest = after;
        }
        let sent = Sent { pieces, ..Sent::stream("") };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let completion = runtime.block_on(sent.read()).unwrap();
        prop_assert_eq!(completion.text, TEXT);
    }

    /// Trap 14: a stream that ends anywhere before its finish reason is no answer.
    #[test]
    fn a_stream_cut_anywhere_before_its_finish_reason_is_unavailable(at in 0_usize..GOOD.len()) {
        let finish = GOOD.find("\"finish_reason\":\"stop\"}]}").unwrap() + 25;
        let at = at.min(finish - 1);
        let mut pieces = vec![Ok(GOOD.as_bytes()[..at].to_vec())];
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        for broken in [None, Some(Broken::Lost("reset".into()))] {
            pieces.truncate(1);
            pieces.extend(broken.map(Err));
            let sent = Sent { pieces: pieces.clone(), ..Sent::stream("") };
            let class = runtime.block_on(class(sent));
            prop_assert_eq!(class, Class::Unavailable);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), plain: bool) {
        let sent = if plain { Sent::plain("") } else { Sent::stream("") };
        let sent = Sent { pieces: vec![Ok(bytes)], ..sent };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        prop_assert!(runtime.block_on(sent.read()).is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_last_event_without_its_blank_line_counts() {
    let end = GOOD.find("\"finish_reason\":\"stop\"}]}").unwrap() + 25;
    assert_eq!(Sent::stream(&GOOD[..end]).read().await.unwrap().text, TEXT);
}

#[tokio::test(start_paused = true)]
async fn what_follows_the_finish_reason_cannot_spoil_the_answer() {
    let end = GOOD.find("data: {\"choices\":[],").unwrap();
    let mut sent = Sent::stream(&GOOD[..end]);
    sent.pieces.push(Err(Broken::Lost("reset".to_owned())));
    let completion = sent.read().await.unwrap();
    assert_eq!(completion.text, TEXT);
    assert!(matches!(completion.usage, Usage::Estimated { output: 1.. }));
}

#[tokio::test(start_paused = true)]
async fn noise_between_events_is_skipped_and_a_broken_object_is_noted() {
    let noisy = GOOD.replacen(": keep-alive", "data: OPENROUTER PROCESSING", 1);
    assert_eq!(Sent::stream(&noisy).read().await.unwrap().text, TEXT);
    for broken in ["{\"choices\":[{\"index\":0,\"del", "tent\":\"x\"}}]}"] {
        let damaged = GOOD.replacen(": keep-alive", &format!("data: {broken}"), 1);
        assert_eq!(Sent::stream(&damaged).read().await.unwrap().holes, [0], "{broken}");
        let late = GOOD.replacen("data: [DONE]", &format!("data: {broken}\n\ndata: [DONE]"), 1);
        assert_eq!(Sent::stream(&late).read().await.unwrap().holes, [0; 0], "{broken}");
    }
}

/// Trap 14: an error inside a 200 is an error.
#[tokio::test(start_paused = true)]
async fn an_error_event_fails_whatever_came_before() {
    let error = "data: {\"error\":{\"message\":\"x\",\"type\":\"server_error\"}}";
    let text = GOOD.replacen(": keep-alive", error, 1);
    assert_eq!(class(Sent::stream(&text)).await, Class::Unavailable);
    let choice = "data: {\"choices\":[{\"index\":0,\"error\":{\"code\":502,\"message\":\"x\"}}]}";
    let text = GOOD.replacen(": keep-alive", choice, 1);
    assert_eq!(class(Sent::stream(&text)).await, Class::Unavailable);
    let sent = Sent {
        kind: Kind::Anthropic,
        ..Sent::stream(
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n",
        )
    };
    assert_eq!(class(sent).await, Class::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn finish_reasons_decide_what_the_answer_is_worth() {
    let table = [
        ("length", Class::InvalidOutput),
        ("content_filter", Class::Refused),
        ("SAFETY", Class::Refused),
        ("error", Class::Unavailable),
    ];
    for (reason, expected) in table {
        let text = GOOD.replacen("\"stop\"", &format!("\"{reason}\""), 1);
        assert_eq!(class(Sent::stream(&text)).await, expected, "{reason}");
    }
    let null = GOOD.replacen("\"stop\"", "null", 1);
    assert_eq!(class(Sent::stream(&null)).await, Class::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_field_is_a_refusal_with_its_words() {
    let text = GOOD.replacen("\"content\":\"{", "\"refusal\":\"I will not.\",\"content\":\"{", 1);
    let failure = Sent::stream(&text).read().await.unwrap_err();
    assert_eq!(failure.class, Class::Refused);
    assert_eq!(failure.raw(), "refused: I will not.");
}

#[tokio::test(start_paused = true)]
async fn a_plain_body_is_read_as_one() {
    let body = "\n{\"choices\":[{\"index\":0,\"message\":{\"content\":\"{}\"},\"finish_reason\":\"stop\"}],\
        \"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}";
    let completion = Sent::plain(body).read().await.unwrap();
    assert_eq!((completion.text.as_str(), completion.usage), ("{}", known(1, 2)));
    let parts =
        body.replacen("\"{}\"", "[{\"type\":\"thinking\"},{\"type\":\"text\",\"text\":\"{}\"}]", 1);
    assert_eq!(Sent::plain(&parts).read().await.unwrap().text, "{}");
    let sent = Sent {
        kind: Kind::Anthropic,
        ..Sent::plain(
            "{\"content\":[{\"type\":\"text\",\"text\":\"{}\"}],\"stop_reason\":\"end_turn\",\
            \"usage\":{\"input_tokens\":1,\"output_tokens\":2}}",
        )
    };
    assert_eq!(sent.read().await.unwrap().usage, known(1, 2));
}

#[tokio::test(start_paused = true)]
async fn bodies_that_are_no_answer_are_unavailable() {
    let deep = "[".repeat(5_000);
    for body in ["", " \n", "{", "hello", "{}", "null", deep.as_str()] {
        assert_eq!(class(Sent::plain(body)).await, Class::Unavailable, "{body}");
        assert_eq!(class(Sent::stream(body)).await, Class::Unavailable, "{body}");
    }
    let page = Sent { content_type: "text/html", ..Sent::stream(GOOD) };
    assert_eq!(class(page).await, Class::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn more_than_was_allowed_is_not_read() {
    let long = "x".repeat(10_001);
    for sent in [Sent::stream(&long), Sent::plain(&long)] {
        assert_eq!(class(sent).await, Class::InvalidOutput);
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_that_are_no_text_are_not_guessed_at() {
    let mut sent = Sent::stream("");
    let at = GOOD.find("grün").unwrap();
    let mut bytes = GOOD.as_bytes().to_vec();
    bytes[at] = 0xFF;
    sent.pieces = vec![Ok(bytes)];
    assert_eq!(class(sent).await, Class::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn an_errors_body_is_read_as_far_as_its_bound() {
    let mut sent = Sent::stream("");
    sent.status = 503;
    sent.pieces = vec![Ok(vec![b'x'; 60_000]); 50];
    let failure = sent.read().await.unwrap_err();
    assert_eq!((failure.class, failure.status), (Class::Unavailable, Some(503)));
}
