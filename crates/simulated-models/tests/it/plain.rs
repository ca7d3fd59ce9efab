//! Good answers and the endpoints, as an HTTP client reads them.
use serde_json::{Value, json};
use simulated_models::{Answers, FileAnswer, Script, Server};

use crate::harness::{client, request};

#[tokio::test]
async fn a_good_answer_reads_the_same_plain_and_streamed() {
    let server = Server::start(Script::default()).await.expect("starts");
    let client = client();
    let url = format!("{}/chat/completions", server.base_url());
    let plain: Value = client
        .post(&url)
        .bearer_auth("key-1")
        .json(&request("m", "plan", false))
        .send()
        .await
        .expect("answers")
        .json()
        .await
        .expect("is JSON");
    let streamed = client
        .post(&url)
        .json(&request("m", "plan", true))
        .send()
        .await
        .expect("answers")
        .text()
        .await
        .expect("is whole");
    let content = plain["choices"][0]["message"]["content"].as_str().expect("has content");
    let events: Vec<&str> = streamed.split_terminator("\n\n").collect();
    assert_eq!(events.last(), Some(&"data: [DONE]"));
    let chunks: Vec<Value> = events[..events.len() - 1]
        .iter()
        .map(|event| serde_json::from_str(&event["data: ".len()..]).expect("is JSON"))
        .collect();
    let joined: String = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(joined, content);
    let parsed: Value = serde_json::from_str(content).expect("is JSON");
    assert_eq!(parsed, Answers::default().plan);
    let [.., finish, usage] = &chunks[..] else {
        panic!("too few chunks");
    };
    assert_eq!(finish["choices"][0]["finish_reason"], "stop");
    assert_eq!(usage["choices"], json!([]));
    assert_eq!(usage["usage"], plain["usage"]);
    assert_eq!(plain["usage"]["completion_tokens"], content.len() / 4);
    server.wait_for_ended(2).await;
    let requests = server.requests();
    assert_eq!(requests[0].authorization.as_deref(), Some("Bearer key-1"));
    assert_eq!(requests[1].authorization, None);
    assert!(requests.iter().all(|r| r.schema.as_deref() == Some("plan")));
    server.stop().await;
}

#[tokio::test]
async fn a_change_set_has_the_paths_that_were_asked_for_and_scripted() {
    let answers = Answers {
        changes: [
            ("src/a.rs".to_owned(), FileAnswer::create("fn a() {}\n")),
            ("src/b.rs".to_owned(), FileAnswer::edit("old", "new")),
            ("src/c.rs".to_owned(), FileAnswer::Delete),
        ]
        .into(),
        ..Answers::default()
    };
    let server = Server::start(Script::default().with_answers(answers)).await.expect("starts");
    let mut body = request("m", "changes", false);
    body["response_format"]["json_schema"]["schema"] = json!({"properties": {"files": {"items":
        {"properties": {"path": {"enum": ["src/a.rs", "src/b.rs", "src/d.rs"]}}}}}});
    let answer: Value = client()
        .post(format!("{}/chat/completions", server.base_url()))
        .json(&body)
        .send()
        .await
        .expect("answers")
        .json()
        .await
        .expect("is JSON");
    let content = answer["choices"][0]["message"]["content"].as_str().expect("has content");
    let changes: Value = serde_json::from_str(content).expect("is JSON");
    let files = changes["files"].as_array().expect("has files");
    assert_eq!(files.len(), 2);
    assert_eq!(files[0]["action"], "create");
    assert_eq!(files[0]["content"], "fn a() {}\n");
    assert_eq!(files[0]["edits"], Value::Null);
    assert_eq!(files[1]["action"], "modify");
    assert_eq!(files[1]["content"], Value::Null);
    assert_eq!(files[1]["edits"], json!([{"search": "old", "replace": "new"}]));
    assert_eq!(server.requests()[0].paths, ["src/a.rs", "src/b.rs", "src/d.rs"]);
    server.stop().await;
}
