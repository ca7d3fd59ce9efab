//! A run's state: a fold over its journal and nothing else.
//!
//! Whatever process reads the rows, and after whatever kill, it comes to the
//! same state; so going on is the same as having never stopped.

use std::time::Duration;

use agents::{Analysis, Answer, Plan};
use jiff::Timestamp;
use model_providers::{Class, ModelId};
use serde::Serialize;
use worktree::{CommandOutcome, CommitId, TreeId};

use crate::event::{Event, IssueKind, Status, StepName};
use crate::fact::{Checked, Push, Started};
use crate::issues;
use crate::milestone::{Item, MilestoneState};
use crate::offers::Offer;
use crate::pull_request::PullRequestState;
use crate::questions::Asked;
use crate::tally::Tally;

/// An answer with who gave it.
#[derive(Clone, Debug)]
pub struct Given<T> {
    /// The answer.
    pub value: T,
    /// A template gave it.
    pub degraded: bool,
}

/// An issue that the run made.
#[derive(Clone, Debug)]
pub struct IssueState {
    /// What it is about; made once for each.
    pub marker: String,
    /// Why it was made.
    pub kind: IssueKind,
    /// Where it stands.
    pub url: String,
    /// The milestone it is about, if it is about one.
    pub milestone: Option<usize>,
    /// The files that it leaves to people, if it is about a work item.
    pub files: Vec<String>,
    /// Closed since.
    pub closed: bool,
    /// By a person, who wants no more of it.
    pub closed_by_person: bool,
}

/// Damage to the state that was mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// The run, or the file of all of them.
    pub of: String,
    /// What was wrong.
    pub flaw: String,
    /// The last good record; none if nothing of `of` could be gone on with.
    pub cut_after: Option<u64>,
    /// Records lost, where that can be told.
    pub lost: Option<u64>,
    /// Runs of which nothing is left.
    pub lost_runs: Vec<String>,
    /// Where everything lies as it was found, if anything was left; no other repair has the same
    /// place.
    pub set_aside: Option<String>,
}

impl From<Repair> for Event {
    fn from(repair: Repair) -> Self {
        let Repair { of, flaw, cut_after, lost, lost_runs, set_aside } = repair;
        Self::StateRepaired { of, flaw, cut_after, lost, lost_runs, set_aside }
    }
}

/// What a program left of an item, which was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Salvaged {
    /// The milestone, from 1.
    pub milestone: usize,
    /// The item's files.
    pub files: Vec<String>,
    /// Whose it is; none if the process that started the program was killed.
    pub model: Option<ModelId>,
    /// How it failed.
    pub class: Option<Class>,
    /// The ref that holds it.
    pub reference: String,
    /// The file with all that it printed.
    pub transcript: Option<String>,
}

/// An effect that could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deferred {
    /// What it is about.
    pub marker: String,
    /// What was to be done.
    pub effect: String,
    /// Why it could not be.
    pub reason: String,
}

/// What a run is doing, in the contract's words.
#[derive(Serialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the contract's, explained there")]
pub enum Phase {
    #[default]
    Analyzing,
    Planning,
    Implementing,
    Reviewing,
    Testing,
    Committing,
    Done,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Analyzing => "analyzing",
            Self::Planning => "planning",
            Self::Implementing => "implementing",
            Self::Reviewing => "reviewing",
            Self::Testing => "testing",
            Self::Committing => "committing",
            Self::Done => "done",
        })
    }
}

/// How long steps take, by the stamps of their rows.
#[derive(Clone, Debug, Default)]
pub struct Timing {
    begun: Option<(StepName, Timestamp)>,
    took: Vec<(StepName, Duration)>,
}

impl Timing {
    pub(crate) fn begin(&mut self, step: StepName, at: Timestamp) {
        self.begun = Some((step, at));
    }

    pub(crate) fn end(&mut self, step: StepName, at: Timestamp) {
        if let Some((_, begun_at)) = self.begun.take().filter(|(begun, _)| *begun == step) {
            let took = Duration::try_from(at.duration_since(begun_at)).unwrap_or_default();
            self.took.retain(|(known, _)| *known != step);
            self.took.push((step, took));
        }
    }
}

impl From<StepName> for Phase {
    fn from(step: StepName) -> Self {
        match step {
            StepName::Analyze => Self::Analyzing,
            StepName::Plan => Self::Planning,
            StepName::Prepare | StepName::Test => Self::Testing,
            StepName::Implement | StepName::Format => Self::Implementing,
            StepName::Review => Self::Reviewing,
            StepName::Commit | StepName::Push => Self::Committing,
        }
    }
}

/// Everything that is known of a run.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// What it is about; none before the first row.
    pub started: Option<Started>,
    /// When the first row was written.
    pub started_at: Option<Timestamp>,
    /// When the last row was written.
    pub updated_at: Option<Timestamp>,
    /// How long processes worked on it: the time between rows, less that in which nobody did.
    pub worked: Duration,
    /// What the planner understood.
    pub analysis: Option<Given<Analysis>>,
    /// What is to be done.
    pub plan: Option<Given<Plan>>,
    /// The worktree and the branch are there, and the checks before any change are done.
    pub prepared: bool,
    /// The checks before any change.
    pub baseline: Vec<Checked>,
    /// Formatters whose form the base is not in.
    pub formatters_not_kept_to: Vec<String>,
    /// As many as the plan has.
    pub milestones: Vec<MilestoneState>,
    /// The status that the run ended with.
    pub ended: Option<(Status, Option<String>)>,
    /// Why the last process stopped, where the run goes on.
    pub stopped: Option<String>,
    /// The commit that the next one stands on; none before the first row.
    pub tip: Option<CommitId>,
    /// The commit of the base that the branch stands on.
    pub base: Option<CommitId>,
    /// Commits of the run that an update has replaced.
    pub replaced: Vec<CommitId>,
    /// The base that the branch could not be brought up to date with.
    pub refused_base: Option<CommitId>,
    /// The step last begun.
    pub phase: Phase,
    /// What was used.
    pub tally: Tally,
    /// The issues made.
    pub issues: Vec<IssueState>,
    /// Work that people named in issues, in order.
    pub offers: Vec<Offer>,
    /// What programs left and is not taken, in order.
    pub salvaged: Vec<Salvaged>,
    /// The issue that the idea comes from is closed.
    pub idea_issue_closed: bool,
    /// Steps that ended in an error since anything was last finished.
    pub failures: Vec<(String, String)>,
    /// Why the run cannot go on without a person, where no single milestone is the cause.
    pub parked: Option<String>,
    /// The cause is where the branch stands.
    pub parked_for_branch: bool,
    /// Effects that could not be made since the last commit.
    pub deferred: Vec<Deferred>,
    /// How often later processes tried what was put off when the run had ended.
    pub retried: usize,
    /// Pushes that were begun.
    pub pushes: Vec<Push>,
    /// The last one that is known to have reached its remote.
    pub pushed: Option<Push>,
    /// The run's pull request.
    pub pull_request: Option<PullRequestState>,
    /// An end was asked for and did not come yet.
    pub stopping: bool,
    /// Processes in a row that ended without a word and without having finished anything.
    pub deaths: usize,
    /// How long each step took when it was last done, and the one begun.
    pub timing: Timing,
    /// What people were asked.
    pub asked: Vec<Asked>,
    /// What this analysis leaves open was asked, or answered before it was made.
    pub asked_about_analysis: bool,
    /// What people answered, in order.
    pub answers: Vec<Answer>,
    /// An answer came after the first milestones: the plan of those that are left is made anew.
    pub replan: bool,
    /// The last row that was folded.
    pub read_to: u64,
    /// The last row that a process wrote that worked on the run: its first one, and repairs, are
    /// written before.
    pub worked_to: u64,
    /// Damage that was mended, with a loss that a person is to look at.
    pub repairs: Vec<Repair>,
    /// The idea is done, by commits whose plan was lost.
    pub done_before: bool,
    /// Milestones whose failed items were tried once more since the run last ended.
    pub reopened: Vec<usize>,
    /// Milestones that lacked something when the run was last taken up after its end.
    pub left_open: Vec<usize>,
}

/// The names of the events before which nobody worked on the run.
const AFTER_A_PAUSE: [&str; 2] = ["run_resumed", "state_repaired"];

impl State {
    /// Adds the time since the row before, if a process worked in it.
    pub(crate) fn keep_worked(&mut self, kind: &str, at: Timestamp) {
        if let Some(before) = self.updated_at.filter(|_| !AFTER_A_PAUSE.contains(&kind)) {
            // A clock that was set back adds nothing.
            self.worked += Duration::try_from(at.duration_since(before)).unwrap_or_default();
        }
    }

    /// A milestone by its number, from 1.
    pub fn milestone(&self, number: usize) -> Option<&MilestoneState> {
        self.milestones.get(number.checked_sub(1)?)
    }

    /// The milestone in progress, or the next one, from 1.
    pub fn open_milestone(&self) -> Option<usize> {
        let first = || self.milestones.iter().position(|milestone| !milestone.ended());
        self.updating().or_else(|| first().map(|index| index + 1))
    }

    /// Whether every milestone with files but this one has come to its end.
    pub fn is_last_open(&self, number: usize) -> bool {
        let plan = self.plan.iter().flat_map(|plan| &plan.value.milestones);
        let mut others = plan
            .zip(&self.milestones)
            .enumerate()
            .filter(|(index, (planned, _))| index + 1 != number && !planned.is_note());
        others.all(|(_, (_, state))| state.commit.is_some() || state.dropped)
    }

    /// The items of a committed milestone that are still to do, with their place in its planned
    /// round: they failed, and no rest of the milestone that was committed since has them.
    pub fn open_items(&self, number: usize) -> Vec<(usize, &Item)> {
        let committed = |milestone: &&MilestoneState| milestone.commit.is_some();
        let Some(round) =
            self.milestone(number).filter(committed).and_then(MilestoneState::planned)
        else {
            return Vec::new();
        };
        let rests = self.milestones.iter().filter(|rest| rest.rest_of() == Some(number));
        let done: Vec<String> = rests
            .filter(committed)
            .filter_map(MilestoneState::planned)
            .flat_map(|round| round.items.iter().filter(|item| item.succeeded()))
            .flat_map(Item::files)
            .collect();
        let open =
            |item: &Item| item.failed() && !item.files().iter().all(|path| done.contains(path));
        round.items.iter().enumerate().filter(|(_, item)| open(item)).collect()
    }

    /// The planned files of a committed milestone that are still to do.
    pub fn missing(&self, number: usize) -> Vec<String> {
        self.open_items(number).into_iter().flat_map(|(_, item)| item.files()).collect()
    }

    /// Milestones of the plan, without the rests that were tried later.
    pub fn planned_milestones(&self) -> usize {
        self.milestones.iter().filter(|milestone| milestone.is_planned()).count()
    }

    /// Milestones that have their commit.
    pub fn commits(&self) -> usize {
        let own = |milestone: &&MilestoneState| milestone.update_to().is_none();
        self.milestones.iter().filter(own).filter(|milestone| milestone.commit.is_some()).count()
    }

    /// Whether a committed milestone lacks some of its items.
    pub fn partial(&self) -> bool {
        let mut planned = (1..=self.milestones.len())
            .filter(|number| self.milestone(*number).is_some_and(MilestoneState::is_planned));
        planned.any(|number| !self.open_items(number).is_empty())
    }

    /// How long a step of this kind took when the run last did one; zero if it never did.
    pub fn took(&self, step: StepName) -> Duration {
        let known = self.timing.took.iter().find(|(known, _)| *known == step);
        known.map(|(_, took)| *took).unwrap_or_default()
    }

    /// How a check went when its command was last run on this very tree.
    pub fn outcome_on(&self, tree: &TreeId, name: &str, command: &str) -> Option<&CommandOutcome> {
        let rounds = self.milestones.iter().flat_map(|milestone| &milestone.rounds);
        let checks = rounds.flat_map(|round| &round.checks).map(|(checked, _)| checked);
        let of_it = |checked: &&Checked| checked.tree == *tree && checked.name == name;
        let outcomes = self.baseline.iter().chain(checks).filter(of_it);
        let mut outcomes = outcomes.filter_map(|checked| checked.outcome.as_ref());
        outcomes.rfind(|outcome| outcome.command == command)
    }

    /// Whether an effect was put off by this process.
    pub fn is_deferred(&self, marker: &str) -> bool {
        self.deferred.iter().any(|deferred| deferred.marker == marker)
    }

    /// Checks of the last commit that were red, as they were before any change.
    pub fn red_checks(&self) -> Vec<&str> {
        let last = self.milestones.iter().rev().filter(|milestone| milestone.commit.is_some());
        let round = last.filter_map(MilestoneState::current).find(|round| round.checks_ended);
        let red =
            |checked: &&Checked| checked.outcome.as_ref().is_some_and(|outcome| !outcome.passed);
        let checks = round.into_iter().flat_map(|round| &round.checks).map(|(checked, _)| checked);
        checks.filter(red).map(|checked| checked.name.as_str()).collect()
    }

    /// Every commit that the run made, also those that an update has replaced.
    pub fn own_commits(&self) -> impl Iterator<Item = &CommitId> {
        self.milestones
            .iter()
            .filter_map(|milestone| milestone.commit.as_ref())
            .chain(&self.replaced)
    }

    /// What is to be pushed: the branch as it stands, where a remote is named, there is anything
    /// of the run on it, and it was neither pushed nor put off.
    pub fn push_due(&self, remote: Option<&str>) -> Option<Push> {
        let commit = self.tip.clone().filter(|_| self.commits() > 0 || self.done_before)?;
        let push = Push { remote: remote?.to_owned(), commit };
        let done = self.pushed.as_ref() == Some(&push) || self.is_deferred(&push.marker());
        (!done).then_some(push)
    }

    /// Whether a committed milestone lacks items that no person has taken off the list.
    pub fn waits_for_items(&self) -> bool {
        (1..=self.milestones.len()).any(|number| !issues::items_to_try(self, number).is_empty())
    }

    /// Whether a template answered for a model anywhere in what now counts.
    pub fn degraded(&self) -> bool {
        self.analysis.as_ref().is_some_and(|analysis| analysis.degraded)
            || self.plan.as_ref().is_some_and(|plan| plan.degraded)
            || self.milestones.iter().any(MilestoneState::review_degraded)
            || matches!(self.ended, Some((Status::Degraded, _)))
    }
}
