//! What the orchestrator is told once, by whoever wires it.

use std::path::PathBuf;
use std::time::Duration;

use worktree::{Check, Person};

use crate::event::Status;

/// A command of the project's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProjectCommandSetting {
    /// Found from the files that the project has.
    Auto,
    /// As configured.
    Fixed(String),
    /// None is run.
    Off,
}

/// When a check is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Gate {
    /// Before the first milestone, and before the commit of each.
    #[default]
    Milestone,
    /// Once, before the commit of the last milestone.
    End,
}

/// A check of the config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckSetting {
    /// What is run.
    pub check: Check,
    /// When; none is as the others of its kind.
    pub gate: Option<Gate>,
}

/// The project's checks besides its tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChecksSetting {
    /// Those that the project clearly uses.
    Auto,
    /// These and no others; one of kind `Test` stands for the test command.
    Fixed(Vec<CheckSetting>),
}

/// Whether commits are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Sign {
    /// As git's config says.
    #[default]
    Auto,
    /// All of them.
    Always,
    /// None.
    Never,
}

/// What is done when the base has moved on between two processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum UpdateBy {
    /// Nothing: the branch stays on the base that it began from.
    #[default]
    Nothing,
    /// The base is merged into the branch.
    Merge,
    /// The branch is made anew on top of the base.
    Rebase,
}

/// When a run's branch gets a pull request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PullRequestWhen {
    /// Never: not wanted, or there are none here.
    #[default]
    Never,
    /// Once the run is completed.
    Ready,
    /// With the first milestone on the remote, as a draft until the run is completed.
    Draft,
}

/// The rules of a run. Defaults are the contract's.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Coders side by side, at least 1.
    pub parallel: usize,
    /// Milestones that this process may begin; `None` is no limit.
    pub max_begun: Option<usize>,
    /// How often a milestone below the success rate is tried again.
    pub milestone_retries: u32,
    /// Rounds of mending after a review or a red test run.
    pub fix_rounds: usize,
    /// The share of work items that must succeed, over 0 and up to 1.
    pub min_success_rate: f64,
    /// A template answers where no model does; without it the run fails.
    pub degradation: bool,
    /// How to make a fresh worktree able to build.
    pub setup_command: ProjectCommandSetting,
    /// How to run the tests.
    pub test_command: ProjectCommandSetting,
    /// The checks besides the tests.
    pub checks: ChecksSetting,
    /// When builds and tests are run, where a check does not say so itself.
    pub gate: Gate,
    /// The repository's hooks have their say.
    pub hooks: bool,
    /// Whether commits are signed.
    pub sign: Sign,
    /// An analysis that is less sure than this asks a person, from 0 to 1.
    pub min_confidence: f64,
    /// Questions to a person in one run.
    pub max_questions: usize,
    /// How long one check or set-up may take.
    pub test_timeout: Duration,
    /// With what the project's own commands are run.
    pub project: worktree::ProjectEnvironment,
    /// The subject of a milestone's commit: `{number}`, `{total}`, `{name}`.
    pub subject: String,
    /// Who commits; `None` is who git's config says, else a bot.
    pub author: Option<Person>,
    /// Whether and how the branch is brought up to date with its base.
    pub update: UpdateBy,
    /// The remote that the run's state is kept on too; the branch is pushed there as well.
    pub mirror: Option<String>,
    /// The remote that the branch is pushed to after each milestone; `None` pushes nothing.
    pub push: Option<String>,
    /// When the branch on that remote gets a pull request.
    pub pull_request: PullRequestWhen,
    /// Where worktrees are made, outside the repository.
    pub worktrees: PathBuf,
    /// Where programs work on items, outside the repository.
    pub workspaces: PathBuf,
    /// Where all that these programs print is kept.
    pub transcripts: PathBuf,
    /// The largest file that is read or written, in bytes.
    pub max_file_bytes: u64,
    /// Stop after the plan.
    pub plan_only: bool,
    /// One issue says how the run stands, kept current; for places where people look.
    pub progress_issue: bool,
    /// Values that must not be kept or shown: they are cut out of what commands print.
    pub secrets: Vec<String>,
    /// The command that goes on with a run, as a person would type it before the run's id.
    pub resume_command: String,
}

impl Settings {
    /// How a run ends that cannot go on: for want of a model, or for other reasons.
    pub(crate) fn outcome(&self, for_want_of_a_model: bool) -> Status {
        match (for_want_of_a_model, self.degradation) {
            (true, true) => Status::Degraded,
            (true, false) => Status::Failed,
            (false, _) => Status::Blocked,
        }
    }

    /// Whether this many of a milestone's items are enough to go on with.
    pub fn enough(&self, succeeded: usize, total: usize) -> bool {
        // The small slack keeps 2 of 3 above a rate typed as 0.67.
        let rate = ratio(succeeded, total);
        rate + 0.005 >= self.min_success_rate
    }
}

/// `part` of `whole` as a number between 0 and 1.
pub(crate) fn ratio(part: usize, whole: usize) -> f64 {
    let [part, whole] =
        [part, whole].map(|count| f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// `part` of `whole` in whole percent, rounded.
pub(crate) fn percent(part: usize, whole: usize) -> u32 {
    let (part, whole) = (part.min(whole) as u128, whole.max(1) as u128);
    u32::try_from((part * 200 + whole) / (whole * 2)).unwrap_or(100)
}
