//! What happened, as people and scripts read it.
//!
//! An event is a row of the run's journal before it is printed, so nothing is
//! shown that a kill could undo. Names and fields are those of the contract:
//! fields may be added, never renamed or dropped.

use model_providers::{Class, ModelId, Tokens};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use worktree::{CommitId, TreeId};

use crate::fact::Update;

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
    /// A milestone was reviewed by static checks only.
    DegradedReview,
    /// The planner is not sure what is wanted.
    Question,
    /// The run was stopped with its state saved.
    Recovery,
    /// How the run stands; nothing is asked.
    Progress,
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
    /// What is wrong.
    pub message: String,
}

/// One event. Milestones and items are counted from 1.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(tag = "event", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the contract's, explained there")]
pub enum Event {
    RunStarted {
        idea: String,
        title: String,
        branch: String,
        base: String,
    },
    RunResumed {
        idea: String,
        branch: String,
        after: Status,
    },
    RunFinished {
        status: Status,
        branch: String,
        commits: usize,
        partial: bool,
        degraded: bool,
        reason: Option<String>,
    },
    StepStarted {
        step: StepName,
        milestone: Option<usize>,
        name: Option<String>,
        items: Option<usize>,
    },
    StepFinished {
        step: StepName,
        milestone: Option<usize>,
        model: Option<ModelId>,
        degraded: bool,
        summary: Option<String>,
    },
    AttemptStarted {
        role: Role,
        model: ModelId,
        attempt: u32,
        position: usize,
        models: usize,
        milestone: Option<usize>,
        item: Option<usize>,
    },
    AttemptFailed {
        role: Role,
        model: ModelId,
        class: Class,
        attempt: u32,
        position: usize,
        latency_ms: u64,
        message: Option<String>,
        status: Option<u16>,
        tokens: Option<Tokens>,
        usd: Option<f64>,
        milestone: Option<usize>,
        item: Option<usize>,
    },
    AttemptSucceeded {
        role: Role,
        model: ModelId,
        attempt: u32,
        position: usize,
        latency_ms: u64,
        tokens: Option<Tokens>,
        usd: Option<f64>,
        milestone: Option<usize>,
        item: Option<usize>,
    },
    FallbackUsed {
        role: Role,
        from: ModelId,
        model: ModelId,
        position: usize,
        class: Option<Class>,
        milestone: Option<usize>,
        item: Option<usize>,
    },
    ModelResting {
        role: Role,
        model: ModelId,
        class: Class,
        retry_in_ms: u64,
    },
    BreakerMonitoring {
        role: Role,
        model: ModelId,
        state: String,
    },
    BreakerOpened {
        role: Role,
        model: ModelId,
        state: String,
        retry_in_ms: Option<u64>,
    },
    BreakerHalfOpened {
        role: Role,
        model: ModelId,
        state: String,
        retry_in_ms: Option<u64>,
    },
    BreakerClosed {
        role: Role,
        model: ModelId,
        state: String,
        retry_in_ms: Option<u64>,
    },
    Degraded {
        role: Role,
        reason: String,
        milestone: Option<usize>,
        item: Option<usize>,
    },
    ItemSucceeded {
        milestone: usize,
        item: usize,
        files: Vec<String>,
        model: Option<ModelId>,
        attempts: usize,
    },
    ItemFailed {
        milestone: usize,
        item: usize,
        files: Vec<String>,
        class: Option<Class>,
        message: String,
        for_want_of_a_model: bool,
        attempts: usize,
    },
    PartialAccepted {
        milestone: usize,
        succeeded: usize,
        total: usize,
        percent: u32,
        #[serde(default)]
        success: Success,
        missing: Vec<String>,
    },
    MilestoneRolledBack {
        milestone: usize,
        succeeded: usize,
        total: usize,
        #[serde(default)]
        success: Success,
        retry: u32,
        outcome: Option<Status>,
        reason: String,
    },
    MilestoneCommitted {
        milestone: usize,
        total: usize,
        name: String,
        commit: CommitId,
        models: Vec<ModelId>,
        partial: bool,
        degraded: bool,
        #[serde(default)]
        success: Success,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rest_of: Option<usize>,
    },
    /// What a partial milestone lacks is tried once more, as a milestone of its own.
    MilestoneReopened {
        milestone: usize,
        rest_of: usize,
        files: Vec<String>,
    },
    /// The rest of a partial milestone could not be done either.
    MilestoneDropped {
        milestone: usize,
        rest_of: usize,
        reason: String,
    },
    MilestoneNoted {
        milestone: usize,
        name: String,
        #[serde(default)]
        by_hand: bool,
    },
    TestsPassed {
        milestone: Option<usize>,
        #[serde(default = "test")]
        check: String,
        command: Option<String>,
        latency_ms: u64,
        note: Option<String>,
    },
    TestsFailed {
        milestone: Option<usize>,
        #[serde(default = "test")]
        check: String,
        command: Option<String>,
        latency_ms: u64,
        exit: Option<i32>,
        failing: Vec<String>,
        note: Option<String>,
    },
    ReviewApproved {
        milestone: usize,
        model: Option<ModelId>,
        code_quality: u32,
        degraded: bool,
        findings: Vec<Finding>,
    },
    ReviewRejected {
        milestone: usize,
        model: Option<ModelId>,
        code_quality: u32,
        degraded: bool,
        findings: Vec<Finding>,
    },
    QuestionAsked {
        question: String,
        url: Option<String>,
        #[serde(default)]
        questions: Vec<String>,
        #[serde(default)]
        marker: String,
    },
    QuestionAnswered {
        question: String,
        url: Option<String>,
        #[serde(default)]
        marker: String,
    },
    IssueCreated {
        kind: IssueKind,
        url: String,
        title: String,
        milestone: Option<usize>,
        item: Option<usize>,
        marker: String,
    },
    IssueClosed {
        url: String,
        marker: String,
        reason: String,
        #[serde(default)]
        by_person: bool,
    },
    BranchAdopted {
        branch: String,
        from: CommitId,
        to: CommitId,
        redo: bool,
    },
    /// The base has newer commits: the branch is brought up to date with it, as a milestone of its
    /// own.
    BaseMoved {
        milestone: usize,
        base: String,
        to: CommitId,
        files: Vec<String>,
    },
    /// The branch stands on the newer base.
    BaseUpdated {
        milestone: Option<usize>,
        base: String,
        #[serde(flatten)]
        update: Update,
        base_tree: TreeId,
    },
    /// The branch could not be brought up to date, and stays on the base it has.
    BaseRefused {
        milestone: usize,
        onto: CommitId,
        reason: String,
    },
    StepFailed {
        step: String,
        message: String,
    },
    RunParked {
        reason: String,
    },
    BranchPushed {
        branch: String,
        commit: String,
        remote: String,
    },
    PullRequestOpened {
        url: String,
    },
    /// A later process does what was put off.
    EffectsRetried {
        number: usize,
    },
    EffectDeferred {
        effect: String,
        reason: String,
        marker: Option<String>,
    },
    CheckpointSaved {
        milestone: Option<usize>,
        phase: String,
    },
    ShutdownRequested {
        trigger: String,
    },
    BudgetExhausted {
        role: Role,
        message: String,
    },
    Warned {
        message: String,
    },
}

/// The check of journals from before there were others.
fn test() -> String {
    "test".to_owned()
}

impl Event {
    /// The event's name, which is also its journal record's kind.
    pub fn name(&self) -> String {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => {
                map.get("event").and_then(Value::as_str).unwrap_or("unknown").to_owned()
            }
            _ => "unknown".to_owned(),
        }
    }
}
