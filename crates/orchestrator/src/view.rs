//! A run as `runs show` prints it: the contract's fields, from the state.

use checkpoint_store::RunHead;
use jiff::Timestamp;
use model_providers::{ModelId, Tokens};
use serde::Serialize;

use crate::event::Status;
use crate::milestone::{Item, ItemResult, MilestoneState};
use crate::state::{Phase, State};

/// A run, without its milestones where it stands in a list.
#[derive(Serialize, Clone, Debug)]
#[expect(missing_docs, reason = "the names are the contract's, explained there")]
pub struct RunView {
    pub run: String,
    pub idea: String,
    pub title: String,
    pub status: Status,
    pub phase: Phase,
    pub degraded: bool,
    pub partial: bool,
    pub resumable: bool,
    pub branch: String,
    pub base: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub milestones: Option<Vec<MilestoneView>>,
    pub attempts_total: usize,
    pub fallback_attempts: usize,
    pub models_used: Vec<ModelId>,
    pub tokens: Tokens,
    pub usd: Option<f64>,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub worked_ms: u64,
    pub issues: Vec<String>,
    pub pull_request: Option<String>,
    pub red_checks: Vec<String>,
    pub put_off: Vec<PutOff>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_updated_to: Option<String>,
    pub reason: Option<String>,
}

/// An effect that a later process makes.
#[derive(Serialize, Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct PutOff {
    pub effect: String,
    pub reason: String,
}

/// One milestone of a run.
#[derive(Serialize, Clone, Debug)]
#[expect(missing_docs, reason = "the names are the contract's, explained there")]
pub struct MilestoneView {
    pub number: usize,
    pub name: String,
    pub status: &'static str,
    pub commit: Option<String>,
    pub files: agents::Files,
    pub items: Vec<ItemView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rest_of: Option<usize>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub update: bool,
}

/// One work item of a milestone.
#[derive(Serialize, Clone, Debug)]
#[expect(missing_docs, reason = "the names are the contract's, explained there")]
pub struct ItemView {
    pub files: Vec<String>,
    pub status: &'static str,
    pub model: Option<ModelId>,
    pub attempts: usize,
}

/// How a run stands: what it ended with, or whether somebody still works on it.
pub fn status(head: &RunHead) -> Status {
    let ended = head.finished.as_deref().and_then(Status::parse);
    match (ended, &head.holder) {
        (_, Some(_)) => Status::Running,
        (Some(status), None) => status,
        (None, None) => Status::Interrupted,
    }
}

impl RunView {
    /// The whole view of a run.
    pub fn new(head: &RunHead, state: &State) -> Self {
        let status = status(head);
        let tally = &state.tally;
        let started = state.started.as_ref();
        let done = !matches!(status, Status::Running | Status::Interrupted);
        Self {
            run: head.id.to_string(),
            idea: started.map_or_else(|| head.subject.clone(), |started| started.idea.id.clone()),
            title: started.map(|started| started.idea.title.clone()).unwrap_or_default(),
            status,
            phase: state.phase,
            degraded: state.degraded(),
            partial: state.partial(),
            resumable: !matches!(status, Status::Completed | Status::Running),
            branch: started.map(|started| started.branch.clone()).unwrap_or_default(),
            base: state.base.as_ref().map(ToString::to_string).unwrap_or_default(),
            milestones: Some(milestones(state)),
            attempts_total: tally.attempts,
            fallback_attempts: tally.fallback_attempts,
            models_used: tally.models.clone(),
            tokens: tally.tokens,
            usd: (!tally.usd_unknown).then_some(tally.usd),
            started_at: state.started_at.or(Some(head.created_at)),
            finished_at: state.updated_at.filter(|_| done),
            worked_ms: u64::try_from(state.worked.as_millis()).unwrap_or(u64::MAX),
            issues: state
                .issues
                .iter()
                .filter(|issue| !issue.closed)
                .map(|issue| issue.url.clone())
                .collect(),
            pull_request: state.pull_request.as_ref().map(|known| known.url.clone()),
            red_checks: state.red_checks().into_iter().map(str::to_owned).collect(),
            put_off: state
                .deferred
                .iter()
                .map(|deferred| PutOff {
                    effect: deferred.effect.clone(),
                    reason: deferred.reason.clone(),
                })
                .collect(),
            not_updated_to: state.refused_base.as_ref().map(ToString::to_string),
            reason: state.ended.as_ref().map_or(&state.stopped, |(_, reason)| reason).clone(),
        }
    }

    /// The view as it stands in a list.
    pub fn without_milestones(mut self) -> Self {
        self.milestones = None;
        self
    }
}

/// What a template said because no model did.
pub fn degraded(state: &State) -> Vec<String> {
    let analysis = state.analysis.as_ref().is_some_and(|analysis| analysis.degraded);
    let plan = state.plan.as_ref().is_some_and(|plan| plan.degraded);
    let planner = [(analysis, "the analysis"), (plan, "the plan")];
    let planner =
        planner.iter().filter(|(degraded, _)| *degraded).map(|(_, what)| (*what).to_owned());
    let reviews = state.milestones.iter().enumerate();
    let reviews = reviews.filter(|(_, milestone)| milestone.review_degraded());
    let reviews = reviews.map(|(index, _)| format!("the review of milestone {}", index + 1));
    planner.chain(reviews).collect()
}

pub(crate) fn milestones(state: &State) -> Vec<MilestoneView> {
    let plan = state.plan.iter().flat_map(|plan| &plan.value.milestones);
    // A rest that failed again is a story of the journal's, not a part of the plan.
    plan.zip(&state.milestones)
        .enumerate()
        .filter(|(_, (_, milestone))| !milestone.dropped)
        .map(|(index, (planned, milestone))| MilestoneView {
            number: index + 1,
            name: planned.name.clone(),
            status: milestone_status(state, index + 1, milestone),
            rest_of: milestone.rest_of(),
            update: milestone.update_to().is_some(),
            commit: milestone.commit.as_ref().map(ToString::to_string),
            files: planned.files.clone(),
            items: milestone
                .planned()
                .map(|round| round.items.iter().map(item_view).collect())
                .unwrap_or_default(),
        })
        .collect()
}

fn milestone_status(state: &State, number: usize, milestone: &MilestoneState) -> &'static str {
    match (&milestone.commit, &milestone.given_up) {
        (Some(_), _) if !state.open_items(number).is_empty() => "partial",
        (Some(_), _) => "committed",
        (None, Some(given_up)) if given_up.status == Status::Degraded => "manual",
        (None, Some(_)) => "rolled_back",
        (None, None) if milestone.by_hand => "manual",
        (None, None) if milestone.noted => "note",
        (None, None) => "pending",
    }
}

fn item_view(item: &Item) -> ItemView {
    let (status, model) = match &item.result {
        None => ("pending", None),
        Some(ItemResult::Succeeded { model, .. }) => ("succeeded", model.clone()),
        Some(ItemResult::Failed { for_want_of_a_model: true, .. }) => ("degraded", None),
        Some(ItemResult::Failed { .. }) => ("failed", None),
    };
    ItemView { files: item.files(), status, model, attempts: item.attempts() }
}
