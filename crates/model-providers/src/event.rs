//! What happens while a chain is asked, told as it happens.
//!
//! Without it a person sees a silent minute and cannot tell a dead primary from a slow answer.

use std::time::Duration;

use crate::{Attempt, Class, ModelId};

/// Is told what happens. It is called from within a request, so it must not block.
pub trait Observer: Send + Sync {
    /// One event, in the order in which things happened to this request.
    fn observe(&self, event: &Event);
}

impl Observer for () {
    fn observe(&self, _event: &Event) {}
}

/// Something that happened while a chain was asked.
#[derive(Clone, Debug)]
pub enum Event {
    /// A model is about to be asked.
    AttemptStarted {
        /// Which one.
        model: ModelId,
        /// Its place in the chain; 0 is the primary.
        position: usize,
        /// Counts the attempts of the request, from 1.
        attempt: u32,
        /// How many models the chain has.
        models: usize,
    },
    /// It failed, or was passed over because the prompt does not fit it.
    AttemptFailed {
        /// The attempt.
        attempt: Attempt,
    },
    /// It gave an answer that passed.
    AttemptSucceeded {
        /// The attempt.
        attempt: Attempt,
    },
    /// A model that is not the primary is visited.
    FallbackUsed {
        /// The model before it.
        from: ModelId,
        /// The model visited now.
        to: ModelId,
        /// Its place in the chain.
        position: usize,
        /// Why `from` was left; `None`: it was skipped, resting or held off by its breaker, or it is
        /// slow and goes on beside this one.
        class: Option<Class>,
    },
    /// A model is not asked for a while. Quota and auth rest every model with its credential.
    ModelResting {
        /// The model that was asked.
        model: ModelId,
        /// `rate_limited`, `quota_exhausted` or `auth`.
        class: Class,
        /// For how long; a rest for `auth` says a year and ends with the process.
        retry_in: Duration,
    },
    /// A breaker counted a failure and stays closed.
    BreakerMonitoring {
        /// Whose.
        model: ModelId,
        /// `MONITORING (2/5)`
        state: String,
    },
    /// A breaker opened.
    BreakerOpened {
        /// Whose.
        model: ModelId,
        /// `OPEN`
        state: String,
        /// Until the next probe.
        retry_in: Option<Duration>,
    },
    /// A breaker lets one probe through.
    BreakerHalfOpened {
        /// Whose.
        model: ModelId,
        /// `HALF-OPEN`
        state: String,
        /// Until the next probe.
        retry_in: Option<Duration>,
    },
    /// A breaker closed.
    BreakerClosed {
        /// Whose.
        model: ModelId,
        /// `CLOSED` or `MONITORING (n/m)`
        state: String,
        /// Nothing, since there is nothing to wait for.
        retry_in: Option<Duration>,
    },
    /// The stand-in answers.
    Degraded {
        /// Why no model did, with the first cause.
        reason: String,
    },
    /// What may be spent is spent. Told once for one `Providers`.
    BudgetExhausted {
        /// The limit and what was spent.
        message: String,
    },
}
