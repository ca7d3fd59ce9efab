//! The objects of the protocol: a completion in its plain and its streamed form, and errors.
//! Both forms are made from one value, so that they cannot say different things.
use serde_json::{Map, Value, json};

use crate::asked::{Asked, tokens};

/// Characters of content in one streamed chunk.
const CHUNK_CHARACTERS: usize = 40;

/// What tells one answer from another.
#[derive(Clone, Debug)]
pub(crate) struct Stamp {
    pub(crate) id: String,
    /// Seconds since the epoch.
    pub(crate) created: u64,
}

impl Stamp {
    pub(crate) fn new(seed: u64, number: u64, created: u64) -> Self {
        Self { id: format!("chatcmpl-{}", letters(seed, number)), created }
    }
}

/// 28 letters and digits, well mixed (splitmix64) and always the same for the same input.
fn letters(seed: u64, number: u64) -> String {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut state = seed ^ number.wrapping_mul(0xD6E8_FEB8_6659_FD93);
    (0..28)
        .map(|_| {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            char::from(ALPHABET[((mixed ^ (mixed >> 31)) % 62) as usize])
        })
        .collect()
}

/// One answer of a model.
#[derive(Clone, Debug)]
pub(crate) struct Completion<'a> {
    pub(crate) asked: &'a Asked,
    pub(crate) stamp: &'a Stamp,
    pub(crate) content: String,
    /// The content is a refusal and stands in the field for it.
    pub(crate) refusal: bool,
    pub(crate) finish: Option<&'static str>,
}

impl Completion<'_> {
    /// The object of a plain answer.
    pub(crate) fn plain(&self) -> Value {
        let text = Value::from(self.content.as_str());
        let (content, refusal) =
            if self.refusal { (Value::Null, text) } else { (text, Value::Null) };
        let message = json!({"role": "assistant", "content": content, "refusal": refusal});
        let choice = json!({
            "index": 0,
            "message": message,
            "logprobs": null,
            "finish_reason": self.finish,
        });
        let mut object = self.envelope("chat.completion", vec![choice]);
        object.insert("usage".to_owned(), self.usage());
        Value::Object(object)
    }

    /// The first chunk, which only names the role.
    pub(crate) fn opening(&self) -> Value {
        self.chunk(&json!({"role": "assistant", "content": "", "refusal": null}), None)
    }

    /// A chunk as reasoning models send before their answer.
    pub(crate) fn reasoning(&self, text: &str) -> Value {
        self.chunk(&json!({"reasoning_content": text}), None)
    }

    /// The content in chunks of some tens of characters.
    pub(crate) fn pieces(&self) -> Vec<Value> {
        let field = if self.refusal { "refusal" } else { "content" };
        let characters: Vec<char> = self.content.chars().collect();
        characters
            .chunks(CHUNK_CHARACTERS)
            .map(|piece| {
                let text: String = piece.iter().collect();
                self.chunk(&json!({ field: text }), None)
            })
            .collect()
    }

    /// A chunk of other content.
    pub(crate) fn piece(&self, text: &str) -> Value {
        self.chunk(&json!({ "content": text }), None)
    }

    /// The chunk with the finish reason, unless there is none.
    pub(crate) fn closing(&self) -> Option<Value> {
        self.finish.map(|reason| self.chunk(&json!({}), Some(reason)))
    }

    /// The last chunk, with usage and no choice, if it was asked for.
    pub(crate) fn usage_chunk(&self) -> Option<Value> {
        self.asked.include_usage.then(|| {
            let mut object = self.envelope("chat.completion.chunk", Vec::new());
            object.insert("usage".to_owned(), self.usage());
            Value::Object(object)
        })
    }

    fn chunk(&self, delta: &Value, finish: Option<&str>) -> Value {
        let choice = json!({
            "index": 0,
            "delta": delta,
            "logprobs": null,
            "finish_reason": finish,
        });
        let mut object = self.envelope("chat.completion.chunk", vec![choice]);
        if self.asked.include_usage {
            object.insert("usage".to_owned(), Value::Null);
        }
        Value::Object(object)
    }

    fn envelope(&self, kind: &str, choices: Vec<Value>) -> Map<String, Value> {
        let mut object = Map::new();
        object.insert("id".to_owned(), self.stamp.id.as_str().into());
        object.insert("object".to_owned(), kind.into());
        object.insert("created".to_owned(), self.stamp.created.into());
        object.insert("model".to_owned(), self.asked.model.as_str().into());
        object.insert("choices".to_owned(), Value::Array(choices));
        object.insert("system_fingerprint".to_owned(), "fp_simulated".into());
        object
    }

    fn usage(&self) -> Value {
        let (prompt, completion) = (self.asked.input_tokens, tokens(self.content.len()));
        json!({
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt.saturating_add(completion),
        })
    }
}

/// An error in OpenAI's form.
pub(crate) fn error_object(message: &str, kind: &str, code: Option<&str>) -> Value {
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}

/// The error object that fits a status.
pub(crate) fn error_for(status: u16) -> Value {
    let (message, kind, code) = match status {
        400 => ("The request was not understood.", "invalid_request_error", None),
        401 => ("Incorrect API key provided.", "invalid_request_error", Some("invalid_api_key")),
        402 => ("Insufficient balance.", "insufficient_quota", Some("insufficient_balance")),
        403 => (
            "You do not have access to this model.",
            "invalid_request_error",
            Some("permission_denied"),
        ),
        404 => ("The model does not exist.", "invalid_request_error", Some("model_not_found")),
        429 => ("Rate limit reached for requests.", "requests", Some("rate_limit_exceeded")),
        503 | 529 => {
            ("The model is currently overloaded. Please try again later.", "overloaded_error", None)
        }
        500.. => ("The server had an error while processing your request.", "server_error", None),
        _ => ("The request failed.", "invalid_request_error", None),
    };
    error_object(message, kind, code)
}
