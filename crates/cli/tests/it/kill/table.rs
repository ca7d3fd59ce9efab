//! What came of many cases, as a table for people.

use std::collections::BTreeMap;

/// What came of one case.
pub(crate) struct Outcome {
    kind: &'static str,
    /// How often a process was really killed, or a call really failed.
    pub(crate) killed: usize,
    pub(crate) result: Result<(), String>,
    /// How to do it again, if it went wrong.
    pub(crate) case: String,
}

impl Outcome {
    pub(crate) fn of(kind: &'static str) -> Self {
        Self { kind, killed: 0, result: Ok(()), case: String::new() }
    }

    /// The test itself met what it did not expect, and has said so.
    pub(crate) fn broken_off(case: String) -> Self {
        Self { result: Err("broken off: see above".to_owned()), case, ..Self::of("broken off") }
    }
}

#[derive(Default)]
struct Row {
    cases: usize,
    hit: usize,
    well: usize,
}

#[derive(Default)]
pub(crate) struct Table {
    rows: BTreeMap<&'static str, Row>,
    failures: Vec<String>,
}

impl Table {
    pub(crate) fn add(&mut self, outcome: Outcome) {
        let row = self.rows.entry(outcome.kind).or_default();
        row.cases += 1;
        row.hit += outcome.killed;
        match outcome.result {
            Ok(()) => row.well += 1,
            Err(reason) => self.failures.push(format!("{}: {reason}", outcome.case)),
        }
    }

    pub(crate) fn and(mut self, other: Self) -> Self {
        for (kind, row) in other.rows {
            let sum = self.rows.entry(kind).or_default();
            sum.cases += row.cases;
            sum.hit += row.hit;
            sum.well += row.well;
        }
        self.failures.extend(other.failures);
        self
    }

    /// Prints it in Markdown.
    pub(crate) fn show(&self, title: &str, hit: &str) {
        eprintln!("| {title} | cases | {hit} | ended well | ended badly |");
        eprintln!("| --- | ---: | ---: | ---: | ---: |");
        let mut sum = Row::default();
        for (kind, row) in &self.rows {
            show(kind, row);
            sum.cases += row.cases;
            sum.hit += row.hit;
            sum.well += row.well;
        }
        show("together", &sum);
    }

    /// Fails with every case that went wrong.
    pub(crate) fn all_well(&self) {
        assert!(self.failures.is_empty(), "{}", self.failures.join("\n\n"));
    }
}

fn show(kind: &str, row: &Row) {
    let bad = row.cases - row.well;
    eprintln!("| {kind} | {} | {} | {} | {bad} |", row.cases, row.hit, row.well);
}
