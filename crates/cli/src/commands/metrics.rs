//! `belay metrics [RUN]`: how well the models served the runs, and what that cost.
//! Reads the store only: no lease, no network.

use std::collections::BTreeSet;

use checkpoint_store::RunStore;
use orchestrator::metrics::view::{LightView, Lights, PerIdea, SpentView};
use orchestrator::metrics::{Metrics, MetricsView};

use crate::error::{CommandError, CommandResult};
use crate::exit::Exit;
use crate::human::seconds;
use crate::printer::labelled as row;
use crate::project::Project;
use crate::records;
use crate::selection::{no_such_run, run_named};

/// Runs the command.
pub(crate) async fn run(project: Project, run: Option<&str>) -> CommandResult {
    let view = match run {
        Some(name) => of_run(&project, name).await?,
        None => of_all(&project).await?,
    };
    if project.printer.json() {
        project.printer.data(&view);
    } else {
        lines(&view).iter().for_each(|line| project.printer.out(line));
    }
    Ok(Exit::Success)
}

async fn of_run(project: &Project, name: &str) -> Result<MetricsView, CommandError> {
    if !project.has_state() {
        return Err(no_such_run(name));
    }
    let store = project.open_store().await?;
    let heads = store.runs().await?;
    let head = run_named(&heads, name)?;
    let told = records::told_or_refused(project, &store, head).await?;
    let metrics = Metrics::of(&told.lines, &told.state);
    Ok(MetricsView::new(&metrics, Some(head.id.to_string()), 1, 1))
}

/// Of a run whose records cannot be read nothing is counted, and that is said.
async fn of_all(project: &Project) -> Result<MetricsView, CommandError> {
    let mut all = Metrics::default();
    let (mut runs, mut ideas) = (0, BTreeSet::new());
    if project.has_state() {
        let store = project.open_store().await?;
        for head in store.runs().await? {
            match records::told(&store, &head).await? {
                Ok(told) => {
                    all += &Metrics::of(&told.lines, &told.state);
                    runs += 1;
                    ideas.insert(head.subject);
                }
                Err(why) => {
                    project.printer.warn(&format!("run {} is not counted: {why}", head.id));
                }
            }
        }
    }
    Ok(MetricsView::new(&all, None, runs, ideas.len()))
}

fn lines(view: &MetricsView) -> Vec<String> {
    let mut lines = vec![match &view.run {
        Some(run) => format!("Run {run}"),
        None => format!("{} of {}", count(view.runs, "run"), count(view.ideas, "idea")),
    }];
    lines.extend(lights(&view.lights));
    let requests = view.requests.by_end;
    lines.push(row(
        "requests",
        &format!(
            "{}: {} by the first model, {} by a fallback, {} degraded, {} without a usable answer",
            view.requests.ended,
            requests.by_primary,
            requests.by_fallback,
            requests.degraded,
            requests.failed
        ),
    ));
    lines.push(row("attempts", &attempts(view)));
    lines.push(row("breakers", &openings(view)));
    let milestones = view.milestones.by_end;
    lines.push(row(
        "commits",
        &format!(
            "{}: {} green, {} partial{}; {} rolled back",
            milestones.committed,
            milestones.green,
            milestones.partial,
            view.milestones
                .partial_percent
                .map(|percent| format!(" ({percent} %)"))
                .unwrap_or_default(),
            milestones.rolled_back
        ),
    ));
    let per_idea = |number: &PerIdea, what: &str| {
        let each = number.per_idea.map(|each| format!(" ({each} an idea)")).unwrap_or_default();
        format!("{}{each}", count(number.total, what))
    };
    lines.push(row(
        "people",
        &format!(
            "{}, {}, taken up again {}",
            per_idea(&view.questions, "question"),
            per_idea(&view.manual_tasks, "manual task"),
            count(view.retries.total, "time")
        ),
    ));
    lines.push(row(
        "cost",
        &format!("{} ({} tokens in, {} out)", usd(view.usd), view.tokens.input, view.tokens.output),
    ));
    lines.push(row("worked", &seconds(view.worked_ms)));
    if !view.spent.is_empty() {
        lines.push("By role and model, and what a green commit with work of it cost:".to_owned());
        lines.extend(view.spent.iter().map(spent));
    }
    lines
}

/// A line for each light.
pub(super) fn lights(lights: &Lights) -> Vec<String> {
    let meant = [
        "of requests answered by the first model; good above 90",
        "of requests that went on to another model; good below 10",
        "of requests that no model could be had for; good below 5",
    ];
    let lights = lights.named().into_iter().zip(meant);
    lights.map(|((name, view), meant)| row(name, &light(view, meant))).collect()
}

fn light(view: LightView, meant: &str) -> String {
    match (view.percent, view.light) {
        (Some(percent), Some(light)) => {
            format!("{percent:>5.1} %  {:<8}  {meant}", light.as_str())
        }
        _ => "nothing was asked yet".to_owned(),
    }
}

fn attempts(view: &MetricsView) -> String {
    let failed = view.attempts.by_end.failed.iter();
    let failed: Vec<String> = failed.map(|(class, number)| format!("{number} {class}")).collect();
    let failed = match failed.is_empty() {
        true => String::new(),
        false => format!("; failed: {}", failed.join(", ")),
    };
    format!("{}: {} answered{failed}", view.attempts.total, view.attempts.by_end.succeeded)
}

fn openings(view: &MetricsView) -> String {
    let by_model = view.breaker_openings.by_model.iter();
    let by_model: Vec<String> =
        by_model.map(|(model, number)| format!("{model} {number}")).collect();
    let by_model = match by_model.is_empty() {
        true => String::new(),
        false => format!(": {}", by_model.join(", ")),
    };
    format!("{}{by_model}", count(view.breaker_openings.total, "opening"))
}

fn spent(spent: &SpentView) -> String {
    let green = match (spent.usd_per_green, spent.tokens_per_green) {
        (_, None) => String::new(),
        (Some(usd), Some(tokens)) => format!(", each {usd:.4} USD, {tokens} tokens"),
        (None, Some(tokens)) => format!(", each {tokens} tokens"),
    };
    row(
        spent.role.as_str(),
        &format!(
            "{}: {} of {} answered, {}, {} tokens; {}{green}",
            spent.model,
            spent.succeeded,
            count(spent.attempts, "attempt"),
            usd(spent.usd),
            spent.tokens.total(),
            count(spent.green_milestones, "green commit")
        ),
    )
}

fn usd(usd: Option<f64>) -> String {
    usd.map_or_else(|| "price unknown".to_owned(), |usd| format!("{usd:.4} USD"))
}

/// So many of something.
pub(super) fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}
