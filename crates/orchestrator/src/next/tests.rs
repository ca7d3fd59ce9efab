//! What follows from what: told as stories, from the journal's rows to the next step.
#![expect(clippy::needless_pass_by_value, reason = "stories read better without borrows")]

use std::path::PathBuf;
use std::time::Duration;

use agents::{
    Action, Analysis, ChangeSet, Idea, Plan, PlannedFile, ResolvedChange, Review, WorkItem,
};
use checkpoint_store::{Entry, RunId};
use model_providers::{Attempt, Class};
use serde_json::json;
use worktree::{CommandOutcome, CommitId};

use super::*;
use crate::event::{Event, StepName};
use crate::fact::{Fact, Prepared, Round, Started};
use crate::journal::record;
use crate::settings::ProjectCommandSetting;

fn settings() -> Settings {
    Settings {
        parallel: 3,
        max_begun: None,
        milestone_retries: 1,
        fix_rounds: 1,
        min_success_rate: 0.5,
        degradation: true,
        setup_command: ProjectCommandSetting::Auto,
        test_command: ProjectCommandSetting::Auto,
        test_timeout: Duration::from_secs(1),
        project: worktree::ProjectEnvironment::default(),
        subject: "{name}".into(),
        author: None,
        worktrees: PathBuf::new(),
        max_file_bytes: 1,
        plan_only: false,
        secrets: Vec::new(),
        resume_command: "belay resume".into(),
    }
}

/// A run as its rows tell it.
struct Story {
    state: State,
    run: RunId,
    seq: u64,
}

impl Story {
    /// A run with a plan of one milestone of three files and one of one file.
    fn planned(degraded: bool) -> Self {
        let mut story = Self { state: State::default(), run: RunId::generate(), seq: 0 };
        let idea = Idea::parse("001", "# Numbers\n\nAdd them.").unwrap();
        let base: CommitId = serde_json::from_value(json!("0".repeat(40))).unwrap();
        let started = Started { idea, idea_path: None, base, branch: "belay/001".into() };
        let event = Event::RunStarted {
            idea: "001".into(),
            title: "Numbers".into(),
            branch: "belay/001".into(),
            base: "0".into(),
        };
        story.tell_fact(event, Fact::Started(started));
        story.finish_step(StepName::Analyze, false, Fact::Analysis(analysis()));
        story.finish_step(StepName::Plan, degraded, Fact::Plan(plan()));
        story.finish_step(StepName::Prepare, false, Fact::Prepared(Prepared { test: None }));
        story
    }

    fn tell(&mut self, event: Event) -> &mut Self {
        self.write(record(&event, None).unwrap())
    }

    fn tell_fact(&mut self, event: Event, fact: Fact) -> &mut Self {
        self.write(record(&event, Some(&fact)).unwrap())
    }

    fn write(&mut self, record: checkpoint_store::NewRecord) -> &mut Self {
        self.seq += 1;
        let at = jiff::Timestamp::UNIX_EPOCH;
        let (kind, body) = (record.kind, record.body);
        let entry = Entry {
            run: self.run,
            seq: self.seq,
            epoch: 1,
            at,
            kind,
            body,
            version: 1,
            min_reader: 1,
        };
        self.state.apply(&entry);
        self
    }

    fn finish_step(&mut self, step: StepName, degraded: bool, fact: Fact) -> &mut Self {
        self.tell_fact(
            Event::StepFinished { step, milestone: None, model: None, degraded, summary: None },
            fact,
        )
    }

    fn round(&mut self, cause: Cause, files: &[&str]) -> &mut Self {
        let item = |path: &&str| WorkItem {
            files: vec![PlannedFile { path: (*path).to_owned(), action: Action::Create }],
            read: Vec::new(),
        };
        let round = Round {
            cause,
            items: files.iter().map(item).collect(),
            findings: vec!["mend it".into()],
        };
        let event = Event::StepStarted {
            step: StepName::Implement,
            milestone: Some(1),
            name: None,
            items: None,
        };
        self.tell_fact(event, Fact::Round(round))
    }

    fn succeed(&mut self, item: usize) -> &mut Self {
        let change = ResolvedChange {
            path: format!("{item}.py"),
            before: None,
            after: Some("N = 1\n".into()),
            explanation: String::new(),
            from: None,
        };
        let changes = ChangeSet { changes: vec![change], notes: String::new() };
        let event =
            Event::ItemSucceeded { milestone: 1, item, files: vec![], model: None, attempts: 1 };
        self.tell_fact(event, Fact::Changes(changes))
    }

    fn fail(&mut self, item: usize, want: bool, attempts: usize) -> &mut Self {
        let class = if want { Class::Unavailable } else { Class::InvalidOutput };
        let attempt = Attempt {
            model: "a/b".parse().unwrap(),
            position: 0,
            number: 1,
            class: Some(class),
            message: None,
            status: None,
            latency: Duration::ZERO,
            tokens: None,
            usd: None,
        };
        let event = Event::ItemFailed {
            milestone: 1,
            item,
            files: vec![],
            class: Some(class),
            message: "no".into(),
            for_want_of_a_model: want,
            attempts,
        };
        self.tell_fact(event, Fact::Attempts(vec![attempt; attempts]))
    }

    fn judge(&mut self, approved: bool) -> &mut Self {
        let review = Review {
            approved,
            code_quality: 80,
            issues: vec![],
            strengths: vec![],
            next_steps: vec![],
        };
        let (milestone, model, code_quality, degraded, findings) = (1, None, 80, false, vec![]);
        let event = if approved {
            Event::ReviewApproved { milestone, model, code_quality, degraded, findings }
        } else {
            Event::ReviewRejected { milestone, model, code_quality, degraded, findings }
        };
        self.tell_fact(event, Fact::Review(review))
    }

    fn test(&mut self, passed: bool) -> &mut Self {
        let (milestone, command, latency_ms, note) = (Some(1), None, 0, None);
        let event = if passed {
            Event::TestsPassed { milestone, command, latency_ms, note }
        } else {
            Event::TestsFailed {
                milestone,
                command,
                latency_ms,
                exit: Some(1),
                failing: vec![],
                note,
            }
        };
        let outcome = CommandOutcome {
            command: "test".into(),
            passed,
            exit: Some(1),
            ended: "exited".into(),
            output: "red".into(),
            elapsed_ms: 0,
        };
        self.tell_fact(event, Fact::Tests(Some(outcome)))
    }

    fn commit(&mut self, milestone: usize) -> &mut Self {
        let commit: CommitId = serde_json::from_value(json!("1".repeat(40))).unwrap();
        let (name, models) = ("n".into(), vec![]);
        self.tell(Event::MilestoneCommitted {
            milestone,
            total: 2,
            name,
            commit,
            models,
            partial: false,
            degraded: false,
        })
    }

    fn roll_back(&mut self, outcome: Option<Status>) -> &mut Self {
        self.tell(Event::MilestoneRolledBack {
            milestone: 1,
            succeeded: 0,
            total: 3,
            retry: 1,
            outcome,
            reason: "why".into(),
        })
    }

    fn resume(&mut self, after: Status) -> &mut Self {
        self.tell(Event::RunResumed { idea: "001".into(), branch: "b".into(), after })
    }

    fn next(&self) -> Step {
        next(&self.state, &settings())
    }
}

fn analysis() -> Analysis {
    let value = json!({ "understanding": "u", "complexity": "low", "confidence": 0.9, "risks": [], "questions": [] });
    serde_json::from_value(value).unwrap()
}

fn plan() -> Plan {
    let milestone = |name: &str, files: &[&str]| json!({ "name": name, "description": "", "files": { "create": files, "modify": [], "delete": [] }, "read": [], "tests": [] });
    let milestones = [milestone("One", &["1.py", "2.py", "3.py"]), milestone("Two", &["4.py"])];
    serde_json::from_value(
        json!({ "milestones": milestones, "risks": [], "success_criteria": [], "confidence": 0.9 }),
    )
    .unwrap()
}

const FILES: [&str; 3] = ["1.py", "2.py", "3.py"];

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
    assert_eq!(story.succeed(3).next(), Step::Review { milestone: 1 });
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
    let missing = vec!["2.py".into()];
    story.tell(Event::PartialAccepted {
        milestone: 1,
        succeeded: 2,
        total: 3,
        percent: 67,
        missing,
    });
    assert_eq!(story.next(), Step::Review { milestone: 1 });
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
    for wanted in issues::missing(&story.state) {
        let (url, title) = (format!("issues/{}", wanted.marker), "t".into());
        story.tell(Event::IssueCreated {
            kind: wanted.kind,
            url,
            title,
            milestone: wanted.milestone,
            item: wanted.item,
            marker: wanted.marker,
        });
    }
    assert!(matches!(story.next(), Step::Finish { status: Status::Degraded, .. }));
    story.resume(Status::Degraded).round(Cause::Plan, &FILES).succeed(1).succeed(2).succeed(3);
    story.judge(true).test(true).commit(1).commit(2);
    let Step::CloseIssue { marker, .. } = story.next() else { panic!("a close comes next") };
    let reason = "done".into();
    story.tell(Event::IssueClosed { url: "u".into(), marker, reason });
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

/// Trap 37: the same failure three times parks the run, and a person is told.
#[test]
fn a_parked_run_tells_a_person_and_is_tried_afresh_when_it_is_resumed() {
    let mut story = Story::planned(false);
    story.tell(Event::RunParked { reason: "the disk is full".into() });
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
    assert_eq!(adopt(false), Step::Review { milestone: 1 });
}
