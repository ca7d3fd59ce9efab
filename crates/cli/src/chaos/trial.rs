//! One run of one arm: its processes one after the other, by the very code of `belay run`, as far
//! as that is not about the terminal and the signals of a process.
//!
//! A process here is what a process of `belay` does from reading its config to giving its lease
//! back. Nothing lives on from one to the next but what stands in the run's state.

use std::sync::Arc;
use std::time::Duration;

use checkpoint_store::{Lease, RunId, RunStore, SqliteStore};
use orchestrator::journal::parse;
use orchestrator::{Event, Shutdown, State};
use simulated_models::Server;

use super::arm::Arm;
use super::nest::{Nest, Place};
use super::outcome::{Ending, Outcome, Told};
use super::weather::Weather;
use crate::args::{Color, Format, Global, WorkArgs};
use crate::error::CommandError;
use crate::ideas::{self, Named};
use crate::printer::Printer;
use crate::project::Project;
use crate::selection::{self, Selected};
use crate::{clock, wiring};

/// Processes of one run that are tried, those that a person starts among them.
pub(crate) const MOST_PROCESSES: usize = 8;
/// What stands for the hour between two processes: longer than any breaker here stays open and
/// any limit here lasts.
const HOUR: Duration = Duration::from_millis(300);

/// What is tried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trial {
    pub(crate) arm: Arm,
    pub(crate) number: usize,
    pub(crate) weather: Weather,
}

/// Which run a process works on.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// The idea's own, or with `fresh` a new one.
    Idea { fresh: bool },
    /// The next, as a job that comes every hour chooses it.
    Next,
}

/// How a process ended.
struct Ended {
    run: RunId,
    ending: Ending,
    by_template: bool,
}

impl Trial {
    /// Works until the idea is done or given up; nothing if it was asked to stop.
    pub(crate) async fn work(
        self,
        nest: &Nest,
        stop: &Shutdown,
    ) -> Result<Option<Outcome>, CommandError> {
        let server = Server::start(self.weather.script(0)).await?;
        let config = self.arm.config(&server.base_url());
        let place = nest.place(self.weather.complexity, &config)?;
        let bench = Bench { trial: self, place, server, printer: Arc::new(silent(nest)), stop };
        let outcome = bench.work().await;
        bench.server.stop().await;
        outcome
    }
}

struct Bench<'a> {
    trial: Trial,
    place: Place,
    server: Server,
    printer: Arc<Printer>,
    stop: &'a Shutdown,
}

impl Bench<'_> {
    async fn work(&self) -> Result<Option<Outcome>, CommandError> {
        let mut outcome: Option<Outcome> = None;
        let (mut way, mut first) = (Way::Idea { fresh: false }, None);
        let (mut runs, mut manual) = (Vec::new(), 0);
        for process in 0..MOST_PROCESSES {
            let ended = self.process(process, way).await?;
            if self.stop.trigger().is_some() {
                return Ok(None);
            }
            if !runs.contains(&ended.run) {
                runs.push(ended.run);
            }
            let first = *first.get_or_insert(ended.ending);
            let by_itself = self.trial.arm.resumes() && ended.ending.goes_on();
            let is_last = process + 1 == MOST_PROCESSES;
            if outcome.is_none() && (!by_itself || is_last) {
                outcome = Some(self.outcome(first, &ended, process + 1, &runs).await?);
            }
            if ended.ending.is_done() || is_last {
                let done = ended.ending.is_done();
                return Ok(outcome.map(|outcome| Outcome {
                    manual,
                    never_done: !done,
                    calls_until_done: self.server.request_count(),
                    ..outcome
                }));
            }
            way = if by_itself && outcome.is_none() {
                Way::Next
            } else {
                manual += 1;
                Way::Idea { fresh: !self.trial.arm.resumes() }
            };
            tokio::time::sleep(HOUR).await;
        }
        Ok(outcome)
    }

    async fn outcome(
        &self,
        first: Ending,
        ended: &Ended,
        processes: usize,
        runs: &[RunId],
    ) -> Result<Outcome, CommandError> {
        let Trial { arm, number, weather } = self.trial;
        let calls = self.server.request_count();
        let told = self.told(runs).await?;
        Ok(Outcome {
            arm,
            correlation: weather.correlation,
            complexity: weather.complexity,
            number,
            first,
            ending: ended.ending,
            by_template: ended.by_template,
            processes,
            calls,
            manual: 0,
            never_done: false,
            calls_until_done: calls,
            told,
        })
    }

    /// One process from its beginning to its end.
    async fn process(&self, number: usize, way: Way) -> Result<Ended, CommandError> {
        let number = u64::try_from(number).unwrap_or(u64::MAX);
        self.server.set_script(self.trial.weather.script(number));
        let project = self.project().await?;
        let store = project.open_store().await?;
        match self.choose(&project, &store, way).await? {
            Selected::Work(lease, known) => self.drive(&project, &store, lease, known).await,
            Selected::Done(head) => {
                Ok(Ended { run: head.id, ending: Ending::Completed, by_template: false })
            }
            Selected::Nothing => Err(anyhow::anyhow!("a run to go on with was not found").into()),
        }
    }

    async fn choose(
        &self,
        project: &Project,
        store: &SqliteStore,
        way: Way,
    ) -> Result<Selected, CommandError> {
        let Way::Idea { fresh } = way else {
            return selection::next(project, store, false, true).await;
        };
        let path = self.trial.weather.complexity.path();
        match ideas::named(&path, project.top(), &project.surroundings)? {
            Named::Here(found) => selection::for_idea(project, store, *found, fresh).await,
            Named::Issue(_) => Err(anyhow::anyhow!("{path} is taken for an issue").into()),
        }
    }

    async fn drive(
        &self,
        project: &Project,
        store: &SqliteStore,
        lease: Lease,
        known: Option<Box<State>>,
    ) -> Result<Ended, CommandError> {
        // Its own: what ends one process ends no other.
        let shutdown = Shutdown::new();
        let work = WorkArgs::unattended();
        let parts = wiring::parts(project, store, &work, &shutdown, clock::now()).await?;
        let mut driving =
            std::pin::pin!(orchestrator::drive(parts, lease, known.map(|known| *known)));
        let outcome = tokio::select! {
            outcome = &mut driving => outcome?,
            () = self.stop.token().cancelled() => {
                shutdown.request(self.stop.trigger().unwrap_or("stopped"));
                driving.await?
            }
        };
        let (partial, by_template) = (outcome.state.partial(), outcome.state.degraded());
        Ok(Ended { run: outcome.run, ending: Ending::of(outcome.status, partial), by_template })
    }

    async fn project(&self) -> Result<Project, CommandError> {
        let global = Global { repo: Some(self.place.project.clone()), ..quiet() };
        let surroundings = self.place.surroundings.clone();
        Project::open(&global, surroundings, Arc::clone(&self.printer)).await
    }

    async fn told(&self, runs: &[RunId]) -> Result<Told, CommandError> {
        let store = self.project().await?.open_store().await?;
        let mut told = Told::default();
        for run in runs {
            let entries = store.records(*run, 0).await?;
            let events: Vec<Event> =
                entries.iter().filter_map(|entry| Some(parse(entry)?.0)).collect();
            told = told.and(Told::by(&events));
        }
        Ok(told)
    }
}

fn silent(nest: &Nest) -> Printer {
    Printer::new(&quiet(), &nest.surroundings())
}

fn quiet() -> Global {
    Global {
        repo: None,
        config: None,
        format: Format::Human,
        color: Color::Never,
        verbose: 0,
        quiet: true,
    }
}
