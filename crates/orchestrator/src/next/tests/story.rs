//! A run as its rows tell it, for the tests of what follows from them.
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

use crate::event::{Event, Status, StepName, Success};
use crate::fact::{Cause, Checked, Fact, Prepared, Round, Started};
use crate::issues::{self, Wanted};
use crate::journal::record;
use crate::next::{Step, next};
use crate::settings::{ChecksSetting, Gate, ProjectCommandSetting, Settings, Sign};
use crate::state::State;

pub(super) fn settings() -> Settings {
    Settings {
        parallel: 3,
        max_begun: None,
        milestone_retries: 1,
        fix_rounds: 1,
        min_success_rate: 0.5,
        degradation: true,
        setup_command: ProjectCommandSetting::Auto,
        test_command: ProjectCommandSetting::Auto,
        checks: ChecksSetting::Auto,
        gate: Gate::Milestone,
        hooks: true,
        sign: Sign::Auto,
        min_confidence: 0.5,
        max_questions: 3,
        test_timeout: Duration::from_secs(1),
        project: worktree::ProjectEnvironment::default(),
        subject: "{name}".into(),
        author: None,
        update: crate::settings::UpdateBy::Nothing,
        mirror: None,
        push: None,
        pull_request: crate::settings::PullRequestWhen::Never,
        worktrees: PathBuf::new(),
        workspaces: PathBuf::new(),
        transcripts: PathBuf::new(),
        max_file_bytes: 1,
        plan_only: false,
        progress_issue: false,
        secrets: Vec::new(),
        resume_command: "belay resume".into(),
    }
}

/// A run as its rows tell it.
pub(super) struct Story {
    pub(super) state: State,
    run: RunId,
    seq: u64,
    at: jiff::Timestamp,
}

impl Story {
    /// A run that was begun and nothing else.
    pub(super) fn begun() -> Self {
        let at = jiff::Timestamp::UNIX_EPOCH;
        let mut story = Self { state: State::default(), run: RunId::generate(), seq: 0, at };
        let idea = Idea::parse("001", "# Numbers\n\nAdd them.").unwrap();
        let base: CommitId = serde_json::from_value(json!("0".repeat(40))).unwrap();
        let started = Started {
            idea,
            idea_path: None,
            idea_issue: None,
            base,
            base_branch: None,
            branch: "belay/001".into(),
        };
        let event = Event::RunStarted {
            idea: "001".into(),
            title: "Numbers".into(),
            branch: "belay/001".into(),
            base: "0".into(),
        };
        story.tell_fact(event, Fact::Started(started));
        story
    }

    /// A run with a plan of one milestone of three files and one of one file.
    pub(super) fn planned(degraded: bool) -> Self {
        let mut story = Self::begun();
        story.finish_step(StepName::Analyze, false, Fact::Analysis(analysis()));
        story.planned_as(plan(), degraded);
        story
    }

    pub(super) fn planned_as(&mut self, plan: Plan, degraded: bool) -> &mut Self {
        self.finish_step(StepName::Plan, degraded, Fact::Plan(plan));
        let prepared = Prepared { formatters_not_kept_to: Vec::new() };
        self.finish_step(StepName::Prepare, false, Fact::Prepared(prepared))
    }

    /// Time goes by before the next row.
    pub(super) fn pass(&mut self, time: Duration) {
        self.at += time;
    }

    pub(super) fn tell(&mut self, event: Event) -> &mut Self {
        self.write(record(&event, None).unwrap())
    }

    pub(super) fn tell_fact(&mut self, event: Event, fact: Fact) -> &mut Self {
        self.write(record(&event, Some(&fact)).unwrap())
    }

    pub(super) fn write(&mut self, record: checkpoint_store::NewRecord) -> &mut Self {
        self.seq += 1;
        let at = self.at;
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

    pub(super) fn finish_step(&mut self, step: StepName, degraded: bool, fact: Fact) -> &mut Self {
        self.tell_fact(
            Event::StepFinished { step, milestone: None, model: None, degraded, summary: None },
            fact,
        )
    }

    pub(super) fn round(&mut self, cause: Cause, files: &[&str]) -> &mut Self {
        self.round_of(1, cause, files)
    }

    pub(super) fn round_of(&mut self, milestone: usize, cause: Cause, files: &[&str]) -> &mut Self {
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
            milestone: Some(milestone),
            name: None,
            items: None,
        };
        self.tell_fact(event, Fact::Round(round))
    }

    pub(super) fn succeed(&mut self, item: usize) -> &mut Self {
        self.succeed_of(1, item)
    }

    pub(super) fn succeed_of(&mut self, milestone: usize, item: usize) -> &mut Self {
        let change = ResolvedChange {
            path: format!("{item}.py"),
            before: None,
            after: Some("N = 1\n".into()),
            explanation: String::new(),
            from: None,
        };
        let changes = ChangeSet { changes: vec![change], notes: String::new() };
        let event = Event::ItemSucceeded {
            milestone,
            item,
            files: vec![],
            model: None,
            attempts: 1,
            authors: vec![],
        };
        self.tell_fact(event, Fact::Changes(changes))
    }

    pub(super) fn fail(&mut self, item: usize, want: bool, attempts: usize) -> &mut Self {
        self.fail_of(1, item, want, attempts)
    }

    pub(super) fn fail_of(
        &mut self,
        milestone: usize,
        item: usize,
        want: bool,
        attempts: usize,
    ) -> &mut Self {
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
            milestone,
            item,
            files: vec![],
            class: Some(class),
            message: "no".into(),
            for_want_of_a_model: want,
            attempts,
        };
        self.tell_fact(event, Fact::Attempts(vec![attempt; attempts]))
    }

    pub(super) fn judge(&mut self, approved: bool) -> &mut Self {
        self.judge_of(1, approved)
    }

    pub(super) fn judge_of(&mut self, milestone: usize, approved: bool) -> &mut Self {
        self.format_of(milestone);
        let review = Review {
            approved,
            code_quality: 80,
            issues: vec![],
            strengths: vec![],
            next_steps: vec![],
        };
        let (model, code_quality, degraded, findings) = (None, 80, false, vec![]);
        let event = if approved {
            Event::ReviewApproved { milestone, model, code_quality, degraded, findings }
        } else {
            Event::ReviewRejected { milestone, model, code_quality, degraded, findings }
        };
        self.tell_fact(event, Fact::Review(review))
    }

    pub(super) fn test(&mut self, passed: bool) -> &mut Self {
        self.test_of(1, passed)
    }

    pub(super) fn test_of(&mut self, milestone: usize, passed: bool) -> &mut Self {
        let (step, of) = (StepName::Test, Some(milestone));
        let (milestone, command, latency_ms, note) = (Some(milestone), None, 0, None);
        let check = "test".to_owned();
        let event = if passed {
            Event::TestsPassed { milestone, check, command, latency_ms, note, red: false }
        } else {
            Event::TestsFailed {
                milestone,
                check,
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
        let tree = serde_json::from_value(json!("3".repeat(40))).unwrap();
        let checked = Checked { name: "test".into(), tree, outcome: Some(outcome) };
        self.tell_fact(event, Fact::Checked(checked));
        let (model, degraded, summary) = (None, false, None);
        self.tell(Event::StepFinished { step, milestone: of, model, degraded, summary })
    }

    /// The project's commands had nothing to rewrite.
    pub(super) fn format_of(&mut self, milestone: usize) -> &mut Self {
        let (step, milestone) = (StepName::Format, Some(milestone));
        let (model, degraded, summary) = (None, false, None);
        let event = Event::StepFinished { step, milestone, model, degraded, summary };
        self.tell_fact(event, Fact::Formatted(Vec::new()))
    }

    pub(super) fn commit(&mut self, milestone: usize) -> &mut Self {
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
            success: Success::All,
            rest_of: None,
            recovered: false,
        })
    }

    /// Files of the first milestone, of which the second item failed.
    pub(super) fn partial() -> Self {
        let mut story = Self::planned(false);
        story.round(Cause::Plan, &FILES).succeed(1).succeed(3).fail(2, false, 2);
        story.accept_partial();
        story
    }

    pub(super) fn accept_partial(&mut self) -> &mut Self {
        let missing = vec!["2.py".into()];
        self.tell(Event::PartialAccepted {
            milestone: 1,
            succeeded: 2,
            total: 3,
            percent: 67,
            success: Success::Most,
            missing,
        })
    }

    /// Makes every issue that is wanted now.
    pub(super) fn make_issues(&mut self) -> &mut Self {
        for wanted in issues::missing(&self.state) {
            let Wanted { marker, kind, milestone, item, .. } = wanted;
            let (url, title) = (format!("issues/{marker}"), "t".into());
            self.tell(Event::IssueCreated { kind, url, title, milestone, item, marker });
        }
        self
    }

    /// The partial first milestone and the second one are committed, and its rest begins.
    pub(super) fn reopened() -> Self {
        let mut story = Self::partial();
        story.judge(true).test(true).commit(1).make_issues().commit(2);
        assert_eq!(story.next(), Step::Reopen { milestone: 1 });
        let files = vec!["2.py".to_owned()];
        story.tell(Event::MilestoneReopened { milestone: 3, rest_of: 1, files });
        assert!(matches!(story.next(), Step::BeginRound { milestone: 3, cause: Cause::Plan, .. }));
        story.round_of(3, Cause::Plan, &["2.py"]);
        story
    }

    pub(super) fn roll_back(&mut self, outcome: Option<Status>) -> &mut Self {
        self.tell(Event::MilestoneRolledBack {
            milestone: 1,
            succeeded: 0,
            total: 3,
            success: Success::Few,
            retry: 1,
            outcome,
            reason: "why".into(),
            kept: None,
        })
    }

    pub(super) fn resume(&mut self, after: Status) -> &mut Self {
        self.tell(Event::RunResumed { idea: "001".into(), branch: "b".into(), after })
    }

    pub(super) fn next(&self) -> Step {
        next(&self.state, &settings())
    }
}

pub(super) fn analysis() -> Analysis {
    let value = json!({ "understanding": "u", "complexity": "low", "confidence": 0.9, "risks": [], "questions": [] });
    serde_json::from_value(value).unwrap()
}

pub(super) fn plan() -> Plan {
    let milestone = |name: &str, files: &[&str]| json!({ "name": name, "description": "", "files": { "create": files, "modify": [], "delete": [] }, "read": [], "tests": [] });
    let milestones = [milestone("One", &["1.py", "2.py", "3.py"]), milestone("Two", &["4.py"])];
    serde_json::from_value(
        json!({ "milestones": milestones, "risks": [], "success_criteria": [], "confidence": 0.9 }),
    )
    .unwrap()
}

pub(super) const FILES: [&str; 3] = ["1.py", "2.py", "3.py"];
