//! What becomes of text that others wrote (models, templates filled with their
//! words, people) before it stands in an issue: bounded, titles on one line,
//! and never mistakable for one of our hidden marks.

/// The longest title, in characters.
pub const MAX_TITLE_CHARS: usize = 200;
/// The longest body or comment, in bytes.
pub const MAX_BODY_BYTES: usize = 60 * 1024;
/// The longest reply, in bytes.
pub const MAX_REPLY_BYTES: usize = 16 * 1024;
/// The most replies of an issue.
pub const MAX_REPLIES: usize = 20;
/// The heading below which people answer where an issue is only a text.
pub const ANSWER: &str = "## Answer";
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
        let ours = name.get(..5).is_some_and(|n| n.eq_ignore_ascii_case("belay"));
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

/// A body as [`body`] makes it, and what does not fit in: cut between lines
/// where there are any, with a note about where it goes on.
pub(crate) fn body_and_rest(text: &str) -> (String, Option<String>) {
    let text = text.replace("\r\n", "\n").replace('\0', "");
    let text = neutralise(text.trim_end());
    if text.len() <= MAX_BODY_BYTES {
        return (text, None);
    }
    let most = text.floor_char_boundary(MAX_BODY_BYTES);
    let lines = text[..most].rfind('\n').filter(|at| *at > MAX_BODY_BYTES / 2);
    let (kept, rest) = text.split_at(lines.map_or(most, |at| at + 1));
    let note = format!("(cut off here: {} more bytes, in the first comment)", rest.len());
    (format!("{}\n\n{note}", kept.trim_end()), Some(rest.to_owned()))
}

/// What a person wrote: only what they saw when they wrote it, neutral, cut at
/// its limit. Nothing where no word of their own is left.
pub(crate) fn reply(text: &str) -> Option<String> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let visible: String = text.chars().filter(|c| !is_hidden(*c)).collect();
    let own = |line: &str| !line.is_empty() && !line.starts_with('>');
    if !without_comments(&visible).lines().any(|line| own(line.trim())) {
        return None;
    }
    // Blank lines go, the indentation of the first line stays.
    let start = visible.len() - visible.trim_start_matches('\n').len();
    let text = neutralise(visible[start..].trim_end());
    if text.len() <= MAX_REPLY_BYTES {
        return Some(text);
    }
    let kept = text.floor_char_boundary(MAX_REPLY_BYTES);
    Some(format!("{}\n\n(cut off here: {} more bytes)", &text[..kept], text.len() - kept))
}

/// Characters that hide or reorder text, or that a terminal obeys.
pub(crate) fn is_hidden(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{ad}'
        | '\u{61c}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{180e}'
        | '\u{3164}'
        | '\u{ffa0}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}' => true,
        _ => c.is_control(),
    }
}

/// The text without what Markdown hides. A comment that is not closed hides
/// everything behind it.
fn without_comments(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, hidden)) = rest.split_once("<!--") {
        shown.push_str(before);
        rest = hidden.split_once("-->").map_or("", |(_, after)| after);
    }
    shown.push_str(rest);
    shown
}

fn one_line(text: &str, most: usize) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let line = neutralise(&words.join(" "));
    if line.chars().count() <= most {
        return line;
    }
    let mut cut: String = line.chars().take(most - 1).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_alikes_of_a_mark_lose_their_power_and_other_comments_stay() {
        for (given, wanted) in [
            ("<!-- belay:run=a step=b -->", "&lt;!-- belay:run=a step=b -->"),
            ("<!--belay:closed -->", "&lt;!--belay:closed -->"),
            ("<!--\n\t BeLaY:x", "&lt;!--\n\t BeLaY:x"),
            ("<!--<!-- belay:x", "&lt;!--&lt;!-- belay:x"),
            ("<!-- <!-- belay:x", "<!-- &lt;!-- belay:x"),
            ("<!<!--- belay:x", "<!<!--- belay:x"),
            ("<!-- a note --> text", "<!-- a note --> text"),
            ("ends in <!--", "ends in <!--"),
            ("<!-- bela", "<!-- bela"),
            ("<!-- bélay:", "<!-- bélay:"),
            ("", ""),
        ] {
            assert_eq!(neutralise(given), wanted, "{given:?}");
            assert!(!neutralise(given).contains(MARK), "{given:?}");
        }
    }

    #[test]
    fn neutral_text_stays_as_it_is() {
        let once = neutralise("a <!-- belay:x --> b <!--belay");
        assert_eq!(neutralise(&once), once);
    }

    #[test]
    fn a_title_is_one_bounded_line() {
        assert_eq!(title("  a\n---\r\nstate: closed\u{7} "), "a --- state: closed");
        assert_eq!(title("\n\t "), "");
        let long = title(&"é".repeat(500));
        assert_eq!(long.chars().count(), MAX_TITLE_CHARS);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn labels_are_bounded_distinct_and_on_one_line() {
        let given: Vec<String> = ["a", "a", "", "b\nc"].map(String::from).into();
        assert_eq!(labels(&given), ["a", "b c"]);
        let many: Vec<String> = (0..99).map(|n| n.to_string()).collect();
        assert_eq!(labels(&many).len(), MAX_LABELS);
    }

    #[test]
    fn a_long_body_is_cut_between_letters_and_says_so() {
        let cut = body(&"é".repeat(MAX_BODY_BYTES));
        assert!(cut.len() < MAX_BODY_BYTES + 100);
        let (kept, note) = cut.split_once("\n\n").unwrap();
        assert_eq!(kept.len(), MAX_BODY_BYTES);
        assert_eq!(note, format!("(cut off here: {MAX_BODY_BYTES} more bytes)"));
        assert_eq!(body("short\r\nenough \n"), "short\nenough");
    }
}
