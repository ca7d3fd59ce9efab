//! What people must be told: derived from the state, so it is told once.
//!
//! An issue is wanted as long as its cause stands in the state. What is
//! wanted and not made is made; what was made and is no longer wanted is
//! closed. Nothing else remembers issues.

use std::collections::BTreeSet;

use crate::event::{IssueKind, Status};
use crate::findings;
use crate::milestone::{Item, ItemResult, MilestoneState};
use crate::progress;
use crate::questions;
use crate::state::{IssueState, Repair, Salvaged, State};
use agents::Idea;
use degradation_templates::{
    AttemptFact, BlockedFacts, DamagedStateFacts, DegradedReviewFacts, Error as TemplateError,
    FileFact, IdeaFacts, IssueText, ManualTaskFacts, QuestionFacts, RecoveryFacts, SalvagedFact,
    Templates,
};
use sha2::{Digest, Sha256};

/// What the issue of a run that was stopped is known by.
pub(crate) const RECOVERY: &str = "recovery";

/// What the issue about an idea is known by for which nothing could be planned.
const IDEA: &str = "idea";

/// An issue that should exist.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// What it is about; also its hidden mark.
    pub marker: String,
    /// Which text it gets.
    pub kind: IssueKind,
    /// The milestone it is about, from 1.
    pub milestone: Option<usize>,
    /// The item it is about, from 1, within the milestone's planned round.
    pub item: Option<usize>,
    /// What it asks.
    pub questions: Vec<String>,
    /// Why the run was stopped.
    pub trigger: String,
}

impl Wanted {
    fn new(marker: String, kind: IssueKind, milestone: Option<usize>) -> Self {
        let (questions, trigger) = (Vec::new(), String::new());
        Self { marker, kind, milestone, item: None, questions, trigger }
    }

    /// The issue that says how to go on with a run that was stopped.
    pub fn recovery(state: &State, trigger: &str) -> Self {
        let marker = marker(state, RECOVERY, |issue| issue.closed);
        Self { trigger: trigger.to_owned(), ..Self::new(marker, IssueKind::Recovery, None) }
    }

    /// The issue that says what a damaged state lost.
    fn damaged_state(repair: &Repair) -> Self {
        Self::new(repair_marker(repair), IssueKind::DamagedState, None)
    }

    /// The issue that says how the run stands.
    pub fn progress() -> Self {
        Self::new(progress::MARKER.to_owned(), IssueKind::Progress, None)
    }

    /// The issue that asks a person.
    pub fn question(marker: String, questions: Vec<String>) -> Self {
        Self { questions, ..Self::new(marker, IssueKind::Question, None) }
    }
}

/// Every issue whose cause stands in the state.
pub fn wanted(state: &State) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    if state.parked.is_some() {
        let marker = marker(state, "run", |issue| issue.closed);
        wanted.push(Wanted::new(marker, IssueKind::Blocked, None));
    }
    wanted.extend(state.repairs.iter().map(Wanted::damaged_state));
    wanted.extend(
        questions::open(state)
            .map(|asked| Wanted::question(asked.marker.clone(), asked.questions.clone())),
    );
    for (index, milestone) in state.milestones.iter().enumerate() {
        // A rest is about the items of its milestone, whose issues stand already; without an
        // update the branch is as good as it was.
        if milestone.is_planned() {
            for_milestone(index + 1, milestone, state, &mut wanted);
        }
    }
    let plan_is_empty = state.plan.as_ref().is_some_and(|plan| {
        plan.degraded && plan.value.milestones.iter().all(agents::Milestone::is_note)
    });
    if plan_is_empty {
        let milestone = Some(state.milestones.len());
        wanted.push(Wanted::new(IDEA.to_owned(), IssueKind::ManualTask, milestone));
    }
    let unseen = state
        .milestones
        .iter()
        .position(|milestone| milestone.commit.is_some() && milestone.review_degraded());
    if unseen.is_some() {
        wanted.push(Wanted::new("review".to_owned(), IssueKind::DegradedReview, None));
    }
    wanted
}

fn for_milestone(
    number: usize,
    milestone: &MilestoneState,
    state: &State,
    wanted: &mut Vec<Wanted>,
) {
    let blocked =
        milestone.given_up.as_ref().is_some_and(|given_up| given_up.status == Status::Blocked);
    if blocked {
        let marker = marker(state, &format!("milestone-{number}"), |issue| issue.closed);
        let kind =
            if milestone.is_rejected() { IssueKind::ReviewRejected } else { IssueKind::Blocked };
        wanted.push(Wanted::new(marker, kind, Some(number)));
        return;
    }
    let degraded =
        milestone.given_up.as_ref().is_some_and(|given_up| given_up.status == Status::Degraded);
    // Given up: nothing of the milestone stands, so all of it is to do.
    let items = match milestone.planned() {
        Some(round) if degraded => round.items.iter().enumerate().collect(),
        _ => state.open_items(number),
    };
    for (index, item) in items {
        let want = item.failed_for_want_of_a_model() || item.succeeded();
        let kind = if want { IssueKind::ManualTask } else { IssueKind::FailedItem };
        let marker = item_marker(state, number, item);
        wanted.push(Wanted { item: Some(index + 1), ..Wanted::new(marker, kind, Some(number)) });
    }
}

fn item_marker(state: &State, number: usize, item: &Item) -> String {
    let about = format!("milestone-{number}-{}", key(&item.files()));
    marker(state, &about, |issue| issue.closed && !issue.closed_by_person)
}

/// The mark of the issue about something: another one than that of an issue that is done with,
/// since what is closed tells nobody anything.
fn marker(state: &State, about: &str, done_with: impl Fn(&IssueState) -> bool) -> String {
    let mut marker = about.to_owned();
    let mut number = 1;
    while state.issues.iter().any(|issue| issue.marker == marker && done_with(issue)) {
        number += 1;
        marker = format!("{about}-again-{number}");
    }
    marker
}

/// Whether people did what a plan without files says of the idea: they closed its issue.
pub fn idea_is_by_hand(state: &State) -> bool {
    state.issues.iter().any(|issue| issue.marker == IDEA && issue.closed_by_person)
}

/// The files of a milestone that people did: they closed the issue about them.
pub fn files_by_hand(state: &State, number: usize) -> Vec<&String> {
    let by_hand = |issue: &&IssueState| issue.closed_by_person && issue.milestone == Some(number);
    state.issues.iter().filter(by_hand).flat_map(|issue| &issue.files).collect()
}

/// Whether people did all of a milestone.
pub fn is_by_hand(state: &State, number: usize, planned: &agents::Milestone) -> bool {
    let files = files_by_hand(state, number);
    planned.files.iter().all(|path| files.contains(&path))
}

/// The items of a committed milestone that are still to do and that no person has closed. None
/// for a rest: they are those of its milestone.
pub fn items_to_try(state: &State, number: usize) -> Vec<&Item> {
    if state.milestone(number).is_some_and(|milestone| !milestone.is_planned()) {
        return Vec::new();
    }
    let closed = |item: &Item| {
        let marker = item_marker(state, number, item);
        state.issues.iter().any(|issue| issue.marker == marker && issue.closed_by_person)
    };
    state
        .open_items(number)
        .into_iter()
        .map(|(_, item)| item)
        .filter(|item| !closed(item))
        .collect()
}

fn repair_marker(repair: &Repair) -> String {
    format!("damaged-{}", key(&[repair.set_aside.clone().unwrap_or_default(), repair.flaw.clone()]))
}

/// A short name for a set of files that does not depend on its position.
fn key(files: &[String]) -> String {
    let digest = Sha256::digest(files.join("\n").as_bytes());
    digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// Wanted, and neither made nor deferred.
pub fn missing(state: &State) -> Vec<Wanted> {
    let stands = |marker: &str| {
        let decided = |issue: &IssueState| !issue.closed || issue.closed_by_person;
        state.issues.iter().any(|issue| issue.marker == marker && decided(issue))
    };
    wanted(state)
        .into_iter()
        .filter(|wanted| !stands(&wanted.marker) && !state.is_deferred(&wanted.marker))
        .collect()
}

/// Made, still open, and no longer wanted.
pub fn needless(state: &State) -> Vec<&IssueState> {
    let wanted = wanted(state);
    let is_wanted = |issue: &IssueState| wanted.iter().any(|wanted| wanted.marker == issue.marker);
    let deferred = |issue: &IssueState| state.is_deferred(&issue.marker);
    state
        .issues
        .iter()
        .filter(|issue| issue.kind != IssueKind::Progress)
        .filter(|issue| !issue.closed && !is_wanted(issue) && !deferred(issue))
        .collect()
}

/// Renders the text of an issue.
pub fn text(
    wanted: &Wanted,
    state: &State,
    run: &str,
    existing: &[String],
    resume_command: &str,
    templates: &Templates,
) -> Result<IssueText, TemplateError> {
    let (idea, branch) = match &state.started {
        Some(started) => (idea_facts(&started.idea, existing), started.branch.as_str()),
        None => (IdeaFacts::default(), ""),
    };
    let facts = Facts { state, run, resume_command, idea, branch };
    match wanted.kind {
        IssueKind::ManualTask => templates.manual_task(&facts.manual_task(wanted)),
        IssueKind::FailedItem => templates.failed_item(&facts.manual_task(wanted)),
        IssueKind::Blocked | IssueKind::ReviewRejected => templates.blocked(&facts.blocked(wanted)),
        IssueKind::DegradedReview => templates.degraded_review(&facts.degraded_review()),
        IssueKind::Question => templates.question(&facts.question(wanted)),
        IssueKind::Recovery => templates.recovery(&facts.recovery(wanted)),
        IssueKind::DamagedState => templates.damaged_state(&facts.damaged_state(wanted)),
        IssueKind::Progress => {
            templates.progress(&progress::facts(state, run, resume_command, facts.idea))
        }
    }
}

/// The idea as templates know it.
pub fn idea_facts(idea: &Idea, existing: &[String]) -> IdeaFacts {
    IdeaFacts {
        id: idea.id.clone(),
        title: idea.title.clone(),
        description: idea.description.clone(),
        criteria: idea.criteria.clone(),
        files: idea
            .files
            .iter()
            .map(|path| FileFact { path: path.clone(), exists: existing.contains(path) })
            .collect(),
    }
}

/// Where the machine keeps the repository is nobody's concern.
fn below_git_dir(path: &str) -> String {
    let found = path.rsplit_once("/belay/logs/");
    found.map(|(_, rest)| format!("belay/logs/{rest}")).unwrap_or_default()
}

struct Facts<'a> {
    state: &'a State,
    run: &'a str,
    branch: &'a str,
    resume_command: &'a str,
    idea: IdeaFacts,
}

impl Facts<'_> {
    fn planned(&self, number: Option<usize>) -> Option<&agents::Milestone> {
        self.state.plan.as_ref()?.value.milestones.get(number?.checked_sub(1)?)
    }

    fn item(&self, wanted: &Wanted) -> Option<&Item> {
        let milestone = self.state.milestone(wanted.milestone?)?;
        milestone.planned()?.items.get(wanted.item?.checked_sub(1)?)
    }

    /// Milestones that are not begun because this one has no commit, with their files; told in one
    /// issue, that of the milestone or of its first item.
    fn later(&self, wanted: &Wanted) -> Vec<String> {
        let Some(number) = wanted.milestone else {
            return Vec::new();
        };
        let given_up = self
            .state
            .milestones
            .get(number.saturating_sub(1))
            .is_some_and(|state| state.given_up.is_some());
        let first = wanted.item.is_none_or(|item| item == 1);
        let plan = self.state.plan.iter().filter(|_| given_up && first);
        plan.flat_map(|plan| &plan.value.milestones)
            .zip(&self.state.milestones)
            .skip(number)
            .filter(|(_, state)| state.is_planned())
            .map(|(later, _)| {
                let files: Vec<&str> = later.files.iter().map(String::as_str).collect();
                format!("{} ({})", later.name, files.join(", "))
            })
            .collect()
    }

    /// Every try at these files: before and after rollbacks, and in the milestone's rests.
    fn attempts(&self, wanted: &Wanted, files: &[String]) -> Vec<AttemptFact> {
        let is_about = |(index, state): &(usize, &MilestoneState)| {
            wanted.milestone == Some(index + 1)
                || state.rest_of() == wanted.milestone && wanted.milestone.is_some()
        };
        let milestones = self.state.milestones.iter().enumerate().filter(is_about);
        let items = milestones.flat_map(|(_, state)| &state.rounds).flat_map(|round| &round.items);
        let results = items.filter(|item| item.files() == files).map(|item| &item.result);
        results
            .filter_map(|result| match result {
                Some(ItemResult::Failed { attempts, .. }) => Some(attempts),
                _ => None,
            })
            .flatten()
            .map(attempt_fact)
            .collect()
    }

    fn manual_task(&self, wanted: &Wanted) -> ManualTaskFacts {
        let planned = self.planned(wanted.milestone);
        let item = self.item(wanted);
        let attempts = item.map(|item| self.attempts(wanted, &item.files())).unwrap_or_default();
        ManualTaskFacts {
            run: self.run.to_owned(),
            branch: self.branch.to_owned(),
            milestone_number: wanted.milestone.unwrap_or(1),
            milestone_total: self.state.milestones.len(),
            milestone_name: planned.map(|planned| planned.name.clone()).unwrap_or_default(),
            milestone_description: planned
                .map(|planned| planned.description.clone())
                .unwrap_or_default(),
            files: item.map_or_else(
                || self.idea.files.iter().map(|file| file.path.clone()).collect(),
                Item::files,
            ),
            tests: planned.map(|planned| planned.tests.clone()).unwrap_or_default(),
            attempts,
            for_want_of_a_model: wanted.kind == IssueKind::ManualTask,
            later_milestones: self.later(wanted),
            resume_command: self.resume_command.to_owned(),
            idea: self.idea.clone(),
            salvaged: item.map(|item| self.salvaged(wanted, &item.files())).unwrap_or_default(),
        }
    }

    /// What programs left of these files, the last one first.
    fn salvaged(&self, wanted: &Wanted, files: &[String]) -> Vec<SalvagedFact> {
        let of_it =
            |left: &&Salvaged| wanted.milestone == Some(left.milestone) && left.files == files;
        let fact = |left: &Salvaged| SalvagedFact {
            reference: left.reference.clone(),
            model: left.model.as_ref().map(ToString::to_string).unwrap_or_default(),
            class: left.class.map(|class| class.as_str().to_owned()).unwrap_or_default(),
            transcript: left.transcript.as_deref().map(below_git_dir).unwrap_or_default(),
        };
        let mut facts: Vec<SalvagedFact> =
            self.state.salvaged.iter().rev().filter(of_it).map(fact).collect();
        // The same work left again stands under the same ref.
        let mut named = BTreeSet::new();
        facts.retain(|fact| named.insert(fact.reference.clone()));
        facts
    }

    fn blocked(&self, wanted: &Wanted) -> BlockedFacts {
        let milestone = wanted.milestone.and_then(|number| self.state.milestone(number));
        let planned = self.planned(wanted.milestone);
        let files: Vec<&str> =
            planned.iter().flat_map(|planned| planned.files.iter()).map(String::as_str).collect();
        let reason = milestone
            .and_then(|state| state.given_up.as_ref())
            .map(|given_up| given_up.reason.clone());
        BlockedFacts {
            run: self.run.to_owned(),
            branch: self.branch.to_owned(),
            milestone_name: planned.map(|planned| planned.name.clone()),
            review_rejected: wanted.kind == IssueKind::ReviewRejected,
            reason: reason.or_else(|| self.state.parked.clone()).unwrap_or_default(),
            details: milestone.map(|state| findings::details(state, &files)).unwrap_or_default(),
            later_milestones: self.later(wanted),
            resume_command: self.resume_command.to_owned(),
            idea: self.idea.clone(),
        }
    }

    fn recovery(&self, wanted: &Wanted) -> RecoveryFacts {
        let plan = self.state.plan.iter().flat_map(|plan| &plan.value.milestones);
        let milestones = plan.zip(&self.state.milestones).filter(|(_, state)| !state.dropped);
        let named = |done: bool| -> Vec<String> {
            let of = milestones.clone().filter(|(_, state)| state.ended() == done);
            of.map(|(planned, _)| planned.name.clone()).collect()
        };
        RecoveryFacts {
            idea: self.idea.clone(),
            run: self.run.to_owned(),
            branch: self.branch.to_owned(),
            reason: wanted.trigger.clone(),
            phase: self.state.phase.to_string(),
            done: named(true),
            open: named(false),
            resume_command: self.resume_command.to_owned(),
        }
    }

    fn damaged_state(&self, wanted: &Wanted) -> DamagedStateFacts {
        let about = |repair: &&Repair| repair_marker(repair) == wanted.marker;
        let facts = DamagedStateFacts {
            run: self.run.to_owned(),
            branch: self.branch.to_owned(),
            idea: self.idea.clone(),
            ..DamagedStateFacts::default()
        };
        match self.state.repairs.iter().find(about).cloned() {
            Some(repair) => DamagedStateFacts {
                damaged: repair.of,
                flaw: repair.flaw,
                cut_after: repair.cut_after,
                lost: repair.lost,
                lost_runs: repair.lost_runs,
                set_aside: repair.set_aside.unwrap_or_default(),
                ..facts
            },
            None => facts,
        }
    }

    fn question(&self, wanted: &Wanted) -> QuestionFacts {
        let analysis = self.state.analysis.as_ref().map(|analysis| &analysis.value);
        let confidence = analysis.map_or(0.0, |analysis| analysis.confidence);
        QuestionFacts {
            run: self.run.to_owned(),
            idea: self.idea.clone(),
            understanding: analysis
                .map(|analysis| analysis.understanding.clone())
                .unwrap_or_default(),
            confidence_percent: (0..=100_u32)
                .rfind(|percent| f64::from(*percent) <= confidence * 100.0)
                .unwrap_or_default(),
            questions: wanted.questions.clone(),
            going_on: self.going_on(),
            resume_command: self.resume_command.to_owned(),
        }
    }

    /// Milestones that the plan, if there is one, makes without the answer.
    fn going_on(&self) -> Vec<String> {
        let plan = self.state.plan.iter().flat_map(|plan| &plan.value.milestones);
        plan.take_while(|planned| planned.waits_for_answer == Some(false))
            .map(|planned| planned.name.clone())
            .collect()
    }

    fn degraded_review(&self) -> DegradedReviewFacts {
        let plan = self.state.plan.iter().flat_map(|plan| &plan.value.milestones);
        let unseen = plan
            .zip(&self.state.milestones)
            .filter(|(_, state)| state.commit.is_some() && state.review_degraded());
        DegradedReviewFacts {
            run: self.run.to_owned(),
            branch: self.branch.to_owned(),
            milestones: unseen.map(|(planned, _)| planned.name.clone()).collect(),
            idea: self.idea.clone(),
        }
    }
}

fn attempt_fact(attempt: &model_providers::Attempt) -> AttemptFact {
    AttemptFact {
        model: attempt.model.to_string(),
        class: attempt
            .class
            .map(|class| class.to_string())
            .unwrap_or_else(|| "answered".to_owned()),
        message: attempt.message.clone().unwrap_or_default(),
    }
}
