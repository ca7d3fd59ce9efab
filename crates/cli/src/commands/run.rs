//! `belay run` and `belay resume`: work on one run until it ends or must stop.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use checkpoint_store::{Error as StoreError, Lease, RunHead, RunId, RunStore, SqliteStore};
use futures::FutureExt as _;
use model_providers::Providers;
use orchestrator::{Outcome, Parts, RunView, Shutdown, State, Status};
use tokio::time::Instant;

use crate::args::{ResumeArgs, RunArgs, WorkArgs};
use crate::branch_names;
use crate::error::{Code, CommandError, CommandResult};
use crate::exit::Exit;
use crate::ideas::{self, Named};
use crate::job::{self, BreakerRow};
use crate::printer::Tone;
use crate::project::Project;
use crate::records;
use crate::selection::{self, Selected};
use crate::{debts, health, mending, mirror, panics, signals, summary, upkeep, watchdog, wiring};

/// `belay run [IDEA]`.
pub(crate) async fn run(mut project: Project, args: RunArgs, started: Instant) -> CommandResult {
    begin(&mut project, &args.work, started)?;
    // Everything that a person can have typed wrong is found before anything is written.
    // An empty name is what a workflow passes on for an input that was not given.
    let named = match args.idea.as_deref().filter(|name| !name.is_empty()) {
        Some(name) => Some(ideas::named(name, project.top(), &project.surroundings)?),
        None => None,
    };
    wiring::templates(&project)?;
    wiring::forge(&project).await?;
    selection::base(&project).await?;
    selection::remote(&project).await?;
    let tell = !args.work.dry_run;
    let named = match named {
        Some(Named::Issue(number)) if !may_have_runs(&project) => {
            Some(Named::Here(Box::new(ideas::issues::needed(&project, number, tell).await?)))
        }
        named => named,
    };
    if let Some(Named::Here(found)) = named.as_ref().filter(|_| !may_have_runs(&project)) {
        branch_names::free(&project, found, &[], args.fresh, false).await?;
    }
    tell_warnings(&project).await?;
    let choose = async |store: &SqliteStore| {
        take_in(&project, store, started).await?;
        debts::settle(&project, store, &args.work, started).await?;
        match named.clone() {
            Some(Named::Here(found)) => {
                selection::for_idea(&project, store, *found, args.fresh).await
            }
            Some(Named::Issue(number)) => {
                selection::issues::for_issue(&project, store, number, (args.fresh, tell)).await
            }
            None if args.resume => match selection::unfinished(&project, store, None).await? {
                Selected::Nothing => selection::next(&project, store, args.fresh, tell).await,
                selected => Ok(selected),
            },
            None => selection::next(&project, store, args.fresh, tell).await,
        }
    };
    let chosen = mending::with_store(&project, choose).await?;
    work_on(&project, chosen, &args.work, started).await
}

/// `belay resume [RUN]`.
pub(crate) async fn resume(
    mut project: Project,
    args: ResumeArgs,
    started: Instant,
) -> CommandResult {
    begin(&mut project, &args.work, started)?;
    wiring::templates(&project)?;
    wiring::forge(&project).await?;
    if !may_have_runs(&project) {
        return match args.run {
            Some(name) => Err(selection::no_such_run(&name)),
            None => nothing(&project),
        };
    }
    selection::remote(&project).await?;
    tell_warnings(&project).await?;
    let choose = async |store: &SqliteStore| {
        take_in(&project, store, started).await?;
        selection::unfinished(&project, store, args.run.as_deref()).await
    };
    let chosen = mending::with_store(&project, choose).await?;
    work_on(&project, chosen, &args.work, started).await
}

/// Here, or on the mirror.
fn may_have_runs(project: &Project) -> bool {
    project.has_state() || project.config.store.mirror.is_some()
}

async fn take_in(
    project: &Project,
    store: &SqliteStore,
    started: Instant,
) -> Result<(), CommandError> {
    let deadline = wiring::deadline(project, started);
    let elsewhere = mirror::bring_until(project, store, deadline).await?;
    // Asked again after a state file was salvaged, with the same answer.
    project.elsewhere.get_or_init(|| elsewhere);
    Ok(())
}

/// What both begin with; from here on nothing keeps the process past its time.
fn begin(project: &mut Project, work: &WorkArgs, started: Instant) -> Result<(), CommandError> {
    wiring::apply_flags(project, work)?;
    project.cache_is_outside()?;
    project.surroundings.make_cache()?;
    project.printer.detach()?;
    watchdog::begin(started, project.config.run.timeout, work.strict)?;
    Ok(())
}

async fn tell_warnings(project: &Project) -> Result<(), CommandError> {
    project.warnings.iter().for_each(|warning| project.printer.warn(warning));
    if project.repository.is_dirty().await? {
        project.printer.warn("the checkout has changes that are not committed; the work builds on the commit, without them");
    }
    Ok(())
}

async fn work_on(
    project: &Project,
    (store, selected): (SqliteStore, Selected),
    work: &WorkArgs,
    started: Instant,
) -> CommandResult {
    match selected {
        Selected::Nothing => {
            upkeep::after_run(project, &store).await;
            nothing(project)
        }
        Selected::Done(head) => {
            upkeep::after_run(project, &store).await;
            done(project, &store, &head, work).await
        }
        Selected::Work(lease, known) => {
            mending::tell(&store, &lease).await?;
            drive(project, store, (lease, known), work, started).await
        }
    }
}

fn nothing(project: &Project) -> CommandResult {
    let line = "Nothing to do: no run to go on with, and no new idea in ideas/backlog; \
                `belay status` tells what waits for a person";
    project.printer.say(Tone::Plain, line);
    Ok(Exit::Success)
}

async fn done(
    project: &Project,
    store: &SqliteStore,
    head: &RunHead,
    work: &WorkArgs,
) -> CommandResult {
    let state = records::needed(project, store, head).await?;
    let view = RunView::new(head, &state);
    tell_job(project, &view, &*project.providers(Some(store)).await?);
    project
        .printer
        .say(Tone::Plain, "This idea is done and has not changed since; --fresh does it again");
    if project.printer.json() {
        project.printer.data(&view);
    } else {
        let outcome = Outcome { run: head.id, status: Status::Completed, reason: None, state };
        summary::lines(&outcome, head).iter().for_each(|line| project.printer.out(line));
    }
    Ok(Exit::of_run(Status::Completed, view.partial, view.degraded, work.strict))
}

async fn drive(
    project: &Project,
    store: SqliteStore,
    taken: (Lease, Option<Box<State>>),
    work: &WorkArgs,
    started: Instant,
) -> CommandResult {
    let shutdown = Shutdown::new();
    signals::watch(&shutdown, &project.printer)?;
    panics::watch(&shutdown);
    health::watch_memory(&shutdown);
    let parts = wiring::parts(project, &store, work, &shutdown, started).await?;
    for line in project.failover_status(parts.chains.planner.providers(), true) {
        project.printer.say(Tone::Plain, &line);
    }
    let providers = Arc::clone(parts.chains.planner.providers());
    wiring::tell_where_issues_go(project).await?;
    let outcome = drive_or_end(project, parts, taken).await?;
    // Whoever sent a signal waits for the end.
    if shutdown.trigger().is_none_or(|trigger| !trigger.starts_with("SIG")) {
        upkeep::after_run(project, &store).await;
    }
    let heads = store.runs().await?;
    if let Some(head) = heads.iter().find(|head| head.id == outcome.run) {
        project.printer.end_group();
        if !project.printer.json() {
            summary::lines(&outcome, head).iter().for_each(|line| project.printer.out(line));
        }
        tell_job(project, &RunView::new(head, &outcome.state), &providers);
    }
    if let Some(reason) = outcome.reason.as_deref().filter(|_| outcome.status == Status::Failed) {
        project.printer.error(Some(Code::Run.slug()), reason);
    }
    let (partial, degraded) = (outcome.state.partial(), outcome.state.degraded());
    Ok(Exit::of_run(outcome.status, partial, degraded, work.strict))
}

/// What the job's page and later steps of it are told, in a job of GitHub's.
fn tell_job(project: &Project, view: &RunView, providers: &Providers) {
    let Some(job) = project.printer.job() else { return };
    let breakers = project.standings(providers).map(|(role, _, model, health)| BreakerRow {
        role: role.name(),
        model: model.to_string(),
        state: health.status.to_string(),
    });
    let breakers: Vec<BreakerRow> = breakers.collect();
    let hide = |text: &str| project.printer.without_secrets(text);
    let summary = job::markdown(view, &breakers, &hide);
    let outputs = job.set_outputs(&[
        ("status", view.status.as_str()),
        ("run", &view.run),
        ("branch", &view.branch),
        ("pull-request", view.pull_request.as_deref().unwrap_or_default()),
    ]);
    for (what, told) in [("outputs", outputs), ("summary", job.tell_summary(&summary))] {
        if let Err(error) = told {
            project.printer.warn(&format!("the job gets no {what}: {error}"));
        }
    }
}

/// How long leftovers of a dead process may take to end.
const SWEEP_LIMIT: Duration = Duration::from_secs(2);

/// Ends what commands of a process left that was killed: nobody else ever would.
async fn sweep(project: &Project) {
    let swept = subprocess::sweep(SWEEP_LIMIT).await;
    if !swept.ended.is_empty() {
        let programs: Vec<&str> = swept.ended.iter().map(|left| left.program.as_str()).collect();
        project.printer.warn(&format!(
            "{} left by a belay that was killed: ended ({})",
            processes(programs.len()),
            programs.join(", ")
        ));
    }
    if !swept.remaining.is_empty() {
        let pids: Vec<String> = swept.remaining.iter().map(|left| left.pid.to_string()).collect();
        project.printer.warn(&format!(
            "{} left by a belay that was killed do not end: {}",
            processes(pids.len()),
            pids.join(", ")
        ));
    }
}

fn processes(number: usize) -> String {
    if number == 1 { "1 process".to_owned() } else { format!("{number} processes") }
}

/// Works on the run; what panics in there, or loses a task that it needs, ends the run as one that
/// was interrupted, with its state saved.
async fn drive_or_end(
    project: &Project,
    parts: Parts,
    (lease, known): (Lease, Option<Box<State>>),
) -> Result<Outcome, CommandError> {
    let run = lease.run();
    let store = parts.store.clone();
    let drive = async {
        sweep(project).await;
        orchestrator::drive(parts.clone(), lease, known.map(|known| *known)).await
    };
    let trigger = match AssertUnwindSafe(drive).catch_unwind().await {
        Ok(Err(orchestrator::Error::LeaseLost)) => return Err(lost_lease(&*store, run).await),
        Ok(Err(orchestrator::Error::JournalClosed)) => "a task of the run died".to_owned(),
        Ok(driven) => return Ok(driven?),
        Err(payload) => format!("panic: {}", panics::said(&*payload)),
    };
    Ok(orchestrator::end_broken(parts, run, &trigger).await?)
}

/// Who has the run now, as at the start; what was begun for it is ended.
async fn lost_lease(store: &dyn RunStore, run: RunId) -> CommandError {
    subprocess::end_all_now();
    let heads = store.runs().await.unwrap_or_default();
    let holder = heads.into_iter().find(|head| head.id == run).and_then(|head| head.holder);
    let lost = anyhow::Error::from(orchestrator::Error::LeaseLost);
    match holder {
        Some(holder) => CommandError {
            code: Code::RunHeld,
            cause: anyhow::Error::from(StoreError::Held { holder }).context(lost),
        },
        None => CommandError { code: Code::RunHeld, cause: lost },
    }
}
