//! `belay breaker list` and `belay breaker reset [MODEL]`.

use std::collections::BTreeSet;
use std::time::Duration;

use checkpoint_store::ValueStore;
use model_providers::{ModelId, Providers};
use serde_json::json;

use crate::args::BreakerCommand;
use crate::config::Role;
use crate::error::{Code, CommandError, CommandResult, fail};
use crate::exit::Exit;
use crate::project::Project;

/// Attempts at writing against other processes that write too.
const TRIES: usize = 5;

/// Runs one of the subcommands.
pub(crate) async fn run(project: Project, command: BreakerCommand) -> CommandResult {
    let models: BTreeSet<ModelId> =
        Role::ALL.iter().flat_map(|role| project.config.chain(*role).to_vec()).collect();
    match command {
        BreakerCommand::List => list(&project, &models).await,
        BreakerCommand::Reset { model } => reset(&project, &models, model.as_deref()).await,
    }
}

async fn list(project: &Project, models: &BTreeSet<ModelId>) -> CommandResult {
    let store = if project.has_state() { Some(project.open_store().await?) } else { None };
    let providers = project.providers(store.as_ref()).await?;
    let breakers: Vec<serde_json::Value> =
        models.iter().map(|model| row(&providers, model)).collect();
    if project.printer.json() {
        project.printer.data(&json!({ "breakers": breakers }));
        return Ok(Exit::Success);
    }
    if models.is_empty() {
        project.printer.out("No models are configured");
    }
    for model in models {
        let health = providers.health(model);
        let wait = health.resting.or(health.status.retry_in);
        let wait =
            wait.map(|wait| format!("  next probe in {} s", wait.as_secs())).unwrap_or_default();
        project.printer.out(&format!("{model}  {}{wait}", health.status));
    }
    Ok(Exit::Success)
}

fn row(providers: &Providers, model: &ModelId) -> serde_json::Value {
    let health = providers.health(model);
    let millis = |wait: Duration| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    json!({
        "model": model,
        "state": health.status.to_string(),
        "failures": health.status.failures,
        "threshold": health.status.threshold,
        "retry_in_ms": health.resting.or(health.status.retry_in).map(millis),
    })
}

async fn reset(project: &Project, models: &BTreeSet<ModelId>, name: Option<&str>) -> CommandResult {
    let model = name
        .map(|name| name.parse::<ModelId>().map_err(|why| fail(Code::ModelUnknown, why)))
        .transpose()?;
    if let Some(model) = model.as_ref().filter(|model| !models.contains(*model)) {
        return Err(fail(
            Code::ModelUnknown,
            format!("{model} is in no chain (see `belay breaker list`)"),
        ));
    }
    if project.has_state() {
        forget(project, model.as_ref()).await?;
    }
    if project.printer.json() {
        let reset: Vec<&ModelId> =
            models.iter().filter(|one| model.as_ref().is_none_or(|model| model == *one)).collect();
        project.printer.data(&json!({ "reset": reset }));
        return Ok(Exit::Success);
    }
    let what = model.map_or_else(|| "every model".to_owned(), |model| model.to_string());
    project.printer.out(&format!("Circuit breaker CLOSED: {what}"));
    Ok(Exit::Success)
}

async fn forget(project: &Project, model: Option<&ModelId>) -> Result<(), CommandError> {
    let store = project.open_store().await?;
    for _ in 0..TRIES {
        let expected = store.get(orchestrator::memory::KEY).await?.map(|found| found.revision);
        let providers = project.providers(Some(&store)).await?;
        providers.reset_breakers(model);
        let memory = serde_json::to_value(providers.memory()).map_err(anyhow::Error::from)?;
        match store.compare_and_swap(orchestrator::memory::KEY, expected, memory).await {
            Ok(_) => return Ok(()),
            Err(checkpoint_store::Error::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(anyhow::anyhow!("other processes write at the same time; try again").into())
}
