//! Work items: divided, written by coders side by side, each written down the
//! moment it ends, so that a kill costs only what was still being asked.

use std::sync::Arc;

use agents::{Action, CoderInput, Failed, PlannedFile, WorkItem};
use futures::stream::{FuturesUnordered, StreamExt};
use model_providers::{Class, Reason};

use super::work::{ItemPlace, Purpose};
use crate::Error;
use crate::driver::Driver;
use crate::event::{Event, Role, StepName, Success};
use crate::fact::{Cause, Fact, Round};
use crate::issues;
use crate::milestone::{MilestoneState, RoundState};
use crate::settings::{Gate, percent};
use crate::source::TreeSource;

/// One round as its coders see it.
pub(super) struct Board {
    pub(super) milestone: usize,
    idea: agents::Idea,
    plan: agents::Plan,
    earlier: Vec<String>,
    round: RoundState,
    pub(super) source: TreeSource,
    /// Held by who takes an item.
    pub(super) taking: tokio::sync::Mutex<()>,
}

impl Driver {
    pub(super) async fn begin_round(
        &self,
        milestone: usize,
        cause: Cause,
        findings: Vec<String>,
    ) -> Result<(), Error> {
        let planned = self.planned(milestone)?;
        let source = self.source(self.milestone_tree(milestone).await?).await?;
        let items = match cause {
            Cause::Plan => self.first_items(milestone, &planned, &source),
            Cause::Review | Cause::Tests => self.mending_items(milestone, &source, &findings)?,
        };
        let event = Event::StepStarted {
            step: StepName::Implement,
            milestone: Some(milestone),
            name: Some(planned.name),
            items: Some(items.len()),
        };
        self.journal.append_fact(event, Fact::Round(Round { cause, items, findings })).await
    }

    /// The plan's items; after a rollback those that failed come first.
    fn first_items(
        &self,
        milestone: usize,
        planned: &agents::Milestone,
        source: &TreeSource,
    ) -> Vec<WorkItem> {
        let state = self.journal.state();
        if let Some(rest_of) = state.milestone(milestone).and_then(MilestoneState::rest_of) {
            let mut items: Vec<WorkItem> = issues::items_to_try(&state, rest_of)
                .into_iter()
                .map(|item| item.work.clone())
                .collect();
            set_actions(&mut items, &source.paths());
            return items;
        }
        let mut items = agents::divide(planned, &source.sizes(), self.parts.settings.parallel);
        let by_hand = issues::files_by_hand(&state, milestone);
        items.retain(|item| !item.files.iter().all(|file| by_hand.contains(&&file.path)));
        let before = state.milestone(milestone).and_then(|found| found.rounds.last());
        let failed: Vec<String> = before
            .map(|round| round.failed().flat_map(crate::milestone::Item::files).collect())
            .unwrap_or_default();
        items.sort_by_key(|item| !item.files.iter().any(|file| failed.contains(&file.path)));
        items
    }

    /// The items whose files the findings name, or all of them if they name none.
    fn mending_items(
        &self,
        milestone: usize,
        source: &TreeSource,
        findings: &[String],
    ) -> Result<Vec<WorkItem>, Error> {
        let state = self.journal.state();
        let planned = state.milestone(milestone).and_then(MilestoneState::planned);
        let planned =
            planned.ok_or(Error::Inconsistent("findings about a milestone without work"))?;
        let paths = source.paths();
        let work = |round: &RoundState| -> Vec<WorkItem> {
            let done = round.items.iter().filter(|item| item.succeeded());
            done.map(|item| item.work.clone()).collect()
        };
        let done = work(planned);
        let named = |item: &&WorkItem| {
            item.files
                .iter()
                .any(|file| findings.iter().any(|finding| finding.contains(file.path.as_str())))
        };
        let mut items: Vec<WorkItem> = done.iter().filter(named).cloned().collect();
        let is_update = state.milestone(milestone).is_some_and(|state| state.update_to().is_some());
        if items.is_empty() && (self.parts.settings.gate == Gate::End || is_update) {
            // Checks that are run once at the end, or on a newer base, may blame any milestone.
            let committed = state.milestones.iter().filter(|state| state.commit.is_some());
            let rounds = committed.filter_map(MilestoneState::planned);
            let all: Vec<WorkItem> = disjoint(rounds.flat_map(work));
            items = all.iter().filter(named).cloned().collect();
            if items.is_empty() && is_update && done.is_empty() {
                items = all;
            }
        }
        if items.is_empty() {
            items = done;
        }
        set_actions(&mut items, &paths);
        Ok(items)
    }

    pub(super) async fn implement(&self, milestone: usize) -> Result<(), Error> {
        let board = self.board(milestone).await?;
        let open = board.round.items.iter().enumerate().filter(|(_, item)| item.result.is_none());
        let mut coders: FuturesUnordered<_> =
            open.map(|(index, _)| self.code(&board, index)).collect();
        let mut stopped = None;
        while let Some(result) = coders.next().await {
            match result {
                Err(error) if error.cancelled() => stopped = Some(error),
                other => other?,
            }
        }
        drop(coders);
        if let Some(error) = stopped {
            return Err(error);
        }
        self.end(StepName::Implement, milestone).await
    }

    async fn board(&self, milestone: usize) -> Result<Board, Error> {
        let source = self.source(self.milestone_tree(milestone).await?).await?;
        let idea = self.idea()?;
        let state = self.journal.state();
        let round = state.milestone(milestone).and_then(MilestoneState::current).cloned();
        Ok(Board {
            milestone,
            idea,
            plan: state
                .plan
                .as_ref()
                .map(|plan| plan.value.clone())
                .ok_or(Error::Inconsistent("no plan"))?,
            earlier: earlier(&state, milestone),
            round: round.ok_or(Error::Inconsistent("work without a round"))?,
            source,
            taking: tokio::sync::Mutex::default(),
        })
    }

    async fn code(&self, board: &Board, index: usize) -> Result<(), Error> {
        let (milestone, item) = (board.milestone, index + 1);
        let Some(work) = board.round.items.get(index).map(|item| &item.work) else {
            return Ok(());
        };
        let files: Vec<String> = work.files.iter().map(|file| file.path.clone()).collect();
        if self.code_by_hand(board, index).await? {
            return Ok(());
        }
        let place = self.place(Role::Coder, Some(milestone), Some(item));
        let asking = self.asking(&self.parts.chains.coder, &place);
        let input = CoderInput {
            idea: &board.idea,
            plan: &board.plan,
            milestone: milestone - 1,
            item: work,
            earlier: &board.earlier,
            findings: &board.round.findings,
        };
        let place = self.item_place(board, index, &files).await?;
        let given = place.clone().map(|place| place as Arc<dyn agents::Place>);
        let settings = &self.parts.agents;
        let asked = agents::implement(&asking, &input, &board.source, settings, given).await;
        if let (Some(place), false) = (&place, self.parts.shutdown.token().is_cancelled()) {
            place.clear().await;
        }
        match asked {
            Ok(answered) => self.take_item(board, index, files, answered).await,
            Err(Failed::Unanswered(unanswered))
                if !matches!(unanswered.reason, Reason::Cancelled) =>
            {
                self.item_failed(milestone, item, files, &unanswered).await
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Where a program of the chain works on the item, if one can.
    async fn item_place(
        &self,
        board: &Board,
        index: usize,
        files: &[String],
    ) -> Result<Option<Arc<ItemPlace>>, Error> {
        if !self.parts.chains.coder.can_work() {
            return Ok(None);
        }
        let purpose =
            Purpose { milestone: board.milestone, item: index + 1, files: files.to_vec() };
        Ok(Some(Arc::new(self.place_for(purpose, board.source.tree()).await?)))
    }

    /// Whether a person did the item, and it is taken. What is not is told, and a model is asked.
    async fn code_by_hand(&self, board: &Board, index: usize) -> Result<bool, Error> {
        let (milestone, item) = (board.milestone, index + 1);
        let Some(found) = board.round.items.get(index).filter(|_| board.round.cause == Cause::Plan)
        else {
            return Ok(false);
        };
        let files = found.files();
        let offer = self.journal.state().offer_for(&files).cloned();
        let Some(offer) = offer else { return Ok(false) };
        let refusal = match self.take_offer(&offer, &found.work, board.source.tree()).await? {
            Ok((changes, authors)) => match self.refusal(board, &changes).await? {
                None => {
                    let (model, attempts) = (None, 0);
                    let event =
                        Event::ItemSucceeded { milestone, item, files, model, attempts, authors };
                    self.journal.append_fact(event, Fact::Changes(changes)).await?;
                    return Ok(true);
                }
                Some(refusal) => refusal,
            },
            Err(refusal) => refusal,
        };
        self.refuse_offer(&offer, &refusal).await?;
        Ok(false)
    }

    async fn item_failed(
        &self,
        milestone: usize,
        item: usize,
        files: Vec<String>,
        unanswered: &model_providers::Unanswered,
    ) -> Result<(), Error> {
        let for_want_of_a_model = for_want_of_a_model(unanswered);
        self.unless_out_of_time(for_want_of_a_model, &unanswered.attempts)?;
        let message = unanswered.to_string();
        if for_want_of_a_model && self.parts.settings.degradation {
            let event = Event::Degraded {
                role: Role::Coder,
                reason: message.clone(),
                milestone: Some(milestone),
                item: Some(item),
            };
            self.journal.append(event).await?;
        }
        let event = Event::ItemFailed {
            milestone,
            item,
            files,
            class: unanswered.attempts.last().and_then(|attempt| attempt.class),
            message,
            for_want_of_a_model,
            attempts: unanswered.attempts.len(),
        };
        self.journal.append_fact(event, Fact::Attempts(unanswered.attempts.clone())).await
    }

    pub(super) async fn accept_partial(&self, milestone: usize) -> Result<(), Error> {
        let (succeeded, total, _) = self.score(milestone);
        let missing = {
            let state = self.journal.state();
            state.milestone(milestone).map(|state| state.missing())
        };
        let missing = missing.unwrap_or_default();
        let percent = percent(succeeded, total);
        self.journal
            .append(Event::PartialAccepted {
                milestone,
                succeeded,
                total,
                percent,
                success: Success::of(succeeded, total),
                missing,
            })
            .await
    }
}

/// The items that have no file of an earlier one.
fn disjoint(items: impl Iterator<Item = WorkItem>) -> Vec<WorkItem> {
    let mut kept: Vec<WorkItem> = Vec::new();
    for item in items {
        let taken =
            |path: &str| kept.iter().any(|other| other.files.iter().any(|file| file.path == path));
        if !item.files.iter().any(|file| taken(&file.path)) {
            kept.push(item);
        }
    }
    kept
}

fn set_actions(items: &mut [WorkItem], paths: &[String]) {
    for file in items.iter_mut().flat_map(|item| &mut item.files) {
        file.action = as_it_stands(file, paths);
    }
}

/// A file that an earlier round made is there to be modified now.
fn as_it_stands(file: &PlannedFile, paths: &[String]) -> Action {
    match (file.action, paths.contains(&file.path)) {
        (Action::Delete, _) => Action::Delete,
        (_, true) => Action::Modify,
        (_, false) => Action::Create,
    }
}

/// Whether no model could be had, as against models that gave no good answer.
fn for_want_of_a_model(unanswered: &model_providers::Unanswered) -> bool {
    let out_of_reach = |class: Option<Class>| {
        matches!(
            class,
            Some(
                Class::Timeout
                    | Class::Unavailable
                    | Class::RateLimited
                    | Class::QuotaExhausted
                    | Class::Auth
                    | Class::InvalidRequest
                    | Class::Cancelled
            )
        )
    };
    match &unanswered.reason {
        Reason::NoModel | Reason::BudgetExhausted => true,
        Reason::AllFailed => unanswered.attempts.iter().all(|attempt| out_of_reach(attempt.class)),
        Reason::Refused { .. } | Reason::Cancelled | Reason::StandIn { .. } => false,
    }
}

/// What the milestones before this one did, and what they lack.
pub(super) fn earlier(run: &crate::state::State, milestone: usize) -> Vec<String> {
    let plan = run.plan.iter().flat_map(|plan| &plan.value.milestones);
    let before = plan.zip(&run.milestones).take(milestone.saturating_sub(1)).enumerate();
    let committed = before.filter(|(_, (_, state))| state.commit.is_some());
    committed
        .map(|(index, (planned, state))| {
            let done = state.writes().into_iter().map(|(path, write)| {
                if write.leaves_a_file() { path } else { format!("{path} (deleted)") }
            });
            let done: Vec<String> = done.collect();
            let missing = run.missing(index + 1);
            let lacks = if missing.is_empty() {
                String::new()
            } else {
                format!("; still missing: {}", missing.join(", "))
            };
            format!("Milestone {} \"{}\": {}{lacks}", index + 1, planned.name, done.join(", "))
        })
        .collect()
}
