//! Which run a process works on: an unfinished one, or a new one.

pub(crate) mod issues;

use checkpoint_store::{Error as StoreError, Lease, RunHead, RunStore, SqliteStore};
use orchestrator::fact::Started;
use orchestrator::{NewWork, State, Status, view};

use crate::branch_names;
use crate::error::{Code, CommandError, fail};
use crate::exit::Exit;
use crate::ideas::{self, Found, Named};
use crate::lost::{self, Left};
use crate::mending;
use crate::printer::Tone;
use crate::project::Project;
use crate::records;
use crate::wiring;

/// What there is to do.
pub(crate) enum Selected {
    /// Work on the run that this lease holds, whose state may have been read already.
    Work(Lease, Option<Box<State>>),
    /// The idea is done and unchanged: show this run.
    Done(RunHead),
    /// Nothing waits.
    Nothing,
}

/// The runs that may be worked on here, the newest first.
async fn runs(project: &Project, store: &SqliteStore) -> Result<Vec<RunHead>, CommandError> {
    let mut heads = store.runs().await?;
    if let Some(elsewhere) = project.elsewhere.get() {
        heads.retain(|head| !elsewhere.contains(&head.id));
    }
    Ok(heads)
}

/// The run of the idea that was named: its unfinished one, or a new one.
pub(crate) async fn for_idea(
    project: &Project,
    store: &SqliteStore,
    found: Found,
    fresh: bool,
) -> Result<Selected, CommandError> {
    let heads = runs(project, store).await?;
    let of_idea: Vec<&RunHead> =
        heads.iter().filter(|head| head.subject == found.idea.id).collect();
    let (mut left, mut after_loss, mut repairs) = (None, false, Vec::new());
    if !fresh {
        // An older one was left for the newest.
        if let Some(head) = of_idea.first().filter(|head| view::status(head) != Status::Completed) {
            let state = mending::needed(project, store, head).await?;
            if !mending::is_lost(&state) {
                same_idea(project, head, &found, state.started.as_ref())?;
                return taken(store, head, state).await;
            }
            left = lost::of_known(project, head).await?;
            if left.is_none() {
                lost::end(store, head).await?;
                (after_loss, repairs) = (true, state.repairs);
            }
        } else if let Some(head) =
            of_idea.first().filter(|head| digest(head) == Some(found.idea.digest().as_str()))
        {
            return done_or_partial(project, store, head).await;
        }
    }
    let lost_runs = lost::runs(store).await?;
    if left.is_none() && !fresh && !lost_runs.is_empty() {
        left = lost::of_idea(project, &found, &heads, &lost_runs).await?;
    }
    let base_branch = project.repository.branch_behind(base_name(project)).await?;
    let id = found.idea.id.clone();
    let of = found.clone();
    let work = |base, branch| NewWork {
        idea: of.idea,
        idea_path: of.path,
        idea_issue: of.issue,
        base,
        base_branch,
        branch,
        fresh,
        repairs,
    };
    if let Some(Left { run, branch, base }) = left {
        let again = orchestrator::start_again(store, run, work(base, branch)).await?;
        return Ok(Selected::Work(again, None));
    }
    // What lost its records keeps its branch.
    after_loss |= !lost_runs.is_empty();
    let branch = branch_names::free(project, &found, &heads, fresh, after_loss).await?;
    if !fresh && of_idea.first().is_some_and(|head| view::status(head) == Status::Completed) {
        project.printer.say(
            Tone::Plain,
            &format!("The idea {} was edited since it was completed: a new run", found.idea.id),
        );
    }
    let base = base(project).await?;
    match orchestrator::start(store, work(base, branch)).await {
        Ok(lease) => Ok(Selected::Work(lease, None)),
        // Another process made the run between the look and the making.
        Err(orchestrator::Error::Store(StoreError::Unfinished { run })) => {
            tracing::debug!(idea = id, %run, "the idea got a run meanwhile");
            Ok(Selected::Work(store.acquire(run).await?, None))
        }
        Err(error) => Err(error.into()),
    }
}

/// Takes hold of a run whose state was read.
async fn taken(
    store: &SqliteStore,
    head: &RunHead,
    known: State,
) -> Result<Selected, CommandError> {
    Ok(Selected::Work(store.acquire(head.id).await?, Some(Box::new(known))))
}

/// A run that is done, or what it lacks: failed items are tried by each run of their idea until a
/// person has closed their issue.
async fn done_or_partial(
    project: &Project,
    store: &SqliteStore,
    head: &RunHead,
) -> Result<Selected, CommandError> {
    let state = records::needed(project, store, head).await?;
    if state.waits_for_items() {
        return taken(store, head, state).await;
    }
    Ok(Selected::Done(head.clone()))
}

/// Refuses to go on with a run that began with another file of the same name,
/// and warns where the file of this one was edited.
fn same_idea(
    project: &Project,
    head: &RunHead,
    found: &Found,
    began: Option<&Started>,
) -> Result<(), CommandError> {
    if digest(head) == Some(found.idea.digest().as_str()) {
        return Ok(());
    }
    let same_issue =
        found.issue.is_some() && began.is_some_and(|started| started.idea_issue == found.issue);
    let began = began.and_then(|started| started.idea_path.clone());
    let (id, run) = (&found.idea.id, head.id);
    let same_file = began.as_ref().zip(found.path.as_ref());
    if same_issue || same_file.is_some_and(|(began, path)| ideas::same_place(began, path)) {
        project.printer.warn(&format!(
            "the idea {id} was edited since; the run {run} goes on with the text it began with; --fresh begins anew"
        ));
        return Ok(());
    }
    let began = began.as_deref().unwrap_or("a text from outside of the repository");
    let path = found.path.as_deref().unwrap_or("the text given now");
    Err(fail(
        Code::IdeaChanged,
        format!(
            "{path} is not what the unfinished run {run} of {id} began with ({began}): `belay resume {run}` goes on with that one, --fresh begins a new one"
        ),
    ))
}

/// The newest run of each idea: older ones were left for it.
fn newest(heads: &[RunHead]) -> impl Iterator<Item = &RunHead> {
    let is_newest = |at: usize, head: &RunHead| {
        heads.iter().position(|other| other.subject == head.subject) == Some(at)
    };
    heads.iter().enumerate().filter(move |(at, head)| is_newest(*at, head)).map(|(_, head)| head)
}

/// The next thing to do where nothing was named: a run to go on with, unless
/// only a fresh one is wanted, else the next idea of the backlog that has none,
/// else the oldest issue with the label. `tell` says in an issue why it is not taken.
pub(crate) async fn next(
    project: &Project,
    store: &SqliteStore,
    fresh: bool,
    tell: bool,
) -> Result<Selected, CommandError> {
    let heads = runs(project, store).await?;
    if let Some(holder) = heads.iter().find_map(|head| head.holder.clone()) {
        return Err(StoreError::Held { holder }.into());
    }
    if !fresh && let Some(selected) = to_go_on_with(project, store, &heads, tell).await? {
        return Ok(selected);
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
    for found in backlog.into_iter().filter(untouched) {
        let id = found.idea.id.clone();
        match for_idea(project, store, found, false).await {
            // What is wrong with one idea is no reason to leave the others.
            Err(error) if error.exit() == Exit::Usage => {
                project.printer.warn(&format!("{id} is passed over: {}", error.line()));
            }
            selected => return selected,
        }
    }
    issues::next(project, store, &heads, tell).await
}

/// The newest interrupted run, else a degraded one, else a blocked one that has its answer.
async fn to_go_on_with(
    project: &Project,
    store: &SqliteStore,
    heads: &[RunHead],
    tell: bool,
) -> Result<Option<Selected>, CommandError> {
    for wanted in [Status::Interrupted, Status::Degraded] {
        for head in newest(heads).filter(|head| view::status(head) == wanted) {
            match readable(project, store, head).await? {
                Some(state) if mending::is_lost(&state) => {
                    match ideas::named(&head.subject, project.top(), &project.surroundings) {
                        Ok(Named::Here(found)) => {
                            return for_idea(project, store, *found, false).await.map(Some);
                        }
                        Ok(Named::Issue(number)) => {
                            let how = (false, tell);
                            return issues::for_issue(project, store, number, how).await.map(Some);
                        }
                        Err(error) => {
                            project.printer.warn(&error.line());
                            lost::end(store, head).await?;
                        }
                    }
                }
                Some(state) => return taken(store, head, state).await.map(Some),
                None => {}
            }
        }
    }
    for head in newest(heads).filter(|head| view::status(head) == Status::Blocked) {
        let Some(state) = readable(project, store, head).await? else {
            continue;
        };
        // Cut back to where it was not blocked yet.
        if state.ended.is_none() && !mending::is_lost(&state) {
            return taken(store, head, state).await.map(Some);
        }
        if orchestrator::branch_is_back(&state, &project.repository).await? {
            return taken(store, head, state).await.map(Some);
        }
        let places = wiring::forge(project).await?;
        match orchestrator::is_answered(&state, &*places).await {
            Ok(true) => return taken(store, head, state).await.map(Some),
            Ok(false) => {}
            Err(why) => project.printer.warn(&format!("{}: {why}", head.subject)),
        }
    }
    Ok(None)
}

/// The state of a run that can be gone on with, mended where it was damaged; of one that cannot
/// is warned.
async fn readable(
    project: &Project,
    store: &SqliteStore,
    head: &RunHead,
) -> Result<Option<State>, CommandError> {
    let state = mending::state(project, store, head).await?;
    if let Err(why) = &state {
        let (run, id) = (head.id, &head.subject);
        project.printer.warn(&format!("the run {run} of {id} is passed over: {why}"));
    }
    Ok(state.ok())
}

/// The newest unfinished run, or the one that is named.
pub(crate) async fn unfinished(
    project: &Project,
    store: &SqliteStore,
    name: Option<&str>,
) -> Result<Selected, CommandError> {
    let heads = runs(project, store).await?;
    let Some(name) = name else {
        for head in heads.iter().filter(|head| view::status(head) != Status::Completed) {
            let state = readable(project, store, head).await?;
            if let Some(state) = state.filter(|state| !mending::is_lost(state)) {
                return taken(store, head, state).await;
            }
        }
        return Ok(Selected::Nothing);
    };
    let head = run_named(&heads, name)?;
    if view::status(head) == Status::Completed {
        return done_or_partial(project, store, head).await;
    }
    let state = mending::needed(project, store, head).await?;
    if mending::is_lost(&state) {
        let why =
            "nothing is left of it but its branch; `belay run` with its idea goes on upon that";
        return Err(records::in_file(project, head, Code::StateDamaged, &why));
    }
    taken(store, head, state).await
}

/// A run by its id or the beginning of it.
pub(crate) fn run_named<'a>(heads: &'a [RunHead], name: &str) -> Result<&'a RunHead, CommandError> {
    let upper = name.to_ascii_uppercase();
    let mut matches =
        heads.iter().filter(|head| !upper.is_empty() && head.id.to_string().starts_with(&upper));
    match (matches.next(), matches.next()) {
        (Some(head), None) => Ok(head),
        (Some(first), Some(second)) => Err(fail(
            Code::RunAmbiguous,
            format!(
                "{name} is the beginning of more than one run: {} ({}), {} ({}){}",
                first.id,
                first.subject,
                second.id,
                second.subject,
                if matches.next().is_some() { " and more" } else { "" }
            ),
        )),
        (None, _) => Err(no_such_run(name)),
    }
}

/// What is told where no run has that name.
pub(crate) fn no_such_run(name: &str) -> CommandError {
    fail(Code::RunUnknown, format!("no such run: {name} (see `belay runs list`)"))
}

fn digest(head: &RunHead) -> Option<&str> {
    head.attributes.get("digest")?.as_str()
}

fn base_name(project: &Project) -> &str {
    project.config.run.base.as_deref().unwrap_or("HEAD")
}

pub(crate) async fn base(project: &Project) -> Result<worktree::CommitId, CommandError> {
    let rev = base_name(project);
    project.repository.resolve(rev).await.map_err(|error| CommandError {
        code: Code::Base,
        cause: anyhow::Error::from(error).context(format!("run.base {rev}")),
    })
}

/// Refuses a remote that is not there, before anything is worked on for it.
pub(crate) async fn remote(project: &Project) -> Result<(), CommandError> {
    let (push, mirror) = (&project.config.run.push, &project.config.store.mirror);
    for (key, remote) in [("run.push", push), ("store.mirror", mirror)] {
        let Some(remote) = remote else { continue };
        if !project.repository.has_remote(remote).await? {
            return Err(fail(
                Code::Remote,
                format!("{key}: the repository has no remote {remote}; `git remote -v` lists them"),
            ));
        }
    }
    match (push, mirror) {
        (Some(push), Some(mirror)) if push != mirror => Err(fail(
            Code::Remote,
            format!(
                "run.push is {push} and store.mirror is {mirror}: branch and state go to one remote, leave run.push out"
            ),
        )),
        _ => Ok(()),
    }
}
