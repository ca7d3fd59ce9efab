//! The journal of weeks: what the run's first process wrote in an hour, over and over, each time
//! rolled back and begun anew.

use std::fs;

use anyhow::{Context, Result};
use checkpoint_store::{Batch, Entry, Lease, NewRecord, RunStore as _, SqliteStore};
use orchestrator::event::{Event, Success};
use orchestrator::journal;

use crate::project::Project;

/// Rows written at once.
const BATCH: usize = 500;

/// Makes the run's journal so long; gives the size of its records in bytes.
pub(crate) async fn tell(project: &Project, records: usize) -> Result<usize> {
    let store = SqliteStore::open(&project.state(), "bench").await?;
    let run = store.runs().await?.first().context("a run")?.id;
    let lease = store.acquire(run).await?;
    let told = store.records(run, 0).await?;
    let hour = hour(&told)?;
    // The last one ends rolled back, so that what comes next is to ask the coders.
    let mut missing: Vec<NewRecord> =
        hour.iter().cycle().take(records - told.len()).cloned().collect();
    if let Some(last) = missing.last_mut() {
        *last = rolled_back()?;
    }
    let bytes = missing.iter().map(|record| record.body.to_string().len()).sum::<usize>();
    write(&store, &lease, missing).await?;
    store.release(lease).await?;
    store.close().await?;
    fs::create_dir_all(kept(project))?;
    fs::copy(project.state().join("state.db"), kept(project).join("state.db"))?;
    Ok(bytes)
}

/// The state as it was before anything was measured.
pub(crate) fn restore(project: &Project) -> Result<()> {
    for log in ["state.db-wal", "state.db-shm"] {
        let log = project.state().join(log);
        if log.exists() {
            fs::remove_file(log)?;
        }
    }
    fs::copy(kept(project).join("state.db"), project.state().join("state.db"))?;
    Ok(())
}

fn kept(project: &Project) -> std::path::PathBuf {
    project.state().with_extension("kept")
}

/// From the division of the milestone's work to the end of the process, without what is made once.
fn hour(told: &[Entry]) -> Result<Vec<NewRecord>> {
    let is_round = |entry: &Entry| entry.body["fact"]["kind"] == "round";
    let begin = told.iter().position(is_round).context("a round of work")?;
    let again = told[begin..].iter().filter(|entry| entry.kind != "issue_created");
    let mut hour: Vec<NewRecord> = again
        .map(|entry| NewRecord { kind: entry.kind.clone(), body: entry.body.clone() })
        .collect();
    hour.insert(0, rolled_back()?);
    Ok(hour)
}

fn rolled_back() -> Result<NewRecord> {
    let event = Event::MilestoneRolledBack {
        milestone: 1,
        succeeded: 3,
        total: 3,
        success: Success::All,
        retry: 1,
        outcome: None,
        reason: "begun anew".to_owned(),
        kept: None,
    };
    Ok(journal::record(&event, None)?)
}

async fn write(store: &SqliteStore, lease: &Lease, records: Vec<NewRecord>) -> Result<()> {
    for batch in records.chunks(BATCH) {
        store.commit(lease, Batch { records: batch.to_vec(), ..Batch::default() }).await?;
    }
    Ok(())
}
