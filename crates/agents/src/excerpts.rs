//! The lines of a large file that matter.
//!
//! A file that does not fit is shown as numbered lines around what the idea's words, or a finding's
//! line number, point at, so that the model can answer with edits. What is missing is marked.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::words::Words;

/// Lines shown on either side of a line that matters.
const AROUND: usize = 6;
/// The longest line shown, in characters: a minified file is one line.
const LINE_CHARS: usize = 300;
/// A line that a finding names outweighs any number of shared words.
const NAMED: usize = 1000;

/// What to look for in files.
#[derive(Clone, Debug, Default)]
pub(crate) struct Focus {
    pub(crate) words: Words,
    /// Lines, from 1, that findings name, by path.
    pub(crate) lines: BTreeMap<String, BTreeSet<usize>>,
}

impl Focus {
    /// The words of these texts, and each `path:line` that stands in them.
    pub(crate) fn of<'a>(
        texts: impl IntoIterator<Item = &'a str> + Clone,
        paths: &[String],
    ) -> Self {
        let mut lines: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        for text in texts.clone() {
            for path in paths {
                for (at, _) in text.match_indices(path.as_str()) {
                    if let Some(line) = line_number(&text[at + path.len()..]) {
                        lines.entry(path.clone()).or_default().insert(line);
                    }
                }
            }
        }
        Self { words: Words::of(texts), lines }
    }

    /// Numbered lines of a text in about `limit` bytes, with marks where lines are missing.
    pub(crate) fn excerpt(&self, path: &str, text: &str, limit: usize) -> String {
        let lines: Vec<&str> = text.lines().collect();
        let mut shown = BTreeSet::new();
        let mut used = 0;
        for center in self.ranked(path, &lines) {
            let window = center.saturating_sub(AROUND)..(center + AROUND + 1).min(lines.len());
            let added: Vec<usize> = window.filter(|line| !shown.contains(line)).collect();
            let cost: usize =
                added.iter().map(|line| lines[*line].len().min(LINE_CHARS * 4) + 8).sum();
            if used + cost > limit {
                // Of lines too long for any window, the one that matters most is still shown.
                if shown.is_empty() {
                    shown.insert(center);
                }
                break;
            }
            used += cost;
            shown.extend(added);
        }
        render(&lines, &shown)
    }

    /// The lines that matter, the most telling first; then the file's beginning.
    fn ranked(&self, path: &str, lines: &[&str]) -> Vec<usize> {
        let named = self.lines.get(path);
        let score = |index: usize, line: &str| {
            let is_named = named.is_some_and(|named| named.contains(&(index + 1)));
            self.words.shared(line) + if is_named { NAMED } else { 0 }
        };
        let mut ranked: Vec<(usize, usize)> = lines
            .iter()
            .enumerate()
            .map(|(index, line)| (score(index, line), index))
            .filter(|(score, _)| *score > 0)
            .collect();
        ranked.sort_by_key(|(score, index)| (std::cmp::Reverse(*score), *index));
        ranked.into_iter().map(|(_, index)| index).chain((0..lines.len()).step_by(AROUND)).collect()
    }
}

/// The number in `:12` or `#L12` or ` line 12` at the start of a text.
fn line_number(rest: &str) -> Option<usize> {
    let rest = [":", "#L", " line ", ", line ", "\", line ", "("]
        .iter()
        .find_map(|mark| rest.strip_prefix(mark))?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).take(7).collect();
    digits.parse().ok()
}

fn render(lines: &[&str], shown: &BTreeSet<usize>) -> String {
    let mut text = String::new();
    let mut next = 0;
    for index in shown {
        gap(&mut text, next, *index);
        let line: String = lines[*index].chars().take(LINE_CHARS).collect();
        let mark = if line.len() < lines[*index].len() { "…" } else { "" };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:>5}| {line}{mark}", index + 1);
        next = index + 1;
    }
    gap(&mut text, next, lines.len());
    text
}

fn gap(text: &mut String, from: usize, to: usize) {
    if to > from {
        let _ = writeln!(text, "     … lines {}-{to} are not shown", from + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(lines: usize) -> String {
        (1..=lines)
            .map(|line| {
                if line == 300 {
                    "fn reset_password() {}\n".to_owned()
                } else {
                    format!("let x{line};\n")
                }
            })
            .collect()
    }

    #[test]
    fn shows_lines_around_the_idea_s_words_and_the_findings_lines() {
        let focus = Focus::of(
            ["reset the password", "[high] src/a.rs:150: wrong"],
            &["src/a.rs".to_owned()],
        );
        let excerpt = focus.excerpt("src/a.rs", &file(500), 600);
        assert!(excerpt.contains("  300| fn reset_password() {}"), "{excerpt}");
        assert!(
            excerpt.contains("  150| let x150;")
                && excerpt.contains("… lines 157-293 are not shown"),
            "{excerpt}"
        );
        assert!(excerpt.len() < 1000);
    }

    #[test]
    fn without_any_hint_the_beginning_is_shown_and_long_lines_are_cut() {
        let excerpt = Focus::default().excerpt("a.js", &"y".repeat(100_000), 2000);
        assert!(excerpt.starts_with("    1| yyy") && excerpt.contains('…') && excerpt.len() < 1000);
        assert!(Focus::default().excerpt("a.js", &file(50), 400).starts_with("    1| let x1;"));
        assert_eq!(Focus::default().excerpt("a.js", "", 100), "");
        let long = format!("{}\n", "z".repeat(2000)).repeat(40);
        let least = Focus::default().excerpt("a.js", &long, 1500);
        assert!(least.starts_with("    1| zzz") && least.len() < 500, "{least}");
    }
}
