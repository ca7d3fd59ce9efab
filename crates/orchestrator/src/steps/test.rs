//! The checks of a milestone's tree: red ones are blamed on the change only
//! where they were green before it, and are red again when run once more.

use std::collections::BTreeSet;
use std::time::Duration;

use worktree::{Check, CheckKind, CommandOutcome};

use super::checks::{Due, Run, baseline};
use super::command::{ProjectTree, cannot_start, last_line};
use crate::Error;
use crate::driver::Driver;
use crate::event::{Event, StepName};
use crate::fact::{Checked, Fact};
use crate::failing;

/// Failing tests named in one event at most.
const NAMES_SHOWN: usize = 20;

/// How a check went, and what it is taken for.
struct Verdict {
    passed: bool,
    outcome: CommandOutcome,
    note: Option<String>,
}

impl Driver {
    pub(super) async fn test(&self, milestone: usize) -> Result<(), Error> {
        self.begin(StepName::Test, Some(milestone)).await?;
        self.run_checks(milestone).await?;
        self.end(StepName::Test, milestone).await
    }

    /// Runs the checks of the milestone's tree up to the first red one, whose name comes back.
    pub(super) async fn run_checks(&self, milestone: usize) -> Result<Option<String>, Error> {
        let project = self.project_tree(self.milestone_tree(milestone).await?).await?;
        let mut ready = false;
        let mut tested = false;
        for due in self.due_at(milestone, &project) {
            let known = self.known(milestone, &project, &due);
            let passed = match known {
                Some(passed) => passed,
                None => match self.check(milestone, &project, &due, &mut ready).await? {
                    Some(verdict) => self.tell(milestone, &project, &due, verdict).await?,
                    None => continue,
                },
            };
            tested |= due.kind == CheckKind::Test && due.run != Run::PreCommit;
            if !passed {
                return Ok(Some(due.name));
            }
        }
        // Tests that are left for the end are told there.
        let has_tests = self.checks(&project).iter().any(|check| check.kind == CheckKind::Test);
        if !tested && !has_tests {
            let note = Some("the project has no tests".to_owned());
            let (milestone, check) = (Some(milestone), "test".to_owned());
            let event = Event::TestsPassed {
                milestone,
                check,
                command: None,
                latency_ms: 0,
                note,
                red: false,
            };
            self.journal.append(event).await?;
        }
        Ok(None)
    }

    /// What an earlier process found out in this round.
    fn known(&self, milestone: usize, project: &ProjectTree, due: &Due) -> Option<bool> {
        let state = self.journal.state();
        let round = state.milestone(milestone)?.current()?;
        let same = |checked: &Checked| checked.name == due.name && checked.tree == project.tree;
        round.checks.iter().find(|(checked, _)| same(checked)).map(|(_, passed)| *passed)
    }

    /// Runs a check, or takes its result from an earlier run on the same tree; none if the
    /// project has no such hook, or a command that was only found cannot be run here.
    async fn check(
        &self,
        milestone: usize,
        project: &ProjectTree,
        due: &Due,
        ready: &mut bool,
    ) -> Result<Option<Verdict>, Error> {
        let before = {
            let state = self.journal.state();
            let is_update = state.updating() == Some(milestone);
            let before = baseline(&state, &due.name).filter(|_| !is_update);
            let before = before.and_then(|checked| checked.outcome.clone());
            // A hook is no part of the tree that was checked.
            let is_hook = due.run == Run::PreCommit;
            let known = state.outcome_on(&project.tree, &due.name, due.command());
            if let Some(outcome) = known.filter(|_| !is_hook) {
                let note = Some("as found before on the same files".to_owned());
                let passed = failing::no_worse(before.as_ref(), outcome);
                return Ok(Some(Verdict { passed, outcome: outcome.clone(), note }));
            }
            before
        };
        if !*ready {
            self.set_up(project).await?;
            *ready = true;
        }
        let Some(outcome) = self.run_due(due).await? else {
            return Ok(None);
        };
        if cannot_start(&outcome) && before.is_none() && !due.configured {
            let said = last_line(&outcome.output);
            let message = format!("the check `{}` cannot be run here: {said}", outcome.command);
            self.journal.append(Event::Warned { message }).await?;
            return Ok(None);
        }
        if cannot_start(&outcome) && due.configured {
            // It would look as red on any tree, and proves nothing about this one.
            return Ok(Some(Verdict { passed: false, outcome, note: None }));
        }
        let before = match before {
            None if !outcome.passed => self.base_outcome(milestone, due, ready).await?,
            before => before,
        };
        self.judged(project, due, before, outcome, ready).await.map(Some)
    }

    async fn run_due(&self, due: &Due) -> Result<Option<CommandOutcome>, Error> {
        match &due.run {
            Run::Command(check) => self.run_command(&check.command, due.limit()).await.map(Some),
            Run::PreCommit => {
                let settings = &self.parts.settings;
                let (worktree, tip) = (self.worktree().await?, self.tip()?);
                let cancel = self.parts.shutdown.token();
                let limit = settings.test_timeout;
                let outcome = worktree.pre_commit(&tip, &settings.project, limit, cancel).await?;
                outcome.map(|outcome| self.taken(outcome)).transpose()
            }
        }
    }

    /// A red check that was left for the end was not run before the first milestone, so the base
    /// is asked now whether it was red already.
    async fn base_outcome(
        &self,
        milestone: usize,
        due: &Due,
        ready: &mut bool,
    ) -> Result<Option<CommandOutcome>, Error> {
        let Run::Command(_) = &due.run else {
            return Ok(None);
        };
        let base = {
            let state = self.journal.state();
            let newer = state.milestone(milestone).and_then(|state| state.update_to());
            newer.or(state.base.as_ref()).cloned().ok_or(Error::Inconsistent("no base commit"))?
        };
        let project = self.project_tree(self.parts.repository.tree_of(&base).await?).await?;
        if !self.checks(&project).iter().any(|found| found.name == due.name) {
            return Ok(None);
        }
        tracing::debug!(milestone, check = due.name, "the base is checked for comparison");
        self.set_up(&project).await?;
        *ready = false;
        let Some(outcome) = self.run_due(due).await? else {
            return Ok(None);
        };
        let event = before_any_change(&due.name, &outcome);
        let checked = checked(&project, due, outcome.clone());
        self.journal.append_fact(event, Fact::Checked(checked)).await?;
        Ok(Some(outcome))
    }

    /// A red test is run once more before the change is blamed.
    async fn judged(
        &self,
        project: &ProjectTree,
        due: &Due,
        before: Option<CommandOutcome>,
        outcome: CommandOutcome,
        ready: &mut bool,
    ) -> Result<Verdict, Error> {
        let before = before.as_ref();
        if failing::no_worse(before, &outcome) {
            let note = red_before(&outcome);
            return Ok(Verdict { passed: true, outcome, note });
        }
        let Run::Command(check) = &due.run else {
            return Ok(Verdict { passed: false, outcome, note: None });
        };
        if due.kind != CheckKind::Test || outcome.exit.is_none() {
            return Ok(Verdict { passed: false, outcome, note: None });
        }
        if !*ready {
            self.set_up(project).await?;
            *ready = true;
        }
        let names = new_failures(before, &outcome);
        if self.mends_itself(project, check, &names, due.limit()).await?
            && let again = self.run_command(&check.command, due.limit()).await?
            && failing::no_worse(before, &again)
        {
            let names: Vec<String> = names.into_iter().take(NAMES_SHOWN).collect();
            let which =
                if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) };
            let note = Some(format!("flaky, red once and green when run again{which}"));
            return Ok(Verdict { passed: true, outcome: again, note });
        }
        Ok(Verdict { passed: false, outcome, note: None })
    }

    /// Whether the failing tests are green alone, where the runner can run them so. The others
    /// may not have been run at all, so the whole is run again besides.
    async fn mends_itself(
        &self,
        project: &ProjectTree,
        check: &Check,
        names: &BTreeSet<String>,
        limit: Option<Duration>,
    ) -> Result<bool, Error> {
        let runner = worktree::script_behind(&check.command, &project.contents);
        match worktree::rerun(runner.as_ref().unwrap_or(&check.command), names) {
            Some(alone) => Ok(self.run_command(&alone, limit).await?.passed),
            None => Ok(true),
        }
    }

    async fn tell(
        &self,
        milestone: usize,
        project: &ProjectTree,
        due: &Due,
        verdict: Verdict,
    ) -> Result<bool, Error> {
        let Verdict { passed, outcome, note } = verdict;
        let (milestone, check) = (Some(milestone), due.name.clone());
        let (command, latency_ms) = (Some(outcome.command.clone()), outcome.elapsed_ms);
        let event = if passed {
            let red = !outcome.passed;
            Event::TestsPassed { milestone, check, command, latency_ms, note, red }
        } else {
            let (exit, failing) = (outcome.exit, shown(&outcome));
            Event::TestsFailed { milestone, check, command, latency_ms, exit, failing, note }
        };
        let checked = checked(project, due, outcome);
        self.journal.append_fact(event, Fact::Checked(checked)).await?;
        Ok(passed)
    }
}

pub(super) fn checked(project: &ProjectTree, due: &Due, mut outcome: CommandOutcome) -> Checked {
    // Results are found again by the command that stands in the config, not by its rerun.
    due.command().clone_into(&mut outcome.command);
    Checked { name: due.name.clone(), tree: project.tree.clone(), outcome: Some(outcome) }
}

/// The event of a check before the first milestone.
pub(super) fn before_any_change(name: &str, outcome: &CommandOutcome) -> Event {
    let (milestone, check) = (None, name.to_owned());
    let (command, latency_ms) = (Some(outcome.command.clone()), outcome.elapsed_ms);
    if outcome.passed {
        let note = Some("before any change".to_owned());
        return Event::TestsPassed { milestone, check, command, latency_ms, note, red: false };
    }
    let note = Some("red before any change; later runs are compared with this one".to_owned());
    let (exit, failing) = (outcome.exit, shown(outcome));
    Event::TestsFailed { milestone, check, command, latency_ms, exit, failing, note }
}

fn shown(outcome: &CommandOutcome) -> Vec<String> {
    failing::names(&outcome.output).into_iter().take(NAMES_SHOWN).collect()
}

fn new_failures(before: Option<&CommandOutcome>, after: &CommandOutcome) -> BTreeSet<String> {
    let known = before.map(|before| failing::names(&before.output)).unwrap_or_default();
    failing::names(&after.output).difference(&known).cloned().collect()
}

/// What is said of a red run that is taken.
fn red_before(outcome: &CommandOutcome) -> Option<String> {
    let note = match (outcome.passed, failing::names(&outcome.output).is_empty()) {
        (true, _) => return None,
        (false, false) => "as red as before any change; nothing new fails",
        (false, true) => {
            "as red as before any change, and without the names of tests: this proves nothing"
        }
    };
    Some(note.to_owned())
}
