//! What a model does with a request, as data: a fault that exists only as code in one test
//! cannot be put into a script file, nor be used against a second client.
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What happens to a request. Each one works for plain and for streamed answers.
///
/// In JSON the names are in snake case and delays are whole milliseconds in fields ending in
/// `_ms`: `"reset_before_headers"`, `{"slow_headers": {"delay_ms": 200}}`.
///
/// `after_chunks` counts the pieces of content already sent. Zero means nothing after the
/// headers; more than the answer has means all of its content, but no finish reason. In a
/// plain answer a piece is 64 bytes of the body, and at least its last byte is held back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// No fault: the scripted answer, at once.
    #[default]
    Answer,
    /// The scripted answer, of which nothing is sent before `delay` has passed.
    AnswerAfter {
        /// Time before the first byte.
        #[serde(rename = "delay_ms", with = "milliseconds")]
        delay: Duration,
    },
    /// An HTTP error.
    Status {
        /// The status code, 400 to 599.
        status: u16,
        /// The `Retry-After` header, verbatim; absent when `None`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<String>,
        /// The body, verbatim: `application/json` if it parses as JSON, else `text/plain`.
        /// `None` is an error object that fits the status, in the form of the request's language.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
    },
    /// The connection is reset without a byte of an answer. A listening port cannot refuse:
    /// the kernel has accepted before any program is asked. Where the script has no other
    /// entry than `*`, and this is its first step and always holds, the reset comes at once
    /// on accept, before the request is read, and is recorded as a request of model `*`;
    /// else it comes as soon as the request's model is known.
    /// [`crate::Server::refusing_url`] is an address where connecting itself is refused.
    RefuseConnection,
    /// The status line and headers come after `delay`, then the scripted answer.
    SlowHeaders {
        /// Time before the first byte.
        #[serde(rename = "delay_ms", with = "milliseconds")]
        delay: Duration,
    },
    /// Headers at once, the first byte of the body after `delay`, then the scripted answer.
    SlowFirstToken {
        /// Time between headers and body.
        #[serde(rename = "delay_ms", with = "milliseconds")]
        delay: Duration,
    },
    /// Alive but slow: `pause` stands before every piece of the scripted answer.
    Drip {
        /// Time before each piece.
        #[serde(rename = "pause_ms", with = "milliseconds")]
        pause: Duration,
    },
    /// Signs of life before the scripted answer: `times` times a pause, then by turns a
    /// keep-alive comment and a chunk of `reasoning_content`. In a plain answer each is a
    /// newline before the JSON.
    Thinking {
        /// Time before each sign of life.
        #[serde(rename = "pause_ms", with = "milliseconds")]
        pause: Duration,
        /// How many signs of life.
        times: u32,
    },
    /// The scripted answer in pieces of seven bytes that respect neither events nor
    /// characters. A reader must not notice.
    Fragmented,
    /// The answer stops and the connection stays open until the client leaves.
    Stall {
        /// Pieces sent before.
        after_chunks: usize,
    },
    /// The request is read, then the connection is reset (RST) without a byte of an answer.
    ResetBeforeHeaders,
    /// The connection is closed (FIN) in the middle of the body: a chunked body without its
    /// last chunk, or fewer bytes than `Content-Length` said.
    Cut {
        /// Pieces sent before.
        after_chunks: usize,
    },
    /// A whole streamed answer with its finish reason, but no mark of its end such as `[DONE]`
    /// where the language has one, then a clean close.
    /// Plain: a whole body whose end is the close, as no length was given.
    MissingEndMark,
    /// All of the content and the mark of the end, but no finish reason. Plain: it is null.
    NoFinishReason,
    /// The event in the middle is broken JSON, all others are whole. Plain: the body is
    /// broken JSON of the announced length.
    MalformedChunk,
    /// An event that is not JSON stands before the first piece, and the answer is whole without it.
    /// Plain: the same as no fault.
    Noise,
    /// Content without an end, as fast as the client takes it, until the client leaves.
    Endless,
    /// 64 MiB of blanks, compressed to 64 KiB without being asked for it.
    Compressed,
    /// A byte of the content that is no UTF-8.
    InvalidUtf8,
    /// Half a million brackets, one within the other, as an event or a body.
    DeepJson,
    /// 307 to the same path at this address, which must begin with `http`.
    Redirect {
        /// Without the path.
        to: String,
    },
    /// A request whose last message is the assistant's is answered with a 400, as by models that
    /// continue no answer; others are answered.
    RejectsPrefill,
    /// An error object inside a 200 stream, which then ends. Plain: it is the body.
    ErrorEvent {
        /// Pieces sent before.
        after_chunks: usize,
    },
    /// A 200 with an HTML page, as a proxy or a login portal gives.
    WrongContentType,
    /// A 200 without a byte of body.
    EmptyBody,
    /// A well-formed answer whose content is the empty string.
    Empty,
    /// A well-formed answer whose content is prose.
    NotJson,
    /// A well-formed answer whose content is JSON of another shape.
    WrongSchema,
    /// Half of the content and finish reason `length`.
    CutOff,
    /// The right shape, but the code in it is a placeholder such as a to-do stub.
    Placeholder,
    /// The model declines: a `refusal` instead of content, finish reason `stop`.
    Refusal,
    /// The provider's filter stops the answer: half of the content and finish reason
    /// `content_filter`.
    ContentFilter,
}

impl Fault {
    /// An HTTP error with the body that fits it.
    pub fn status(status: u16) -> Self {
        Self::Status { status, retry_after: None, body: None }
    }

    /// A 429 with this `Retry-After`: seconds, or an HTTP date.
    pub fn rate_limited(retry_after: impl Into<String>) -> Self {
        Self::Status { status: 429, retry_after: Some(retry_after.into()), body: None }
    }

    /// An exhausted balance dressed as a 429, as OpenAI reports it.
    pub fn quota_exhausted() -> Self {
        let body = serde_json::json!({"error": {
            "message": "You exceeded your current quota, please check your plan and billing details.",
            "type": "insufficient_quota",
            "param": null,
            "code": "insufficient_quota",
        }});
        Self::Status { status: 429, retry_after: None, body: Some(body.to_string()) }
    }

    /// Whether a patient client gets the whole scripted answer.
    pub(crate) fn gives_the_answer(&self) -> bool {
        matches!(
            self,
            Self::Answer
                | Self::AnswerAfter { .. }
                | Self::SlowHeaders { .. }
                | Self::SlowFirstToken { .. }
                | Self::Drip { .. }
                | Self::Thinking { .. }
                | Self::Fragmented
                | Self::MissingEndMark
                | Self::Noise
                | Self::RejectsPrefill
        )
    }

    /// Pieces of content after which the answer breaks off, for the faults that do so.
    pub(crate) fn breaks_after(&self) -> Option<usize> {
        match self {
            Self::Stall { after_chunks }
            | Self::Cut { after_chunks }
            | Self::ErrorEvent { after_chunks } => Some(*after_chunks),
            _ => None,
        }
    }
}

mod milliseconds {
    //! Durations as whole milliseconds, so that a script file needs no nested objects.
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &Duration, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_u64(u64::try_from(value.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
        u64::deserialize(input).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(fault: &Fault, json: &str) {
        assert_eq!(serde_json::to_string(fault).expect("serializes"), json);
        let read: Fault = serde_json::from_str(json).expect("parses");
        assert_eq!(&read, fault);
    }

    #[test]
    fn a_script_file_spells_faults_in_snake_case_and_milliseconds() {
        check(&Fault::ResetBeforeHeaders, r#""reset_before_headers""#);
        check(&Fault::status(503), r#"{"status":{"status":503}}"#);
        check(&Fault::Stall { after_chunks: 2 }, r#"{"stall":{"after_chunks":2}}"#);
        check(
            &Fault::SlowHeaders { delay: Duration::from_millis(1500) },
            r#"{"slow_headers":{"delay_ms":1500}}"#,
        );
    }

    #[test]
    fn a_misspelt_field_is_refused() {
        let wrong = r#"{"slow_headers":{"delay_ms":1,"dely_ms":2}}"#;
        let error = serde_json::from_str::<Fault>(wrong).expect_err("unknown field");
        assert!(error.to_string().contains("dely_ms"), "{error}");
    }
}
