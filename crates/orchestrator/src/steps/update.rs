//! The base moved on between two processes: the branch is merged with it, or
//! rebased onto it, before the next milestone, where `run.update` says so.
//!
//! Intent, effect, receipt, as for every commit: the new commits are made
//! first, which moves nothing; then it is written down where the branch is to
//! stand, then it is moved there by compare-and-swap.

use agents::ChangeSet;
use worktree::{CommitId, CommitIntent, Replayed, TreeId};

use crate::Error;
use crate::clock::commit_stamp;
use crate::driver::Driver;
use crate::event::{Event, Status, StepName};
use crate::fact::{Fact, Update};
use crate::milestone::{Item, MilestoneState};
use crate::settings::UpdateBy;
use crate::update::{short_name, step_name};

/// What an update starts from, in this process.
#[derive(Clone)]
pub(crate) struct Start {
    tip: CommitId,
    onto: CommitId,
    /// The merged tree, with markers where there are conflicts.
    tree: TreeId,
    conflicts: Vec<String>,
    /// The commits that lead there, if it is a rebase.
    replayed: Option<Vec<Replayed>>,
}

impl Driver {
    /// Looks whether the base moved on, and writes down what is to be done about it. A base that
    /// cannot be had, or cannot be merged at all, stops nobody.
    pub(crate) async fn meet_the_base(&self) -> Result<(), Error> {
        let Some(name) = self.base_to_follow() else {
            return Ok(());
        };
        let found = match self.base_tip(&name).await? {
            Some(found) if Some(&found) != self.journal.state().refused_base.as_ref() => found,
            _ => return Ok(()),
        };
        let (repository, tip) = (&self.parts.repository, self.tip()?);
        if repository.builds_on(&tip, &found).await? {
            return Ok(());
        }
        let base = short_name(&name).to_owned();
        let untouched = self.base()? == tip;
        if untouched && repository.builds_on(&found, &tip).await? {
            return self.begin_from(base, tip, found).await;
        }
        let start = match self.start_of_update(found.clone()).await {
            Err(
                error @ Error::Repository(
                    worktree::Error::Git { .. } | worktree::Error::Unreadable { .. },
                ),
            ) => {
                let message = format!("the work is not brought up to date with {base}: {error}");
                return self.journal.append(Event::Warned { message }).await;
            }
            start => start?,
        };
        let milestone = self.journal.state().milestones.len() + 1;
        let files = start.conflicts;
        self.journal.append(Event::BaseMoved { milestone, base, to: found, files }).await
    }

    /// The full name of the branch that the run is to be kept up to date with, if it is now.
    fn base_to_follow(&self) -> Option<String> {
        let settings = &self.parts.settings;
        if settings.update == UpdateBy::Nothing || settings.plan_only || self.commit_is_under_way()
        {
            return None;
        }
        let state = self.journal.state();
        let is_now = state.has_work_left() && state.updating().is_none() && state.parked.is_none();
        state.started.as_ref().and_then(|started| started.base_branch.clone()).filter(|_| is_now)
    }

    /// Where the base is now: on the remote that it follows, else here.
    pub(super) async fn base_tip(&self, name: &str) -> Result<Option<CommitId>, Error> {
        let repository = &self.parts.repository;
        let here = repository.ref_tip(name).await?;
        let Some((remote, there)) = repository.followed(name).await? else {
            return Ok(here);
        };
        let there = match repository.fetch(&remote, &there).await {
            Ok(there) => there,
            Err(error) if matches!(error, worktree::Error::Cancelled) => return Err(error.into()),
            Err(error) => {
                let base = short_name(name);
                let message =
                    format!("{base} is taken as it is here, {remote} cannot be asked: {error}");
                self.journal.append(Event::Warned { message }).await?;
                None
            }
        };
        match (here, there) {
            (Some(here), Some(there)) if repository.builds_on(&here, &there).await? => {
                Ok(Some(here))
            }
            (here, there) => Ok(there.or(here)),
        }
    }

    fn base(&self) -> Result<CommitId, Error> {
        self.journal.state().base.clone().ok_or(Error::Inconsistent("no base commit"))
    }

    /// Nothing of the run is on the branch yet: it begins from the newer base.
    async fn begin_from(&self, base: String, tip: CommitId, onto: CommitId) -> Result<(), Error> {
        let redo = self.touches_our_files(&tip, &onto).await?;
        let branch = self.branch()?;
        let is_there = self.parts.repository.branch_tip(&branch).await?.is_some();
        if is_there {
            self.parts.repository.move_branch(&branch, &onto, Some(&tip)).await?;
        }
        let update = Update { from: tip, to: onto.clone(), onto, replayed: Vec::new(), redo };
        self.updated(None, base, update).await
    }

    async fn updated(
        &self,
        milestone: Option<usize>,
        base: String,
        update: Update,
    ) -> Result<(), Error> {
        let base_tree = self.parts.repository.tree_of(&update.onto).await?;
        self.journal.append(Event::BaseUpdated { milestone, base, update, base_tree }).await
    }

    /// The tree that a milestone's changes are made to.
    pub(crate) async fn onto(&self, milestone: usize) -> Result<TreeId, Error> {
        let update_to = {
            let state = self.journal.state();
            state.milestone(milestone).and_then(|state| state.update_to().cloned())
        };
        match update_to {
            Some(to) => Ok(self.start_of_update(to).await?.tree),
            None => self.tip_tree().await,
        }
    }

    async fn start_of_update(&self, onto: CommitId) -> Result<Start, Error> {
        let tip = self.tip()?;
        let mut known = self.update.lock().await;
        if let Some(known) = known.as_ref().filter(|known| known.tip == tip && known.onto == onto) {
            return Ok(known.clone());
        }
        let start = self.make_start(tip, onto).await?;
        *known = Some(start.clone());
        Ok(start)
    }

    /// A rebase that git cannot make by itself becomes a merge: its conflicts are resolved once,
    /// and not once for each commit.
    async fn make_start(&self, tip: CommitId, onto: CommitId) -> Result<Start, Error> {
        let repository = &self.parts.repository;
        if self.parts.settings.update == UpdateBy::Rebase {
            let (base, sign) = (self.base()?, self.signs().await?);
            if let Some(replayed) = repository.rebase(&base, &tip, &onto, sign).await? {
                let last = replayed.last().map_or(&onto, |last| &last.to);
                let tree = repository.tree_of(last).await?;
                let replayed = Some(replayed);
                return Ok(Start { tip, onto, tree, conflicts: Vec::new(), replayed });
            }
        }
        let merged = repository.merge(&tip, &onto).await?;
        let (tree, conflicts) = (merged.tree, merged.conflicts);
        Ok(Start { tip, onto, tree, conflicts, replayed: None })
    }

    /// Why a change set does not resolve its conflicts, if it does not.
    pub(super) fn unresolved(&self, milestone: usize, changes: &ChangeSet) -> Option<String> {
        let state = self.journal.state();
        state.milestone(milestone)?.update_to()?;
        let is_marker = |line: &str| line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ");
        let marked = changes
            .changes
            .iter()
            .find(|change| change.after.as_deref().is_some_and(|text| text.lines().any(is_marker)));
        marked.map(|change| format!("{} still holds conflict markers", change.path))
    }

    pub(super) async fn commit_update(&self, milestone: usize) -> Result<(), Error> {
        let base = {
            let state = self.journal.state();
            let name = state.started.as_ref().and_then(|started| started.base_branch.clone());
            name.map(|name| short_name(&name).to_owned()).unwrap_or_default()
        };
        // A commit that another machine has made may be on that one only.
        let repository = &self.parts.repository;
        let update = match self.intended_update(milestone) {
            Some(update) if repository.has_commit(&update.to).await? => update,
            _ => match self.intend_update(milestone, &base).await? {
                Ok(update) => update,
                Err(refusal) => return self.give_up(milestone, Status::Blocked, refusal).await,
            },
        };
        let branch = self.branch()?;
        self.parts.repository.move_branch(&branch, &update.to, Some(&update.from)).await?;
        self.updated(Some(milestone), base, update).await?;
        self.end(StepName::Commit, milestone).await
    }

    fn intended_update(&self, milestone: usize) -> Option<Update> {
        self.journal.state().milestone(milestone)?.update.clone()
    }

    async fn intend_update(
        &self,
        milestone: usize,
        base: &str,
    ) -> Result<Result<Update, String>, Error> {
        let onto = {
            let state = self.journal.state();
            state.milestone(milestone).and_then(|state| state.update_to().cloned())
        };
        let start =
            self.start_of_update(onto.ok_or(Error::Inconsistent("no such update"))?).await?;
        let tree = self.milestone_tree(milestone).await?;
        let to = match self.new_tip(milestone, base, &start, tree).await? {
            Ok(to) => to,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let redo = self.touches_our_files(&start.tip, &to).await?;
        let replayed = start.replayed.unwrap_or_default();
        let update = Update { from: start.tip, to, onto: start.onto, replayed, redo };
        let event = Event::StepStarted {
            step: StepName::Commit,
            milestone: Some(milestone),
            name: None,
            items: None,
        };
        self.journal.append_fact(event, Fact::Update(update.clone())).await?;
        Ok(Ok(update))
    }

    /// Makes the commit that the branch is to stand at. The inner error is why a hook refuses it.
    async fn new_tip(
        &self,
        milestone: usize,
        base: &str,
        start: &Start,
        tree: TreeId,
    ) -> Result<Result<CommitId, String>, Error> {
        let rebased = start.replayed.as_ref();
        let rebased = rebased.map(|replayed| replayed.last().map_or(&start.onto, |last| &last.to));
        if let Some(rebased) = rebased.filter(|_| tree == start.tree) {
            return Ok(Ok(rebased.clone()));
        }
        let what = if rebased.is_some() { "Fit the work to" } else { "Merge" };
        let message = self.update_message(milestone, &format!("{what} {base}"))?;
        let message = match self.hooked(message).await? {
            Ok(message) => message,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let intent = CommitIntent {
            tree,
            parent: rebased.unwrap_or(&start.tip).clone(),
            message,
            author: self.author().await?,
            at: commit_stamp(),
            sign: self.signs().await?,
        };
        let repository = &self.parts.repository;
        Ok(Ok(match rebased {
            Some(_) => repository.commit(&intent).await?,
            None => repository.commit_merge(&intent, &start.onto).await?,
        }))
    }

    fn update_message(&self, milestone: usize, subject: &str) -> Result<String, Error> {
        let state = self.journal.state();
        let found = state.milestone(milestone).ok_or(Error::Inconsistent("no such milestone"))?;
        let models = found.models().into_iter().map(|model| format!("Belay-Model: {model}\n"));
        let models: String = models.collect();
        let step = step_name(milestone);
        Ok(format!("{subject}\n\nBelay-Run: {}\nBelay-Step: {step}\n{models}", self.run))
    }

    /// Whether models were asked in vain for what the update needs, so that a later process may
    /// find one that answers.
    fn update_lacks_a_model(&self, milestone: usize) -> bool {
        let state = self.journal.state();
        let round = state.milestone(milestone).and_then(MilestoneState::current);
        round.is_some_and(|round| {
            round.succeeded() < round.items.len()
                && round.failed().all(Item::failed_for_want_of_a_model)
        })
    }

    pub(super) async fn refuse_base(
        &self,
        milestone: usize,
        onto: CommitId,
        reason: String,
    ) -> Result<(), Error> {
        let for_want_of_a_model = self.update_lacks_a_model(milestone);
        let event = Event::BaseRefused { milestone, onto, reason, for_want_of_a_model };
        self.journal.append(event).await
    }
}
