//! `belay runs report RUN`: the run as one page of HTML. Reads the store and the repository, takes
//! no lease, asks nobody.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use checkpoint_store::RunStore;
use orchestrator::RunView;
use orchestrator::metrics::{Metrics, MetricsView};
use serde_json::json;

use crate::error::{Code, CommandError, CommandResult, fail};
use crate::exit::Exit;
use crate::project::{Project, plain_folders};
use crate::records;
use crate::selection::{no_such_run, run_named};

/// Where pages are written if nobody says otherwise; the folder is ignored by git.
const FOLDER: &str = ".belay/reports";
/// What of one commit's patch is read, and of all of them.
const PATCH_BYTES: usize = 128 * 1024;
const PATCHES_BYTES: usize = 1024 * 1024;

/// Runs the command.
pub(crate) async fn run(project: &Project, name: &str, output: Option<&Path>) -> CommandResult {
    if !project.has_state() {
        return Err(no_such_run(name));
    }
    let store = project.open_store().await?;
    let heads = store.runs().await?;
    let head = run_named(&heads, name)?;
    let told = records::told_or_refused(project, &store, head).await?;
    let view = RunView::new(head, &told.state);
    let metrics = Metrics::of(&told.lines, &told.state);
    let metrics = MetricsView::new(&metrics, Some(view.run.clone()), 1, 1);
    let patches = patches(project, &view).await;
    let html = run_report::html(&run_report::Told {
        lines: &told.lines,
        state: &told.state,
        view: &view,
        metrics: &metrics,
        patches: &patches,
        hide: &|text| project.printer.without_secrets(text),
    })
    .map_err(anyhow::Error::from)?;
    if output.is_some_and(|output| output == Path::new("-")) {
        project.printer.page(&html);
        return Ok(Exit::Success);
    }
    let written = match output {
        Some(output) => by_name(&project.surroundings.resolve(output), &html)?,
        None => in_folder(project.top(), &view.run, &html)?,
    };
    let written = project.shown(&written);
    if project.printer.json() {
        project.printer.data(&json!({ "report": written }));
    } else {
        project.printer.out(&written);
    }
    Ok(Exit::Success)
}

/// The patches of the commits that are still there, as far as a page has room for them.
async fn patches(project: &Project, view: &RunView) -> BTreeMap<String, String> {
    let mut patches = BTreeMap::new();
    let mut room = PATCHES_BYTES;
    let commits = view.milestones.iter().flatten().filter_map(|one| one.commit.as_ref());
    for commit in commits {
        if room == 0 {
            break;
        }
        match patch(project, commit, room.min(PATCH_BYTES)).await {
            Ok(patch) => {
                room = room.saturating_sub(patch.len());
                patches.insert(commit.clone(), patch);
            }
            Err(error) => tracing::debug!(%error, commit, "the patch cannot be shown"),
        }
    }
    patches
}

async fn patch(project: &Project, commit: &str, most: usize) -> Result<String, worktree::Error> {
    let repository = &project.repository;
    let before = repository.resolve(&format!("{commit}^")).await?;
    let after = repository.resolve(commit).await?;
    let (before, after) = (repository.tree_of(&before).await?, repository.tree_of(&after).await?);
    repository.diff(&before, &after, most).await
}

fn by_name(file: &Path, html: &str) -> Result<PathBuf, CommandError> {
    let written = std::fs::write(file, html);
    written
        .map_err(|error| fail(Code::InTheWay, format!("--output: {}: {error}", file.display())))?;
    Ok(file.to_owned())
}

fn in_folder(top: &Path, run: &str, html: &str) -> Result<PathBuf, CommandError> {
    let file = top.join(FOLDER).join(format!("{run}.html"));
    plain_folders(top, &format!("{FOLDER}/{run}.html"))?;
    let unwritable =
        |error| fail(Code::InTheWay, format!("{} cannot be written: {error}", file.display()));
    write(top, &file, html).map_err(unwritable)?;
    Ok(file)
}

/// Written beside and moved there: a browser that reloads the page sees a whole one.
fn write(top: &Path, file: &Path, html: &str) -> std::io::Result<()> {
    let folder = top.join(FOLDER);
    std::fs::create_dir_all(&folder)?;
    let ignored = folder.join(".gitignore");
    if !ignored.exists() {
        std::fs::write(ignored, "*\n")?;
    }
    let mut whole = tempfile::NamedTempFile::new_in(&folder)?;
    whole.write_all(html.as_bytes())?;
    whole.persist(file).map(drop).map_err(|error| error.error)
}
