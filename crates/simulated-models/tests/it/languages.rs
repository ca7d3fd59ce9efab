//! Each language as bytes on a connection: a good answer, and every kind of failure in the form
//! that its own clients know.
#![expect(clippy::expect_used, reason = "test code outside of test functions")]
use serde_json::{Value, json};
use simulated_models::{Answers, Fault, ModelScript, Script, Server};

use crate::harness::{End, Raw, get, post_to, soon, start};

const TEXT: &str =
    "It is long enough for three pieces of content, at forty characters each, and a bit.";

/// How a client speaks.
pub(crate) struct Spoken {
    pub(crate) name: &'static str,
    pub(crate) path: &'static str,
    /// Where it asks for a whole answer instead of a stream.
    plain_path: &'static str,
    /// A request without tools.
    pub(crate) body: fn() -> Value,
    /// Where a plain answer has its text.
    text: &'static str,
    /// The text that an event adds.
    piece: fn(&Value) -> Option<&str>,
    /// What the last event with content of its own says.
    end: &'static str,
    /// Where an error says what it is.
    error: &'static str,
}

pub(crate) const ALL: [Spoken; 4] = [
    Spoken {
        name: "chat",
        path: "/v1/chat/completions",
        plain_path: "/v1/chat/completions",
        body: || json!({"model": "m", "messages": [{"role": "user", "content": "Please."}]}),
        text: "/choices/0/message/content",
        piece: |event| event.pointer("/choices/0/delta/content")?.as_str(),
        end: r#""finish_reason":"stop""#,
        error: "/error/code",
    },
    Spoken {
        name: "responses",
        path: "/v1/responses",
        plain_path: "/v1/responses",
        body: || {
            let content = json!([{"type": "input_text", "text": "Please."}]);
            json!({"model": "m", "input": [{"type": "message", "role": "user", "content": content}]})
        },
        text: "/output/0/content/0/text",
        piece: |event| {
            let is_text = event["type"] == "response.output_text.delta";
            is_text.then_some(event["delta"].as_str()?)
        },
        end: r#""type":"response.completed""#,
        error: "/error/code",
    },
    Spoken {
        name: "messages",
        path: "/v1/messages?beta=true",
        plain_path: "/v1/messages",
        body: || {
            json!({"model": "m", "max_tokens": 9, "system": [{"type": "text", "text": "Be brief."}],
                "messages": [{"role": "user", "content": "Please."}]})
        },
        text: "/content/0/text",
        piece: |event| event.pointer("/delta/text")?.as_str(),
        end: r#""stop_reason":"end_turn""#,
        error: "/error/type",
    },
    Spoken {
        name: "gemini",
        path: "/v1beta/models/m:streamGenerateContent?alt=sse",
        plain_path: "/v1beta/models/m:generateContent",
        body: || {
            json!({"contents": [{"role": "user", "parts": [{"text": "Please."}]}],
                "systemInstruction": {"parts": [{"text": "Be brief."}]}})
        },
        text: "/candidates/0/content/parts/0/text",
        piece: |event| event.pointer("/candidates/0/content/parts/0/text")?.as_str(),
        end: r#""finishReason":"STOP""#,
        error: "/error/status",
    },
];

impl Spoken {
    pub(crate) async fn ask(&self, server: &Server, mut body: Value, streamed: bool) -> Raw {
        if self.name != "gemini" {
            body["stream"] = streamed.into();
        }
        let path = if streamed { self.path } else { self.plain_path };
        let mut raw = Raw::connect(server).await;
        raw.send(post_to(path, &body.to_string(), "close").as_bytes()).await;
        raw
    }

    /// Head and body of an answer, without the marks of its chunks.
    async fn answer(&self, fault: Fault, streamed: bool) -> (String, String, End) {
        let answers = Answers { text: TEXT.to_owned(), ..Answers::default() };
        let script = Script::with_model("m", ModelScript::failing(fault)).with_answers(answers);
        let server = start(script).await;
        let mut raw = self.ask(&server, (self.body)(), streamed).await;
        let (answer, end) = raw.read_to_end().await;
        server.stop().await;
        let (head, body) = answer.split_once("\r\n\r\n").expect("has a head");
        (head.to_owned(), body.to_owned(), end)
    }

    fn joined(&self, stream: &str) -> String {
        events(stream).iter().filter_map(|event| (self.piece)(event)).collect()
    }
}

/// The data of the events.
pub(crate) fn events(stream: &str) -> Vec<Value> {
    let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter_map(|data| serde_json::from_str(data).ok()).collect()
}

#[tokio::test]
async fn a_good_answer_reads_the_same_plain_and_streamed_in_every_language() {
    for spoken in ALL {
        let (head, stream, _) = spoken.answer(Fault::Answer, true).await;
        assert!(head.contains("content-type: text/event-stream"), "{}: {head}", spoken.name);
        assert_eq!(spoken.joined(&stream), TEXT, "{}", spoken.name);
        assert_eq!(stream.matches(spoken.end).count(), 1, "{}: {stream}", spoken.name);
        let (_, body, _) = spoken.answer(Fault::Answer, false).await;
        let body: Value = serde_json::from_str(&body).expect("is JSON");
        assert_eq!(body.pointer(spoken.text), Some(&TEXT.into()), "{}: {body}", spoken.name);
    }
}

#[tokio::test]
async fn an_event_has_the_name_of_its_type_where_the_language_names_events() {
    for spoken in &ALL[1..3] {
        let (_, stream, _) = spoken.answer(Fault::Answer, true).await;
        for event in stream.split("\n\n").filter(|event| event.contains("data: ")) {
            let (name, data) = event.split_once("\ndata: ").expect("has both");
            let data: Value = serde_json::from_str(data).expect("is JSON");
            let (_, name) = name.split_once("event: ").expect("is named");
            assert_eq!(data["type"], name, "{}", spoken.name);
        }
    }
}

/// The types of the events, each run of equal ones once.
fn types(stream: &str) -> Vec<String> {
    let types = events(stream).into_iter().map(|event| event["type"].as_str().map(str::to_owned));
    let mut types: Vec<String> = types.map(|kind| kind.expect("has a type")).collect();
    types.dedup();
    types
}

#[tokio::test]
async fn what_a_stream_begins_it_ends() {
    let (_, stream, _) = ALL[1].answer(Fault::Answer, true).await;
    assert_eq!(
        types(&stream),
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    let numbers: Vec<Value> =
        events(&stream).iter().map(|event| event["sequence_number"].clone()).collect();
    assert_eq!(numbers, (0..numbers.len()).map(Value::from).collect::<Vec<_>>());
    let (_, stream, _) = ALL[2].answer(Fault::Answer, true).await;
    assert_eq!(
        types(&stream),
        [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]
    );
}

#[tokio::test]
async fn an_error_has_the_form_of_its_language() {
    for (status, words) in [
        (401, ["invalid_api_key", "invalid_api_key", "authentication_error", "UNAUTHENTICATED"]),
        (
            429,
            [
                "rate_limit_exceeded",
                "rate_limit_exceeded",
                "rate_limit_error",
                "RESOURCE_EXHAUSTED",
            ],
        ),
        (404, ["model_not_found", "model_not_found", "not_found_error", "NOT_FOUND"]),
    ] {
        for (spoken, word) in ALL.iter().zip(words) {
            let retry_after = Some("7".to_owned());
            let fault = Fault::Status { status, retry_after, body: None };
            let (head, body, _) = spoken.answer(fault, true).await;
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{}: {head}", spoken.name);
            assert!(head.contains("\r\nretry-after: 7\r\n"), "{}", spoken.name);
            let body: Value = serde_json::from_str(&body).expect("is JSON");
            assert_eq!(body.pointer(spoken.error), Some(&word.into()), "{}: {body}", spoken.name);
        }
    }
    let (_, body, _) = ALL[3].answer(Fault::rate_limited("7"), true).await;
    assert!(body.contains(r#""retryDelay":"7s""#), "{body}");
    let (_, body, _) = ALL[2].answer(Fault::status(529), true).await;
    assert!(body.contains(r#"{"type":"error","error":{"type":"overloaded_error""#), "{body}");
}

#[tokio::test]
async fn a_cut_or_an_error_within_a_stream_leaves_it_without_its_end() {
    for spoken in ALL {
        let (_, stream, end) = spoken.answer(Fault::Cut { after_chunks: 2 }, true).await;
        assert_eq!(end, End::Closed);
        assert_eq!(spoken.joined(&stream).len(), 80, "{}: {stream}", spoken.name);
        assert!(!stream.contains(spoken.end), "{}: {stream}", spoken.name);
        assert!(!stream.contains("\r\n0\r\n"), "{}", spoken.name);
        let (_, stream, _) = spoken.answer(Fault::ErrorEvent { after_chunks: 1 }, true).await;
        let last = events(&stream).pop().expect("has events");
        assert!(last.to_string().contains(r#""error":{"#), "{}: {last}", spoken.name);
        assert!(!stream.contains(spoken.end), "{}", spoken.name);
    }
}

#[tokio::test]
async fn a_stall_and_a_silence_before_headers_last_until_the_client_leaves() {
    let hour = std::time::Duration::from_secs(3_600);
    for spoken in ALL {
        for fault in [Fault::Stall { after_chunks: 1 }, Fault::SlowHeaders { delay: hour }] {
            let server = start(Script::all_failing(fault.clone())).await;
            let mut raw = spoken.ask(&server, (spoken.body)(), true).await;
            if fault == (Fault::Stall { after_chunks: 1 }) {
                assert!(raw.read_until("plain text.").await.starts_with("HTTP/1.1 200 OK\r\n"));
            }
            soon(server.wait_for_requests(1)).await;
            assert_eq!(server.requests()[0].ended, None, "{}", spoken.name);
            drop(raw);
            soon(server.wait_for_ended(1)).await;
            server.stop().await;
        }
    }
}

#[tokio::test]
async fn the_ends_that_are_no_success_have_each_languages_word() {
    let ends = |fault, words: [&'static str; 4]| async move {
        for (spoken, word) in ALL.iter().zip(words) {
            for streamed in [true, false] {
                let (_, body, _) = spoken.answer(Fault::clone(&fault), streamed).await;
                assert!(body.contains(word), "{} {fault:?}: {body}", spoken.name);
            }
        }
    };
    ends(
        Fault::CutOff,
        ["\"length\"", "\"max_output_tokens\"", "\"max_tokens\"", "\"MAX_TOKENS\""],
    )
    .await;
    ends(
        Fault::ContentFilter,
        ["\"content_filter\"", "\"content_filter\"", "\"refusal\"", "\"SAFETY\""],
    )
    .await;
    ends(Fault::Refusal, ["\"refusal\":", "\"refusal\":", "\"refusal\"", "\"SAFETY\""]).await;
}

#[tokio::test]
async fn keys_are_recorded_from_each_languages_header_and_counting_is_no_call() {
    let server = start(Script::default()).await;
    for header in ["authorization", "x-api-key", "x-goog-api-key"] {
        let body = (ALL[2].body)().to_string();
        let request = post_to("/v1/messages", &body, "close");
        let request = request.replacen("host: x", &format!("host: x\r\n{header}: k"), 1);
        let mut raw = Raw::connect(&server).await;
        raw.send(request.as_bytes()).await;
        raw.read_to_end().await;
        let last = server.requests().pop().expect("is recorded");
        assert_eq!(
            (last.authorization.as_deref(), last.target.as_str()),
            (Some("k"), "/v1/messages")
        );
    }
    for (path, spoken, field) in [
        ("/v1/messages/count_tokens", &ALL[2], r#"{"input_tokens":4}"#),
        ("/v1beta/models/m:countTokens", &ALL[3], r#"{"totalTokens":4}"#),
    ] {
        let mut raw = Raw::connect(&server).await;
        raw.send(post_to(path, &(spoken.body)().to_string(), "close").as_bytes()).await;
        assert!(raw.read_to_end().await.0.ends_with(field), "{path}");
    }
    assert_eq!(server.request_count(), 3);
    assert_eq!(get(&server, "/v1beta/models/m:generateContent").await.0, 404);
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_body_is_refused_in_every_language() {
    for spoken in ALL {
        let server = start(Script::default()).await;
        let mut raw = spoken.ask(&server, json!({"model": "m"}), true).await;
        let (answer, _) = raw.read_to_end().await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{}: {answer}", spoken.name);
        assert!(answer.contains("Missing required parameter"), "{}", spoken.name);
        server.stop().await;
    }
}
