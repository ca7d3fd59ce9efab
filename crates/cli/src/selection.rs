//! Which run a process works on: an unfinished one, or a new one.

use checkpoint_store::{Error as StoreError, Lease, RunHead, RunStore, SqliteStore};
use orchestrator::{NewWork, Status, view};

use crate::error::{CommandError, usage};
use crate::exit::Exit;
use crate::ideas::{self, Found};
use crate::project::Project;

/// What there is to do.
pub(crate) enum Selected {
    /// Work on the run that this lease holds.
    Work(Lease),
    /// The idea is done and unchanged: show this run.
    Done(RunHead),
    /// Nothing waits.
    Nothing,
}

/// Branch suffixes tried before giving up.
const MOST_SUFFIXES: usize = 100;

/// The run of the idea that was named: its unfinished one, or a new one.
pub(crate) async fn for_idea(
    project: &Project,
    store: &SqliteStore,
    found: Found,
    fresh: bool,
) -> Result<Selected, CommandError> {
    let heads = store.runs().await?;
    let of_idea: Vec<&RunHead> =
        heads.iter().filter(|head| head.subject == found.idea.id).collect();
    if !fresh {
        if let Some(head) = of_idea.iter().find(|head| view::status(head) != Status::Completed) {
            return Ok(Selected::Work(store.acquire(head.id).await?));
        }
        if let Some(head) =
            of_idea.first().filter(|head| digest(head) == Some(found.idea.digest().as_str()))
        {
            return Ok(Selected::Done((*head).clone()));
        }
    }
    let branch = free_branch(project, &found, &of_idea, fresh).await?;
    let base = base(project).await?;
    let id = found.idea.id.clone();
    let work = NewWork { idea: found.idea, idea_path: found.path, base, branch, fresh };
    match orchestrator::start(store, work).await {
        Ok(lease) => Ok(Selected::Work(lease)),
        // Another process made the run between the look and the making.
        Err(orchestrator::Error::Store(StoreError::Unfinished { run })) => {
            tracing::debug!(idea = id, %run, "the idea got a run meanwhile");
            Ok(Selected::Work(store.acquire(run).await?))
        }
        Err(error) => Err(error.into()),
    }
}

/// The next thing to do where nothing was named: the newest interrupted run,
/// else a degraded one, else the next idea of the backlog that has no run.
pub(crate) async fn next(project: &Project, store: &SqliteStore) -> Result<Selected, CommandError> {
    let heads = store.runs().await?;
    if let Some(holder) = heads.iter().find_map(|head| head.holder.clone()) {
        return Err(StoreError::Held { holder }.into());
    }
    for wanted in [Status::Interrupted, Status::Degraded] {
        if let Some(head) = heads.iter().find(|head| view::status(head) == wanted) {
            return Ok(Selected::Work(store.acquire(head.id).await?));
        }
    }
    let (backlog, refused) = ideas::backlog(project.top());
    refused.iter().for_each(|line| project.printer.warn(line));
    let untouched = |found: &Found| {
        let newest = heads.iter().find(|head| head.subject == found.idea.id);
        // A run that waits for a person or has failed is named to be gone on with.
        newest.is_none_or(|head| {
            view::status(head) == Status::Completed
                && digest(head) != Some(found.idea.digest().as_str())
        })
    };
    match backlog.into_iter().find(untouched) {
        Some(found) => for_idea(project, store, found, false).await,
        None => Ok(Selected::Nothing),
    }
}

/// The newest unfinished run, or the one that is named.
pub(crate) async fn unfinished(
    store: &SqliteStore,
    name: Option<&str>,
) -> Result<Selected, CommandError> {
    let heads = store.runs().await?;
    let head = match name {
        Some(name) => run_named(&heads, name)?,
        None => match heads.iter().find(|head| view::status(head) != Status::Completed) {
            Some(head) => head,
            None => return Ok(Selected::Nothing),
        },
    };
    if view::status(head) == Status::Completed {
        return Ok(Selected::Done(head.clone()));
    }
    Ok(Selected::Work(store.acquire(head.id).await?))
}

/// A run by its id or the beginning of it.
pub(crate) fn run_named<'a>(heads: &'a [RunHead], name: &str) -> Result<&'a RunHead, CommandError> {
    let upper = name.to_ascii_uppercase();
    let mut matches =
        heads.iter().filter(|head| !upper.is_empty() && head.id.to_string().starts_with(&upper));
    match (matches.next(), matches.next()) {
        (Some(head), None) => Ok(head),
        (Some(_), Some(_)) => Err(usage(format!("{name} is the beginning of more than one run"))),
        (None, _) => Err(no_such_run(name)),
    }
}

/// What is told where no run has that name.
pub(crate) fn no_such_run(name: &str) -> CommandError {
    usage(format!("no such run: {name} (see `belay runs list`)"))
}

fn digest(head: &RunHead) -> Option<&str> {
    head.attributes.get("digest")?.as_str()
}

fn branch_of(head: &RunHead) -> Option<&str> {
    head.attributes.get("branch")?.as_str()
}

/// The branch as configured; with a suffix where an earlier run of the same
/// idea has it. A branch of that name that is nobody's run is not touched.
pub(crate) async fn free_branch(
    project: &Project,
    found: &Found,
    of_idea: &[&RunHead],
    fresh: bool,
) -> Result<String, CommandError> {
    let name = project.config.run.branch.replace("{idea}", &ideas::slug(&found.idea.id, 60));
    let used = |name: &str| of_idea.iter().any(|head| branch_of(head) == Some(name));
    for suffix in 1..MOST_SUFFIXES {
        let branch = if suffix == 1 { name.clone() } else { format!("{name}-{suffix}") };
        if used(&branch) {
            continue;
        }
        if project.repository.branch_tip(&branch).await?.is_none() {
            parents_free(project, &branch).await?;
            return Ok(branch);
        }
        if suffix == 1 || !fresh {
            return Err(usage(format!(
                "the branch {branch} exists and is not from a run of this idea: rename it, or name another one with --branch"
            )));
        }
    }
    Err(usage(format!("too many branches named {name}-N")))
}

/// Git keeps branches as paths: with a branch `belay` there can be no `belay/x`.
async fn parents_free(project: &Project, branch: &str) -> Result<(), CommandError> {
    for (at, _) in branch.match_indices('/') {
        let parent = &branch[..at];
        if project.repository.branch_tip(parent).await?.is_some() {
            return Err(usage(format!(
                "the branch {branch} cannot be made beside the branch {parent}: name another one with --branch"
            )));
        }
    }
    Ok(())
}

pub(crate) async fn base(project: &Project) -> Result<worktree::CommitId, CommandError> {
    let rev = project.config.run.base.as_deref().unwrap_or("HEAD");
    project.repository.resolve(rev).await.map_err(|error| CommandError {
        exit: Exit::Usage,
        cause: anyhow::Error::from(error).context(format!("run.base {rev}")),
    })
}
