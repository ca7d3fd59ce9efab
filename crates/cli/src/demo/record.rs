//! Whether a run that was killed asked a finished step again.
//!
//! Two records that know nothing of each other are compared: the journal says
//! which steps were finished, the simulated server says what it was asked. A
//! program that believed its own account would never find itself wrong. The
//! tests read this file too.

use std::collections::BTreeSet;

use checkpoint_store::Entry;
use orchestrator::Event;
use orchestrator::event::StepName;
use orchestrator::journal::parse;
use simulated_models::Recorded;

use super::script::MILESTONES;

/// What one question to a model can finish. Milestones are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Asked {
    /// The idea was understood.
    Analysis,
    /// The plan was made.
    Plan,
    /// These files were written, or given up for good.
    Files(Vec<String>),
    /// A milestone was judged.
    Review(usize),
    /// A question that no step of the demo asks.
    Unknown(String),
}

/// The steps that these rows say are finished.
pub(crate) fn finished(entries: &[Entry]) -> BTreeSet<Asked> {
    entries.iter().filter_map(parse).filter_map(|(event, _)| of_event(event)).collect()
}

fn of_event(event: Event) -> Option<Asked> {
    match event {
        Event::StepFinished { step: StepName::Analyze, .. } => Some(Asked::Analysis),
        Event::StepFinished { step: StepName::Plan, .. } => Some(Asked::Plan),
        Event::ItemSucceeded { files, .. } => Some(Asked::Files(files)),
        // What fails is asked once more, as a milestone of its own after those of the plan.
        Event::ItemFailed { milestone, files, .. } if milestone > MILESTONES.len() => {
            Some(Asked::Files(files))
        }
        Event::ReviewApproved { milestone, .. } | Event::ReviewRejected { milestone, .. } => {
            Some(Asked::Review(milestone))
        }
        _ => None,
    }
}

/// The step that a request is about.
pub(crate) fn of_request(request: &Recorded) -> Asked {
    match request.schema.as_deref() {
        Some("analysis") => Asked::Analysis,
        Some("plan") => Asked::Plan,
        Some("changes") => Asked::Files(request.paths.clone()),
        Some("review") => reviewed(request).map_or_else(unknown(request), Asked::Review),
        _ => unknown(request)(),
    }
}

fn unknown(request: &Recorded) -> impl Fn() -> Asked {
    let shown = format!("request {} ({:?})", request.number, request.schema);
    move || Asked::Unknown(shown.clone())
}

/// The only milestone whose files stand in the diff that was shown.
fn reviewed(request: &Recorded) -> Option<usize> {
    let text = request.body["messages"].to_string();
    let stands = |path: &&str| text.contains(&format!("diff --git a/{path} "));
    let mut found = MILESTONES
        .iter()
        .enumerate()
        .filter(|(_, milestone)| milestone.create.iter().chain(milestone.modify).any(stands));
    let (index, _) = found.next()?;
    found.next().is_none().then_some(index + 1)
}

/// The requests after the first `before` that ask what was finished by then,
/// or what no step of the demo would ask.
pub(crate) fn asked_again(
    requests: &[Recorded],
    before: usize,
    finished: &BTreeSet<Asked>,
) -> Vec<Asked> {
    let later = requests.iter().filter(|request| request.number > before as u64).map(of_request);
    later.filter(|asked| matches!(asked, Asked::Unknown(_)) || finished.contains(asked)).collect()
}
