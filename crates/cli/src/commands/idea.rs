//! `belay idea new` and `belay idea list`: the backlog from the command line.

use agents::{Answered, Asking, Draft, Failed};
use checkpoint_store::{RunStore, SqliteStore};
use model_providers::Reason;
use orchestrator::{Shutdown, TreeSource, memory, view};
use serde_json::json;

use crate::args::IdeaCommand;
use crate::config::Role;
use crate::error::{CommandError, CommandResult};
use crate::exit::Exit;
use crate::ideas;
use crate::printer::Tone;
use crate::project::Project;
use crate::{selection, signals, wiring};

/// Runs one of the subcommands.
pub(crate) async fn run(project: Project, command: IdeaCommand) -> CommandResult {
    match command {
        IdeaCommand::New { sentence } => new(&project, &sentence).await,
        IdeaCommand::List => list(&project).await,
    }
}

async fn new(project: &Project, sentence: &str) -> CommandResult {
    let sentence = ideas::sentence(sentence)?;
    project.warnings.iter().for_each(|warning| project.printer.warn(warning));
    let shutdown = Shutdown::new();
    signals::watch(&shutdown, &project.printer)?;
    let store = if project.has_state() { Some(project.open_store().await?) } else { None };
    let answered = match expanded(project, store.as_ref(), &sentence, &shutdown).await? {
        Ok(answered) => answered,
        Err(Failed::Unanswered(unanswered)) if matches!(unanswered.reason, Reason::Cancelled) => {
            project.printer.error(None, "stopped; no idea was written");
            return Ok(Exit::Killed);
        }
        Err(failed) => return Err(anyhow::Error::from(failed).into()),
    };
    let Answered { value: draft, model, degraded, .. } = answered;
    let path = ideas::write_new(project.top(), &draft.title, &draft.markdown())?;
    if degraded {
        let line =
            "Using degraded mode: no model answered, so the idea says what the sentence says";
        project.printer.say(Tone::Warn, line);
    }
    if project.printer.json() {
        let title = &draft.title;
        let told = json!({ "path": path, "title": title, "model": model, "degraded": degraded });
        project.printer.data(&told);
    } else {
        project.printer.out(&path);
        let next =
            "Read it and change what is not meant; `belay run` takes the backlog in its order";
        project.printer.say(Tone::Plain, next);
    }
    Ok(Exit::Success)
}

async fn expanded(
    project: &Project,
    store: Option<&SqliteStore>,
    sentence: &agents::Idea,
    shutdown: &Shutdown,
) -> Result<Result<Answered<Draft>, Failed>, CommandError> {
    let providers = project.providers(store).await?;
    let chain = wiring::chain(&providers, project, Role::Planner)?;
    let templates = wiring::templates(project)?;
    let settings = wiring::reading(project)?;
    let base = selection::base(project).await?;
    let tree = project.repository.tree_of(&base).await?;
    let most = project.config.guard.max_file_bytes;
    let source = TreeSource::open(&project.repository, tree, most).await?;
    let asking = Asking {
        chain: &chain,
        deadline: None,
        cancel: shutdown.token(),
        observer: &(),
        degradation: project.config.degradation.enabled.then_some(&templates),
    };
    let answered = agents::expand(&asking, sentence, &source, &settings).await;
    if let Some(store) = store {
        memory::keep(store, &providers).await;
    }
    Ok(answered)
}

async fn list(project: &Project) -> CommandResult {
    let (found, refused) = ideas::all(project.top());
    refused.iter().for_each(|line| project.printer.warn(line));
    let heads = match project.has_state() {
        true => project.open_store().await?.runs().await?,
        false => Vec::new(),
    };
    let rows: Vec<_> = found
        .iter()
        .map(|found| {
            let head = heads.iter().find(|head| head.subject == found.idea.id);
            json!({
                "id": found.idea.id,
                "title": found.idea.title,
                "path": found.path,
                "priority": found.idea.priority,
                "status": head.map(view::status),
                "run": head.map(|head| head.id.to_string()),
            })
        })
        .collect();
    if project.printer.json() {
        project.printer.data(&json!({ "ideas": rows }));
        return Ok(Exit::Success);
    }
    if rows.is_empty() {
        project.printer.out("No ideas yet: `belay idea new \"a sentence\"` writes one");
    }
    for row in rows {
        let text = |key: &str| row[key].as_str().unwrap_or("new").to_owned();
        let priority =
            row["priority"].as_str().map(|word| format!(" [{word}]")).unwrap_or_default();
        let line = format!("{:<11}  {}: {}{priority}", text("status"), text("id"), text("title"));
        project.printer.out(&line);
    }
    Ok(Exit::Success)
}
