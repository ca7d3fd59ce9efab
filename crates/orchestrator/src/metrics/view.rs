//! Metrics as `belay metrics` prints them: docs/metrics.md explains every field.

use std::collections::BTreeMap;

use model_providers::{ModelId, Tokens};
use serde::Serialize;

use super::{Attempts, Light, Metrics, Milestones, Rate, Requests, Spent};
use crate::event::Role;

/// The metrics of one run, or of all of them.
#[derive(Serialize, Clone, Debug)]
#[expect(missing_docs, reason = "docs/metrics.md explains every field")]
pub struct MetricsView {
    /// None where it is all of them.
    pub run: Option<String>,
    pub runs: usize,
    pub ideas: usize,
    pub lights: Lights,
    pub requests: RequestsView,
    pub attempts: AttemptsView,
    pub breaker_openings: OpeningsView,
    pub milestones: MilestonesView,
    pub questions: PerIdea,
    pub manual_tasks: PerIdea,
    pub retries: PerIdea,
    pub tokens: Tokens,
    pub usd: Option<f64>,
    pub worked_ms: u64,
    pub spent: Vec<SpentView>,
}

/// The three shares that say whether the chains are well.
#[derive(Serialize, Clone, Copy, Debug)]
#[expect(missing_docs, reason = "docs/metrics.md explains every field")]
pub struct Lights {
    pub primary: LightView,
    pub fallback: LightView,
    pub degraded: LightView,
}

/// A share and its light; neither of nothing.
#[derive(Serialize, Clone, Copy, Debug)]
#[expect(missing_docs, reason = "docs/metrics.md explains every field")]
pub struct LightView {
    pub percent: Option<f64>,
    pub light: Option<Light>,
}

/// Requests, and how many ended.
#[derive(Serialize, Clone, Copy, Debug)]
#[expect(missing_docs, reason = "docs/metrics.md explains every field")]
pub struct RequestsView {
    pub ended: usize,
    #[serde(flatten)]
    pub by_end: Requests,
}

/// Tries, and how many there were.
#[derive(Serialize, Clone, Debug)]
#[expect(missing_docs, reason = "docs/metrics.md explains every field")]
pub struct AttemptsView {
    pub total: usize,
    #[serde(flatten)]
    pub by_end: Attempts,
}

/// Openings of breakers.
#[derive(Serialize, Clone, Debug)]
#[expect(missing_docs, reason = "docs/metrics.md explains every field")]
pub struct OpeningsView {
    pub total: usize,
    pub by_model: BTreeMap<ModelId, usize>,
}

/// Milestones, and the share of the commits that are partial.
#[derive(Serialize, Clone, Copy, Debug)]
#[expect(missing_docs, reason = "docs/metrics.md explains every field")]
pub struct MilestonesView {
    #[serde(flatten)]
    pub by_end: Milestones,
    pub partial_percent: Option<f64>,
}

/// A number, and what that is for each idea.
#[derive(Serialize, Clone, Copy, Debug)]
#[expect(missing_docs, reason = "docs/metrics.md explains every field")]
pub struct PerIdea {
    pub total: usize,
    pub per_idea: Option<f64>,
}

/// What one model used in one role.
#[derive(Serialize, Clone, Debug)]
#[expect(missing_docs, reason = "docs/metrics.md explains every field")]
pub struct SpentView {
    pub role: Role,
    pub model: ModelId,
    pub attempts: usize,
    pub succeeded: usize,
    pub tokens: Tokens,
    pub usd: Option<f64>,
    pub green_milestones: usize,
    pub tokens_per_green: Option<u64>,
    pub usd_per_green: Option<f64>,
}

impl MetricsView {
    /// The metrics of this one run, or of so many runs of so many ideas.
    pub fn new(metrics: &Metrics, run: Option<String>, runs: usize, ideas: usize) -> Self {
        let per_idea = |total| PerIdea { total, per_idea: quotient(total, ideas) };
        Self {
            run,
            runs,
            ideas,
            lights: Lights::of(metrics),
            requests: RequestsView { ended: metrics.requests.ended(), by_end: metrics.requests },
            attempts: AttemptsView {
                total: metrics.attempts.total(),
                by_end: metrics.attempts.clone(),
            },
            breaker_openings: OpeningsView {
                total: metrics.breaker_openings.values().sum(),
                by_model: metrics.breaker_openings.clone(),
            },
            milestones: MilestonesView {
                by_end: metrics.milestones,
                partial_percent: metrics.partial().percent().map(rounded),
            },
            questions: per_idea(metrics.people.questions),
            manual_tasks: per_idea(metrics.people.manual_tasks),
            retries: per_idea(metrics.people.retries),
            tokens: metrics.tokens(),
            usd: metrics.usd(),
            worked_ms: u64::try_from(metrics.worked.as_millis()).unwrap_or(u64::MAX),
            spent: metrics.spent.iter().map(spent).collect(),
        }
    }
}

impl Lights {
    /// The lights of the limits that docs/metrics.md names.
    pub fn of(metrics: &Metrics) -> Self {
        let view = |rate: Rate, light| LightView { percent: rate.percent().map(rounded), light };
        let (primary, fallback, degraded) =
            (metrics.primary(), metrics.fallback(), metrics.degraded());
        Self {
            primary: view(primary, primary.high(90, 70)),
            fallback: view(fallback, fallback.low(10, 30)),
            degraded: view(degraded, degraded.low(5, 15)),
        }
    }

    /// Each with its name.
    pub fn named(&self) -> [(&'static str, LightView); 3] {
        [("primary", self.primary), ("fallback", self.fallback), ("degraded", self.degraded)]
    }
}

fn spent(((role, model), spent): (&(Role, ModelId), &Spent)) -> SpentView {
    SpentView {
        role: *role,
        model: model.clone(),
        attempts: spent.attempts,
        succeeded: spent.succeeded,
        tokens: spent.tokens,
        usd: spent.usd(),
        green_milestones: spent.green_milestones,
        tokens_per_green: spent.tokens_per_green(),
        usd_per_green: spent.usd_per_green(),
    }
}

fn quotient(part: usize, of: usize) -> Option<f64> {
    Rate { part, of }.percent().map(|percent| (percent).round() / 100.0)
}

/// To a tenth, which is more than so few requests can tell.
fn rounded(percent: f64) -> f64 {
    (percent * 10.0).round() / 10.0
}
