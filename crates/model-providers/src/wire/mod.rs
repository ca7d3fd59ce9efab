//! The languages of the vendors: how a question is written and how its answer is read.
//!
//! Nothing above this module knows a vendor's field names, so a new vendor is one file here.

mod anthropic;
mod completion;
pub(crate) mod dialect;
mod form;
mod openai;
mod pieces;
mod read;
mod schema;

pub(crate) use completion::{Arriving, Completion, Finish};
pub(crate) use form::{Form, Forms};
pub(crate) use read::{Spans, lost, no_first_token, read};
pub(crate) use schema::tokens as schema_tokens;

use dialect::{Dialect, SchemaWay};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::providers::Route;
use crate::transport::Call;
use crate::{Endpoint, Kind, Message, MessageRole, Schema};

/// What is said, in which form, to which model.
pub(crate) struct Question<'q> {
    pub(crate) route: Route<'q>,
    pub(crate) messages: &'q [Message],
    pub(crate) schema: &'q Schema,
    pub(crate) form: Form,
}

/// The request that puts the question.
///
/// # Errors
/// A text, if the endpoint's headers cannot be sent; [`check`] finds that beforehand.
pub(crate) fn call(question: &Question<'_>) -> Result<Call, String> {
    let endpoint = question.route.endpoint;
    let (path, body) = match endpoint.kind {
        Kind::OpenAi => (openai::PATH, openai::body(question)),
        Kind::Anthropic => (anthropic::path(&endpoint.base_url), anthropic::body(question)),
        Kind::Command => return Err("a program takes no requests".to_owned()),
    };
    Ok(Call {
        url: under(&endpoint.base_url, path),
        headers: headers(endpoint, question.route.dialect)?,
        body: body.to_string().into_bytes(),
    })
}

/// What is wrong with an endpoint, if anything; said without its secrets.
pub(crate) fn check(endpoint: &Endpoint) -> Result<(), String> {
    match (&endpoint.program, endpoint.kind) {
        (Some(program), Kind::Command) => return program.check(),
        (None, Kind::Command) => return Err("it names no program".to_owned()),
        (Some(_), _) => return Err("a program belongs to kind command".to_owned()),
        (None, _) => {}
    }
    let url = &endpoint.base_url;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("its base_url is not an http or https address".to_owned());
    }
    let dialect = match &endpoint.dialect {
        Some(name) => dialect::named(name).ok_or_else(|| format!("{name:?} is no dialect"))?,
        None => dialect::at(url),
    };
    headers(endpoint, dialect).map(|_| ())
}

/// The base's path with `path` behind it; the base's query stays.
fn under(base: &Url, path: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url
}

fn headers(endpoint: &Endpoint, dialect: &Dialect) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    let accept = "text/event-stream, application/json";
    headers.insert("accept", HeaderValue::from_static(accept));
    if endpoint.kind == Kind::Anthropic {
        let version = HeaderValue::from_static(anthropic::VERSION);
        headers.insert("anthropic-version", version);
    }
    if let Some(key) = &endpoint.api_key {
        let (name, text) = match (&dialect.key_header, endpoint.kind) {
            (Some(name), _) => (name.as_str(), key.expose().to_owned()),
            (None, Kind::OpenAi | Kind::Command) => {
                ("authorization", format!("Bearer {}", key.expose()))
            }
            (None, Kind::Anthropic) => ("x-api-key", key.expose().to_owned()),
        };
        let name = HeaderName::try_from(name).map_err(|_| format!("{name:?} is no header"))?;
        let mut value = HeaderValue::try_from(text)
            .map_err(|_| "its key holds characters that cannot be sent".to_owned())?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    for (name, value) in &endpoint.headers {
        let named = HeaderName::try_from(name.as_str())
            .map_err(|_| format!("{name:?} is not a header's name"))?;
        let mut value = HeaderValue::try_from(value.as_str())
            .map_err(|_| format!("the value of the header {name:?} cannot be sent"))?;
        value.set_sensitive(true);
        headers.insert(named, value);
    }
    Ok(headers)
}

/// The messages, with the schema behind them where it cannot go as a parameter.
pub(crate) fn with_schema_in_prompt(question: &Question<'_>) -> Vec<Message> {
    let mut messages = question.messages.to_vec();
    let carried = question.form.schema == SchemaWay::JsonSchema
        && question.route.endpoint.kind == Kind::OpenAi;
    if carried && !question.route.dialect.repeat_schema {
        return messages;
    }
    let demand = schema::demand(question.schema);
    match messages.iter_mut().rfind(|m| m.role == MessageRole::System) {
        Some(system) => system.content = format!("{}\n\n{demand}", system.content),
        None => messages.insert(0, Message { role: MessageRole::System, content: demand }),
    }
    messages
}

/// The messages as a server without a role for standing orders takes them.
fn without_system_role(messages: Vec<Message>) -> Vec<Message> {
    let (system, mut said): (Vec<_>, Vec<_>) =
        messages.into_iter().partition(|message| message.role == MessageRole::System);
    let orders: Vec<String> = system.into_iter().map(|message| message.content).collect();
    match said.first_mut() {
        _ if orders.is_empty() => {}
        Some(first) if first.role == MessageRole::User => {
            first.content = format!("{}\n\n{}", orders.join("\n\n"), first.content);
        }
        _ => said.insert(0, Message { role: MessageRole::User, content: orders.join("\n\n") }),
    }
    said
}

#[cfg(test)]
mod tests;
