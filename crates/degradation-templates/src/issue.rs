//! The text of an issue, cut out of a rendered template and held to what a
//! tracker takes, whatever the template did.

use crate::markdown;

/// Largest body, in bytes; GitHub takes 65,536 characters, and a marker is added to it.
const BODY_BYTES: usize = 60_000;

/// The line below which people answer where an issue is only a text.
const ANSWER: &str = "## Answer";

/// An issue's title and body, ready to be posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssueText {
    /// One line of plain text, at most 120 characters and an ellipsis; empty
    /// only when a replaced template makes it of facts that are.
    pub title: String,
    /// Markdown of at most 60,000 bytes, ending in one line break, without hidden markers.
    pub body: String,
}

impl IssueText {
    /// Ends in the line below which people answer, however much had to be cut.
    pub(crate) fn answerable(self) -> Self {
        let body = self.body.trim_end();
        let above = body.strip_suffix(ANSWER).filter(|above| above.ends_with('\n'));
        let above = format!("{}\n", above.unwrap_or(body).trim_end());
        let above = bounded(above, BODY_BYTES - ANSWER.len() - 2);
        Self { body: format!("{above}\n{ANSWER}\n"), ..self }
    }
}

/// Splits `# title`, a blank line and the body.
pub(crate) fn split(rendered: &str) -> Result<IssueText, String> {
    let (first, rest) =
        rendered.trim_start().split_once('\n').ok_or("a title line and a body are needed")?;
    let title = first
        .strip_prefix('#')
        .filter(|title| title.is_empty() || title.starts_with(' '))
        .map(markdown::plain)
        .ok_or("the first line must be `# ` and a title")?;
    // Last of all, so that no template, however written, forges a marker.
    let body = markdown::without_comments(rest);
    Ok(IssueText { title, body: bounded(tidy(&body), BODY_BYTES) })
}

/// Without trailing spaces, runs of blank lines outside fences, and blank ends.
fn tidy(body: &str) -> String {
    let mut tidied = String::with_capacity(body.len());
    let mut blank = 0;
    let mut fence = Fence::default();
    for line in body.trim().lines() {
        let fenced = fence.is_open();
        fence.pass(line);
        blank = if line.trim().is_empty() { blank + 1 } else { 0 };
        if blank < 2 || fenced {
            tidied.push_str(if fenced { line } else { line.trim_end() });
            tidied.push('\n');
        }
    }
    tidied
}

/// Cut at a line within the limit in bytes; a fence that is open there is closed, for
/// it would swallow the marker that is added below.
fn bounded(body: String, limit: usize) -> String {
    if body.len() <= limit {
        return body;
    }
    let mut cut = String::with_capacity(limit);
    let mut fence = Fence::default();
    for line in body.lines() {
        // Room for the closing fence and the note.
        if cut.len() + line.len() + fence.ticks + 40 > limit {
            break;
        }
        cut.push_str(line);
        cut.push('\n');
        fence.pass(line);
    }
    if fence.is_open() {
        cut.push_str(&"`".repeat(fence.ticks));
        cut.push('\n');
    }
    cut.push_str("\n(shortened)\n");
    cut
}

/// Whether a line stands inside a fenced block of backticks.
#[derive(Default)]
struct Fence {
    ticks: usize,
}

impl Fence {
    const fn is_open(&self) -> bool {
        self.ticks > 0
    }

    fn pass(&mut self, line: &str) {
        let line = line.trim_start();
        let rest = line.trim_start_matches('`');
        let ticks = line.len() - rest.len();
        if self.is_open() {
            if ticks >= self.ticks && rest.trim().is_empty() {
                self.ticks = 0;
            }
        } else if ticks >= 3 && !rest.contains('`') {
            self.ticks = ticks;
        }
    }
}
