//! One child from start to reaped. Everything that can hang here has a limit:
//! the child itself, its polite end, its pipes after it is gone, its reaping.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::Pid;
use tokio::process::Child;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::adopted;
use crate::captured::HeadTail;
use crate::clock;
use crate::confined::{Lifeline, Report};
use crate::exit::ExitWatch;
use crate::group::{Group, Remains};
use crate::lines::Lines;
use crate::mark::Mark;
use crate::pipes::{Activity, Pipes};
use crate::running;
use crate::{Command, Ended, Error, Limits, Output, Watch};

/// How soon and how often the tree of descendants is looked at while the child
/// runs, so that those who leave the group are known before their parents die:
/// often at first, when programs start others, then at a steady beat.
const FIRST_BEAT: Duration = Duration::from_millis(10);
const BEAT: Duration = Duration::from_millis(500);

/// How long what the child started may go on writing after the child itself
/// has exited: the end of a pipeline needs a moment, a server never ends.
const SETTLE: Duration = Duration::from_millis(100);

/// How long the pipes may take to close after everything was killed. They stay
/// open only if somebody was out of reach, who must not hold us up.
const DRAIN: Duration = Duration::from_millis(250);

/// How long a launcher may take to end everything and be gone.
const RELEASE: Duration = Duration::from_secs(2);

/// How long a killed child may take to be gone. Longer means it hangs inside
/// the kernel, on a dead network mount for example.
const REAP: Duration = Duration::from_secs(5);

/// How long everybody who was killed besides may take to be gone, so that the
/// next command does not meet them.
const VANISH: Duration = Duration::from_secs(1);

/// Runs the command to its end and reports how it ended and what it wrote.
///
/// A child that fails, is stopped by a limit, or is cancelled is an `Output`,
/// not an error; what it wrote until then is kept. When this returns, the
/// child is reaped, and its process group, and every descendant that could be
/// found, is killed, also after an ordinary exit: nothing that a command
/// leaves in the background outlives it, but for a process that hangs inside
/// the kernel or belongs to another user, which is waited for no longer than a
/// second. Pipes that somebody out of reach still holds open are abandoned.
/// After [`crate::become_subreaper`] also those are found that left every trace
/// behind.
///
/// Cancelling asks the whole group to end (SIGTERM), waits at most
/// `limits.grace`, then kills it (SIGKILL); a command cancelled before it was
/// started is not started. Dropping the future kills the group at once. Must
/// be called within a tokio runtime with I/O and time enabled.
///
/// # Errors
///
/// `NotFound` if there is no such program, `Start` if it could not be started
/// for another reason (no such folder, not executable, no memory, a confined
/// command with input), `Io` if its pipes or its exit status could not be read.
/// The program is the launcher's if that is what could not be started.
pub async fn run(command: &Command, cancel: &CancellationToken) -> Result<Output, Error> {
    supervised(command, cancel, Lines::default()).await
}

/// The same, and `watch` is shown each line of the child's standard output while
/// it runs. It may cancel the command by its token; what comes after that is
/// shown too.
///
/// # Errors
///
/// As [`run`].
pub async fn run_watched(
    command: &Command,
    cancel: &CancellationToken,
    watch: Watch<'_>,
) -> Result<Output, Error> {
    supervised(command, cancel, Lines::to(watch)).await
}

async fn supervised(
    command: &Command,
    cancel: &CancellationToken,
    lines: Lines<'_>,
) -> Result<Output, Error> {
    let started_at = clock::now();
    if cancel.is_cancelled() || running::is_closed() {
        return Ok(Output::never_started());
    }
    let io_error = |source| Error::Io { program: command.program.clone(), source };
    let exit = ExitWatch::new().map_err(io_error)?;
    let Begun { child, leader, group, pipes, lifeline } = begin(command)?;
    let mut stdout = HeadTail::new(command.limits.output);
    let mut stderr = HeadTail::new(command.limits.output);
    let activity = Activity::starting(started_at);
    let pump = pipes.pump(&command.stdin, &mut stdout, &mut stderr, lines, &activity);
    let supervision = Supervision {
        exit,
        leader,
        child,
        group,
        limits: &command.limits,
        activity: &activity,
        pump: Box::pin(pump),
        pumped: false,
        lifeline: lifeline.as_ref(),
    };
    let mut ended = supervision.supervise(started_at, cancel).await.map_err(io_error)?;
    let report = lifeline.map(|lifeline| lifeline.report());
    if let (Some(report), Ended::Exited(_)) = (&report, ended) {
        ended = told(command, report, ended)?;
    }
    Ok(Output {
        ended,
        stdout: stdout.finish(),
        stderr: stderr.finish(),
        elapsed: clock::now().duration_since(started_at),
        confined: report.map(|report| report.support),
    })
}

/// A command that was started, and is among those that run.
struct Begun {
    child: Child,
    leader: Pid,
    group: Group,
    pipes: Pipes,
    lifeline: Option<Lifeline>,
}

fn begin(command: &Command) -> Result<Begun, Error> {
    let mark = Mark::for_command();
    // Until it is entered, nobody could tell the child from an orphan.
    let _starting = adopted::starting();
    let (mut child, lifeline) = start(command, mark.as_ref())?;
    let leader = leader(&child).ok_or_else(|| Error::Io {
        program: command.program.clone(),
        source: io::Error::other("the child has no process id"),
    })?;
    let pipes = Pipes {
        stdin: child.stdin.take(),
        stdout: child.stdout.take(),
        stderr: child.stderr.take(),
    };
    let group = Group::new(leader, mark.as_ref(), pipes.outputs(), lifeline.is_some());
    Ok(Begun { child, leader, group, pipes, lifeline })
}

/// How the command ended, of which its launcher's exit is only a number.
fn told(command: &Command, report: &Report, ended: Ended) -> Result<Ended, Error> {
    if let Some(errno) = report.failed {
        return Err(start_error(command, &command.program, io::Error::from_raw_os_error(errno)));
    }
    Ok(report.signaled.map_or(ended, Ended::Signaled))
}

/// Whether the child waits for an answer on the terminal. The system stops who reads there in the
/// background, and for good.
#[cfg(target_os = "linux")]
fn asks(leader: Pid) -> bool {
    let facts = crate::processes::Facts::of(leader.as_raw_nonzero().get());
    facts.is_some_and(|facts| facts.stopped_at_terminal)
}

#[cfg(not(target_os = "linux"))]
fn asks(_leader: Pid) -> bool {
    false
}

fn leader(child: &Child) -> Option<Pid> {
    child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
}

/// With a confinement, the child is its launcher, and the lifeline its input.
fn start(command: &Command, mark: Option<&Mark>) -> Result<(Child, Option<Lifeline>), Error> {
    let Some(confinement) = &command.confinement else {
        let child = spawn(command, mark, &command.program, &command.args, Stdio::piped())?;
        return Ok((child, None));
    };
    let failed = |source| start_error(command, &command.program, source);
    let invalid = |reason| failed(io::Error::new(io::ErrorKind::InvalidInput, reason));
    if !command.stdin.is_empty() {
        return Err(invalid("a confined command has no input"));
    }
    let Some((launcher, own)) = confinement.launcher.split_first() else {
        return Err(invalid("a confinement without a launcher"));
    };
    let args = own.iter().map(OsString::from).chain(confinement.to_args());
    let args = args.chain([OsString::from(&command.program)]);
    let args = args.chain(command.args.iter().map(OsString::from));
    let (lifeline, stdin) = Lifeline::new().map_err(failed)?;
    let child = spawn(command, mark, launcher, args, stdin)?;
    Ok((child, Some(lifeline)))
}

fn spawn(
    command: &Command,
    mark: Option<&Mark>,
    program: &str,
    args: impl IntoIterator<Item = impl AsRef<OsStr>>,
    stdin: Stdio,
) -> Result<Child, Error> {
    #[expect(clippy::disallowed_methods, reason = "this is the place where processes are started")]
    let mut process = tokio::process::Command::new(program);
    process
        .args(args)
        .current_dir(&command.dir)
        .env_clear()
        .envs(command.env.iter().map(|(name, value)| (name, value)))
        .envs(mark.map(|mark| (Mark::VARIABLE, mark.to_string())))
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    process.spawn().map_err(|source| start_error(command, program, source))
}

fn start_error(command: &Command, program: &str, source: io::Error) -> Error {
    // A missing folder and a missing program are the same error number.
    if source.kind() == io::ErrorKind::NotFound && command.dir.is_dir() {
        Error::NotFound { program: program.to_owned() }
    } else {
        Error::Start { program: program.to_owned(), dir: command.dir.clone(), source }
    }
}

/// Why a child is no longer waited for.
enum Stop {
    Exited,
    Limit(Ended),
    Failed(io::Error),
}

struct Supervision<'a, P> {
    exit: ExitWatch,
    leader: Pid,
    /// Dropped before the child, which the runtime reaps from then on.
    group: Group,
    child: Child,
    limits: &'a Limits,
    activity: &'a Activity,
    pump: Pin<Box<P>>,
    pumped: bool,
    /// Of a launcher, which clears away more thoroughly than a kill.
    lifeline: Option<&'a Lifeline>,
}

impl<P: Future<Output = io::Result<()>>> Supervision<'_, P> {
    async fn supervise(
        mut self,
        started_at: Instant,
        cancel: &CancellationToken,
    ) -> io::Result<Ended> {
        let stop = self.watch(started_at, cancel).await;
        match &stop {
            Stop::Exited => self.pump_for(SETTLE).await?,
            Stop::Limit(_) => self.end_politely().await?,
            Stop::Failed(_) => {}
        }
        let status = self.finish().await?;
        match stop {
            Stop::Exited => status
                .map(ended)
                .ok_or_else(|| io::Error::other("the exit status could not be had")),
            Stop::Limit(ended) => Ok(ended),
            Stop::Failed(error) => Err(error),
        }
    }

    /// Waits for the first reason to stop waiting.
    async fn watch(&mut self, started_at: Instant, cancel: &CancellationToken) -> Stop {
        let deadline = clock::after(started_at, self.limits.total);
        let silence = self.activity.silent_for(self.limits.idle);
        let mut silence = std::pin::pin!(silence);
        let mut pause = FIRST_BEAT;
        let mut beat = std::pin::pin!(sleep(pause));
        loop {
            // The pipes come last: a child that never stops writing would use
            // up the runtime's budget for this poll, and every limit asked
            // after it would be told to wait.
            tokio::select! {
                biased;
                exited = self.exit.exited(self.leader) => return match exited {
                    Ok(()) => Stop::Exited,
                    Err(error) => Stop::Failed(error),
                },
                () = cancel.cancelled() => return Stop::Limit(Ended::Cancelled),
                () = sleep_until(deadline) => return Stop::Limit(Ended::TimedOut),
                () = &mut silence => return Stop::Limit(Ended::Idle),
                () = &mut beat => {
                    self.group.observe();
                    if asks(self.leader) {
                        return Stop::Limit(Ended::Asked);
                    }
                    pause = (pause * 2).min(BEAT);
                    beat.set(sleep(pause));
                }
                pumped = &mut self.pump, if !self.pumped => {
                    self.pumped = true;
                    if let Err(error) = pumped {
                        return Stop::Failed(error);
                    }
                }
            }
        }
    }

    /// SIGTERM, then time until both the child and everyone who holds its
    /// pipes is gone, or the grace is over.
    async fn end_politely(&mut self) -> io::Result<()> {
        self.group.terminate();
        let deadline = clock::after(clock::now(), self.limits.grace);
        let mut exited = false;
        while !(exited && self.pumped) {
            tokio::select! {
                biased;
                () = sleep_until(deadline) => break,
                result = self.exit.exited(self.leader), if !exited => {
                    result?;
                    exited = true;
                }
                pumped = &mut self.pump, if !self.pumped => {
                    self.pumped = true;
                    pumped?;
                }
            }
        }
        Ok(())
    }

    async fn pump_for(&mut self, limit: Duration) -> io::Result<()> {
        if !self.pumped
            && let Ok(pumped) = timeout(limit, &mut self.pump).await
        {
            self.pumped = true;
            pumped?;
        }
        Ok(())
    }

    /// Kills what is left, reaps the child, and takes what still lies in the
    /// pipes. `None` if the child cannot even be killed.
    async fn finish(mut self) -> io::Result<Option<ExitStatus>> {
        if let Some(lifeline) = self.lifeline {
            lifeline.release();
            // However it goes, everybody who is left is killed next.
            if let Ok(exited) = timeout(RELEASE, self.exit.exited(self.leader)).await {
                exited?;
            }
        }
        let Self { mut child, pump, pumped, group, .. } = self;
        let remains = group.remains();
        if !pumped {
            group.claim_writers();
        }
        // Before the child is reaped: see `Group`.
        drop(group);
        let status = match timeout(REAP, child.wait()).await {
            Ok(status) => Some(status?),
            Err(_) => {
                tracing::warn!("a killed child is still not gone");
                None
            }
        };
        vanished(&remains).await;
        if !pumped && let Ok(result) = timeout(DRAIN, pump).await {
            result?;
        }
        Ok(status)
    }
}

/// Waits until everybody who was killed is gone, and reaps them.
async fn vanished(remains: &Remains) {
    let deadline = clock::after(clock::now(), VANISH);
    let mut pause = Duration::from_millis(1);
    while remains.clear() {
        if clock::now() >= deadline {
            tracing::debug!("a killed process is still not gone");
            return;
        }
        sleep(pause).await;
        pause = (pause * 2).min(BEAT / 10);
    }
}

fn ended(status: ExitStatus) -> Ended {
    status
        .signal()
        .map_or_else(|| Ended::Exited(status.code().unwrap_or_default()), Ended::Signaled)
}
