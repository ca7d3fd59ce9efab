//! What becomes of text that others wrote (models, templates filled with their
//! words, people) before it stands in an issue: bounded, titles on one line,
//! and never mistakable for one of our hidden marks.

/// The longest title, in characters.
pub const MAX_TITLE_CHARS: usize = 200;
/// The longest body or comment, in bytes.
pub const MAX_BODY_BYTES: usize = 60 * 1024;
/// The most labels.
pub const MAX_LABELS: usize = 20;

const MAX_LABEL_CHARS: usize = 50;

/// How every hidden mark of ours begins.
pub(crate) const MARK: &str = "<!-- belay:";

/// Makes every look-alike of a hidden mark visible: its `<` becomes `&lt;`.
/// However it is spaced or spelt, no text that went through here holds a mark.
pub fn neutralise(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("<!--") {
        let (before, from) = rest.split_at(at);
        let after = from.trim_start_matches("<!--");
        out.push_str(before);
        let name = after.trim_start();
        let ours = name
            .get(..5)
            .is_some_and(|n| n.eq_ignore_ascii_case("belay"));
        let opening = &from[..from.len() - after.len()];
        if ours {
            out.push_str(&opening.replace('<', "&lt;"));
        } else {
            out.push_str(opening);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// A title: one line without control characters, cut at its limit.
pub(crate) fn title(text: &str) -> String {
    one_line(text, MAX_TITLE_CHARS)
}

/// Labels: one line each, no empty ones, no doubles.
pub(crate) fn labels(given: &[String]) -> Vec<String> {
    let mut labels: Vec<String> = Vec::new();
    for label in given {
        let label = one_line(label, MAX_LABEL_CHARS);
        if labels.len() < MAX_LABELS && !label.is_empty() && !labels.contains(&label) {
            labels.push(label);
        }
    }
    labels
}

/// A body or comment: neutral, with plain line ends, cut at its limit with a
/// note that says so.
pub(crate) fn body(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\0', "");
    let text = neutralise(text.trim_end());
    if text.len() <= MAX_BODY_BYTES {
        return text;
    }
    let kept = text.floor_char_boundary(MAX_BODY_BYTES);
    let dropped = text.len() - kept;
    format!("{}\n\n(cut off here: {dropped} more bytes)", &text[..kept])
}

fn one_line(text: &str, most: usize) -> String {
    let spaced: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let line = neutralise(&words.join(" "));
    if line.chars().count() <= most {
        return line;
    }
    let mut cut: String = line.chars().take(most - 1).collect();
    cut.push('…');
    cut
}
