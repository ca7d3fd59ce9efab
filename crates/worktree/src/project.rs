//! The project's own commands: which ones it has, and running them in the
//! linked worktree. Their output is the evidence of a milestone, so a command
//! that did not end by itself with status 0 never counts as passed.

mod checks;
mod contents;
mod detect;
mod hooks;
mod launch;
mod locks;
mod manifest;
mod rerun;
mod setup;
mod standin;

use std::fmt;
use std::path::{Component, Path};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use subprocess::Confinement;
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::guard::Refusal;
use crate::linked::Worktree;

use launch::Launch;

pub use checks::{Check, CheckKind, detect_checks};
pub use detect::{detect_setup, detect_test, wanted_for_detection};
pub use locks::{LockCommand, is_lockfile, lock_commands};
pub use rerun::{rerun, script_behind};
pub use setup::setup_key;

/// With what every command of the project is run.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ProjectEnvironment {
    /// The command's variables, all of them but those that lead to what setup
    /// installed and to a temporary folder of its own.
    pub env: Vec<(String, String)>,
    /// What it may write and read. The worktree, the folder for what setup
    /// installs, and the command's temporary folder may be written besides;
    /// what git keeps about the worktree may not. `None`: there are no bounds.
    pub confinement: Option<Confinement>,
}

impl ProjectEnvironment {
    /// These variables, and no bounds to what a command may write and read.
    #[must_use]
    pub fn unconfined(env: Vec<(String, String)>) -> Self {
        Self { env, confinement: None }
    }
}

/// Only names: values may be secrets.
impl fmt::Debug for ProjectEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.env.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("ProjectEnvironment")
            .field("env", &names)
            .field("confinement", &self.confinement)
            .finish()
    }
}

/// A command of the project, found or configured.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
pub struct ProjectCommand {
    /// For `sh -c`.
    pub command: String,
    /// Relative to the repository's top; empty for the top itself.
    pub dir: String,
    /// Why it is this command: the file it was found in, or the config key.
    pub source: String,
}

/// How a command of the project ended.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
pub struct CommandOutcome {
    /// As it was run.
    pub command: String,
    /// Whether it exited by itself with status 0.
    pub passed: bool,
    /// Its exit status, if it exited by itself.
    pub exit: Option<i32>,
    /// `exited`, `signaled`, `timed_out` or `cancelled`.
    pub ended: String,
    /// What it wrote to both streams in the order written, at most 32 KiB:
    /// head and tail, with a mark where the middle is left out.
    pub output: String,
    /// From start to end, in milliseconds.
    pub elapsed_ms: u64,
}

/// Runs a command in the worktree, with exactly these variables besides what
/// leads to the environment that setup installed, if it did (`PATH`,
/// `VIRTUAL_ENV`), and to a temporary folder that is new and gone afterwards
/// (`TMPDIR`). Its whole process tree is ended with it. A command that
/// fails, is stopped or cancelled is an outcome, not an error.
///
/// # Errors
///
/// `Refused` if the command's folder is not inside the worktree, `Subprocess`
/// if it could not be started.
pub async fn run_project_command(
    worktree: &Worktree,
    command: &ProjectCommand,
    environment: &ProjectEnvironment,
    timeout: Duration,
    cancel: &CancellationToken,
) -> Result<CommandOutcome, Error> {
    check_dir(&command.dir)?;
    let launch = Launch {
        shown: command.command.clone(),
        script: command.command.clone(),
        args: Vec::new(),
        dir: worktree.path().join(&command.dir),
        env: Vec::new(),
        writable: Vec::new(),
        environment,
        timeout,
    };
    launch.run(worktree, cancel).await
}

fn check_dir(dir: &str) -> Result<(), Refusal> {
    let inside = Path::new(dir)
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if inside && !dir.contains('\0') {
        return Ok(());
    }
    Err(Refusal::new(dir, "is not a folder inside the worktree"))
}
