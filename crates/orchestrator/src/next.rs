//! What to do next: a pure function of the state.
//!
//! The driver asks, does one step, writes down what came of it, and asks
//! again. It keeps no position of its own, so a run that was killed goes on
//! exactly where a run that was not would be.

use crate::event::{IssueKind, Status, StepName};
use crate::fact::{Cause, Push};
use crate::findings;
use crate::idea_issue;
use crate::issues::{self, Wanted};
use crate::milestone::{Item, ItemResult, MilestoneState, Origin, RoundState};
use crate::pull_request;
use crate::questions;
use crate::settings::Settings;
use crate::state::State;

/// One step of a run. Milestones are counted from 1.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each field says what it is by its name")]
pub enum Step {
    /// Ask the planner what the idea means.
    Analyze,
    /// Ask a person what the planner is not sure of.
    Ask { questions: Vec<String> },
    /// Ask the planner for milestones.
    Plan,
    /// Make the worktree able to build and test it as it is.
    Prepare,
    /// Write down a milestone that has no files, or that people did.
    Note { milestone: usize, by_hand: bool },
    /// Divide work and write down who does what.
    BeginRound { milestone: usize, cause: Cause, findings: Vec<String> },
    /// Ask the coders for the items that have no result.
    Implement { milestone: usize },
    /// Go on with the items that succeeded.
    AcceptPartial { milestone: usize },
    /// Drop what the milestone has so far; try again, or end it with a status.
    RollBack { milestone: usize, outcome: Option<Status>, reason: String },
    /// Let the project's own commands bring lockfiles and files to their form.
    Format { milestone: usize },
    /// Ask the reviewer for a judgement of the milestone's diff.
    Review { milestone: usize },
    /// Run the project's checks on the milestone's tree.
    Test { milestone: usize },
    /// Make the milestone's commit and move the branch.
    Commit { milestone: usize },
    /// Move the branch on a remote.
    Push(Push),
    /// Open the branch's pull request or bring it up to date; none while the run is at work.
    PullRequest { status: Option<Status> },
    /// Try the failed items of a committed milestone once more, as a milestone of their own.
    Reopen { milestone: usize },
    /// Leave a milestone that the plan does not have; what it is for stays as it was before.
    Drop { milestone: usize, reason: String },
    /// Write something down for people.
    OpenIssue(Box<Wanted>),
    /// Close an issue whose cause is gone.
    CloseIssue { url: String, marker: String },
    /// End the run.
    Finish { status: Status, reason: Option<String> },
}

impl Step {
    /// Which of the steps that are told it is, if it is one of them.
    pub fn name(&self) -> Option<StepName> {
        match self {
            Self::Analyze => Some(StepName::Analyze),
            Self::Plan => Some(StepName::Plan),
            Self::Prepare => Some(StepName::Prepare),
            Self::Implement { .. } => Some(StepName::Implement),
            Self::Format { .. } => Some(StepName::Format),
            Self::Review { .. } => Some(StepName::Review),
            Self::Test { .. } => Some(StepName::Test),
            Self::Commit { .. } => Some(StepName::Commit),
            Self::Push(_) => Some(StepName::Push),
            _ => None,
        }
    }
}

/// The next step of the run.
pub fn next(state: &State, settings: &Settings) -> Step {
    // At once: what is done is safe elsewhere before anything else is begun.
    if let Some(push) = state.push_due(settings.push.as_deref()) {
        return Step::Push(push);
    }
    if let Some(step) = pull_request::due_after_push(state, settings) {
        return step;
    }
    if state.parked.is_some() {
        return end(state, settings);
    }
    // What was lost is told before anything is done upon what is left.
    let lost = |wanted: &Wanted| wanted.kind == IssueKind::DamagedState;
    if let Some(wanted) = issues::missing(state).into_iter().find(lost) {
        return Step::OpenIssue(Box::new(wanted));
    }
    if state.done_before {
        return Step::Finish { status: Status::Completed, reason: None };
    }
    if state.analysis.is_none() {
        return Step::Analyze;
    }
    let questions = questions::to_ask(state, settings);
    if !questions.is_empty() {
        return Step::Ask { questions };
    }
    if questions::must_wait(state, settings) {
        return end(state, settings);
    }
    let Some(plan) = state.plan.as_ref().filter(|_| !state.replan) else {
        return Step::Plan;
    };
    if !state.prepared {
        return Step::Prepare;
    }
    if let Some(step) = left_open(state, settings) {
        return step;
    }
    let mut stopped = false;
    for (index, (planned, milestone)) in
        plan.value.milestones.iter().zip(&state.milestones).enumerate()
    {
        let number = index + 1;
        // Later milestones build on one that has no commit, the rest of an earlier one does not.
        stopped |= milestone.given_up.is_some() || waits(state, planned, milestone);
        if stopped && milestone.is_planned() {
            continue;
        }
        if milestone.ended() {
            if let Some(wanted) =
                issues::missing(state).into_iter().find(|wanted| wanted.milestone == Some(number))
            {
                return Step::OpenIssue(Box::new(wanted));
            }
            continue;
        }
        if planned.is_note() {
            return Step::Note { milestone: number, by_hand: false };
        }
        if milestone.current().is_none() && issues::is_by_hand(state, number, planned) {
            return Step::Note { milestone: number, by_hand: true };
        }
        return milestone_step(number, milestone, settings);
    }
    end(state, settings)
}

/// What earlier milestones lack since before the run was taken up again comes first: later ones
/// may not work without it. So does what is begun besides the plan: an update, a rest.
fn left_open(state: &State, settings: &Settings) -> Option<Step> {
    let rests = state.milestones.iter().enumerate();
    let mut begun = rests.filter(|(_, besides)| !besides.is_planned() && !besides.ended());
    let update = state.updating().and_then(|number| Some((number - 1, state.milestone(number)?)));
    if let Some((index, besides)) = update.or_else(|| begun.next()) {
        return Some(milestone_step(index + 1, besides, settings));
    }
    let milestone = state.left_open.iter().copied().find(|number| is_to_try(state, *number))?;
    Some(Step::Reopen { milestone })
}

/// Whether the milestone has failed items that were not tried once more yet.
fn is_to_try(state: &State, number: usize) -> bool {
    !state.reopened.contains(&number) && !issues::items_to_try(state, number).is_empty()
}

/// Whether the milestone depends on an answer that is not there; it does unless the plan says no.
fn waits(state: &State, planned: &agents::Milestone, milestone: &MilestoneState) -> bool {
    let independent = planned.waits_for_answer == Some(false) || !milestone.is_planned();
    !milestone.ended() && !independent && questions::open(state).next().is_some()
}

/// The run's last steps: what failed is tried once more, people are told what they must know,
/// then its status.
fn end(state: &State, settings: &Settings) -> Step {
    if let Some(step) = rest(state) {
        return step;
    }
    if let Some(step) = for_people(state) {
        return step;
    }
    let (status, reason) = outcome(state);
    if let Some(step) = pull_request::due_at_end(state, settings, status) {
        return step;
    }
    // One that was put off may be there for the next process.
    let put_off = pull_request::is_put_off(state);
    if let Some(step) = close_idea(state, status).filter(|_| !put_off) {
        return step;
    }
    Step::Finish { status, reason }
}

fn for_people(state: &State) -> Option<Step> {
    if let Some(wanted) = issues::missing(state).into_iter().next() {
        return Some(Step::OpenIssue(Box::new(wanted)));
    }
    let issue = issues::needless(state).into_iter().next()?;
    Some(Step::CloseIssue { url: issue.url.clone(), marker: issue.marker.clone() })
}

/// The issue of the idea, once it is done and no pull request sees to it.
fn close_idea(state: &State, status: Status) -> Option<Step> {
    let url = idea_issue::to_close(state, status)?.to_owned();
    Some(Step::CloseIssue { url, marker: idea_issue::MARKER.to_owned() })
}

/// The next effect that a run which has ended still owes.
pub(crate) fn owed(state: &State, settings: &Settings) -> Option<Step> {
    let push = state.push_due(settings.push.as_deref()).map(Step::Push);
    push.or_else(|| for_people(state)).or_else(|| {
        let (status, _) = state.ended.as_ref()?;
        let due = pull_request::due_at_end(state, settings, *status);
        due.or_else(|| close_idea(state, *status))
    })
}

fn outcome(state: &State) -> (Status, Option<String>) {
    if let Some(reason) = &state.parked {
        return (Status::Blocked, Some(reason.clone()));
    }
    if let Some(given_up) =
        state.milestones.iter().find_map(|milestone| milestone.given_up.as_ref())
    {
        return (given_up.status, Some(given_up.reason.clone()));
    }
    let waiting = state.plan.is_none() || state.milestones.iter().any(|state| !state.ended());
    if let Some(asked) = questions::open(state).next().filter(|_| waiting) {
        let question = asked.questions.join(" ");
        return (Status::Blocked, Some(format!("a question is open: {question}")));
    }
    let writes = state
        .plan
        .as_ref()
        .is_some_and(|plan| !plan.value.milestones.iter().all(agents::Milestone::is_note));
    if !writes && !issues::idea_is_by_hand(state) {
        return (
            Status::Degraded,
            Some("no planner answered, and the idea names no files for a template plan".to_owned()),
        );
    }
    (Status::Completed, None)
}

/// A partial milestone whose failed items are to be tried once more before the run ends; not where
/// no model could be had, or a person must decide about the whole run.
fn rest(state: &State) -> Option<Step> {
    let (status, _) = outcome(state);
    if state.parked.is_some() || matches!(status, Status::Degraded | Status::Failed) {
        return None;
    }
    let milestone = (1..=state.milestones.len()).find(|number| is_to_try(state, *number))?;
    Some(Step::Reopen { milestone })
}

fn milestone_step(milestone: usize, state: &MilestoneState, settings: &Settings) -> Step {
    match usual_step(milestone, state, settings) {
        // What is committed already stands, whatever becomes of a rest or an update.
        Step::RollBack { reason, .. } if !state.is_planned() => Step::Drop { milestone, reason },
        step => step,
    }
}

fn usual_step(milestone: usize, state: &MilestoneState, settings: &Settings) -> Step {
    let Some(round) = state.current() else {
        return Step::BeginRound { milestone, cause: Cause::Plan, findings: Vec::new() };
    };
    if !round.ended() {
        return Step::Implement { milestone };
    }
    if let Some(step) = judge_success(milestone, state, round, settings) {
        return step;
    }
    if let Some(step) = judge_content(milestone, state, round, settings) {
        return step;
    }
    match round.red() {
        _ if !round.checks_ended => Step::Test { milestone },
        Some(red) => {
            if round.partial_accepted && state.retries < settings.milestone_retries {
                let reason = format!("{}, and the tests are red with them", succeeded(round));
                return Step::RollBack { milestone, outcome: None, reason };
            }
            let findings = findings::check_finding(red).into_iter().collect();
            mend(milestone, state, settings, Cause::Tests, findings)
        }
        None => Step::Commit { milestone },
    }
}

/// What people or models think of the round's changes; `None` goes on. What git merged by itself
/// was judged where it comes from.
fn judge_content(
    milestone: usize,
    state: &MilestoneState,
    round: &RoundState,
    settings: &Settings,
) -> Option<Step> {
    if state.update_to().is_some() && state.writes().is_empty() {
        return None;
    }
    if round.formatted.is_none() {
        return Some(Step::Format { milestone });
    }
    let Some(judged) = &round.judged else {
        return Some(Step::Review { milestone });
    };
    let findings = || findings::review_findings(&judged.review);
    (!judged.approved).then(|| mend(milestone, state, settings, Cause::Review, findings()))
}

/// Whether enough of the round's items succeeded; `None` goes on.
fn judge_success(
    milestone: usize,
    state: &MilestoneState,
    round: &RoundState,
    settings: &Settings,
) -> Option<Step> {
    let (succeeded, total) = (round.succeeded(), round.items.len());
    if succeeded == total {
        return None;
    }
    if round.cause != Cause::Plan {
        // What was good before the round still is; mending part of it may be enough.
        return (succeeded == 0)
            .then(|| mend(milestone, state, settings, round.cause, round.findings.clone()));
    }
    if succeeded > 0 && is_enough(succeeded, total, state, settings) {
        return (!round.partial_accepted).then_some(Step::AcceptPartial { milestone });
    }
    let want = round.failed().all(Item::failed_for_want_of_a_model);
    let nobody_asked = want && round.failed().all(|item| item.attempts() == 0);
    let why = round.failed().find_map(|item| match &item.result {
        Some(ItemResult::Failed { message, .. }) => Some(message.as_str()),
        _ => None,
    });
    let why = why.map(|why| format!("; {why}")).unwrap_or_default();
    let reason = format!("{}{why}", self::succeeded(round));
    if state.retries < settings.milestone_retries && !nobody_asked {
        return Some(Step::RollBack { milestone, outcome: None, reason });
    }
    let outcome = Some(settings.outcome(want));
    Some(Step::RollBack { milestone, outcome, reason })
}

/// Of a conflict all sides must be resolved; of a rest anything is better than nothing.
fn is_enough(succeeded: usize, total: usize, state: &MilestoneState, settings: &Settings) -> bool {
    match state.origin {
        Origin::Plan => settings.enough(succeeded, total),
        Origin::RestOf(_) => true,
        Origin::Update(_) => false,
    }
}

fn succeeded(round: &RoundState) -> String {
    format!("{} of {} work items succeeded", round.succeeded(), round.items.len())
}

/// A new round with the findings, or the end of the milestone.
fn mend(
    milestone: usize,
    state: &MilestoneState,
    settings: &Settings,
    cause: Cause,
    findings: Vec<String>,
) -> Step {
    if state.fix_rounds() < settings.fix_rounds {
        return Step::BeginRound { milestone, cause, findings };
    }
    let rounds: Vec<&RoundState> =
        state.active().iter().filter(|round| round.cause != Cause::Plan).collect();
    // What is red for want of what failed for want of a model: no mending could help.
    let lacking = cause == Cause::Tests
        && state.planned().is_some_and(|planned| {
            planned.partial_accepted && planned.failed().all(Item::failed_for_want_of_a_model)
        });
    let unmended = !rounds.is_empty()
        && rounds.iter().all(|round| {
            round.succeeded() == 0 && round.failed().all(Item::failed_for_want_of_a_model)
        });
    let red = state.current().and_then(RoundState::red).map(|red| red.name.as_str());
    let what = match (cause, red) {
        (Cause::Tests, Some(name)) if name != "test" => format!("the check {name} stays red"),
        (Cause::Tests, _) => "the tests stay red".to_owned(),
        (Cause::Review | Cause::Plan, _) => "the review does not approve".to_owned(),
    };
    let reason = format!("{what} after {} rounds of mending", rounds.len());
    let outcome = Some(settings.outcome(lacking || unmended));
    Step::RollBack { milestone, outcome, reason }
}

#[cfg(test)]
mod tests;
