//! What finished runs leave is bounded: their journals, and the worktrees that
//! nobody works in any more.
//!
//! The failure this prevents: an hourly run that fills the disk over a year
//! with what nobody will ever look at.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use checkpoint_store::{Pruning, RunHead, RunId, RunStore, SqliteStore};
use jiff::{SignedDuration, Timestamp};
use model_providers::Program;
use orchestrator::{State, Status, view};

use crate::clock;
use crate::error::CommandError;
use crate::project::Project;

/// So many finished runs are kept, however old they are.
const KEPT: usize = 50;
/// Runs, and folders of runs that nobody knows, stay at least so long.
const OLD: SignedDuration = SignedDuration::from_hours(90 * 24);

/// No question to a program takes longer.
const LONGEST_QUESTION: SignedDuration = SignedDuration::from_hours(48);

/// How long all of it may take: a run may end at its time limit.
const LIMIT: Duration = Duration::from_secs(2);

/// Bounds what is kept. Nothing that goes wrong here is worth more than a warning.
pub(crate) async fn after_run(project: &Project, store: &SqliteStore) {
    let before = clock::stamp() - OLD;
    forget_questions(project, clock::stamp() - LONGEST_QUESTION);
    let both = async {
        prune(project, store, before).await?;
        clear_away(project, store, before).await
    };
    match tokio::time::timeout(LIMIT, both).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            project.printer.warn(&format!("what old runs left is kept: {}", error.line()));
        }
        // The next run goes on with it.
        Err(_) => tracing::debug!("what old runs left is not all gone yet"),
    }
}

/// Deletes finished runs that are neither among the newest, nor young, nor have an open issue.
async fn prune(
    project: &Project,
    store: &SqliteStore,
    finished_before: Timestamp,
) -> Result<(), CommandError> {
    let heads = store.runs().await?;
    let mut spare = BTreeSet::new();
    let finished = heads.iter().filter(|head| head.finished.is_some());
    for head in finished.skip(KEPT).filter(|head| head.updated_at < finished_before) {
        // What cannot be read stays to be looked at.
        let records = store.records(head.id, 0).await;
        let state = records.map(|records| State::fold(&records));
        if state.map_or(true, |state| state.issues.iter().any(|issue| !issue.closed)) {
            spare.insert(head.id);
        }
    }
    let gone = store.prune(Pruning { keep: KEPT, finished_before, spare }).await?;
    for run in &gone {
        project.repository.forget_salvaged(&run.to_string()).await?;
        let printed = transcripts(project).join(run.to_string());
        if let Err(error) = fs::remove_dir_all(&printed)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::debug!(%error, "what an old run's programs printed stays");
        }
    }
    if !gone.is_empty() {
        tracing::info!(runs = gone.len(), "old runs were deleted");
    }
    Ok(())
}

/// Removes the folders of programs whose belay was killed while it asked them.
fn forget_questions(project: &Project, before: Timestamp) {
    let providers = project.config.providers.values();
    let programs = providers.filter_map(|provider| provider.endpoint.program.as_ref());
    let places: BTreeSet<&Path> = programs.map(|program| program.folders.as_path()).collect();
    for entry in places.into_iter().flat_map(fs::read_dir).flatten().flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(Program::FOLDER);
        // Of the entry itself: a link is not followed.
        let found = entry.metadata().ok().filter(|found| is_ours && found.is_dir());
        if found.is_some_and(|found| is_older(&found, before))
            && let Err(error) = fs::remove_dir_all(entry.path())
        {
            tracing::debug!(%error, "an old folder of a program stays");
        }
    }
}

fn is_older(found: &fs::Metadata, before: Timestamp) -> bool {
    let at = found.modified().ok().and_then(|at| Timestamp::try_from(at).ok());
    at.is_some_and(|at| at < before)
}

/// Removes worktrees of this repository whose run is done or long gone.
async fn clear_away(
    project: &Project,
    store: &SqliteStore,
    before: Timestamp,
) -> Result<(), CommandError> {
    let worktrees = folders(&project.surroundings.cache().join("worktrees"));
    let workspaces = folders(&workspaces(project));
    if worktrees.is_empty() && workspaces.is_empty() {
        return Ok(());
    }
    // Looked at after the folders: a run is known before its worktree is made.
    let heads = store.runs().await?;
    let head = |run| heads.iter().find(|head| head.id == run);
    let repository = &project.repository;
    for (run, path) in worktrees {
        if is_over(head(run), &path, before) && repository.has_left(&path)? {
            let here = repository.resolve("HEAD").await?;
            repository.worktree(&path, &here).await?.remove().await?;
        }
    }
    for (run, path) in workspaces {
        if is_over(head(run), &path, before) {
            repository.clear_workspaces(&path).await?;
        }
    }
    Ok(())
}

/// Where programs work on the items of runs.
pub(crate) fn workspaces(project: &Project) -> PathBuf {
    project.surroundings.cache().join("workspaces")
}

/// Where all that these programs print is kept, by run.
pub(crate) fn transcripts(project: &Project) -> PathBuf {
    project.state_dir().join("logs").join("programs")
}

/// Where worktrees of runs are, or were: of a folder that was moved aside the place it was moved
/// from.
fn folders(worktrees: &Path) -> BTreeMap<RunId, PathBuf> {
    let entries = fs::read_dir(worktrees).into_iter().flatten().flatten();
    let named = |name: OsString| {
        let name = name.to_str()?.split('.').next()?;
        Some((name.parse().ok()?, worktrees.join(name)))
    };
    entries.filter_map(|entry| named(entry.file_name())).collect()
}

/// Whether nobody will work there again. A run that is not known may be another state's: its
/// folder stays until it is old.
fn is_over(head: Option<&RunHead>, path: &Path, before: Timestamp) -> bool {
    match head {
        Some(head) => view::status(head) == Status::Completed,
        None => path.metadata().is_ok_and(|found| is_older(&found, before)),
    }
}
