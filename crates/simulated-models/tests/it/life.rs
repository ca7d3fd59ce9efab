//! The life of a server: many requests at once, and an end that leaves nothing behind.
use std::collections::BTreeSet;

use serde_json::{Value, json};
use simulated_models::{Answers, Fault, ModelScript, Script, Step};
use tokio::task::JoinSet;

use crate::harness::{End, Raw, chat_url, client, failing, request, soon, start};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_requests_at_once_are_all_answered_and_recorded() {
    let model = ModelScript::steps([Step::calls(..=50, Fault::status(503))]);
    let server = start(Script::with_model("m", model)).await;
    let client = client();
    let mut asking = JoinSet::new();
    for number in 0..200 {
        let mut body = request("m", "plan", number % 2 == 0);
        body["user"] = json!(number);
        let sent = client.post(chat_url(&server)).json(&body);
        asking.spawn(async move {
            let answer = sent.send().await.expect("answers");
            let status = answer.status().as_u16();
            let text = answer.text().await.expect("is whole");
            assert_eq!(text.contains("milestones"), status == 200);
            status
        });
    }
    let statuses = soon(asking.join_all()).await;
    assert_eq!(statuses.iter().filter(|status| **status == 503).count(), 50);
    soon(server.wait_for_ended(200)).await;
    let recorded = server.requests();
    assert_eq!(recorded.len(), 200);
    assert!(recorded.iter().all(|r| r.ended.is_some_and(|ended| ended >= r.received)));
    assert!(recorded.is_sorted_by_key(|r| (r.number, r.received)));
    let users: BTreeSet<u64> = recorded.iter().filter_map(|r| r.body["user"].as_u64()).collect();
    assert_eq!(users, (0..200).collect());
    let (early, late) = recorded.split_at(50);
    assert!(early.iter().all(|r| r.fault == Fault::status(503)));
    assert!(late.iter().all(|r| r.fault == Fault::Answer));
    server.stop().await;
}

#[tokio::test]
async fn stopping_ends_all_connections_and_frees_the_port() {
    let server = failing(Fault::Stall { after_chunks: 1 }).await;
    let url = chat_url(&server);
    let mut stalled = Raw::connect(&server).await;
    stalled.ask(true, "keep-alive").await;
    let mut idle = Raw::connect(&server).await;
    soon(server.wait_for_requests(1)).await;
    stalled.read_until("\r\n\r\n").await;
    soon(server.stop()).await;
    assert_eq!(stalled.read_to_end().await.1, End::Closed);
    idle.read_to_end().await;
    let error = soon(client().get(url).send()).await.expect_err("nobody listens");
    assert!(error.is_connect());
}

#[tokio::test]
async fn dropping_stops_too() {
    let server = failing(Fault::Stall { after_chunks: 0 }).await;
    let url = chat_url(&server);
    let mut stalled = Raw::connect(&server).await;
    stalled.ask(false, "keep-alive").await;
    stalled.read_until("\r\n\r\n").await;
    drop(server);
    assert_eq!(stalled.read_to_end().await, (String::new(), End::Closed));
    let error = soon(client().get(url).send()).await.expect_err("nobody listens");
    assert!(error.is_connect());
}

#[tokio::test]
async fn the_next_review_comes_when_the_first_has_been_read() {
    let answers = Answers {
        reviews: vec![json!({"approved": false}), json!({"approved": true})],
        ..Answers::default()
    };
    let model = ModelScript::steps([Step::calls(1..=1, Fault::Cut { after_chunks: 9 })]);
    let server = start(Script::with_model("m", model).with_answers(answers)).await;
    let client = client();
    let mut said = Vec::new();
    for _ in 0..3 {
        let sent = client.post(chat_url(&server)).json(&request("m", "review", false));
        let answer = soon(sent.send()).await.expect("has headers");
        if let Ok(text) = soon(answer.text()).await {
            let answer: Value = serde_json::from_str(&text).expect("is JSON");
            said.push(answer["choices"][0]["message"]["content"].clone());
        }
    }
    assert_eq!(said, [r#"{"approved":false}"#, r#"{"approved":true}"#]);
    server.stop().await;
}
