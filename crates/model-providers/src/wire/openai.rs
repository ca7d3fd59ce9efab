//! Chat completions, as OpenAI and the many servers compatible with it speak them.
//!
//! Compatible servers differ in every field that is not needed, so reading is lenient about what
//! is absent and strict about what is broken.

use serde_json::{Map, Value, json};

use super::completion::{Arriving, Finish, may_have_carried_text};
use super::dialect::SchemaWay;
use super::{Question, schema, with_schema_in_prompt, without_system_role};
use crate::Tokens;
use crate::classify::Complaint;

pub(super) const PATH: &[&str] = &["chat", "completions"];

pub(super) fn body(question: &Question<'_>) -> Value {
    let mut body = Map::new();
    body.insert("model".into(), question.route.model.name.as_str().into());
    let mut messages = with_schema_in_prompt(question);
    if !question.form.system_role {
        messages = without_system_role(messages);
    }
    body.insert("messages".into(), json!(messages));
    body.insert("stream".into(), question.form.stream.into());
    if question.form.stream && question.form.usage_in_stream {
        body.insert("stream_options".into(), json!({"include_usage": true}));
    }
    let format = match question.form.schema {
        SchemaWay::JsonSchema => Some(schema::response_format(question.schema)),
        SchemaWay::JsonObject => Some(json!({"type": "json_object"})),
        SchemaWay::Prompt => None,
    };
    body.extend(format.map(|format| ("response_format".to_owned(), format)));
    Value::Object(body)
}

/// One event of a stream.
pub(super) fn event(data: &str, into: &mut Arriving) {
    let data = data.trim();
    if data == "[DONE]" {
        into.ended = true;
        return;
    }
    match serde_json::from_str(data) {
        Ok(chunk @ Value::Object(_)) => object(&chunk, "delta", into),
        _ if may_have_carried_text(data) => into.damage(),
        _ => {}
    }
}

/// A whole answer that came in one piece.
pub(super) fn plain(value: &Value, into: &mut Arriving) {
    object(value, "message", into);
}

fn object(value: &Value, part: &str, into: &mut Arriving) {
    if value.get("error").is_some_and(|error| !error.is_null()) {
        into.error = Complaint::of(value);
        return;
    }
    let groqs = || value.pointer("/x_groq/usage").and_then(usage);
    if let Some(tokens) = value.get("usage").and_then(usage).or_else(groqs) {
        into.tokens = Some(tokens);
    }
    let choices = value.get("choices").and_then(Value::as_array);
    // One choice was asked for; of others only the first counts.
    let first = choices
        .into_iter()
        .flatten()
        .find(|choice| choice.get("index").and_then(Value::as_u64).unwrap_or(0) == 0);
    let Some(choice) = first else { return };
    if let Some(error) = choice.get("error").filter(|error| !error.is_null()) {
        into.error = Complaint::of(&json!({ "error": error }));
        return;
    }
    if let Some(said) = choice.get(part) {
        push_text(said.get("content"), &mut into.text);
        push_text(said.get("refusal"), &mut into.refusal);
    }
    if let Some(reason) = choice.get("finish_reason").and_then(Value::as_str) {
        into.finish = Some(Finish::named(reason));
    }
}

/// A text, or a list of parts of which only those of text count.
fn push_text(content: Option<&Value>, to: &mut String) {
    match content {
        Some(Value::String(text)) => to.push_str(text),
        Some(Value::Array(parts)) => {
            for part in parts {
                if part.get("type").and_then(Value::as_str) == Some("text") {
                    to.push_str(part.get("text").and_then(Value::as_str).unwrap_or(""));
                }
            }
        }
        _ => {}
    }
}

fn usage(usage: &Value) -> Option<Tokens> {
    Some(Tokens {
        input: usage.get("prompt_tokens")?.as_u64()?,
        output: usage.get("completion_tokens").and_then(Value::as_u64).unwrap_or(0),
    })
}
