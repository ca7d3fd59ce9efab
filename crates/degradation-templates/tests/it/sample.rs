//! Facts as a run has them.

use degradation_templates::{
    AttemptFact, BlockedFacts, DamagedStateFacts, DegradedReviewFacts, FileFact, FindingFact,
    IdeaFacts, ManualTaskFacts, ProgressFacts, PullRequestFacts, QuestionFacts, RecoveryFacts,
    ReviewFacts, SalvagedFact,
};

/// Facts in which every text comes from `text`.
pub(crate) struct Facts<F: Fn(&str) -> String> {
    text: F,
}

/// Ordinary facts: each text is what it says.
pub(crate) fn ordinary() -> Facts<fn(&str) -> String> {
    Facts { text: str::to_owned }
}

/// Facts whose every text is the same one.
pub(crate) fn all(text: &str) -> Facts<impl Fn(&str) -> String> {
    Facts { text: move |_: &str| text.to_owned() }
}

impl<F: Fn(&str) -> String> Facts<F> {
    fn text(&self, ordinary: &str) -> String {
        (self.text)(ordinary)
    }

    pub(crate) fn idea(&self) -> IdeaFacts {
        IdeaFacts {
            id: self.text("007-export"),
            title: self.text("Export the report as CSV"),
            description: self.text("The report can be saved.\n\nColumns stay in their order."),
            criteria: vec![self.text("A header row"), self.text("Commas are quoted")],
            files: vec![
                FileFact { path: self.text("src/report.rs"), exists: true },
                FileFact { path: self.text("src/csv_export.rs"), exists: false },
            ],
        }
    }

    pub(crate) fn review(&self) -> ReviewFacts {
        ReviewFacts {
            findings: vec![
                self.finding("low", None),
                self.finding("medium", Some(7)),
                self.finding("low", Some(9)),
            ],
        }
    }

    pub(crate) fn finding(&self, severity: &str, line: Option<u32>) -> FindingFact {
        FindingFact {
            severity: severity.to_owned(),
            file: self.text("src/report.rs"),
            line,
            message: self.text("A note is left to be done."),
            suggestion: self.text("Do it, or name an issue."),
        }
    }

    pub(crate) fn manual_task(&self, for_want_of_a_model: bool) -> ManualTaskFacts {
        let attempt = |model: &str, class: &str, message: &str| AttemptFact {
            model: self.text(model),
            class: self.text(class),
            message: self.text(message),
        };
        ManualTaskFacts {
            idea: self.idea(),
            run: self.text("01JZX4Q0000000000000000000"),
            branch: self.text("belay/007-export"),
            milestone_number: 2,
            milestone_total: 3,
            milestone_name: self.text("Write the rows"),
            milestone_description: self.text("Rows are written one by one.\nNothing is buffered."),
            files: vec![self.text("src/csv_export.rs")],
            tests: vec![self.text("cargo test csv_export")],
            attempts: vec![
                attempt("fast/small", "timeout", "no first token within 90 s"),
                attempt("fast/small", "invalid_output", "not JSON at line 3"),
                attempt("big/large", "quota_exhausted", ""),
            ],
            for_want_of_a_model,
            later_milestones: vec![self.text("Document it")],
            resume_command: self.text("belay resume 01JZX4Q0000000000000000000"),
            salvaged: vec![
                SalvagedFact {
                    reference: self.text("refs/belay/salvage/01JZX4Q0000000000000000000/2-1"),
                    model: self.text("codex/gpt"),
                    class: self.text("rate_limited"),
                    transcript: self.text("belay/logs/programs/2-1-1.txt"),
                },
                SalvagedFact {
                    reference: self.text("refs/belay/salvage/01JZX4Q0000000000000000000/2-1-2"),
                    ..SalvagedFact::default()
                },
            ],
        }
    }

    pub(crate) fn blocked(&self) -> BlockedFacts {
        BlockedFacts {
            idea: self.idea(),
            run: self.text("01JZX4Q0000000000000000000"),
            branch: self.text("belay/007-export"),
            review_rejected: false,
            milestone_name: Some(self.text("Write the rows")),
            reason: self.text("The tests still fail after 2 attempts to fix them."),
            details: self.text("test quotes_commas ... FAILED\n  left: 1\n right: 2"),
            later_milestones: vec![self.text("Document it")],
            resume_command: self.text("belay resume 01JZX4Q0000000000000000000"),
        }
    }

    pub(crate) fn recovery(&self) -> RecoveryFacts {
        RecoveryFacts {
            idea: self.idea(),
            run: self.text("01JZX4Q0000000000000000000"),
            branch: self.text("belay/007-export"),
            reason: self.text("SIGTERM was received."),
            phase: self.text("testing"),
            done: vec![self.text("Read the report")],
            open: vec![self.text("Write the rows"), self.text("Document it")],
            resume_command: self.text("belay resume 01JZX4Q0000000000000000000"),
        }
    }

    pub(crate) fn progress(&self) -> ProgressFacts {
        ProgressFacts {
            idea: self.idea(),
            run: self.text("01JZX4Q0000000000000000000"),
            branch: self.text("belay/007-export"),
            standing: self.text("completed, partial"),
            plan: vec![self.text("Read the report: committed"), self.text("Document it: partial")],
            waiting: vec![self.text("https://example.org/issues/3")],
            models: vec![self.text("a/large"), self.text("b/small")],
            cost: self.text("1200 tokens in, 300 out; $0.04."),
            pull_request: Some(self.text("https://example.org/pull/4")),
            resume_command: self.text("belay resume 01JZX4Q0000000000000000000"),
        }
    }

    pub(crate) fn pull_request(&self) -> PullRequestFacts {
        PullRequestFacts {
            idea: self.idea(),
            run: self.text("01JZX4Q0000000000000000000"),
            branch: self.text("belay/007-export"),
            standing: self.text("completed, partial, degraded"),
            issue: None,
            closes: false,
            built: vec![self.text("Read the report (0123456789)")],
            missing: vec![self.text("Write the rows: src/csv_export.rs")],
            degraded: vec![self.text("the review of milestone 1")],
            red_checks: vec![self.text("lint")],
            tasks: vec![self.text("https://example.org/issues/3")],
            models: vec![self.text("a/large"), self.text("b/small")],
            cost: self.text("1200 tokens in, 300 out; $0.04."),
        }
    }

    pub(crate) fn question(&self) -> QuestionFacts {
        QuestionFacts {
            run: self.text("01JZX4Q0000000000000000000"),
            idea: self.idea(),
            understanding: self.text("The report is to be saved as CSV.\n\nNothing else changes."),
            confidence_percent: 40,
            questions: vec![
                self.text("Which separator do the columns have?"),
                self.text("Is the header row translated?"),
            ],
            going_on: vec![self.text("Read the report")],
            resume_command: self.text("belay resume 01JZX4Q0000000000000000000"),
        }
    }

    pub(crate) fn damaged_state(&self) -> DamagedStateFacts {
        DamagedStateFacts {
            idea: self.idea(),
            run: self.text("01JZX4Q0000000000000000000"),
            branch: self.text("belay/007-export"),
            damaged: self.text("run 01JZX4Q0000000000000000000"),
            flaw: self.text("record 31 is missing or does not match its checksum"),
            cut_after: Some(30),
            lost: Some(9),
            lost_runs: Vec::new(),
            set_aside: self.text("set-aside/1-run-01JZX4Q0000000000000000000.jsonl"),
        }
    }

    pub(crate) fn degraded_review(&self) -> DegradedReviewFacts {
        DegradedReviewFacts {
            idea: self.idea(),
            run: self.text("01JZX4Q0000000000000000000"),
            branch: self.text("belay/007-export"),
            milestones: vec![self.text("Read the report"), self.text("Write the rows")],
        }
    }
}
