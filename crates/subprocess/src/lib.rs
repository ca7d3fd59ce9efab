//! One child process with all its descendants: started, bounded, watched, stopped, reaped.
//!
//! The only place that starts processes. Commands of a project and programs of
//! others hang, fork, ignore signals, print without end and leave servers
//! behind; a caller of this crate sees none of it: every command ends within
//! its limits, in bounded memory, and takes its descendants with it.
//!
//! On Linux, descendants that moved to a session of their own are followed
//! through `/proc`, and found again by a [`Mark`] after this process was killed;
//! elsewhere only the process group is contained. A command
//! with a [`Confinement`] is besides kept from writing and reading what it
//! should not, and cannot leave anybody behind.

/// The readme's example is run as those here are.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod adopted;
mod captured;
mod clock;
pub mod confined;
mod confinement;
mod descendants;
mod exit;
mod group;
mod leftovers;
mod lines;
mod mark;
mod pipes;
pub mod pressure;
#[cfg(target_os = "linux")]
mod processes;
mod run;
mod running;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

pub use adopted::become_subreaper;
pub use captured::Captured;
pub use confinement::Confinement;
pub use leftovers::{Leftover, Swept, leftovers, sweep};
pub use lines::Watch;
pub use mark::{Mark, NotAMark};
pub use run::{run, run_watched};
pub use running::end_all_now;

/// What is to be run, where, and within which limits.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    /// A path, or a name that is looked up in the `PATH` of `env`.
    pub program: String,
    /// The arguments after the program's name, passed as they are.
    pub args: Vec<String>,
    /// The working folder.
    pub dir: PathBuf,
    /// The child's whole environment but for a [`Mark`]; nothing is
    /// inherited. Of two pairs with one name the later counts.
    pub env: Vec<(String, String)>,
    /// Fed to the child's standard input, which is then closed.
    pub stdin: Vec<u8>,
    /// What stops the command.
    pub limits: Limits,
    /// What it may write and read; everything by default. A confined command
    /// has no input.
    pub confinement: Option<Confinement>,
}

impl Command {
    /// A command without arguments, environment or input, in the given folder
    /// and within the default limits.
    pub fn new(program: impl Into<String>, dir: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            dir: dir.into(),
            env: Vec::new(),
            stdin: Vec::new(),
            limits: Limits::default(),
            confinement: None,
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Adds pairs to the environment.
    #[must_use]
    pub fn env<N: Into<String>, V: Into<String>>(
        mut self,
        env: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        self.env.extend(env.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// Sets what is fed to standard input.
    #[must_use]
    pub fn stdin(mut self, stdin: impl Into<Vec<u8>>) -> Self {
        self.stdin = stdin.into();
        self
    }

    /// Sets the limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets what it may write and read.
    #[must_use]
    pub fn confinement(mut self, confinement: Confinement) -> Self {
        self.confinement = Some(confinement);
        self
    }
}

/// Arguments, environment and input may hold keys and whole files, so only
/// their extent is shown.
impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Command")
            .field("program", &self.program)
            .field("args", &self.args.len())
            .field("dir", &self.dir)
            .field("env", &self.env.len())
            .field("stdin", &self.stdin.len())
            .field("limits", &self.limits)
            .field("confinement", &self.confinement)
            .finish()
    }
}

/// What stops a command, and how much of its output is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From start to the polite request to end. 60 seconds by default.
    pub total: Duration,
    /// How long the child may write nothing. No limit by default.
    pub idle: Option<Duration>,
    /// Bytes kept of each output stream: half from its head, half from its
    /// tail; the middle is dropped. 1 MiB by default.
    pub output: usize,
    /// From the polite request to end (SIGTERM) to the kill (SIGKILL) of the
    /// whole group. 2 seconds by default.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            total: Duration::from_secs(60),
            idle: None,
            output: 1024 * 1024,
            grace: Duration::from_secs(2),
        }
    }
}

/// How a command ended and what it wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// How it ended.
    pub ended: Ended,
    /// What it wrote to standard output.
    pub stdout: Captured,
    /// What it wrote to standard error.
    pub stderr: Captured,
    /// From start until everything was cleared away.
    pub elapsed: Duration,
    /// What restricted a command that was to be confined; empty if its launcher
    /// had not come that far when it was stopped.
    pub confined: Option<confined::Support>,
}

impl Output {
    /// Whether the command exited by itself with status 0.
    #[must_use]
    pub fn success(&self) -> bool {
        self.ended == Ended::Exited(0)
    }

    fn never_started() -> Self {
        Self {
            ended: Ended::Cancelled,
            stdout: Captured::default(),
            stderr: Captured::default(),
            elapsed: Duration::ZERO,
            confined: None,
        }
    }
}

/// How a command ended. A limit or a cancel wins over the exit that it caused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this status.
    Exited(i32),
    /// By this signal, which did not come from here.
    Signaled(i32),
    /// Stopped at `Limits::total`.
    TimedOut,
    /// Stopped at `Limits::idle`.
    Idle,
    /// Stopped because the caller cancelled.
    Cancelled,
    /// Stopped because it asked for something on the terminal, where nobody answers. Seen on Linux;
    /// elsewhere such a command is silent until a limit stops it.
    Asked,
}

/// Why a command could not be run. A command that ran and failed is no error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such program.
    #[error("program not found: {program}")]
    NotFound {
        /// As given.
        program: String,
    },
    /// The program is there but could not be started.
    #[error("cannot start {program} in {}: {source}", dir.display())]
    Start {
        /// As given.
        program: String,
        /// The working folder it was to start in.
        dir: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The child ran, but its pipes or its status could not be read.
    #[error("lost contact with {program}: {source}")]
    Io {
        /// As given.
        program: String,
        /// What the system says.
        source: io::Error,
    },
}
