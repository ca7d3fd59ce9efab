//! An answer while it arrives, in no vendor's language.
//!
//! Whether it is whole is decided here, once for every vendor: a reader that decides it for itself
//! sooner or later takes half an answer for a whole one.

use crate::budget::Usage;
use crate::classify::{Complaint, inside};
use crate::failure::Failure;
use crate::{Class, Tokens, estimate_tokens};
use std::time::SystemTime;

/// Why a model stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    Whole,
    /// Its limit of tokens was reached.
    CutOff,
    /// A filter stopped it; by the name that the vendor gives.
    Filtered(String),
    /// The server says that it failed.
    Failed,
}

impl Finish {
    /// From any vendor's word for it.
    pub(crate) fn named(reason: &str) -> Self {
        match reason.to_lowercase().as_str() {
            "length" | "max_tokens" | "model_length" | "model_context_window_exceeded" => {
                Self::CutOff
            }
            "content_filter" | "safety" | "refusal" | "recitation" | "blocklist"
            | "prohibited_content" | "spii" | "sensitive" => Self::Filtered(reason.to_owned()),
            "error" | "network_error" | "insufficient_system_resource" => Self::Failed,
            _ => Self::Whole,
        }
    }
}

/// What has arrived so far.
#[derive(Debug, Default)]
pub(crate) struct Arriving {
    pub(crate) text: String,
    pub(super) refusal: String,
    pub(crate) finish: Option<Finish>,
    pub(crate) tokens: Option<Tokens>,
    /// What it cost, where that is told.
    pub(crate) usd: Option<f64>,
    pub(super) error: Option<Complaint>,
    /// Where in the text pieces are missing that could not be read and may have carried some.
    pub(crate) holes: Vec<usize>,
    /// The vendor's own mark of the end was seen.
    pub(super) ended: bool,
}

/// A whole answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Completion {
    pub(crate) text: String,
    pub(crate) usage: Usage,
    /// Places in the text where a piece may be missing, as byte offsets; see [`crate::holes`].
    pub(crate) holes: Vec<usize>,
}

impl Arriving {
    /// A piece that could not be read. After the finish reason there is no text left to lose.
    pub(crate) fn damage(&mut self) {
        let at = self.text.len();
        if self.finish.is_none() && self.holes.last() != Some(&at) {
            self.holes.push(at);
        }
    }

    /// Whether nothing more is needed of the stream.
    pub(super) fn is_complete(&self) -> bool {
        self.ended || self.error.is_some() || (self.finish.is_some() && self.tokens.is_some())
    }

    pub(crate) fn usage(&self) -> Usage {
        match (self.tokens, self.usd) {
            (tokens, Some(usd)) => Usage::Billed { tokens, usd },
            (Some(tokens), None) => Usage::Known(tokens),
            (None, None) => Usage::Estimated { output: estimate_tokens(&self.text) },
        }
    }

    /// Whether it is an answer. Complete means that a finish reason was seen; `broke_off` says how
    /// the stream ended, if not by itself.
    pub(crate) fn conclude(
        mut self,
        broke_off: Option<Failure>,
        wall: SystemTime,
    ) -> Result<Completion, Failure> {
        let (usage, holes) = (self.usage(), std::mem::take(&mut self.holes));
        self.outcome(broke_off, wall)
            .map(|text| Completion { text, usage, holes })
            .map_err(|failure| failure.with_usage(usage))
    }

    fn outcome(self, broke_off: Option<Failure>, wall: SystemTime) -> Result<String, Failure> {
        if let Some(complaint) = &self.error {
            return Err(inside(complaint, wall));
        }
        let failed = |message: &str| Err(Failure::new(Class::Unavailable, message));
        match self.finish {
            None if broke_off.is_some() => broke_off.map_or(Ok(self.text), Err),
            None if self.text.is_empty() => failed("the answer ended without a word"),
            None => failed("the answer ended without a finish reason"),
            Some(Finish::Failed) => failed("the server gave up in the middle of its answer"),
            Some(Finish::Filtered(name)) => {
                let message = format!("stopped by a filter: {name}");
                Err(Failure::new(Class::Refused, message))
            }
            Some(_) if !self.refusal.is_empty() => {
                let message = format!("refused: {}", self.refusal);
                Err(Failure::new(Class::Refused, message))
            }
            Some(Finish::CutOff) => {
                let message = "the answer was cut off at the model's limit of tokens";
                let mut failure = Failure::new(Class::InvalidOutput, message);
                failure.likeness = Some("cut off".into());
                Err(failure)
            }
            Some(Finish::Whole) => Ok(self.text),
        }
    }
}

/// Whether data that is no object may be what is left of one. An object has quotation marks and
/// brackets, wherever it was cut; words without any (`OPENROUTER PROCESSING`) are noise, and so is
/// a whole value of another kind.
pub(super) fn may_have_carried_text(data: &str) -> bool {
    let is_whole = serde_json::from_str::<serde_json::Value>(data).is_ok_and(|v| !v.is_object());
    !is_whole && data.contains(['{', '}', '[', ']', '"', ':', '\\'])
}
