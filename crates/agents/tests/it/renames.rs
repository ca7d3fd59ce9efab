//! Renames, and files that need not be written, through a whole request.

use std::sync::Arc;

use agents::{Action, CoderInput, Files, Milestone, Plan, PlannedFile, WorkItem, implement};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::scene::{chain_at, files, idea, settings};

/// A coder with these files, of which the plan deletes some, gets this answer: what it changes.
async fn changed(own: &[(&str, Action)], deleted: &[&str], entries: Value) -> Vec<(String, bool)> {
    let answer = json!({"files": entries, "notes": "done", "needs_files": null});
    let delta =
        json!({"index": 0, "delta": {"content": answer.to_string()}, "finish_reason": "stop"});
    let body = format!("data: {}\n\ndata: [DONE]\n\n", json!({"choices": [delta]}));
    let server = MockServer::start().await;
    let response = ResponseTemplate::new(200).set_body_raw(body, "text/event-stream");
    Mock::given(any()).respond_with(response).mount(&server).await;
    let chain = chain_at(&format!("{}/v1", server.uri()), &[("one", 0)]);
    let cancel = CancellationToken::new();
    let asking = agents::Asking {
        chain: &chain,
        deadline: None,
        cancel: &cancel,
        observer: &(),
        degradation: None,
    };
    let delete = deleted.iter().map(|path| (*path).to_owned()).collect();
    let milestone =
        Milestone { files: Files { delete, ..Files::default() }, ..Milestone::default() };
    let plan = Plan {
        milestones: vec![milestone],
        risks: vec![],
        success_criteria: vec![],
        confidence: 0.9,
    };
    let planned =
        |(path, action): &(&str, Action)| PlannedFile { path: (*path).to_owned(), action: *action };
    let item = WorkItem { files: own.iter().map(planned).collect(), read: vec![] };
    let mut settings = settings();
    settings.unwritable =
        Arc::new(|path| path.ends_with(".lock").then(|| format!("{path} is written by a command")));
    let (idea, plan) = (&idea(), &plan);
    let input = CoderInput { idea, plan, milestone: 0, item: &item, earlier: &[], findings: &[] };
    let answered = implement(&asking, &input, &files(), &settings, None).await.unwrap();
    let changes = answered.value.changes.into_iter();
    changes.map(|change| (change.path, change.from.is_some())).collect()
}

#[tokio::test]
async fn a_file_that_is_to_go_becomes_one_that_is_to_be_made() {
    let own = [("src/hello.rs", Action::Create), ("src/greet.rs", Action::Delete)];
    let entry = json!({"path": "src/hello.rs", "action": "rename", "from": "src/greet.rs", "content": null,
                       "edits": [{"search": "\"hello\"", "replace": "\"hello, you\""}], "explanation": "e"});
    let changes = changed(&own, &["src/greet.rs"], json!([entry])).await;
    assert_eq!(changes, [("src/greet.rs".to_owned(), false), ("src/hello.rs".to_owned(), true)]);
}

/// A round that mends finds gone what the plan deletes; nobody has to make it again.
#[tokio::test]
async fn what_is_gone_as_planned_and_what_commands_write_is_not_missed() {
    let own = [
        ("src/greet.rs", Action::Modify),
        ("src/gone.rs", Action::Create),
        ("Cargo.lock", Action::Create),
    ];
    let entry = json!({"path": "src/greet.rs", "action": "modify", "content": "pub fn greet() {}\n",
                       "edits": null, "explanation": "e"});
    let changes = changed(&own, &["src/gone.rs"], json!([entry])).await;
    assert_eq!(changes, [("src/greet.rs".to_owned(), false)]);
}
