//! Starting one process of the project: its variables, its bounds, a temporary
//! folder of its own. What a command leaves in a temporary folder that others
//! share fills the disk of whoever runs belay every hour, and lets one command
//! find what another one left.

use std::path::{Path, PathBuf};
use std::time::Duration;

use subprocess::{Command, Confinement, Ended, Limits, Output};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{CommandOutcome, ProjectEnvironment, setup};
use crate::error::{Error, at};
use crate::linked::Worktree;
use crate::place::remove_all;

/// How much of a command's output is kept in its outcome.
const MOST_OUTPUT: usize = 32 * 1024;

const TEMPORARY: &str = "TMPDIR";

/// One process to be started.
pub(super) struct Launch<'a> {
    /// What its outcome calls it.
    pub(super) shown: String,
    /// For `sh -c`.
    pub(super) script: String,
    /// `$0` and the arguments of the script.
    pub(super) args: Vec<String>,
    pub(super) dir: PathBuf,
    /// Variables besides those of the environment.
    pub(super) env: Vec<(String, String)>,
    /// What it may write besides the worktree.
    pub(super) writable: Vec<PathBuf>,
    pub(super) environment: &'a ProjectEnvironment,
    pub(super) timeout: Duration,
}

impl Launch<'_> {
    /// Runs it to its end, or the end of its time.
    pub(super) async fn run(
        self,
        worktree: &Worktree,
        cancel: &CancellationToken,
    ) -> Result<CommandOutcome, Error> {
        worktree.forget_filled();
        let temporary = temporary(self.environment, "belay-")?;
        // One pipe for both streams, or their order would be lost.
        let script = format!("exec 2>&1\n{}", self.script);
        let mut process = Command::new("sh", self.dir.clone())
            .args(["-c".to_owned(), script])
            .args(self.args.clone())
            .env(setup::environment(worktree, &self.environment.env))
            .env([(TEMPORARY, temporary.path().display().to_string())])
            .env(self.env.clone())
            .limits(Limits { total: self.timeout, output: MOST_OUTPUT, ..Limits::default() });
        if let Some(confinement) = &self.environment.confinement {
            process = process.confinement(self.bounds(confinement, worktree, temporary.path()));
        }
        let output = subprocess::run(&process, cancel).await;
        clear(temporary).await;
        Ok(outcome(self.shown, &output?))
    }

    fn bounds(&self, given: &Confinement, worktree: &Worktree, temporary: &Path) -> Confinement {
        let mut bounds = given.clone();
        bounds.writable.extend([
            worktree.path().to_owned(),
            worktree.environment(),
            temporary.to_owned(),
        ]);
        bounds.writable.extend(self.writable.iter().cloned());
        bounds
    }
}

/// A fresh folder where the command's own variables say that such folders go.
pub(super) fn temporary(environment: &ProjectEnvironment, prefix: &str) -> Result<TempDir, Error> {
    let named = environment.env.iter().rev().find(|(name, _)| name == TEMPORARY);
    let root = named
        .map(|(_, folder)| Path::new(folder))
        .filter(|folder| folder.is_absolute() && folder.is_dir())
        .unwrap_or(Path::new("/tmp"));
    tempfile::Builder::new().prefix(prefix).tempdir_in(root).map_err(at(root))
}

/// What cannot be removed is left to the system, which clears these folders.
pub(super) async fn clear(temporary: TempDir) {
    if let Err(error) = remove_all(temporary.path()).await {
        tracing::debug!(%error, "a temporary folder is left behind");
    }
}

fn outcome(command: String, output: &Output) -> CommandOutcome {
    let (ended, exit) = match output.ended {
        Ended::Exited(status) => ("exited", Some(status)),
        Ended::Signaled(_) => ("signaled", None),
        Ended::TimedOut | Ended::Idle | Ended::Asked => ("timed_out", None),
        Ended::Cancelled => ("cancelled", None),
    };
    CommandOutcome {
        command,
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
