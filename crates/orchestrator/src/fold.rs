//! How each row changes the state. Rows are facts that have happened, so
//! nothing here can fail, and a row that this binary does not know changes nothing.

use agents::{Answer, Files, Plan};
use checkpoint_store::Entry;
use jiff::Timestamp;

use crate::event::{Event, Status, StepName};
use crate::fact::{Checked, Fact, Push, Told};
use crate::idea_issue;
use crate::journal::parse;
use crate::milestone::{GivenUp, Item, ItemResult, Judgement, MilestoneState, Origin, RoundState};
use crate::offers::Offer;
use crate::pull_request::{self, PullRequestState};
use crate::questions::Asked;
use crate::state::{Deferred, Given, IssueState, Phase, Repair, Salvaged, State};

/// The names of the events that are written before anybody works on the run.
const BEFORE: [&str; 2] = ["run_started", "state_repaired"];

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
        self.keep_worked(&entry.kind, entry.at);
        self.updated_at = Some(entry.at);
        self.read_to = entry.seq;
        if !BEFORE.contains(&entry.kind.as_str()) {
            self.worked_to = entry.seq;
        }
        if let Some((event, fact)) = parse(entry) {
            self.keep_time(&event, entry.at);
            self.take(event, fact);
        }
    }

    fn keep_time(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::StepStarted { step, .. } => self.timing.begin(*step, at),
            Event::StepFinished { step, .. } => self.timing.end(*step, at),
            _ => {}
        }
        // Whatever is finished shows that the run gets on.
        let headway = matches!(
            event,
            Event::StepFinished { .. } | Event::ItemSucceeded { .. } | Event::ItemFailed { .. }
        );
        if headway {
            self.deaths = 0;
        }
    }

    fn take(&mut self, event: Event, fact: Option<Fact>) {
        match (event, fact) {
            (Event::RunStarted { .. }, Some(Fact::Started(started))) => {
                self.tip = Some(started.base.clone());
                self.base = Some(started.base.clone());
                self.started = Some(started);
            }
            (Event::BranchAdopted { to, redo, done, .. }, _) => {
                self.tip = Some(to);
                self.done_before |= done;
                self.milestones.iter_mut().for_each(|milestone| milestone.move_onto_newer(redo));
            }
            (Event::BaseMoved { base, to, files, .. }, _) => self.base_moved(&base, to, files),
            (Event::BaseUpdated { milestone, update, base_tree, .. }, _) => {
                self.base_updated(milestone, update, &base_tree);
            }
            (Event::BaseRefused { milestone, onto, for_want_of_a_model, .. }, _) => {
                self.base_refused(milestone, (!for_want_of_a_model).then_some(onto));
            }
            (Event::StateRepaired { of, flaw, cut_after, lost, lost_runs, set_aside }, _) => {
                let repair = Repair { of, flaw, cut_after, lost, lost_runs, set_aside };
                self.repairs.push(repair);
            }
            (Event::StepFailed { step, message }, _) => self.failures.push((step, message)),
            (Event::RunParked { reason, branch }, _) => {
                self.parked = Some(reason);
                self.parked_for_branch = branch;
            }
            (Event::ShutdownRequested { .. }, _) => self.stopping = true,
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
            (Event::IssueCreated { kind, url, marker, milestone, item, .. }, _) => {
                let files = self.files_of(milestone, item);
                // One that was made anew, where it could not be found any more.
                self.issues.retain(|issue| issue.marker != marker || issue.closed);
                self.issues.push(IssueState {
                    marker,
                    kind,
                    url,
                    milestone,
                    files,
                    closed: false,
                    closed_by_person: false,
                });
            }
            (Event::QuestionAsked { questions, marker, .. }, _) => {
                self.asked_about_analysis = true;
                self.asked.push(Asked { marker, questions, answered: false });
            }
            (Event::QuestionAnswered { marker, .. }, Some(Fact::Answer(answer))) => {
                self.answer(&marker, answer);
            }
            (event, fact) => self.take_outside(event, fact),
        }
    }

    fn take_outside(&mut self, event: Event, fact: Option<Fact>) {
        match (event, fact) {
            (Event::EffectDeferred { effect, reason, marker: Some(marker) }, _) => {
                self.deferred.retain(|deferred| deferred.marker != marker);
                self.deferred.push(Deferred { marker, effect, reason });
            }
            (Event::EffectsRetried { .. }, _) => {
                self.deferred.clear();
                self.retried += 1;
            }
            (Event::BranchPushed { commit, remote, .. }, _) => {
                let is_it = |push: &&Push| push.remote == remote && push.commit.as_str() == commit;
                self.pushed = self.pushes.iter().find(is_it).cloned();
            }
            (
                Event::PullRequestOpened { url, draft, state, .. }
                | Event::PullRequestUpdated { url, draft, state, .. },
                fact,
            ) => self.take_pull_request(url, draft, state, fact),
            (event, fact) => self.take_item(event, fact),
        }
    }

    fn take_pull_request(
        &mut self,
        url: String,
        draft: bool,
        standing: String,
        fact: Option<Fact>,
    ) {
        let told = match fact {
            Some(Fact::PullRequest(told)) => told,
            _ => Told::default(),
        };
        let draft = draft && self.pull_request.as_ref().is_none_or(|known| known.draft);
        self.deferred.retain(|deferred| !deferred.marker.starts_with(pull_request::MARKER));
        self.pull_request = Some(PullRequestState { url, standing, draft, told });
    }

    /// The files of the work item that an issue is about.
    fn files_of(&self, milestone: Option<usize>, item: Option<usize>) -> Vec<String> {
        let round = milestone.and_then(|number| self.milestone(number)?.planned());
        let item = item.and_then(|item| round?.items.get(item.checked_sub(1)?));
        item.map(Item::files).unwrap_or_default()
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
        if let Some(Fact::Push(push)) = fact {
            return self.pushes.push(push);
        }
        let Some(state) = milestone.and_then(|number| self.milestone_mut(number)) else {
            return;
        };
        match fact {
            Some(Fact::Round(round)) => {
                state.intent = None;
                state.rounds.push(RoundState::new(round));
            }
            Some(Fact::Intent(intent)) => state.intent = Some(intent),
            Some(Fact::Update(update)) => state.update = Some(update),
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
                Event::ItemSucceeded { milestone, item, model, attempts, authors, .. },
                Some(Fact::Changes(changes)),
            ) => {
                let result = ItemResult::Succeeded { changes, model, attempts, authors };
                self.set_item(milestone, item, result);
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
            (Event::IssueClosed { marker, by_person, .. }, _) => {
                self.idea_issue_closed |= marker == idea_issue::MARKER;
                for issue in self.issues.iter_mut().filter(|issue| issue.marker == marker) {
                    issue.closed = true;
                    issue.closed_by_person |= by_person;
                }
            }
            (
                Event::WorkSalvaged {
                    milestone, files, model, class, reference, transcript, ..
                },
                _,
            ) => {
                let salvaged = Salvaged { milestone, files, model, class, reference, transcript };
                self.salvaged.push(salvaged);
            }
            (Event::WorkOffered { marker, named, commit, .. }, _) => {
                self.offers.push(Offer { marker, named, commit, refused: false });
            }
            (Event::WorkRefused { marker, commit, .. }, _) => {
                let is_it = |offer: &&mut Offer| offer.marker == marker && offer.commit == commit;
                self.offers.iter_mut().filter(is_it).for_each(|offer| offer.refused = true);
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
            (Event::MilestoneRolledBack { milestone, outcome, reason, kept, .. }, _) => {
                let given_up = outcome.map(|status| GivenUp { status, reason, kept });
                self.roll_back(milestone, given_up);
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
            (Event::MilestoneCommitted { milestone, commit, recovered, .. }, _) => {
                // What was put off may go by now; a run that completes is not taken up again.
                self.deferred.clear();
                self.tip = Some(commit.clone());
                if let Some(state) = self.milestone_mut(milestone) {
                    state.book(commit, recovered);
                }
            }
            (Event::MilestoneReopened { rest_of, files, .. }, _) => self.reopen(rest_of, &files),
            (Event::MilestoneDropped { milestone, .. }, _) => {
                if let Some(state) = self.milestone_mut(milestone) {
                    state.dropped = true;
                }
            }
            (Event::MilestoneNoted { milestone, by_hand, .. }, _) => {
                if let Some(state) = self.milestone_mut(milestone) {
                    state.noted = true;
                    state.by_hand = by_hand;
                }
            }
            _ => {}
        }
    }

    fn roll_back(&mut self, milestone: usize, given_up: Option<GivenUp>) {
        let Some(state) = self.milestone_mut(milestone) else {
            return;
        };
        match given_up {
            Some(given_up) => state.given_up = Some(given_up),
            None => {
                state.retries += 1;
                state.since = state.rounds.len();
                state.intent = None;
                state.update = None;
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
            .push(MilestoneState { origin: Origin::RestOf(rest_of), ..MilestoneState::default() });
        self.reopened.push(rest_of);
    }

    /// A later process goes on. What only a template answered is asked again,
    /// and what was given up is tried afresh.
    fn resume(&mut self, after: Status) {
        if after != Status::Interrupted {
            self.failures.clear();
            self.reopened.clear();
            self.forget_red();
            let lacks = |number: &usize| !self.open_items(*number).is_empty();
            self.left_open = (1..=self.milestones.len()).filter(lacks).collect();
        }
        // A process that was stopped says so; one that was killed cannot.
        let killed = after == Status::Interrupted && self.stopped.is_none();
        self.deaths = if killed { self.deaths + 1 } else { 0 };
        self.stopping = false;
        self.ended = None;
        self.stopped = None;
        self.deferred.clear();
        self.retried = 0;
        // A parked run goes on with what it has; a commit that could not land is intended anew.
        match (after, self.parked.take()) {
            (Status::Interrupted, _) => {}
            (_, None) => self.milestones.iter_mut().for_each(MilestoneState::reset),
            (_, Some(_)) => {
                let open =
                    self.milestones.iter_mut().filter(|milestone| milestone.commit.is_none());
                open.for_each(|milestone| {
                    milestone.intent = None;
                    milestone.update = None;
                });
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

    /// What was red may have been mended outside of the files: it is found out again.
    fn forget_red(&mut self) {
        let rounds = self.milestones.iter_mut().flat_map(|milestone| &mut milestone.rounds);
        for round in rounds.filter(|round| round.red().is_some()) {
            round.checks.clear();
            round.checks_ended = false;
        }
    }

    fn set_item(&mut self, milestone: usize, item: usize, result: ItemResult) {
        let Some(round) = self.round_mut(milestone) else { return };
        let after = round.items.iter().filter(|item| item.result.is_some()).count();
        if let Some(item) = item.checked_sub(1).and_then(|index| round.items.get_mut(index)) {
            item.result = Some(result);
            item.after = after;
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
}
