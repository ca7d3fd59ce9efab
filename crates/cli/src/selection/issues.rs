//! Which run an idea in an issue gets. A run that was begun goes on with its own copy of the idea,
//! whatever becomes of the issue.

use super::{Selected, digest, done_or_partial, for_idea, runs, taken};
use checkpoint_store::{RunHead, SqliteStore};
use orchestrator::{Status, view};

use crate::error::CommandError;
use crate::exit::Exit;
use crate::ideas::issues;
use crate::mending;
use crate::project::Project;
use crate::wiring;

/// Issues looked at in one process.
const MOST_LOOKS: usize = 100;

/// The run of the issue that was named.
pub(crate) async fn for_issue(
    project: &Project,
    store: &SqliteStore,
    number: u64,
    (fresh, tell): (bool, bool),
) -> Result<Selected, CommandError> {
    let heads = runs(project, store).await?;
    let newest = heads.iter().find(|head| head.subject == issues::id(number));
    if let Some(head) = newest.filter(|_| !fresh) {
        if view::status(head) == Status::Completed {
            return completed(project, store, number, head, tell).await;
        }
        let state = mending::needed(project, store, head).await?;
        if !mending::is_lost(&state) {
            return taken(store, head, state).await;
        }
    }
    let found = issues::needed(project, number, tell).await?;
    for_idea(project, store, found, fresh).await
}

/// A run that is completed is shown, unless the label was put on another text since.
async fn completed(
    project: &Project,
    store: &SqliteStore,
    number: u64,
    head: &RunHead,
    tell: bool,
) -> Result<Selected, CommandError> {
    let places = wiring::forge(project).await?;
    match issues::look(&places, number, tell).await {
        Ok(Ok(found)) if digest(head) != Some(found.idea.digest().as_str()) => {
            for_idea(project, store, found, false).await
        }
        Ok(_) | Err(_) => done_or_partial(project, store, head).await,
    }
}

/// The oldest labelled issue that has no run. That GitHub is away is said, and no reason to fail.
pub(super) async fn next(
    project: &Project,
    store: &SqliteStore,
    heads: &[RunHead],
    tell: bool,
) -> Result<Selected, CommandError> {
    let places = wiring::forge(project).await?;
    let Some(github) = places.github() else { return Ok(Selected::Nothing) };
    let away = |error: forge::Error| {
        project.printer.warn(&format!("ideas in issues are not looked for: {error}"));
        Ok(Selected::Nothing)
    };
    let numbers = match github.labelled_ideas().await {
        Ok(numbers) => numbers,
        Err(error) => return away(error),
    };
    for number in numbers.into_iter().take(MOST_LOOKS) {
        let newest = heads.iter().find(|head| head.subject == issues::id(number));
        if newest.is_some_and(|head| view::status(head) != Status::Completed) {
            continue;
        }
        let passed_over = |why: &str| {
            project.printer.warn(&format!("the issue {number} is passed over: {why}"));
        };
        let found = match issues::look(&places, number, tell).await {
            Ok(Ok(found)) => found,
            Ok(Err(why)) => {
                passed_over(&why);
                continue;
            }
            Err(error) => return away(error),
        };
        if newest.is_some_and(|head| digest(head) == Some(found.idea.digest().as_str())) {
            continue;
        }
        match for_idea(project, store, found, false).await {
            Err(error) if error.exit() == Exit::Usage => passed_over(&error.line()),
            selected => return selected,
        }
    }
    Ok(Selected::Nothing)
}
