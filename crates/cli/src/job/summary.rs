//! The summary on the job's page: milestones, breakers, fallbacks and cost.

use std::fmt::Write as _;

use orchestrator::Status;
use orchestrator::view::RunView;

use crate::human::{seconds, short};
use crate::printer::text::flat;

/// GitHub refuses a summary of more than a megabyte; this is what a person reads.
const MOST_ROWS: usize = 100;
/// Characters of one cell.
const MOST_CELL: usize = 300;

/// A model of a chain, and how it stands.
pub(crate) struct BreakerRow {
    pub(crate) role: &'static str,
    pub(crate) model: String,
    pub(crate) state: String,
}

/// The run as Markdown; `hide` takes what nobody is shown from a text.
pub(crate) fn markdown(
    run: &RunView,
    breakers: &[BreakerRow],
    hide: &dyn Fn(&str) -> String,
) -> String {
    let mut page = Page { text: String::new(), hide };
    page.heading(run);
    page.milestones(run);
    let issues: Vec<_> = run.issues.iter().map(|url| vec![link(url)]).collect();
    page.table(&["Open issues"], &issues);
    page.put_off(run);
    let row = |row: &BreakerRow| vec![cell(row.role), cell(&row.model), cell(&row.state)];
    let breakers: Vec<_> = breakers.iter().map(row).collect();
    page.table(&["Role", "Model", "Breaker"], &breakers);
    page.used(run);
    page.text
}

struct Page<'a> {
    text: String,
    hide: &'a dyn Fn(&str) -> String,
}

impl Page<'_> {
    /// Hidden before it is escaped, which would break a value up.
    fn cell(&self, text: &str) -> String {
        cell(&(self.hide)(text))
    }

    fn heading(&mut self, run: &RunView) {
        let partial = if run.partial { ", partial" } else { "" };
        let is_degraded = run.degraded && run.status != Status::Degraded;
        let degraded = if is_degraded { ", degraded" } else { "" };
        let (title, idea) = (self.cell(&run.title), self.cell(&run.idea));
        let (id, branch) = (self.cell(&run.run), self.cell(&run.branch));
        let reason = run.reason.as_deref().map(|reason| format!("<br>{}\n", self.cell(reason)));
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "### belay: {title} ({idea})\n");
        let _ = writeln!(self.text, "**{}{partial}{degraded}**", run.status);
        let _ = write!(self.text, "{}", reason.unwrap_or_default());
        let pull = run.pull_request.as_deref().map(|url| format!(", {}", link(url)));
        let _ = writeln!(self.text, "<br>Run {id} on {branch}{}\n", pull.unwrap_or_default());
    }

    fn milestones(&mut self, run: &RunView) {
        let rows = run.milestones.iter().flatten().map(|milestone| {
            let done = milestone.items.iter().filter(|item| item.status == "succeeded").count();
            vec![
                milestone.number.to_string(),
                self.cell(&milestone.name),
                cell(milestone.status),
                cell(milestone.commit.as_deref().map_or("", short)),
                format!("{done} of {}", milestone.items.len()),
            ]
        });
        let rows: Vec<_> = rows.collect();
        self.table(&["", "Milestone", "State", "Commit", "Items"], &rows);
    }

    fn put_off(&mut self, run: &RunView) {
        let rows: Vec<_> = run
            .put_off
            .iter()
            .map(|put_off| vec![cell(&put_off.effect), self.cell(&put_off.reason)])
            .collect();
        self.table(&["Put off; a later run tries again", "Why"], &rows);
    }

    fn used(&mut self, run: &RunView) {
        let models: Vec<String> =
            run.models_used.iter().map(|model| cell(&model.to_string())).collect();
        let cost = run.usd.map_or_else(|| "unknown".to_owned(), |usd| format!("{usd:.4} USD"));
        let (attempts, fallbacks) = (run.attempts_total, run.fallback_attempts);
        let tokens = format!("{} tokens in, {} out", run.tokens.input, run.tokens.output);
        let row = |name: &str, value: String| vec![name.to_owned(), value];
        let mut rows = vec![
            row("Models", models.join("<br>")),
            row("Attempts", format!("{attempts}, {fallbacks} on fallbacks")),
            row("Cost", format!("{cost}; {tokens}")),
        ];
        if let (Some(from), Some(to)) = (run.started_at, run.finished_at) {
            let millis = to.as_millisecond().saturating_sub(from.as_millisecond());
            rows.push(row("Time", seconds(u64::try_from(millis).unwrap_or(0))));
        }
        self.table(&["Used", ""], &rows);
    }

    /// A table, if it has rows; what is beyond the limit is counted.
    fn table(&mut self, names: &[&str], rows: &[Vec<String>]) {
        if rows.is_empty() {
            return;
        }
        let (head, lines) = (names.join(" | "), " --- |".repeat(names.len()));
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "| {head} |\n|{lines}");
        for row in rows.iter().take(MOST_ROWS) {
            let _ = writeln!(self.text, "| {} |", row.join(" | "));
        }
        if rows.len() > MOST_ROWS {
            let _ = writeln!(self.text, "\nand {} more", rows.len() - MOST_ROWS);
        }
        self.text.push('\n');
    }
}

/// An address that can be followed, if it is a plain one.
fn link(url: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._/:#".contains(c);
    if url.starts_with("https://") && url.chars().all(plain) {
        return format!("<{url}>");
    }
    cell(url)
}

/// Text of models, ideas and providers as it is, in one cell: every character that Markdown or
/// HTML could take for more is written by its number.
fn cell(text: &str) -> String {
    let mut shown = String::new();
    for c in flat(text).chars().take(MOST_CELL) {
        if c.is_ascii_punctuation() && !matches!(c, '.' | ',' | '-' | ';' | '%') {
            // Writing to a string cannot fail.
            let _ = write!(shown, "&#{};", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_holds_text_and_nothing_else() {
        assert_eq!(
            cell("a | <b>`c`</b>\n[x](y) @ada"),
            "a &#124; &#60;b&#62;&#96;c&#96;&#60;&#47;b&#62; &#91;x&#93;&#40;y&#41; &#64;ada"
        );
        assert_eq!(cell(&"a".repeat(1_000)).len(), MOST_CELL);
    }

    #[test]
    fn a_long_table_says_how_much_it_leaves_out() {
        let mut page = Page { text: String::new(), hide: &str::to_owned };
        let rows: Vec<_> = (0..150).map(|n| vec![n.to_string()]).collect();
        page.table(&["n"], &rows);
        let text = page.text;
        assert_eq!(text.lines().filter(|line| line.starts_with('|')).count(), 102);
        assert!(text.contains("and 50 more"), "{text}");
    }
}
