//! What a chat completion request asks for, read once: the schema, the paths a coder may
//! write, the size of the input. Read leniently where real servers are lenient, and refused
//! where they refuse, so that a client's mistake does not pass its tests.
use serde_json::Value;

/// The schema names that a prompt may spell out where there is no `response_format`.
const KNOWN: [&str; 4] = ["analysis", "plan", "changes", "review"];
const MAX_MODEL_NAME: usize = 256;

/// A request as far as the answer depends on it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asked {
    pub(crate) model: String,
    pub(crate) schema: Option<String>,
    pub(crate) paths: Vec<String>,
    pub(crate) streamed: bool,
    pub(crate) include_usage: bool,
    /// The last message is the assistant's, to be continued.
    pub(crate) is_prefilled: bool,
    /// A quarter of the bytes of all message contents.
    pub(crate) input_tokens: u64,
}

/// A request that OpenAI would answer with a 400.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Invalid {
    #[error("Missing required parameter: '{0}'.")]
    Missing(&'static str),
    #[error("Invalid type for '{0}'.")]
    Type(&'static str),
}

impl Asked {
    /// `other` are the schema names that the script's answers have besides the known ones.
    pub(crate) fn read(body: &Value, other: &[String]) -> Result<Self, Invalid> {
        let model = match body.get("model") {
            None => return Err(Invalid::Missing("model")),
            Some(Value::String(name)) if name.len() <= MAX_MODEL_NAME => name.clone(),
            Some(_) => return Err(Invalid::Type("model")),
        };
        let prompts = prompts(body)?;
        let streamed = match body.get("stream") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(streamed)) => *streamed,
            Some(_) => return Err(Invalid::Type("stream")),
        };
        let formal = body.pointer("/response_format/json_schema");
        let formal_name = formal.and_then(|schema| schema.get("name")?.as_str());
        let (schema, paths) = match formal_name {
            Some(name) => (Some(name.to_owned()), paths(formal.and_then(|s| s.get("schema")))),
            None => in_prompts(&prompts, other),
        };
        let bytes: usize = prompts.iter().map(String::len).sum();
        Ok(Self {
            model,
            schema,
            paths,
            streamed,
            include_usage: body.pointer("/stream_options/include_usage")
                == Some(&Value::Bool(true)),
            is_prefilled: is_prefilled(body),
            input_tokens: tokens(bytes),
        })
    }
}

fn is_prefilled(body: &Value) -> bool {
    let last = body.get("messages").and_then(Value::as_array).and_then(|list| list.last());
    last.and_then(|message| message.get("role")) == Some(&Value::from("assistant"))
}

/// The estimate of tokens that `usage` and context windows go by.
pub(crate) fn tokens(bytes: usize) -> u64 {
    u64::try_from(bytes / 4).unwrap_or(u64::MAX)
}

/// The text of each message; its content may be a string, a list of parts, or null.
fn prompts(body: &Value) -> Result<Vec<String>, Invalid> {
    let messages = match body.get("messages") {
        None => return Err(Invalid::Missing("messages")),
        Some(Value::Array(messages)) if !messages.is_empty() => messages,
        Some(_) => return Err(Invalid::Type("messages")),
    };
    messages.iter().map(prompt).collect()
}

fn prompt(message: &Value) -> Result<String, Invalid> {
    if !message.get("role").is_some_and(Value::is_string) {
        return Err(Invalid::Missing("messages[].role"));
    }
    match message.get("content") {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Array(parts)) => {
            Ok(parts.iter().filter_map(|part| part.get("text")?.as_str()).collect())
        }
        Some(_) => Err(Invalid::Type("messages[].content")),
    }
}

/// The paths that a `changes` schema allows.
fn paths(schema: Option<&Value>) -> Vec<String> {
    schema
        .and_then(|schema| schema.pointer("/properties/files/items/properties/path/enum"))
        .and_then(Value::as_array)
        .map(|paths| {
            let texts = paths.iter().filter_map(Value::as_str);
            texts.map(str::to_owned).collect()
        })
        .unwrap_or_default()
}

/// Finds the words `schema NAME` in the prompts, and the schema itself if it follows.
fn in_prompts(prompts: &[String], other: &[String]) -> (Option<String>, Vec<String>) {
    let known = |name: &str| KNOWN.contains(&name) || other.iter().any(|other| other == name);
    for text in prompts {
        for (at, word) in text.match_indices("schema") {
            let after = &text[at + word.len()..];
            let rest = after.trim_start_matches([' ', '\n', '`', '"', '\'', ':']);
            if rest.len() == after.len() {
                continue;
            }
            let end = rest
                .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'))
                .unwrap_or(rest.len());
            let (name, rest) = rest.split_at(end);
            if known(name) {
                return (Some(name.to_owned()), paths(first_object(rest).as_ref()));
            }
        }
    }
    (None, Vec::new())
}

fn first_object(text: &str) -> Option<Value> {
    let start = text.find('{')?;
    let mut values = serde_json::Deserializer::from_str(&text[start..]).into_iter();
    values.next()?.ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(body: &Value) -> Result<Asked, Invalid> {
        Asked::read(body, &["survey".to_owned()])
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
        assert!(
            message(json!({"model": "m", "messages": good, "stream": "yes"})).contains("'stream'")
        );
    }
}
