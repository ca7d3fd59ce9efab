//! Before the first milestone: the branch, a worktree that can build, and the
//! tests as they stand, so that later runs have something to be compared with.

use crate::Error;
use crate::driver::Driver;
use crate::event::{Event, StepName};
use crate::fact::{Fact, Prepared};
use crate::failing;
use crate::settings::ProjectCommandSetting;

impl Driver {
    pub(super) async fn prepare(&self) -> Result<(), Error> {
        self.begin(StepName::Prepare, None).await?;
        self.make_branch().await?;
        let tree = self.tip_tree().await?;
        let mut test = self.run_tests(&tree).await?;
        if let Some(outcome) = test.as_ref().filter(|outcome| cannot_start(outcome)) {
            let message = unstartable(outcome);
            if matches!(self.parts.settings.test_command, ProjectCommandSetting::Fixed(_)) {
                // Every later run would look as red as this one, and prove nothing.
                return self.journal.append(Event::RunParked { reason: message }).await;
            }
            self.journal.append(Event::Warned { message }).await?;
            test = None;
        }
        if let Some(outcome) = &test {
            self.journal.append(baseline(outcome)).await?;
        } else {
            let message =
                "no test command found: milestones are reviewed but not tested".to_owned();
            self.journal.append(Event::Warned { message }).await?;
        }
        let event = Event::StepFinished {
            step: StepName::Prepare,
            milestone: None,
            model: None,
            degraded: false,
            summary: None,
        };
        self.journal.append_fact(event, Fact::Prepared(Prepared { test })).await
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

/// What a shell says of a command that is not there, or may not be run.
fn cannot_start(outcome: &worktree::CommandOutcome) -> bool {
    matches!(outcome.exit, Some(126 | 127))
}

fn unstartable(outcome: &worktree::CommandOutcome) -> String {
    let said = outcome.output.lines().rev().find(|line| !line.trim().is_empty());
    let said: String = said.unwrap_or_default().trim().chars().take(200).collect();
    format!("the test command `{}` cannot be run here: {said}", outcome.command)
}

fn baseline(outcome: &worktree::CommandOutcome) -> Event {
    let command = Some(outcome.command.clone());
    let latency_ms = outcome.elapsed_ms;
    if outcome.passed {
        let note = Some("before any change".to_owned());
        return Event::TestsPassed { milestone: None, command, latency_ms, note };
    }
    Event::TestsFailed {
        milestone: None,
        command,
        latency_ms,
        exit: outcome.exit,
        failing: failing::names(&outcome.output).into_iter().take(20).collect(),
        note: Some("red before any change; later runs are compared with this one".to_owned()),
    }
}
