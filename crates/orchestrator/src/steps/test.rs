//! The project's own tests on a milestone's tree.

use std::collections::BTreeMap;

use worktree::{CommandOutcome, ProjectCommand, TreeFile, TreeId, Worktree};

use crate::Error;
use crate::driver::Driver;
use crate::event::{Event, StepName};
use crate::fact::Fact;
use crate::failing;
use crate::settings::ProjectCommandSetting;

impl Driver {
    pub(super) async fn test(&self, milestone: usize) -> Result<(), Error> {
        self.begin(StepName::Test, Some(milestone)).await?;
        let tree = self.milestone_tree(milestone).await?;
        let outcome = self.run_tests(&tree).await?;
        let before =
            self.journal.state().prepared.as_ref().and_then(|prepared| prepared.test.clone());
        let event = verdict(milestone, before.as_ref(), outcome.as_ref());
        self.journal.append_fact(event, Fact::Tests(outcome)).await?;
        self.end(StepName::Test, milestone).await
    }

    /// Sets the worktree to `tree` and runs its tests; `None` where there are none.
    pub(super) async fn run_tests(&self, tree: &TreeId) -> Result<Option<CommandOutcome>, Error> {
        let worktree = self.worktree().await?;
        worktree.materialize(tree).await?;
        let files = self.parts.repository.files(tree).await?;
        let wanted = worktree::wanted_for_detection(&files);
        let contents =
            self.parts.repository.read(tree, &wanted, self.parts.settings.max_file_bytes).await?;
        let Some(command) = self.test_command(&files, &contents) else {
            return Ok(None);
        };
        self.set_up(worktree, &files, &contents).await?;
        let outcome = self.run_command(worktree, &command).await?;
        Ok(Some(outcome))
    }

    async fn run_command(
        &self,
        worktree: &Worktree,
        command: &ProjectCommand,
    ) -> Result<CommandOutcome, Error> {
        let settings = &self.parts.settings;
        let cancel = self.parts.shutdown.token();
        let run = worktree::run_project_command(
            worktree,
            command,
            &settings.project,
            settings.test_timeout,
            cancel,
        );
        let mut outcome = run.await?;
        if self.parts.shutdown.trigger().is_some() && !outcome.passed {
            // Cut short by us: neither red nor green.
            return Err(Error::Stopped);
        }
        outcome.output = redact(&outcome.output, &settings.secrets);
        Ok(outcome)
    }

    fn test_command(
        &self,
        files: &[TreeFile],
        contents: &BTreeMap<String, Vec<u8>>,
    ) -> Option<ProjectCommand> {
        match &self.parts.settings.test_command {
            ProjectCommandSetting::Off => None,
            ProjectCommandSetting::Fixed(command) => Some(fixed(command)),
            ProjectCommandSetting::Auto => worktree::detect_test(files, contents),
        }
    }

    /// Makes the worktree able to build, once for each state of the lockfiles.
    async fn set_up(
        &self,
        worktree: &Worktree,
        files: &[TreeFile],
        contents: &BTreeMap<String, Vec<u8>>,
    ) -> Result<(), Error> {
        let settings = &self.parts.settings;
        let commands = match &settings.setup_command {
            ProjectCommandSetting::Off => Vec::new(),
            ProjectCommandSetting::Fixed(command) => vec![fixed(command)],
            ProjectCommandSetting::Auto => worktree::detect_setup(files),
        };
        let cancel = self.parts.shutdown.token();
        let outcomes = worktree
            .setup(&commands, contents, &settings.project, settings.test_timeout, cancel)
            .await?;
        if self.parts.shutdown.trigger().is_some() && outcomes.iter().any(|outcome| !outcome.passed)
        {
            return Err(Error::Stopped);
        }
        for outcome in outcomes.iter().filter(|outcome| !outcome.passed) {
            let message = format!(
                "the set-up command `{}` failed ({}): {}",
                outcome.command,
                outcome.ended,
                redact(&last_line(&outcome.output), &settings.secrets)
            );
            self.journal.append(Event::Warned { message }).await?;
        }
        Ok(())
    }
}

/// What a command printed is kept and shown to models: no key may stand in it.
fn redact(output: &str, secrets: &[String]) -> String {
    let mut output = output.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        if output.contains(secret.as_str()) {
            output = output.replace(secret.as_str(), "[secret]");
        }
    }
    output
}

fn fixed(command: &str) -> ProjectCommand {
    ProjectCommand {
        command: command.to_owned(),
        dir: String::new(),
        source: "belay.yaml".to_owned(),
    }
}

fn last_line(output: &str) -> String {
    output
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or_default()
        .chars()
        .take(300)
        .collect()
}

fn verdict(
    milestone: usize,
    before: Option<&CommandOutcome>,
    outcome: Option<&CommandOutcome>,
) -> Event {
    let milestone = Some(milestone);
    let Some(outcome) = outcome else {
        let note = Some("the project has no tests".to_owned());
        return Event::TestsPassed { milestone, command: None, latency_ms: 0, note };
    };
    let command = Some(outcome.command.clone());
    let latency_ms = outcome.elapsed_ms;
    if failing::no_worse(before, outcome) {
        let note = match (outcome.passed, failing::names(&outcome.output).is_empty()) {
            (true, _) => None,
            (false, false) => Some("as red as before any change; nothing new fails".to_owned()),
            (false, true) => Some(
                "as red as before any change, and without the names of tests: this proves nothing"
                    .to_owned(),
            ),
        };
        return Event::TestsPassed { milestone, command, latency_ms, note };
    }
    let failing = failing::names(&outcome.output).into_iter().take(20).collect();
    Event::TestsFailed { milestone, command, latency_ms, exit: outcome.exit, failing, note: None }
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
