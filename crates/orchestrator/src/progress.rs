//! The one issue of a run that says how it stands: plan, progress, models and
//! cost, kept current while the run works. Nothing is asked in it.
//!
//! It is no part of what the state wants told: its text changes with every
//! milestone, and a run never waits for it.

use crate::Error;
use crate::driver::Driver;
use crate::event::{IssueKind, Status};
use crate::issues::Wanted;
use crate::next::Step;
use crate::state::{IssueState, State};
use crate::view;
use degradation_templates::{IdeaFacts, ProgressFacts};

/// What the issue is known by.
pub(crate) const MARKER: &str = "progress";
/// The beginning of a commit's name that people are shown.
const SHORT: usize = 10;

/// Whether the step changes what is told.
pub(crate) fn changes(step: &Step) -> bool {
    matches!(
        step,
        Step::Plan
            | Step::Note { .. }
            | Step::Commit { .. }
            | Step::RollBack { .. }
            | Step::Drop { .. }
    )
}

impl Driver {
    /// Brings the issue up to date; makes it where there is none. A person who closed it wants no
    /// more of it, and what could not be told is not tried again by this process.
    pub(crate) async fn tell_progress(&self) -> Result<(), Error> {
        let settings = &self.parts.settings;
        if !settings.progress_issue || settings.plan_only || self.progress_is_put_off() {
            return Ok(());
        }
        let wanted = Wanted::progress();
        match self.progress_issue() {
            None => self.open_issue(&wanted).await,
            Some(issue) if issue.closed => Ok(()),
            Some(issue) => self.refresh_issue(&issue.url, &wanted).await,
        }
    }

    /// The same at the end of a run: one that is completed needs the issue no more.
    pub(crate) async fn end_progress(&self, status: Status) -> Result<(), Error> {
        if status == Status::Completed && self.progress_issue().is_none() {
            return Ok(());
        }
        self.tell_progress().await?;
        let open = self.progress_issue().filter(|issue| !issue.closed);
        match open.filter(|_| status == Status::Completed && !self.progress_is_put_off()) {
            Some(issue) => self.close_issue(&issue.url, MARKER).await,
            None => Ok(()),
        }
    }

    fn progress_issue(&self) -> Option<IssueState> {
        let state = self.journal.state();
        state.issues.iter().find(|issue| issue.kind == IssueKind::Progress).cloned()
    }

    fn progress_is_put_off(&self) -> bool {
        self.journal.state().is_deferred(MARKER)
    }
}

/// What the issue's text is made of.
pub(crate) fn facts(
    state: &State,
    run: &str,
    resume_command: &str,
    idea: IdeaFacts,
) -> ProgressFacts {
    let plan = view::milestones(state).into_iter().map(|milestone| match &milestone.commit {
        Some(commit) => {
            format!("{}: {} ({})", milestone.name, milestone.status, short(commit))
        }
        None => format!("{}: {}", milestone.name, milestone.status),
    });
    let waiting = state
        .issues
        .iter()
        .filter(|issue| !issue.closed && issue.kind != IssueKind::Progress)
        .map(|issue| issue.url.clone());
    ProgressFacts {
        idea,
        run: run.to_owned(),
        branch: state.started.as_ref().map(|one| one.branch.clone()).unwrap_or_default(),
        standing: standing(state),
        plan: plan.collect(),
        waiting: waiting.collect(),
        models: state.tally.models.iter().map(ToString::to_string).collect(),
        cost: cost(state),
        pull_request: state.pull_request.as_ref().map(|known| known.url.clone()),
        resume_command: resume_command.to_owned(),
    }
}

/// The beginning of a commit's name.
pub(crate) fn short(commit: &str) -> &str {
    commit.get(..SHORT).unwrap_or(commit)
}

fn standing(state: &State) -> String {
    let ends = view::milestones(state).iter().all(|one| one.status != "pending");
    let mut words = match state.plan {
        Some(_) if ends => "every milestone has ended".to_owned(),
        _ => state.phase.to_string(),
    };
    for (holds, word) in [(state.partial(), ", partial"), (state.degraded(), ", degraded")] {
        if holds {
            words.push_str(word);
        }
    }
    words
}

pub(crate) fn cost(state: &State) -> String {
    let tally = &state.tally;
    let tokens = format!("{} tokens in, {} out", tally.tokens.input, tally.tokens.output);
    let usd = tally.usd;
    if tally.usd_unknown {
        format!("{tokens}; not every model has a known price.")
    } else {
        format!("{tokens}; {usd:.2} USD.")
    }
}
