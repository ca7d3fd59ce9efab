//! One milestone's part of the state: its rounds of work and how they ended.

use std::collections::BTreeMap;

use agents::{ChangeSet, ResolvedChange, Review, WorkItem};
use model_providers::{Attempt, Class, ModelId};
use worktree::{CommitId, CommitIntent, Person};

use crate::event::Status;
use crate::fact::{Cause, Checked, Round, Update};

/// How a work item ended.
#[derive(Clone, Debug)]
pub enum ItemResult {
    /// A model's change set was taken.
    Succeeded {
        /// The change set, edits applied.
        changes: ChangeSet,
        /// Who gave it.
        model: Option<ModelId>,
        /// How many tries it took.
        attempts: usize,
        /// The people who did it, where no model did.
        authors: Vec<Person>,
    },
    /// No answer could be taken.
    Failed {
        /// The class of the last failure, if anybody was asked.
        class: Option<Class>,
        /// Why, in words.
        message: String,
        /// No model could be had, as against models whose answers were no good.
        for_want_of_a_model: bool,
        /// Every try.
        attempts: Vec<Attempt>,
    },
}

/// A work item and its result, once it has one.
#[derive(Clone, Debug)]
pub struct Item {
    /// What was asked.
    pub work: WorkItem,
    /// How it ended.
    pub result: Option<ItemResult>,
    /// How many items of its round had ended before it did.
    pub after: usize,
}

impl Item {
    /// The item's files.
    pub fn files(&self) -> Vec<String> {
        self.work.files.iter().map(|file| file.path.clone()).collect()
    }

    /// Whether a change set of it was taken.
    pub fn succeeded(&self) -> bool {
        matches!(self.result, Some(ItemResult::Succeeded { .. }))
    }

    /// The changes that were taken.
    pub fn changes(&self) -> Option<&Vec<ResolvedChange>> {
        match &self.result {
            Some(ItemResult::Succeeded { changes, .. }) => Some(&changes.changes),
            _ => None,
        }
    }

    /// Whether it ended without one.
    pub fn failed(&self) -> bool {
        matches!(self.result, Some(ItemResult::Failed { .. }))
    }

    /// Whether it failed and no model could be had.
    pub fn failed_for_want_of_a_model(&self) -> bool {
        matches!(self.result, Some(ItemResult::Failed { for_want_of_a_model: true, .. }))
    }

    /// Whether the change set is one that people made.
    pub fn is_by_hand(&self) -> bool {
        !self.authors().is_empty()
    }

    /// The people who made its change set, where no model did.
    pub fn authors(&self) -> &[Person] {
        match &self.result {
            Some(ItemResult::Succeeded { authors, .. }) => authors,
            _ => &[],
        }
    }

    /// The tries it took so far.
    pub fn attempts(&self) -> usize {
        match &self.result {
            Some(ItemResult::Succeeded { attempts, .. }) => *attempts,
            Some(ItemResult::Failed { attempts, .. }) => attempts.len(),
            None => 0,
        }
    }
}

/// A judged diff.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// Whether it may be committed.
    pub approved: bool,
    /// The whole review.
    pub review: Review,
    /// A template gave it.
    pub degraded: bool,
    /// Who gave it.
    pub model: Option<ModelId>,
}

/// Work items done side by side, then judged together.
#[derive(Clone, Debug)]
pub struct RoundState {
    /// Why it was begun.
    pub cause: Cause,
    /// What the coders were told to mend.
    pub findings: Vec<String>,
    /// The items, in the order they were divided.
    pub items: Vec<Item>,
    /// The items that succeeded were taken although others failed.
    pub partial_accepted: bool,
    /// The review of the milestone after this round.
    pub judged: Option<Judgement>,
    /// What the project's commands made of the files; none before they were run.
    pub formatted: Option<Vec<ResolvedChange>>,
    /// The checks after this round, in order, and whether each is taken for green.
    pub checks: Vec<(Checked, bool)>,
    /// No more of them are to come.
    pub checks_ended: bool,
}

impl RoundState {
    pub(crate) fn new(round: Round) -> Self {
        let items =
            round.items.into_iter().map(|work| Item { work, result: None, after: 0 }).collect();
        Self {
            cause: round.cause,
            findings: round.findings,
            items,
            partial_accepted: false,
            judged: None,
            formatted: None,
            checks: Vec::new(),
            checks_ended: false,
        }
    }

    /// The check that is red, if one is.
    pub fn red(&self) -> Option<&Checked> {
        self.checks.iter().find(|(_, passed)| !passed).map(|(checked, _)| checked)
    }

    /// Whether its content was judged, and not taken.
    pub fn refused(&self) -> bool {
        self.judged.as_ref().is_some_and(|judged| !judged.approved) || self.red().is_some()
    }

    /// Items whose change set was taken.
    pub fn succeeded(&self) -> usize {
        self.items.iter().filter(|item| item.succeeded()).count()
    }

    /// Items that ended without one.
    pub fn failed(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| item.failed())
    }

    /// Whether every item has ended.
    pub fn ended(&self) -> bool {
        self.items.iter().all(|item| item.result.is_some())
    }
}

/// How far one milestone is.
#[derive(Clone, Debug, Default)]
pub struct MilestoneState {
    /// Every round so far.
    pub rounds: Vec<RoundState>,
    /// The first round since the last rollback; older ones no longer count.
    pub since: usize,
    /// How often it was rolled back and tried again.
    pub retries: u32,
    /// It has no files, or people did them, and was written down only.
    pub noted: bool,
    /// People did it.
    pub by_hand: bool,
    /// The commit that is about to be made.
    pub intent: Option<CommitIntent>,
    /// The commit.
    pub commit: Option<CommitId>,
    /// It ended without a commit.
    pub given_up: Option<GivenUp>,
    /// Where it comes from.
    pub origin: Origin,
    /// The update that is about to be made, if it is one.
    pub update: Option<Update>,
    /// It could not be done, which changes nothing for the run: the plan does not have it.
    pub dropped: bool,
}

/// Where a milestone comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// The planner.
    #[default]
    Plan,
    /// The failed items of this milestone, tried once more.
    RestOf(usize),
    /// The base, which is at this commit now.
    Update(CommitId),
}

/// What becomes of one file.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// What the file held when the change was made for it; none for a new file.
    pub before: Option<String>,
    /// What it is to hold; `None` deletes it, or leaves the content that `from` had.
    pub after: Option<String>,
    /// The file that it was renamed from.
    pub from: Option<String>,
}

impl Write {
    /// Whether there is a file afterwards.
    pub fn leaves_a_file(&self) -> bool {
        self.after.is_some() || self.from.is_some()
    }
}

/// Why a milestone has no commit.
#[derive(Clone, Debug)]
pub struct GivenUp {
    /// The commit that holds what was made and not accepted.
    pub kept: Option<CommitId>,
    /// `Degraded` or `Blocked`.
    pub status: Status,
    /// Why, in words.
    pub reason: String,
}

impl MilestoneState {
    /// Whether the planner planned it.
    pub fn is_planned(&self) -> bool {
        self.origin == Origin::Plan
    }

    /// The milestone whose failed items are tried once more here.
    pub fn rest_of(&self) -> Option<usize> {
        match self.origin {
            Origin::RestOf(number) => Some(number),
            Origin::Plan | Origin::Update(_) => None,
        }
    }

    /// The commit of the base that the branch is brought up to date with here.
    pub fn update_to(&self) -> Option<&CommitId> {
        match &self.origin {
            Origin::Update(commit) => Some(commit),
            Origin::Plan | Origin::RestOf(_) => None,
        }
    }

    /// The rounds since the last rollback.
    pub fn active(&self) -> &[RoundState] {
        self.rounds.get(self.since..).unwrap_or_default()
    }

    /// The round in progress, or the last one.
    pub fn current(&self) -> Option<&RoundState> {
        self.active().last()
    }

    pub(crate) fn current_mut(&mut self) -> Option<&mut RoundState> {
        let since = self.since;
        self.rounds.get_mut(since..).and_then(<[RoundState]>::last_mut)
    }

    /// The round that the plan asked for.
    pub fn planned(&self) -> Option<&RoundState> {
        self.active().iter().find(|round| round.cause == Cause::Plan)
    }

    /// Rounds begun because of a review or a test run.
    pub fn fix_rounds(&self) -> usize {
        self.active().iter().filter(|round| round.cause != Cause::Plan).count()
    }

    /// Whether it goes on, or was committed, without all of its items.
    pub fn partial(&self) -> bool {
        self.planned().is_some_and(|round| round.failed().next().is_some() && round.succeeded() > 0)
    }

    /// Whether a template answered for its reviewer.
    pub fn review_degraded(&self) -> bool {
        self.current().and_then(|round| round.judged.as_ref()).is_some_and(|judged| judged.degraded)
    }

    /// Whether what it has now was not approved: the last review says so, or the last round, begun
    /// to mend what one found, brought nothing.
    pub fn is_rejected(&self) -> bool {
        self.current().is_some_and(|round| match &round.judged {
            Some(judged) => !judged.approved,
            None => round.cause == Cause::Review,
        })
    }

    /// What its commit writes, by path. Of several rounds the last one's content
    /// counts, and the first one's idea of what was there.
    pub fn writes(&self) -> BTreeMap<String, Write> {
        let mut writes: BTreeMap<String, Write> = BTreeMap::new();
        for round in self.active() {
            // Of two items that touched one file the later one has both changes.
            let mut items: Vec<&Item> = round.items.iter().collect();
            items.sort_by_key(|item| item.after);
            let items = items.into_iter().filter_map(Item::changes);
            for change in items.chain(&round.formatted).flatten() {
                overlay(&mut writes, change);
            }
        }
        writes
    }

    /// The models whose answers are in its commit, in order of first use.
    pub fn models(&self) -> Vec<ModelId> {
        let mut models = Vec::new();
        let judges = self
            .current()
            .and_then(|round| round.judged.as_ref())
            .and_then(|judged| judged.model.clone());
        let coders = self.active().iter().flat_map(|round| &round.items).filter_map(|item| {
            match &item.result {
                Some(ItemResult::Succeeded { model, .. }) => model.clone(),
                _ => None,
            }
        });
        for model in coders.chain(judges) {
            if !models.contains(&model) {
                models.push(model);
            }
        }
        models
    }

    /// The people whose work is in its commit, in order.
    pub fn authors(&self) -> Vec<&Person> {
        let mut authors = Vec::new();
        for author in self.active().iter().flat_map(|round| &round.items).flat_map(Item::authors) {
            if !authors.contains(&author) {
                authors.push(author);
            }
        }
        authors
    }

    /// The planned files that no taken change set covers.
    pub fn missing(&self) -> Vec<String> {
        self.planned()
            .map(|round| round.failed().flat_map(Item::files).collect())
            .unwrap_or_default()
    }

    /// Whether it has its commit, and checks of that were run and were all green. A commit that only
    /// brings the branch up to date is not one of its own.
    pub fn is_green(&self) -> bool {
        let checks = self.current().map(|round| round.checks.as_slice()).unwrap_or_default();
        let mut outcomes = checks.iter().filter_map(|(checked, _)| checked.outcome.as_ref());
        self.commit.is_some()
            && self.update_to().is_none()
            && outcomes.clone().next().is_some()
            && outcomes.all(|outcome| outcome.passed)
    }

    /// Whether nothing is left to do for it.
    pub fn ended(&self) -> bool {
        self.commit.is_some() || self.noted || self.dropped || self.given_up.is_some()
    }

    /// It has its commit. Of one that was found on the branch again the rounds may be lost from
    /// their middle on: they tell nothing about it, unless the commit was intended already.
    pub(crate) fn book(&mut self, commit: CommitId, recovered: bool) {
        if recovered && self.intent.is_none() {
            self.since = self.rounds.len();
        }
        self.given_up = None;
        self.commit = Some(commit);
    }

    /// The branch has newer commits. What was made for files that changed with them is made
    /// anew; what was found out about the whole tree is found out again.
    pub(crate) fn move_onto_newer(&mut self, redo: bool) {
        if self.commit.is_some() {
            return;
        }
        self.intent = None;
        self.update = None;
        if redo {
            self.since = self.rounds.len();
        } else if let Some(round) = self.current_mut() {
            round.formatted = None;
            round.judged = None;
            round.checks.clear();
            round.checks_ended = false;
        }
    }

    /// Forgets what was tried and not committed, so that it is tried afresh.
    pub(crate) fn reset(&mut self) {
        if self.commit.is_none() && !self.dropped {
            self.since = self.rounds.len();
            self.retries = 0;
            self.intent = None;
            self.update = None;
            self.given_up = None;
        }
    }
}

/// What the change makes of the file, after what earlier ones made of it.
fn overlay(writes: &mut BTreeMap<String, Write>, change: &ResolvedChange) {
    let earlier = writes.remove(&change.path);
    let (before, from) = match earlier {
        Some(write) => (write.before, write.from),
        None => (change.before.clone(), None),
    };
    // A file that is edited after it was moved is still the moved one.
    let from = change.from.clone().or(from.filter(|_| change.after.is_some()));
    let write = Write { before, after: change.after.clone(), from };
    // Made by an earlier round and taken back by a later one: it never was.
    if write.before.is_some() || write.leaves_a_file() {
        writes.insert(change.path.clone(), write);
    }
}
