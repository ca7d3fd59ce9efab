//! A damaged state, mended by the run that needs it: what is bad is set aside
//! as a copy, the last good point is used, and a row of the journal makes an
//! issue of it.
//!
//! The failure this prevents: an hourly run that passes its work over for ever,
//! because nobody was there to read that a command would mend it.

use std::collections::BTreeSet;

use checkpoint_store::{
    Batch, Error, Lease, RunHead, RunId, RunStore, Settings, SqliteStore, StorageClass,
};
use orchestrator::state::Repair;
use orchestrator::{Event, State, Status, journal};

use crate::error::CommandError;
use crate::exit::Exit;
use crate::project::Project;
use crate::records;

/// The state of a run that is to be worked on, mended where it was damaged; in the inner result
/// why it cannot be read. Of a run whose first record was lost nothing is left to work on: see
/// [`is_lost`].
pub(crate) async fn state(
    project: &Project,
    store: &SqliteStore,
    head: &RunHead,
) -> Result<Result<State, String>, CommandError> {
    match store.records(head.id, 0).await {
        Ok(records) => Ok(Ok(State::fold(&records))),
        Err(Error::Damaged { .. }) => {
            repair(project, store, head).await?;
            Ok(Ok(State::fold(&store.records(head.id, 0).await?)))
        }
        Err(error @ Error::Newer { .. }) => Ok(Err(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

/// [`state`] of a run that was named: what cannot be read ends the command.
pub(crate) async fn needed(
    project: &Project,
    store: &SqliteStore,
    head: &RunHead,
) -> Result<State, CommandError> {
    let state = state(project, store, head).await?;
    state.map_err(|why| records::in_file(project, head, Exit::Usage, &why))
}

/// Whether nothing is left of a run but its branch and the copy that was set aside.
pub(crate) fn is_lost(state: &State) -> bool {
    state.started.is_none()
}

async fn repair(
    project: &Project,
    store: &SqliteStore,
    head: &RunHead,
) -> Result<(), CommandError> {
    let flaws = store.check(head.id).await?.flaws;
    let flaws: Vec<String> = flaws.iter().map(ToString::to_string).collect();
    let Some(repaired) = store.repair(head.id).await? else { return Ok(()) };
    let (run, idea) = (head.id, &head.subject);
    let copy = project.shown(&project.state_dir().join(&repaired.set_aside));
    let found = format!("the records of run {run} ({idea}) were damaged: {}", flaws.join("; "));
    let goes_on = repaired.cut_after > 0;
    let then = if goes_on {
        format!(
            "it goes on after record {}, {} records are lost",
            repaired.cut_after, repaired.lost
        )
    } else {
        "nothing is left of it but its branch".to_owned()
    };
    project.printer.warn(&format!("{found}; {then}; as it was found it lies in {copy}"));
    let event = Event::StateRepaired {
        of: format!("run {run}"),
        flaw: flaws.join("; "),
        cut_after: goes_on.then_some(repaired.cut_after),
        lost: Some(repaired.lost),
        lost_runs: Vec::new(),
        set_aside: repaired.set_aside,
    };
    let lease = store.acquire(run).await?;
    if goes_on {
        tell(store, &lease, &[event]).await?;
    } else {
        end_lost(store, &lease, head, event).await?;
    }
    Ok(store.release(lease).await?)
}

/// Ends a run of which nothing is left, so that it stands in nobody's way.
async fn end_lost(
    store: &SqliteStore,
    lease: &Lease,
    head: &RunHead,
    repaired: Event,
) -> Result<(), CommandError> {
    let status = Status::Failed;
    let finished = Event::RunFinished {
        status,
        branch: head.attributes["branch"].as_str().unwrap_or_default().to_owned(),
        commits: 0,
        partial: false,
        degraded: false,
        reason: Some("its records were damaged from the first one on".to_owned()),
    };
    let records = vec![journal::record(&repaired, None)?, journal::record(&finished, None)?];
    let finish = Some(status.as_str().to_owned());
    store.commit(lease, Batch { records, finish, reopen: false }).await?;
    Ok(())
}

/// Writes down, in the run that is to be worked on, what was mended.
pub(crate) async fn tell(
    store: &SqliteStore,
    lease: &Lease,
    repairs: &[Event],
) -> Result<(), CommandError> {
    if repairs.is_empty() {
        return Ok(());
    }
    let records = repairs.iter().map(|event| journal::record(event, None));
    let records = records.collect::<Result<Vec<_>, _>>()?;
    store.commit(lease, Batch { records, ..Batch::default() }).await?;
    Ok(())
}

/// What the next run of an idea tells of the one that was lost.
pub(crate) fn lost(state: State) -> Vec<Event> {
    let told = |repair: Repair| Event::StateRepaired {
        of: repair.of,
        flaw: repair.flaw,
        cut_after: None,
        lost: repair.lost,
        lost_runs: repair.lost_runs,
        set_aside: repair.set_aside,
    };
    state.repairs.into_iter().map(told).collect()
}

/// Runs that were here once and of which no record is left: their branches may stand.
pub(crate) async fn lost_runs(store: &SqliteStore) -> Result<Vec<RunId>, CommandError> {
    let known: BTreeSet<RunId> = store.runs().await?.iter().map(|head| head.id).collect();
    let mut named = store.lock_names().await?;
    named.retain(|run| !known.contains(run));
    Ok(named)
}

/// Opens the state and does `work` with it. A state file that is no sound database is set aside
/// whole, and the work is done with what can be read of it; the event says so.
pub(crate) async fn with_store<T>(
    project: &Project,
    work: impl AsyncFn(&SqliteStore) -> Result<T, CommandError>,
) -> Result<(SqliteStore, T, Vec<Event>), CommandError> {
    let settings = Settings::new(&project.surroundings.host);
    let opened = SqliteStore::open_with(&project.state_dir(), settings.clone()).await;
    let flaw = match opened {
        Ok(store) => match work(&store).await {
            Err(error) if is_corrupt(&error) => {
                store.close().await?;
                error.line()
            }
            done => return Ok((store, done?, Vec::new())),
        },
        Err(error) => match CommandError::from(error) {
            error if is_corrupt(&error) => error.line(),
            error => return Err(records::unopened(project, &error)),
        },
    };
    let salvaged = SqliteStore::salvage(&project.state_dir(), settings.clone()).await;
    let salvaged = salvaged.map_err(|error| records::unopened(project, &error.into()))?;
    let copy = project.shown(&project.state_dir().join(&salvaged.set_aside));
    let lost_runs: Vec<String> = salvaged.lost.iter().map(ToString::to_string).collect();
    let lost = match lost_runs.len() {
        0 => "no run is lost".to_owned(),
        _ => format!("lost are {}, whose branches keep their commits", lost_runs.join(", ")),
    };
    let file = project.shown(&project.state_file());
    project.printer.warn(&format!(
        "{file}: {flaw}; it was set aside as {copy}, and a new one holds the {} runs that could be read; {lost}",
        salvaged.runs.len()
    ));
    let event = Event::StateRepaired {
        of: file,
        flaw,
        cut_after: None,
        lost: None,
        lost_runs,
        set_aside: salvaged.set_aside,
    };
    let opened = SqliteStore::open_with(&project.state_dir(), settings).await;
    let store = opened.map_err(|error| records::unopened(project, &error.into()))?;
    let done = work(&store).await?;
    Ok((store, done, vec![event]))
}

fn is_corrupt(error: &CommandError) -> bool {
    let storage = error.cause.downcast_ref::<Error>();
    matches!(storage, Some(Error::Storage { class: StorageClass::Corrupt, .. }))
}
