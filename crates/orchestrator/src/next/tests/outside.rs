//! What is to be done outside the repository, and what becomes of it when it
//! cannot be done.

use serde_json::json;
use worktree::CommitId;

use super::story::{FILES, Story, settings};
use crate::event::{Event, Status, StepName};
use crate::fact::{Cause, Fact, Push};
use crate::next::{Step, next, owed};
use crate::settings::Settings;

fn pushing() -> Settings {
    Settings { push: Some("origin".into()), ..settings() }
}

fn committed() -> Story {
    let mut story = Story::planned(false);
    story.round(Cause::Plan, &FILES).succeed(1).succeed(2).succeed(3);
    story.format_of(1).judge(true).test(true).commit(1);
    story
}

fn due(story: &Story) -> Option<Push> {
    match next(&story.state, &pushing()) {
        Step::Push(push) => Some(push),
        _ => None,
    }
}

#[test]
fn a_commit_is_pushed_before_anything_else_is_begun_and_once() {
    assert_eq!(due(&Story::planned(false)), None, "nothing of the run is on the branch");
    let mut story = committed();
    assert!(!matches!(story.next(), Step::Push(_)), "no remote, no push");
    let push = due(&story).expect("a push");
    assert_eq!(Some(&push.commit), story.state.tip.as_ref());
    story.tell_fact(
        Event::StepStarted { step: StepName::Push, milestone: None, name: None, items: None },
        Fact::Push(push.clone()),
    );
    assert_eq!(due(&story), Some(push.clone()), "an intent is no receipt");
    let Push { remote, commit } = push;
    story.tell(Event::BranchPushed { branch: "b".into(), commit: commit.to_string(), remote });
    assert_eq!(due(&story), None);
    let (branch, from) = ("b".into(), story.state.tip.clone().expect("a commit"));
    let to: CommitId = serde_json::from_value(json!("7".repeat(40))).expect("an id");
    story.tell(Event::BranchAdopted { branch, from, to, redo: false, done: false });
    assert!(due(&story).is_some(), "the next commit is another push");
}

#[test]
fn a_push_that_was_put_off_is_owed_and_holds_nothing_up() {
    let mut story = committed();
    let push = due(&story).expect("a push");
    let (effect, reason) = ("push".into(), "no network".into());
    story.tell(Event::EffectDeferred { effect, reason, marker: Some(push.marker()) });
    assert_eq!(due(&story), None);
    assert!(owed(&story.state, &pushing()).is_none(), "put off is put off");
    story.tell(Event::EffectsRetried { number: 1 });
    assert_eq!(owed(&story.state, &pushing()), Some(Step::Push(push)));
}

/// The issue that the idea comes from is closed when the run is completed, once, and not before.
#[test]
fn the_issue_of_an_idea_is_closed_at_the_end() {
    let from_issue = |mut story: Story| {
        let started = story.state.started.as_mut().expect("a start");
        started.idea_issue = Some("https://x/issues/12".into());
        story
    };
    let mut story = from_issue(committed());
    story.commit(2);
    let close = Step::CloseIssue {
        url: "https://x/issues/12".into(),
        marker: crate::idea_issue::MARKER.into(),
    };
    assert_eq!(story.next(), close);
    let (effect, reason) = ("issue close".into(), "no network".into());
    let marker = Some(crate::idea_issue::MARKER.into());
    story.tell(Event::EffectDeferred { effect, reason, marker });
    assert!(matches!(story.next(), Step::Finish { .. }), "the run does not wait for it");
    story.tell(Event::RunFinished {
        status: Status::Completed,
        branch: "b".into(),
        commits: 2,
        partial: false,
        degraded: false,
        reason: None,
    });
    story.tell(Event::EffectsRetried { number: 1 });
    assert_eq!(owed(&story.state, &settings()), Some(close), "a later process does it");
    let (url, reason) = ("https://x/issues/12".into(), "done".into());
    let marker = crate::idea_issue::MARKER.into();
    story.tell(Event::IssueClosed { url, marker, reason, by_person: false });
    assert!(matches!(story.next(), Step::Finish { .. }), "{:?}", story.next());

    let mut blocked = from_issue(Story::planned(false));
    blocked.tell(Event::RunParked { reason: "a person must look".into(), branch: false });
    assert!(matches!(blocked.next(), Step::OpenIssue(_)));
    let marker = "run".into();
    let (effect, reason) = ("issue".into(), "no network".into());
    blocked.tell(Event::EffectDeferred { effect, reason, marker: Some(marker) });
    assert!(matches!(blocked.next(), Step::Finish { .. }), "what is blocked is not done");
}
