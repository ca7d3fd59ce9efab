//! What a template may say: plain facts, handed over by the caller.
//! Keeping them plain keeps the templates replaceable: they depend on these
//! field names and on nothing else of the program.

use serde::Serialize;

/// The idea that is being worked on.
#[derive(Serialize, Clone, Debug, Default)]
pub struct IdeaFacts {
    /// Its id: a file stem, `issue-12`, or a slug and hash.
    pub id: String,
    /// Its title; may be empty.
    pub title: String,
    /// Its description, Markdown of unknown origin; may be empty.
    pub description: String,
    /// Its acceptance criteria.
    pub criteria: Vec<String>,
    /// The files it names.
    pub files: Vec<FileFact>,
}

/// A file that the idea names.
#[derive(Serialize, Clone, Debug, Default)]
pub struct FileFact {
    /// Path relative to the top of the repository.
    pub path: String,
    /// Whether the repository has it.
    pub exists: bool,
}

/// What the static checks found, for the review template.
#[derive(Serialize, Clone, Debug, Default)]
pub struct ReviewFacts {
    /// Every finding; their order does not matter.
    pub findings: Vec<FindingFact>,
}

/// One finding of the static checks.
#[derive(Serialize, Clone, Debug, Default)]
pub struct FindingFact {
    /// `low`, `medium` or `high`; any other word counts as high.
    pub severity: String,
    /// Path of the file.
    pub file: String,
    /// Line from 1, or `None` for the whole file.
    pub line: Option<u32>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub suggestion: String,
}

/// A milestone, or an item of one, that waits for a person.
#[derive(Serialize, Clone, Debug, Default)]
pub struct ManualTaskFacts {
    /// The idea.
    pub idea: IdeaFacts,
    /// The run's id.
    pub run: String,
    /// The branch the run works on.
    pub branch: String,
    /// The milestone's number, from 1.
    pub milestone_number: usize,
    /// How many milestones the plan has.
    pub milestone_total: usize,
    /// The milestone's name.
    pub milestone_name: String,
    /// The milestone's description.
    pub milestone_description: String,
    /// Files to be changed, one path each.
    pub files: Vec<String>,
    /// How the milestone is to be tested.
    pub tests: Vec<String>,
    /// What was tried, in order.
    pub attempts: Vec<AttemptFact>,
    /// True when no model answered; false when models answered and failed.
    pub for_want_of_a_model: bool,
    /// Names of the milestones that wait for this one.
    pub later_milestones: Vec<String>,
    /// The command that goes on with the run.
    pub resume_command: String,
    /// What coding agents left of these files, the last one first.
    pub salvaged: Vec<SalvagedFact>,
}

/// What a coding agent left when it failed. It is kept under a ref and was never merged.
#[derive(Serialize, Clone, Debug, Default)]
pub struct SalvagedFact {
    /// The ref, in the repository that the run was made in.
    pub reference: String,
    /// `provider/name`; empty if belay itself was ended.
    pub model: String,
    /// The class of failure; empty if belay itself was ended.
    pub class: String,
    /// The file with all that it printed, from the git directory; may be empty.
    pub transcript: String,
}

/// One try at one model.
#[derive(Serialize, Clone, Debug, Default)]
pub struct AttemptFact {
    /// `provider/name`.
    pub model: String,
    /// The class of failure; empty for a success.
    pub class: String,
    /// What the failure said; may be empty.
    pub message: String,
}

/// A run that waits for a person's decision.
#[derive(Serialize, Clone, Debug, Default)]
pub struct BlockedFacts {
    /// The idea.
    pub idea: IdeaFacts,
    /// The run's id.
    pub run: String,
    /// The branch the run works on.
    pub branch: String,
    /// The milestone it stopped at, if it got that far.
    pub milestone_name: Option<String>,
    /// Whether it stopped since no review approved.
    pub review_rejected: bool,
    /// Why it stopped, in one sentence.
    pub reason: String,
    /// The evidence: findings, test output, questions; may be long.
    pub details: String,
    /// Names of the milestones that wait for this one.
    pub later_milestones: Vec<String>,
    /// The command that goes on with the run.
    pub resume_command: String,
}

/// A run that was stopped with its state saved.
#[derive(Serialize, Clone, Debug, Default)]
pub struct RecoveryFacts {
    /// The idea.
    pub idea: IdeaFacts,
    /// The run's id.
    pub run: String,
    /// The branch the run works on.
    pub branch: String,
    /// Why it was stopped, in one sentence.
    pub reason: String,
    /// The phase it was in.
    pub phase: String,
    /// Names of the milestones that are committed.
    pub done: Vec<String>,
    /// Names of the milestones that are open.
    pub open: Vec<String>,
    /// The command that goes on with the run.
    pub resume_command: String,
}

/// How a run stands, whatever its state.
#[derive(Serialize, Clone, Debug, Default)]
pub struct ProgressFacts {
    /// The idea.
    pub idea: IdeaFacts,
    /// The run's id.
    pub run: String,
    /// The branch the run works on.
    pub branch: String,
    /// Where it is, or what it ended with, in a few words.
    pub standing: String,
    /// Each milestone with what became of it; none before there is a plan.
    pub plan: Vec<String>,
    /// Where a person is asked or told something.
    pub waiting: Vec<String>,
    /// The models that gave an answer.
    pub models: Vec<String>,
    /// What it has used, in one sentence.
    pub cost: String,
    /// Its pull request, if it has one.
    pub pull_request: Option<String>,
    /// The command that goes on with the run.
    pub resume_command: String,
}

/// What the branch of a run brings, and what it lacks.
#[derive(Serialize, Clone, Debug, Default)]
pub struct PullRequestFacts {
    /// The idea.
    pub idea: IdeaFacts,
    /// The run's id.
    pub run: String,
    /// The branch that is to be merged.
    pub branch: String,
    /// How the run stands, as what follows "The run is".
    pub standing: String,
    /// The issue that the idea was written in, if it was one.
    pub issue: Option<u64>,
    /// Whether all that it asks for is there.
    pub closes: bool,
    /// Each milestone that has its commit.
    pub built: Vec<String>,
    /// What of the plan has none, or not all of its files.
    pub missing: Vec<String>,
    /// What a template answered in place of a model.
    pub degraded: Vec<String>,
    /// Checks that are red, as they were before any change.
    pub red_checks: Vec<String>,
    /// Where a person is asked or told something.
    pub tasks: Vec<String>,
    /// The models that gave an answer.
    pub models: Vec<String>,
    /// What it has used, in one sentence.
    pub cost: String,
}

/// A run whose review was done by the static checks alone.
#[derive(Serialize, Clone, Debug, Default)]
pub struct DegradedReviewFacts {
    /// The idea.
    pub idea: IdeaFacts,
    /// The run's id.
    pub run: String,
    /// The branch the run works on.
    pub branch: String,
    /// Names of the milestones that no model reviewed.
    pub milestones: Vec<String>,
}

/// A run that asks a person what the idea leaves open.
#[derive(Serialize, Clone, Debug, Default)]
pub struct QuestionFacts {
    /// The run's id.
    pub run: String,
    /// The idea.
    pub idea: IdeaFacts,
    /// What the analysis understood of it; may be empty.
    pub understanding: String,
    /// How sure the analysis is, from 0 to 100.
    pub confidence_percent: u32,
    /// The questions; none if the analysis was only unsure.
    pub questions: Vec<String>,
    /// Names of the milestones that go on without the answer.
    pub going_on: Vec<String>,
    /// The command that goes on with the run.
    pub resume_command: String,
}

/// A state that was found damaged and mended.
#[derive(Serialize, Clone, Debug, Default)]
pub struct DamagedStateFacts {
    /// The idea of the run that goes on.
    pub idea: IdeaFacts,
    /// That run's id.
    pub run: String,
    /// The branch that it works on.
    pub branch: String,
    /// What was damaged: a run, or the file of all of them.
    pub damaged: String,
    /// What was wrong, in one sentence.
    pub flaw: String,
    /// The last good record, after which the run goes on; `None` if nothing of it can.
    pub cut_after: Option<u64>,
    /// How many records are lost, if that can be told.
    pub lost: Option<u64>,
    /// Runs of which nothing is left.
    pub lost_runs: Vec<String>,
    /// Where the state lies as it was found.
    pub set_aside: String,
}
