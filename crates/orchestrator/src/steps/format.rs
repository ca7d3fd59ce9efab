//! What the project's own commands make of a milestone's files before anybody
//! judges them: lockfiles brought up to date, files brought to the project's
//! form. Only the milestone's own files and tracked lockfiles are taken back.

use std::collections::BTreeMap;

use agents::ResolvedChange;
use worktree::{CommandOutcome, TreeId};

use super::command::last_line;
use crate::Error;
use crate::driver::Driver;
use crate::event::{Event, StepName};
use crate::fact::Fact;

impl Driver {
    pub(super) async fn format(&self, milestone: usize) -> Result<(), Error> {
        let project = self.project_tree(self.milestone_tree(milestone).await?).await?;
        let (changed, written) = self.touched(milestone);
        let locks = worktree::lock_commands(&project.files, &project.contents, &changed);
        let formatters = self.formatters(&project);
        let mut changes = Vec::new();
        let mut used = Vec::new();
        if !locks.is_empty() || !formatters.is_empty() {
            let worktree = self.set_up(&project).await?;
            let mut paths = written;
            for lock in &locks {
                let outcome = self.run_command(&lock.command, None).await?;
                self.warn_if_red(&outcome).await?;
                paths.extend(lock.locks.iter().cloned());
                used.push(outcome.command);
            }
            for check in &formatters {
                let limit = check.timeout_ms.map(std::time::Duration::from_millis);
                let outcome = self.run_command(&check.command, limit).await?;
                self.warn_if_red(&outcome).await?;
                used.push(outcome.command);
            }
            let found = worktree.contents(&paths, self.parts.settings.max_file_bytes).await?;
            changes = self.rewritten(&project.tree, &used.join(", "), found).await?;
        }
        let names: Vec<&str> = changes.iter().map(|change| change.path.as_str()).collect();
        let summary = (!names.is_empty())
            .then(|| format!("{} rewrote {}", used.join(", "), names.join(", ")));
        let (step, milestone) = (StepName::Format, Some(milestone));
        let event = Event::StepFinished { step, milestone, model: None, degraded: false, summary };
        self.journal.append_fact(event, Fact::Formatted(changes)).await
    }

    /// The paths that the milestone changes, and those of them that it leaves a file at.
    fn touched(&self, milestone: usize) -> (Vec<String>, Vec<String>) {
        let state = self.journal.state();
        let writes = state.milestone(milestone).map(|state| state.writes()).unwrap_or_default();
        let written = writes.iter().filter(|(_, write)| write.leaves_a_file());
        let written = written.map(|(path, _)| path.clone()).collect();
        (writes.into_keys().collect(), written)
    }

    /// A formatter that fails shows that something is wrong with the files, which the checks say
    /// better.
    async fn warn_if_red(&self, outcome: &CommandOutcome) -> Result<(), Error> {
        if outcome.passed {
            return Ok(());
        }
        let (command, said) = (&outcome.command, last_line(&outcome.output));
        let message = format!("`{command}` failed ({}): {said}", outcome.ended);
        self.journal.append(Event::Warned { message }).await
    }

    /// What differs from the tree now; what is gone or no text is left as the milestone has it.
    async fn rewritten(
        &self,
        tree: &TreeId,
        by: &str,
        found: BTreeMap<String, Option<Vec<u8>>>,
    ) -> Result<Vec<ResolvedChange>, Error> {
        let paths: Vec<String> = found.keys().cloned().collect();
        let most = self.parts.settings.max_file_bytes;
        let mut before = self.parts.repository.read(tree, &paths, most).await?;
        let mut changes = Vec::new();
        for (path, after) in found {
            let (Some(before), Some(after)) = (before.remove(&path), after) else {
                continue;
            };
            if before == after {
                continue;
            }
            if let (Ok(before), Ok(after)) = (String::from_utf8(before), String::from_utf8(after)) {
                changes.push(ResolvedChange {
                    path,
                    before: Some(before),
                    after: Some(after),
                    explanation: format!("by {by}"),
                    from: None,
                });
            }
        }
        Ok(changes)
    }
}
