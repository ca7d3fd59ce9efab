//! Programs that are started here and ended here, by their own id and with a limit.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// How long a program may take to end once it was asked to.
const PATIENCE: Duration = Duration::from_secs(20);

/// A command with nothing on its standard input, in this folder.
#[expect(
    clippy::disallowed_methods,
    reason = "the build tool starts programs; it uses no crate of the product, subprocess included"
)]
pub(crate) fn command(program: impl AsRef<OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).stdin(Stdio::null());
    command
}

/// Standard output of a command that is over at once, such as `--version`; none if it fails.
pub(crate) fn said(command: &mut Command) -> anyhow::Result<Option<String>> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("{name} cannot be started"))?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(output.status.success().then_some(text))
}

/// A moment, for limits and for what is told of time.
#[expect(clippy::disallowed_methods, reason = "the one clock of the build tool")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// A running program and the lines of its standard output. It is killed when this is dropped.
pub(crate) struct Running {
    name: String,
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.stdout(Stdio::piped()).spawn();
        let mut child = child.with_context(|| format!("{name} cannot be started"))?;
        let output = child.stdout.take().context("its standard output is not there")?;
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self { name, child, lines })
    }

    /// The next line; none when there will be no more.
    pub(crate) fn line(&self, until: Instant) -> anyhow::Result<Option<String>> {
        match self.lines.recv_timeout(until.saturating_duration_since(now())) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => bail!("{} is not done in time", self.name),
        }
    }

    /// The lines that are still to come, and how it ended.
    pub(crate) fn rest(mut self, until: Instant) -> anyhow::Result<(Vec<String>, ExitStatus)> {
        let mut lines = Vec::new();
        while let Some(line) = self.line(until)? {
            lines.push(line);
        }
        Ok((lines, self.child.wait()?))
    }

    /// Sends a signal, such as `TERM`, to it alone.
    pub(crate) fn signal(&self, name: &str) -> anyhow::Result<()> {
        let id = self.child.id().to_string();
        let mut kill = command("kill", Path::new("/"));
        let status = kill.args(["-s", name, &id]).status().context("kill cannot be started")?;
        if !status.success() {
            bail!("{} could not be sent {name}", self.name);
        }
        Ok(())
    }

    /// Lets go of its standard input, which some take as the end, and waits for theirs.
    pub(crate) fn let_go(mut self) -> anyhow::Result<()> {
        drop(self.child.stdin.take());
        self.rest(now() + PATIENCE).map(drop)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail where it is over already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
