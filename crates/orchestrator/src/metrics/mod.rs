//! How well the models of a run served it, and what that cost: a fold over the journal.
//!
//! Nothing of it is stored. A number that is counted while things happen is wrong after the first
//! kill, and says nothing of the runs before it was thought of; the journal has all of them.

mod counted;
mod light;
mod requests;
mod spent;
pub mod view;

pub use counted::{Attempts, Milestones, People};
pub use light::{Light, Rate};
pub use requests::Requests;
pub use spent::{Spender, Spent};
pub use view::MetricsView;

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::time::Duration;

use model_providers::{ModelId, Tokens};

use crate::event::{Event, StepName};
use crate::journal::Line;
use crate::state::State;
use requests::Open;

/// What the journals of one run, or of many, say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    /// What became of the questions to chains.
    pub requests: Requests,
    /// What became of the single tries.
    pub attempts: Attempts,
    /// How often each model's breaker opened.
    pub breaker_openings: BTreeMap<ModelId, usize>,
    /// What became of the milestones.
    pub milestones: Milestones,
    /// What people were asked for.
    pub people: People,
    /// What each model used in each role.
    pub spent: BTreeMap<Spender, Spent>,
    /// How long processes worked on it.
    pub worked: Duration,
}

impl Metrics {
    /// The metrics of one run: its events in order, and the state that they came to.
    pub fn of<'a>(lines: impl IntoIterator<Item = &'a Line>, state: &State) -> Self {
        let mut fold = Fold::default();
        for line in lines {
            fold.take(&line.event);
        }
        fold.credit(state);
        Self { worked: state.worked, ..fold.metrics }
    }

    /// Requests that the first model of their chain answered.
    pub fn primary(&self) -> Rate {
        Rate { part: self.requests.by_primary, of: self.requests.ended() }
    }

    /// Requests for which another model than the first was asked.
    pub fn fallback(&self) -> Rate {
        Rate { part: self.requests.fallback_used, of: self.requests.ended() }
    }

    /// Requests that no model could be had for.
    pub fn degraded(&self) -> Rate {
        Rate { part: self.requests.degraded, of: self.requests.ended() }
    }

    /// Milestones that were committed without all of their items.
    pub fn partial(&self) -> Rate {
        Rate { part: self.milestones.partial, of: self.milestones.committed }
    }

    /// Every token, of all roles.
    pub fn tokens(&self) -> Tokens {
        let mut tokens = Tokens::default();
        self.spent.values().for_each(|spent| tokens += spent.tokens);
        tokens
    }

    /// All the money; none if a price is not known.
    pub fn usd(&self) -> Option<f64> {
        // From zero: the sum of nothing is a negative one.
        self.spent.values().map(Spent::usd).try_fold(0.0, |all, usd| usd.map(|usd| all + usd))
    }
}

impl AddAssign<&Self> for Metrics {
    fn add_assign(&mut self, other: &Self) {
        self.requests += other.requests;
        self.attempts += &other.attempts;
        for (model, openings) in &other.breaker_openings {
            *self.breaker_openings.entry(model.clone()).or_default() += openings;
        }
        self.milestones += other.milestones;
        self.people += other.people;
        for (spender, spent) in &other.spent {
            *self.spent.entry(spender.clone()).or_default() += *spent;
        }
        self.worked += other.worked;
    }
}

/// The journal as far as it was read.
#[derive(Default)]
struct Fold {
    metrics: Metrics,
    open: Open,
    /// Whose plan holds now.
    planner: Option<ModelId>,
    /// Whose plan each commit came from.
    planned_by: BTreeMap<usize, ModelId>,
}

impl Fold {
    fn take(&mut self, event: &Event) {
        let metrics = &mut self.metrics;
        self.open.take(event, &mut metrics.requests);
        metrics.attempts.take(event);
        metrics.milestones.take(event);
        metrics.people.take(event);
        spent::take(&mut metrics.spent, event);
        match event {
            Event::BreakerOpened { model, .. } => {
                *metrics.breaker_openings.entry(model.clone()).or_default() += 1;
            }
            Event::StepFinished { step: StepName::Plan, model, .. } => {
                self.planner.clone_from(model);
            }
            Event::MilestoneCommitted { milestone, .. } => {
                if let Some(planner) = &self.planner {
                    self.planned_by.insert(*milestone, planner.clone());
                }
            }
            _ => {}
        }
    }

    /// Gives each green commit to those whose work is in it.
    fn credit(&mut self, state: &State) {
        for (index, milestone) in state.milestones.iter().enumerate() {
            if !milestone.is_green() {
                continue;
            }
            self.metrics.milestones.green += 1;
            let planner = self.planned_by.get(&(index + 1));
            for spender in spent::authors(planner, milestone) {
                self.metrics.spent.entry(spender).or_default().green_milestones += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests;
