//! A base that moves on: what comes first, and what becomes of what was done.

use serde_json::json;
use worktree::{CommitId, Replayed};

use super::story::{FILES, Story, settings};
use crate::event::Event;
use crate::fact::{Cause, Update};
use crate::next::{Step, next};

fn commit(digit: &str) -> CommitId {
    serde_json::from_value(json!(digit.repeat(40))).expect("an id")
}

/// One milestone of two is committed, and the base is at another commit now.
fn moved(files: &[&str]) -> Story {
    let mut story = Story::planned(false);
    story.round(Cause::Plan, &FILES).succeed(1).succeed(2).succeed(3);
    story.format_of(1).judge(true).test(true).commit(1);
    let files = files.iter().map(|file| (*file).to_owned()).collect();
    story.tell(Event::BaseMoved { milestone: 3, base: "main".into(), to: commit("7"), files });
    story
}

fn step(story: &Story) -> Step {
    next(&story.state, &settings())
}

#[test]
fn the_update_comes_before_the_next_milestone_and_asks_nobody_where_git_could_merge() {
    let mut story = moved(&[]);
    assert!(matches!(step(&story), Step::BeginRound { milestone: 3, cause: Cause::Plan, .. }));
    story.round_of(3, Cause::Plan, &[]);
    assert_eq!(step(&story), Step::Test { milestone: 3 });
    assert_eq!(story.state.planned_milestones(), 2);
    let first = story.state.tip.clone().expect("a commit");
    let update = Update {
        from: first.clone(),
        to: commit("9"),
        onto: commit("7"),
        replayed: vec![Replayed { from: first, to: commit("8") }],
        redo: false,
    };
    let base_tree = serde_json::from_value(json!("6".repeat(40))).expect("an id");
    let base = "main".to_owned();
    story.tell(Event::BaseUpdated { milestone: Some(3), base, update, base_tree });
    let state = &story.state;
    assert_eq!((state.tip.as_ref(), state.base.as_ref()), (Some(&commit("9")), Some(&commit("7"))));
    assert_eq!(state.milestones[0].commit, Some(commit("8")), "it has another name now");
    assert_eq!(state.commits(), 1);
    assert!(matches!(step(&story), Step::BeginRound { milestone: 2, .. }));
}

#[test]
fn all_conflicts_must_be_resolved_or_the_branch_stays_where_it_is() {
    let mut story = moved(&["a.py", "b.py"]);
    story.round_of(3, Cause::Plan, &["a.py", "b.py"]).succeed_of(3, 1).fail_of(3, 2, false, 1);
    let Step::Drop { milestone: 3, reason } = step(&story) else { panic!("it is dropped") };
    story.tell(Event::BaseRefused {
        milestone: 3,
        onto: commit("7"),
        reason,
        for_want_of_a_model: false,
    });
    assert!(matches!(step(&story), Step::BeginRound { milestone: 2, .. }));
    assert_eq!(story.state.refused_base, Some(commit("7")));
    assert!(!story.state.partial());
}
