//! What is counted row by row, without a memory of the rows before.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use model_providers::Class;
use serde::Serialize;

use crate::event::{Event, IssueKind};

/// Single tries by how they ended.
#[derive(Serialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// Those that gave an answer.
    pub succeeded: usize,
    /// The others, by class.
    pub failed: BTreeMap<Class, usize>,
}

impl Attempts {
    /// All that ended.
    pub fn total(&self) -> usize {
        self.succeeded + self.failed.values().sum::<usize>()
    }

    pub(super) fn take(&mut self, event: &Event) {
        match event {
            Event::AttemptSucceeded { .. } => self.succeeded += 1,
            Event::AttemptFailed { class, .. } => *self.failed.entry(*class).or_default() += 1,
            _ => {}
        }
    }
}

impl AddAssign<&Self> for Attempts {
    fn add_assign(&mut self, other: &Self) {
        self.succeeded += other.succeeded;
        for (class, number) in &other.failed {
            *self.failed.entry(*class).or_default() += number;
        }
    }
}

/// Milestones by what became of them.
#[derive(Serialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Milestones {
    /// They have their commit.
    pub committed: usize,
    /// Those of them that lacked items then.
    pub partial: usize,
    /// Those of them whose checks were run and all green.
    pub green: usize,
    /// What was made was taken back, to be tried again or for good.
    pub rolled_back: usize,
}

impl Milestones {
    pub(super) fn take(&mut self, event: &Event) {
        match event {
            Event::MilestoneCommitted { partial, .. } => {
                self.committed += 1;
                self.partial += usize::from(*partial);
            }
            Event::MilestoneRolledBack { .. } => self.rolled_back += 1,
            _ => {}
        }
    }
}

impl AddAssign for Milestones {
    fn add_assign(&mut self, other: Self) {
        self.committed += other.committed;
        self.partial += other.partial;
        self.green += other.green;
        self.rolled_back += other.rolled_back;
    }
}

/// What was left to people.
#[derive(Serialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct People {
    /// Issues that ask or want a decision.
    pub questions: usize,
    /// Issues with work that no model did.
    pub manual_tasks: usize,
    /// Times that the run was taken up again after it had ended without being complete.
    pub retries: usize,
}

impl People {
    pub(super) fn take(&mut self, event: &Event) {
        match event {
            Event::IssueCreated { kind, .. } if kind.asks() => self.questions += 1,
            Event::IssueCreated { kind, .. } if is_manual(*kind) => self.manual_tasks += 1,
            Event::RunResumed { after, .. } if *after != crate::Status::Interrupted => {
                self.retries += 1;
            }
            _ => {}
        }
    }
}

impl AddAssign for People {
    fn add_assign(&mut self, other: Self) {
        self.questions += other.questions;
        self.manual_tasks += other.manual_tasks;
        self.retries += other.retries;
    }
}

fn is_manual(kind: IssueKind) -> bool {
    matches!(kind, IssueKind::ManualTask | IssueKind::FailedItem | IssueKind::DegradedReview)
}
