//! The result as a table for people, in plain characters.

use super::count::{Row, SECONDS_A_CALL};
use super::interval::number;
use super::outcome::Ending;
use super::report::{Report, WARNING};

const HEADS: [&str; 13] = [
    "arm",
    "ideas",
    "runs",
    "done %",
    "95 %",
    "completed",
    "partial",
    "degraded",
    "blocked",
    "interr.",
    "failed",
    "calls",
    "by hand",
];
/// Columns of words; the others are of numbers, and stand to the right.
const WORDS: usize = 2;

/// The lines of the whole report.
pub(crate) fn lines(report: &Report) -> Vec<String> {
    let setting = &report.setting;
    let mut lines = vec![WARNING.to_owned()];
    for correlation in &setting.correlations {
        lines.push(String::new());
        lines.push(format!(
            "{}: {} of 100 calls fail; {}; seed {}",
            correlation.name(),
            setting.rate,
            correlation.said(),
            setting.seed
        ));
        let rows: Vec<&Row> = report.under(*correlation).collect();
        lines.extend(table(&rows));
        lines
            .extend(rows.iter().filter(|row| row.complexity.is_none()).filter_map(|row| said(row)));
    }
    lines.push(String::new());
    lines.extend(legend());
    lines
}

fn legend() -> Vec<String> {
    [
        "done: every milestone has its commit, whole or partial, when nothing goes on by itself;",
        "calls: of models, per run, up to then; by hand: how often a person would have had to",
        "start a run again until it was done, per run",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn table(rows: &[&Row]) -> Vec<String> {
    let mut cells: Vec<[String; 13]> = vec![HEADS.map(str::to_owned)];
    cells.extend(rows.iter().map(|row| of_row(row)));
    let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> =
        (0..HEADS.len()).map(|column| width(column).unwrap_or_default()).collect();
    cells.iter().map(|row| laid_out(row, &widths)).collect()
}

fn laid_out(row: &[String; 13], widths: &[usize]) -> String {
    let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| {
        if column < WORDS { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
    });
    format!("  {}", cells.collect::<Vec<_>>().join("  "))
}

fn of_row(row: &Row) -> [String; 13] {
    let count = |ending| row.count(ending).to_string();
    let arm = if row.complexity.is_none() { row.arm.to_string() } else { String::new() };
    [
        arm,
        row.ideas().to_owned(),
        row.runs.to_string(),
        format!("{:.1}", row.done.percent),
        format!("{:.1} to {:.1}", row.done.low, row.done.high),
        count(Ending::Completed),
        count(Ending::Partial),
        count(Ending::Degraded),
        count(Ending::Blocked),
        count(Ending::Interrupted),
        count(Ending::Failed),
        format!("{:.1}", row.calls),
        format!("{:.2}", row.manual),
    ]
}

/// What the columns of an arm leave out.
pub(crate) fn said(row: &Row) -> Option<String> {
    let mut said = Vec::new();
    if row.processes > 1.0 {
        let first = row.done_at_first.percent;
        said.push(format!(
            "{:.2} processes per run, {first:.1} % done after the first",
            row.processes
        ));
    }
    let counted = [
        (row.questions, "questions to people"),
        (row.by_template, "done, with a template's answer somewhere"),
        (row.never_done, "not done after all starts that were tried"),
    ];
    said.extend(
        counted
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{what}: {count}")),
    );
    if row.accepted > 0 {
        said.push(format!(
            "milestones accepted in part: {}, which kept the work of {} attempts, {:.1} min at {SECONDS_A_CALL} s each",
            row.accepted,
            row.attempts_kept,
            number(row.seconds_saved) / 60.0
        ));
    }
    (!said.is_empty()).then(|| format!("  {}: {}", row.arm, said.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::super::arm::Arm;
    use super::super::count::tests::outcome;
    use super::super::outcome::Told;
    use super::super::report::tests::report;
    use super::*;

    #[test]
    fn the_table_says_what_it_is_and_what_came_out() {
        let mut outcomes = vec![
            outcome(Arm::None, 0, Ending::Completed),
            outcome(Arm::None, 1, Ending::Failed),
            outcome(Arm::Everything, 0, Ending::Completed),
            outcome(Arm::Everything, 1, Ending::Partial),
        ];
        outcomes[1].manual = 2;
        outcomes[3].processes = 3;
        outcomes[3].told = Told { questions: 1, accepted: 2, attempts_kept: 5 };
        let text = lines(&report(outcomes)).join("\n");
        insta::assert_snapshot!(text);
    }
}
