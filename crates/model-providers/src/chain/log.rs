//! The attempts of one request, told as they happen and kept for the answer.
//!
//! Told in one place and kept in another, events and answer end up with different counts.

use tokio::time::Instant;

use crate::budget::Usage;
use crate::failure::Failure;
use crate::{Attempt, Class, Event, ModelId, Observer, Providers, Tokens};

/// The record of one request.
pub(super) struct Log<'w> {
    providers: &'w Providers,
    observer: &'w dyn Observer,
    attempts: Vec<Attempt>,
    under_way: Option<UnderWay>,
}

struct UnderWay {
    model: ModelId,
    position: usize,
    began: Instant,
}

impl<'w> Log<'w> {
    pub(super) fn new(providers: &'w Providers, observer: &'w dyn Observer) -> Self {
        Self { providers, observer, attempts: Vec::new(), under_way: None }
    }

    pub(super) fn tell(&self, event: &Event) {
        self.observer.observe(event);
    }

    /// Tells what changed in any breaker since it was last told.
    pub(super) fn tell_breakers(&self) {
        for event in self.providers.breaker_events() {
            self.observer.observe(&event);
        }
    }

    fn number(&self) -> u32 {
        u32::try_from(self.attempts.len() + 1).unwrap_or(u32::MAX)
    }

    pub(super) fn started(&mut self, model: &ModelId, position: usize, models: usize) {
        self.observer.observe(&Event::AttemptStarted {
            model: model.clone(),
            position,
            attempt: self.number(),
            models,
        });
        self.under_way = Some(UnderWay {
            model: model.clone(),
            position,
            began: self.providers.clock.instant(),
        });
    }

    pub(super) fn succeeded(&mut self, usage: Usage, usd: Option<f64>) {
        if let Some(attempt) = self.ended(None, usage, usd) {
            self.observer.observe(&Event::AttemptSucceeded { attempt });
        }
    }

    pub(super) fn failed(&mut self, failure: &Failure, usd: Option<f64>) {
        if let Some(attempt) = self.ended(Some(failure), failure.usage, usd) {
            self.observer.observe(&Event::AttemptFailed { attempt });
        }
    }

    /// A model that was not asked, and why.
    pub(super) fn passed_over(&mut self, model: &ModelId, position: usize, failure: &Failure) {
        self.under_way = Some(UnderWay {
            model: model.clone(),
            position,
            began: self.providers.clock.instant(),
        });
        self.failed(failure, None);
    }

    /// The request is over; what is still under way was given up from this side.
    pub(super) fn finish(mut self) -> Vec<Attempt> {
        self.failed(&Failure::new(Class::Cancelled, "given up by the caller"), None);
        self.attempts
    }

    fn ended(
        &mut self,
        failure: Option<&Failure>,
        usage: Usage,
        usd: Option<f64>,
    ) -> Option<Attempt> {
        let under_way = self.under_way.take()?;
        let now = self.providers.clock.instant();
        let tokens = match usage {
            Usage::Known(tokens) if tokens != Tokens::default() => Some(tokens),
            _ => None,
        };
        let attempt = Attempt {
            model: under_way.model,
            position: under_way.position,
            number: self.number(),
            class: failure.map(|failure| failure.class),
            message: failure.map(|failure| failure.said(&self.providers.redactor)),
            status: failure.and_then(|failure| failure.status),
            latency: now.saturating_duration_since(under_way.began),
            tokens,
            usd: usd.filter(|_| tokens.is_some()),
        };
        self.attempts.push(attempt.clone());
        Some(attempt)
    }
}
