//! Other people's text inside our Markdown. Titles, descriptions and error
//! messages come from ideas, models and providers; each function here gives a
//! piece of Markdown that such text cannot leave: no hidden comment (our
//! markers are comments), no mention, no issue reference, no heading, no image.

use std::fmt::Write as _;

/// Longest text within a line, in characters.
const INLINE_CHARS: usize = 300;
/// Longest title, in characters.
const TITLE_CHARS: usize = 120;
/// Longest block (quote or fence), in characters.
const BLOCK_CHARS: usize = 4000;
/// Most lines of a block.
const BLOCK_LINES: usize = 100;
/// Most entries of a list.
const LIST_ENTRIES: usize = 30;

/// An invisible space: enough to keep `@name` and `#12` from being live.
const BREAK: char = '\u{200b}';

/// Text in a running line: one line, every Markdown character made harmless.
pub(crate) fn inline(text: &str) -> String {
    escape(&shortened(&one_line(text), INLINE_CHARS))
}

/// Text for an issue's title, which is not Markdown: one line, no comment, and nothing that a
/// hosting service makes a link or a mention of.
pub(crate) fn plain(text: &str) -> String {
    unlinked(&without_comments(&shortened(&one_line(text), TITLE_CHARS)))
}

/// Plain text in which nothing closes an issue or calls a person: titles of pull requests and
/// commit messages are read for `fixes #7`, `closes https://.../issues/7` and `@name` too.
#[must_use]
pub fn unlinked(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(c) = letters.next() {
        made.push(c);
        let next = letters.peek();
        let digit = next.is_some_and(char::is_ascii_digit);
        let name = next.is_some_and(char::is_ascii_alphanumeric);
        let before = ["GH-", "gh-", "/issues/", "/pull/", "#"];
        if (c == '@' && name) || (digit && before.iter().any(|end| made.ends_with(end))) {
            made.push(BREAK);
        }
    }
    made
}

/// A path, a model or a branch as a code span, whatever backticks it holds.
pub(crate) fn code(text: &str) -> String {
    let text = without_comments(&shortened(&one_line(text), INLINE_CHARS));
    if text.is_empty() {
        return "(empty)".to_owned();
    }
    let ticks = "`".repeat(longest_run(&text, '`') + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

/// Output of a program as a fenced block; the fence is longer than any inside.
pub(crate) fn fence(text: &str, language: &str) -> String {
    let text = without_comments(&block(text));
    let ticks = "`".repeat(longest_run(&text, '`').max(2) + 1);
    let language: String = language.chars().filter(char::is_ascii_alphanumeric).take(20).collect();
    format!("{ticks}{language}\n{text}\n{ticks}")
}

/// Prose of several lines as a quotation.
pub(crate) fn quote(text: &str) -> String {
    let text = block(text);
    let mut quoted = String::with_capacity(text.len() * 2);
    for line in text.lines() {
        if !quoted.is_empty() {
            quoted.push('\n');
        }
        quoted.push('>');
        // An indented line would become a code block of its own.
        let line = line.trim();
        if !line.is_empty() {
            quoted.push(' ');
            quoted.push_str(&escape(line));
        }
    }
    quoted
}

/// A list, each entry after `bullet` and shown by `show`; what is beyond the limit is counted.
pub(crate) fn list(entries: &[String], bullet: &str, show: fn(&str) -> String) -> String {
    let mut lines = String::new();
    for entry in entries.iter().take(LIST_ENTRIES) {
        let separator = if lines.is_empty() { "" } else { "\n" };
        // Writing to a String cannot fail.
        let _ = write!(lines, "{separator}{bullet}{}", show(entry));
    }
    let more = entries.len().saturating_sub(LIST_ENTRIES);
    if more > 0 {
        let _ = write!(lines, "\n- and {more} more");
    }
    lines
}

/// At most `limit` characters, with a mark where something was cut.
pub(crate) fn shortened(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some((at, _)) => {
            let mut cut = text.get(..at).unwrap_or_default().trim_end().to_owned();
            cut.push('…');
            cut
        }
    }
}

/// `<!--` opens a hidden comment in Markdown, and a forged marker in a search.
pub(crate) fn without_comments(text: &str) -> String {
    text.replace("<!--", "<! --")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The first lines of a text, without blank ends, within the limits of a block.
fn block(text: &str) -> String {
    let lines: Vec<&str> = text.trim_matches('\n').lines().take(BLOCK_LINES + 1).collect();
    let mut kept = lines.get(..BLOCK_LINES).unwrap_or(&lines).join("\n");
    if lines.len() > BLOCK_LINES {
        kept.push_str("\n…");
    }
    shortened(kept.trim_end(), BLOCK_CHARS)
}

fn longest_run(text: &str, wanted: char) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == wanted { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

/// One line of text with every character that Markdown or GitHub reacts to made harmless.
fn escape(line: &str) -> String {
    let mut escaped = String::with_capacity(line.len() + line.len() / 4);
    let mut letters = line.chars().peekable();
    let mut at_start = true;
    while let Some(c) = letters.next() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // Within a word an underscore means nothing, and paths are full of them.
            '_' if within_word(&escaped, letters.peek()) => escaped.push(c),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '!' | '$' => {
                escaped.push('\\');
                escaped.push(c);
            }
            '@' => escaped.extend(['@', BREAK]),
            '#' if letters.peek().is_some_and(char::is_ascii_digit) => {
                escaped.extend(['\\', '#', BREAK]);
            }
            '#' | '-' | '+' | '=' if at_start => {
                escaped.push('\\');
                escaped.push(c);
            }
            '.' | ')' if starts_numbering(&escaped) => {
                escaped.push('\\');
                escaped.push(c);
            }
            _ => escaped.push(c),
        }
        at_start = false;
    }
    escaped
}

fn within_word(before: &str, next: Option<&char>) -> bool {
    before.ends_with(char::is_alphanumeric) && next.is_some_and(|next| next.is_alphanumeric())
}

/// `1.` and `1)` at the start of a line begin a numbered list.
fn starts_numbering(before: &str) -> bool {
    !before.is_empty() && before.chars().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inline_leaves_words_and_disarms_the_rest() {
        let cases = [
            ("plain words, (brackets) & more", "plain words, (brackets) &amp; more"),
            ("snake_case_name", "snake_case_name"),
            ("_emphasis_ **strong**", "\\_emphasis\\_ \\*\\*strong\\*\\*"),
            ("# heading", "\\# heading"),
            ("- item", "\\- item"),
            ("a - b", "a - b"),
            ("12. numbered", "12\\. numbered"),
            ("v1.2", "v1.2"),
            ("<!-- x -->", "&lt;\\!-- x --&gt;"),
            ("[a](b)", "\\[a\\](b)"),
            ("@you", "@\u{200b}you"),
            ("see #12", "see \\#\u{200b}12"),
            ("two\nlines\r\n  three", "two lines three"),
            ("", ""),
        ];
        for (text, wanted) in cases {
            assert_eq!(inline(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn code_spans_hold_any_backticks() {
        let cases = [
            ("src/main.rs", "`src/main.rs`"),
            ("a`b", "``a`b``"),
            ("`a``", "``` `a`` ```"),
            ("a\nb", "`a b`"),
            ("", "(empty)"),
        ];
        for (text, wanted) in cases {
            assert_eq!(code(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn fences_are_longer_than_any_inside() {
        assert_eq!(fence("a", "sh"), "```sh\na\n```");
        assert_eq!(fence("````\nx", "t`\nx"), "`````tx\n````\nx\n`````");
    }

    #[test]
    fn quotes_keep_lines_and_drop_indentation() {
        assert_eq!(quote("\n  one\n\n    two"), "> one\n>\n> two");
    }

    #[test]
    fn blocks_are_bounded_in_lines_and_characters() {
        assert_eq!(quote(&"x\n".repeat(1000)).lines().count(), BLOCK_LINES + 1);
        assert!(fence(&"é".repeat(100_000), "").chars().count() < BLOCK_CHARS + 20);
    }
}
