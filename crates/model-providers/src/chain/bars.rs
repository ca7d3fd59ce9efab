//! Which models are out of the question for the rest of a request.
//!
//! Without it a request that one provider does not accept is sent to each of its models, and a
//! prompt that overflowed one window to the next smaller one.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Class, Facts, ModelId};

/// What the failures so far rule out.
#[derive(Debug, Default)]
pub(super) struct Bars {
    /// Their provider does not accept this request.
    providers: BTreeSet<String>,
    /// The largest known window that was too small.
    too_small: Option<u64>,
    /// Invalid requests seen, by what they said.
    complaints: BTreeSet<String>,
    /// The models visited or passed over, by position: how often, and how it last ended.
    visits: BTreeMap<usize, (u32, Class)>,
    passed_over: BTreeSet<usize>,
}

impl Bars {
    /// Whether a model may be visited. A model is visited once; one that was only limited may be
    /// visited once more when its rest is over.
    pub(super) fn allow(&self, position: usize, model: &ModelId, facts: &Facts) -> bool {
        let window_is_larger = match (self.too_small, facts.context_window) {
            (Some(too_small), Some(window)) => window > too_small,
            _ => true,
        };
        let may_come_back = match self.visits.get(&position) {
            None => true,
            Some((1, Class::RateLimited | Class::QuotaExhausted)) => true,
            Some(_) => false,
        };
        window_is_larger
            && may_come_back
            && !self.passed_over.contains(&position)
            && !self.providers.contains(&model.provider)
    }

    pub(super) fn visited(&mut self, position: usize, class: Class) {
        let visit = self.visits.entry(position).or_insert((0, class));
        *visit = (visit.0.saturating_add(1), class);
    }

    /// How many models were visited.
    pub(super) fn models_visited(&self) -> usize {
        self.visits.len()
    }

    pub(super) fn was_visited(&self, position: usize) -> bool {
        self.visits.contains_key(&position)
    }

    /// Its prompt does not fit; it was not asked.
    pub(super) fn pass_over(&mut self, position: usize) {
        self.passed_over.insert(position);
    }

    /// A window that was too small rules out those that are known to be no larger.
    pub(super) fn overflowed(&mut self, facts: &Facts) {
        self.too_small = self.too_small.max(facts.context_window);
    }

    /// A provider does not accept the request. Gives whether another one said the same before.
    pub(super) fn not_accepted(&mut self, provider: &str, complaint: String) -> bool {
        self.providers.insert(provider.to_owned());
        !self.complaints.insert(complaint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(tokens: Option<u64>) -> Facts {
        Facts { context_window: tokens, ..Facts::default() }
    }

    fn model(text: &str) -> ModelId {
        text.parse().unwrap()
    }

    #[test]
    fn after_an_overflow_only_larger_or_unknown_windows_are_left() {
        let mut bars = Bars::default();
        bars.overflowed(&window(Some(8_000)));
        let allowed = |tokens| bars.allow(1, &model("a/b"), &window(tokens));
        assert_eq!(
            [Some(4_000), Some(8_000), Some(8_001), None].map(allowed),
            [false, false, true, true]
        );
    }

    #[test]
    fn an_invalid_request_rules_out_its_provider_only() {
        let mut bars = Bars::default();
        assert!(!bars.not_accepted("a", "400 no".into()));
        assert!(!bars.allow(1, &model("a/other"), &window(None)));
        assert!(bars.allow(2, &model("b/other"), &window(None)));
        assert!(!bars.not_accepted("b", "400 something else".into()));
        assert!(bars.not_accepted("c", "400 no".into()));
    }

    /// "A silent model is never asked twice", and a limit that is over is no silence.
    #[test]
    fn a_model_is_visited_once_unless_it_was_only_limited() {
        let mut bars = Bars::default();
        bars.visited(0, Class::Timeout);
        bars.visited(1, Class::RateLimited);
        let allowed = |bars: &Bars, at| bars.allow(at, &model("a/b"), &window(None));
        assert!(!allowed(&bars, 0) && allowed(&bars, 1));
        bars.visited(1, Class::RateLimited);
        assert!(!allowed(&bars, 1));
        assert_eq!(bars.models_visited(), 2);
    }
}
