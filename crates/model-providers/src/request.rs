//! What is asked: a prompt that can be fitted to a window, a schema, and the checks of an answer.
//!
//! The prompt is asked for anew at each model, because a text cut for the smallest window starves
//! the largest, and one cut for the largest overflows the smallest.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Attempt, Workplace};

/// Gives the messages, fitted to what a model can take.
pub trait Prompt: Send + Sync {
    /// The messages in at most `max_input_tokens` as [`estimate_tokens`] counts them; `None` is an
    /// unknown window, which counts as larger than any. Must not block.
    ///
    /// # Errors
    /// [`TooLarge`] if even the least that is needed does not fit: the model is then passed over
    /// as `context_overflow` without being asked.
    fn messages(&self, max_input_tokens: Option<u64>) -> Result<Vec<Message>, TooLarge>;
}

impl Prompt for Vec<Message> {
    fn messages(&self, max_input_tokens: Option<u64>) -> Result<Vec<Message>, TooLarge> {
        let needed = self.iter().map(|m| estimate_tokens(&m.content)).sum();
        match max_input_tokens {
            Some(available) if needed > available => Err(TooLarge { needed, available }),
            _ => Ok(self.clone()),
        }
    }
}

/// A prompt that does not fit a model's window. In tokens, estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the prompt needs about {needed} tokens and {available} are there")]
pub struct TooLarge {
    /// What the prompt needs at least.
    pub needed: u64,
    /// What the model has room for.
    pub available: u64,
}

/// One message of a prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who says it.
    pub role: MessageRole,
    /// What is said.
    pub content: String,
}

/// Who says a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageRole {
    /// Standing orders.
    System,
    /// Whoever asks.
    User,
    /// The model itself.
    Assistant,
}

/// The named JSON Schema that an answer must fit, inline and without references.
#[derive(Clone, Debug)]
pub struct Schema {
    /// Letters, digits, `_` and `-`.
    pub name: String,
    /// The schema itself.
    pub body: Value,
}

/// A check beyond the schema. Its message is shown to the model, which may mend its answer.
pub type Validate = Arc<dyn Fn(&Value) -> Result<(), String> + Send + Sync>;

/// Makes the value that is given when no model answered. It passes the same checks as a model's.
pub type StandIn = Arc<dyn Fn(&[Attempt]) -> Value + Send + Sync>;

/// One question to a chain.
#[derive(Clone)]
pub struct Request {
    /// What the answer must fit.
    pub schema: Schema,
    /// What is asked.
    pub prompt: Arc<dyn Prompt>,
    /// What the answer must satisfy beyond its schema.
    pub validate: Option<Validate>,
    /// What answers when no model does; without it the request ends as `Unanswered`.
    pub stand_in: Option<StandIn>,
    /// Where programs that can work do so instead of answering.
    pub workplace: Option<Arc<dyn Workplace>>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("schema", &self.schema.name)
            .field("validate", &self.validate.is_some())
            .field("stand_in", &self.stand_in.is_some())
            .field("workplace", &self.workplace.is_some())
            .finish_non_exhaustive()
    }
}

/// How many tokens a text takes at most, by a rule that errs upwards: a third of its bytes,
/// rounded up.
#[must_use]
pub fn estimate_tokens(text: &str) -> u64 {
    u64::try_from(text.len().div_ceil(3)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_is_rounded_up() {
        let counts = ["", "a", "abc", "abcd", "äöü"].map(estimate_tokens);
        assert_eq!(counts, [0, 1, 1, 2, 2]);
    }

    #[test]
    fn fixed_messages_say_when_they_do_not_fit() {
        let prompt = vec![Message { role: MessageRole::User, content: "abcdef".into() }];
        assert!(prompt.messages(None).is_ok());
        assert!(prompt.messages(Some(2)).is_ok());
        let error = prompt.messages(Some(1)).unwrap_err();
        assert_eq!((error.needed, error.available), (2, 1));
    }
}
