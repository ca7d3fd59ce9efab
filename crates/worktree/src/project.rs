//! The project's own commands: which ones it has, and running them in the
//! linked worktree. Their output is the evidence of a milestone, so a command
//! that did not end by itself with status 0 never counts as passed.

mod checks;
mod contents;
mod detect;
mod locks;
mod manifest;
mod rerun;
mod setup;

use std::fmt;
use std::path::{Component, Path};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use subprocess::{Command, Ended, Limits, Output};
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::guard::Refusal;
use crate::linked::Worktree;

pub use checks::{Check, CheckKind, detect_checks};
pub use detect::{detect_setup, detect_test, wanted_for_detection};
pub use locks::{LockCommand, is_lockfile, lock_commands};
pub use rerun::{rerun, script_behind};
pub use setup::setup_key;

/// How much of a command's output is kept in its outcome.
const MOST_OUTPUT: usize = 32 * 1024;

/// With what every command of the project is run.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ProjectEnvironment {
    /// The command's variables, all of them but those that lead to what setup
    /// installed.
    pub env: Vec<(String, String)>,
}

impl ProjectEnvironment {
    /// These variables, and no bounds to what a command may write and read.
    #[must_use]
    pub fn unconfined(env: Vec<(String, String)>) -> Self {
        Self { env }
    }
}

/// Only names: values may be secrets.
impl fmt::Debug for ProjectEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.env.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("ProjectEnvironment").field("env", &names).finish()
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
/// `VIRTUAL_ENV`). Its whole process tree is ended with it. A command that
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
    // One pipe for both streams, or their order would be lost.
    let script = format!("exec 2>&1\n{}", command.command);
    let process = Command::new("sh", worktree.path().join(&command.dir))
        .args(["-c", &script])
        .env(setup::environment(worktree, &environment.env))
        .limits(Limits { total: timeout, output: MOST_OUTPUT, ..Limits::default() });
    let output = subprocess::run(&process, cancel).await?;
    Ok(outcome(&command.command, &output))
}

fn outcome(command: &str, output: &Output) -> CommandOutcome {
    let (ended, exit) = match output.ended {
        Ended::Exited(status) => ("exited", Some(status)),
        Ended::Signaled(_) => ("signaled", None),
        Ended::TimedOut | Ended::Idle => ("timed_out", None),
        Ended::Cancelled => ("cancelled", None),
    };
    CommandOutcome {
        command: command.to_owned(),
        passed: exit == Some(0),
        exit,
        ended: ended.to_owned(),
        output: tail(output.stdout.text(), MOST_OUTPUT),
        elapsed_ms: u64::try_from(output.elapsed.as_millis()).unwrap_or(u64::MAX),
    }
}

/// Bytes that are no text grow when they are replaced.
fn tail(text: String, limit: usize) -> String {
    if text.len() <= limit {
        return text;
    }
    let from = (text.len() - limit..=text.len()).find(|&at| text.is_char_boundary(at));
    text[from.unwrap_or(text.len())..].to_owned()
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
