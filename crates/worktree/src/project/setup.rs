//! Installing what the project's commands need, once per worktree and state of
//! the lockfiles. What is installed for Python lies beside the worktree, where
//! neither a clean-up removes it nor a tool of the project finds it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::{CommandOutcome, ProjectCommand, ProjectEnvironment, detect, run_project_command};
use crate::error::{Error, at};
use crate::linked::Worktree;

/// The variable that tells setup commands where their environment goes.
pub(super) const ENVIRONMENT: &str = "BELAY_ENVIRONMENT";

/// What setup depends on: changes with the commands and with the lockfiles and
/// manifests among `contents` (path to content; other files do not count).
#[must_use]
pub fn setup_key(commands: &[ProjectCommand], contents: &BTreeMap<String, Vec<u8>>) -> String {
    let mut hash = Sha256::new();
    let mut add = |part: &[u8]| {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    };
    for command in commands {
        add(command.dir.as_bytes());
        add(command.command.as_bytes());
    }
    for (path, content) in contents {
        if detect::decides_setup(path) {
            add(path.as_bytes());
            add(content);
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Worktree {
    /// Runs the setup commands, unless they were already run successfully in
    /// this worktree with the same lockfiles. Commands that `contents` shows
    /// to be needless, since there are no dependencies, are left out. Stops at
    /// the first that fails. `timeout` is for each command.
    ///
    /// Returns the outcomes of the commands that were run: none if there was
    /// nothing to do; setup succeeded if all of them passed.
    ///
    /// # Errors
    ///
    /// As `run_project_command`, and `Io` if the mark cannot be written.
    pub async fn setup(
        &self,
        commands: &[ProjectCommand],
        contents: &BTreeMap<String, Vec<u8>>,
        environment: &ProjectEnvironment,
        timeout: Duration,
        cancel: &CancellationToken,
    ) -> Result<Vec<CommandOutcome>, Error> {
        let key = setup_key(commands, contents);
        let mark = self.setup_mark();
        if std::fs::read_to_string(&mark).is_ok_and(|done| done == key) {
            return Ok(Vec::new());
        }
        let mut outcomes = Vec::new();
        for command in commands {
            if !detect::is_needed(command, contents) {
                continue;
            }
            let outcome = run_project_command(self, command, environment, timeout, cancel).await?;
            let passed = outcome.passed;
            outcomes.push(outcome);
            if !passed {
                return Ok(outcomes);
            }
        }
        std::fs::write(&mark, key).map_err(at(mark))?;
        Ok(outcomes)
    }
}

/// The caller's environment with what setup installed in front of `PATH`.
pub(super) fn environment(worktree: &Worktree, env: &[(String, String)]) -> Vec<(String, String)> {
    let place = worktree.environment();
    let shown = place.display().to_string();
    let mut env = env.to_vec();
    let programs = place.join("bin");
    if programs.is_dir() {
        prepend(&mut env, &programs);
        env.push(("VIRTUAL_ENV".to_owned(), shown.clone()));
    }
    env.push((ENVIRONMENT.to_owned(), shown));
    env
}

fn prepend(env: &mut Vec<(String, String)>, programs: &Path) {
    let programs = programs.display();
    match env.iter_mut().rev().find(|(name, _)| name == "PATH") {
        Some((_, path)) => *path = format!("{programs}:{path}"),
        None => env.push(("PATH".to_owned(), format!("{programs}:/usr/local/bin:/usr/bin:/bin"))),
    }
}
