//! Carries what a chain reports into the journal, with the place it is about.

use model_providers::{Class, Event as ChainEvent, Observer};

use crate::event::{Event, Role};
use crate::journal::Journal;

/// Reports one request's attempts as events of one role, milestone and item.
pub(crate) struct Place {
    pub(crate) journal: Journal,
    pub(crate) role: Role,
    pub(crate) milestone: Option<usize>,
    pub(crate) item: Option<usize>,
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Place {
    /// What became of a request's tries.
    fn attempt(&self, event: ChainEvent) -> Option<Event> {
        let (role, milestone, item) = (self.role, self.milestone, self.item);
        Some(match event {
            ChainEvent::AttemptStarted { model, position, attempt, models } => {
                Event::AttemptStarted { role, model, attempt, position, models, milestone, item }
            }
            ChainEvent::AttemptFailed { attempt } => Event::AttemptFailed {
                role,
                class: attempt.class.unwrap_or(Class::Unavailable),
                latency_ms: millis(attempt.latency),
                model: attempt.model,
                attempt: attempt.number,
                position: attempt.position,
                message: attempt.message,
                status: attempt.status,
                tokens: attempt.tokens,
                usd: attempt.usd,
                milestone,
                item,
            },
            ChainEvent::AttemptSucceeded { attempt } => Event::AttemptSucceeded {
                role,
                latency_ms: millis(attempt.latency),
                model: attempt.model,
                attempt: attempt.number,
                position: attempt.position,
                tokens: attempt.tokens,
                usd: attempt.usd,
                milestone,
                item,
            },
            ChainEvent::FallbackUsed { from, to, position, class } => {
                Event::FallbackUsed { role, from, model: to, position, class, milestone, item }
            }
            ChainEvent::Degraded { reason } => Event::Degraded { role, reason, milestone, item },
            ChainEvent::BudgetExhausted { message } => Event::BudgetExhausted { role, message },
            _ => return None,
        })
    }

    /// How a model's health changed.
    fn health(&self, event: ChainEvent) -> Option<Event> {
        let role = self.role;
        Some(match event {
            ChainEvent::ModelResting { model, class, retry_in } => {
                Event::ModelResting { role, model, class, retry_in_ms: millis(retry_in) }
            }
            ChainEvent::BreakerMonitoring { model, state } => {
                Event::BreakerMonitoring { role, model, state }
            }
            ChainEvent::BreakerOpened { model, state, retry_in } => {
                Event::BreakerOpened { role, model, state, retry_in_ms: retry_in.map(millis) }
            }
            ChainEvent::BreakerHalfOpened { model, state, retry_in } => {
                Event::BreakerHalfOpened { role, model, state, retry_in_ms: retry_in.map(millis) }
            }
            ChainEvent::BreakerClosed { model, state, retry_in } => {
                Event::BreakerClosed { role, model, state, retry_in_ms: retry_in.map(millis) }
            }
            _ => return None,
        })
    }
}

impl Observer for Place {
    fn observe(&self, event: &ChainEvent) {
        match self.attempt(event.clone()).or_else(|| self.health(event.clone())) {
            Some(event) => self.journal.note(&event),
            None => tracing::debug!(?event, "a report without an event of ours"),
        }
    }
}
