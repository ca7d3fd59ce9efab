//! The four languages of model servers: where each is spoken, who reads and who writes it.
//! What a server does with a request is decided before and after, the same for all of them.
mod chat;
mod gemini;
mod messages;
mod responses;

use serde_json::Value;

use crate::asked::{Asked, Invalid, Read};
use crate::problem::Problem;
use crate::said::Said;

/// A language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    /// OpenAI's chat completions.
    Chat,
    /// OpenAI's responses.
    Responses,
    /// Anthropic's messages.
    Messages,
    /// Gemini's contents.
    Gemini,
}

/// What is asked of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// An answer.
    Answer,
    /// How many tokens the request has.
    Count,
}

/// A streamed answer as events, each with its end. A piece may be several events.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    /// Before any content.
    pub(crate) opening: Vec<String>,
    pub(crate) pieces: Vec<String>,
    /// The reason of the end, if there is one, and what comes with it.
    pub(crate) closing: Vec<String>,
    /// The mark that nothing more comes, in languages that have one.
    pub(crate) end_mark: Option<String>,
}

/// Who writes a language.
pub(crate) trait Writer {
    /// The body of a plain answer.
    fn plain(&self, said: &Said<'_>) -> Value;
    /// A streamed answer.
    fn stream(&self, said: &Said<'_>) -> Stream;
    /// An event as reasoning models send before their answer.
    fn thought(&self, said: &Said<'_>, text: &str) -> String;
    /// An event of more content.
    fn more(&self, said: &Said<'_>, text: &str) -> String;
    /// The body of an error.
    fn problem(&self, problem: &Problem) -> Value;
    /// An error within a stream.
    fn problem_event(&self, problem: &Problem) -> String;
    /// The number of tokens of a request.
    fn count(&self, asked: &Asked) -> Value;
}

impl Language {
    /// The language that is spoken at this address.
    pub(crate) fn at(method: &str, path: &str) -> Option<(Self, Wanted)> {
        let of_gemini = |path: &str| {
            path.strip_prefix("/v1beta/models/")?.split_once(':').map(|(_, verb)| verb.to_owned())
        };
        match (method, path) {
            ("POST", "/v1/chat/completions") => Some((Self::Chat, Wanted::Answer)),
            ("POST", "/v1/responses") => Some((Self::Responses, Wanted::Answer)),
            ("POST", "/v1/messages") => Some((Self::Messages, Wanted::Answer)),
            ("POST", "/v1/messages/count_tokens") => Some((Self::Messages, Wanted::Count)),
            ("POST", path) => match of_gemini(path)?.as_str() {
                "generateContent" | "streamGenerateContent" => Some((Self::Gemini, Wanted::Answer)),
                "countTokens" => Some((Self::Gemini, Wanted::Count)),
                _ => None,
            },
            _ => None,
        }
    }

    /// Reads a body that was sent to `target`.
    pub(crate) fn read(self, target: &str, body: &Value) -> Result<Read, Invalid> {
        match self {
            Self::Chat => chat::read(body),
            Self::Responses => responses::read(body),
            Self::Messages => messages::read(body),
            Self::Gemini => gemini::read(target, body),
        }
    }

    pub(crate) fn writer(self) -> &'static dyn Writer {
        match self {
            Self::Chat => &chat::Chat,
            Self::Responses => &responses::Responses,
            Self::Messages => &messages::Messages,
            Self::Gemini => &gemini::Gemini,
        }
    }
}

/// An event without a name.
fn data(value: &Value) -> String {
    format!("data: {value}\n\n")
}

/// An event that is named by the type which its data says too.
fn named(value: &Value) -> String {
    let name = value.get("type").and_then(Value::as_str).unwrap_or_default();
    format!("event: {name}\ndata: {value}\n\n")
}
