//! What a step found out, kept so that no later process has to ask again.
//!
//! A fact rides in the same journal row as its event, under the key `fact`,
//! and is left out of what is printed. It holds results, never a provider's
//! raw messages, so another process, binary or provider can go on from it.

use agents::{Analysis, Answer, ChangeSet, Idea, Plan, ResolvedChange, Review, WorkItem};
use model_providers::Attempt;
use serde::{Deserialize, Serialize};
use worktree::{CommandOutcome, CommitId, CommitIntent, Replayed, TreeId};

/// Why a round of work was begun.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The milestone's own work.
    Plan,
    /// The review found something to mend.
    Review,
    /// The tests turned red.
    Tests,
}

/// The private part of a journal row.
#[derive(Serialize, Deserialize, Clone, Debug)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum Fact {
    /// With `run_started`.
    Started(Started),
    /// With the `step_finished` of the analysis.
    Analysis(Analysis),
    /// With the `step_finished` of the plan.
    Plan(Plan),
    /// With the `step_finished` of the preparation.
    Prepared(Prepared),
    /// With the `step_started` of a round of work.
    Round(Round),
    /// With `item_succeeded`.
    Changes(ChangeSet),
    /// With `item_failed`.
    Attempts(Vec<Attempt>),
    /// With `review_approved` and `review_rejected`.
    Review(Review),
    /// With `tests_passed` and `tests_failed`.
    Checked(Checked),
    /// With the `step_finished` of formatting: what commands of the project rewrote.
    Formatted(Vec<ResolvedChange>),
    /// With `question_answered`.
    Answer(Answer),
    /// With the `step_started` of a commit: the intent of the effect.
    Intent(CommitIntent),
    /// With the `step_started` of an update's commit: the intent of the effect.
    Update(Update),
    /// With the `step_started` of a push: the intent of the effect.
    Push(Push),
    /// With `pull_request_opened` and `pull_request_updated`.
    PullRequest(Told),
}

/// What a pull request says.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
pub struct Told {
    /// The newest commit then.
    pub commit: Option<CommitId>,
    /// A short name for all that was told.
    pub digest: String,
}

/// A branch to be moved onto a newer base.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// Where it stands.
    pub from: CommitId,
    /// Where it is to stand.
    pub to: CommitId,
    /// The newer base.
    pub onto: CommitId,
    /// What became of the run's commits; nothing where they stay as they are.
    pub replayed: Vec<Replayed>,
    /// Files of a milestone in progress are other ones then.
    pub redo: bool,
}

/// A branch to be moved on a remote.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// The remote's name.
    pub remote: String,
    /// Where the run's branch is to stand there.
    pub commit: CommitId,
}

impl Push {
    /// What it is known by where it is put off.
    pub fn marker(&self) -> String {
        format!("push-{}-{}", self.remote, self.commit)
    }
}

/// What a run is about.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Started {
    /// The idea as it stood then.
    pub idea: Idea,
    /// The idea's file, relative to the repository's top, if it has one there.
    pub idea_path: Option<String>,
    /// The address of the issue that it was read from, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idea_issue: Option<String>,
    /// The commit that everything builds on.
    pub base: CommitId,
    /// The full name of the branch that it was taken from, if it was one.
    #[serde(default)]
    pub base_branch: Option<String>,
    /// The branch that the run moves.
    pub branch: String,
}

/// What the preparation found, besides how the checks went.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Prepared {
    /// Names of formatters whose form the base is not in: they would rewrite what nobody asked
    /// to change.
    #[serde(default)]
    pub formatters_not_kept_to: Vec<String>,
}

/// One check on one tree.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Checked {
    /// What people call the check.
    pub name: String,
    /// What was checked.
    pub tree: TreeId,
    /// How it went; its command is the one that was asked for.
    pub outcome: Option<CommandOutcome>,
}

/// A round of work on one milestone: who does what, because of what.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Round {
    /// Why it was begun.
    pub cause: Cause,
    /// The items, as they were divided then.
    pub items: Vec<WorkItem>,
    /// What the coders are told to mend.
    pub findings: Vec<String>,
}
