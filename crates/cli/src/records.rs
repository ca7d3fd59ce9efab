//! A run's records as the commands read them. One run whose records are damaged
//! must not hide the others, nor stop the work on them.

use checkpoint_store::{Error, RunHead, RunStore, SqliteStore, StorageClass};
use orchestrator::State;

use crate::error::CommandError;
use crate::exit::Exit;
use crate::project::Project;

/// The state of a run, or in the inner result why its records give none.
pub(crate) async fn state(
    store: &SqliteStore,
    head: &RunHead,
) -> Result<Result<State, String>, CommandError> {
    match store.records(head.id, 0).await {
        Ok(records) => Ok(left(State::fold(&records))),
        Err(error @ Error::Damaged { .. }) => Ok(Err(format!("its records are damaged: {error}"))),
        Err(error @ Error::Newer { .. }) => Ok(Err(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

/// The state of a run that is of no use without it; told with the file.
pub(crate) async fn needed(
    project: &Project,
    store: &SqliteStore,
    head: &RunHead,
) -> Result<State, CommandError> {
    match store.records(head.id, 0).await {
        Ok(records) => {
            left(State::fold(&records)).map_err(|why| in_file(project, head, Exit::Failure, &why))
        }
        Err(error @ Error::Newer { .. }) => Err(in_file(project, head, Exit::Usage, &error)),
        Err(error @ Error::Damaged { .. }) => {
            let why = format!("its records are damaged: {error}; `belay runs verify` tells more");
            Err(in_file(project, head, Exit::Failure, &why))
        }
        Err(error) => Err(error.into()),
    }
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
    exit: Exit,
    why: &dyn std::fmt::Display,
) -> CommandError {
    let file = project.shown(&project.state_file());
    CommandError { exit, cause: anyhow::anyhow!("run {}: {why} (in {file})", head.id) }
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
    CommandError { exit: error.exit, cause: anyhow::anyhow!(line) }
}
