//! Which step is taken at which call, without a socket.
use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::{Answers, FileAnswer, Step};

struct Asking(Arc<State>);

impl Asking {
    fn new(script: Script) -> Self {
        Self(Arc::new(State::new(script)))
    }

    fn request(&self, model: &str, schema: &str, paths: &[&str]) -> (Ticket, Vec<Act>) {
        let files = json!({"items": {"properties": {"path": {"enum": paths}}}});
        let schema = json!({"name": schema, "schema": {"properties": {"files": files}}});
        let body = json!({
            "model": model,
            "messages": [{"role": "user", "content": "x".repeat(40)}],
            "response_format": {"type": "json_schema", "json_schema": schema},
        });
        let request = Request {
            method: "POST".to_owned(),
            path: "/v1/chat/completions".to_owned(),
            authorization: None,
            keep_alive: true,
            body: body.to_string().into_bytes(),
        };
        self.0.admit(Language::Chat, request)
    }

    fn fault(&self, model: &str, schema: &str, paths: &[&str]) -> Fault {
        drop(self.request(model, schema, paths));
        self.last().fault
    }

    fn last(&self) -> Recorded {
        self.0.ledger.records().pop().expect("has a record")
    }

    /// The content of an answer; with `given`, it reaches the client.
    fn content(&self, schema: &str, paths: &[&str], given: bool) -> Value {
        let (mut ticket, acts) = self.request("m", schema, paths);
        if given {
            ticket.given();
        }
        let sent: Vec<u8> = acts
            .into_iter()
            .filter_map(|act| if let Act::Send(bytes) = act { Some(bytes) } else { None })
            .flatten()
            .collect();
        let sent = String::from_utf8(sent).expect("is text");
        let (_, body) = sent.split_once("\r\n\r\n").expect("has a body");
        let answer: Value = serde_json::from_str(body).expect("is JSON");
        let content = answer["choices"][0]["message"]["content"].as_str();
        serde_json::from_str(content.expect("has content")).expect("is JSON")
    }
}

#[test]
fn a_range_of_calls_is_down_for_a_while_and_then_up() {
    let script = ModelScript::steps([Step::calls(2..=3, Fault::status(503))]);
    let asking = Asking::new(Script::with_model("m", script));
    let faults: Vec<Fault> = (0..4).map(|_| asking.fault("m", "plan", &[])).collect();
    let down = Fault::status(503);
    assert_eq!(faults, [Fault::Answer, down.clone(), down, Fault::Answer]);
}

#[test]
fn calls_are_counted_for_each_model_and_among_those_that_match() {
    let step = Step::schema("review", Fault::Empty).in_calls(2..);
    let asking = Asking::new(Script::with_model("*", ModelScript::steps([step])));
    assert_eq!(asking.fault("a", "plan", &[]), Fault::Answer);
    assert_eq!(asking.fault("a", "review", &[]), Fault::Answer);
    assert_eq!(asking.fault("b", "review", &[]), Fault::Answer);
    assert_eq!(asking.fault("a", "plan", &[]), Fault::Answer);
    assert_eq!(asking.fault("a", "review", &[]), Fault::Empty);
    assert_eq!(asking.fault("b", "review", &[]), Fault::Empty);
}

#[test]
fn two_steps_with_the_same_condition_share_one_count() {
    let script = ModelScript::steps([
        Step::calls(..=1, Fault::Empty),
        Step::calls(2..3, Fault::NotJson),
        Step::path("a.rs", Fault::Refusal).in_calls(2..),
    ]);
    let asking = Asking::new(Script::with_model("m", script));
    assert_eq!(asking.fault("m", "changes", &["a.rs"]), Fault::Empty);
    assert_eq!(asking.fault("m", "changes", &["b.rs"]), Fault::NotJson);
    assert_eq!(asking.fault("m", "changes", &["b.rs", "a.rs"]), Fault::Refusal);
    assert_eq!(asking.fault("m", "changes", &["b.rs"]), Fault::Answer);
}

#[test]
fn a_named_model_does_not_follow_the_default() {
    let script = Script::all_failing(Fault::Empty).and_model("m", ModelScript::good());
    let asking = Asking::new(script);
    assert_eq!(asking.fault("m", "plan", &[]), Fault::Answer);
    assert_eq!(asking.fault("other", "plan", &[]), Fault::Empty);
}

#[test]
fn a_new_script_counts_anew_and_the_numbers_go_on() {
    let script = Script::with_model("m", ModelScript::steps([Step::calls(1..=1, Fault::Empty)]));
    let asking = Asking::new(script.clone());
    assert_eq!(asking.fault("m", "plan", &[]), Fault::Empty);
    assert_eq!(asking.fault("m", "plan", &[]), Fault::Answer);
    asking.0.set_script(script);
    assert_eq!(asking.fault("m", "plan", &[]), Fault::Empty);
    assert_eq!(asking.last().number, 3);
}

#[test]
fn a_request_over_the_window_is_refused_before_any_step_and_counts() {
    let steps = ModelScript::steps([Step::calls(1..=1, Fault::Empty)]);
    let small = steps.clone().with_context_window(9);
    let asking = Asking::new(Script::with_model("m", small));
    let Fault::Status { status, body, .. } = asking.fault("m", "plan", &[]) else {
        panic!("not refused");
    };
    assert_eq!(status, 400);
    let body: Value = serde_json::from_str(&body.expect("has a body")).expect("is JSON");
    assert_eq!(body["error"]["code"], "context_length_exceeded");
    asking.0.set_script(Script::with_model("m", steps.with_context_window(10)));
    assert_eq!(asking.fault("m", "plan", &[]), Fault::Empty);
}

#[test]
fn reviews_come_in_order_and_only_a_given_one_moves_on() {
    let answers = Answers {
        reviews: vec![json!({"approved": false}), json!({"approved": true})],
        ..Answers::default()
    };
    let asking = Asking::new(Script::default().with_answers(answers));
    let approved = |given| asking.content("review", &[], given)["approved"].clone();
    assert_eq!(approved(false), false);
    assert_eq!(approved(true), false);
    assert_eq!(approved(true), true);
    assert_eq!(approved(true), true);
}

#[test]
fn change_rounds_move_on_for_each_path_alone() {
    let round = |path: &str, content: &str| {
        BTreeMap::from([(path.to_owned(), FileAnswer::create(content))])
    };
    let answers = Answers {
        changes: round("b", "always"),
        changes_rounds: vec![round("a", "first"), round("a", "second"), BTreeMap::new()],
        ..Answers::default()
    };
    let asking = Asking::new(Script::default().with_answers(answers));
    let contents = |paths: &[&str]| {
        let files = asking.content("changes", paths, true)["files"].clone();
        let files = files.as_array().expect("has files").clone();
        files.iter().map(|file| file["content"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(contents(&["b"]), ["always"]);
    assert_eq!(contents(&["a", "b"]), ["first", "always"]);
    assert_eq!(contents(&["a"]), ["second"]);
    assert_eq!(contents(&["a"]), ["second"]);
    assert_eq!(contents(&["c"]), Vec::<Value>::new());
}

#[test]
fn an_answer_of_an_old_script_moves_nothing_in_a_new_one() {
    let answers = Answers {
        reviews: vec![json!({"approved": false}), json!({"approved": true})],
        ..Answers::default()
    };
    let script = Script::default().with_answers(answers);
    let asking = Asking::new(script.clone());
    let (mut late, _) = asking.request("m", "review", &[]);
    asking.0.set_script(script);
    late.given();
    assert_eq!(asking.content("review", &[], false)["approved"], false);
}

#[test]
fn placeholders_keep_the_shape_of_a_change_set() {
    let answers = Answers {
        changes: BTreeMap::from([
            ("a.rs".to_owned(), FileAnswer::create("fn a() {}")),
            ("b.py".to_owned(), FileAnswer::edit("old", "new")),
            ("c".to_owned(), FileAnswer::Delete),
        ]),
        ..Answers::default()
    };
    let script = Script::all_failing(Fault::Placeholder).with_answers(answers);
    let asking = Asking::new(script);
    let files = asking.content("changes", &["a.rs", "b.py", "c"], false)["files"].clone();
    assert!(files[0]["content"].as_str().expect("has content").contains("todo!()"));
    assert_eq!(files[1]["edits"][0]["search"], "old");
    assert!(files[1]["edits"][0]["replace"].as_str().expect("has text").contains("TODO"));
    assert_eq!(files[2]["action"], "delete");
    assert_eq!(files[2]["content"], Value::Null);
}

#[test]
fn names_beyond_the_bound_share_one_counter_and_earlier_ones_keep_theirs() {
    let script = ModelScript::steps([Step::calls(2.., Fault::Empty)]);
    let script = Script::with_model("*", script).and_model("named", ModelScript::good());
    let asking = Asking::new(script);
    for number in 0..=MAX_COUNTED {
        drop(asking.request(&format!("m{number}"), "plan", &[]));
    }
    assert_eq!(asking.fault("m1", "plan", &[]), Fault::Empty);
    assert_eq!(asking.fault("one more", "plan", &[]), Fault::Empty);
    assert!(asking.0.progress().calls.len() <= MAX_COUNTED + 1);
}

#[test]
fn a_script_survives_a_file() {
    let script = Script::with_model(
        "m",
        ModelScript::steps([Step::path("a.rs", Fault::rate_limited("2")).in_calls(3..)])
            .with_context_window(8_000),
    )
    .with_answers(Answers::creating([("a.rs", "fn a() {}\n")]));
    let text = serde_json::to_string(&script).expect("serializes");
    assert_eq!(serde_json::from_str::<Script>(&text).expect("parses"), script);
    let short = r#"{"models": {"m": {"steps": [{"then": "refusal"}]}}}"#;
    let read: Script = serde_json::from_str(short).expect("parses");
    assert_eq!(read, Script::with_model("m", ModelScript::failing(Fault::Refusal)));
    serde_json::from_str::<Script>(r#"{"modles": {}}"#).expect_err("is misspelt");
}
