//! A damaged state, mended by the run that needs it: what is bad is set aside
//! as a copy, the last good point is used, and a row of the journal makes an
//! issue of it. Of a run that is lost, its commits are left: see `lost`.
//!
//! The failure this prevents: an hourly run that passes its work over for ever,
//! because nobody was there to read that a command would mend it. And what was
//! mended must be told also if the process is killed right after it: a repair
//! writes its row in the same step, and what is salvaged notes it in the new file.

use checkpoint_store::{
    Batch, Error, Lease, Note, Repaired, RunHead, RunStore, Salvaged, Settings, SqliteStore,
    StorageClass, Telling, ValueStore as _,
};
use orchestrator::state::Repair;
use orchestrator::{Event, State, journal};
use serde_json::Value;

use crate::error::{Code, CommandError};
use crate::project::Project;
use crate::records::{self, Unreadable};

/// Where that stands among the shared values which was mended, and told in no run yet.
const UNTOLD: &str = "untold-repairs";

/// The state of a run that is to be worked on, mended where it was damaged; in the inner result
/// why it cannot be read. Of a run whose first record was lost nothing is left to work on: see
/// [`is_lost`].
pub(crate) async fn state(
    project: &Project,
    store: &SqliteStore,
    head: &RunHead,
) -> Result<Result<State, String>, CommandError> {
    let mut read = records::read(store, head).await?;
    if matches!(read, Err(Unreadable::Damaged(_))) {
        repair(project, store, head).await?;
        read = records::read(store, head).await?;
    }
    Ok(read.map_err(|why| why.to_string()))
}

/// [`state`] of a run that was named: what cannot be read ends the command.
pub(crate) async fn needed(
    project: &Project,
    store: &SqliteStore,
    head: &RunHead,
) -> Result<State, CommandError> {
    let state = state(project, store, head).await?;
    state.map_err(|why| records::in_file(project, head, Code::StateNewer, &why))
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
    let flaws = flaws.join("; ");
    let Some(repaired) = store.repair(head.id, Some(note(flaws.clone()))).await? else {
        return Ok(());
    };
    let (run, idea) = (head.id, &head.subject);
    let copy = project.shown(&project.state_dir().join(&repaired.set_aside));
    let then = match repaired.cut_after {
        0 => "nothing is left of it but its branch".to_owned(),
        good => format!("it goes on after record {good}, {} records are lost", repaired.lost),
    };
    project.printer.warn(&format!(
        "the records of run {run} ({idea}) were damaged: {flaws}; {then}; as it was found it lies in {copy}"
    ));
    Ok(())
}

/// The row that tells of a repair.
fn note(flaw: String) -> Note {
    Box::new(move |repaired: &Repaired| {
        let event = Event::StateRepaired {
            of: format!("run {}", repaired.run),
            flaw,
            cut_after: (repaired.cut_after > 0).then_some(repaired.cut_after),
            lost: Some(repaired.lost),
            lost_runs: Vec::new(),
            set_aside: Some(repaired.set_aside.clone()),
        };
        let record = journal::record(&event, None);
        let record = record.map_err(|_| Error::Invalid("what was repaired cannot be told"))?;
        Ok(Batch { records: vec![record], ..Batch::default() })
    })
}

/// Writes down, in the run that is to be worked on, what was salvaged and told in no run yet.
pub(crate) async fn tell(store: &SqliteStore, lease: &Lease) -> Result<(), CommandError> {
    let Some(found) = store.get(UNTOLD).await? else { return Ok(()) };
    let events = untold(found.value);
    if events.is_empty() {
        return Ok(());
    }
    // A process that was killed may have come as far as to write them down here.
    let told = State::fold(&store.records(lease.run(), 0).await?).repairs;
    let is_new = |event: &&Event| repair_of(event).is_none_or(|repair| !told.contains(&repair));
    let records = events.iter().filter(is_new).map(|event| journal::record(event, None));
    let records = records.collect::<Result<Vec<_>, _>>()?;
    store.commit(lease, Batch { records, ..Batch::default() }).await?;
    store.compare_and_swap(UNTOLD, Some(found.revision), Value::Array(Vec::new())).await?;
    Ok(())
}

fn untold(value: Value) -> Vec<Event> {
    serde_json::from_value(value).unwrap_or_default()
}

fn repair_of(event: &Event) -> Option<Repair> {
    match event.clone() {
        Event::StateRepaired { of, flaw, cut_after, lost, lost_runs, set_aside } => {
            Some(Repair { of, flaw, cut_after, lost, lost_runs, set_aside })
        }
        _ => None,
    }
}

/// Opens the state and does `work` with it. A state file that is no sound database, or is gone, is
/// set aside whole, and the work is done with what can be read of it.
pub(crate) async fn with_store<T>(
    project: &Project,
    work: impl AsyncFn(&SqliteStore) -> Result<T, CommandError>,
) -> Result<(SqliteStore, T), CommandError> {
    let settings = Settings::new(&project.surroundings.host);
    let opened = SqliteStore::open_with(&project.state_dir(), settings.clone()).await;
    let flaw = match opened {
        Ok(store) => match work(&store).await {
            Err(error) if is_corrupt(&error) => {
                store.close().await?;
                error.line()
            }
            done => return Ok((store, done?)),
        },
        Err(error) => match CommandError::from(error) {
            error if is_corrupt(&error) => error.line(),
            error => return Err(records::unopened(project, &error)),
        },
    };
    salvage(project, settings.clone(), flaw).await?;
    let opened = SqliteStore::open_with(&project.state_dir(), settings).await;
    let store = opened.map_err(|error| records::unopened(project, &error.into()))?;
    let done = work(&store).await?;
    Ok((store, done))
}

async fn salvage(project: &Project, settings: Settings, flaw: String) -> Result<(), CommandError> {
    let file = project.shown(&project.state_file());
    let telling = telling(file.clone(), flaw.clone());
    let salvaged = SqliteStore::salvage(&project.state_dir(), settings, Some(telling)).await;
    let salvaged = salvaged.map_err(|error| records::unopened(project, &error.into()))?;
    let aside = salvaged.set_aside.as_ref().map(|name| {
        let copy = project.shown(&project.state_dir().join(name));
        format!("it was set aside as {copy}, and ")
    });
    let lost = match names_of_lost(&salvaged) {
        lost if lost.is_empty() => "no run is lost".to_owned(),
        lost => format!("lost are {}, whose branches keep their commits", lost.join(", ")),
    };
    project.printer.warn(&format!(
        "{file}: {flaw}; {}a new one holds the {} runs that could be read; {lost}",
        aside.unwrap_or_default(),
        salvaged.runs.len()
    ));
    Ok(())
}

fn names_of_lost(salvaged: &Salvaged) -> Vec<String> {
    salvaged.lost.iter().map(ToString::to_string).collect()
}

/// Told in the run that is worked on next, whichever that is.
fn telling(of: String, flaw: String) -> Telling {
    let value = move |salvaged: &Salvaged, before: Option<Value>| {
        let mut events = before.map(untold).unwrap_or_default();
        events.push(Event::StateRepaired {
            of,
            flaw,
            cut_after: None,
            lost: None,
            lost_runs: names_of_lost(salvaged),
            set_aside: salvaged.set_aside.clone(),
        });
        serde_json::to_value(events).unwrap_or_default()
    };
    Telling { key: UNTOLD, value: Box::new(value) }
}

fn is_corrupt(error: &CommandError) -> bool {
    let storage = error.cause.downcast_ref::<Error>();
    matches!(storage, Some(Error::Storage { class: StorageClass::Corrupt, .. }))
}
