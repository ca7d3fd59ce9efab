//! What is read out of a request for a chat completion, and what is refused.
use serde_json::json;

use super::*;

fn parse(body: &Value) -> Result<Asked, Invalid> {
    Asked::read(Language::Chat, "/v1/chat/completions", body, &["survey".to_owned()])
}

fn schema(paths: &[&str]) -> Value {
    let path = json!({"type": "string", "enum": paths});
    json!({"properties": {"files": {"items": {"properties": {"path": path}}}}})
}

#[test]
fn takes_schema_and_paths_from_the_response_format() {
    let asked = parse(&json!({
        "model": "m",
        "messages": [{"role": "user", "content": "schema plan"}],
        "response_format": {"type": "json_schema", "json_schema": {
            "name": "changes", "schema": schema(&["a.rs", "b.rs"]),
        }},
    }))
    .expect("valid");
    assert_eq!(asked.schema.as_deref(), Some("changes"));
    assert_eq!(asked.paths, ["a.rs", "b.rs"]);
}

#[test]
fn finds_a_schema_that_stands_in_the_prompt() {
    let text = format!(
        "A schema is given. Answer by the schema `changes`:\n{}\nNothing else.",
        schema(&["x.py"])
    );
    let asked = parse(&json!({
        "model": "m",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}],
    }))
    .expect("valid");
    assert_eq!(asked.schema.as_deref(), Some("changes"));
    assert_eq!(asked.paths, ["x.py"]);
}

#[test]
fn finds_the_names_of_other_answers_and_no_others() {
    let asking = |name: &str| {
        parse(&json!({
            "model": "m",
            "messages": [{"role": "user", "content": format!("by schema {name}.")}],
        }))
        .expect("valid")
        .schema
    };
    assert_eq!(asking("survey").as_deref(), Some("survey"));
    assert_eq!(asking("planning"), None);
    assert_eq!(asking("").as_deref(), None);
}

#[test]
fn estimates_tokens_from_the_bytes_of_all_contents() {
    let asked = parse(&json!({
        "model": "m",
        "messages": [
            {"role": "system", "content": "12345678"},
            {"role": "assistant", "content": null},
            {"role": "user", "content": [{"type": "text", "text": "ééé"}, {"type": "text", "text": "12"}]},
        ],
    }))
    .expect("valid");
    assert_eq!(asked.input_tokens, 4);
}

#[test]
fn refuses_what_openai_refuses() {
    let message = |body: Value| parse(&body).expect_err("invalid").to_string();
    assert!(message(json!([])).contains("'model'"));
    let good = json!([{"role": "user", "content": "x"}]);
    assert!(message(json!({"messages": good})).contains("'model'"));
    assert!(message(json!({"model": "m"})).contains("'messages'"));
    assert!(message(json!({"model": "m", "messages": []})).contains("'messages'"));
    assert!(message(json!({"model": "m", "messages": [{"content": "x"}]})).contains("role"));
    assert!(message(json!({"model": "m", "messages": good, "stream": "yes"})).contains("'stream'"));
}

#[test]
fn a_schema_without_a_name_is_known_by_its_shape() {
    let demand = format!("It must fit this JSON Schema.\n{}", schema(&["y.go"]));
    let asked = parse(&json!({"model": "m", "messages": [{"role": "user", "content": demand}]}));
    let asked = asked.expect("valid");
    assert_eq!(
        (asked.schema.as_deref(), &asked.paths[..]),
        (Some("changes"), &["y.go".to_owned()][..])
    );
    let format = json!({"type": "json_schema", "schema": {"properties": {"milestones": {}}}});
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "x"}],
        "output_config": {"format": format}});
    let asked = Asked::read(Language::Messages, "/v1/messages", &body, &[]).expect("valid");
    assert_eq!(asked.schema.as_deref(), Some("plan"));
}

#[test]
fn the_users_schema_comes_before_what_a_programs_own_instructions_say() {
    let asked = parse(&json!({"model": "m", "messages": [
        {"role": "system", "content": "Fill in the schema review first."},
        {"role": "user", "content": "Answer by the schema analysis."},
    ]}));
    assert_eq!(asked.expect("valid").schema.as_deref(), Some("analysis"));
}
