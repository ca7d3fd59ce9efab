//! `belay runs list` and `belay runs show RUN`: reads the store, takes no lease.
//! `belay runs report` stands in `report.rs`, `belay runs verify` in `verify.rs`.

use checkpoint_store::{RunHead, RunStore};
use orchestrator::{RunView, State, Status};
use serde_json::json;

use crate::args::RunsCommand;
use crate::commands::{report, verify};
use crate::error::CommandResult;
use crate::exit::Exit;
use crate::human::short;
use crate::project::Project;
use crate::records;
use crate::selection::{no_such_run, run_named};
use crate::summary::time;

/// Runs one of the subcommands.
pub(crate) async fn run(project: Project, command: RunsCommand) -> CommandResult {
    match command {
        RunsCommand::List => list(&project).await,
        RunsCommand::Show { run } => show(&project, &run).await,
        RunsCommand::Report { run, output } => report::run(&project, &run, output.as_deref()).await,
        RunsCommand::Verify { run, repair } => verify::run(&project, run.as_deref(), repair).await,
    }
}

async fn list(project: &Project) -> CommandResult {
    let mut views = Vec::new();
    if project.has_state() {
        let store = project.open_store().await?;
        for head in store.runs().await? {
            let view = match records::state(&store, &head).await? {
                Ok(state) => RunView::new(&head, &state),
                Err(why) => damaged(&head, why),
            };
            views.push(view.without_milestones());
        }
    }
    if project.printer.json() {
        project.printer.data(&json!({ "runs": views }));
        return Ok(Exit::Success);
    }
    if views.is_empty() {
        project.printer.out("No runs yet");
    }
    for view in views {
        let started =
            view.started_at.map(|at| at.strftime("%Y-%m-%d %H:%M").to_string()).unwrap_or_default();
        project.printer.out(&format!(
            "{}  {started}  {:<11}  {:<20}  {}{}",
            view.run,
            view.status.as_str(),
            view.idea,
            view.branch,
            marks(&view)
        ));
        if let Some(why) = view.reason.filter(|_| view.base.is_empty()) {
            project.printer.out(&format!("    {why}"));
        }
    }
    Ok(Exit::Success)
}

async fn show(project: &Project, name: &str) -> CommandResult {
    if !project.has_state() {
        return Err(no_such_run(name));
    }
    let store = project.open_store().await?;
    let heads = store.runs().await?;
    let head = run_named(&heads, name)?;
    let view = RunView::new(head, &records::needed(project, &store, head).await?);
    if project.printer.json() {
        project.printer.data(&view);
    } else {
        lines(&view).iter().for_each(|line| project.printer.out(line));
    }
    Ok(Exit::Success)
}

/// What is known of a run whose records cannot be read.
pub(super) fn damaged(head: &RunHead, why: String) -> RunView {
    let text = |key: &str| head.attributes[key].as_str().unwrap_or_default().to_owned();
    let view = RunView::new(head, &State::default());
    RunView { title: text("title"), branch: text("branch"), reason: Some(why), ..view }
}

/// What a status alone does not say.
fn marks(view: &RunView) -> &'static str {
    let degraded = view.degraded && view.status != Status::Degraded;
    match (view.partial, degraded) {
        (true, true) => ", partial, degraded",
        (true, false) => ", partial",
        (false, true) => ", degraded",
        (false, false) => "",
    }
}

fn lines(view: &RunView) -> Vec<String> {
    let mut lines = vec![
        format!("Run      {}", view.run),
        format!("Idea     {} ({})", view.idea, view.title),
        format!("Status   {}{}", view.status, marks(view)),
        format!("Branch   {} from {}", view.branch, short(&view.base)),
    ];
    lines.extend(view.reason.iter().map(|reason| format!("Reason   {reason}")));
    for milestone in view.milestones.iter().flatten() {
        let commit = milestone.commit.as_deref().map(short).unwrap_or_default();
        let what = match milestone.update {
            true => "Update".to_owned(),
            false => format!("Milestone {}", milestone.number),
        };
        lines.push(format!("{what}: {} [{}] {commit}", milestone.name, milestone.status));
        for item in &milestone.items {
            let model = item.model.as_ref().map(ToString::to_string).unwrap_or_default();
            lines.push(format!("  [{}] {} {model}", item.status, item.files.join(", ")));
        }
    }
    let usd = view.usd.map_or_else(|| "unknown".to_owned(), |usd| format!("{usd:.4} USD"));
    lines.push(format!(
        "Attempts {} ({} on fallbacks), tokens {} in, {} out, cost {usd}",
        view.attempts_total, view.fallback_attempts, view.tokens.input, view.tokens.output
    ));
    lines.extend(time(view).map(|time| format!("Time     {time}")));
    lines.extend(
        view.red_checks.iter().map(|check| format!("Red      {check}, as before any change")),
    );
    lines.extend(view.put_off.iter().map(|one| format!("Put off  {}: {}", one.effect, one.reason)));
    lines.extend(view.pull_request.iter().map(|url| format!("Pull req {url}")));
    lines.extend(view.issues.iter().map(|issue| format!("Issue    {issue}")));
    lines
}
