//! What a server complains of, before any language: every language has its own words for the
//! same few reasons, and clients decide by those words.

/// Why a request has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Malformed,
    Key,
    Balance,
    Access,
    Absent,
    Window,
    Rate,
    Overload,
    Server,
}

/// An error with its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: u16,
    pub(crate) reason: Reason,
    pub(crate) message: String,
    /// When to come again, in whole seconds, where that was said so.
    pub(crate) retry_after: Option<u64>,
}

impl Problem {
    /// A request that is not as it should be.
    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self { status: 400, reason: Reason::Malformed, message: message.into(), retry_after: None }
    }

    /// More input than the model's window holds.
    pub(crate) fn over_window(window: u64, tokens: u64) -> Self {
        let message = format!(
            "This model's maximum context length is {window} tokens. However, your messages \
             resulted in {tokens} tokens. Please reduce the length of the messages."
        );
        Self { reason: Reason::Window, ..Self::malformed(message) }
    }

    /// What fits a status.
    pub(crate) fn of(status: u16, retry_after: Option<&str>) -> Self {
        let (reason, message) = match status {
            400 => (Reason::Malformed, "The request was not understood."),
            401 => (Reason::Key, "Incorrect API key provided."),
            402 => (Reason::Balance, "Insufficient balance."),
            403 => (Reason::Access, "You do not have access to this model."),
            404 => (Reason::Absent, "The model does not exist."),
            429 => (Reason::Rate, "Rate limit reached for requests."),
            503 | 529 => {
                (Reason::Overload, "The model is currently overloaded. Please try again later.")
            }
            500.. => (Reason::Server, "The server had an error while processing your request."),
            _ => (Reason::Malformed, "The request failed."),
        };
        let retry_after = retry_after.and_then(|text| text.trim().parse().ok());
        Self { status, reason, message: message.to_owned(), retry_after }
    }
}
