//! Each fault as bytes on a connection: what comes, and whether FIN or RST ends it.
use std::time::Duration;

use simulated_models::{Fault, ModelScript, Script, Step};

use crate::harness::{End, Raw, failing, soon, start};

const DELAY: Duration = Duration::from_millis(60);

/// What a client reads that asks once and waits for the end of the connection.
async fn bytes(fault: Fault, streamed: bool) -> (String, End) {
    let server = failing(fault.clone()).await;
    let mut raw = Raw::connect(&server).await;
    raw.ask(streamed, "keep-alive").await;
    let read = raw.read_to_end().await;
    soon(server.wait_for_ended(1)).await;
    assert_eq!(server.requests()[0].fault, fault);
    server.stop().await;
    read
}

#[tokio::test]
async fn a_reset_comes_before_any_header() {
    for streamed in [false, true] {
        let nothing = (String::new(), End::Reset);
        assert_eq!(bytes(Fault::ResetBeforeHeaders, streamed).await, nothing);
        assert_eq!(bytes(Fault::RefuseConnection, streamed).await, nothing);
    }
}

#[tokio::test]
async fn a_cut_stream_is_a_chunked_body_without_its_end() {
    let (answer, end) = bytes(Fault::Cut { after_chunks: 2 }, true).await;
    assert_eq!(end, End::Closed);
    let (head, body) = answer.split_once("\r\n\r\n").expect("has a head");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(head.contains("transfer-encoding: chunked"));
    assert_eq!(body.matches("data: ").count(), 3);
    assert!(body.ends_with("\n\n\r\n"), "the last chunk sent is whole");
    assert!(!body.contains("\r\n0\r\n"), "no end of the body");
}

#[tokio::test]
async fn a_cut_plain_answer_is_shorter_than_announced() {
    let (answer, end) = bytes(Fault::Cut { after_chunks: 2 }, false).await;
    assert_eq!(end, End::Closed);
    let (head, body) = answer.split_once("\r\n\r\n").expect("has a head");
    let (_, length) = head.split_once("content-length: ").expect("has a length");
    assert_eq!(body.len(), 128);
    assert!(length.parse::<usize>().expect("is a number") > 128);
}

#[tokio::test]
async fn a_missing_end_mark_is_closed_in_order() {
    let (answer, end) = bytes(Fault::MissingEndMark, true).await;
    assert_eq!(end, End::Closed);
    assert!(answer.contains(r#""finish_reason":"stop""#));
    assert!(!answer.contains("[DONE]"));
    assert!(answer.ends_with("\r\n0\r\n\r\n"));
    let (answer, end) = bytes(Fault::MissingEndMark, false).await;
    assert_eq!(end, End::Closed);
    assert!(answer.contains("connection: close") && !answer.contains("content-length"));
    assert!(answer.ends_with("}}"));
}

#[tokio::test]
async fn a_stall_keeps_the_connection_open_until_the_client_leaves() {
    for streamed in [false, true] {
        let server = failing(Fault::Stall { after_chunks: 0 }).await;
        let mut raw = Raw::connect(&server).await;
        raw.ask(streamed, "keep-alive").await;
        let head = raw.read_until("\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"));
        assert_eq!(server.requests()[0].ended, None);
        drop(raw);
        soon(server.wait_for_ended(1)).await;
        assert!(server.requests()[0].ended.is_some());
        server.stop().await;
    }
}

#[tokio::test]
async fn delays_last_as_long_as_they_say() {
    let slow = [
        Fault::AnswerAfter { delay: DELAY },
        Fault::SlowHeaders { delay: DELAY },
        Fault::SlowFirstToken { delay: DELAY },
        Fault::Thinking { pause: DELAY / 2, times: 2 },
        Fault::Drip { pause: DELAY / 6 },
    ];
    for fault in slow {
        for streamed in [false, true] {
            let server = failing(fault.clone()).await;
            let mut raw = Raw::connect(&server).await;
            raw.ask(streamed, "close").await;
            let (answer, end) = raw.read_to_end().await;
            assert_eq!(end, End::Closed);
            assert!(answer.ends_with("\r\n0\r\n\r\n") || answer.ends_with('}'), "{fault:?}");
            soon(server.wait_for_ended(1)).await;
            let recorded = &server.requests()[0];
            let took = recorded.ended.expect("has ended") - recorded.received;
            assert!(took >= DELAY, "{fault:?} took {took:?}");
            server.stop().await;
        }
    }
}

#[tokio::test]
async fn a_client_that_leaves_ends_a_delay() {
    let delay = Duration::from_secs(3_600);
    let server = failing(Fault::SlowHeaders { delay }).await;
    let mut raw = Raw::connect(&server).await;
    raw.ask(true, "keep-alive").await;
    soon(server.wait_for_requests(1)).await;
    drop(raw);
    soon(server.wait_for_ended(1)).await;
    server.stop().await;
}

#[tokio::test]
async fn a_script_that_only_refuses_resets_on_accept() {
    let server = start(Script::all_failing(Fault::RefuseConnection)).await;
    let mut raw = Raw::connect(&server).await;
    assert_eq!(raw.read_to_end().await, (String::new(), End::Reset));
    soon(server.wait_for_ended(1)).await;
    let recorded = &server.requests()[0];
    assert_eq!((recorded.model.as_str(), &recorded.fault), ("*", &Fault::RefuseConnection));
    server.set_script(Script::default());
    let mut raw = Raw::connect(&server).await;
    raw.ask(false, "close").await;
    assert!(raw.read_to_end().await.0.starts_with("HTTP/1.1 200 OK\r\n"));
    server.stop().await;
}

#[tokio::test]
async fn a_fault_leaves_the_next_request_of_its_connection_alone() {
    let model = ModelScript::steps([Step::calls(1..=1, Fault::rate_limited("1"))]);
    let server = start(Script::with_model("m", model)).await;
    let mut raw = Raw::connect(&server).await;
    raw.ask(true, "keep-alive").await;
    raw.ask(true, "close").await;
    let (answers, end) = raw.read_to_end().await;
    assert_eq!(end, End::Closed);
    assert!(answers.starts_with("HTTP/1.1 429 Too Many Requests\r\n"));
    assert!(answers.contains("\r\nretry-after: 1\r\n"));
    assert!(answers.contains("}HTTP/1.1 200 OK\r\n"));
    assert!(answers.ends_with("data: [DONE]\n\n\r\n0\r\n\r\n"));
    server.stop().await;
}
