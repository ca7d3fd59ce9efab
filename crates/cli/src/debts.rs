//! What runs that have ended still owe: done before anything else, since the
//! network that was missing then may be there now.

use std::time::Duration;

use checkpoint_store::{Error, RunStore, SqliteStore};
use orchestrator::{Shutdown, owed};
use tokio::time::{Instant, timeout_at};

use crate::args::WorkArgs;
use crate::clock;
use crate::error::CommandError;
use crate::project::Project;
use crate::wiring;

/// For all runs together, and no longer than the process has: what still cannot be done waits for
/// the next one.
const LIMIT: Duration = Duration::from_secs(30);

/// Settles what can be settled now. That something cannot is no reason to stop.
pub(crate) async fn settle(
    project: &Project,
    store: &SqliteStore,
    work: &WorkArgs,
    started: Instant,
) -> Result<(), CommandError> {
    let runs = owed::list(store).await?;
    if runs.is_empty() {
        return Ok(());
    }
    let parts = wiring::parts(project, store, work, &Shutdown::new(), started).await?;
    let all = async {
        for run in runs {
            let settled = match store.acquire(run).await {
                Ok(lease) => owed::settle(parts.clone(), lease).await,
                // It is being worked on, or was deleted.
                Err(Error::Held { .. } | Error::UnknownRun) => continue,
                Err(error) => Err(error.into()),
            };
            if let Err(error) = settled {
                let message = format!("what the run {run} put off is not done: {error}");
                project.printer.warn(&message);
            }
        }
    };
    let end = wiring::deadline(project, started).min(clock::now() + LIMIT);
    if timeout_at(end, all).await.is_err() {
        project.printer.warn("what earlier runs put off takes too long; a later run tries again");
    }
    Ok(())
}
