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
        Ok(records) => Ok(Ok(State::fold(&records))),
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
    let in_file = |exit, why: &dyn std::fmt::Display| CommandError {
        exit,
        cause: anyhow::anyhow!("run {}: {why} (in {})", head.id, file(project)),
    };
    match store.records(head.id, 0).await {
        Ok(records) => Ok(State::fold(&records)),
        Err(error @ Error::Newer { .. }) => Err(in_file(Exit::Usage, &error)),
        Err(error @ Error::Damaged { .. }) => {
            let why = format!("its records are damaged: {error}; `belay runs verify` tells more");
            Err(in_file(Exit::Failure, &why))
        }
        Err(error) => Err(error.into()),
    }
}

/// Why the state cannot be opened, with the file and what mends it.
pub(crate) fn unopened(project: &Project, error: Error) -> CommandError {
    let corrupt = matches!(error, Error::Storage { class: StorageClass::Corrupt, .. });
    let error = CommandError::from(error);
    let file = file(project);
    let line = if corrupt {
        format!(
            "{file}: {}; move the file away to begin anew, the branches keep their commits",
            error.line()
        )
    } else {
        format!("{file}: {}", error.line())
    };
    CommandError { exit: error.exit, cause: anyhow::anyhow!(line) }
}

/// The state's file as a person finds it.
fn file(project: &Project) -> String {
    let path = project.state_file();
    path.strip_prefix(project.top()).unwrap_or(&path).display().to_string()
}
