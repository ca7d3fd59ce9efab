//! The whole page as plain values, for the template to lay out.

use std::collections::BTreeMap;

use orchestrator::event::IssueKind;
use orchestrator::metrics::view::{LightView, SpentView};
use orchestrator::{Event, Status, view};
use serde::Serialize;

use crate::attempts::{self, Attempt, End};
use crate::axis::{Axis, Mark};
use crate::lanes::{self, Lane};
use crate::milestones::{self, Milestone};
use crate::{Told, text};

/// Attempts that have a row at most.
const ATTEMPTS: usize = 1_000;
/// Entries of any other list.
const ENTRIES: usize = 200;
/// Parts that the line of time is divided into.
const TICKS: u64 = 4;

/// Everything on the page.
#[derive(Serialize)]
pub(crate) struct Page {
    title: String,
    status: Status,
    marks: Vec<&'static str>,
    facts: Vec<Row>,
    lights: Vec<Tile>,
    numbers: Vec<Row>,
    ticks: Vec<String>,
    axis: Vec<Mark>,
    lanes: Vec<Lane>,
    more_lanes: usize,
    legend: Vec<Entry>,
    states: Vec<&'static str>,
    milestones: Vec<Milestone>,
    more_milestones: usize,
    lacking: Vec<String>,
    issues: Vec<Issue>,
    spent: Vec<Spent>,
    attempts: Vec<Tried>,
    more_attempts: usize,
    rows: usize,
}

#[derive(Serialize)]
struct Row {
    label: &'static str,
    text: String,
}

#[derive(Serialize)]
struct Tile {
    name: &'static str,
    meaning: &'static str,
    percent: String,
    light: &'static str,
}

#[derive(Serialize)]
struct Entry {
    letter: &'static str,
    style: &'static str,
    word: String,
    number: usize,
}

#[derive(Serialize)]
struct Issue {
    title: String,
    url: String,
    /// The url once more, where a browser may follow it.
    link: Option<String>,
    closed: bool,
}

#[derive(Serialize)]
struct Spent {
    role: &'static str,
    model: String,
    attempts: String,
    tokens: String,
    usd: String,
    green: usize,
    each: String,
}

#[derive(Serialize)]
struct Tried {
    at: String,
    role: &'static str,
    place: String,
    model: String,
    letter: &'static str,
    style: &'static str,
    word: String,
    took: String,
    cost: String,
    message: String,
}

impl Page {
    pub(crate) fn new(told: &Told<'_>) -> Self {
        let axis = Axis::new(told.lines);
        let attempts = attempts::all(told.lines, &axis);
        let (lanes, more_lanes) = lanes::all(told.lines, &attempts, &axis);
        let (milestones, more_milestones) = milestones::all(told);
        let length = axis.length();
        Self {
            title: text::line(&(told.hide)(&told.view.title)),
            status: told.view.status,
            marks: marks(told),
            facts: facts(told),
            lights: lights(told),
            numbers: numbers(told),
            ticks: (0..=TICKS).map(|tick| text::clock(length * tick / TICKS)).collect(),
            states: lanes::states(&lanes),
            lanes,
            more_lanes,
            legend: legend(&attempts),
            milestones,
            more_milestones,
            lacking: lacking(told),
            issues: issues(told),
            spent: told.metrics.spent.iter().take(ENTRIES).map(spent).collect(),
            attempts: attempts.iter().take(ATTEMPTS).map(|attempt| tried(attempt, told)).collect(),
            more_attempts: attempts.len().saturating_sub(ATTEMPTS),
            rows: told.lines.len(),
            axis: axis.into_marks(),
        }
    }
}

fn marks(told: &Told<'_>) -> Vec<&'static str> {
    let degraded = told.view.degraded && told.view.status != Status::Degraded;
    let marks = [(told.view.partial, "partial"), (degraded, "degraded")];
    marks.into_iter().filter(|(holds, _)| *holds).map(|(_, mark)| mark).collect()
}

fn facts(told: &Told<'_>) -> Vec<Row> {
    let view = told.view;
    let row = |label, text: &str| Row { label, text: text::line(&(told.hide)(text)) };
    let mut rows = vec![row("Idea", &view.idea), row("Run", &view.run)];
    if !view.branch.is_empty() {
        rows.push(row("Branch", &format!("{} from {}", view.branch, text::short(&view.base))));
    }
    rows.extend(view.pull_request.iter().map(|url| row("Pull request", url)));
    if let Some(at) = view.started_at {
        rows.push(row("Began", &at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()));
    }
    rows.push(row("Worked", &text::time(view.worked_ms)));
    rows.extend(view.reason.iter().map(|reason| row("Reason", reason)));
    rows
}

fn lights(told: &Told<'_>) -> Vec<Tile> {
    let meant = ["answered by the first model", "went on to another model", "had no model"];
    let tile = |((name, view), meaning): ((&'static str, LightView), _)| Tile {
        name,
        meaning,
        percent: view.percent.map_or_else(|| "-".to_owned(), |percent| format!("{percent} %")),
        light: view.light.map_or("nothing asked", orchestrator::metrics::Light::as_str),
    };
    told.metrics.lights.named().into_iter().zip(meant).map(tile).collect()
}

fn numbers(told: &Told<'_>) -> Vec<Row> {
    let metrics = told.metrics;
    let milestones = metrics.milestones.by_end;
    let row = |label, text| Row { label, text };
    vec![
        row("Requests", metrics.requests.ended.to_string()),
        row(
            "Attempts",
            format!("{}, {} answered", metrics.attempts.total, metrics.attempts.by_end.succeeded),
        ),
        row("Commits", format!("{}, {} green", milestones.committed, milestones.green)),
        row("Breaker openings", metrics.breaker_openings.total.to_string()),
        row("Questions", metrics.questions.total.to_string()),
        row("Manual tasks", metrics.manual_tasks.total.to_string()),
        row("Tokens", format!("{} in, {} out", metrics.tokens.input, metrics.tokens.output)),
        row("Cost", text::usd(metrics.usd)),
    ]
}

fn legend(attempts: &[Attempt]) -> Vec<Entry> {
    let mut numbers: BTreeMap<End, usize> = BTreeMap::new();
    attempts.iter().for_each(|attempt| *numbers.entry(attempt.end).or_default() += 1);
    let entries = End::ALL.into_iter().filter_map(|end| {
        let number = *numbers.get(&end)?;
        Some(Entry { letter: end.letter(), style: end.style(), word: end.word(), number })
    });
    entries.collect()
}

/// What the run has not, or has from a template.
fn lacking(told: &Told<'_>) -> Vec<String> {
    let view = told.view;
    let degraded = view::degraded(told.state).into_iter();
    let degraded = degraded.map(|what| format!("A template answered for a model: {what}."));
    let milestones = view.milestones.iter().flatten().filter_map(|milestone| {
        let missing = told.state.missing(milestone.number);
        let number = milestone.number;
        match (milestone.status, missing.is_empty()) {
            (_, false) => Some(format!("Milestone {number} lacks {}.", missing.join(", "))),
            ("manual", _) => Some(format!("Milestone {number} is left to a person.")),
            ("rolled_back", _) => Some(format!("Milestone {number} was taken back.")),
            _ => None,
        }
    });
    let red = view.red_checks.iter().map(|check| format!("Red, as before any change: {check}."));
    let put_off = view.put_off.iter().map(|one| format!("Put off: {}: {}", one.effect, one.reason));
    let all = degraded.chain(milestones).chain(red).chain(put_off).take(ENTRIES);
    all.map(|entry| text::line(&(told.hide)(&entry))).collect()
}

fn issues(told: &Told<'_>) -> Vec<Issue> {
    let made = told.lines.iter().filter_map(|line| match &line.event {
        Event::IssueCreated { kind, url, title, .. } if *kind != IssueKind::Progress => {
            Some((url, title))
        }
        _ => None,
    });
    let issues = made.map(|(url, title)| {
        let url = text::line(&(told.hide)(url));
        let open = told.state.issues.iter().any(|issue| issue.url == url && !issue.closed);
        let link = is_address(&url).then(|| url.clone());
        Issue { title: text::line(&(told.hide)(title)), url, link, closed: !open }
    });
    issues.take(ENTRIES).collect()
}

/// Whether a browser may follow it: a link must not run anything.
fn is_address(url: &str) -> bool {
    ["https://", "http://"].iter().any(|scheme| url.starts_with(scheme))
}

fn spent(spent: &SpentView) -> Spent {
    let each = match (spent.usd_per_green, spent.tokens_per_green) {
        (Some(usd), _) => text::usd(Some(usd)),
        (None, Some(tokens)) => format!("{tokens} tokens"),
        (None, None) => "-".to_owned(),
    };
    Spent {
        role: spent.role.as_str(),
        model: text::line(&spent.model.to_string()),
        attempts: format!("{} of {}", spent.succeeded, spent.attempts),
        tokens: format!("{} in, {} out", spent.tokens.input, spent.tokens.output),
        usd: text::usd(spent.usd),
        green: spent.green_milestones,
        each,
    }
}

fn tried(attempt: &Attempt, told: &Told<'_>) -> Tried {
    let place = match (attempt.milestone, attempt.item) {
        (Some(milestone), Some(item)) => format!("milestone {milestone}, item {item}"),
        (Some(milestone), None) => format!("milestone {milestone}"),
        _ => String::new(),
    };
    let tokens = attempt.tokens.map(|tokens| format!("{} in, {} out", tokens.input, tokens.output));
    let usd = attempt.usd.map(|usd| text::usd(Some(usd)));
    let cost: Vec<String> = tokens.into_iter().chain(usd).collect();
    let status = attempt.status.filter(|status| *status >= 400);
    let message = attempt.message.as_deref().map(|message| (told.hide)(message));
    let message = match (status, message) {
        (Some(status), Some(said)) if !said.contains(&status.to_string()) => {
            format!("{status}: {said}")
        }
        (_, Some(said)) => said,
        (Some(status), None) => status.to_string(),
        (None, None) => String::new(),
    };
    Tried {
        at: text::clock(attempt.began),
        role: attempt.role.as_str(),
        place,
        model: text::line(&attempt.model.to_string()),
        letter: attempt.end.letter(),
        style: attempt.end.style(),
        word: attempt.end.word(),
        took: text::time(attempt.took),
        cost: cost.join("; "),
        message: text::line(&message),
    }
}
