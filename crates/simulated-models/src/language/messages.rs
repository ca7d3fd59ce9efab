//! Anthropic's messages. A stream is made of blocks, each with its beginning, pieces and end; the
//! reason of the end and the end are two events.
use serde_json::{Value, json};

use super::{Stream, Writer, named};
use crate::asked::{self, Asked, Invalid, Prompt, Read, filled, items};
use crate::problem::{Problem, Reason};
use crate::said::{Finish, Said, pieces};
use crate::tool::Tool;

pub(super) fn read(body: &Value) -> Result<Read, Invalid> {
    let model = asked::model(body)?;
    let messages = filled(body, "messages")?;
    let system = body.get("system").map(asked::text).unwrap_or_default();
    let mut prompts = vec![Prompt { by_user: false, text: system }];
    for message in messages {
        let role = message.get("role").and_then(Value::as_str);
        let role = role.ok_or(Invalid::Missing("messages[].role"))?;
        let content = message.get("content").ok_or(Invalid::Missing("messages[].content"))?;
        prompts.push(Prompt { by_user: role == "user", text: asked::text(content) });
    }
    let blocks = messages.iter().flat_map(|message| items(message, "content"));
    let format = body.pointer("/output_config/format/schema");
    let tools = items(body, "tools").filter_map(|tool| {
        let name = tool.get("name")?.as_str()?.to_owned();
        Some(Tool { name, parameters: Some(tool.get("input_schema")?.clone()) })
    });
    Ok(Read {
        model,
        streamed: asked::streamed(body)?,
        include_usage: true,
        is_prefilled: messages.last().and_then(|last| last.get("role"))
            == Some(&Value::from("assistant")),
        schema: format.map(|schema| (None, schema.clone())),
        prompts,
        tools: tools.collect(),
        results: blocks.filter(|block| block["type"] == "tool_result").count() as u64,
    })
}

pub(super) struct Messages;

impl Writer for Messages {
    fn plain(&self, said: &Said<'_>) -> Value {
        let text =
            (!said.content.is_empty()).then(|| json!({"type": "text", "text": said.content}));
        let calls = (0..said.calls.len()).map(|at| call(said, at, &said.calls[at].input.fields()));
        let content: Value = text.into_iter().chain(calls).collect();
        let (input, output) = said.usage();
        let usage = json!({"input_tokens": input, "output_tokens": output});
        message(said, &content, said.finish.map(|finish| reason(said, finish)), &usage)
    }

    fn stream(&self, said: &Said<'_>) -> Stream {
        let (input, output) = said.usage();
        let usage = json!({"input_tokens": input, "output_tokens": 1});
        let begin =
            json!({"type": "message_start", "message": message(said, &json!([]), None, &usage)});
        let text = pieces(&said.content).into_iter();
        let text = text.map(|text| json!({"type": "text_delta", "text": text})).collect();
        // A block without a piece is none.
        let text = events(0, &json!({"type": "text", "text": ""}), text);
        let from = usize::from(!text.is_empty());
        let calls = said.calls.iter().enumerate().flat_map(|(at, called)| {
            let texts = pieces(&called.input.fields().to_string()).into_iter();
            let delta = |text| json!({"type": "input_json_delta", "partial_json": text});
            events(from + at, &call(said, at, &json!({})), texts.map(delta).collect())
        });
        let closing = said.finish.map(|finish| {
            let delta = json!({"stop_reason": reason(said, finish), "stop_sequence": null});
            let usage = json!({"input_tokens": input, "output_tokens": output});
            named(&json!({"type": "message_delta", "delta": delta, "usage": usage}))
        });
        Stream {
            opening: vec![named(&begin)],
            pieces: text.into_iter().chain(calls).collect(),
            closing: closing.into_iter().collect(),
            end_mark: Some(named(&json!({"type": "message_stop"}))),
        }
    }

    fn thought(&self, _said: &Said<'_>, _text: &str) -> String {
        // A block of its own would take the answer's index; a ping is how life is shown here.
        named(&json!({"type": "ping"}))
    }

    fn more(&self, _said: &Said<'_>, text: &str) -> String {
        named(&delta(0, json!({"type": "text_delta", "text": text})))
    }

    fn problem(&self, problem: &Problem) -> Value {
        let kind = match problem.reason {
            Reason::Malformed | Reason::Window => "invalid_request_error",
            Reason::Key => "authentication_error",
            Reason::Balance => "billing_error",
            Reason::Access => "permission_error",
            Reason::Absent => "not_found_error",
            Reason::Rate => "rate_limit_error",
            Reason::Overload => "overloaded_error",
            Reason::Server => "api_error",
        };
        let message = match problem.reason {
            // By these words, and no code, its clients know it.
            Reason::Window => format!("prompt is too long: {}", problem.message),
            _ => problem.message.clone(),
        };
        json!({"type": "error", "error": {"type": kind, "message": message}})
    }

    fn problem_event(&self, problem: &Problem) -> String {
        named(&self.problem(problem))
    }

    fn count(&self, asked: &Asked) -> Value {
        json!({"input_tokens": asked.input_tokens})
    }
}

fn reason(said: &Said<'_>, finish: Finish) -> &'static str {
    match finish {
        _ if said.refusal => "refusal",
        Finish::Stop => "end_turn",
        Finish::Calls => "tool_use",
        Finish::Length => "max_tokens",
        Finish::Filter => "refusal",
    }
}

fn message(said: &Said<'_>, content: &Value, reason: Option<&str>, usage: &Value) -> Value {
    json!({
        "id": said.stamp.id("msg_", 0),
        "type": "message",
        "role": "assistant",
        "model": said.asked.model,
        "content": content,
        "stop_reason": reason,
        "stop_sequence": null,
        "usage": usage,
    })
}

fn call(said: &Said<'_>, at: usize, input: &Value) -> Value {
    let name = said.calls.get(at).map(|call| call.name.as_str());
    json!({"type": "tool_use", "id": said.stamp.id("toolu_", at + 1), "name": name, "input": input})
}

fn delta(index: usize, delta: Value) -> Value {
    let mut event = json!({"type": "content_block_delta", "index": index});
    event["delta"] = delta;
    event
}

/// A block in pieces: its beginning goes with the first, its end with the last.
fn events(index: usize, block: &Value, deltas: Vec<Value>) -> Vec<String> {
    let mut events: Vec<String> = deltas.into_iter().map(|one| named(&delta(index, one))).collect();
    let begin = json!({"type": "content_block_start", "index": index, "content_block": block});
    if let Some(first) = events.first_mut() {
        first.insert_str(0, &named(&begin));
    }
    if let Some(last) = events.last_mut() {
        last.push_str(&named(&json!({"type": "content_block_stop", "index": index})));
    }
    events
}
