//! A run's state: a fold over its journal and nothing else.
//!
//! Whatever process reads the rows, and after whatever kill, it comes to the
//! same state; so going on is the same as having never stopped.

use agents::{Analysis, Answer, Files, Plan};
use checkpoint_store::Entry;
use jiff::Timestamp;
use model_providers::{ModelId, Tokens};
use serde::Serialize;
use worktree::{CommandOutcome, CommitId, TreeId};

use crate::event::{Event, IssueKind, Status, StepName};
use crate::fact::{Checked, Fact, Started};
use crate::issues;
use crate::journal::parse;
use crate::milestone::{GivenUp, Item, ItemResult, Judgement, MilestoneState, RoundState};
use crate::questions::Asked;

/// An answer with who gave it.
#[derive(Clone, Debug)]
pub struct Given<T> {
    /// The answer.
    pub value: T,
    /// A template gave it.
    pub degraded: bool,
}

/// What was used, over every process of the run.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Tries that ended.
    pub attempts: usize,
    /// Those on a model that is not first of its chain.
    pub fallback_attempts: usize,
    /// Models that gave an answer, in order of first use.
    pub models: Vec<ModelId>,
    /// Tokens booked.
    pub tokens: Tokens,
    /// Money booked where the price is known.
    pub usd: f64,
    /// Some tokens have no known price.
    pub usd_unknown: bool,
}

/// An issue that the run made.
#[derive(Clone, Debug)]
pub struct IssueState {
    /// What it is about; made once for each.
    pub marker: String,
    /// Why it was made.
    pub kind: IssueKind,
    /// Where it stands.
    pub url: String,
    /// Closed since.
    pub closed: bool,
    /// By a person, who wants no more of it.
    pub closed_by_person: bool,
}

/// What a run is doing, in the contract's words.
#[derive(Serialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the contract's, explained there")]
pub enum Phase {
    #[default]
    Analyzing,
    Planning,
    Implementing,
    Reviewing,
    Testing,
    Committing,
    Done,
}

impl From<StepName> for Phase {
    fn from(step: StepName) -> Self {
        match step {
            StepName::Analyze => Self::Analyzing,
            StepName::Plan => Self::Planning,
            StepName::Prepare | StepName::Test => Self::Testing,
            StepName::Implement | StepName::Format => Self::Implementing,
            StepName::Review => Self::Reviewing,
            StepName::Commit => Self::Committing,
        }
    }
}

/// Everything that is known of a run.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// What it is about; none before the first row.
    pub started: Option<Started>,
    /// When the first row was written.
    pub started_at: Option<Timestamp>,
    /// When the last row was written.
    pub updated_at: Option<Timestamp>,
    /// What the planner understood.
    pub analysis: Option<Given<Analysis>>,
    /// What is to be done.
    pub plan: Option<Given<Plan>>,
    /// The worktree and the branch are there, and the checks before any change are done.
    pub prepared: bool,
    /// The checks before any change.
    pub baseline: Vec<Checked>,
    /// Formatters whose form the base is not in.
    pub formatters_not_kept_to: Vec<String>,
    /// As many as the plan has.
    pub milestones: Vec<MilestoneState>,
    /// The status that the run ended with.
    pub ended: Option<(Status, Option<String>)>,
    /// Why the last process stopped, where the run goes on.
    pub stopped: Option<String>,
    /// The commit that the next one stands on; none before the first row.
    pub tip: Option<CommitId>,
    /// The step last begun.
    pub phase: Phase,
    /// What was used.
    pub tally: Tally,
    /// The issues made.
    pub issues: Vec<IssueState>,
    /// Steps that ended in an error since anything was last finished.
    pub failures: Vec<(String, String)>,
    /// Why the run cannot go on without a person, where no single milestone is the cause.
    pub parked: Option<String>,
    /// Effects that this process could not make, by marker.
    pub deferred: Vec<String>,
    /// What people were asked.
    pub asked: Vec<Asked>,
    /// What this analysis leaves open was asked, or answered before it was made.
    pub asked_about_analysis: bool,
    /// What people answered, in order.
    pub answers: Vec<Answer>,
    /// An answer came after the first milestones: the plan of those that are left is made anew.
    pub replan: bool,
    /// Milestones whose failed items were tried once more since the run last ended.
    pub reopened: Vec<usize>,
}

impl State {
    /// The state after these rows.
    pub fn fold<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut state = Self::default();
        for entry in entries {
            state.apply(entry);
        }
        state
    }

    /// Adds one row. Rows of a newer binary that this one may read but does
    /// not know change nothing.
    pub fn apply(&mut self, entry: &Entry) {
        self.started_at.get_or_insert(entry.at);
        self.updated_at = Some(entry.at);
        if let Some((event, fact)) = parse(entry) {
            self.take(event, fact);
        }
    }

    fn take(&mut self, event: Event, fact: Option<Fact>) {
        match (event, fact) {
            (Event::RunStarted { .. }, Some(Fact::Started(started))) => {
                self.tip = Some(started.base.clone());
                self.started = Some(started);
            }
            (Event::BranchAdopted { to, redo, .. }, _) => {
                self.tip = Some(to);
                self.milestones.iter_mut().for_each(|milestone| milestone.move_onto_newer(redo));
            }
            (Event::StepFailed { step, message }, _) => self.failures.push((step, message)),
            (Event::RunParked { reason }, _) => self.parked = Some(reason),
            (Event::RunResumed { after, .. }, _) => self.resume(after),
            (Event::RunFinished { status, reason, .. }, _) => self.finish(status, reason),
            (Event::StepStarted { step, milestone, .. }, fact) => self.begin(step, milestone, fact),
            (Event::StepFinished { step, milestone, degraded, .. }, fact) => {
                self.failures.clear();
                self.end_step(step, milestone);
                if let Some(fact) = fact {
                    self.keep(fact, milestone, degraded);
                }
            }
            (event @ (Event::AttemptFailed { .. } | Event::AttemptSucceeded { .. }), _) => {
                self.tally.count(&event);
            }
            (Event::IssueCreated { kind, url, marker, .. }, _) => {
                self.issues.push(IssueState {
                    marker,
                    kind,
                    url,
                    closed: false,
                    closed_by_person: false,
                });
            }
            (Event::IssueClosed { marker, by_person, .. }, _) => {
                for issue in self.issues.iter_mut().filter(|issue| issue.marker == marker) {
                    issue.closed = true;
                    issue.closed_by_person |= by_person;
                }
            }
            (Event::EffectDeferred { marker: Some(marker), .. }, _) => self.deferred.push(marker),
            (Event::QuestionAsked { questions, marker, .. }, _) => {
                self.asked_about_analysis = true;
                self.asked.push(Asked { marker, questions, answered: false });
            }
            (Event::QuestionAnswered { marker, .. }, Some(Fact::Answer(answer))) => {
                self.answer(&marker, answer);
            }
            (event, fact) => self.take_item(event, fact),
        }
    }

    /// The answer becomes part of the idea. What was made without it and is not done yet is made
    /// anew.
    fn answer(&mut self, marker: &str, answer: Answer) {
        self.answers.push(answer);
        let Some(asked) = self.asked.iter_mut().find(|asked| asked.marker == marker) else {
            return;
        };
        asked.answered = true;
        self.analysis = None;
        let Some(plan) = &mut self.plan else {
            return;
        };
        let done = |milestone: &MilestoneState| milestone.ended() && milestone.given_up.is_none();
        let mut kept = self.milestones.iter().map(done);
        plan.value.milestones.retain(|_| kept.next().unwrap_or_default());
        self.milestones.retain(done);
        self.replan = !self.milestones.is_empty();
        if !self.replan {
            self.plan = None;
        }
    }

    fn finish(&mut self, status: Status, reason: Option<String>) {
        if status == Status::Interrupted {
            self.stopped = reason;
            return;
        }
        self.ended = Some((status, reason));
        self.phase = Phase::Done;
    }

    fn begin(&mut self, step: StepName, milestone: Option<usize>, fact: Option<Fact>) {
        self.phase = step.into();
        let Some(state) = milestone.and_then(|number| self.milestone_mut(number)) else {
            return;
        };
        match fact {
            Some(Fact::Round(round)) => {
                state.intent = None;
                state.rounds.push(RoundState::new(round));
            }
            Some(Fact::Intent(intent)) => state.intent = Some(intent),
            _ => {}
        }
    }

    fn end_step(&mut self, step: StepName, milestone: Option<usize>) {
        match (step, milestone.and_then(|number| self.round_mut(number))) {
            (StepName::Prepare, _) => self.prepared = true,
            (StepName::Test, Some(round)) => round.checks_ended = true,
            _ => {}
        }
    }

    fn keep(&mut self, fact: Fact, milestone: Option<usize>, degraded: bool) {
        match fact {
            Fact::Analysis(value) => {
                self.analysis = Some(Given { value, degraded });
                self.asked_about_analysis = false;
            }
            Fact::Plan(value) => self.take_plan(value, degraded),
            Fact::Prepared(prepared) => {
                self.formatters_not_kept_to = prepared.formatters_not_kept_to;
            }
            Fact::Formatted(changes) => {
                if let Some(round) = milestone.and_then(|number| self.round_mut(number)) {
                    round.formatted = Some(changes);
                }
            }
            _ => {}
        }
    }

    fn take_plan(&mut self, value: Plan, degraded: bool) {
        let states = vec![MilestoneState::default(); value.milestones.len()];
        match &mut self.plan {
            Some(plan) if self.replan => {
                plan.value.milestones.extend(value.milestones);
                plan.degraded |= degraded;
                self.milestones.extend(states);
            }
            _ => {
                self.plan = Some(Given { value, degraded });
                self.milestones = states;
            }
        }
        self.replan = false;
    }

    fn take_item(&mut self, event: Event, fact: Option<Fact>) {
        match (event, fact) {
            (
                Event::ItemSucceeded { milestone, item, model, attempts, .. },
                Some(Fact::Changes(changes)),
            ) => {
                self.set_item(milestone, item, ItemResult::Succeeded { changes, model, attempts });
            }
            (
                Event::ItemFailed { milestone, item, class, message, for_want_of_a_model, .. },
                Some(Fact::Attempts(attempts)),
            ) => {
                self.set_item(
                    milestone,
                    item,
                    ItemResult::Failed { class, message, for_want_of_a_model, attempts },
                );
            }
            (event, fact) => self.take_verdict(event, fact),
        }
    }

    fn take_verdict(&mut self, event: Event, fact: Option<Fact>) {
        match (event, fact) {
            (Event::PartialAccepted { milestone, .. }, _) => {
                if let Some(round) = self.round_mut(milestone) {
                    round.partial_accepted = true;
                }
            }
            (Event::MilestoneRolledBack { milestone, outcome, reason, .. }, _) => {
                self.roll_back(milestone, outcome, reason);
            }
            (
                Event::ReviewApproved { milestone, model, degraded, .. },
                Some(Fact::Review(review)),
            ) => {
                self.judge(milestone, Judgement { approved: true, review, degraded, model });
            }
            (
                Event::ReviewRejected { milestone, model, degraded, .. },
                Some(Fact::Review(review)),
            ) => {
                self.judge(milestone, Judgement { approved: false, review, degraded, model });
            }
            (Event::TestsPassed { milestone, .. }, Some(Fact::Checked(checked))) => {
                self.check(milestone, checked, true);
            }
            (Event::TestsFailed { milestone, .. }, Some(Fact::Checked(checked))) => {
                self.check(milestone, checked, false);
            }
            (Event::MilestoneCommitted { milestone, commit, .. }, _) => {
                self.tip = Some(commit.clone());
                if let Some(state) = self.milestone_mut(milestone) {
                    state.commit = Some(commit);
                }
            }
            (Event::MilestoneReopened { rest_of, files, .. }, _) => self.reopen(rest_of, &files),
            (Event::MilestoneDropped { milestone, .. }, _) => {
                if let Some(state) = self.milestone_mut(milestone) {
                    state.dropped = true;
                }
            }
            (Event::MilestoneNoted { milestone, .. }, _) => {
                if let Some(state) = self.milestone_mut(milestone) {
                    state.noted = true;
                }
            }
            _ => {}
        }
    }

    fn roll_back(&mut self, milestone: usize, outcome: Option<Status>, reason: String) {
        let Some(state) = self.milestone_mut(milestone) else {
            return;
        };
        match outcome {
            Some(status) => state.given_up = Some(GivenUp { status, reason }),
            None => {
                state.retries += 1;
                state.since = state.rounds.len();
                state.intent = None;
            }
        }
    }

    /// The files are tried once more, as a milestone at the plan's end.
    fn reopen(&mut self, rest_of: usize, files: &[String]) {
        let Some(plan) = &mut self.plan else {
            return;
        };
        let planned = rest_of.checked_sub(1).and_then(|index| plan.value.milestones.get(index));
        let Some(mut rest) = planned.cloned() else {
            return;
        };
        let Files { create, modify, delete } = &mut rest.files;
        for paths in [create, modify, delete] {
            paths.retain(|path| files.contains(path));
        }
        rest.name.push_str(" (rest)");
        plan.value.milestones.push(rest);
        self.milestones
            .push(MilestoneState { rest_of: Some(rest_of), ..MilestoneState::default() });
        self.reopened.push(rest_of);
    }

    /// A later process goes on. What only a template answered is asked again,
    /// and what was given up is tried afresh.
    fn resume(&mut self, after: Status) {
        if after != Status::Interrupted {
            self.failures.clear();
            self.reopened.clear();
        }
        self.ended = None;
        self.stopped = None;
        self.deferred.clear();
        // A parked run goes on with what it has; a commit that could not land is intended anew.
        match (after, self.parked.take()) {
            (Status::Interrupted, _) => {}
            (_, None) => self.milestones.iter_mut().for_each(MilestoneState::reset),
            (_, Some(_)) => {
                let open =
                    self.milestones.iter_mut().filter(|milestone| milestone.commit.is_none());
                open.for_each(|milestone| milestone.intent = None);
            }
        }
        let nothing_done = self.milestones.iter().all(|milestone| {
            milestone.commit.is_none()
                && milestone.active().iter().all(|round| round.succeeded() == 0)
        });
        if nothing_done && self.plan.as_ref().is_some_and(|plan| plan.degraded) {
            self.plan = None;
            self.milestones.clear();
            if self.analysis.as_ref().is_some_and(|analysis| analysis.degraded) {
                self.analysis = None;
            }
        }
    }

    fn set_item(&mut self, milestone: usize, item: usize, result: ItemResult) {
        let item =
            item.checked_sub(1).and_then(|index| self.round_mut(milestone)?.items.get_mut(index));
        if let Some(item) = item {
            item.result = Some(result);
        }
    }

    fn judge(&mut self, milestone: usize, judged: Judgement) {
        if let Some(round) = self.round_mut(milestone) {
            round.judged = Some(judged);
        }
    }

    fn check(&mut self, milestone: Option<usize>, checked: Checked, passed: bool) {
        match milestone {
            None => self.baseline.push(checked),
            Some(number) => {
                if let Some(round) = self.round_mut(number) {
                    round.checks.push((checked, passed));
                }
            }
        }
    }

    fn round_mut(&mut self, milestone: usize) -> Option<&mut RoundState> {
        self.milestone_mut(milestone)?.current_mut()
    }

    fn milestone_mut(&mut self, number: usize) -> Option<&mut MilestoneState> {
        self.milestones.get_mut(number.checked_sub(1)?)
    }

    /// A milestone by its number, from 1.
    pub fn milestone(&self, number: usize) -> Option<&MilestoneState> {
        self.milestones.get(number.checked_sub(1)?)
    }

    /// The milestone in progress, or the next one, from 1.
    pub fn open_milestone(&self) -> Option<usize> {
        self.milestones.iter().position(|milestone| !milestone.ended()).map(|index| index + 1)
    }

    /// The items of a committed milestone that are still to do, with their place in its planned
    /// round: they failed, and no rest of the milestone that was committed since has them.
    pub fn open_items(&self, number: usize) -> Vec<(usize, &Item)> {
        let committed = |milestone: &&MilestoneState| milestone.commit.is_some();
        let Some(round) =
            self.milestone(number).filter(committed).and_then(MilestoneState::planned)
        else {
            return Vec::new();
        };
        let rests = self.milestones.iter().filter(|rest| rest.rest_of == Some(number));
        let done: Vec<String> = rests
            .filter(committed)
            .filter_map(MilestoneState::planned)
            .flat_map(|round| round.items.iter().filter(|item| item.succeeded()))
            .flat_map(Item::files)
            .collect();
        let open =
            |item: &Item| item.failed() && !item.files().iter().all(|path| done.contains(path));
        round.items.iter().enumerate().filter(|(_, item)| open(item)).collect()
    }

    /// The planned files of a committed milestone that are still to do.
    pub fn missing(&self, number: usize) -> Vec<String> {
        self.open_items(number).into_iter().flat_map(|(_, item)| item.files()).collect()
    }

    /// Milestones of the plan, without the rests that were tried later.
    pub fn planned_milestones(&self) -> usize {
        self.milestones.iter().filter(|milestone| milestone.rest_of.is_none()).count()
    }

    /// Milestones that have their commit.
    pub fn commits(&self) -> usize {
        self.milestones.iter().filter(|milestone| milestone.commit.is_some()).count()
    }

    /// Whether a committed milestone lacks some of its items.
    pub fn partial(&self) -> bool {
        let mut planned = (1..=self.milestones.len())
            .filter(|number| self.milestone(*number).is_some_and(|state| state.rest_of.is_none()));
        planned.any(|number| !self.open_items(number).is_empty())
    }

    /// How a command went when it was last run on this very tree.
    pub fn outcome_on(&self, tree: &TreeId, command: &str) -> Option<&CommandOutcome> {
        let rounds = self.milestones.iter().flat_map(|milestone| &milestone.rounds);
        let checks = rounds.flat_map(|round| &round.checks).map(|(checked, _)| checked);
        let outcomes = self.baseline.iter().chain(checks).filter(|checked| checked.tree == *tree);
        let mut outcomes = outcomes.filter_map(|checked| checked.outcome.as_ref());
        outcomes.rfind(|outcome| outcome.command == command)
    }

    /// Whether a committed milestone lacks items that no person has taken off the list.
    pub fn waits_for_items(&self) -> bool {
        (1..=self.milestones.len()).any(|number| !issues::items_to_try(self, number).is_empty())
    }

    /// Whether a template answered for a model anywhere in what now counts.
    pub fn degraded(&self) -> bool {
        self.analysis.as_ref().is_some_and(|analysis| analysis.degraded)
            || self.plan.as_ref().is_some_and(|plan| plan.degraded)
            || self.milestones.iter().any(MilestoneState::review_degraded)
            || matches!(self.ended, Some((Status::Degraded, _)))
    }
}

impl Tally {
    fn count(&mut self, event: &Event) {
        let (position, tokens, usd) = match event {
            Event::AttemptFailed { position, tokens, usd, .. }
            | Event::AttemptSucceeded { position, tokens, usd, .. } => (*position, *tokens, *usd),
            _ => return,
        };
        self.attempts += 1;
        self.fallback_attempts += usize::from(position > 0);
        if let Some(tokens) = tokens {
            self.tokens.input = self.tokens.input.saturating_add(tokens.input);
            self.tokens.output = self.tokens.output.saturating_add(tokens.output);
            match usd {
                Some(usd) => self.usd += usd,
                None => self.usd_unknown = true,
            }
        }
        if let Event::AttemptSucceeded { model, .. } = event
            && !self.models.contains(model)
        {
            self.models.push(model.clone());
        }
    }
}
