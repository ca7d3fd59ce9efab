//! The result as one page that needs nothing besides itself: no script, no font, no other file. It
//! is read from disk, in the dark, on a phone.

use std::fmt::Write as _;

use super::count::Row;
use super::interval::number;
use super::outcome::Ending;
use super::report::{Report, WARNING};
use super::table;

const STYLE: &str = include_str!("plot.css");
/// A drawing is as wide as a phone, and grows with its page.
const WIDTH: f64 = 380.0;
const LEFT: f64 = 66.0;
const RIGHT: f64 = 56.0;
const ROW: f64 = 20.0;
const BAR: f64 = 12.0;
const HEAD: f64 = 22.0;

/// The page.
pub(crate) fn page(report: &Report) -> String {
    let setting = &report.setting;
    let mut body = String::new();
    for correlation in &setting.correlations {
        let rows: Vec<&Row> = report.under(*correlation).collect();
        let head = format!("{}: {}", correlation.name(), correlation.said());
        section(&mut body, &escaped(&head), &rows);
    }
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>belay chaos</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <h1>belay chaos</h1>\n<p class=\"warning\">{}</p>\n\
         <p>{} of 100 calls fail; {} runs of each arm, seed {}. <code>{}</code></p>\n{}{body}\
         <p class=\"small\">The line across a bar is the 95 % interval (Wilson) of what is done: every \
         milestone has its commit, whole or partial. A call is taken to last {} s where time is told.</p>\n\
         </body>\n</html>\n",
        escaped(WARNING),
        setting.rate,
        setting.runs,
        setting.seed,
        escaped(&setting.command),
        legend(),
        report.seconds_a_call,
    )
}

fn legend() -> String {
    let item =
        |ending: Ending| format!("<li><span class=\"key {0}\"></span>{0}</li>", ending.name());
    format!("<ul class=\"legend\">{}</ul>\n", Ending::ALL.map(item).concat())
}

fn section(body: &mut String, head: &str, rows: &[&Row]) {
    // Writing to a string cannot fail.
    let _written = write!(body, "<section>\n<h2>{head}</h2>\n<div class=\"arms\">\n");
    for arm in rows.chunk_by(|one, other| one.arm == other.arm) {
        body.push_str(&drawing(arm));
    }
    body.push_str("</div>\n<div class=\"wide\">\n<table>\n<thead><tr>");
    for head in HEADS {
        let _written = write!(body, "<th>{head}</th>");
    }
    body.push_str("</tr></thead>\n<tbody>\n");
    rows.iter().for_each(|row| body.push_str(&line(row)));
    body.push_str("</tbody>\n</table>\n</div>\n");
    for said in
        rows.iter().filter(|row| row.complexity.is_none()).filter_map(|row| table::said(row))
    {
        let _written = writeln!(body, "<p class=\"small\">{}</p>", escaped(said.trim()));
    }
    body.push_str("</section>\n");
}

const HEADS: [&str; 13] = [
    "arm",
    "ideas",
    "runs",
    "done",
    "95 %",
    "completed",
    "partial",
    "degraded",
    "blocked",
    "interrupted",
    "failed",
    "calls",
    "by hand",
];

fn line(row: &Row) -> String {
    let class = if row.complexity.is_none() { " class=\"all\"" } else { "" };
    let mut line = format!(
        "<tr{class}><td>{}</td><td>{}</td><td>{}</td><td>{:.1} %</td><td>{:.1} to {:.1}</td>",
        row.arm,
        row.ideas(),
        row.runs,
        row.done.percent,
        row.done.low,
        row.done.high
    );
    for ending in Ending::ALL {
        let _written = write!(line, "<td>{}</td>", row.count(ending));
    }
    let _written = writeln!(line, "<td>{:.1}</td><td>{:.2}</td></tr>", row.calls, row.manual);
    line
}

/// One arm: a bar for all of its runs and one for each complexity.
fn drawing(rows: &[&Row]) -> String {
    let Some(first) = rows.first() else { return String::new() };
    let height = HEAD + ROW * number(rows.len());
    let mut svg = format!(
        "<figure>\n<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\">\n\
         <text class=\"arm\" x=\"0\" y=\"14\">{}</text>\n",
        first.arm, first.arm
    );
    for (index, row) in rows.iter().enumerate() {
        bar(&mut svg, row, HEAD + ROW * number(index));
    }
    svg.push_str("</svg>\n</figure>\n");
    svg
}

fn bar(svg: &mut String, row: &Row, top: f64) {
    let full = WIDTH - LEFT - RIGHT;
    let (base, middle) = (top + BAR - 2.0, top + BAR / 2.0);
    let _written = writeln!(svg, "<text x=\"0\" y=\"{base}\">{}</text>", row.ideas());
    let mut left = LEFT;
    for count in row.endings.iter().filter(|count| count.count > 0) {
        let width = full * number(count.count) / number(row.runs.max(1));
        let name = count.ending.name();
        let _written = writeln!(
            svg,
            "<rect class=\"{name}\" x=\"{left:.1}\" y=\"{top}\" width=\"{width:.1}\" height=\"{BAR}\">\
             <title>{name}: {} of {}, {:.1} % ({:.1} to {:.1})</title></rect>",
            count.count, row.runs, count.share.percent, count.share.low, count.share.high
        );
        left += width;
    }
    let at = |percent: f64| LEFT + full * percent / 100.0;
    let (low, high) = (at(row.done.low), at(row.done.high));
    let (up, down) = (middle - 4.0, middle + 4.0);
    let _written = writeln!(
        svg,
        "<path class=\"interval\" d=\"M{low:.1} {up}V{down}M{low:.1} {middle}H{high:.1}M{high:.1} {up}V{down}\"/>\n\
         <text class=\"value\" x=\"{WIDTH}\" y=\"{base}\">{:.1} %</text>",
        row.done.percent
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::super::arm::Arm;
    use super::super::count::tests::outcome;
    use super::super::report::tests::report;
    use super::*;

    fn pages() -> String {
        let outcomes = (0..6).flat_map(|number| {
            let ending = if number < 2 { Ending::Failed } else { Ending::Completed };
            [
                outcome(Arm::None, number, ending),
                outcome(Arm::Everything, number, Ending::Completed),
            ]
        });
        page(&report(outcomes.collect()))
    }

    #[test]
    fn the_page_needs_nothing_besides_itself() {
        let page = pages();
        for reaching in ["<script", "http://", "https://", "src=", "url(", "@import", "<link"] {
            assert!(!page.contains(reaching), "{reaching}");
        }
        assert!(page.contains("default-src 'none'"));
        assert!(page.contains("prefers-color-scheme") && page.contains("width=device-width"));
        assert!(page.contains("injected") && page.contains("belay chaos --runs 3"));
    }

    #[test]
    fn every_row_has_its_bar_its_interval_and_its_line() {
        let page = pages();
        assert_eq!(page.matches("class=\"interval\"").count(), 8);
        assert_eq!(page.matches("<tr").count(), 9);
        assert!(page.contains("<title>failed: 2 of 6, 33.3 % (9.7 to 70.0)</title>"), "{page}");
    }

    #[test]
    fn what_is_written_into_the_page_is_text() {
        assert_eq!(escaped("<a href=\"x\">&"), "&lt;a href=&quot;x&quot;&gt;&amp;");
    }
}
