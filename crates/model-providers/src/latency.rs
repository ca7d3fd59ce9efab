//! How long each model usually takes to show life, and the timer that follows from it.
//!
//! A fixed timer is wrong for both kinds of model: a healthy reasoning model is silent for a
//! minute and loses its breaker, while a dead fast one holds every request for that same minute.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::ModelId;

const UNKNOWN: Duration = Duration::from_secs(90);
const LEAST: Duration = Duration::from_secs(10);
const MOST: Duration = Duration::from_mins(5);
/// Fewer samples than this say nothing about a 95th percentile.
const ENOUGH: usize = 5;
const KEPT: usize = 32;
/// How many samples one silence makes doubtful.
const FORGOTTEN: usize = 8;
const MODELS_KEPT: usize = 1_000;

/// Samples of the time to the first byte of an answer, the newest last.
#[derive(Debug, Default)]
pub(crate) struct Latencies {
    by_model: BTreeMap<ModelId, VecDeque<Duration>>,
}

impl Latencies {
    pub(crate) fn record(&mut self, model: &ModelId, sample: Duration) {
        if self.by_model.len() >= MODELS_KEPT && !self.by_model.contains_key(model) {
            return;
        }
        let samples = self.by_model.entry(model.clone()).or_default();
        samples.push_back(sample.min(MOST));
        while samples.len() > KEPT {
            samples.pop_front();
        }
    }

    /// A learned timer ran out: some of what it was learned from is dropped, so that a model that
    /// became slower is given the long timer again after a few silences instead of never.
    pub(crate) fn doubt(&mut self, model: &ModelId) {
        if let Some(samples) = self.by_model.get_mut(model) {
            samples.drain(..FORGOTTEN.min(samples.len()));
        }
    }

    pub(crate) fn timeout(&self, model: &ModelId) -> Duration {
        let samples = self.by_model.get(model);
        timeout_for(samples.into_iter().flatten().copied().collect())
    }

    pub(crate) fn export(&self) -> BTreeMap<ModelId, Vec<Duration>> {
        let models = self.by_model.iter();
        models.map(|(model, samples)| (model.clone(), samples.iter().copied().collect())).collect()
    }
}

/// Three times the 95th percentile, within bounds.
fn timeout_for(mut samples: Vec<Duration>) -> Duration {
    if samples.len() < ENOUGH {
        return UNKNOWN;
    }
    samples.sort_unstable();
    let rank = (samples.len() * 95).div_ceil(100);
    let p95 = samples.get(rank - 1).copied().unwrap_or(UNKNOWN);
    p95.saturating_mul(3).clamp(LEAST, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(samples: &[u64]) -> Vec<Duration> {
        samples.iter().copied().map(Duration::from_secs).collect()
    }

    #[test]
    fn the_timer_follows_the_95th_percentile_within_bounds() {
        let table = [
            (vec![], 90),
            (vec![1; 4], 90),
            (vec![1; 5], 10),
            (vec![10; 5], 30),
            (vec![200; 5], 300),
            // One outlier among twenty is beyond the 95th percentile.
            ([vec![5; 19], vec![60]].concat(), 15),
            ([vec![5; 18], vec![60; 2]].concat(), 180),
        ];
        for (samples, expected) in table {
            let timeout = timeout_for(seconds(&samples));
            assert_eq!(timeout.as_secs(), expected, "{samples:?}");
        }
    }

    #[test]
    fn a_model_that_became_slower_gets_the_long_timer_again() {
        let model: ModelId = "a/b".parse().unwrap();
        let mut latencies = Latencies::default();
        (0..100).for_each(|_| latencies.record(&model, Duration::from_secs(1)));
        assert_eq!(latencies.timeout(&model), LEAST);
        (0..4).for_each(|_| latencies.doubt(&model));
        assert_eq!(latencies.timeout(&model), UNKNOWN);
    }

    #[test]
    fn the_number_of_samples_is_bounded() {
        let model: ModelId = "a/b".parse().unwrap();
        let mut latencies = Latencies::default();
        (0..100).for_each(|_| latencies.record(&model, Duration::from_hours(9)));
        let kept = latencies.export();
        assert_eq!(kept[&model], vec![MOST; KEPT]);
    }
}
