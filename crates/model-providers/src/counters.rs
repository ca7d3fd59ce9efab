//! Counts of what happened, for whoever watches a fleet and not one request.
//!
//! They are fed where events are told, so that a count and the events cannot disagree.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use crate::{Attempt, Event, Tokens};

/// Upper bounds of the time to the first token, in milliseconds; OpenTelemetry's own for it.
pub const FIRST_TOKEN_BOUNDS: [u64; 16] =
    [1, 5, 10, 20, 40, 60, 80, 100, 250, 500, 750, 1_000, 2_500, 5_000, 7_500, 10_000];

/// What happened since a [`crate::Providers`] was made.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Counts {
    /// Attempts by class; `ok` for a success.
    pub attempts: BTreeMap<&'static str, u64>,
    /// Visits of a model that is not the primary.
    pub fallbacks: u64,
    /// Answers of a stand-in.
    pub degradations: u64,
    /// Breakers that opened.
    pub openings: u64,
    /// What providers said that attempts used.
    pub tokens: Tokens,
    /// What that cost in US dollars, where the price is known.
    pub usd: f64,
    /// From sending to the first byte of an answer.
    pub first_token: FirstToken,
}

/// A histogram of times to the first token.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FirstToken {
    /// How many were at most [`FIRST_TOKEN_BOUNDS`] long and longer than the bound before; the last
    /// one counts those beyond all bounds.
    pub buckets: [u64; 17],
    /// All of them together, in milliseconds.
    pub sum_ms: u64,
}

/// The counts while they grow.
#[derive(Debug, Default)]
pub(crate) struct Counters(Mutex<Counts>);

impl Counters {
    pub(crate) fn count(&self, event: &Event) {
        let mut counts = self.lock();
        match event {
            Event::AttemptFailed { attempt } | Event::AttemptSucceeded { attempt } => {
                counts.attempt(attempt);
            }
            Event::FallbackUsed { .. } => counts.fallbacks += 1,
            Event::Degraded { .. } => counts.degradations += 1,
            Event::BreakerOpened { .. } => counts.openings += 1,
            _ => {}
        }
    }

    pub(crate) fn first_token(&self, waited: Duration) {
        let waited = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        let mut counts = self.lock();
        let bucket = FIRST_TOKEN_BOUNDS.partition_point(|bound| *bound < waited);
        if let Some(count) = counts.first_token.buckets.get_mut(bucket) {
            *count += 1;
        }
        counts.first_token.sum_ms = counts.first_token.sum_ms.saturating_add(waited);
    }

    pub(crate) fn counts(&self) -> Counts {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn attempt(&mut self, attempt: &Attempt) {
        let class = attempt.class.map_or("ok", crate::Class::as_str);
        *self.attempts.entry(class).or_default() += 1;
        self.tokens += attempt.tokens.unwrap_or_default();
        self.usd += attempt.usd.unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_counted_in_the_bucket_of_its_bound() {
        let counters = Counters::default();
        for milliseconds in [0, 1, 2, 10_000, 10_001] {
            counters.first_token(Duration::from_millis(milliseconds));
        }
        let counted = counters.counts().first_token;
        let (buckets, sum) = (counted.buckets, counted.sum_ms);
        assert_eq!((buckets[0], buckets[1], buckets[15], buckets[16], sum), (2, 1, 1, 1, 20_004));
    }
}
