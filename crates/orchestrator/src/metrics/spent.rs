//! What each model used in each role, and how many green commits have work of it.
//!
//! A cheap model whose every second change is refused is not cheap. What counts is what it cost
//! until a commit stood, whoever else worked on that.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;

use model_providers::{ModelId, Tokens};

use crate::event::{Event, Role};
use crate::milestone::{ItemResult, MilestoneState};

/// A model in a role.
pub type Spender = (Role, ModelId);

/// What was used, and what stands for it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spent {
    /// Tries.
    pub attempts: usize,
    /// Those that gave an answer.
    pub succeeded: usize,
    /// Tokens booked, of failed tries too.
    pub tokens: Tokens,
    /// Money booked where the price is known.
    pub known_usd: f64,
    /// Some tokens have no known price.
    pub usd_unknown: bool,
    /// Green commits with work of it.
    pub green_milestones: usize,
}

impl Spent {
    /// The money; none if a price is not known.
    pub fn usd(&self) -> Option<f64> {
        (!self.usd_unknown).then_some(self.known_usd)
    }

    /// The money for each green commit; none without one.
    pub fn usd_per_green(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "no journal has so many rows")]
        let green = self.green_milestones as f64;
        self.usd().filter(|_| self.green_milestones > 0).map(|usd| usd / green)
    }

    /// The tokens for each green commit; none without one.
    pub fn tokens_per_green(&self) -> Option<u64> {
        let green = u64::try_from(self.green_milestones).ok()?;
        self.tokens.total().checked_div(green)
    }
}

impl AddAssign for Spent {
    fn add_assign(&mut self, other: Self) {
        self.attempts += other.attempts;
        self.succeeded += other.succeeded;
        self.tokens += other.tokens;
        self.known_usd += other.known_usd;
        self.usd_unknown |= other.usd_unknown;
        self.green_milestones += other.green_milestones;
    }
}

/// Books a try.
pub(super) fn take(spent: &mut BTreeMap<Spender, Spent>, event: &Event) {
    let (role, model, tokens, usd, succeeded) = match event {
        Event::AttemptFailed { role, model, tokens, usd, .. } => (role, model, tokens, usd, 0),
        Event::AttemptSucceeded { role, model, tokens, usd, .. } => (role, model, tokens, usd, 1),
        _ => return,
    };
    // It answered, and did not say what that took.
    let is_untold = succeeded > 0 && tokens.is_none();
    let tokens = tokens.unwrap_or_default();
    *spent.entry((*role, model.clone())).or_default() += Spent {
        attempts: 1,
        succeeded,
        tokens,
        known_usd: usd.unwrap_or_default(),
        usd_unknown: usd.is_none() && (tokens.total() > 0 || is_untold),
        green_milestones: 0,
    };
}

/// Whose work is in a commit: who planned it, who wrote it, who approved of it.
pub(super) fn authors(planner: Option<&ModelId>, milestone: &MilestoneState) -> BTreeSet<Spender> {
    let coders = milestone.active().iter().flat_map(|round| &round.items);
    let coders = coders.filter_map(|item| match &item.result {
        Some(ItemResult::Succeeded { model, .. }) => model.clone(),
        _ => None,
    });
    let judged = milestone.current().and_then(|round| round.judged.as_ref());
    let reviewer = judged.and_then(|judged| judged.model.clone());
    let planner = planner.cloned().map(|model| (Role::Planner, model));
    let coders = coders.map(|model| (Role::Coder, model));
    planner.into_iter().chain(coders).chain(reviewer.map(|model| (Role::Reviewer, model))).collect()
}
