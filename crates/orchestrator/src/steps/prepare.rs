//! Before the first milestone: the branch, a worktree that can build, and the
//! checks as they stand, so that later runs have something to be compared with.

use worktree::CheckKind;

use super::checks::{Due, Run};
use super::command::{ProjectTree, proves_nothing};
use super::test::{before_any_change, checked};
use crate::Error;
use crate::driver::Driver;
use crate::event::{Event, StepName};
use crate::fact::{Fact, Prepared};
use crate::failing;

impl Driver {
    pub(super) async fn prepare(&self) -> Result<(), Error> {
        self.begin(StepName::Prepare, None).await?;
        self.make_branch().await?;
        let project = self.project_tree(self.tip_tree().await?).await?;
        let due = self.due_before(&project);
        let looks = self.looks(&project);
        if !due.is_empty() || !looks.is_empty() {
            self.set_up(&project).await?;
        }
        for check in &due {
            if !self.measure(&project, check).await? {
                return Ok(());
            }
        }
        if !due.iter().any(|check| check.kind == CheckKind::Test)
            && !self.tests_at_the_end(&project)
        {
            let message =
                "no test command found: milestones are reviewed but not tested".to_owned();
            self.journal.append(Event::Warned { message }).await?;
        }
        let formatters_not_kept_to = self.not_kept_to(&looks).await?;
        let event = Event::StepFinished {
            step: StepName::Prepare,
            milestone: None,
            model: None,
            degraded: false,
            summary: None,
        };
        let fact = Fact::Prepared(Prepared { formatters_not_kept_to });
        self.journal.append_fact(event, fact).await
    }

    /// Makes and fills the worktree while the plan is waited for, if a check will want it. What
    /// fails here fails in `prepare` again, where it is told.
    pub(super) async fn prepare_ahead(&self) {
        if self.parts.settings.plan_only {
            return;
        }
        if let Err(error) = self.try_ahead().await {
            tracing::debug!(%error, "the worktree is not made ahead");
        }
    }

    async fn try_ahead(&self) -> Result<(), Error> {
        let project = self.project_tree(self.tip_tree().await?).await?;
        if self.due_before(&project).is_empty() && self.looks(&project).is_empty() {
            return Ok(());
        }
        Ok(self.worktree().await?.ensure(&project.tree).await?)
    }

    /// Runs a check before any change; false if the run is parked over it.
    async fn measure(&self, project: &ProjectTree, due: &Due) -> Result<bool, Error> {
        let known = {
            let state = self.journal.state();
            state.outcome_on(&project.tree, &due.name, due.command()).is_some()
        };
        let Run::Command(check) = &due.run else {
            return Ok(true);
        };
        if known {
            return Ok(true);
        }
        let outcome = self.run_command(&check.command, due.limit()).await?;
        if let Some(why) = proves_nothing(&outcome) {
            let reason = format!("the {} `{}` {why}", what(due), outcome.command);
            if due.configured {
                // Every later run would look as red as this one, and prove nothing.
                self.journal.append(Event::RunParked { reason, branch: false }).await?;
                return Ok(false);
            }
            self.journal.append(Event::Warned { message: reason }).await?;
        } else if !outcome.passed && failing::names(&outcome.output).is_empty() {
            let message = format!(
                "`{}` is red before any change and names no failing test: it cannot show what a milestone breaks",
                outcome.command
            );
            self.journal.append(Event::Warned { message }).await?;
        }
        let event = before_any_change(&due.name, &outcome);
        let checked = checked(project, due, outcome);
        self.journal.append_fact(event, Fact::Checked(checked)).await?;
        Ok(true)
    }

    fn tests_at_the_end(&self, project: &ProjectTree) -> bool {
        self.checks(project).iter().any(|check| check.kind == CheckKind::Test)
    }

    /// The formatters that are only used if the base is in their form already, with the commands
    /// that tell.
    fn looks(&self, project: &ProjectTree) -> Vec<worktree::Check> {
        self.formatters(project).into_iter().filter(|check| check.look.is_some()).collect()
    }

    /// A formatter that would rewrite files that nobody asked to change is left alone.
    async fn not_kept_to(&self, looks: &[worktree::Check]) -> Result<Vec<String>, Error> {
        let mut names = Vec::new();
        for check in looks {
            if let Some(look) = &check.look
                && !self.run_command(look, None).await?.passed
            {
                names.push(check.name.clone());
            }
        }
        Ok(names)
    }

    /// The branch exists from the start, so that a person may watch it.
    async fn make_branch(&self) -> Result<(), Error> {
        let branch = self.branch()?;
        let tip = self.tip()?;
        match self.parts.repository.branch_tip(&branch).await? {
            Some(found) if found == tip => Ok(()),
            Some(_) | None => Ok(self.parts.repository.move_branch(&branch, &tip, None).await?),
        }
    }

    pub(super) fn branch(&self) -> Result<String, Error> {
        let state = self.journal.state();
        state
            .started
            .as_ref()
            .map(|started| started.branch.clone())
            .ok_or(Error::Inconsistent("no branch"))
    }
}

/// What a person calls the check's command.
fn what(due: &Due) -> String {
    match due.kind {
        CheckKind::Test => "test command".to_owned(),
        _ => format!("check {}", due.name),
    }
}
