//! Sample facts with which every template is rendered once when it is loaded:
//! a broken template fails at the start, not when it is needed.

use crate::{
    AttemptFact, BlockedFacts, DamagedStateFacts, DegradedReviewFacts, FileFact, FindingFact,
    IdeaFacts, ManualTaskFacts, ProgressFacts, PullRequestFacts, QuestionFacts, RecoveryFacts,
    ReviewFacts, SalvagedFact,
};

pub(crate) fn idea() -> IdeaFacts {
    IdeaFacts {
        id: "001-greeting".to_owned(),
        title: "Add a greeting".to_owned(),
        description: "The program greets its user by name.\n\nWithout a name it greets the world."
            .to_owned(),
        criteria: vec![
            "`greet Ada` prints `Hello, Ada!`".to_owned(),
            "`greet` prints `Hello, world!`".to_owned(),
        ],
        files: vec![
            FileFact { path: "src/main.rs".to_owned(), exists: true },
            FileFact { path: "src/greeting.rs".to_owned(), exists: false },
        ],
    }
}

pub(crate) fn review() -> ReviewFacts {
    ReviewFacts {
        findings: vec![
            FindingFact {
                severity: "medium".to_owned(),
                file: "src/main.rs".to_owned(),
                line: Some(12),
                message: "Most of the file was dropped.".to_owned(),
                suggestion: "Keep what the idea does not ask to remove.".to_owned(),
            },
            FindingFact {
                severity: "low".to_owned(),
                file: "src/greeting.rs".to_owned(),
                line: None,
                message: "A note is left to be done.".to_owned(),
                suggestion: "Do it or name an issue.".to_owned(),
            },
        ],
    }
}

pub(crate) fn manual_task() -> ManualTaskFacts {
    ManualTaskFacts {
        idea: idea(),
        run: RUN.to_owned(),
        branch: BRANCH.to_owned(),
        milestone_number: 1,
        milestone_total: 2,
        milestone_name: "Greeting module".to_owned(),
        milestone_description: "A function that makes the greeting.".to_owned(),
        files: vec!["src/greeting.rs".to_owned(), "src/main.rs".to_owned()],
        tests: vec!["cargo test greeting".to_owned()],
        attempts: vec![
            AttemptFact {
                model: "local/small".to_owned(),
                class: "timeout".to_owned(),
                message: "no first token within 90 s".to_owned(),
            },
            AttemptFact {
                model: "remote/large".to_owned(),
                class: "rate_limited".to_owned(),
                message: String::new(),
            },
        ],
        for_want_of_a_model: true,
        later_milestones: vec!["Command line".to_owned()],
        resume_command: RESUME.to_owned(),
        salvaged: vec![SalvagedFact {
            reference: "refs/belay/salvage/01JZX4Q0000000000000000000/1-1".to_owned(),
            model: "codex/gpt".to_owned(),
            class: "rate_limited".to_owned(),
            transcript: "belay/logs/programs/1-1-1.txt".to_owned(),
        }],
    }
}

pub(crate) fn blocked() -> BlockedFacts {
    BlockedFacts {
        idea: idea(),
        run: RUN.to_owned(),
        branch: BRANCH.to_owned(),
        milestone_name: Some("Greeting module".to_owned()),
        review_rejected: false,
        reason: "The tests fail after two attempts to fix them.".to_owned(),
        details: "test greets_by_name ... FAILED\nassertion failed".to_owned(),
        later_milestones: vec!["Command line".to_owned()],
        resume_command: RESUME.to_owned(),
    }
}

pub(crate) fn recovery() -> RecoveryFacts {
    RecoveryFacts {
        idea: idea(),
        run: RUN.to_owned(),
        branch: BRANCH.to_owned(),
        reason: "The time limit of 23 minutes was reached.".to_owned(),
        phase: "implementing".to_owned(),
        done: vec!["Greeting module".to_owned()],
        open: vec!["Command line".to_owned()],
        resume_command: RESUME.to_owned(),
    }
}

pub(crate) fn progress() -> ProgressFacts {
    ProgressFacts {
        idea: idea(),
        run: RUN.to_owned(),
        branch: BRANCH.to_owned(),
        standing: "implementing".to_owned(),
        plan: vec!["Greeting module: committed".to_owned(), "Command line: pending".to_owned()],
        waiting: vec!["https://example.org/issues/3".to_owned()],
        models: vec!["a/large".to_owned()],
        cost: "1,200 tokens in, 300 out.".to_owned(),
        pull_request: Some("https://example.org/pull/4".to_owned()),
        resume_command: RESUME.to_owned(),
    }
}

pub(crate) fn pull_request() -> PullRequestFacts {
    PullRequestFacts {
        idea: idea(),
        run: RUN.to_owned(),
        branch: BRANCH.to_owned(),
        standing: "completed, partial".to_owned(),
        issue: Some(12),
        closes: false,
        built: vec!["Greeting module (0123456789)".to_owned()],
        missing: vec!["Command line: src/main.rs".to_owned()],
        degraded: vec!["the review of milestone 1".to_owned()],
        red_checks: vec!["lint".to_owned()],
        tasks: vec!["https://example.org/issues/3".to_owned()],
        models: vec!["a/large".to_owned()],
        cost: "1,200 tokens in, 300 out.".to_owned(),
    }
}

pub(crate) fn degraded_review() -> DegradedReviewFacts {
    DegradedReviewFacts {
        idea: idea(),
        run: RUN.to_owned(),
        branch: BRANCH.to_owned(),
        milestones: vec!["Greeting module".to_owned(), "Command line".to_owned()],
    }
}

pub(crate) fn question() -> QuestionFacts {
    QuestionFacts {
        run: RUN.to_owned(),
        idea: idea(),
        understanding: "The program is to greet its user.".to_owned(),
        confidence_percent: 40,
        questions: vec![
            "Which language is the greeting in?".to_owned(),
            "Is an empty name an error?".to_owned(),
        ],
        going_on: vec!["Command line".to_owned()],
        resume_command: RESUME.to_owned(),
    }
}

pub(crate) fn damaged_state() -> DamagedStateFacts {
    DamagedStateFacts {
        idea: idea(),
        run: RUN.to_owned(),
        branch: BRANCH.to_owned(),
        damaged: format!("run {RUN}"),
        flaw: "record 12 does not match its checksum".to_owned(),
        cut_after: Some(11),
        lost: Some(4),
        lost_runs: vec!["01JY0000000000000000000000".to_owned()],
        set_aside: format!("set-aside/1-run-{RUN}.jsonl"),
    }
}

const RUN: &str = "01JZ0000000000000000000000";
const BRANCH: &str = "belay/001-greeting";
const RESUME: &str = "belay resume 01JZ0000000000000000000000";
