//! What the project's own commands make of a milestone's files before anybody
//! judges them: lockfiles brought up to date, files brought to the project's
//! form. Only the milestone's own files and tracked lockfiles are taken back.

use std::collections::BTreeMap;

use agents::ResolvedChange;
use worktree::{CommandOutcome, FileWrite, TreeId};

use super::command::{ProjectTree, last_line};
use crate::Error;
use crate::driver::Driver;
use crate::event::{Event, StepName};
use crate::fact::Fact;

impl Driver {
    pub(super) async fn format(&self, milestone: usize) -> Result<(), Error> {
        let project = self.project_tree(self.milestone_tree(milestone).await?).await?;
        let (changed, written) = self.touched(milestone);
        let (mut changes, mut used) = self.locked(&project, &changed).await?;
        // Set-up goes by the lockfiles, so it comes after them.
        let project = self.with_changes(project, &changes).await?;
        let formatters = self.formatters(&project);
        if !formatters.is_empty() {
            let worktree = self.set_up(&project).await?;
            let mut by = Vec::new();
            for check in &formatters {
                let limit = check.timeout_ms.map(std::time::Duration::from_millis);
                let outcome = self.run_command(&check.command, limit).await?;
                self.warn_if_red(&outcome).await?;
                by.push(outcome.command);
            }
            let found = worktree.contents(&written, self.parts.settings.max_file_bytes).await?;
            changes.extend(self.rewritten(&project.tree, &by.join(", "), found).await?);
            used.extend(by);
        }
        let names: Vec<&str> = changes.iter().map(|change| change.path.as_str()).collect();
        let summary = (!names.is_empty())
            .then(|| format!("{} rewrote {}", used.join(", "), names.join(", ")));
        let (step, milestone) = (StepName::Format, Some(milestone));
        let event = Event::StepFinished { step, milestone, model: None, degraded: false, summary };
        self.journal.append_fact(event, Fact::Formatted(changes)).await
    }

    /// Lockfiles brought up to date with the manifests that the milestone changes, by the
    /// project's own commands; the commands that were run stand beside.
    async fn locked(
        &self,
        project: &ProjectTree,
        changed: &[String],
    ) -> Result<(Vec<ResolvedChange>, Vec<String>), Error> {
        let commands = worktree::lock_commands(&project.files, &project.contents, changed);
        if commands.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let worktree = self.worktree().await?;
        worktree.materialize(&project.tree).await?;
        let (mut paths, mut used) = (Vec::new(), Vec::new());
        for lock in commands {
            let outcome = self.run_command(&lock.command, None).await?;
            self.warn_if_red(&outcome).await?;
            paths.extend(lock.locks);
            used.push(outcome.command);
        }
        let found = worktree.contents(&paths, self.parts.settings.max_file_bytes).await?;
        Ok((self.rewritten(&project.tree, &used.join(", "), found).await?, used))
    }

    async fn with_changes(
        &self,
        project: ProjectTree,
        changes: &[ResolvedChange],
    ) -> Result<ProjectTree, Error> {
        if changes.is_empty() {
            return Ok(project);
        }
        let write = |change: &ResolvedChange| FileWrite {
            path: change.path.clone(),
            content: change.after.clone().map(String::into_bytes),
            ..FileWrite::default()
        };
        let writes: Vec<FileWrite> = changes.iter().map(write).collect();
        let tree =
            self.parts.repository.write_tree(&project.tree, &writes, &self.parts.guard).await?;
        self.project_tree(tree).await
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
