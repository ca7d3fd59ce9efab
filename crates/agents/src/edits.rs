//! Applying search-and-replace edits to a file's text.
//!
//! An edit that matches twice changes the wrong place, one that matches nowhere is lost, and a model
//! that writes LF into a CRLF file turns a one-line change into a whole-file diff. So each search has
//! to match exactly once, everything that is not matched stays byte for byte, and what is refused
//! is refused with the lines that the model probably meant.

mod nearest;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use nearest::Nearest;

/// The most places named where a search matches more than once.
const PLACES: usize = 5;

/// One replacement: `search` must occur exactly once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Edit {
    /// Text that occurs exactly once in the file, copied exactly, with its white space.
    pub(crate) search: String,
    /// The text that takes its place.
    pub(crate) replace: String,
}

/// Applies the edits in order, each to the text that the ones before it left.
///
/// The error names the edit, says why it was refused and shows the nearest lines.
pub(crate) fn apply(path: &str, text: &str, edits: &[Edit]) -> Result<String, String> {
    let mut current = text.to_owned();
    for (index, edit) in edits.iter().enumerate() {
        current = apply_one(&current, edit).map_err(|why| {
            let after = if index > 0 { " (after the edits before it)" } else { "" };
            format!("{path}: edits[{index}]{after}: {why}")
        })?;
    }
    Ok(current)
}

fn apply_one(text: &str, edit: &Edit) -> Result<String, String> {
    let search = to_lf(&edit.search);
    if search.is_empty() {
        return Err(
            "its search text is empty; give text that occurs exactly once in the file".to_owned()
        );
    }
    let flat = Flat::of(text);
    let places = places(&flat.text, &search);
    match places.as_slice() {
        [] => Err(Nearest::find(&flat.text, &search).describe()),
        [start] => {
            let end = start + search.len();
            let ending = if text.contains("\r\n") { flat.ending } else { "\n" };
            let replace = to_lf(&edit.replace).replace('\n', ending);
            Ok(format!(
                "{}{replace}{}",
                &text[..flat.original(*start)],
                &text[flat.original(end)..]
            ))
        }
        several => Err(ambiguous(&flat.text, several)),
    }
}

fn ambiguous(text: &str, places: &[usize]) -> String {
    let lines: Vec<String> =
        places.iter().take(PLACES).map(|at| line_of(text, *at).to_string()).collect();
    let more = if places.len() > PLACES { " and more" } else { "" };
    format!(
        "its search text occurs more than once, at lines {}{more}; add neighbouring lines until it occurs once",
        lines.join(", ")
    )
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Where a text occurs, overlapping places too; no more than are worth naming.
fn places(text: &str, search: &str) -> Vec<usize> {
    let mut places = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find(search) {
        places.push(from + at);
        if places.len() > PLACES {
            break;
        }
        from += at + text[from + at..].chars().next().map_or(1, char::len_utf8);
    }
    places
}

/// A text with LF only, and the way back to where its bytes stood.
struct Flat {
    text: String,
    /// Where, in the flat text, a CR was dropped.
    dropped: Vec<usize>,
    /// How most lines end.
    ending: &'static str,
}

impl Flat {
    fn of(text: &str) -> Self {
        let mut dropped = Vec::new();
        let mut flat = String::with_capacity(text.len());
        for piece in text.split_inclusive("\r\n") {
            match piece.strip_suffix("\r\n") {
                Some(line) => {
                    flat.push_str(line);
                    dropped.push(flat.len());
                    flat.push('\n');
                }
                None => flat.push_str(piece),
            }
        }
        Self { ending: line_ending(text), text: flat, dropped }
    }

    /// The place in the original of a place in the flat text.
    fn original(&self, at: usize) -> usize {
        at + self.dropped.partition_point(|dropped| *dropped < at)
    }
}

/// How most lines of a text end.
fn line_ending(text: &str) -> &'static str {
    let crlf = text.matches("\r\n").count();
    let lf = text.matches('\n').count() - crlf;
    if crlf > lf { "\r\n" } else { "\n" }
}

fn to_lf(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// A whole new text for an existing file, with the file's own line ending and byte-order mark.
pub(crate) fn whole(before: &str, content: &str) -> String {
    let bom = before.starts_with('\u{feff}') && !content.starts_with('\u{feff}');
    let content = to_lf(content).replace('\n', line_ending(before));
    if bom { format!("\u{feff}{content}") } else { content }
}

#[cfg(test)]
mod tests;
