//! The words that events use for what they are about: one word an idea, spelled
//! as the contract spells it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Who a request is asked as.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Understands the idea and divides it into milestones.
    Planner,
    /// Writes one work item's change set.
    Coder,
    /// Judges a milestone's diff.
    Reviewer,
}

impl Role {
    /// The role's name as configs and events spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planner => "planner",
            Self::Coder => "coder",
            Self::Reviewer => "reviewer",
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a run stands.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Every milestone has its commit.
    Completed,
    /// Ended for want of a model; what is missing stands in issues.
    Degraded,
    /// A person must answer or decide.
    Blocked,
    /// Stopped with its state saved.
    Interrupted,
    /// Nothing can go on.
    Failed,
    /// A living process works on it.
    Running,
}

impl Status {
    /// The status as the contract spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Degraded => "degraded",
            Self::Blocked => "blocked",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
            Self::Running => "running",
        }
    }

    /// Reads what [`Status::as_str`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_value(Value::String(text.to_owned())).ok()
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The steps of a run, as `step_started` and `step_finished` name them.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum StepName {
    /// The planner reads the idea.
    Analyze,
    /// The planner divides the idea into milestones.
    Plan,
    /// The worktree is set up and tested before anything changes.
    Prepare,
    /// Coders write the work items.
    Implement,
    /// The project's own commands bring lockfiles and files to their form.
    Format,
    /// The reviewer judges the milestone's diff.
    Review,
    /// The project's own tests.
    Test,
    /// The milestone's commit.
    Commit,
    /// The branch is moved on a remote.
    Push,
}

/// Which side of a partial success an item fell on, and other issue kinds.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum IssueKind {
    /// No model could be had for the item: a person can do it.
    ManualTask,
    /// Models answered, and none of the answers could be taken.
    FailedItem,
    /// The run cannot go on without a person's decision.
    Blocked,
    /// The same, since the review approved of no try: the findings are in it.
    ReviewRejected,
    /// A milestone was reviewed by static checks only.
    DegradedReview,
    /// The planner is not sure what is wanted.
    Question,
    /// The run was stopped with its state saved.
    Recovery,
    /// The state was damaged, and mended with a loss.
    DamagedState,
    /// How the run stands; nothing is asked.
    Progress,
}

impl IssueKind {
    /// Whether the run waits for what a person says in it.
    pub fn asks(self) -> bool {
        matches!(self, Self::Question | Self::Blocked | Self::ReviewRejected)
    }
}

/// How much of a milestone succeeded, as people weigh it.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "snake_case")]
pub enum Success {
    /// Every item.
    #[default]
    All,
    /// At least two thirds of them: 67 to 99 %.
    Most,
    /// At least half of them: 50 to 66 %.
    Half,
    /// Less than half.
    Few,
}

impl Success {
    /// The word for this many items of so many.
    pub fn of(succeeded: usize, total: usize) -> Self {
        match (succeeded.saturating_mul(3), succeeded.saturating_mul(2)) {
            _ if succeeded >= total => Self::All,
            (thirds, _) if thirds >= total.saturating_mul(2) => Self::Most,
            (_, halves) if halves >= total => Self::Half,
            _ => Self::Few,
        }
    }
}

/// One finding, short enough for an event.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Finding {
    /// `low`, `medium` or `high`.
    pub severity: String,
    /// The file it is about.
    pub file: String,
    /// The line in there, from 1, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// What is wrong.
    pub message: String,
}
