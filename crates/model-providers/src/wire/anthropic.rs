//! Messages, as Anthropic speaks them. The schema stands in the prompt; a closed one is also given
//! as a parameter, which enforces it.
//!
//! Forced through the other language's fields, a cached prompt would be booked as free and a stop
//! reason overlooked.

use serde_json::{Map, Value, json};
use url::Url;

use super::completion::{Arriving, Finish, may_have_carried_text};
use super::dialect::SchemaWay;
use super::{Question, schema, with_schema_in_prompt};
use crate::classify::Complaint;
use crate::{MessageRole, Tokens};

pub(super) const VERSION: &str = "2023-06-01";

/// `/v1/messages`, unless the base already has the version.
pub(super) fn path(base: &Url) -> &'static [&'static str] {
    if base.path().trim_end_matches('/').ends_with("/v1") {
        &["messages"]
    } else {
        &["v1", "messages"]
    }
}

pub(super) fn body(question: &Question<'_>) -> Value {
    let messages = with_schema_in_prompt(question);
    let (system, said): (Vec<_>, Vec<_>) =
        messages.into_iter().partition(|message| message.role == MessageRole::System);
    let system: Vec<String> = system.into_iter().map(|message| message.content).collect();
    let limit = question.route.facts.answer_reserve();
    let mut body = Map::new();
    body.insert("model".into(), question.route.model.name.as_str().into());
    body.insert("max_tokens".into(), limit.into());
    body.insert("system".into(), system.join("\n\n").into());
    body.insert("messages".into(), json!(said));
    body.insert("stream".into(), question.form.stream.into());
    if question.form.schema == SchemaWay::JsonSchema && schema::is_strict(&question.schema.body) {
        let format = json!({"type": "json_schema", "schema": question.schema.body});
        body.insert("output_config".into(), json!({ "format": format }));
    }
    Value::Object(body)
}

/// One event of a stream.
pub(super) fn event(data: &str, into: &mut Arriving) {
    let data = data.trim();
    let Ok(event) = serde_json::from_str::<Value>(data) else {
        if may_have_carried_text(data) {
            into.damage();
        }
        return;
    };
    match event.get("type").and_then(Value::as_str) {
        Some("message_start") => {
            let input = event.pointer("/message/usage").map(input_tokens);
            let output = event.pointer("/message/usage/output_tokens");
            note_usage(input, output, into);
        }
        Some("content_block_start") => push(event.pointer("/content_block/text"), into),
        Some("content_block_delta") => push(event.pointer("/delta/text"), into),
        Some("message_delta") => {
            note_usage(None, event.pointer("/usage/output_tokens"), into);
            note_finish(event.pointer("/delta/stop_reason"), into);
        }
        Some("message_stop") => into.ended = true,
        Some("error") => into.error = Complaint::of(&event),
        _ => {}
    }
}

/// A whole answer that came in one piece.
pub(super) fn plain(value: &Value, into: &mut Arriving) {
    if value.get("error").is_some_and(|error| !error.is_null()) {
        into.error = Complaint::of(value);
        return;
    }
    let blocks = value.get("content").and_then(Value::as_array);
    for block in blocks.into_iter().flatten() {
        push(block.get("text"), into);
    }
    let input = value.get("usage").map(input_tokens);
    note_usage(input, value.pointer("/usage/output_tokens"), into);
    note_finish(value.get("stop_reason"), into);
}

fn push(text: Option<&Value>, into: &mut Arriving) {
    into.text.push_str(text.and_then(Value::as_str).unwrap_or(""));
}

fn note_finish(reason: Option<&Value>, into: &mut Arriving) {
    if let Some(reason) = reason.and_then(Value::as_str) {
        into.finish = Some(Finish::named(reason));
    }
}

/// What is read from the cache and written to it is input too.
fn input_tokens(usage: &Value) -> u64 {
    let fields = ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"];
    let counts = fields.iter().filter_map(|field| usage.get(field)?.as_u64());
    counts.fold(0, u64::saturating_add)
}

/// The output is told as a running total; the last one counts.
fn note_usage(input: Option<u64>, output: Option<&Value>, into: &mut Arriving) {
    let known = into.tokens.unwrap_or_default();
    let output = output.and_then(Value::as_u64);
    if input.is_some() || output.is_some() {
        into.tokens = Some(Tokens {
            input: input.unwrap_or(known.input),
            output: output.unwrap_or(known.output),
        });
    }
}
