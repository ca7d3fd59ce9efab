//! When a run has a pull request, and when it is brought up to date.

use serde_json::json;
use worktree::CommitId;

use super::story::{FILES, Story, settings};
use crate::event::{Event, Status, StepName};
use crate::fact::{Cause, Fact, Push};
use crate::next::{Step, next, owed};
use crate::pull_request::{marker, told};
use crate::settings::{PullRequestWhen, Settings};

const AT_WORK: Step = Step::PullRequest { status: None };
const COMPLETED: Step = Step::PullRequest { status: Some(Status::Completed) };

fn wanting(pull_request: PullRequestWhen) -> Settings {
    Settings { push: Some("origin".into()), pull_request, ..settings() }
}

fn push(story: &mut Story) {
    let commit = story.state.tip.clone().expect("a commit");
    let push = Push { remote: "origin".into(), commit };
    story.tell_fact(
        Event::StepStarted { step: StepName::Push, milestone: None, name: None, items: None },
        Fact::Push(push.clone()),
    );
    let Push { remote, commit } = push;
    story.tell(Event::BranchPushed { branch: "b".into(), commit: commit.to_string(), remote });
}

/// The first of two milestones is committed and pushed.
fn one_pushed() -> Story {
    let mut story = Story::planned(false);
    story.round(Cause::Plan, &FILES).succeed(1).succeed(2).succeed(3);
    story.format_of(1).judge(true).test(true).commit(1);
    push(&mut story);
    story
}

fn both_pushed() -> Story {
    let mut story = one_pushed();
    story.commit(2);
    push(&mut story);
    story
}

fn tell(story: &mut Story, status: Option<Status>, state: &str) {
    let told = told(&story.state, status);
    let (url, number, commit) = ("u".to_owned(), 1, String::new());
    let draft = status.is_none();
    let event = match story.state.pull_request {
        None => Event::PullRequestOpened { url, number, draft, state: state.into(), commit },
        Some(_) => Event::PullRequestUpdated { url, number, draft, state: state.into(), commit },
    };
    story.tell_fact(event, Fact::PullRequest(told));
}

#[test]
fn a_ready_one_comes_once_and_last() {
    let ready = wanting(PullRequestWhen::Ready);
    let story = one_pushed();
    assert!(matches!(next(&story.state, &ready), Step::BeginRound { milestone: 2, .. }));
    let mut story = both_pushed();
    assert_eq!(next(&story.state, &ready), COMPLETED);
    let never = next(&story.state, &wanting(PullRequestWhen::Never));
    assert_eq!(never, Step::Finish { status: Status::Completed, reason: None });
    tell(&mut story, Some(Status::Completed), "open");
    let end = Step::Finish { status: Status::Completed, reason: None };
    assert_eq!(next(&story.state, &ready), end);
}

#[test]
fn a_draft_follows_each_push_and_is_told_how_it_ended() {
    let draft = wanting(PullRequestWhen::Draft);
    let mut story = one_pushed();
    assert_eq!(next(&story.state, &draft), AT_WORK);
    tell(&mut story, None, "open");
    assert!(matches!(next(&story.state, &draft), Step::BeginRound { milestone: 2, .. }));
    let to: CommitId = serde_json::from_value(json!("7".repeat(40))).expect("an id");
    let (branch, from) = ("b".into(), story.state.tip.clone().expect("a commit"));
    story.tell(Event::BranchAdopted { branch, from, to, redo: false, done: false });
    assert!(matches!(next(&story.state, &draft), Step::Push(_)), "not before its commit");
    push(&mut story);
    assert_eq!(next(&story.state, &draft), AT_WORK);
    tell(&mut story, None, "open");
    story.commit(2);
    push(&mut story);
    assert_eq!(next(&story.state, &draft), AT_WORK);
    tell(&mut story, None, "open");
    assert_eq!(next(&story.state, &draft), COMPLETED, "its being a draft ends");
    assert!(story.state.pull_request.as_ref().is_some_and(|known| known.draft));
    tell(&mut story, Some(Status::Completed), "open");
    assert!(matches!(next(&story.state, &draft), Step::Finish { .. }));
    assert!(story.state.pull_request.as_ref().is_some_and(|known| !known.draft));
}

#[test]
fn what_a_person_closed_is_not_opened_again() {
    for state in ["closed", "merged"] {
        let mut story = both_pushed();
        tell(&mut story, Some(Status::Completed), state);
        for settings in [PullRequestWhen::Ready, PullRequestWhen::Draft].map(wanting) {
            assert!(matches!(next(&story.state, &settings), Step::Finish { .. }), "{state}");
        }
    }
}

#[test]
fn one_that_was_put_off_is_owed_after_its_push_and_holds_nothing_up() {
    let ready = wanting(PullRequestWhen::Ready);
    let mut story = both_pushed();
    let (effect, reason) = ("pull request".into(), "no network".into());
    let marker = Some(marker(Some(Status::Completed)));
    story.tell(Event::EffectDeferred { effect, reason, marker });
    assert!(matches!(next(&story.state, &ready), Step::Finish { .. }));
    story.tell(Event::RunFinished {
        status: Status::Completed,
        branch: "b".into(),
        commits: 2,
        partial: false,
        degraded: false,
        reason: None,
    });
    assert_eq!(owed(&story.state, &ready), None, "put off is put off");
    story.tell(Event::EffectsRetried { number: 1 });
    assert_eq!(owed(&story.state, &ready), Some(COMPLETED));
    tell(&mut story, Some(Status::Completed), "open");
    assert_eq!(owed(&story.state, &ready), None);
}

/// A draft that there is no room for does not keep a ready one from being opened.
#[test]
fn a_draft_that_cannot_be_had_is_forgotten_once_the_run_is_completed() {
    let draft = wanting(PullRequestWhen::Draft);
    let mut story = both_pushed();
    let (effect, reason) = ("pull request".into(), "no drafts".into());
    story.tell(Event::EffectDeferred { effect, reason, marker: Some(marker(None)) });
    assert_eq!(next(&story.state, &draft), COMPLETED);
    tell(&mut story, Some(Status::Completed), "open");
    assert!(story.state.deferred.is_empty(), "nothing is owed any more");
}

#[test]
fn a_run_that_is_not_completed_gets_none_that_is_ready() {
    let mut story = one_pushed();
    story.round_of(2, Cause::Plan, &["4.py"]);
    story.tell(Event::RunParked { reason: "a person must decide".into(), branch: false });
    let ready = wanting(PullRequestWhen::Ready);
    assert!(!matches!(next(&story.make_issues().state, &ready), Step::PullRequest { .. }));
    let blocked = Step::PullRequest { status: Some(Status::Blocked) };
    tell(&mut story, None, "open");
    assert_eq!(next(&story.state, &ready), blocked, "one that is there says so");
}

/// From before there were pull requests, and of a kind that nobody knows any more.
#[test]
fn an_old_row_without_its_fact_is_told_anew() {
    let mut story = both_pushed();
    let old: Event = serde_json::from_value(json!({"event": "pull_request_opened", "url": "u"}))
        .expect("an event");
    story.tell(old);
    let known = story.state.pull_request.clone().expect("a pull request");
    assert_eq!((known.url.as_str(), known.standing.as_str()), ("u", "open"));
    assert_eq!(next(&story.state, &wanting(PullRequestWhen::Ready)), AT_WORK);
}
