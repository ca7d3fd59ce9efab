//! One call to the git program. A git that inherits an environment prompts for
//! passwords, opens pagers, runs hooks, collects garbage in the background and
//! may even work on another repository than the one it stands in; here it can
//! do none of that, and two calls of one process never meet at a lock.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use subprocess::{Command, Ended, Limits, Output};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::login::Login;
use crate::signing;
use crate::text::one_line;

/// How git is to be called.
#[derive(Clone)]
pub struct Git {
    /// A name or path, `git` as a rule.
    pub program: String,
    /// PATH, HOME and what else git shall see, for signing also where keys and
    /// agents are. Nothing else is inherited, and variables that would point it
    /// at another repository or have somebody asked are left out.
    pub env: Vec<(String, String)>,
    /// For one call.
    pub timeout: Duration,
}

/// Only names: values may be secrets.
impl std::fmt::Debug for Git {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.env.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Git")
            .field("program", &self.program)
            .field("env", &names)
            .field("timeout", &self.timeout)
            .finish()
    }
}

/// Listings of very large repositories stay well below this.
const MOST_OUTPUT: usize = 256 * 1024 * 1024;

/// How much of git's complaint is kept in an error.
const MOST_MESSAGE: usize = 2000;

/// Of the variables that git itself reads, only these beginnings are let
/// through: the others say which repository, index, objects or author to use,
/// and those are given per call.
const ALLOWED_VARIABLES: [&str; 6] = [
    "GIT_CONFIG_",
    "GIT_EXEC_PATH",
    "GIT_CEILING_DIRECTORIES",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM",
    "GIT_SSL_",
    "GIT_SSH",
];

/// What would have a program ask somebody, who is not there.
const ASKING: [&str; 5] =
    ["GPG_TTY", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE", "DISPLAY", "WAYLAND_DISPLAY"];

const VARIABLES: [(&str, &str); 9] = [
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_PAGER", "cat"),
    ("GIT_EDITOR", "true"),
    ("GIT_ADVICE", "0"),
    ("GIT_LITERAL_PATHSPECS", "1"),
    // What large-file storage holds is on a server; the pointers are enough.
    ("GIT_LFS_SKIP_SMUDGE", "1"),
    ("LC_ALL", "C"),
    ("LANGUAGE", ""),
];

const OPTIONS: [&str; 21] = [
    // What a journal calls committed must survive the loss of power; git by
    // itself syncs neither loose objects nor refs. Before 2.36 it cannot.
    "core.fsync=loose-object,reference",
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "i18n.commitEncoding=UTF-8",
    "advice.detachedHead=false",
    // A worktree holds the whole tree, whatever the person's checkout shows.
    "core.sparseCheckout=false",
    "index.sparse=false",
    // These would write files of an index of ours beside the person's.
    "core.splitIndex=false",
    "core.untrackedCache=false",
    "submodule.recurse=false",
    // A file that tests changed must be seen as changed.
    "core.trustctime=true",
    "core.checkStat=default",
    "core.ignoreStat=false",
    "core.preloadIndex=true",
    // Would raise the repository's format, which older gits then refuse.
    "worktree.useRelativePaths=false",
    "core.protectHFS=true",
    "core.protectNTFS=true",
    "core.quotePath=false",
    "core.filesRefLockTimeout=1000",
];

/// For filling a worktree of ours: pointers to large files stay pointers, also
/// where the program for them is missing but required.
pub(crate) const POINTERS: [&str; 4] =
    ["filter.lfs.smudge=", "filter.lfs.clean=", "filter.lfs.process=", "filter.lfs.required=false"];

/// One call to be made.
pub(crate) struct Call<'a> {
    args: Vec<&'a str>,
    options: &'a [&'a str],
    dir: Option<&'a Path>,
    env: Vec<(&'static str, String)>,
    stdin: Vec<u8>,
    output: usize,
    uninterrupted: bool,
    with_login: bool,
    limit: Duration,
}

impl<'a> Call<'a> {
    pub(crate) fn new(args: &[&'a str]) -> Self {
        Self {
            args: args.to_vec(),
            options: &[],
            dir: None,
            env: Vec::new(),
            stdin: Vec::new(),
            output: MOST_OUTPUT,
            uninterrupted: false,
            with_login: false,
            limit: Duration::MAX,
        }
    }

    /// Config besides what every call is given.
    pub(crate) fn options(mut self, options: &'a [&'a str]) -> Self {
        self.options = options;
        self
    }

    pub(crate) fn dir(mut self, dir: &'a Path) -> Self {
        self.dir = Some(dir);
        self
    }

    pub(crate) fn env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.env.push((name, value.into()));
        self
    }

    pub(crate) fn stdin(mut self, stdin: impl Into<Vec<u8>>) -> Self {
        self.stdin = stdin.into();
        self
    }

    /// Keep this much of the output and drop the middle of more.
    pub(crate) fn keep(mut self, bytes: usize) -> Self {
        self.output = bytes;
        self
    }

    /// Not cancelled: it is over in a moment, and half of it would be worse
    /// than the wait.
    pub(crate) fn uninterrupted(mut self) -> Self {
        self.uninterrupted = true;
        self
    }

    /// Speaks with a remote on the login's server, which may ask who is there.
    pub(crate) fn with_login(mut self) -> Self {
        self.with_login = true;
        self
    }

    /// Ended after this time, or the time limit of git if that is less.
    pub(crate) fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// What wants a passphrase or a yes gets none, instead of waiting for it.
    pub(crate) fn asking_nobody(mut self) -> Self {
        self.env.extend(signing::NO_ANSWER.map(|(name, value)| (name, value.to_owned())));
        self
    }

    fn name(&self) -> String {
        self.args.first().copied().unwrap_or_default().to_owned()
    }
}

/// Runs calls, one at a time; clones wait for each other.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    program: Arc<Program>,
    cancel: CancellationToken,
    login: Option<Arc<Login>>,
}

#[derive(Debug)]
struct Program {
    git: Git,
    dir: PathBuf,
    one_at_a_time: Mutex<()>,
}

impl Caller {
    pub(crate) fn new(git: Git, dir: PathBuf) -> Self {
        let program = Arc::new(Program { git, dir, one_at_a_time: Mutex::new(()) });
        Self { program, cancel: CancellationToken::new(), login: None }
    }

    /// The same, but ended by this token.
    pub(crate) fn with_cancel(&self, cancel: CancellationToken) -> Self {
        Self { cancel, ..self.clone() }
    }

    /// The same, with a login for remotes that ask for one.
    pub(crate) fn with_login(&self, login: Login) -> Self {
        Self { login: Some(Arc::new(login)), ..self.clone() }
    }

    /// The login for remotes that ask for one.
    pub(crate) fn login(&self) -> Option<&Login> {
        self.login.as_deref()
    }

    /// How long one call may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.program.git.timeout
    }

    /// Waits for something unless the token ends the wait.
    pub(crate) async fn unless_cancelled<T>(
        &self,
        wait: impl Future<Output = T>,
    ) -> Result<T, Error> {
        self.cancel.run_until_cancelled(wait).await.ok_or(Error::Cancelled)
    }

    /// What needs no call ends as a call would.
    pub(crate) fn check_cancelled(&self) -> Result<(), Error> {
        if self.cancel.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Runs git and returns its output whatever its exit status is. A git that
    /// is stopped by the time limit, a signal or the token is an error.
    pub(crate) async fn try_run(&self, call: &Call<'_>) -> Result<Output, Error> {
        let Program { git, dir, one_at_a_time } = &*self.program;
        let limit = git.timeout.min(call.limit);
        let command = Command::new(&git.program, call.dir.unwrap_or(dir))
            .args(["--no-pager"])
            .args(OPTIONS.iter().chain(call.options).flat_map(|option| ["-c", option]))
            .args(call.args.iter().copied())
            .env(self.environment(call))
            .stdin(call.stdin.clone())
            .limits(Limits { total: limit, output: call.output, ..Limits::default() });
        let (_one, output) = if call.uninterrupted {
            let one = one_at_a_time.lock().await;
            (one, subprocess::run(&command, &CancellationToken::new()).await?)
        } else {
            let one = self.unless_cancelled(one_at_a_time.lock()).await?;
            (one, subprocess::run(&command, &self.cancel).await?)
        };
        match output.ended {
            Ended::Exited(_) => Ok(output),
            Ended::TimedOut | Ended::Idle | Ended::Asked => Err(Error::Git {
                command: call.name(),
                message: format!("did not end within {limit:?}"),
            }),
            Ended::Cancelled => Err(Error::Cancelled),
            Ended::Signaled(_) => Err(failure(call, &output)),
        }
    }

    /// As `try_run`, but an exit status other than 0 is an error too, with what
    /// git said.
    pub(crate) async fn run(&self, call: &Call<'_>) -> Result<Output, Error> {
        let output = self.try_run(call).await?;
        if output.success() { Ok(output) } else { Err(failure(call, &output)) }
    }

    /// As `try_run`, for questions that git answers by exit status 1: `None`
    /// then, and any other failure is an error.
    pub(crate) async fn ask(&self, call: &Call<'_>) -> Result<Option<Output>, Error> {
        let output = self.try_run(call).await?;
        match output.ended {
            Ended::Exited(0) => Ok(Some(output)),
            Ended::Exited(1) => Ok(None),
            _ => Err(failure(call, &output)),
        }
    }

    /// The whole output of a successful call; an error if it was cut.
    pub(crate) async fn bytes(&self, call: &Call<'_>) -> Result<Vec<u8>, Error> {
        let output = self.run(call).await?;
        if output.stdout.dropped > 0 {
            return Err(Error::Unreadable {
                command: call.name(),
                what: format!("less than {} bytes of output", call.output),
            });
        }
        Ok(output.stdout.bytes)
    }

    /// The output of a successful call as one line of text.
    pub(crate) async fn line(&self, call: &Call<'_>) -> Result<String, Error> {
        let bytes = self.bytes(call).await?;
        let text = String::from_utf8(bytes).map_err(|_| Error::Unreadable {
            command: call.name(),
            what: "text in UTF-8".to_owned(),
        })?;
        Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
    }

    fn environment(&self, call: &Call<'_>) -> Vec<(String, String)> {
        let inherited = self.program.git.env.iter().filter(|(name, _)| is_allowed(name)).cloned();
        let fixed = VARIABLES.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let given = call.env.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let login = self.login.iter().filter(|_| call.with_login);
        let login = login.flat_map(|login| login.environment());
        inherited.chain(fixed).chain(given).chain(login).collect()
    }
}

fn is_allowed(name: &str) -> bool {
    if ASKING.contains(&name) {
        return false;
    }
    !name.starts_with("GIT_")
        || ALLOWED_VARIABLES.iter().any(|beginning| name.starts_with(beginning))
}

fn failure(call: &Call<'_>, output: &Output) -> Error {
    Error::Git { command: call.name(), message: complaint(output) }
}

/// What git said on standard error, in one line, or failing that how it ended.
pub(crate) fn complaint(output: &Output) -> String {
    let text = one_line(&output.stderr.text());
    if text.is_empty() {
        return match output.ended {
            Ended::Exited(status) => format!("exit status {status}"),
            Ended::Signaled(signal) => format!("ended by signal {signal}"),
            other => format!("{other:?}"),
        };
    }
    text.chars().take(MOST_MESSAGE).collect()
}
