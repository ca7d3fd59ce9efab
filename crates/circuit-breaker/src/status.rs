//! What a breaker says about itself, in the exact words that people grep for.
//!
//! The text is part of the contract: scripts match `MONITORING (2/5)`, so it is built here only.

use std::fmt;
use std::time::Duration;

/// Which of its three states a breaker is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Calls are let through and their failures counted.
    Closed,
    /// Calls are turned away until the reset timeout has passed.
    Open,
    /// Probes are let through, by default one; everyone else is turned away.
    HalfOpen,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Closed => "CLOSED",
            Self::Open => "OPEN",
            Self::HalfOpen => "HALF-OPEN",
        })
    }
}

/// A breaker at one moment. Displayed as `CLOSED`, `MONITORING (2/5)`, `OPEN` or `HALF-OPEN`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The state; an open breaker whose time is up stays `Open` until somebody asks for a permit.
    pub state: State,
    /// Failures that count: those within the window, or those in a row if these are more. While
    /// open or half-open, as many as there were when it opened.
    pub failures: u32,
    /// The limit that `failures` runs up against.
    pub threshold: u32,
    /// How long until a permit may be had: zero if a probe is due now, `None` while closed or
    /// forced open.
    pub retry_in: Option<Duration>,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.state == State::Closed && self.failures > 0 {
            return f.pad(&format!("MONITORING ({}/{})", self.failures, self.threshold));
        }
        self.state.fmt(f)
    }
}

/// The breaker turned the call away; nothing was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// `Open`, or `HalfOpen` while a probe is under way.
    pub state: State,
    /// When asking again can help at the earliest: the end of the reset timeout; the longest that
    /// the probe under way may take; for a breaker forced open, `max_reset_timeout`.
    pub retry_after: Duration,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "circuit breaker {}, try again in {} s",
            self.state,
            self.retry_after.as_secs_f64().ceil()
        )
    }
}

impl std::error::Error for Rejected {}

/// How a permitted call ended.
///
/// With two outcomes only, a caller's own cancel or its faulty request is either held against the
/// service or counted for it; both are wrong, and the second one closes a breaker in an outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The service answered in full.
    Success,
    /// The service failed, by its own fault.
    Failure,
    /// The call says nothing about the service: cancelled here, or wrong in itself.
    Ignored,
}

/// What became of a reported result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a stale result changed nothing"]
pub enum Recorded {
    /// The permit was current: the result was taken into account (or, for an ignored one, its
    /// place was given back).
    Counted,
    /// The breaker has changed its state since the permit was given: the result changed nothing.
    Stale,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_are_those_of_the_contract() {
        let text =
            |state, failures| Status { state, failures, threshold: 5, retry_in: None }.to_string();
        assert_eq!(text(State::Closed, 0), "CLOSED");
        assert_eq!(text(State::Closed, 2), "MONITORING (2/5)");
        assert_eq!(text(State::Open, 5), "OPEN");
        assert_eq!(text(State::HalfOpen, 5), "HALF-OPEN");
    }

    #[test]
    fn a_rejection_tells_when_to_come_back() {
        let rejected = Rejected { state: State::Open, retry_after: Duration::from_millis(41_300) };
        assert_eq!(rejected.to_string(), "circuit breaker OPEN, try again in 42 s");
    }
}
