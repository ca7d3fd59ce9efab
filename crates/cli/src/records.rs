//! A run's records as the commands read them. One run whose records are damaged
//! must not hide the others, nor stop the work on them.

use std::fmt;

use checkpoint_store::{Entry, Error, RunHead, RunStore, SqliteStore, StorageClass};
use orchestrator::{Line, State};

use crate::error::{Code, CommandError};
use crate::project::Project;

/// Why the records of a run give no state.
pub(crate) enum Unreadable {
    /// They can be mended.
    Damaged(Error),
    /// Only a newer release may read them.
    Newer(Error),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(error) => write!(f, "its records are damaged: {error}"),
            Self::Newer(error) => error.fmt(f),
        }
    }
}

/// A run's events, and the state that they come to.
pub(crate) struct Told {
    pub(crate) lines: Vec<Line>,
    pub(crate) state: State,
}

impl Told {
    fn new(records: &[Entry]) -> Self {
        Self { lines: records.iter().filter_map(Line::read).collect(), state: State::fold(records) }
    }
}

/// Reads the records of a run; of one whose first record was lost the state knows no start.
pub(crate) async fn read(
    store: &SqliteStore,
    head: &RunHead,
) -> Result<Result<State, Unreadable>, CommandError> {
    let records = entries(store, head).await?;
    Ok(records.map(|records| State::fold(&records)))
}

async fn entries(
    store: &SqliteStore,
    head: &RunHead,
) -> Result<Result<Vec<Entry>, Unreadable>, CommandError> {
    match store.records(head.id, 0).await {
        Ok(records) => Ok(Ok(records)),
        Err(error @ Error::Damaged { .. }) => Ok(Err(Unreadable::Damaged(error))),
        Err(error @ Error::Newer { .. }) => Ok(Err(Unreadable::Newer(error))),
        Err(error) => Err(error.into()),
    }
}

/// The state of a run, or in the inner result why its records give none.
pub(crate) async fn state(
    store: &SqliteStore,
    head: &RunHead,
) -> Result<Result<State, String>, CommandError> {
    let read = read(store, head).await?;
    Ok(read.map_err(|why| why.to_string()).and_then(left))
}

/// As [`state`], with the events.
pub(crate) async fn told(
    store: &SqliteStore,
    head: &RunHead,
) -> Result<Result<Told, String>, CommandError> {
    let read = entries(store, head).await?.map(|records| Told::new(&records));
    Ok(read.map_err(|why| why.to_string()).and_then(left_of))
}

/// The state of a run that is of no use without it; told with the file.
pub(crate) async fn needed(
    project: &Project,
    store: &SqliteStore,
    head: &RunHead,
) -> Result<State, CommandError> {
    Ok(told_or_refused(project, store, head).await?.state)
}

/// As [`needed`], with the events.
pub(crate) async fn told_or_refused(
    project: &Project,
    store: &SqliteStore,
    head: &RunHead,
) -> Result<Told, CommandError> {
    match entries(store, head).await? {
        Ok(records) => left_of(Told::new(&records))
            .map_err(|why| in_file(project, head, Code::StateDamaged, &why)),
        Err(why @ Unreadable::Newer(_)) => Err(in_file(project, head, Code::StateNewer, &why)),
        Err(why @ Unreadable::Damaged(_)) => {
            let why = format!("{why}; `belay runs verify` tells more");
            Err(in_file(project, head, Code::StateDamaged, &why))
        }
    }
}

fn left_of(told: Told) -> Result<Told, String> {
    let Told { lines, state } = told;
    left(state).map(|state| Told { lines, state })
}

/// Of a run whose first record was lost nothing is left to show.
fn left(state: State) -> Result<State, String> {
    match state.started {
        Some(_) => Ok(state),
        None => Err("nothing is left of it but its branch: its records were damaged".to_owned()),
    }
}

/// What is wrong with a run, told with the file.
pub(crate) fn in_file(
    project: &Project,
    head: &RunHead,
    code: Code,
    why: &dyn fmt::Display,
) -> CommandError {
    let file = project.shown(&project.state_file());
    CommandError { code, cause: anyhow::anyhow!("run {}: {why} (in {file})", head.id) }
}

/// Why the state cannot be opened, with the file and what mends it.
pub(crate) fn unopened(project: &Project, error: &CommandError) -> CommandError {
    let storage = error.cause.downcast_ref::<Error>();
    let corrupt = matches!(storage, Some(Error::Storage { class: StorageClass::Corrupt, .. }));
    let file = project.shown(&project.state_file());
    let line = if corrupt {
        format!(
            "{file}: {}; the next `belay run` sets it aside and goes on with what can be read of it, as does `belay runs verify --repair`",
            error.line()
        )
    } else {
        format!("{file}: {}", error.line())
    };
    CommandError { code: error.code, cause: anyhow::anyhow!(line) }
}
