//! Gemini's contents. The model's name and whether it streams stand in the address; a stream is
//! whole answers that are put together, and its only end is a reason.
use serde_json::{Value, json};

use super::{Stream, Writer, data};
use crate::asked::{self, Asked, Invalid, Prompt, Read, filled, items};
use crate::problem::{Problem, Reason};
use crate::said::{Finish, Said, pieces};
use crate::tool::Tool;

pub(super) fn read(target: &str, body: &Value) -> Result<Read, Invalid> {
    let named = target.rsplit_once('/').and_then(|(_, last)| last.split_once(':'));
    let (model, verb) = named.ok_or(Invalid::Missing("model"))?;
    let contents = filled(body, "contents")?;
    let parts = |content: &Value| content.get("parts").map(asked::text).unwrap_or_default();
    let system = body.get("systemInstruction").map(parts).unwrap_or_default();
    let mut prompts = vec![Prompt { by_user: false, text: system }];
    prompts.extend(contents.iter().map(|content| {
        let by_user = content.get("role") != Some(&Value::from("model"));
        Prompt { by_user, text: parts(content) }
    }));
    let declared = items(body, "tools").flat_map(|tool| items(tool, "functionDeclarations"));
    let tools = declared.filter_map(|function| {
        let name = function.get("name")?.as_str()?.to_owned();
        let parameters = ["parametersJsonSchema", "parameters"];
        let parameters = parameters.iter().find_map(|name| function.get(name)).cloned();
        Some(Tool { name, parameters: Some(parameters.unwrap_or_default()) })
    });
    let all = contents.iter().flat_map(|content| items(content, "parts"));
    let schema = ["responseJsonSchema", "responseSchema"];
    let config = body.get("generationConfig");
    let schema = schema.iter().find_map(|name| config?.get(name));
    Ok(Read {
        model: asked::model(&json!({"model": model}))?,
        streamed: verb == "streamGenerateContent",
        include_usage: true,
        is_prefilled: contents.last().and_then(|last| last.get("role"))
            == Some(&Value::from("model")),
        schema: schema.map(|schema| (None, schema.clone())),
        prompts,
        tools: tools.collect(),
        results: all.filter(|part| part.get("functionResponse").is_some()).count() as u64,
    })
}

pub(super) struct Gemini;

impl Writer for Gemini {
    fn plain(&self, said: &Said<'_>) -> Value {
        let text = json!({"text": said.content});
        let parts: Vec<Value> = std::iter::once(text).chain(calls(said)).collect();
        answer(said, &parts, said.finish)
    }

    fn stream(&self, said: &Said<'_>) -> Stream {
        let texts = pieces(&said.content).into_iter().map(|text| json!({"text": text}));
        let parts = texts.chain(calls(said));
        let closing = said.finish.map(|_| answer(said, &[json!({"text": ""})], said.finish));
        Stream {
            opening: Vec::new(),
            pieces: parts.map(|part| data(&answer(said, &[part], None))).collect(),
            closing: closing.iter().map(data).collect(),
            end_mark: None,
        }
    }

    fn thought(&self, said: &Said<'_>, text: &str) -> String {
        data(&answer(said, &[json!({"text": text, "thought": true})], None))
    }

    fn more(&self, said: &Said<'_>, text: &str) -> String {
        data(&answer(said, &[json!({"text": text})], None))
    }

    fn problem(&self, problem: &Problem) -> Value {
        let status = match problem.reason {
            Reason::Malformed | Reason::Window => "INVALID_ARGUMENT",
            Reason::Key => "UNAUTHENTICATED",
            Reason::Balance => "FAILED_PRECONDITION",
            Reason::Access => "PERMISSION_DENIED",
            Reason::Absent => "NOT_FOUND",
            Reason::Rate => "RESOURCE_EXHAUSTED",
            Reason::Overload => "UNAVAILABLE",
            Reason::Server => "INTERNAL",
        };
        let mut error =
            json!({"code": problem.status, "message": problem.message, "status": status});
        if let Some(seconds) = problem.retry_after {
            let kind = "type.googleapis.com/google.rpc.RetryInfo";
            error["details"] = json!([{"@type": kind, "retryDelay": format!("{seconds}s")}]);
        }
        json!({ "error": error })
    }

    fn problem_event(&self, problem: &Problem) -> String {
        data(&self.problem(problem))
    }

    fn count(&self, asked: &Asked) -> Value {
        json!({"totalTokens": asked.input_tokens})
    }
}

fn calls<'a>(said: &'a Said<'_>) -> impl Iterator<Item = Value> + 'a {
    said.calls
        .iter()
        .map(|call| json!({"functionCall": {"name": call.name, "args": call.input.fields()}}))
}

fn answer(said: &Said<'_>, parts: &[Value], finish: Option<Finish>) -> Value {
    let mut candidate = json!({"content": {"parts": parts, "role": "model"}, "index": 0});
    if let Some(finish) = finish {
        candidate["finishReason"] = match finish {
            _ if said.refusal => "SAFETY",
            Finish::Stop | Finish::Calls => "STOP",
            Finish::Length => "MAX_TOKENS",
            Finish::Filter => "SAFETY",
        }
        .into();
    }
    let (input, output) = said.usage();
    json!({
        "candidates": [candidate],
        "usageMetadata": {
            "promptTokenCount": input,
            "candidatesTokenCount": output,
            "totalTokenCount": input.saturating_add(output),
        },
        "modelVersion": said.asked.model,
        "responseId": said.stamp.id("", 0),
    })
}
