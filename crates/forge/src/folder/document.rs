//! The text of one issue file: front matter, body, comments.
//!
//! A person may edit the file by hand, so it is changed by its lines and never
//! written anew from what was understood of it: keys we don't know, their
//! order and their remarks stay. What counts as ours is the front matter and
//! the hidden marks; no text from outside can hold either.

use serde::{Deserialize, Serialize};

use crate::issue::{Issue, IssueState, NewIssue, Seen};
use crate::marker::{Marker, encode};
use crate::replies::{self, COMMENTS, END, is_mark};
use crate::text::{self, MARK};

const FENCE: &str = "---";
const CLOSED: &str = "closed -->";

#[derive(Serialize)]
struct Written<'a> {
    number: u64,
    title: &'a str,
    state: &'a str,
    labels: &'a [String],
    run: &'a str,
    step: &'a str,
}

/// What is understood of the front matter. Everything may be missing: a person
/// may also write an issue by hand.
#[derive(Deserialize)]
struct Read {
    title: Option<String>,
    state: Option<String>,
    labels: Option<Vec<String>>,
    run: Option<String>,
    step: Option<String>,
}

/// A file for a new issue.
pub(super) fn render(number: u64, new: &NewIssue) -> Result<String, String> {
    let title = text::title(&new.title);
    let labels = text::labels(&new.labels);
    let front = yaml(&Written {
        number,
        title: &title,
        state: "open",
        labels: &labels,
        run: &new.marker.run,
        step: &new.marker.step,
    })?;
    let body = replies::reserved(&text::body(&new.body));
    Ok(format!("{FENCE}\n{front}{FENCE}\n\n{body}\n"))
}

/// Reads an issue. Its number is that of its file. The error says what is
/// wrong, for a person.
pub(super) fn parse(url: &str, number: u64, text: &str) -> Result<Issue, String> {
    let parts = split(text).ok_or("it has no front matter between two lines of ---")?;
    let read: Read =
        serde_yaml::from_str(parts.front).map_err(|error| first_line(&error.to_string()))?;
    let state = match read.state.as_deref().map(str::trim) {
        None => IssueState::Open,
        Some(word) if word.eq_ignore_ascii_case("open") => IssueState::Open,
        Some(word) if word.eq_ignore_ascii_case("closed") => IssueState::Closed,
        Some(word) => return Err(format!("its state is {word:?}, not open or closed")),
    };
    let marker = match (read.run, read.step) {
        (Some(run), Some(step)) => Some(Marker { run, step }),
        _ => None,
    };
    Ok(Issue {
        url: url.to_owned(),
        number,
        title: read.title.unwrap_or_default(),
        body: body_of(parts.rest),
        labels: read.labels.unwrap_or_default(),
        state,
        marker: marker.filter(|marker| marker.check().is_ok()),
    })
}

/// Reads an issue with what people did to it.
pub(super) fn seen(url: &str, number: u64, text: &str) -> Result<Seen, String> {
    let issue = parse(url, number, text)?;
    let rest = split(text).map_or("", |parts| parts.rest);
    let closed_by_us = rest.lines().any(|line| line.trim_end().strip_prefix(MARK) == Some(CLOSED));
    Ok(Seen {
        closed_by_person: issue.state == IssueState::Closed && !closed_by_us,
        replies: replies::below_headings(rest),
        issue,
    })
}

/// Whether the front matter holds the marker's lines as [`render`] writes
/// them, even where a person has spoilt the lines around them.
pub(super) fn mentions(text: &str, marker: &Marker) -> bool {
    #[derive(Serialize)]
    struct Lines<'a> {
        run: &'a str,
        step: &'a str,
    }
    let wanted = yaml(&Lines { run: &marker.run, step: &marker.step });
    let front = split(text).map_or(text, |parts| parts.front);
    wanted.is_ok_and(|wanted| {
        wanted.lines().all(|wanted| front.lines().any(|line| line.trim_end() == wanted))
    })
}

/// The text with a comment at its end; `None` if the comment is there already.
pub(super) fn with_comment(text: &str, key: &str, body: &str) -> Option<String> {
    let mark = format!("{MARK}comment={} -->", encode(key));
    let rest = split(text).map_or(text, |parts| parts.rest);
    if rest.lines().any(|line| line.trim_end() == mark) {
        return None;
    }
    Some(appended(text, rest, &mark, &text::body(body)))
}

/// The text with another body; what stands from the comments on stays. `None`
/// without front matter.
pub(super) fn with_body(text: &str, body: &str) -> Option<String> {
    let parts = split(text)?;
    let body = replies::reserved(&text::body(body));
    let mut at = 0;
    for line in parts.rest.split_inclusive('\n') {
        if is_mark(line) || line.trim_end() == COMMENTS {
            break;
        }
        at += line.len();
    }
    let comments = &parts.rest[at..];
    let gap = if comments.is_empty() { "" } else { "\n" };
    Some(format!("{}{}{}\n{body}\n{gap}{comments}", parts.opening, parts.front, parts.closing))
}

/// The text with its state set to closed and the reason at its end. `None`
/// without front matter.
pub(super) fn with_closed(text: &str, reason: &str) -> Option<String> {
    let parts = split(text)?;
    let front = closed_front(parts.front);
    let text = [parts.opening, &front, parts.closing, parts.rest].concat();
    let mark = format!("{MARK}{CLOSED}");
    let reason = format!("Closed: {}", text::body(reason));
    Some(appended(&text, parts.rest, &mark, &reason))
}

fn closed_front(front: &str) -> String {
    const STATE: &str = "state: closed";
    let lines: Vec<&str> = front.split_inclusive('\n').collect();
    let Some(at) = lines.iter().position(|line| line.starts_with("state:")) else {
        return format!("{front}{STATE}\n");
    };
    let end = lines[at].trim_start_matches(|c| c != '\r' && c != '\n');
    let (before, after) = lines.split_at(at);
    [&before.concat(), STATE, end, &after[1..].concat()].concat()
}

fn appended(text: &str, rest: &str, mark: &str, block: &str) -> String {
    let block = replies::without_headings(block);
    let heading = if rest.lines().any(is_mark) { String::new() } else { format!("{COMMENTS}\n\n") };
    format!("{}\n\n{heading}{mark}\n{block}\n{END}\n", text.trim_end())
}

/// A file in four parts, which together are the whole of it.
struct Parts<'a> {
    opening: &'a str,
    front: &'a str,
    closing: &'a str,
    rest: &'a str,
}

/// `None` if there is no front matter between two fences.
fn split(text: &str) -> Option<Parts<'_>> {
    let first = text.split_inclusive('\n').next()?;
    if first.trim_start_matches('\u{feff}').trim_end() != FENCE {
        return None;
    }
    let (opening, after) = text.split_at(first.len());
    let mut end = 0;
    for line in after.split_inclusive('\n') {
        if line.trim_end() == FENCE {
            let (front, after) = after.split_at(end);
            let (closing, rest) = after.split_at(line.len());
            return Some(Parts { opening, front, closing, rest });
        }
        end += line.len();
    }
    None
}

fn body_of(rest: &str) -> String {
    let lines: Vec<&str> = rest.lines().take_while(|line| !is_mark(line)).collect();
    let commented = lines.len() < rest.lines().count();
    let body = lines.join("\n");
    let body = body.trim();
    match body.strip_suffix(COMMENTS) {
        Some(before) if commented => before.trim_end().to_owned(),
        _ => body.to_owned(),
    }
}

fn yaml(value: &impl Serialize) -> Result<String, String> {
    serde_yaml::to_string(value).map_err(|error| error.to_string())
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
