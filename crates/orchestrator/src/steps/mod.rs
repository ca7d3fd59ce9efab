//! The steps of a run, one file each. Each does its work and writes down what
//! came of it; what follows from that is [`crate::next`]'s to say.

mod branch;
mod checks;
mod command;
mod commit;
mod format;
mod implement;
mod milestone_tree;
mod offers;
pub(crate) mod people;
mod planning;
mod prepare;
mod pull_request;
mod push;
mod rejected;
mod rest;
mod review;
mod taking;
mod test;
mod update;
mod work;

pub use branch::run_of_commit;
pub(crate) use milestone_tree::Built;
pub(crate) use update::Start;

use crate::Error;
use crate::driver::Driver;
use crate::event::{Event, Status, Success};
use crate::next::Step;

impl Driver {
    pub(crate) async fn perform(&self, step: Step) -> Result<(), Error> {
        match step {
            Step::Analyze => self.analyze().await,
            Step::Ask { questions } => self.ask(questions).await,
            Step::Plan => self.plan().await,
            Step::Prepare => self.prepare().await,
            Step::Note { milestone, by_hand } => self.note(milestone, by_hand).await,
            Step::BeginRound { milestone, cause, findings } => {
                self.begin_round(milestone, cause, findings).await
            }
            Step::Implement { milestone } => self.implement(milestone).await,
            Step::AcceptPartial { milestone } => self.accept_partial(milestone).await,
            Step::RollBack { milestone, outcome: Some(status), reason } => {
                self.give_up(milestone, status, reason).await
            }
            Step::RollBack { milestone, outcome: None, reason } => {
                self.roll_back(milestone, None, reason).await
            }
            Step::Format { milestone } => self.format(milestone).await,
            Step::Review { milestone } => self.review(milestone).await,
            Step::Test { milestone } => self.test(milestone).await,
            Step::Commit { milestone } => self.commit(milestone).await,
            Step::Push(push) => self.push(push).await,
            Step::PullRequest { status } => self.pull_request(status).await,
            Step::Reopen { milestone } => self.reopen(milestone).await,
            Step::Drop { milestone, reason } => self.drop_besides(milestone, reason).await,
            Step::OpenIssue(wanted) => self.open_issue(&wanted).await,
            Step::CloseIssue { url, marker } => self.close_issue(&url, &marker).await,
            Step::Finish { .. } => Ok(()),
        }
    }

    /// Ends a milestone without a commit, and with it the run's way, unless the plan does not
    /// have it.
    pub(crate) async fn give_up(
        &self,
        milestone: usize,
        status: Status,
        reason: String,
    ) -> Result<(), Error> {
        let is_besides =
            self.journal.state().milestone(milestone).is_some_and(|state| !state.is_planned());
        if is_besides {
            return self.drop_besides(milestone, reason).await;
        }
        self.roll_back(milestone, Some(status), reason).await
    }

    async fn roll_back(
        &self,
        milestone: usize,
        outcome: Option<Status>,
        reason: String,
    ) -> Result<(), Error> {
        self.refuse_offers_of(milestone, &reason, outcome.is_some()).await?;
        let (succeeded, total, retry) = self.score(milestone);
        let success = Success::of(succeeded, total);
        let kept = match outcome {
            Some(_) => self.keep_rejected(milestone).await,
            None => None,
        };
        self.journal
            .append(Event::MilestoneRolledBack {
                milestone,
                succeeded,
                total,
                success,
                retry,
                outcome,
                reason,
                kept,
            })
            .await
    }

    async fn note(&self, milestone: usize, by_hand: bool) -> Result<(), Error> {
        // What people did passes the same checks as what models do.
        if by_hand && let Some(red) = self.run_checks(milestone).await? {
            let reason = format!("what was done by hand does not pass the check {red}");
            return self.give_up(milestone, Status::Blocked, reason).await;
        }
        let name = self.planned(milestone)?.name;
        self.journal.append(Event::MilestoneNoted { milestone, name, by_hand }).await
    }

    /// The milestone as it was planned, counted from 1.
    fn planned(&self, milestone: usize) -> Result<agents::Milestone, Error> {
        let state = self.journal.state();
        let plan = state
            .plan
            .as_ref()
            .and_then(|plan| plan.value.milestones.get(milestone.checked_sub(1)?));
        plan.cloned().ok_or(Error::Inconsistent("no such milestone in the plan"))
    }

    /// Items succeeded, items in all, and which retry comes next.
    fn score(&self, milestone: usize) -> (usize, usize, u32) {
        let state = self.journal.state();
        let found = state.milestone(milestone);
        let Some(milestone) = found else {
            return (0, 0, 0);
        };
        let round = milestone.planned();
        let succeeded = round.map_or(0, crate::milestone::RoundState::succeeded);
        (succeeded, round.map_or(0, |round| round.items.len()), milestone.retries + 1)
    }
}
