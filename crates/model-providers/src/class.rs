//! The classes of failed attempts: the only thing that decides what comes next.
//!
//! Where each place reads a status or a phrase for itself, two of them disagree about whether a
//! limit is fatal. One enum, given by one table, is read everywhere else.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// No connection, no first token, an idle stream, or the total time was over.
    Timeout,
    /// Refused, unreachable, 5xx, reset, cut, or an error event inside a 200.
    Unavailable,
    /// Too many requests; the model rests.
    RateLimited,
    /// No credit; every model with that credential rests.
    QuotaExhausted,
    /// The credential is not accepted; every model with it rests.
    Auth,
    /// Too many tokens for this model.
    ContextOverflow,
    /// A content filter or the model itself refused.
    Refused,
    /// Not JSON, not the schema, cut off, or not what the request's own check wants.
    InvalidOutput,
    /// The provider does not accept this request.
    InvalidRequest,
    /// Given up from this side.
    Cancelled,
}

impl Class {
    /// Whether a visit that ends so is held against the model by its breaker.
    pub(crate) fn counts_for_breaker(self) -> bool {
        matches!(self, Self::Timeout | Self::Unavailable | Self::InvalidOutput)
    }

    /// The name as it stands in events and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::RateLimited => "rate_limited",
            Self::QuotaExhausted => "quota_exhausted",
            Self::Auth => "auth",
            Self::ContextOverflow => "context_overflow",
            Self::Refused => "refused",
            Self::InvalidOutput => "invalid_output",
            Self::InvalidRequest => "invalid_request",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_and_json_agree() {
        for class in [
            Class::Timeout,
            Class::Unavailable,
            Class::RateLimited,
            Class::QuotaExhausted,
            Class::Auth,
            Class::ContextOverflow,
            Class::Refused,
            Class::InvalidOutput,
            Class::InvalidRequest,
            Class::Cancelled,
        ] {
            let json = serde_json::to_string(&class).unwrap();
            assert_eq!(json, format!("\"{class}\""));
        }
    }
}
