//! The attempts of one request, told as they happen and kept for the answer.
//!
//! Told in one place and kept in another, events and answer end up with different counts.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::budget::Usage;
use crate::failure::Failure;
use crate::{Attempt, Class, Event, ModelId, Observer, Providers, Tokens};

/// The record of one request. Two visits that go on side by side write into it.
pub(super) struct Log<'w> {
    providers: &'w Providers,
    observer: &'w dyn Observer,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    attempts: Vec<Attempt>,
    under_way: Vec<UnderWay>,
    begun: u32,
}

struct UnderWay {
    number: u32,
    model: ModelId,
    position: usize,
    began: Instant,
}

impl<'w> Log<'w> {
    pub(super) fn new(providers: &'w Providers, observer: &'w dyn Observer) -> Self {
        Self { providers, observer, kept: Mutex::default() }
    }

    pub(super) fn tell(&self, event: &Event) {
        self.providers.counters.count(event);
        self.observer.observe(event);
    }

    /// Tells what changed in any breaker since it was last told.
    pub(super) fn tell_breakers(&self) {
        for event in self.providers.breaker_events() {
            self.tell(&event);
        }
    }

    /// An attempt begins; gives its number, by which it ends.
    pub(super) fn started(&self, model: &ModelId, position: usize, models: usize) -> u32 {
        let number = self.begin(model, position);
        let model = model.clone();
        self.tell(&Event::AttemptStarted { model, position, attempt: number, models });
        number
    }

    fn begin(&self, model: &ModelId, position: usize) -> u32 {
        let mut kept = self.kept();
        kept.begun = kept.begun.saturating_add(1);
        let number = kept.begun;
        let (model, began) = (model.clone(), self.providers.clock.instant());
        kept.under_way.push(UnderWay { number, model, position, began });
        number
    }

    pub(super) fn succeeded(&self, number: u32, usage: Usage, usd: Option<f64>) {
        if let Some(attempt) = self.ended(number, None, usage, usd) {
            self.tell(&Event::AttemptSucceeded { attempt });
        }
    }

    pub(super) fn failed(&self, number: u32, failure: &Failure, usd: Option<f64>) {
        if let Some(attempt) = self.ended(number, Some(failure), failure.usage, usd) {
            self.tell(&Event::AttemptFailed { attempt });
        }
    }

    /// A model that was not asked, and why.
    pub(super) fn passed_over(&self, model: &ModelId, position: usize, failure: &Failure) {
        let number = self.begin(model, position);
        self.failed(number, failure, None);
    }

    /// Another model answered first; what is still under way was given up.
    pub(super) fn lost(&self) {
        self.give_up("given up: another model answered first");
    }

    /// The request is over; what is still under way was given up from this side.
    pub(super) fn finish(self) -> Vec<Attempt> {
        self.give_up("given up by the caller");
        let mut attempts = self.kept.into_inner().unwrap_or_else(PoisonError::into_inner).attempts;
        attempts.sort_by_key(|attempt| attempt.number);
        attempts
    }

    fn give_up(&self, why: &str) {
        let numbers: Vec<u32> = self.kept().under_way.iter().map(|one| one.number).collect();
        for number in numbers {
            self.failed(number, &Failure::new(Class::Cancelled, why), None);
        }
    }

    fn ended(
        &self,
        number: u32,
        failure: Option<&Failure>,
        usage: Usage,
        usd: Option<f64>,
    ) -> Option<Attempt> {
        let mut kept = self.kept();
        let index = kept.under_way.iter().position(|one| one.number == number)?;
        let under_way = kept.under_way.swap_remove(index);
        let now = self.providers.clock.instant();
        let tokens = usage.told().filter(|tokens| *tokens != Tokens::default());
        let is_billed = matches!(usage, Usage::Billed { .. });
        let attempt = Attempt {
            model: under_way.model,
            position: under_way.position,
            number,
            class: failure.map(|failure| failure.class),
            message: failure.map(|failure| failure.said(&self.providers.redactor)),
            status: failure.and_then(|failure| failure.status),
            latency: now.saturating_duration_since(under_way.began),
            tokens,
            usd: usd.filter(|_| tokens.is_some() || is_billed),
        };
        kept.attempts.push(attempt.clone());
        Some(attempt)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
