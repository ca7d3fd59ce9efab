//! A text as people see it when it is shown to them: without what Markdown hides.
//!
//! The failure this prevents: somebody approves what they read, and a model reads more. Wherever it
//! takes a whole parser to tell whether something is hidden, it is taken out: a line too few is seen
//! by whoever wrote it, a line too many by nobody.

use crate::text::is_hidden;

/// What begins and ends text that is never shown, in the order in which it is looked for.
const HIDDEN: [(&str, &str); 3] = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>")];

/// The text with plain line ends and without comments, declarations, definitions of links, and
/// characters that cannot be seen.
pub(crate) fn visible(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let seen: String = text.chars().filter(|c| !is_hidden(*c)).collect();
    let seen = HIDDEN.iter().fold(seen, |text, (from, to)| without(&text, from, to));
    without_definitions(&seen)
}

/// The text without what stands between the two. What begins a line and never ends hides all that
/// follows; elsewhere it is just text.
fn without(text: &str, from: &str, to: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, hidden)) = rest.split_once(from) {
        shown.push_str(before);
        let begins_line = shown.rsplit('\n').next().is_none_or(|line| line.trim().is_empty());
        rest = match hidden.split_once(to) {
            Some((_, after)) => after,
            None if begins_line => "",
            None => {
                shown.push_str(from);
                hidden
            }
        };
    }
    shown.push_str(rest);
    shown
}

/// The text without `[name]: address "and a text"`, which is shown nowhere and may go on in the
/// lines below. Footnotes are shown.
fn without_definitions(text: &str) -> String {
    let mut shown: Vec<&str> = Vec::new();
    let mut within = false;
    for line in text.split('\n') {
        if ends_a_name(line) {
            let paragraph = shown.iter().rposition(|line| line.trim().is_empty());
            shown.truncate(paragraph.map_or(0, |blank| blank + 1));
            within = true;
        }
        within = is_definition(line) || within && !line.trim().is_empty();
        if !within {
            shown.push(line);
        }
    }
    shown.join("\n")
}

/// Whether a name that began in a line above ends here.
fn ends_a_name(line: &str) -> bool {
    line.split_once("]:").is_some_and(|(before, _)| !before.contains('['))
}

/// Also within quotes and lists.
fn is_definition(line: &str) -> bool {
    let mark = |c: char| c.is_ascii_digit() || " \t>-*+.)".contains(c);
    let inner = line.trim_start_matches(mark).strip_prefix('[');
    inner.is_some_and(|inner| !inner.starts_with('^') && inner.contains("]:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_is_shown_is_taken_out() {
        for (given, wanted) in [
            ("a <!-- hidden --> b", "a  b"),
            ("a\n<!-- hidden\nover lines -->\nb", "a\n\nb"),
            ("a\n<!-- never closed\nhidden", "a\n"),
            ("a\n   <!-- never closed", "a\n   "),
            ("look for `<!--` in it", "look for `<!--` in it"),
            ("<!-<!-- x -->- hidden? -->", "<!-- hidden? -->"),
            ("a <![CDATA[hidden]]> <?hidden?> b", "a   b"),
            ("a\n\n[//]: # (hidden)\n\nb", "a\n\n\nb"),
            ("[x]: /y \"hidden\n goes on\n\nb", "\nb"),
            ("> [x]: /y 'hidden'\nb", ""),
            ("1. [x]: /y 'hidden'\n\nb", "\nb"),
            ("a\n\n[hidden\nhidden]: /y 'hidden\nhidden'\n\nb", "a\n\n\nb"),
            ("[^1]: a footnote", "[^1]: a footnote"),
            ("- [ ] a task: one", "- [ ] a task: one"),
            ("see [the page](https://a.b): it", "see [the page](https://a.b): it"),
            ("e\u{202e}vi\u{200b}l\u{ad}\u{e0041}\u{1b}[2J\0\u{3164}", "evil[2J"),
            (
                "<details><summary>More</summary>\nseen\n</details>",
                "<details><summary>More</summary>\nseen\n</details>",
            ),
            ("a\r\nb\rc", "a\nb\nc"),
        ] {
            assert_eq!(visible(given), wanted, "{given:?}");
        }
    }
}
