//! The issue that an idea comes from: closed once the run of it is completed. Until then it is
//! only looked at, so that a run which is blocked leaves it as people know it. Where there is a
//! pull request, GitHub closes the issue with it.

use crate::event::Status;
use crate::state::State;

/// What closing it is known by.
pub(crate) const MARKER: &str = "idea-issue";
/// The beginning of a commit's name that people are shown.
const SHORT: usize = 10;

impl State {
    /// The address of the issue that the idea was read from, if it was one.
    pub fn idea_issue(&self) -> Option<&str> {
        self.started.as_ref()?.idea_issue.as_deref()
    }
}

/// The issue, where the run ends `status` and it is still to be closed.
pub(crate) fn to_close(state: &State, status: Status) -> Option<&str> {
    let done = status == Status::Completed && !state.waits_for_items();
    let is_left_to_it = state.pull_request.is_some();
    let due = done && !is_left_to_it && !state.idea_issue_closed && !state.is_deferred(MARKER);
    state.idea_issue().filter(|_| due)
}

/// What is said there in the end.
pub(crate) fn reason(state: &State) -> String {
    let branch = state.started.as_ref().map(|started| started.branch.as_str()).unwrap_or_default();
    let tip = state.tip.as_ref().map(|tip| tip.as_str()).unwrap_or_default();
    let commit: String = tip.chars().take(SHORT).collect();
    let left: Vec<&str> = state
        .issues
        .iter()
        .filter(|issue| !issue.closed && issue.marker != crate::progress::MARKER)
        .map(|issue| issue.url.as_str())
        .collect();
    let done = format!("done on the branch `{branch}`, commit {commit}.");
    if left.is_empty() {
        return done;
    }
    format!("{done} What is left for people: {}", left.join(", "))
}
