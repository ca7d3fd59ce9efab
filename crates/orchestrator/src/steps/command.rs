//! The project's own commands in the run's worktree: made able to build once
//! for each state of the lockfiles, and never the place where a key is shown.

use std::collections::BTreeMap;
use std::time::Duration;

use worktree::{CommandOutcome, ProjectCommand, TreeFile, TreeId, Worktree};

use crate::Error;
use crate::driver::Driver;
use crate::event::Event;
use crate::settings::ProjectCommandSetting;

/// A tree, with what tells which commands its project has.
pub(super) struct ProjectTree {
    /// The tree.
    pub(super) tree: TreeId,
    /// Everything in it.
    pub(super) files: Vec<TreeFile>,
    /// The content of its manifests and lockfiles.
    pub(super) contents: BTreeMap<String, Vec<u8>>,
}

impl Driver {
    pub(super) async fn project_tree(&self, tree: TreeId) -> Result<ProjectTree, Error> {
        let files = self.parts.repository.files(&tree).await?;
        let wanted = worktree::wanted_for_detection(&files);
        let most = self.parts.settings.max_file_bytes;
        let contents = self.parts.repository.read(&tree, &wanted, most).await?;
        Ok(ProjectTree { tree, files, contents })
    }

    /// The worktree with the tree's files, able to build.
    pub(super) async fn set_up(&self, project: &ProjectTree) -> Result<&Worktree, Error> {
        let worktree = self.worktree().await?;
        worktree.ensure(&project.tree).await?;
        let settings = &self.parts.settings;
        let commands = match &settings.setup_command {
            ProjectCommandSetting::Off => Vec::new(),
            ProjectCommandSetting::Fixed(command) => vec![fixed(command)],
            ProjectCommandSetting::Auto => worktree::detect_setup(&project.files),
        };
        let cancel = self.parts.shutdown.token();
        let (contents, limit) = (&project.contents, settings.test_timeout);
        let outcomes =
            worktree.setup(&commands, contents, &settings.project, limit, cancel).await?;
        for outcome in outcomes.iter().filter(|outcome| !outcome.passed) {
            self.unless_stopped(outcome)?;
            let said = redact(&last_line(&outcome.output), &settings.secrets);
            let message = format!(
                "the set-up command `{}` failed ({}): {said}",
                outcome.command, outcome.ended
            );
            self.journal.append(Event::Warned { message }).await?;
        }
        Ok(worktree)
    }

    /// Runs a command of the project where `set_up` was called before.
    pub(super) async fn run_command(
        &self,
        command: &ProjectCommand,
        limit: Option<Duration>,
    ) -> Result<CommandOutcome, Error> {
        let settings = &self.parts.settings;
        let limit = limit.unwrap_or(settings.test_timeout);
        let cancel = self.parts.shutdown.token();
        let worktree = self.worktree().await?;
        let run =
            worktree::run_project_command(worktree, command, &settings.project, limit, cancel);
        self.taken(run.await?)
    }

    /// What a command said, fit to be kept, unless it was cut short by us: then it says nothing.
    pub(super) fn taken(&self, mut outcome: CommandOutcome) -> Result<CommandOutcome, Error> {
        self.unless_stopped(&outcome)?;
        outcome.output = redact(&outcome.output, &self.parts.settings.secrets);
        Ok(outcome)
    }

    fn unless_stopped(&self, outcome: &CommandOutcome) -> Result<(), Error> {
        if self.parts.shutdown.trigger().is_some() && !outcome.passed {
            return Err(Error::Stopped);
        }
        Ok(())
    }
}

/// A command from the config.
pub(super) fn fixed(command: &str) -> ProjectCommand {
    ProjectCommand {
        command: command.to_owned(),
        dir: String::new(),
        source: "belay.yaml".to_owned(),
    }
}

/// What a shell says of a command that is not there, or may not be run.
pub(super) fn cannot_start(outcome: &CommandOutcome) -> bool {
    matches!(outcome.exit, Some(126 | 127))
}

/// Whether no run of the command can prove anything here, and why: it cannot start, or it did not
/// end by itself when nothing was changed yet.
pub(super) fn proves_nothing(outcome: &CommandOutcome) -> Option<String> {
    if cannot_start(outcome) {
        return Some(format!("cannot be run here: {}", last_line(&outcome.output)));
    }
    outcome.exit.is_none().then(|| format!("does not end by itself ({})", outcome.ended))
}

/// The last thing that was said, short enough for a line.
pub(super) fn last_line(output: &str) -> String {
    let said = output.lines().rev().map(str::trim).find(|line| !line.is_empty());
    said.unwrap_or_default().chars().take(300).collect()
}

/// What a command printed is kept and shown to models: no key may stand in it.
pub(super) fn redact(output: &str, secrets: &[String]) -> String {
    let mut output = output.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        if output.contains(secret.as_str()) {
            output = output.replace(secret.as_str(), "[secret]");
        }
    }
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_the_output_is_not_kept() {
        let secrets = ["sk-12345678".to_owned(), String::new()];
        assert_eq!(redact("a sk-12345678 b sk-12345678", &secrets), "a [secret] b [secret]");
        assert_eq!(redact("nothing", &secrets), "nothing");
    }
}
