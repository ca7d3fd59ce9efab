//! Coders: changes, fallbacks, questions for more files, and no stand-in.

use agents::{Action, CoderInput, Failed, Milestone, Plan, PlannedFile, WorkItem, implement};
use model_providers::{Class, Reason};
use serde_json::{Value, json};
use simulated_models::{Answers, Fault, FileAnswer, ModelScript, Script};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::scene::{Scene, chain_at, files, idea, model, settings};

fn plan() -> Plan {
    let milestone = Milestone { name: "Greet by name".to_owned(), ..Milestone::default() };
    Plan { milestones: vec![milestone], risks: vec![], success_criteria: vec![], confidence: 0.9 }
}

fn item(paths: &[(&str, Action)]) -> WorkItem {
    let file =
        |(path, action): &(&str, Action)| PlannedFile { path: (*path).to_owned(), action: *action };
    WorkItem {
        files: paths.iter().map(file).collect(),
        read: vec!["src/lib.rs".to_owned(), ".env".to_owned()],
    }
}

fn script() -> Script {
    let mut answers = Answers::default();
    answers
        .changes
        .insert("src/greet.rs".to_owned(), FileAnswer::edit("\"hello\"", "\"hello, you\""));
    answers
        .changes
        .insert("src/names.rs".to_owned(), FileAnswer::create("pub fn name() -> u8 {\n    1\n}\n"));
    Script::default().with_answers(answers)
}

#[tokio::test]
async fn edits_and_new_files_become_a_change_set() {
    let scene = Scene::new(script(), &[("small", 0)]).await;
    let item = item(&[("src/greet.rs", Action::Modify), ("src/names.rs", Action::Create)]);
    let (idea, plan, source) = (idea(), plan(), files());
    let input = CoderInput {
        idea: &idea,
        plan: &plan,
        milestone: 0,
        item: &item,
        earlier: &[],
        findings: &[],
    };
    let answered = implement(&scene.asking(), &input, &source, &settings(), None).await.unwrap();
    let changes = &answered.value.changes;
    assert_eq!(changes.len(), 2);
    assert!(changes[0].after.as_deref().unwrap().contains("\"hello, you\""));
    assert_eq!(changes[1].before, None);
    assert!(scene.sent().contains("pub mod greet;") && !scene.sent().contains("hunter2"));
    assert_eq!(scene.server.requests()[0].paths, ["src/greet.rs", "src/names.rs"]);
}

/// Trap 45: a stub is a failed attempt, and the next model is asked.
#[tokio::test]
async fn a_placeholder_is_a_failed_attempt_and_the_next_model_answers() {
    let script = script().and_model("small", ModelScript::failing(Fault::Placeholder));
    let scene = Scene::new(script, &[("small", 0), ("large", 0)]).await;
    let item = item(&[("src/names.rs", Action::Create)]);
    let (idea, plan) = (idea(), plan());
    let input = CoderInput {
        idea: &idea,
        plan: &plan,
        milestone: 0,
        item: &item,
        earlier: &[],
        findings: &[],
    };
    let answered = implement(&scene.asking(), &input, &files(), &settings(), None).await.unwrap();
    assert_eq!(answered.model, Some(model("large")));
    assert_eq!(answered.attempts[0].class, Some(Class::InvalidOutput));
}

#[tokio::test]
async fn nothing_stands_in_for_a_coder() {
    let (idea, plan, item) = (idea(), plan(), item(&[("src/names.rs", Action::Create)]));
    let input = CoderInput {
        idea: &idea,
        plan: &plan,
        milestone: 0,
        item: &item,
        earlier: &[],
        findings: &[],
    };
    let scene = Scene::new(Script::all_failing(Fault::status(500)), &[("small", 0)]).await;
    let failed = implement(&scene.asking(), &input, &files(), &settings(), None).await.unwrap_err();
    assert!(
        matches!(&failed, Failed::Unanswered(unanswered) if unanswered.reason == Reason::AllFailed)
    );
    assert!(!failed.attempts().is_empty());
    let none = Scene::new(Script::default(), &[]).await;
    let failed = implement(&none.asking(), &input, &files(), &settings(), None).await.unwrap_err();
    assert!(
        matches!(&failed, Failed::Unanswered(unanswered) if unanswered.reason == Reason::NoModel)
    );
}

/// Asks for files until it is told that no more can be had; then changes its file.
struct Curious;

impl Respond for Curious {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let prompt = body["messages"].to_string();
        let answer = if prompt.contains("No more files can be had") {
            let seen = prompt.contains("pub fn far_away") && prompt.contains("A greeter.");
            let content = format!("pub const SEEN: bool = {seen};\n");
            let entry = json!({"path": "src/names.rs", "action": "create", "content": content, "edits": null, "explanation": "e"});
            json!({"files": [entry], "notes": "done", "needs_files": null})
        } else if prompt.contains("pub fn far_away") {
            json!({"files": [], "notes": "", "needs_files": ["README.md"]})
        } else {
            json!({"files": [], "notes": "", "needs_files": ["src/far.rs", ".env", "nowhere.rs"]})
        };
        let chunk = json!({"choices": [{"index": 0, "delta": {"content": answer.to_string()}, "finish_reason": "stop"}]});
        ResponseTemplate::new(200)
            .set_body_raw(format!("data: {chunk}\n\ndata: [DONE]\n\n"), "text/event-stream")
    }
}

#[tokio::test]
async fn a_coder_gets_the_files_it_asks_for_as_often_as_the_rounds_allow() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(Curious).mount(&server).await;
    let chain = chain_at(&format!("{}/v1", server.uri()), &[("curious", 0)]);
    let cancel = tokio_util::sync::CancellationToken::new();
    let asking = agents::Asking {
        chain: &chain,
        deadline: None,
        cancel: &cancel,
        observer: &(),
        degradation: None,
    };
    let (idea, plan, item, source) =
        (idea(), plan(), item(&[("src/names.rs", Action::Create)]), files());
    let input = CoderInput {
        idea: &idea,
        plan: &plan,
        milestone: 0,
        item: &item,
        earlier: &[],
        findings: &[],
    };
    let answered = implement(&asking, &input, &source, &settings(), None).await.unwrap();
    assert_eq!(answered.value.changes[0].after.as_deref(), Some("pub const SEEN: bool = true;\n"));
    let numbers: Vec<u32> = answered.attempts.iter().map(|attempt| attempt.number).collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert!(!source.read.lock().unwrap().contains(&".env".to_owned()));
}

#[tokio::test]
async fn cancelling_ends_a_coder_with_its_attempts() {
    let scene =
        Scene::new(Script::all_failing(Fault::Stall { after_chunks: 0 }), &[("small", 0)]).await;
    let (idea, plan, item, source, settings) =
        (idea(), plan(), item(&[("src/names.rs", Action::Create)]), files(), settings());
    let input = CoderInput {
        idea: &idea,
        plan: &plan,
        milestone: 0,
        item: &item,
        earlier: &[],
        findings: &[],
    };
    let asking = scene.asking();
    let (asked, ()) = tokio::join!(implement(&asking, &input, &source, &settings, None), async {
        scene.server.wait_for_requests(1).await;
        scene.cancel.cancel();
    });
    let failed = asked.unwrap_err();
    assert_eq!(failed.attempts()[0].class, Some(Class::Cancelled));
}
