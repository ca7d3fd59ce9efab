//! What a request asks for, whatever its language: the model, the schema, the paths a coder may
//! write, the tools it offers, the size of the input. Read leniently where real servers are
//! lenient, and refused where they refuse, so that a client's mistake does not pass its tests.
use serde_json::Value;

use crate::language::Language;
use crate::tool::Tool;

/// The schema names that a prompt may spell out where there is no parameter for them, and a
/// field that only this schema has at its top.
const KNOWN: [(&str, &str); 4] = [
    ("analysis", "understanding"),
    ("plan", "milestones"),
    ("changes", "files"),
    ("review", "approved"),
];
const MAX_MODEL_NAME: usize = 256;

/// A request as far as the answer depends on it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asked {
    pub(crate) language: Language,
    /// Where it was sent, without the query.
    pub(crate) target: String,
    pub(crate) model: String,
    pub(crate) schema: Option<String>,
    pub(crate) paths: Vec<String>,
    pub(crate) streamed: bool,
    pub(crate) include_usage: bool,
    /// The last message is the assistant's, to be continued.
    pub(crate) is_prefilled: bool,
    pub(crate) tools: Vec<Tool>,
    /// How many results of tools it carries.
    pub(crate) results: u64,
    /// What its user said, without the system's part.
    pub(crate) said: Vec<String>,
    /// A quarter of the bytes of all message contents.
    pub(crate) input_tokens: u64,
}

/// What the reader of a language takes out of a body.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) model: String,
    pub(crate) streamed: bool,
    pub(crate) include_usage: bool,
    pub(crate) is_prefilled: bool,
    /// The schema that a parameter carries, with its name where the language has one.
    pub(crate) schema: Option<(Option<String>, Value)>,
    pub(crate) prompts: Vec<Prompt>,
    pub(crate) tools: Vec<Tool>,
    pub(crate) results: u64,
}

/// The text of one message.
#[derive(Debug)]
pub(crate) struct Prompt {
    pub(crate) by_user: bool,
    pub(crate) text: String,
}

/// A request that real servers would answer with a 400.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Invalid {
    #[error("Missing required parameter: '{0}'.")]
    Missing(&'static str),
    #[error("Invalid type for '{0}'.")]
    Type(&'static str),
}

impl Asked {
    /// `other` are the schema names that the script's answers have besides the known ones.
    pub(crate) fn read(
        language: Language,
        target: &str,
        body: &Value,
        other: &[String],
    ) -> Result<Self, Invalid> {
        let read = language.read(target, body)?;
        let (schema, paths) = match &read.schema {
            Some((Some(name), schema)) => (Some(name.clone()), paths(schema)),
            Some((None, schema)) => (shape(schema).map(str::to_owned), paths(schema)),
            None => in_prompts(&read.prompts, other),
        };
        let bytes: usize = read.prompts.iter().map(|prompt| prompt.text.len()).sum();
        let said = read.prompts.into_iter().filter(|prompt| prompt.by_user);
        Ok(Self {
            language,
            target: target.to_owned(),
            model: read.model,
            schema,
            paths,
            streamed: read.streamed,
            include_usage: read.include_usage,
            is_prefilled: read.is_prefilled,
            tools: read.tools,
            results: read.results,
            said: said.map(|prompt| prompt.text).collect(),
            input_tokens: tokens(bytes),
        })
    }
}

/// The field `model`, which three of the languages have.
pub(crate) fn model(body: &Value) -> Result<String, Invalid> {
    match body.get("model") {
        None => Err(Invalid::Missing("model")),
        Some(Value::String(name)) if name.len() <= MAX_MODEL_NAME => Ok(name.clone()),
        Some(_) => Err(Invalid::Type("model")),
    }
}

/// The field `stream`, likewise.
pub(crate) fn streamed(body: &Value) -> Result<bool, Invalid> {
    match body.get("stream") {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(streamed)) => Ok(*streamed),
        Some(_) => Err(Invalid::Type("stream")),
    }
}

/// The list under this name, which must have something in it.
pub(crate) fn filled<'a>(body: &'a Value, name: &'static str) -> Result<&'a [Value], Invalid> {
    match body.get(name) {
        None => Err(Invalid::Missing(name)),
        Some(Value::Array(items)) if !items.is_empty() => Ok(items),
        Some(_) => Err(Invalid::Type(name)),
    }
}

/// The items of a list that may be missing.
pub(crate) fn items<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// A text, or a list of parts with a field `text`.
pub(crate) fn text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part.get("text")?.as_str()).collect(),
        _ => String::new(),
    }
}

/// The estimate of tokens that `usage` and context windows go by.
pub(crate) fn tokens(bytes: usize) -> u64 {
    u64::try_from(bytes / 4).unwrap_or(u64::MAX)
}

/// The paths that a `changes` schema allows.
fn paths(schema: &Value) -> Vec<String> {
    let listed = schema.pointer("/properties/files/items/properties/path/enum");
    let listed = listed.and_then(Value::as_array).into_iter().flatten();
    listed.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Which of the known schemas this is.
fn shape(schema: &Value) -> Option<&'static str> {
    let properties = schema.get("properties")?;
    let known = KNOWN.iter().find(|(_, field)| properties.get(field).is_some());
    known.map(|(name, _)| *name)
}

/// The schema that stands in a prompt. A program's own instructions speak of plans and reviews
/// too, so what the user said comes first.
fn in_prompts(prompts: &[Prompt], other: &[String]) -> (Option<String>, Vec<String>) {
    let by_user = prompts.iter().filter(|prompt| prompt.by_user);
    let of_system = prompts.iter().filter(|prompt| !prompt.by_user);
    let found = by_user.chain(of_system).find_map(|prompt| in_prompt(&prompt.text, other));
    found.map_or((None, Vec::new()), |(name, paths)| (Some(name), paths))
}

/// Finds the words `schema NAME`, and the schema itself if it follows, or a schema without a
/// name that has the shape of a known one.
fn in_prompt(text: &str, other: &[String]) -> Option<(String, Vec<String>)> {
    let known = |name: &str| {
        KNOWN.iter().any(|(known, _)| *known == name) || other.iter().any(|other| other == name)
    };
    text.match_indices("chema").find_map(|(at, word)| {
        let after = &text[at + word.len()..];
        let rest = after.trim_start_matches([' ', '\n', '`', '"', '\'', ':']);
        let end = rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'))
            .unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        if known(name) && after.len() > name.len() + rest.len() {
            let paths = first_object(rest).as_ref().map(paths);
            return Some((name.to_owned(), paths.unwrap_or_default()));
        }
        let schema = first_object(after)?;
        shape(&schema).map(|name| (name.to_owned(), paths(&schema)))
    })
}

fn first_object(text: &str) -> Option<Value> {
    let start = text.find('{')?;
    let mut values = serde_json::Deserializer::from_str(&text[start..]).into_iter();
    values.next()?.ok()
}

#[cfg(test)]
mod tests;
