//! How one run of one arm came out, told from its journals alone: what belay itself counts is what
//! people will see.

use std::collections::BTreeMap;

use orchestrator::{Event, Status};
use serde::Serialize;

use super::arm::Arm;
use super::idea::Complexity;
use super::weather::Correlation;

/// How a run stood when nothing went on with it by itself.
#[derive(Serialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ending {
    /// Every milestone, with all of its items.
    Completed,
    /// Every milestone, not with all of its items.
    Partial,
    /// It ended for want of a model.
    Degraded,
    Blocked,
    Interrupted,
    Failed,
}

impl Ending {
    pub(crate) const ALL: [Self; 6] = [
        Self::Completed,
        Self::Partial,
        Self::Degraded,
        Self::Blocked,
        Self::Interrupted,
        Self::Failed,
    ];

    pub(crate) fn of(status: Status, partial: bool) -> Self {
        match status {
            Status::Completed if partial => Self::Partial,
            Status::Completed => Self::Completed,
            Status::Degraded => Self::Degraded,
            Status::Blocked => Self::Blocked,
            Status::Interrupted | Status::Running => Self::Interrupted,
            Status::Failed => Self::Failed,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Partial => "partial",
            Self::Degraded => "degraded",
            Self::Blocked => "blocked",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
        }
    }

    /// Every milestone has its commit.
    pub(crate) fn is_done(self) -> bool {
        matches!(self, Self::Completed | Self::Partial)
    }

    /// Whether an hourly job goes on with it by itself.
    pub(crate) fn goes_on(self) -> bool {
        matches!(self, Self::Degraded | Self::Interrupted)
    }
}

/// One run of one arm.
#[derive(Serialize, Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) arm: Arm,
    pub(crate) correlation: Correlation,
    pub(crate) complexity: Complexity,
    /// The run, counted from 0.
    pub(crate) number: usize,
    /// How its first process ended.
    pub(crate) first: Ending,
    /// How it stood when nothing went on with it by itself.
    pub(crate) ending: Ending,
    /// A template answered somewhere of what is on the branch.
    pub(crate) by_template: bool,
    /// Processes up to then, with the first.
    pub(crate) processes: usize,
    /// Calls of models up to then.
    pub(crate) calls: u64,
    /// How often a person would have had to start it again until it was done.
    pub(crate) manual: usize,
    /// It was not done after as many starts as were tried.
    pub(crate) never_done: bool,
    /// Calls of models with those of the manual starts.
    pub(crate) calls_until_done: u64,
    #[serde(flatten)]
    pub(crate) told: Told,
}

/// What the journals of a run tell.
#[derive(Serialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// Questions to a person.
    pub(crate) questions: usize,
    /// Milestones that were accepted without all of their items.
    pub(crate) accepted: usize,
    /// Attempts behind the items that were kept then: all or nothing would have made them again.
    pub(crate) attempts_kept: usize,
}

impl Told {
    /// From the events of one journal.
    pub(crate) fn by(events: &[Event]) -> Self {
        let mut told = Self::default();
        let mut attempts: BTreeMap<usize, usize> = BTreeMap::new();
        for event in events {
            match event {
                Event::QuestionAsked { .. } => told.questions += 1,
                Event::ItemSucceeded { milestone, attempts: number, .. } => {
                    *attempts.entry(*milestone).or_default() += number;
                }
                Event::MilestoneRolledBack { milestone, .. } => {
                    attempts.remove(milestone);
                }
                Event::PartialAccepted { milestone, .. } => {
                    told.accepted += 1;
                    told.attempts_kept += attempts.remove(milestone).unwrap_or_default();
                }
                _ => {}
            }
        }
        told
    }

    /// Of several journals together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            questions: self.questions + other.questions,
            accepted: self.accepted + other.accepted,
            attempts_kept: self.attempts_kept + other.attempts_kept,
        }
    }
}

#[cfg(test)]
mod tests {
    use orchestrator::event::Success;

    use super::*;

    fn succeeded(milestone: usize, attempts: usize) -> Event {
        let (files, authors) = (Vec::new(), Vec::new());
        Event::ItemSucceeded { milestone, item: 1, files, model: None, attempts, authors }
    }

    fn accepted(milestone: usize) -> Event {
        let (succeeded, total, percent, missing) = (2, 3, 67, Vec::new());
        let success = Success::default();
        Event::PartialAccepted { milestone, succeeded, total, percent, success, missing }
    }

    fn rolled_back(milestone: usize) -> Event {
        Event::MilestoneRolledBack {
            milestone,
            succeeded: 1,
            total: 3,
            success: Success::default(),
            retry: 1,
            outcome: None,
            reason: String::new(),
            kept: None,
        }
    }

    #[test]
    fn kept_are_the_attempts_of_items_that_a_partial_acceptance_saved() {
        let events =
            [succeeded(1, 5), rolled_back(1), succeeded(1, 2), succeeded(1, 1), accepted(1)];
        let told = Told::by(&events);
        assert_eq!(told, Told { questions: 0, accepted: 1, attempts_kept: 3 });
        let whole = [succeeded(1, 1), succeeded(2, 4)];
        assert_eq!(Told::by(&whole), Told::default());
        assert_eq!(told.and(told).attempts_kept, 6);
    }

    #[test]
    fn an_ending_is_done_goes_on_or_waits_for_a_person() {
        let of = |status| Ending::of(status, false);
        assert_eq!(Ending::of(Status::Completed, true), Ending::Partial);
        assert!(of(Status::Completed).is_done() && !of(Status::Completed).goes_on());
        assert!(of(Status::Interrupted).goes_on() && of(Status::Degraded).goes_on());
        for status in [Status::Blocked, Status::Failed] {
            assert!(!of(status).is_done() && !of(status).goes_on());
        }
    }
}
