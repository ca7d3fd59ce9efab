//! Runs of which the state has lost every record: what is left of them is a
//! lock file, their branch, and the commits on it, which name them.
//!
//! The failure this prevents: an idea that is done once more, on a second
//! branch, since nobody remembers that it was done.

use std::collections::BTreeSet;

use checkpoint_store::{Batch, RunHead, RunId, RunStore, SqliteStore};
use orchestrator::{Event, Status, journal, run_of_commit};
use worktree::CommitId;

use crate::branch_names;
use crate::error::CommandError;
use crate::ideas::Found;
use crate::project::Project;
use crate::selection;

/// What is left of a run.
pub(crate) struct Left {
    pub(crate) run: RunId,
    pub(crate) branch: String,
    /// What the first of its commits stands on, or where its branch stands if it has none.
    pub(crate) base: CommitId,
}

/// Runs that were here once and are not known any more.
pub(crate) async fn runs(store: &SqliteStore) -> Result<BTreeSet<RunId>, CommandError> {
    let known: BTreeSet<RunId> = store.runs().await?.iter().map(|head| head.id).collect();
    let named = store.lock_names().await?;
    Ok(named.into_iter().filter(|run| !known.contains(run)).collect())
}

/// What is left of a run that is known and has no record any more; `None` where nobody can tell
/// which branch it had.
pub(crate) async fn of_known(
    project: &Project,
    head: &RunHead,
) -> Result<Option<Left>, CommandError> {
    let Some(branch) = branch_names::of(head).filter(|branch| !branch.is_empty()) else {
        return Ok(None);
    };
    let (run, branch) = (head.id, branch.to_owned());
    if let Some(left) = on_branch(project, &branch, &BTreeSet::from([run])).await? {
        return Ok(Some(left));
    }
    let tip = project.repository.branch_tip(&branch).await?;
    let base = match tip {
        Some(tip) => tip,
        None => selection::base(project).await?,
    };
    Ok(Some(Left { run, branch, base }))
}

/// What is left of a run of this idea that nobody knows any more: of several, of the last one.
pub(crate) async fn of_idea(
    project: &Project,
    found: &Found,
    heads: &[RunHead],
    lost_runs: &BTreeSet<RunId>,
) -> Result<Option<Left>, CommandError> {
    let name = branch_names::name(project, found, heads);
    let mut left = None;
    for suffix in 1..branch_names::MOST_SUFFIXES {
        let branch = branch_names::suffixed(&name, suffix);
        if project.repository.branch_tip(&branch).await?.is_none() {
            break;
        }
        left = on_branch(project, &branch, lost_runs).await?.or(left);
    }
    Ok(left)
}

/// Which of these runs has commits on the branch, above what the checkout has.
async fn on_branch(
    project: &Project,
    branch: &str,
    runs: &BTreeSet<RunId>,
) -> Result<Option<Left>, CommandError> {
    let repository = &project.repository;
    let Some(tip) = repository.branch_tip(branch).await? else { return Ok(None) };
    let here = selection::base(project).await?;
    for (commit, message) in repository.messages(&here, &tip).await? {
        if let Some(run) = run_of_commit(&message).filter(|run| runs.contains(run)) {
            let base = repository.resolve(&format!("{commit}^")).await?;
            return Ok(Some(Left { run, branch: branch.to_owned(), base }));
        }
    }
    Ok(None)
}

/// Ends a run of which nothing is left, and whose idea is not here either, so that it stands in
/// nobody's way.
pub(crate) async fn end(store: &SqliteStore, head: &RunHead) -> Result<(), CommandError> {
    let status = Status::Failed;
    let finished = Event::RunFinished {
        status,
        branch: branch_names::of(head).unwrap_or_default().to_owned(),
        commits: 0,
        partial: false,
        degraded: false,
        reason: Some("its records were damaged from the first one on".to_owned()),
    };
    let records = vec![journal::record(&finished, None)?];
    let lease = store.acquire(head.id).await?;
    let finish = Some(status.as_str().to_owned());
    store.commit(&lease, Batch { records, finish, reopen: false }).await?;
    Ok(store.release(lease).await?)
}
