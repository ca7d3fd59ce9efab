//! OpenAI's responses. An answer is a list of items, each told as it begins, grows and ends; the
//! whole comes once more at the end, and without that last event there is no answer.
use serde_json::{Value, json};

use super::chat::words;
use super::{Stream, Writer, named};
use crate::asked::{self, Asked, Invalid, Prompt, Read, items};
use crate::problem::Problem;
use crate::said::{Finish, Said, pieces};
use crate::tool::{Input, Tool};

pub(super) fn read(body: &Value) -> Result<Read, Invalid> {
    let model = asked::model(body)?;
    let by_system = |text: String| Prompt { by_user: false, text };
    let mut prompts: Vec<Prompt> =
        body.get("instructions").map(asked::text).map(by_system).into_iter().collect();
    match body.get("input") {
        None => return Err(Invalid::Missing("input")),
        Some(Value::String(text)) => prompts.push(Prompt { by_user: true, text: text.clone() }),
        Some(Value::Array(inputs)) if !inputs.is_empty() => {
            prompts.extend(inputs.iter().filter_map(prompt));
        }
        Some(_) => return Err(Invalid::Type("input")),
    }
    let format = body.pointer("/text/format");
    let schema = format.and_then(|format| {
        let name = format.get("name").and_then(Value::as_str).map(str::to_owned);
        Some((name, format.get("schema")?.clone()))
    });
    let tools = items(body, "tools").filter_map(|tool| {
        let name = tool.get("name")?.as_str()?.to_owned();
        match tool.get("type")?.as_str()? {
            "function" => Some(Tool { name, parameters: Some(tool.get("parameters")?.clone()) }),
            "custom" => Some(Tool { name, parameters: None }),
            _ => None,
        }
    });
    let kind = |item: &Value, end: &str| item["type"].as_str().is_some_and(|t| t.ends_with(end));
    Ok(Read {
        model,
        streamed: asked::streamed(body)?,
        include_usage: true,
        // An answer is never continued in this language.
        is_prefilled: false,
        schema,
        prompts,
        tools: tools.collect(),
        results: items(body, "input").filter(|item| kind(item, "_call_output")).count() as u64,
    })
}

/// Items that are no messages have no content.
fn prompt(item: &Value) -> Option<Prompt> {
    let by_user = item.get("role")?.as_str()? == "user";
    Some(Prompt { by_user, text: asked::text(item.get("content")?) })
}

pub(super) struct Responses;

impl Writer for Responses {
    fn plain(&self, said: &Said<'_>) -> Value {
        let output = parts(said).iter().map(|part| part.whole.clone()).collect();
        response(said, status(said.finish), &output)
    }

    fn stream(&self, said: &Said<'_>) -> Stream {
        let begin = response(said, "in_progress", &json!([]));
        let mut pieces: Vec<Vec<Value>> = Vec::new();
        for (index, part) in parts(said).iter().enumerate() {
            pieces.extend(part.events(index));
        }
        let closing = said.finish.map(|_| {
            let status = status(said.finish);
            let whole = self.plain(said);
            json!({"type": format!("response.{status}"), "response": whole})
        });
        let mut number = 0;
        let mut numbered = |mut event: Value| {
            event["sequence_number"] = number.into();
            number += 1;
            named(&event)
        };
        Stream {
            opening: ["response.created", "response.in_progress"]
                .map(|kind| numbered(json!({"type": kind, "response": begin})))
                .to_vec(),
            pieces: pieces
                .into_iter()
                .map(|events| events.into_iter().map(&mut numbered).collect())
                .collect(),
            closing: closing.into_iter().map(&mut numbered).collect(),
            end_mark: None,
        }
    }

    fn thought(&self, said: &Said<'_>, text: &str) -> String {
        named(&json!({
            "type": "response.reasoning_summary_text.delta",
            "item_id": said.stamp.id("rs_", 0),
            "output_index": 0,
            "summary_index": 0,
            "delta": text,
        }))
    }

    fn more(&self, said: &Said<'_>, text: &str) -> String {
        named(&json!({
            "type": "response.output_text.delta",
            "item_id": said.stamp.id("msg_", 0),
            "output_index": 0,
            "content_index": 0,
            "delta": text,
        }))
    }

    fn problem(&self, problem: &Problem) -> Value {
        let (kind, code) = words(problem);
        let message = problem.message.as_str();
        json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
    }

    fn problem_event(&self, problem: &Problem) -> String {
        let (kind, code) = words(problem);
        let error = json!({"code": code.unwrap_or(kind), "message": problem.message});
        let response =
            json!({"object": "response", "status": "failed", "output": [], "error": error});
        named(&json!({"type": "response.failed", "response": response}))
    }

    fn count(&self, asked: &Asked) -> Value {
        json!({"input_tokens": asked.input_tokens})
    }
}

fn status(finish: Option<Finish>) -> &'static str {
    match finish {
        None => "in_progress",
        Some(Finish::Stop | Finish::Calls) => "completed",
        Some(Finish::Length | Finish::Filter) => "incomplete",
    }
}

fn response(said: &Said<'_>, status: &str, output: &Value) -> Value {
    let why = match said.finish {
        Some(Finish::Length) => json!({"reason": "max_output_tokens"}),
        Some(Finish::Filter) => json!({"reason": "content_filter"}),
        _ => Value::Null,
    };
    let (input, out) = said.usage();
    let usage = json!({
        "input_tokens": input,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": out,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": input.saturating_add(out),
    });
    let is_over = status != "in_progress";
    json!({
        "id": said.stamp.id("resp_", 0),
        "object": "response",
        "created_at": said.stamp.created,
        "status": status,
        "error": null,
        "incomplete_details": if is_over { why } else { Value::Null },
        "model": said.asked.model,
        "output": output,
        "usage": if is_over { usage } else { Value::Null },
    })
}

/// An item of the output and how it grows.
struct Part {
    whole: Value,
    /// Where its text stands, as a field of the item.
    field: &'static str,
    /// The events that carry the text: `KIND.delta` and `KIND.done`.
    kind: &'static str,
    text: String,
    /// The content of a message, in which the text stands.
    content: Option<Value>,
}

fn parts(said: &Said<'_>) -> Vec<Part> {
    let text = (!said.content.is_empty()).then(|| {
        let (kind, field, events) = match said.refusal {
            true => ("refusal", "refusal", "response.refusal"),
            false => ("output_text", "text", "response.output_text"),
        };
        let content = json!({"type": kind, "annotations": [], field: said.content});
        let whole = json!({"type": "message", "id": said.stamp.id("msg_", 0), "status": "completed",
            "role": "assistant", "content": [content]});
        let text = said.content.clone();
        Part { whole, field, kind: events, text, content: Some(content) }
    });
    let calls = said.calls.iter().enumerate().map(|(at, call)| {
        let (id, call_id) = (said.stamp.id("fc_", at + 1), said.stamp.id("call_", at + 1));
        let (kind, field, events) = match call.input {
            Input::Fields(_) => ("function_call", "arguments", "response.function_call_arguments"),
            Input::Text(_) => ("custom_tool_call", "input", "response.custom_tool_call_input"),
        };
        let text = call.input.text();
        let whole = json!({"type": kind, "id": id, "status": "completed", "call_id": call_id,
            "name": call.name, field: text});
        Part { whole, field, kind: events, text, content: None }
    });
    text.into_iter().chain(calls).collect()
}

impl Part {
    /// Its events by pieces: its beginning goes with the first, its end with the last.
    fn events(&self, index: usize) -> Vec<Vec<Value>> {
        let of = |kind: String, name: &str, value: &Value| {
            let mut event = json!({"type": kind, "item_id": self.whole["id"],
                "output_index": index, name: value});
            if self.content.is_some() {
                event["content_index"] = 0.into();
            }
            event
        };
        let item =
            |kind: &str, item: &Value| json!({"type": kind, "output_index": index, "item": item});
        let mut begun = self.whole.clone();
        begun["status"] = "in_progress".into();
        let (mut first, mut last) = (Vec::new(), Vec::new());
        last.push(of(format!("{}.done", self.kind), self.field, &json!(self.text)));
        match &self.content {
            None => begun[self.field] = "".into(),
            Some(whole) => {
                begun["content"] = json!([]);
                let mut empty = whole.clone();
                empty[self.field] = "".into();
                first.push(of("response.content_part.added".to_owned(), "part", &empty));
                last.push(of("response.content_part.done".to_owned(), "part", whole));
            }
        }
        first.insert(0, item("response.output_item.added", &begun));
        last.push(item("response.output_item.done", &self.whole));
        let delta = |text: String| vec![of(format!("{}.delta", self.kind), "delta", &json!(text))];
        let mut pieces: Vec<Vec<Value>> = pieces(&self.text).into_iter().map(delta).collect();
        if let Some(piece) = pieces.first_mut() {
            piece.splice(0..0, first);
        }
        if let Some(piece) = pieces.last_mut() {
            piece.extend(last);
        }
        pieces
    }
}
