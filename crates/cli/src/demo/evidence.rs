//! What came out of the demo, held against what it promises.
//!
//! It is read from what a run leaves for everybody: the journal, the branch and
//! the issues. A demo that only prints that all went well shows that it can print.

use std::path::Path;

use checkpoint_store::RunStore;
use model_providers::Class;
use orchestrator::event::Role;
use orchestrator::journal::parse;
use orchestrator::{Event, RunView, State, Status};

use super::script::{MILESTONES, UNWRITABLE};
use crate::error::CommandError;
use crate::project::Project;

/// One promise of the demo.
pub(crate) struct Promise {
    /// What was to be shown, in words.
    pub(crate) what: String,
    /// Whether it came out so.
    pub(crate) kept: bool,
}

impl Promise {
    pub(crate) fn new(what: impl Into<String>, kept: bool) -> Self {
        Self { what: what.into(), kept }
    }
}

/// The run and what can be said of it.
pub(crate) struct Evidence {
    /// The run as `runs show` has it.
    pub(crate) run: RunView,
    /// What was promised.
    pub(crate) promises: Vec<Promise>,
}

/// Reads the only run of the demo's repository; none if it never began.
pub(crate) async fn gather(project: &Project) -> Result<Option<Evidence>, CommandError> {
    let store = project.open_store().await?;
    let heads = store.runs().await?;
    let Some(head) = heads.first() else {
        return Ok(None);
    };
    let entries = store.records(head.id, 0).await?;
    let events: Vec<Event> = entries.iter().filter_map(|entry| Some(parse(entry)?.0)).collect();
    let run = RunView::new(head, &State::fold(&entries));
    let commits = commits(project, &run).await?;
    let promises = promises(project.top(), &run, &events, commits);
    Ok(Some(Evidence { run, promises }))
}

async fn commits(project: &Project, run: &RunView) -> Result<usize, CommandError> {
    let Some(tip) = project.repository.branch_tip(&run.branch).await? else {
        return Ok(0);
    };
    let base = project.repository.resolve(&run.base).await?;
    Ok(project.repository.commits(&base, &tip).await?.len())
}

fn promises(top: &Path, run: &RunView, events: &[Event], commits: usize) -> Vec<Promise> {
    let any = |test: &dyn Fn(&Event) -> bool| events.iter().any(test);
    let fell_back = |wanted: Role| {
        any(&|event| matches!(event, Event::FallbackUsed { role, .. } if *role == wanted))
    };
    let opened = any(&|event| matches!(event, Event::BreakerOpened { role: Role::Coder, .. }));
    let rubbish = any(&|event| {
        matches!(
            event,
            Event::AttemptFailed { role: Role::Reviewer, class: Class::InvalidOutput, .. }
        )
    });
    let tested = |wanted| {
        any(
            &|event| matches!(event, Event::TestsPassed { milestone, command: Some(_), red: false, .. } if *milestone == Some(wanted)),
        )
    };
    let tried_again = any(&|event| matches!(event, Event::MilestoneDropped { .. }));
    let total = MILESTONES.len();
    vec![
        Promise::new(
            "the primary planner is down: the next model planned",
            fell_back(Role::Planner),
        ),
        Promise::new(
            "a coder never answers: its circuit breaker opened, others wrote the code",
            opened && fell_back(Role::Coder),
        ),
        Promise::new(
            "the reviewer answered rubbish once: it was told so, and mended it",
            rubbish && !run.degraded,
        ),
        Promise::new(
            format!(
                "no model can write {UNWRITABLE}: its milestone is partial, it was tried once more at the end, and an issue says what is left to do"
            ),
            one_partial(run) && tried_again && issue_names_the_file(top, run),
        ),
        Promise::new(
            format!("{total} reviewed commits on {}, each with green tests", run.branch),
            run.status == Status::Completed && commits == total && (1..=total).all(tested),
        ),
    ]
}

fn one_partial(run: &RunView) -> bool {
    let statuses = || run.milestones.iter().flatten().map(|milestone| milestone.status);
    statuses().filter(|status| *status == "partial").count() == 1
        && statuses().all(|status| matches!(status, "partial" | "committed"))
}

fn issue_names_the_file(top: &Path, run: &RunView) -> bool {
    let [url] = &run.issues[..] else {
        return false;
    };
    std::fs::read_to_string(top.join(url)).is_ok_and(|text| text.contains(UNWRITABLE))
}
