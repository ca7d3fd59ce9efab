//! One failed try, with everything that decides what comes next.
//!
//! A bare class or a bare message is not enough: the wait that a server asked for, or what a try
//! cost, would be lost on the way and guessed again further up.

use std::time::Duration;

use crate::budget::Usage;
use crate::redact::{Redactor, bounded};
use crate::{Class, Tokens};

/// A message of an attempt is no longer than this, in characters.
pub(crate) const LONGEST_MESSAGE: usize = 500;

/// Why a try failed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure {
    pub(crate) class: Class,
    /// Not yet cleaned of secrets: [`Failure::said`] does that.
    message: Box<str>,
    pub(crate) status: Option<u16>,
    pub(crate) retry_after: Option<Duration>,
    /// Nobody listens there, or it would go the same way: asking at once again is of no use.
    pub(crate) refused_connection: bool,
    /// An invalid request that says nothing about other models of the provider.
    pub(crate) this_model_only: bool,
    /// The learned timer for the first token ran out.
    pub(crate) silent: bool,
    /// The time given to the visit was over, whichever the model was doing.
    pub(crate) out_of_time: bool,
    /// Two answers that were rejected alike have the same one.
    pub(crate) likeness: Option<Box<str>>,
    /// What the model said, for the repair of an answer that did not pass.
    pub(crate) answer: Option<Box<str>>,
    pub(crate) usage: Usage,
}

impl Failure {
    /// A try that cost nothing: it was turned away or did not arrive.
    pub(crate) fn new(class: Class, message: impl Into<Box<str>>) -> Self {
        Self {
            class,
            message: message.into(),
            status: None,
            retry_after: None,
            refused_connection: false,
            this_model_only: false,
            silent: false,
            out_of_time: false,
            likeness: None,
            answer: None,
            usage: Usage::Known(Tokens::default()),
        }
    }

    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    pub(crate) fn with_usage(mut self, usage: Usage) -> Self {
        self.usage = usage;
        self
    }

    /// The message for people: one line, bounded, without secrets.
    pub(crate) fn said(&self, redactor: &Redactor) -> String {
        redactor.clean(&self.message, LONGEST_MESSAGE)
    }

    /// Equal for the same error at another model: the model's own name does not count.
    pub(crate) fn fingerprint(&self, model: &str) -> String {
        let plain = self.message.to_lowercase();
        let plain = plain.replace(&model.to_lowercase(), "model");
        let status = self.status.unwrap_or_default();
        format!("{status} {}", bounded(&plain, LONGEST_MESSAGE))
    }

    /// The whole of what the server said, for what it names.
    pub(crate) fn raw(&self) -> &str {
        &self.message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_error_at_another_model_has_the_same_fingerprint() {
        let one = Failure::new(Class::InvalidRequest, "a/One takes no  'seed'").with_status(400);
        let other = Failure::new(Class::InvalidRequest, "Two takes no 'seed'").with_status(400);
        assert_eq!(one.fingerprint("a/one"), other.fingerprint("two"));
        let third = other.clone().with_status(422);
        assert_ne!(third.fingerprint("two"), other.fingerprint("two"));
    }
}
