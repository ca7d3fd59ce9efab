//! Making a run: one row that says what it is about, written before anything
//! else, together with the lease that keeps every other process off.

use agents::Idea;
use checkpoint_store::{Batch, Error as StoreError, Lease, NewRecord, NewRun, RunId, RunStore};
use serde_json::json;
use worktree::CommitId;

use crate::Error;
use crate::event::Event;
use crate::fact::{Fact, Started};
use crate::journal::record;
use crate::state::Repair;

/// What a new run is to work on.
#[derive(Clone, Debug)]
pub struct NewWork {
    /// The idea.
    pub idea: Idea,
    /// Its file, relative to the repository's top.
    pub idea_path: Option<String>,
    /// The address of the issue that it was read from, if it was one.
    pub idea_issue: Option<String>,
    /// The commit to build on.
    pub base: CommitId,
    /// The full name of the branch that it is taken from, if it is one.
    pub base_branch: Option<String>,
    /// The branch to make.
    pub branch: String,
    /// Leave an unfinished run of the same idea as it is.
    pub fresh: bool,
    /// Damage that was mended and is told in this run.
    pub repairs: Vec<Repair>,
}

/// Writes the run's first row and takes its lease.
///
/// Fails with the store's `Unfinished` or `Held` if the idea has an
/// unfinished run and `fresh` is not set. Two processes that start the same
/// idea at once get one run between them.
pub async fn start(store: &dyn RunStore, work: NewWork) -> Result<Lease, Error> {
    let (new, first) = begun(RunId::generate(), work)?;
    Ok(store.create(new, first).await?)
}

/// Begins a run once more of whose rows nothing is left, as itself: its commits on the branch are
/// known by their trailers, and are built upon.
///
/// Fails with the store's `Held` if a living process has it.
pub async fn start_again(store: &dyn RunStore, run: RunId, work: NewWork) -> Result<Lease, Error> {
    let (new, first) = begun(run, work)?;
    match store.acquire(run).await {
        Ok(lease) => {
            let batch = Batch { records: first, reopen: true, ..Batch::default() };
            store.commit(&lease, batch).await?;
            Ok(lease)
        }
        // Not even the run itself is known any more.
        Err(StoreError::UnknownRun) => Ok(store.create(new, first).await?),
        Err(error) => Err(error.into()),
    }
}

fn begun(run: RunId, work: NewWork) -> Result<(NewRun, Vec<NewRecord>), Error> {
    let idea = &work.idea;
    let event = Event::RunStarted {
        idea: idea.id.clone(),
        title: idea.title.clone(),
        branch: work.branch.clone(),
        base: work.base.to_string(),
    };
    let new = NewRun {
        id: run,
        subject: idea.id.clone(),
        attributes: json!({ "title": idea.title, "branch": work.branch, "digest": idea.digest() }),
        fresh: work.fresh,
    };
    let started = Started {
        idea: work.idea,
        idea_path: work.idea_path,
        idea_issue: work.idea_issue,
        base: work.base,
        base_branch: work.base_branch,
        branch: work.branch,
    };
    let mut first = vec![record(&event, Some(&Fact::Started(started)))?];
    for repair in work.repairs {
        first.push(record(&Event::from(repair), None)?);
    }
    Ok((new, first))
}
