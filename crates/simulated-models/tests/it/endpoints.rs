//! The other endpoints, wrong requests, and the bounds of what is read.
use serde_json::{Value, json};
use simulated_models::{Fault, ModelScript, Script};

use crate::harness::{End, Raw, chat_url, client, failing, get, post, request, soon, start};

#[tokio::test]
async fn lists_the_models_of_the_script() {
    let script = Script::all_failing(Fault::Empty)
        .and_model("small", ModelScript::good())
        .and_model("large", ModelScript::good());
    let server = start(script).await;
    let (status, models) = get(&server, "/v1/models?limit=5").await;
    assert_eq!((status, &models["object"]), (200, &json!("list")));
    let data = models["data"].as_array().expect("has data");
    let ids: Vec<&Value> = data.iter().map(|model| &model["id"]).collect();
    assert_eq!(ids, ["large", "small"]);
    assert_eq!(get(&server, "/health").await, (200, json!({"status": "ok"})));
    let (status, error) = get(&server, "/v1/embeddings").await;
    assert_eq!(status, 404);
    assert_eq!(error["error"]["message"], "Invalid URL (GET /v1/embeddings)");
    assert_eq!(server.request_count(), 0);
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_body_is_refused_in_the_form_of_openai() {
    let server = start(Script::default()).await;
    for (body, message) in [
        ("{\"model\":", "could not parse the JSON body"),
        ("{\"messages\": []}", "Missing required parameter: 'model'"),
        ("{\"model\": \"m\"}", "Missing required parameter: 'messages'"),
    ] {
        let client = client();
        let sent = client.post(chat_url(&server)).body(body).send().await;
        let answer = sent.expect("answers");
        assert_eq!(answer.status(), 400);
        let error: Value = answer.json().await.expect("is JSON");
        let text = error["error"]["message"].as_str().expect("has a message");
        assert!(text.contains(message), "{text}");
        assert_eq!(error["error"]["type"], "invalid_request_error");
    }
    let refused = server.requests();
    assert_eq!(refused.len(), 3);
    assert!(refused.iter().all(|r| matches!(r.fault, Fault::Status { status: 400, .. })));
    server.stop().await;
}

#[tokio::test]
async fn a_request_over_the_window_is_refused() {
    let model = ModelScript::good().with_context_window(5);
    let server = start(Script::with_model("m", model)).await;
    let client = client();
    let body = request("m", "plan", true);
    let answer = client.post(chat_url(&server)).json(&body).send().await.expect("answers");
    // The prompt of 22 bytes counts as five tokens and just fits.
    assert_eq!(answer.status(), 200);
    let model = ModelScript::good().with_context_window(4);
    server.set_script(Script::with_model("m", model));
    let answer = client.post(chat_url(&server)).json(&body).send().await.expect("answers");
    assert_eq!(answer.status(), 400);
    let error: Value = answer.json().await.expect("is JSON");
    assert_eq!(error["error"]["code"], "context_length_exceeded");
    server.stop().await;
}

#[tokio::test]
async fn heads_and_bodies_are_bounded() {
    let server = start(Script::default()).await;
    let start = "POST /v1/chat/completions HTTP/1.1\r\n";
    let long = format!("{start}x: {}\r\n\r\n", "x".repeat(80 << 10));
    for (bytes, status) in [
        (long, "431 Request Header Fields Too Large"),
        (format!("{start}content-length: 33554433\r\n\r\n"), "413 Content Too Large"),
        (format!("{start}transfer-encoding: chunked\r\n\r\n"), "411 Length Required"),
        (format!("{start}content-length: x\r\n\r\n"), "411 Length Required"),
        ("\u{1}\u{2}\r\n\r\n".to_owned(), "400 Bad Request"),
    ] {
        let mut raw = Raw::connect(&server).await;
        raw.send(bytes.as_bytes()).await;
        raw.finish().await;
        let (answer, end) = raw.read_to_end().await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answer}");
        assert_eq!(end, End::Closed, "{status}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_body_may_wait_for_permission() {
    let server = failing(Fault::Refusal).await;
    let mut raw = Raw::connect(&server).await;
    let whole = post(&request("m", "plan", false).to_string(), "close");
    let (head, body) = whole.split_once("\r\n\r\n").expect("has a head");
    raw.send(format!("{head}\r\nexpect: 100-continue\r\n\r\n").as_bytes()).await;
    assert_eq!(raw.read_until("\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    raw.send(body.as_bytes()).await;
    assert!(raw.read_to_end().await.0.contains("I'm sorry"));
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_is_still_sending_learns_why_it_was_refused() {
    let server = start(Script::default()).await;
    let body = vec![b' '; (32 << 20) + 1];
    let sent = soon(client().post(chat_url(&server)).body(body).send()).await;
    assert_eq!(sent.expect("answers").status(), 413);
    server.stop().await;
}
