//! What happened, as people and scripts read it.
//!
//! An event is a row of the run's journal before it is printed, so nothing is
//! shown that a kill could undo. Names and fields are those of the contract:
//! fields may be added, never renamed or dropped.

use model_providers::{Class, ModelId, Tokens};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use worktree::{CommitId, Person, TreeId};

use crate::fact::Update;
pub use crate::words::{Finding, IssueKind, Role, Status, StepName, Success};

/// One event. Milestones and items are counted from 1.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(tag = "event", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the contract's, explained there")]
pub enum Event {
    /// A new run was begun.
    RunStarted { idea: String, title: String, branch: String, base: String },
    /// A process goes on with a run; `after` is how it was left.
    RunResumed { idea: String, branch: String, after: Status },
    /// The process is done with the run, in this status.
    RunFinished {
        status: Status,
        branch: String,
        commits: usize,
        partial: bool,
        degraded: bool,
        reason: Option<String>,
    },
    /// A step begins.
    StepStarted {
        step: StepName,
        milestone: Option<usize>,
        name: Option<String>,
        items: Option<usize>,
    },
    /// A step is done; what it gave is durable.
    StepFinished {
        step: StepName,
        milestone: Option<usize>,
        model: Option<ModelId>,
        degraded: bool,
        summary: Option<String>,
    },
    /// A model is asked.
    AttemptStarted {
        role: Role,
        model: ModelId,
        attempt: u32,
        position: usize,
        models: usize,
        milestone: Option<usize>,
        item: Option<usize>,
    },
    /// A model gave no answer that counts.
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
    /// A model gave an answer that counts.
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
    /// The next model of the chain is asked instead.
    FallbackUsed {
        role: Role,
        from: ModelId,
        model: ModelId,
        position: usize,
        class: Option<Class>,
        milestone: Option<usize>,
        item: Option<usize>,
    },
    /// A model is left alone for a while, as its provider asks.
    ModelResting { role: Role, model: ModelId, class: Class, retry_in_ms: u64 },
    /// A breaker counted a failure and stays closed.
    BreakerMonitoring { role: Role, model: ModelId, state: String },
    /// A breaker opened: its model is passed over.
    BreakerOpened { role: Role, model: ModelId, state: String, retry_in_ms: Option<u64> },
    /// A breaker lets one probe through.
    BreakerHalfOpened { role: Role, model: ModelId, state: String, retry_in_ms: Option<u64> },
    /// A breaker closed: its model is asked as usual.
    BreakerClosed { role: Role, model: ModelId, state: String, retry_in_ms: Option<u64> },
    /// A template answered for want of a model.
    Degraded { role: Role, reason: String, milestone: Option<usize>, item: Option<usize> },
    /// The files of a work item are done.
    ItemSucceeded {
        milestone: usize,
        item: usize,
        files: Vec<String>,
        model: Option<ModelId>,
        attempts: usize,
        /// The people who did it, where no model did.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        authors: Vec<Person>,
    },
    /// The files of a work item are not done.
    ItemFailed {
        milestone: usize,
        item: usize,
        files: Vec<String>,
        class: Option<Class>,
        message: String,
        for_want_of_a_model: bool,
        attempts: usize,
    },
    /// Enough items succeeded: the milestone is committed without the others.
    PartialAccepted {
        milestone: usize,
        succeeded: usize,
        total: usize,
        percent: u32,
        #[serde(default)]
        success: Success,
        missing: Vec<String>,
    },
    /// What was made of a milestone is not taken; without an outcome it is tried afresh.
    MilestoneRolledBack {
        milestone: usize,
        succeeded: usize,
        total: usize,
        #[serde(default)]
        success: Success,
        retry: u32,
        outcome: Option<Status>,
        reason: String,
        /// Holds what was made and not accepted, where it was for good.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kept: Option<CommitId>,
    },
    /// A milestone has its commit.
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
        /// Found on the branch, after its row was lost with a damaged state.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        recovered: bool,
    },
    /// What a partial milestone lacks is tried once more, as a milestone of its own.
    MilestoneReopened { milestone: usize, rest_of: usize, files: Vec<String> },
    /// The rest of a partial milestone could not be done either.
    MilestoneDropped { milestone: usize, rest_of: usize, reason: String },
    /// A milestone without a commit: a note, or done by hand.
    MilestoneNoted {
        milestone: usize,
        name: String,
        #[serde(default)]
        by_hand: bool,
    },
    /// A check of the project is green, or no redder than before.
    TestsPassed {
        milestone: Option<usize>,
        #[serde(default = "test")]
        check: String,
        command: Option<String>,
        latency_ms: u64,
        note: Option<String>,
        /// It is red, and was as red before any change.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        red: bool,
    },
    /// A check of the project is red.
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
    /// The review lets the milestone be committed.
    ReviewApproved {
        milestone: usize,
        model: Option<ModelId>,
        code_quality: u32,
        degraded: bool,
        findings: Vec<Finding>,
    },
    /// The review sends the milestone back.
    ReviewRejected {
        milestone: usize,
        model: Option<ModelId>,
        code_quality: u32,
        degraded: bool,
        findings: Vec<Finding>,
    },
    /// A person is asked.
    QuestionAsked {
        question: String,
        url: Option<String>,
        #[serde(default)]
        questions: Vec<String>,
        #[serde(default)]
        marker: String,
    },
    /// A person answered.
    QuestionAnswered {
        question: String,
        url: Option<String>,
        #[serde(default)]
        marker: String,
    },
    /// An issue was written.
    IssueCreated {
        kind: IssueKind,
        url: String,
        title: String,
        milestone: Option<usize>,
        item: Option<usize>,
        marker: String,
    },
    /// An issue is closed, by a person or as it is needless.
    IssueClosed {
        url: String,
        marker: String,
        reason: String,
        #[serde(default)]
        by_person: bool,
    },
    /// A person names work of their own in the issue about an item.
    WorkOffered { marker: String, url: String, named: String, commit: CommitId },
    /// What a program left of an item, and is not taken: kept, never merged.
    WorkSalvaged {
        milestone: usize,
        item: usize,
        files: Vec<String>,
        model: Option<ModelId>,
        class: Option<Class>,
        reason: String,
        reference: String,
        commit: CommitId,
        transcript: Option<String>,
    },
    /// It is not taken, which the issue says.
    WorkRefused { marker: String, url: String, commit: CommitId, reason: String },
    /// A person committed to the branch: the run goes on from there.
    BranchAdopted {
        branch: String,
        from: CommitId,
        to: CommitId,
        redo: bool,
        /// The whole idea is done there, by commits of the run that its journal has lost.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        done: bool,
    },
    /// The base has newer commits: the branch is brought up to date with it, as a milestone of its
    /// own.
    BaseMoved { milestone: usize, base: String, to: CommitId, files: Vec<String> },
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
        /// Then a later process tries again.
        #[serde(default)]
        for_want_of_a_model: bool,
    },
    /// The state was damaged, and was mended before anything else was done.
    StateRepaired {
        /// The run, or the file of all of them.
        of: String,
        flaw: String,
        /// The last good record; none if nothing of `of` can be gone on with.
        cut_after: Option<u64>,
        /// Records lost, where that can be told.
        lost: Option<u64>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        lost_runs: Vec<String>,
        /// Nothing where there was nothing left to set aside.
        set_aside: Option<String>,
    },
    /// A step failed for a reason that is no model's.
    StepFailed { step: String, message: String },
    /// The run can go on only once a person has seen to it.
    RunParked {
        reason: String,
        /// The cause is where the branch stands.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        branch: bool,
    },
    /// The branch stands on a remote.
    BranchPushed { branch: String, commit: String, remote: String },
    /// A pull request is there.
    PullRequestOpened {
        url: String,
        #[serde(default)]
        number: u64,
        #[serde(default)]
        draft: bool,
        /// `open`; what a person closed or merged before this was written down is found as that.
        #[serde(default = "open")]
        state: String,
        #[serde(default)]
        commit: String,
    },
    /// A pull request has a new state or commit.
    PullRequestUpdated { url: String, number: u64, draft: bool, state: String, commit: String },
    /// A later process does what was put off.
    EffectsRetried { number: usize },
    /// Something outside could not be done now, and is put off.
    EffectDeferred { effect: String, reason: String, marker: Option<String> },
    /// All up to here is durable.
    CheckpointSaved { milestone: Option<usize>, phase: String },
    /// The process was told to end, or its time is up.
    ShutdownRequested { trigger: String },
    /// What may be spent is spent.
    BudgetExhausted { role: Role, message: String },
    /// Something that a person should know.
    Warned { message: String },
}

/// The check of journals from before there were others.
fn test() -> String {
    "test".to_owned()
}

fn open() -> String {
    "open".to_owned()
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
