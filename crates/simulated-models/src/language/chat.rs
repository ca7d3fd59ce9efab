//! OpenAI's chat completions. A call of a tool comes in pieces: its name first, then the text of
//! its arguments.
use serde_json::{Map, Value, json};

use super::{Stream, Writer, data};
use crate::asked::{self, Asked, Invalid, Prompt, Read, filled, items};
use crate::problem::{Problem, Reason};
use crate::said::{Finish, Said, pieces};
use crate::tool::Tool;

pub(super) fn read(body: &Value) -> Result<Read, Invalid> {
    let model = asked::model(body)?;
    let messages = filled(body, "messages")?;
    let prompts = messages.iter().map(prompt).collect::<Result<_, _>>()?;
    let by = |message: &Value, role: &str| message.get("role") == Some(&Value::from(role));
    let formal = body.pointer("/response_format/json_schema");
    let schema = formal.and_then(|formal| {
        let name = formal.get("name")?.as_str()?.to_owned();
        Some((Some(name), formal.get("schema").cloned().unwrap_or_default()))
    });
    let tools = items(body, "tools").filter_map(|tool| {
        let function = tool.get("function")?;
        let name = function.get("name")?.as_str()?.to_owned();
        let parameters = function.get("parameters").cloned().unwrap_or_default();
        Some(Tool { name, parameters: Some(parameters) })
    });
    Ok(Read {
        model,
        streamed: asked::streamed(body)?,
        include_usage: body.pointer("/stream_options/include_usage") == Some(&Value::Bool(true)),
        is_prefilled: messages.last().is_some_and(|last| by(last, "assistant")),
        schema,
        prompts,
        tools: tools.collect(),
        results: messages.iter().filter(|message| by(message, "tool")).count() as u64,
    })
}

fn prompt(message: &Value) -> Result<Prompt, Invalid> {
    let role = message.get("role").and_then(Value::as_str);
    let role = role.ok_or(Invalid::Missing("messages[].role"))?;
    let text = match message.get("content") {
        None | Some(Value::Null) => String::new(),
        Some(content @ (Value::String(_) | Value::Array(_))) => asked::text(content),
        Some(_) => return Err(Invalid::Type("messages[].content")),
    };
    Ok(Prompt { by_user: role == "user", text })
}

pub(super) struct Chat;

impl Writer for Chat {
    fn plain(&self, said: &Said<'_>) -> Value {
        let text = Value::from(said.content.as_str());
        let (content, refusal) =
            if said.refusal { (Value::Null, text) } else { (text, Value::Null) };
        let mut message = json!({"role": "assistant", "content": content, "refusal": refusal});
        if !said.calls.is_empty() {
            let calls = said.calls.iter().enumerate().map(|(at, call)| {
                let function = json!({"name": call.name, "arguments": call.input.text()});
                json!({"id": said.stamp.id("call_", at + 1), "type": "function", "function": function})
            });
            message["tool_calls"] = calls.collect();
        }
        let choice = json!({
            "index": 0,
            "message": message,
            "logprobs": null,
            "finish_reason": said.finish.map(reason),
        });
        let mut object = envelope(said, "chat.completion", vec![choice]);
        object.insert("usage".to_owned(), usage(said));
        Value::Object(object)
    }

    fn stream(&self, said: &Said<'_>) -> Stream {
        let opening = json!({"role": "assistant", "content": "", "refusal": null});
        let field = if said.refusal { "refusal" } else { "content" };
        let content = pieces(&said.content).into_iter().map(|text| json!({ field: text }));
        let calls = said.calls.iter().enumerate().flat_map(|(at, call)| {
            let begin = json!({"index": at, "id": said.stamp.id("call_", at + 1), "type": "function",
                "function": {"name": call.name, "arguments": ""}});
            let more = pieces(&call.input.text()).into_iter();
            let more = more.map(move |text| json!({"index": at, "function": {"arguments": text}}));
            std::iter::once(begin).chain(more).map(|call| json!({"tool_calls": [call]}))
        });
        let closing = said.finish.map(|finish| chunk(said, &json!({}), Some(reason(finish))));
        let used = said.asked.include_usage.then(|| {
            let mut object = envelope(said, "chat.completion.chunk", Vec::new());
            object.insert("usage".to_owned(), usage(said));
            data(&Value::Object(object))
        });
        Stream {
            opening: vec![chunk(said, &opening, None)],
            pieces: content.chain(calls).map(|delta| chunk(said, &delta, None)).collect(),
            closing: closing.into_iter().chain(used).collect(),
            end_mark: Some("data: [DONE]\n\n".to_owned()),
        }
    }

    fn thought(&self, said: &Said<'_>, text: &str) -> String {
        chunk(said, &json!({"reasoning_content": text}), None)
    }

    fn more(&self, said: &Said<'_>, text: &str) -> String {
        chunk(said, &json!({"content": text}), None)
    }

    fn problem(&self, problem: &Problem) -> Value {
        let (kind, code) = words(problem);
        let message = problem.message.as_str();
        json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
    }

    fn problem_event(&self, problem: &Problem) -> String {
        data(&self.problem(problem))
    }

    fn count(&self, asked: &Asked) -> Value {
        json!({"input_tokens": asked.input_tokens})
    }
}

/// The type and the code of an error, which both of OpenAI's languages have.
pub(super) fn words(problem: &Problem) -> (&'static str, Option<&'static str>) {
    match problem.reason {
        Reason::Malformed => ("invalid_request_error", None),
        Reason::Key => ("invalid_request_error", Some("invalid_api_key")),
        Reason::Balance => ("insufficient_quota", Some("insufficient_balance")),
        Reason::Access => ("invalid_request_error", Some("permission_denied")),
        Reason::Absent => ("invalid_request_error", Some("model_not_found")),
        Reason::Window => ("invalid_request_error", Some("context_length_exceeded")),
        Reason::Rate => ("requests", Some("rate_limit_exceeded")),
        Reason::Overload => ("overloaded_error", None),
        Reason::Server => ("server_error", None),
    }
}

fn reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "stop",
        Finish::Calls => "tool_calls",
        Finish::Length => "length",
        Finish::Filter => "content_filter",
    }
}

fn chunk(said: &Said<'_>, delta: &Value, finish: Option<&str>) -> String {
    let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish});
    let mut object = envelope(said, "chat.completion.chunk", vec![choice]);
    if said.asked.include_usage {
        object.insert("usage".to_owned(), Value::Null);
    }
    data(&Value::Object(object))
}

fn envelope(said: &Said<'_>, kind: &str, choices: Vec<Value>) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("id".to_owned(), said.stamp.id("chatcmpl-", 0).into());
    object.insert("object".to_owned(), kind.into());
    object.insert("created".to_owned(), said.stamp.created.into());
    object.insert("model".to_owned(), said.asked.model.as_str().into());
    object.insert("choices".to_owned(), Value::Array(choices));
    object.insert("system_fingerprint".to_owned(), "fp_simulated".into());
    object
}

fn usage(said: &Said<'_>) -> Value {
    let (input, output) = said.usage();
    json!({
        "prompt_tokens": input,
        "completion_tokens": output,
        "total_tokens": input.saturating_add(output),
    })
}
