//! Runs that other machines left on the mirror: taken in before anything is
//! chosen, so that a fresh clone goes on where a machine that is gone stopped.

use std::collections::BTreeSet;

use checkpoint_store::{
    Error, MAX_EXPORT_BYTES, RunHead, RunId, RunStore, SqliteStore, ValueStore as _,
};
use orchestrator::State;
use orchestrator::mirror::{EXPORT, MODELS, RUNS, Seen, remember, seen};
use tokio::time::{Instant, timeout_at};
use worktree::CommitId;

use crate::error::CommandError;
use crate::project::Project;

/// What the models taught is small.
const MOST_MODELS_BYTES: usize = 1024 * 1024;

/// [`bring`] for as long as there is time.
pub(crate) async fn bring_until(
    project: &Project,
    store: &SqliteStore,
    deadline: Instant,
) -> Result<BTreeSet<RunId>, CommandError> {
    match timeout_at(deadline, bring(project, store)).await {
        Ok(brought) => brought,
        Err(_) => {
            let remote = project.config.store.mirror.as_deref().unwrap_or_default();
            project.printer.warn(&cannot_be_asked(remote, &"it does not answer in time"));
            Ok(BTreeSet::new())
        }
    }
}

fn cannot_be_asked(remote: &str, why: &dyn std::fmt::Display) -> String {
    format!("{remote} cannot be asked for runs of other machines: {why}")
}

/// Takes in what is new on the mirror. One that is out of reach is warned of: what is known here
/// is gone on with, and a run that is another's by now is found out when it is taken up. Gives
/// the runs that went on elsewhere, and are not to be worked on here.
async fn bring(project: &Project, store: &SqliteStore) -> Result<BTreeSet<RunId>, CommandError> {
    let mut elsewhere = BTreeSet::new();
    let Some(remote) = &project.config.store.mirror else {
        return Ok(elsewhere);
    };
    let known = seen(store).await?;
    let refs = match project.repository.remote_refs(remote, "refs/belay/").await {
        Ok(refs) => refs,
        Err(error) => {
            project.printer.warn(&cannot_be_asked(remote, &error));
            return Ok(elsewhere);
        }
    };
    let mut now = Seen::new();
    for (name, bundle) in refs {
        if known.get(&name) == Some(&bundle) {
            continue;
        }
        let taken = match name.strip_prefix(RUNS).map(str::parse::<RunId>) {
            Some(Ok(run)) => take(project, store, remote, &name, run, &mut elsewhere).await?,
            // The run of an idea, which says nothing by itself.
            None => true,
            Some(Err(_)) => false,
        };
        if taken {
            now.insert(name, bundle);
        }
    }
    if !now.is_empty() {
        remember(store, &now).await?;
    }
    Ok(elsewhere)
}

/// Takes one run in; false if nothing can be made of what lies there.
async fn take(
    project: &Project,
    store: &SqliteStore,
    remote: &str,
    name: &str,
    run: RunId,
    elsewhere: &mut BTreeSet<RunId>,
) -> Result<bool, CommandError> {
    let passed_over = |why: String| {
        let message = format!("the run {run} on {remote} is passed over: {why}");
        project.printer.warn(&message);
    };
    let (bundle, export) = match fetched(project, remote, name).await {
        Ok(Some(found)) => found,
        Ok(None) => {
            passed_over("it holds no export".to_owned());
            return Ok(false);
        }
        Err(error) => {
            passed_over(error.to_string());
            return Ok(false);
        }
    };
    let known = store.runs().await?;
    match store.import(export).await {
        Ok(imported) if imported.run == run => {}
        Ok(_) => {
            passed_over("its export is of another run".to_owned());
            return Ok(false);
        }
        Err(Error::Diverged { .. }) => {
            elsewhere.insert(run);
            passed_over("it went on on another machine, and differs from what is here".to_owned());
            return Ok(false);
        }
        // It is worked on here; who has it is found out by whoever pushes next.
        Err(Error::Held { .. }) => return Ok(false),
        Err(error @ (Error::Storage { .. } | Error::Closed)) => return Err(error.into()),
        Err(error) => {
            passed_over(error.to_string());
            return Ok(false);
        }
    }
    take_models(project, store, &bundle).await?;
    take_branch(project, store, remote, run, &known).await?;
    Ok(true)
}

async fn fetched(
    project: &Project,
    remote: &str,
    name: &str,
) -> Result<Option<(CommitId, Vec<u8>)>, worktree::Error> {
    let repository = &project.repository;
    let Some(bundle) = repository.fetch(remote, name).await? else {
        return Ok(None);
    };
    let export = repository.bundled(&bundle, EXPORT, MAX_EXPORT_BYTES).await?;
    Ok(export.map(|export| (bundle, export)))
}

/// What other machines learned of the models counts where nothing is known yet.
async fn take_models(
    project: &Project,
    store: &SqliteStore,
    bundle: &CommitId,
) -> Result<(), CommandError> {
    let key = orchestrator::memory::KEY;
    if !matches!(store.get(key).await, Ok(None)) {
        return Ok(());
    }
    let found = project.repository.bundled(bundle, MODELS, MOST_MODELS_BYTES).await?;
    let value = found.and_then(|text| serde_json::from_slice(&text).ok());
    let Some(value) = value else { return Ok(()) };
    match store.compare_and_swap(key, None, value).await {
        Err(error @ (Error::Storage { .. } | Error::Closed)) => Err(error.into()),
        // Somebody was quicker, or it is too large to be ours.
        _ => Ok(()),
    }
}

/// The run's branch as it is on the mirror, with what people committed there.
async fn take_branch(
    project: &Project,
    store: &SqliteStore,
    remote: &str,
    run: RunId,
    known: &[RunHead],
) -> Result<(), CommandError> {
    let Ok(records) = store.records(run, 0).await else { return Ok(()) };
    let state = State::fold(&records);
    let (Some(started), Some(tip)) = (state.started, state.tip) else { return Ok(()) };
    let (repository, branch) = (&project.repository, started.branch);
    let there = repository.fetch(remote, &format!("refs/heads/{branch}")).await?;
    let here = repository.branch_tip(&branch).await?;
    // A branch that no run here has, or that stands elsewhere, is the person's: the run finds
    // that out.
    let has_it = |head: &RunHead| head.attributes["branch"].as_str() == Some(branch.as_str());
    let is_ours = known.iter().any(|head| head.id == run || has_it(head));
    let may_move = match &here {
        None => true,
        Some(_) if !is_ours => false,
        Some(here) => repository.builds_on(&tip, here).await.unwrap_or_default(),
    };
    let to = match there {
        Some(there) if repository.builds_on(&there, &tip).await? => there,
        _ => tip,
    };
    if !may_move || here.as_ref() == Some(&to) {
        return Ok(());
    }
    match repository.move_branch(&branch, &to, here.as_ref()).await {
        Err(worktree::Error::BranchCheckedOut { .. } | worktree::Error::BranchMoved { .. }) => {
            Ok(())
        }
        moved => Ok(moved?),
    }
}
