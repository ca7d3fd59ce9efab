//! What follows from what: told as stories, from the journal's rows to the next step.

mod asking;
mod outside;
mod pulls;
mod story;
mod updating;

use serde_json::json;
use worktree::CommitId;

use self::story::{FILES, Story, settings};
use super::*;
use crate::event::{Event, StepName};

fn rolled_back(outcome: Option<Status>, step: &Step) -> bool {
    matches!(step, Step::RollBack { milestone: 1, outcome: found, .. } if *found == outcome)
}

#[test]
fn a_run_begins_with_the_analysis() {
    assert_eq!(next(&State::default(), &settings()), Step::Analyze);
}

#[test]
fn the_way_of_a_milestone_that_goes_well() {
    let mut story = Story::planned(false);
    assert!(matches!(story.next(), Step::BeginRound { milestone: 1, cause: Cause::Plan, .. }));
    assert_eq!(story.round(Cause::Plan, &FILES).next(), Step::Implement { milestone: 1 });
    assert_eq!(story.succeed(1).succeed(2).next(), Step::Implement { milestone: 1 });
    assert_eq!(story.succeed(3).next(), Step::Format { milestone: 1 });
    assert_eq!(story.format_of(1).next(), Step::Review { milestone: 1 });
    assert_eq!(story.judge(true).next(), Step::Test { milestone: 1 });
    assert_eq!(story.test(true).next(), Step::Commit { milestone: 1 });
    assert!(matches!(story.commit(1).next(), Step::BeginRound { milestone: 2, .. }));
    assert_eq!(story.commit(2).next(), Step::Finish { status: Status::Completed, reason: None });
}

#[test]
fn half_of_the_items_are_enough_and_the_rest_becomes_an_issue() {
    let mut story = Story::planned(false);
    story.round(Cause::Plan, &FILES).succeed(1).succeed(3).fail(2, false, 2);
    assert_eq!(story.next(), Step::AcceptPartial { milestone: 1 });
    assert_eq!(story.accept_partial().next(), Step::Format { milestone: 1 });
    story.judge(true).test(true).commit(1);
    let Step::OpenIssue(wanted) = story.next() else {
        panic!("an issue comes next: {:?}", story.next())
    };
    assert_eq!(
        (wanted.kind, wanted.milestone, wanted.item),
        (crate::event::IssueKind::FailedItem, Some(1), Some(2))
    );
    let (kind, url, title, marker) = (wanted.kind, "u".into(), "t".into(), wanted.marker.clone());
    story.tell(Event::IssueCreated { kind, url, title, milestone: Some(1), item: Some(2), marker });
    assert!(
        matches!(story.next(), Step::BeginRound { milestone: 2, .. }),
        "made once: {:?}",
        story.next()
    );
    assert!(story.state.partial());
}

/// What is red without the failed items is as little worth as less than half of them.
#[test]
fn a_partial_milestone_with_red_tests_is_tried_again_as_a_whole() {
    let mut story = Story::partial();
    assert!(rolled_back(None, &story.judge(true).test(false).next()));
    story.roll_back(None).round(Cause::Plan, &FILES).succeed(1).succeed(3).fail(2, false, 2);
    story.accept_partial().judge(true).test(false);
    let next = story.next();
    assert!(
        matches!(next, Step::BeginRound { cause: Cause::Tests, .. }),
        "no retries left: {next:?}"
    );
    story.round(Cause::Tests, &["1.py"]).succeed(1).judge(true).test(false);
    assert!(rolled_back(Some(Status::Blocked), &story.next()));
}

/// The same status as below half of the items: a later run tries again by itself.
#[test]
fn what_stays_red_without_items_that_had_no_model_is_degraded() {
    let mut story = Story::planned(false);
    story.roll_back(None).round(Cause::Plan, &FILES).succeed(1).succeed(3).fail(2, true, 2);
    story.accept_partial().judge(true).test(false);
    story.round(Cause::Tests, &["1.py"]).succeed(1).judge(true).test(false);
    assert!(rolled_back(Some(Status::Degraded), &story.next()), "{:?}", story.next());
}

/// The second milestone may be red for want of what the first one lacks: a run that is taken up
/// again does not try it without that, over and over.
#[test]
fn what_was_left_open_comes_first_when_a_run_is_taken_up_again() {
    let mut story = Story::partial();
    story.judge(true).test(true).commit(1).make_issues().resume(Status::Blocked);
    assert_eq!(story.next(), Step::Reopen { milestone: 1 });
    let files = vec!["2.py".to_owned()];
    story.tell(Event::MilestoneReopened { milestone: 3, rest_of: 1, files });
    assert!(matches!(story.next(), Step::BeginRound { milestone: 3, cause: Cause::Plan, .. }));
    story.round_of(3, Cause::Plan, &["2.py"]).resume(Status::Interrupted);
    assert_eq!(story.next(), Step::Implement { milestone: 3 });
    story.succeed_of(3, 1).judge_of(3, true).test_of(3, true);
    assert!(!story.state.is_last_open(3), "the second milestone is still to come");
    story.commit(3);
    assert!(story.state.is_last_open(2));
    assert!(matches!(story.next(), Step::BeginRound { milestone: 2, .. }), "{:?}", story.next());
}

#[test]
fn what_failed_is_tried_once_more_before_the_run_ends_and_closes_its_issue() {
    let mut story = Story::reopened();
    assert_eq!(story.succeed_of(3, 1).next(), Step::Format { milestone: 3 });
    story.judge_of(3, true).test_of(3, true);
    assert_eq!(story.next(), Step::Commit { milestone: 3 });
    assert!(story.state.partial());
    story.commit(3);
    assert!(!story.state.partial() && story.state.missing(1).is_empty());
    assert!(matches!(story.next(), Step::CloseIssue { .. }));
}

#[test]
fn a_rest_that_fails_again_leaves_everything_as_it_was() {
    let mut story = Story::reopened();
    story.fail_of(3, 1, false, 2);
    assert!(matches!(story.next(), Step::Drop { milestone: 3, .. }), "{:?}", story.next());
    let reason = "no".to_owned();
    story.tell(Event::MilestoneDropped { milestone: 3, rest_of: 1, reason });
    assert_eq!(story.next(), Step::Finish { status: Status::Completed, reason: None });
    assert!(story.state.partial());
    // The next run of the idea tries what is open, until a person has closed its issue.
    story.tell(Event::RunFinished {
        status: Status::Completed,
        branch: "b".into(),
        commits: 2,
        partial: true,
        degraded: false,
        reason: None,
    });
    story.resume(Status::Completed);
    assert_eq!(story.next(), Step::Reopen { milestone: 1 });
    let marker = story.state.issues[0].marker.clone();
    let (url, reason) = ("u".into(), "closed".into());
    story.tell(Event::IssueClosed { url, marker, reason, by_person: true });
    assert_eq!(story.next(), Step::Finish { status: Status::Completed, reason: None });
}

#[test]
fn below_half_the_milestone_is_rolled_back_and_tried_again_then_blocked() {
    let mut story = Story::planned(false);
    story.round(Cause::Plan, &FILES).succeed(1).fail(2, false, 2).fail(3, true, 2);
    assert!(rolled_back(None, &story.next()));
    assert!(matches!(story.roll_back(None).next(), Step::BeginRound { cause: Cause::Plan, .. }));
    assert!(
        story.state.milestones[0].writes().is_empty(),
        "what was rolled back is not in the next tree"
    );
    story.round(Cause::Plan, &FILES).fail(1, true, 2).fail(2, false, 2).fail(3, true, 2);
    assert!(rolled_back(Some(Status::Blocked), &story.next()));
    story.roll_back(Some(Status::Blocked));
    assert!(
        matches!(story.next(), Step::OpenIssue(wanted) if wanted.kind == crate::event::IssueKind::Blocked)
    );
}

#[test]
fn for_want_of_a_model_the_run_is_degraded_and_every_item_a_manual_task() {
    let mut story = Story::planned(false);
    story.round(Cause::Plan, &FILES).fail(1, true, 2).fail(2, true, 2).fail(3, true, 2);
    story
        .roll_back(None)
        .round(Cause::Plan, &FILES)
        .fail(1, true, 2)
        .fail(2, true, 2)
        .fail(3, true, 2);
    assert!(rolled_back(Some(Status::Degraded), &story.next()));
    story.roll_back(Some(Status::Degraded));
    assert_eq!(issues::missing(&story.state).len(), 3);
}

#[test]
fn without_degradation_a_run_without_a_model_fails() {
    let mut story = Story::planned(false);
    story.round(Cause::Plan, &FILES).fail(1, true, 0).fail(2, true, 0).fail(3, true, 0);
    let settings = Settings { degradation: false, ..settings() };
    assert!(rolled_back(Some(Status::Failed), &next(&story.state, &settings)));
}

#[test]
fn nobody_to_ask_is_not_asked_again_at_once() {
    let mut story = Story::planned(false);
    story.round(Cause::Plan, &FILES).fail(1, true, 0).fail(2, true, 0).fail(3, true, 0);
    assert!(rolled_back(Some(Status::Degraded), &story.next()), "no retry: {:?}", story.next());
}

#[test]
fn findings_and_red_tests_become_work_a_bounded_number_of_times() {
    for reviewed in [true, false] {
        let mut story = Story::planned(false);
        story.round(Cause::Plan, &FILES).succeed(1).succeed(2).succeed(3);
        let bad = |story: &mut Story| {
            if reviewed { story.judge(false) } else { story.judge(true).test(false) }.next()
        };
        let cause = if reviewed { Cause::Review } else { Cause::Tests };
        assert!(matches!(bad(&mut story), Step::BeginRound { cause: found, .. } if found == cause));
        story.round(cause, &["1.py"]).succeed(1);
        assert!(rolled_back(Some(Status::Blocked), &bad(&mut story)));
    }
}

#[test]
fn nothing_mended_does_not_pass_for_mended() {
    let mut story = Story::planned(false);
    story.round(Cause::Plan, &FILES).succeed(1).succeed(2).succeed(3).judge(false);
    story.round(Cause::Review, &["1.py"]).fail(1, false, 2);
    assert!(rolled_back(Some(Status::Blocked), &story.next()));
}

#[test]
fn what_only_a_template_answered_is_asked_again_by_the_next_process() {
    let mut story = Story::planned(true);
    story.round(Cause::Plan, &FILES).fail(1, true, 0).fail(2, true, 0).fail(3, true, 0);
    story.roll_back(Some(Status::Degraded)).resume(Status::Degraded);
    assert_eq!(story.next(), Step::Plan, "the plan is asked again");

    let mut story = Story::planned(true);
    story.round(Cause::Plan, &FILES).succeed(1).resume(Status::Interrupted);
    assert_eq!(story.next(), Step::Implement { milestone: 1 }, "work that was done is kept");
}

#[test]
fn a_resumed_run_goes_on_in_the_middle_of_a_round() {
    let mut story = Story::planned(false);
    story.round(Cause::Plan, &FILES).succeed(2).resume(Status::Interrupted);
    assert_eq!(story.next(), Step::Implement { milestone: 1 });
    assert!(story.state.milestones[0].rounds[0].items[1].succeeded());
}

#[test]
fn an_issue_whose_cause_is_gone_is_closed_at_the_end() {
    let mut story = Story::planned(false);
    story.round(Cause::Plan, &FILES).fail(1, true, 0).fail(2, true, 0).fail(3, true, 0);
    story.roll_back(Some(Status::Degraded));
    story.make_issues();
    assert!(matches!(story.next(), Step::Finish { status: Status::Degraded, .. }));
    story.resume(Status::Degraded).round(Cause::Plan, &FILES).succeed(1).succeed(2).succeed(3);
    story.judge(true).test(true).commit(1).commit(2);
    let Step::CloseIssue { marker, .. } = story.next() else { panic!("a close comes next") };
    let reason = "done".into();
    story.tell(Event::IssueClosed { url: "u".into(), marker, reason, by_person: false });
    assert_eq!(issues::needless(&story.state).len(), 2);
}

#[test]
fn a_forge_out_of_reach_is_put_off_not_asked_for_ever() {
    let mut story = Story::planned(false);
    story
        .round(Cause::Plan, &FILES)
        .fail(1, true, 0)
        .fail(2, true, 0)
        .fail(3, true, 0)
        .roll_back(Some(Status::Degraded));
    for wanted in issues::missing(&story.state) {
        story.tell(Event::EffectDeferred {
            effect: "issue".into(),
            reason: "down".into(),
            marker: Some(wanted.marker),
        });
    }
    assert!(matches!(story.next(), Step::Finish { status: Status::Degraded, .. }));
    story.resume(Status::Interrupted);
    assert!(
        matches!(story.next(), Step::OpenIssue(_)),
        "the next process makes it: {:?}",
        story.next()
    );
}

#[test]
fn what_was_put_off_is_tried_again_after_the_next_commit() {
    let mut story = Story::partial();
    story.judge(true).test(true).commit(1);
    let Step::OpenIssue(wanted) = story.next() else { panic!("an issue comes next") };
    let (effect, reason) = ("issue".into(), "the disk is full".into());
    story.tell(Event::EffectDeferred { effect, reason, marker: Some(wanted.marker.clone()) });
    assert!(matches!(story.next(), Step::BeginRound { milestone: 2, .. }), "{:?}", story.next());
    story.commit(2);
    assert_eq!(story.next(), Step::OpenIssue(wanted));
}

/// Trap 37: the same failure three times parks the run, and a person is told.
#[test]
fn a_parked_run_tells_a_person_and_is_tried_afresh_when_it_is_resumed() {
    let mut story = Story::planned(false);
    story.tell(Event::RunParked { reason: "the disk is full".into(), branch: false });
    let Step::OpenIssue(wanted) = story.next() else { panic!("an issue comes next") };
    assert_eq!((wanted.kind, wanted.marker.as_str()), (crate::event::IssueKind::Blocked, "run"));
    let (kind, url, title, marker) = (wanted.kind, "u".into(), "t".into(), wanted.marker);
    story.tell(Event::IssueCreated { kind, url, title, milestone: None, item: None, marker });
    let reason = Some("the disk is full".to_owned());
    assert_eq!(story.next(), Step::Finish { status: Status::Blocked, reason });
    assert!(matches!(story.resume(Status::Blocked).next(), Step::BeginRound { milestone: 1, .. }));
}

#[test]
fn failures_count_until_something_is_finished() {
    let mut story = Story::planned(false);
    let failed = || Event::StepFailed { step: "Test".into(), message: "no".into() };
    story.tell(failed()).tell(failed());
    assert_eq!(story.state.failures.len(), 2);
    let (milestone, model, degraded, summary) = (Some(1), None, false, None);
    story.tell(Event::StepFinished { step: StepName::Test, milestone, model, degraded, summary });
    assert!(story.state.failures.is_empty());
}

/// Newer commits on the branch: what was made for files that they changed is
/// made anew, and what was found out about the tree is found out again.
#[test]
fn a_person_on_the_branch_is_not_written_over() {
    let adopt = |redo| {
        let mut story = Story::planned(false);
        story.round(Cause::Plan, &FILES).succeed(1).succeed(2).succeed(3).judge(true).test(true);
        let [from, to]: [CommitId; 2] =
            ["0", "2"].map(|digit| serde_json::from_value(json!(digit.repeat(40))).unwrap());
        story.tell(Event::BranchAdopted { branch: "b".into(), from, to: to.clone(), redo });
        assert_eq!(story.state.tip, Some(to));
        story.next()
    };
    assert!(matches!(adopt(true), Step::BeginRound { milestone: 1, cause: Cause::Plan, .. }));
    assert_eq!(adopt(false), Step::Format { milestone: 1 });
}

/// The issue of a failed item tells of every try, also of those before a rollback.
#[test]
fn an_issue_tells_every_attempt_of_its_item() {
    let mut story = Story::planned(false);
    story.round(Cause::Plan, &FILES).succeed(1).fail(2, false, 2).fail(3, false, 1);
    story.roll_back(None).round(Cause::Plan, &FILES).succeed(1).succeed(3).fail(2, true, 3);
    story.accept_partial().judge(true).test(true).commit(1);
    let Step::OpenIssue(wanted) = story.next() else { panic!("an issue comes next") };
    let templates = degradation_templates::Templates::built_in().unwrap();
    let text = issues::text(&wanted, &story.state, "run", &[], "belay resume", &templates).unwrap();
    let tries = |class: &str| text.body.matches(class).count();
    assert_eq!((tries("invalid_output"), tries("unavailable")), (2, 3), "{}", text.body);
}

/// A step that kills whoever does it is not done by every process for ever.
#[test]
fn processes_that_end_without_a_word_are_counted_until_something_is_finished() {
    let mut story = Story::planned(false);
    for _ in 0..4 {
        story.resume(Status::Interrupted);
    }
    assert_eq!(story.state.deaths, 4);
    story.round(Cause::Plan, &FILES).succeed(1).resume(Status::Interrupted);
    assert_eq!(story.state.deaths, 1, "an item was finished in between");
    let (status, reason) = (Status::Interrupted, Some("SIGTERM".to_owned()));
    let (branch, commits, partial, degraded) = ("b".to_owned(), 0, false, false);
    story.tell(Event::RunFinished { status, branch, commits, partial, degraded, reason });
    assert_eq!(story.resume(Status::Interrupted).state.deaths, 0, "it said why it ended");
}

#[test]
fn a_step_is_known_to_take_as_long_as_it_took_last() {
    let mut story = Story::planned(false);
    let (step, milestone, name, items) = (StepName::Test, Some(1), None, None);
    story.tell(Event::StepStarted { step, milestone, name, items });
    story.pass(std::time::Duration::from_secs(90));
    let (model, degraded, summary) = (None, false, None);
    story.tell(Event::StepFinished { step, milestone, model, degraded, summary });
    assert_eq!(story.state.took(StepName::Test).as_secs(), 90);
    assert_eq!(story.state.took(StepName::Review), std::time::Duration::ZERO);
}
