//! What a chain gives: the value, who gave it, and every attempt on the way.
//!
//! An answer without its attempts hides which model is failing and what it cost.

use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Class, ModelId};

/// A value that passed the schema and the request's own check.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The value.
    pub value: Value,
    /// The model that really gave it; `None` is the stand-in.
    pub model: Option<ModelId>,
    /// Every attempt of this request, in order.
    pub attempts: Vec<Attempt>,
    /// Whether the stand-in gave it.
    pub degraded: bool,
}

/// A request that ended without a value.
#[derive(Clone, Debug)]
pub struct Unanswered {
    /// Why it ended.
    pub reason: Reason,
    /// Every attempt of this request, in order.
    pub attempts: Vec<Attempt>,
}

/// Why a request ended without a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The chain is empty.
    NoModel,
    /// Every model failed, rests, is held off by its breaker, or no time was left.
    AllFailed,
    /// What may be spent is spent.
    BudgetExhausted,
    /// A model refused and the settings say to stop there.
    Refused {
        /// The provider's reason.
        message: String,
    },
    /// The caller cancelled.
    Cancelled,
    /// The stand-in's value did not pass the checks, or there can be none because the schema
    /// itself is not valid.
    StandIn {
        /// What the check said.
        message: String,
    },
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Reason::NoModel => f.write_str("no model is configured")?,
            Reason::AllFailed if self.attempts.is_empty() => {
                f.write_str("no model could be asked: each rests, is held off by its breaker, or no time was left")?;
            }
            Reason::AllFailed if self.attempts.iter().any(Attempt::was_answered) => {
                f.write_str("no model gave an answer that could be taken")?;
            }
            Reason::AllFailed => f.write_str("no model answered")?,
            Reason::BudgetExhausted => f.write_str("the budget is spent")?,
            Reason::Refused { message } => write!(f, "refused: {message}")?,
            Reason::Cancelled => f.write_str("cancelled")?,
            Reason::StandIn { message } => write!(f, "the stand-in cannot be used: {message}")?,
        }
        let first = self.attempts.iter().find_map(Attempt::cause);
        match first {
            Some(cause) => write!(f, "; first {cause}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Unanswered {}

/// One try, with its outcome.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attempt {
    /// The model that was asked.
    pub model: ModelId,
    /// Its place in the chain; 0 is the primary.
    pub position: usize,
    /// Counts the attempts of the whole request, from 1.
    pub number: u32,
    /// Why it failed; `None` is success.
    pub class: Option<Class>,
    /// What the provider or the check said: at most 500 characters, without secrets.
    pub message: Option<String>,
    /// The HTTP status of a failure, if there was one.
    pub status: Option<u16>,
    /// From sending to the end.
    #[serde(rename = "latency_ms", with = "milliseconds")]
    pub latency: Duration,
    /// What the provider said it used.
    pub tokens: Option<Tokens>,
    /// What that cost in US dollars, if the price is known.
    pub usd: Option<f64>,
}

impl Attempt {
    /// Whether the model said something, which could not be taken.
    pub(crate) fn was_answered(&self) -> bool {
        matches!(self.class, Some(Class::InvalidOutput | Class::Refused))
    }

    fn cause(&self) -> Option<String> {
        let class = self.class?;
        let said = self.message.as_deref().unwrap_or("no reason given");
        Some(format!("{}: {class}: {said}", self.model))
    }
}

/// Tokens of one or many attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Of the prompt.
    pub input: u64,
    /// Of the answer, reasoning included.
    pub output: u64,
}

impl Tokens {
    /// Both together.
    #[must_use]
    pub fn total(self) -> u64 {
        self.input.saturating_add(self.output)
    }
}

impl AddAssign for Tokens {
    fn add_assign(&mut self, other: Self) {
        self.input = self.input.saturating_add(other.input);
        self.output = self.output.saturating_add(other.output);
    }
}

/// What was spent so far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spent {
    /// Where a provider did not say what an attempt used, an estimate is counted.
    pub tokens: Tokens,
    /// US dollars; `None` once the price of any model used is not known.
    pub usd: Option<f64>,
}

impl Default for Spent {
    fn default() -> Self {
        Self { tokens: Tokens::default(), usd: Some(0.0) }
    }
}

/// A duration as whole milliseconds.
mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(value.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed() -> Attempt {
        Attempt {
            model: "a/b".parse().unwrap(),
            position: 0,
            number: 1,
            class: Some(Class::Timeout),
            message: Some("no first token within 10s".into()),
            status: None,
            latency: Duration::from_millis(1500),
            tokens: None,
            usd: None,
        }
    }

    #[test]
    fn an_attempt_keeps_its_shape_in_json() {
        let json = serde_json::to_string(&failed()).unwrap();
        assert_eq!(
            json,
            r#"{"model":"a/b","position":0,"number":1,"class":"timeout","message":"no first token within 10s","status":null,"latency_ms":1500,"tokens":null,"usd":null}"#
        );
        let back: Attempt = serde_json::from_str(&json).unwrap();
        assert_eq!(back.latency, Duration::from_millis(1500));
    }

    /// Trap 13: the true first cause is what a person is told.
    #[test]
    fn unanswered_names_the_first_cause() {
        let second = Attempt { class: Some(Class::Auth), message: None, ..failed() };
        let unanswered = Unanswered { reason: Reason::AllFailed, attempts: vec![failed(), second] };
        assert_eq!(
            unanswered.to_string(),
            "no model answered; first a/b: timeout: no first token within 10s"
        );
    }
}
