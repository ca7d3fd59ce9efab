//! The pull request of a run: when there is to be one, and what it says; both
//! follow from the state.
//!
//! A run that is completed gets it, ready for review; where drafts are wanted,
//! the first milestone on the remote gets one, which is ready once the run is
//! completed. A run that ends without being completed is still worked on, and
//! gets none that is ready. It is opened once: what a person closed or merged
//! stays so.

use degradation_templates::PullRequestFacts;
use sha2::{Digest, Sha256};
use worktree::CommitId;

use crate::event::{IssueKind, Status};
use crate::fact::{Started, Told};
use crate::issues;
use crate::next::Step;
use crate::progress::{self, short};
use crate::settings::{PullRequestWhen, Settings};
use crate::state::State;
use crate::view::{self, MilestoneView};

/// What the run's pull request is known by.
pub(crate) const MARKER: &str = "pull-request";
/// What the id of an idea from an issue begins with.
const FROM_ISSUE: &str = "issue-";

/// The pull request of a run, as it was last heard of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRequestState {
    /// Where it stands.
    pub url: String,
    /// `open`, `closed` or `merged`.
    pub standing: String,
    /// It was opened as a draft and not made ready since: once it was ready, its being a draft is
    /// a person's wish.
    pub draft: bool,
    /// What it says.
    pub told: Told,
}

/// What an effect that could not be made is known by. A draft that there is no room for does not
/// keep a ready one from being opened.
pub(crate) fn marker(status: Option<Status>) -> String {
    match status {
        Some(Status::Completed) => format!("{MARKER}-ready"),
        _ => MARKER.to_owned(),
    }
}

/// Whether it could not be opened or brought up to date by this process.
pub(crate) fn is_put_off(state: &State) -> bool {
    state.deferred.iter().any(|deferred| deferred.marker.starts_with(MARKER))
}

/// After a push, while the run is at work: a draft is opened, and what is there says what was
/// pushed.
pub(crate) fn due_after_push(state: &State, settings: &Settings) -> Option<Step> {
    let commit = on_the_remote(state, settings)?;
    let is_due = match &state.pull_request {
        Some(known) => known.told.commit.as_ref() != Some(commit),
        None => settings.pull_request == PullRequestWhen::Draft,
    };
    step(state, None).filter(|_| is_due)
}

/// Before the run ends with a status, and after it has: what is there says how it ended.
pub(crate) fn due_at_end(state: &State, settings: &Settings, status: Status) -> Option<Step> {
    on_the_remote(state, settings)?;
    let is_due = match &state.pull_request {
        Some(known) => known.told.digest != digest(&facts(state, "", Some(status))),
        None => status == Status::Completed || settings.pull_request == PullRequestWhen::Draft,
    };
    step(state, Some(status)).filter(|_| is_due)
}

fn step(state: &State, status: Option<Status>) -> Option<Step> {
    (!state.is_deferred(&marker(status))).then_some(Step::PullRequest { status })
}

/// The commit that the branch has there, if it is the newest one and there are to be pull requests.
fn on_the_remote<'a>(state: &'a State, settings: &Settings) -> Option<&'a CommitId> {
    if settings.pull_request == PullRequestWhen::Never || state.commits() == 0 {
        return None;
    }
    let pushed = state.pushed.as_ref()?;
    let is_newest = Some(&pushed.commit) == state.tip.as_ref();
    let is_there = Some(pushed.remote.as_str()) == settings.push.as_deref();
    (is_newest && is_there).then_some(&pushed.commit)
}

/// What is told now.
pub(crate) fn told(state: &State, status: Option<Status>) -> Told {
    Told { commit: state.tip.clone(), digest: digest(&facts(state, "", status)) }
}

fn digest(facts: &PullRequestFacts) -> String {
    let text = serde_json::to_string(facts).unwrap_or_default();
    Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// What the text is made of. `status` is what the run ends with; none while it is at work.
pub(crate) fn facts(state: &State, run: &str, status: Option<Status>) -> PullRequestFacts {
    let started = state.started.as_ref();
    let milestones = view::milestones(state);
    let tasks = state.issues.iter();
    let tasks = tasks.filter(|issue| !issue.closed && issue.kind != IssueKind::Progress);
    PullRequestFacts {
        idea: started.map(|started| issues::idea_facts(&started.idea, &[])).unwrap_or_default(),
        run: run.to_owned(),
        branch: started.map(|started| started.branch.clone()).unwrap_or_default(),
        standing: standing(state, status),
        issue: started.and_then(issue_behind),
        closes: status == Some(Status::Completed) && !state.partial(),
        built: milestones.iter().filter_map(|one| built(state, one)).collect(),
        missing: milestones.iter().filter_map(|one| missing(state, one)).collect(),
        degraded: view::degraded(state),
        red_checks: state.red_checks().into_iter().map(str::to_owned).collect(),
        tasks: tasks.map(|issue| issue.url.clone()).collect(),
        models: state.tally.models.iter().map(ToString::to_string).collect(),
        cost: progress::cost(state),
    }
}

/// The issue that the idea was written in. A file of that name is a file.
fn issue_behind(started: &Started) -> Option<u64> {
    let number = started.idea.id.strip_prefix(FROM_ISSUE)?;
    let plain = number.bytes().all(|byte| byte.is_ascii_digit());
    number.parse().ok().filter(|_| plain && started.idea_path.is_none())
}

fn standing(state: &State, status: Option<Status>) -> String {
    let mut words = status.map_or("in progress", Status::as_str).to_owned();
    if state.partial() {
        words.push_str(", partial");
    }
    if !view::degraded(state).is_empty() && status != Some(Status::Degraded) {
        words.push_str(", degraded");
    }
    words
}

fn is_by_hand(state: &State, number: usize) -> bool {
    state.milestone(number).is_some_and(|milestone| milestone.by_hand)
}

fn built(state: &State, milestone: &MilestoneView) -> Option<String> {
    let name = &milestone.name;
    match &milestone.commit {
        Some(commit) => Some(format!("{name} ({})", short(commit))),
        None => is_by_hand(state, milestone.number).then(|| format!("{name} (by hand)")),
    }
}

fn missing(state: &State, milestone: &MilestoneView) -> Option<String> {
    let (name, number) = (&milestone.name, milestone.number);
    let lacks = state.missing(number);
    match milestone.status {
        _ if !lacks.is_empty() => Some(format!("{name}: {}", lacks.join(", "))),
        "note" | "committed" | "partial" => None,
        _ if is_by_hand(state, number) => None,
        status => Some(format!("{name} ({status})")),
    }
}

#[cfg(test)]
mod tests {
    use agents::Idea;
    use serde_json::json;

    use super::*;

    #[test]
    fn only_an_idea_that_was_an_issue_names_one() {
        let issue = |id: &str, path: Option<&str>| {
            let started = Started {
                idea: Idea::parse(id, "# Numbers\n\nAdd them.").expect("an idea"),
                idea_issue: None,
                idea_path: path.map(str::to_owned),
                base: serde_json::from_value(json!("0".repeat(40))).expect("an id"),
                base_branch: None,
                branch: "b".into(),
            };
            issue_behind(&started)
        };
        assert_eq!(issue("issue-12", None), Some(12));
        assert_eq!(issue("issue-12", Some("ideas/backlog/issue-12.md")), None);
        assert_eq!(
            (issue("issue-x", None), issue("001", None), issue("issue-+1", None)),
            (None, None, None)
        );
    }
}
