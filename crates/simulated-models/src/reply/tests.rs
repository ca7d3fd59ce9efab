//! Each fault as acts, in both forms: which bytes, where the pauses stand, how it ends.
use std::time::Duration;

use serde_json::json;

use super::*;

const GOOD: &str = r#"{"understanding":"It is long enough for three pieces of content, at forty characters each, and a bit."}"#;
const DELAY: Duration = Duration::from_millis(70);

fn asked(streamed: bool) -> Asked {
    let body = json!({
        "model": "m",
        "stream": streamed,
        "messages": [{"role": "user", "content": "12345678"}],
        "response_format": {"json_schema": {"name": "analysis"}},
    });
    chat(&body)
}

fn chat(body: &Value) -> Asked {
    Asked::read(Language::Chat, "/v1/chat/completions", body, &[]).expect("valid")
}

fn good(text: &str) -> Good {
    Good { text: text.to_owned(), calls: Vec::new() }
}

fn acts_of(fault: &Fault, streamed: bool) -> Vec<Act> {
    acts(fault, &asked(streamed), &good(GOOD), &Stamp::new(7, 1, 1_700_000_000))
}

/// The acts as one line, and all bytes sent.
fn outline(acts: &[Act]) -> (String, String) {
    let mut bytes = Vec::new();
    let names: Vec<&str> = acts
        .iter()
        .map(|act| match act {
            Act::Send(more) => {
                bytes.extend_from_slice(more);
                "send"
            }
            Act::Pause(time) => {
                assert_eq!(*time, DELAY);
                "pause"
            }
            Act::Given => "given",
            Act::Repeat(more) => {
                bytes.extend_from_slice(more);
                "repeat"
            }
            Act::Hang => "hang",
            Act::Close => "close",
            Act::Reset => "reset",
        })
        .collect();
    (names.join(" "), String::from_utf8(bytes).expect("is text"))
}

#[track_caller]
fn check(fault: &Fault, streamed: &str, plain: &str) -> (String, String) {
    let (got_streamed, streamed_bytes) = outline(&acts_of(fault, true));
    assert_eq!(got_streamed, streamed, "streamed {fault:?}");
    let (got_plain, plain_bytes) = outline(&acts_of(fault, false));
    assert_eq!(got_plain, plain, "plain {fault:?}");
    (streamed_bytes, plain_bytes)
}

/// The chunks of a chunked body, and whether it has its end.
fn dechunk(answer: &str) -> (Vec<&str>, bool) {
    let mut rest = body(answer);
    let mut chunks = Vec::new();
    while let Some((size, more)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).expect("is a chunk size");
        if size == 0 {
            assert_eq!(more, "\r\n");
            return (chunks, true);
        }
        let (chunk, more) = more.split_at(size);
        chunks.push(chunk);
        rest = more.strip_prefix("\r\n").expect("ends the chunk");
    }
    assert_eq!(rest, "");
    (chunks, false)
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").expect("has a head").1
}

/// Kinds of the events of a stream, by their first letters: **o**pening, **c**ontent,
/// re**f**usal, **r**easoning, **k**eep-alive, **b**roken, **e**rror, the finish reason in
/// brackets, and **D**one.
fn kinds(chunks: &[&str]) -> String {
    let kind = |event: &&str| {
        let event = event.strip_suffix("\n\n").expect("ends an event");
        let Some(data) = event.strip_prefix("data: ") else {
            assert_eq!(event, ": keep-alive");
            return "k".to_owned();
        };
        if data == "[DONE]" {
            return "D".to_owned();
        }
        let Ok(value) = serde_json::from_str::<Value>(data) else {
            return "b".to_owned();
        };
        if value["error"].is_object() {
            return "e".to_owned();
        }
        let choice = &value["choices"][0];
        if let Some(reason) = choice["finish_reason"].as_str() {
            return format!("[{reason}]");
        }
        let delta = &choice["delta"];
        let known = [("role", "o"), ("content", "c"), ("refusal", "f"), ("reasoning_content", "r")];
        let found = known.iter().find(|(field, _)| delta[field].is_string());
        found.expect("has a known delta").1.to_owned()
    };
    chunks.iter().map(kind).collect()
}

fn message(answer: &str) -> (Value, Value) {
    let answer: Value = serde_json::from_str(body(answer)).expect("is JSON");
    let choice = &answer["choices"][0];
    (choice["message"].clone(), choice["finish_reason"].clone())
}

#[test]
fn a_good_answer_is_one_send_with_its_mark_before_it() {
    let (streamed, plain) = check(&Fault::Answer, "given send", "given send");
    let (chunks, ended) = dechunk(&streamed);
    assert!(ended);
    assert_eq!(kinds(&chunks), "occc[stop]D");
    let (message, finish) = message(&plain);
    assert_eq!(message["content"], GOOD);
    assert_eq!(finish, "stop");
}

#[test]
fn delays_stand_where_their_names_say() {
    let headers_late = "pause given send";
    check(&Fault::AnswerAfter { delay: DELAY }, headers_late, headers_late);
    check(&Fault::SlowHeaders { delay: DELAY }, headers_late, headers_late);
    let body_late = "send pause given send";
    let slow = Fault::SlowFirstToken { delay: DELAY };
    check(&slow, body_late, body_late);
    let first = |streamed| outline(&acts_of(&slow, streamed)[..1]).1;
    assert!(first(true).ends_with("transfer-encoding: chunked\r\n\r\n"));
    assert!(first(false).contains("content-length: "));
    assert_eq!(body(&first(false)), "");
}

#[test]
fn a_drip_pauses_before_every_piece() {
    let fault = Fault::Drip { pause: DELAY };
    // Streamed: headers, then opening, three pieces, finish reason and end mark.
    let streamed = format!("send {}pause given send", "pause send ".repeat(5));
    let (_, plain) = outline(&acts_of(&fault, false));
    let (chunks, ended) = dechunk(&plain);
    assert!(ended);
    let expected = format!("send {}pause given send", "pause send ".repeat(chunks.len() - 1));
    check(&fault, &streamed, &expected);
    assert!(chunks.len() > 3);
}

#[test]
fn thinking_shows_life_before_the_answer() {
    let fault = Fault::Thinking { pause: DELAY, times: 2 };
    // The last sign of life and the answer come together.
    let line = "send pause send pause given send";
    let (streamed, plain) = check(&fault, line, line);
    let (chunks, ended) = dechunk(&streamed);
    assert!(ended);
    assert_eq!(kinds(&chunks), "kroccc[stop]D");
    let (chunks, ended) = dechunk(&plain);
    assert!(ended);
    let whole = chunks.concat();
    assert!(whole.starts_with("\n\n{"));
    serde_json::from_str::<Value>(&whole).expect("is JSON");
}

#[test]
fn fragments_are_torn_but_whole() {
    let (streamed, plain) = check(&Fault::Fragmented, "given send", "given send");
    for answer in [&streamed, &plain] {
        let (chunks, ended) = dechunk(answer);
        assert!(ended);
        assert!(chunks.iter().all(|chunk| chunk.len() <= FRAGMENT));
    }
    let (good, _) = check(&Fault::Answer, "given send", "given send");
    assert_eq!(dechunk(&streamed).0.concat(), dechunk(&good).0.concat());
}

#[test]
fn resets_send_nothing() {
    check(&Fault::ResetBeforeHeaders, "reset", "reset");
    check(&Fault::RefuseConnection, "reset", "reset");
}

#[test]
fn a_stall_hangs_after_the_pieces_it_was_given() {
    for (after_chunks, sent) in [(0, ""), (1, "oc"), (3, "occc"), (9, "occc")] {
        let fault = Fault::Stall { after_chunks };
        let (streamed, plain) = check(&fault, "send hang", "send hang");
        let (chunks, ended) = dechunk(&streamed);
        assert_eq!((kinds(&chunks).as_str(), ended), (sent, false));
        let announced = announced_length(&plain);
        assert_eq!(body(&plain).len(), (after_chunks * PLAIN_PIECE).min(announced - 1));
    }
}

#[test]
fn a_cut_closes_a_body_that_is_not_complete() {
    for (after_chunks, sent) in [(0, ""), (2, "occ"), (9, "occc")] {
        let fault = Fault::Cut { after_chunks };
        let (streamed, plain) = check(&fault, "send close", "send close");
        let (chunks, ended) = dechunk(&streamed);
        assert_eq!((kinds(&chunks).as_str(), ended), (sent, false));
        assert!(body(&plain).len() < announced_length(&plain));
    }
}

fn announced_length(answer: &str) -> usize {
    let (_, rest) = answer.split_once("content-length: ").expect("has a length");
    let (length, _) = rest.split_once("\r\n").expect("ends the header");
    length.parse().expect("is a number")
}

#[test]
fn an_error_event_comes_inside_a_200() {
    for (after_chunks, sent) in [(0, "e"), (1, "oce"), (9, "occce")] {
        let fault = Fault::ErrorEvent { after_chunks };
        let (streamed, plain) = check(&fault, "send", "send");
        assert!(streamed.starts_with("HTTP/1.1 200 "));
        let (chunks, ended) = dechunk(&streamed);
        assert_eq!((kinds(&chunks).as_str(), ended), (sent, true));
        assert!(plain.starts_with("HTTP/1.1 200 "));
        assert!(body(&plain).starts_with(r#"{"error":"#));
    }
}

#[test]
fn ends_of_streams_go_missing_one_at_a_time() {
    let (streamed, plain) = check(&Fault::MissingEndMark, "given send close", "given send close");
    let (chunks, ended) = dechunk(&streamed);
    assert_eq!((kinds(&chunks).as_str(), ended), ("occc[stop]", true));
    assert!(!plain.contains("content-length") && !plain.contains("chunked"));
    assert_eq!(message(&plain).1, "stop");

    let (streamed, plain) = check(&Fault::NoFinishReason, "send", "send");
    let (chunks, ended) = dechunk(&streamed);
    assert_eq!((kinds(&chunks).as_str(), ended), ("occcD", true));
    assert_eq!(message(&plain).1, Value::Null);
}

#[test]
fn a_malformed_chunk_is_one_among_whole_ones() {
    let (streamed, plain) = check(&Fault::MalformedChunk, "send", "send");
    let (chunks, ended) = dechunk(&streamed);
    assert_eq!((kinds(&chunks).as_str(), ended), ("ocbc[stop]D", true));
    assert_eq!(body(&plain).len(), announced_length(&plain));
    serde_json::from_str::<Value>(body(&plain)).expect_err("is broken");
}

#[test]
fn a_page_or_nothing_comes_instead_of_an_answer() {
    let (streamed, plain) = check(&Fault::WrongContentType, "send", "send");
    assert_eq!(streamed, plain);
    assert!(plain.starts_with("HTTP/1.1 200 ") && plain.contains("content-type: text/html"));
    let (streamed, plain) = check(&Fault::EmptyBody, "send", "send");
    assert_eq!(dechunk(&streamed), (vec![], true));
    assert_eq!((announced_length(&plain), body(&plain)), (0, ""));
}

#[test]
fn contents_are_wrong_in_the_way_they_are_named() {
    let said = |fault: &Fault| {
        let (streamed, plain) = check(fault, "send", "send");
        let (chunks, ended) = dechunk(&streamed);
        assert!(ended);
        let (message, finish) = message(&plain);
        let finish = finish.as_str().expect("has a reason").to_owned();
        let content = message["content"].as_str().map(str::to_owned);
        (content, finish, kinds(&chunks))
    };
    let (content, finish, events) = said(&Fault::Empty);
    assert_eq!((content.as_deref(), finish.as_str()), (Some(""), "stop"));
    assert_eq!(events, "o[stop]D");
    let (content, ..) = said(&Fault::NotJson);
    serde_json::from_str::<Value>(&content.expect("has content")).expect_err("is prose");
    let (content, ..) = said(&Fault::WrongSchema);
    let value: Value = serde_json::from_str(&content.expect("has content")).expect("is JSON");
    assert!(value.get("understanding").is_none());
    let (content, finish, events) = said(&Fault::CutOff);
    assert_eq!((content.as_deref(), finish.as_str()), (Some(&GOOD[..GOOD.len() / 2]), "length"));
    assert_eq!(events, "occ[length]D");
    let (.., finish, _) = said(&Fault::ContentFilter);
    assert_eq!(finish, "content_filter");
    let (content, finish, events) = said(&Fault::Refusal);
    assert_eq!((content, finish.as_str()), (None, "stop"));
    assert_eq!(events, "off[stop]D");
    let (content, ..) = said(&Fault::Placeholder);
    assert_eq!(content.as_deref(), Some(r#"{"understanding":"TODO: describe this."}"#));
}

#[test]
fn a_status_brings_its_header_and_body_verbatim() {
    let fault = Fault::Status {
        status: 529,
        retry_after: Some("7".to_owned()),
        body: Some("busy".to_owned()),
    };
    let (streamed, plain) = check(&fault, "send", "send");
    assert_eq!(streamed, plain);
    assert_eq!(
        plain,
        "HTTP/1.1 529 Overloaded\r\nserver: simulated-models\r\n\
         content-type: text/plain; charset=utf-8\r\nretry-after: 7\r\n\
         content-length: 4\r\n\r\nbusy"
    );
    let (_, plain) = check(&Fault::quota_exhausted(), "send", "send");
    assert!(plain.starts_with("HTTP/1.1 429 ") && plain.contains("content-type: application/json"));
    assert!(plain.contains(r#""code":"insufficient_quota""#));
    for status in [400, 401, 402, 403, 404, 418, 429, 500, 502, 503, 529] {
        let (_, plain) = check(&Fault::status(status), "send", "send");
        let error: Value = serde_json::from_str(body(&plain)).expect("is JSON");
        assert!(error["error"]["message"].is_string());
    }
}

#[test]
fn a_header_value_cannot_start_another_header() {
    let (_, plain) = check(&Fault::rate_limited("1\r\nx-evil: 1"), "send", "send");
    assert!(plain.contains("\r\nretry-after: 1x-evil: 1\r\n"));
}

#[test]
fn the_same_seed_and_number_give_the_same_id() {
    let id = |seed, number| Stamp::new(seed, number, 0).id("chatcmpl-", 0);
    assert_eq!(id(1, 2), id(1, 2));
    assert_ne!(id(1, 2), id(1, 3));
    assert_ne!(id(1, 2), id(2, 2));
    assert_eq!(id(0, 1).len(), "chatcmpl-".len() + 28);
}

#[test]
fn what_has_no_end_is_repeated_until_the_client_leaves() {
    let (streamed, plain) = check(&Fault::Endless, "send repeat", "send repeat");
    assert!(streamed.contains("again and again") && !streamed.contains("finish_reason\":\"stop"));
    assert!(plain.contains("transfer-encoding: chunked"));
}

#[test]
fn noise_leaves_the_answer_whole() {
    let (streamed, _) = check(&Fault::Noise, "given send", "given send");
    assert!(streamed.contains("data: {\"upstream\": \n\n"));
    assert!(streamed.contains("[DONE]"));
}

#[test]
fn only_a_request_that_begins_the_answer_is_refused_for_it() {
    check(&Fault::RejectsPrefill, "given send", "given send");
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "a"},
        {"role": "assistant", "content": "{"}]});
    let acts = acts(&Fault::RejectsPrefill, &chat(&body), &good(GOOD), &Stamp::new(7, 1, 0));
    assert!(outline(&acts).1.starts_with("HTTP/1.1 400"));
}
