//! A run of our own, killed in the middle: another process of the same binary,
//! watched through its journal, ended by SIGKILL at a moment that the models
//! decide and no clock does.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use checkpoint_store::{RunHead, RunStore, SqliteStore};
use orchestrator::journal::parse;
use orchestrator::{Line, Listener, Status, view};
use simulated_models::Server;
use subprocess::{Command, Ended, Limits, Output};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::evidence::Promise;
use super::folder::Folder;
use super::record::{self, Asked};
use super::script::{IDEA, MILESTONES};
use crate::error::{Code, CommandError, fail};
use crate::human::Screen;
use crate::printer::{Printer, Tone};
use crate::project::Project;

/// Far longer than the run takes until it is killed.
const LIMIT: Duration = Duration::from_secs(300);

/// What was known at the moment of the kill.
pub(crate) struct Killed {
    /// Requests until then.
    requests: usize,
    /// What the journal said was finished.
    finished: BTreeSet<Asked>,
    /// Whether the system says that SIGKILL ended it.
    by_kill: bool,
    /// How the run stood afterwards.
    status: Status,
}

/// Starts `belay run` and kills it when the first coder of the second milestone
/// is asked. What the run writes down is shown as it comes.
pub(crate) async fn run_and_kill(
    folder: &Folder,
    project: &Project,
    server: &Server,
    program: &Path,
) -> Result<Killed, CommandError> {
    let cancel = CancellationToken::new();
    let command = command(folder, program);
    let mut child = Box::pin(subprocess::run(&command, &cancel));
    let mut watched = Watched {
        project,
        store: None,
        seen: 0,
        screen: Screen::new(Arc::clone(&project.printer)),
    };
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        reached = watched.until_the_moment(server) => reached?,
        ended = &mut child => return Err(too_early(&ended.map_err(anyhow::Error::from)?)),
        _ = interrupt.recv() => return Err(stopped()),
        _ = terminate.recv() => return Err(stopped()),
    }
    let Some(pid) = watched.holder().await? else {
        return Err(anyhow::anyhow!("nobody holds the run that is to be killed").into());
    };
    watched.project.printer.say(
        Tone::Bad,
        &format!("[DEMO] kill -9 {pid}: the run's process, in the middle of milestone 2"),
    );
    sigkill(folder, pid).await?;
    let output = child.await.map_err(anyhow::Error::from)?;
    watched.finish(server, &output).await
}

fn command(folder: &Folder, program: &Path) -> Command {
    let project = folder.project.display().to_string();
    let limits = Limits { total: LIMIT, ..Limits::default() };
    Command::new(program.display().to_string(), &folder.project)
        .args(["run", IDEA, "--no-github", "--repo", &project])
        .env(folder.surroundings.for_git())
        .limits(limits)
}

/// The shell's own `kill`: the program of that name is not everywhere.
async fn sigkill(folder: &Folder, pid: u32) -> Result<(), CommandError> {
    let command = Command::new("sh", &folder.top)
        .args(["-c", "kill -9 \"$1\"", "sh", &pid.to_string()])
        .env(folder.surroundings.for_project(&[]));
    subprocess::run(&command, &CancellationToken::new()).await.map_err(anyhow::Error::from)?;
    Ok(())
}

fn too_early(output: &Output) -> CommandError {
    let said = output.stderr.text();
    let last = said.lines().last().unwrap_or_default();
    let ended = output.ended;
    fail(Code::Demo, format!("the run ended before it could be killed ({ended:?}): {last}"))
}

fn stopped() -> CommandError {
    fail(Code::Demo, "the demo was stopped before it was over")
}

/// The run of the other process, read from its journal.
struct Watched<'a> {
    project: &'a Project,
    store: Option<SqliteStore>,
    seen: u64,
    screen: Screen,
}

impl Watched<'_> {
    /// Shows the journal at each request that comes, until the one that is meant.
    async fn until_the_moment(&mut self, server: &Server) -> Result<(), CommandError> {
        let second = MILESTONES[1].create;
        for number in 1.. {
            server.wait_for_requests(number).await;
            self.show().await?;
            let asks = |path: &String| second.contains(&path.as_str());
            if server.requests().iter().any(|request| request.paths.iter().any(asks)) {
                break;
            }
        }
        Ok(())
    }

    async fn head(&mut self) -> Result<Option<(SqliteStore, RunHead)>, CommandError> {
        let store = match &self.store {
            Some(store) => store.clone(),
            None => self.store.insert(self.project.open_store().await?).clone(),
        };
        let head = store.runs().await?.into_iter().next();
        Ok(head.map(|head| (store, head)))
    }

    async fn holder(&mut self) -> Result<Option<u32>, CommandError> {
        let holder = self.head().await?.and_then(|(_, head)| head.holder);
        Ok(holder.map(|holder| holder.pid))
    }

    /// Shows the rows that are new, as the process that wrote them would.
    async fn show(&mut self) -> Result<(), CommandError> {
        let Some((store, head)) = self.head().await? else {
            return Ok(());
        };
        for entry in store.records(head.id, self.seen).await? {
            self.seen = entry.seq;
            if let Some((event, _)) = parse(&entry) {
                let run = entry.run.to_string();
                self.screen.event(&Line { seq: entry.seq, at: entry.at, run, event });
            }
        }
        Ok(())
    }

    async fn finish(mut self, server: &Server, output: &Output) -> Result<Killed, CommandError> {
        self.show().await?;
        let Some((store, head)) = self.head().await? else {
            return Err(anyhow::anyhow!("the killed run left no state").into());
        };
        let status = view::status(&head);
        let finished = record::finished(&store.records(head.id, 0).await?);
        let printer: &Printer = &self.project.printer;
        printer.say(
            Tone::Warn,
            &format!("[DEMO] what it left says: {status}, {} steps finished", finished.len()),
        );
        printer.say(Tone::Plain, "[DEMO] belay resume");
        Ok(Killed {
            requests: server.requests().len(),
            finished,
            by_kill: output.ended == Ended::Signaled(9),
            status,
        })
    }
}

impl Killed {
    /// What the kill was to show, once the run has been gone on with.
    pub(crate) fn promises(&self, server: &Server) -> Vec<Promise> {
        let again = record::asked_again(&server.requests(), self.requests, &self.finished);
        again.iter().for_each(|asked| tracing::error!(?asked, "asked again after the kill"));
        let kept = self.finished.len();
        vec![
            Promise::new(
                "the run's process was killed (SIGKILL); its state said interrupted",
                self.by_kill && self.status == Status::Interrupted,
            ),
            Promise::new(
                format!(
                    "it went on where it was: none of its {kept} finished steps was asked twice, says the models' own record"
                ),
                kept > 0 && again.is_empty(),
            ),
        ]
    }
}
