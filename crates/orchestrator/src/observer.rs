//! Carries what a chain reports into the journal, with the place it is about.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use model_providers::{Class, Event as ChainEvent, ModelId, Observer, Providers};

use crate::event::{Event, Role};
use crate::journal::Journal;

/// Reports one request's attempts as events of one role, milestone and item.
pub(crate) struct Place {
    journal: Journal,
    role: Role,
    milestone: Option<usize>,
    item: Option<usize>,
    providers: Arc<Providers>,
    /// How many failures of a model its breaker counted when that was last told.
    counted: Mutex<BTreeMap<ModelId, u32>>,
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Place {
    pub(crate) fn new(
        journal: Journal,
        role: Role,
        milestone: Option<usize>,
        item: Option<usize>,
        providers: Arc<Providers>,
    ) -> Self {
        Self { journal, role, milestone, item, providers, counted: Mutex::default() }
    }

    /// Tells of breakers that count more failures than before, and are closed still. A breaker
    /// is fed after its attempt was reported, so this is looked up at whatever comes next.
    fn tell_counts(&self) {
        let (role, milestone, item) = (self.role, self.milestone, self.item);
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        for (model, failures) in counted.iter_mut() {
            let status = self.providers.health(model).status;
            let state = status.to_string();
            if status.failures > *failures && state.starts_with("MONITORING") {
                let model = model.clone();
                self.journal.note(&Event::BreakerMonitoring {
                    role,
                    model,
                    state,
                    milestone,
                    item,
                });
            }
            *failures = status.failures;
        }
    }

    /// From now on failures of this model are told.
    fn watch(&self, model: &ModelId) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = || self.providers.health(model).status.failures;
        counted.entry(model.clone()).or_insert_with(failures);
    }

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
        if let ChainEvent::AttemptStarted { .. }
        | ChainEvent::FallbackUsed { .. }
        | ChainEvent::Degraded { .. } = event
        {
            self.tell_counts();
        }
        if let ChainEvent::AttemptStarted { model, .. } = event {
            self.watch(model);
        }
        match self.attempt(event.clone()).or_else(|| self.health(event.clone())) {
            Some(event) => self.journal.note(&event),
            None => tracing::debug!(?event, "a report without an event of ours"),
        }
    }
}

impl Drop for Place {
    /// The request is over, and its last visit has been counted by now.
    fn drop(&mut self) {
        self.tell_counts();
    }
}
