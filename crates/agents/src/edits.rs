//! Applying search-and-replace edits to a file's text.
//!
//! An edit that matches twice changes the wrong place, one that matches nowhere is lost, and a model
//! that writes LF into a CRLF file turns a one-line change into a whole-file diff. So each search has
//! to match exactly once, everything that is not matched stays byte for byte, and what is refused
//! is refused with the lines that the model probably meant.

mod endings;
mod nearest;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use endings::{carry, dominant, to_lf, without_mark};
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

/// Applies the edits in order, each to the text that the ones before it left. A byte-order mark stays.
///
/// The error names the edit, says why it was refused and shows the nearest lines.
pub(crate) fn apply(path: &str, text: &str, edits: &[Edit]) -> Result<String, String> {
    let (bare, marked) = without_mark(text);
    let mut current = bare.to_owned();
    for (index, edit) in edits.iter().enumerate() {
        current = apply_one(&current, edit).map_err(|why| {
            let after = if index > 0 { " (after the edits before it)" } else { "" };
            format!("{path}: edits[{index}]{after}: {why}")
        })?;
    }
    if marked {
        current.insert(0, '\u{feff}');
    }
    Ok(current)
}

fn apply_one(text: &str, edit: &Edit) -> Result<String, String> {
    let search = to_lf(without_mark(&edit.search).0);
    if search.is_empty() {
        return Err(
            "its search text is empty; give text that occurs exactly once in the file".to_owned()
        );
    }
    let mut flat = Flat::of(text);
    // A model ends the last line of every file. Where the file does not, its search may still, and
    // what is put in its place then ends as little.
    let unended = search.ends_with('\n') && !flat.text.is_empty() && !flat.text.ends_with('\n');
    if unended {
        flat.text.push('\n');
    }
    let places = places(&flat.text, &search);
    match places.as_slice() {
        [] => Err(Nearest::find(&flat.text, &search).describe()),
        [start] => {
            let end = start + search.len();
            let at_end = unended && end == flat.text.len();
            let (from, to) = (flat.original(*start), flat.original(end).min(text.len()));
            let replace = to_lf(without_mark(&edit.replace).0);
            let replace =
                if at_end { replace.strip_suffix('\n').unwrap_or(&replace) } else { &replace };
            let replace = carry(&text[from..to], replace, flat.ending);
            Ok(format!("{}{replace}{}", &text[..from], &text[to..]))
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
        Self { ending: dominant(text), text: flat, dropped }
    }

    /// The place in the original of a place in the flat text.
    fn original(&self, at: usize) -> usize {
        at + self.dropped.partition_point(|dropped| *dropped < at)
    }
}

/// A whole new text for an existing file, with the file's own line endings and byte-order mark. If
/// its last line is the old one, that line ends, or does not end, as it did.
pub(crate) fn whole(before: &str, content: &str) -> String {
    let ((old, marked), (new, _)) = (without_mark(before), without_mark(content));
    let mut new = to_lf(new);
    let last = |text: &str| text.lines().next_back().map(str::to_owned);
    if !old.is_empty() && last(old) == last(&new) {
        match (old.ends_with('\n'), new.ends_with('\n')) {
            (true, false) => new.push('\n'),
            (false, true) => drop(new.pop()),
            _ => {}
        }
    }
    let text = carry(old, &new, dominant(old));
    if marked { format!("\u{feff}{text}") } else { text }
}

#[cfg(test)]
mod tests;
