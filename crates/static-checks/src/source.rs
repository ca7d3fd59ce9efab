//! A changed file cut into lines, each knowing whether this change added it.
//! Findings are about added lines only: what a file already had is not the
//! change's fault, and a finding about it could never be mended away.

use std::collections::HashMap;
use std::ops::Range;

use crate::language::Language;
use crate::lexer::{self, Class};

/// Lines longer than this are not written by hand; checks about code pass them over.
const LONGEST_CODE_LINE: usize = 4096;

/// One line of the new content, without its line break.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    pub(crate) text: &'a str,
    /// Where it starts in the file, in bytes.
    start: usize,
    /// Whether the change added it. Moved and re-indented lines are not added.
    pub(crate) added: bool,
}

/// The new content of one file, read once for all checks.
pub(crate) struct Source<'a> {
    pub(crate) path: &'a str,
    pub(crate) language: Language,
    pub(crate) lines: Vec<Line<'a>>,
    classes: Vec<Class>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(path: &'a str, before: Option<&str>, after: &'a str) -> Self {
        let language = Language::of(path);
        let added = added(before.unwrap_or_default(), after);
        let mut start = 0;
        let mut lines = Vec::with_capacity(added.len());
        for (text, added) in after.split('\n').zip(added) {
            lines.push(Line { text: text.strip_suffix('\r').unwrap_or(text), start, added });
            start += text.len() + 1;
        }
        Self { path, language, lines, classes: lexer::classify(after, language) }
    }

    /// Added lines with their numbers, counted from 1.
    pub(crate) fn added(&self) -> impl Iterator<Item = (u32, &Line<'a>)> {
        self.numbered().filter(|(_, line)| line.added)
    }

    /// All lines with their numbers, counted from 1.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (u32, &Line<'a>)> {
        (1..=u32::MAX).zip(&self.lines)
    }

    /// What the byte at `offset` of the line belongs to.
    pub(crate) fn class(&self, line: &Line<'_>, offset: usize) -> Class {
        self.classes.get(line.start + offset).copied().unwrap_or(Class::Code)
    }

    /// Whether the line can have been written by hand.
    pub(crate) fn is_code_line(&self, line: &Line<'_>) -> bool {
        !self.language.is_prose() && line.text.len() <= LONGEST_CODE_LINE
    }

    /// The stretches of one class in the line.
    fn stretches(&self, line: &Line<'_>, class: Class) -> Vec<Range<usize>> {
        let end = line.start + line.text.len();
        let classes = self.classes.get(line.start..end).unwrap_or_default();
        let mut found: Vec<Range<usize>> = Vec::new();
        for (at, _) in classes.iter().enumerate().filter(|(_, c)| **c == class) {
            match found.last_mut() {
                Some(last) if last.end == at => last.end = at + 1,
                _ => found.push(at..at + 1),
            }
        }
        found
    }

    /// The comments of the line, without their marks and surrounding space.
    /// Rust's doc comments are left out: they hold examples, with code of their own.
    pub(crate) fn comments(&self, line: &Line<'a>) -> Vec<&'a str> {
        self.stretches(line, Class::Comment)
            .into_iter()
            .filter_map(|range| line.text.get(range))
            .filter(|comment| {
                self.language != Language::Rust
                    || !(comment.starts_with("///") || comment.starts_with("//!"))
            })
            .map(|comment| {
                comment
                    .trim_start_matches(|c: char| c.is_whitespace() || "/*#!-<".contains(c))
                    .trim_end_matches(|c: char| c.is_whitespace() || "*/->".contains(c))
            })
            .filter(|comment| !comment.is_empty())
            .collect()
    }

    /// Whether the line is a comment and nothing else.
    pub(crate) fn is_comment(&self, line: &Line<'_>) -> bool {
        let mut classes = self.classes_of(line);
        classes.any(|class| class == Class::Comment)
            && !self.classes_of(line).any(|class| class != Class::Comment)
    }

    /// Whether the line holds code, and not only comments, strings and space.
    pub(crate) fn has_code(&self, line: &Line<'_>) -> bool {
        self.classes_of(line).any(|class| class == Class::Code)
    }

    /// The classes of the line's bytes that are no spaces.
    fn classes_of(&self, line: &Line<'_>) -> impl Iterator<Item = Class> {
        let bytes = line.text.bytes().enumerate();
        bytes.filter(|(_, byte)| !byte.is_ascii_whitespace()).map(|(at, _)| self.class(line, at))
    }

    /// The line's code and strings, without comments and surrounding space.
    pub(crate) fn code(&self, line: &Line<'a>) -> String {
        let mut code = line.text.to_owned();
        for range in self.stretches(line, Class::Comment).into_iter().rev() {
            if code.is_char_boundary(range.start) && code.is_char_boundary(range.end) {
                code.replace_range(range, "");
            }
        }
        code.trim().to_owned()
    }
}

/// For each line of `after` (split at line breaks): is it new?
///
/// Equal lines at both ends are set aside; in between, a line counts as old as
/// often as `before` has it, wherever it stood and however it was indented.
/// That is linear, and no move of old code becomes an accusation.
fn added(before: &str, after: &str) -> Vec<bool> {
    let old: Vec<&str> = before.split('\n').map(str::trim).collect();
    let new: Vec<&str> = after.split('\n').map(str::trim).collect();
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let shorter = old.len().min(new.len()) - head;
    let tail =
        old.iter().rev().zip(new.iter().rev()).take(shorter).take_while(|(a, b)| a == b).count();
    let mut known: HashMap<&str, usize> = HashMap::new();
    for line in old.get(head..old.len() - tail).unwrap_or_default() {
        *known.entry(line).or_default() += 1;
    }
    let is_new = |(at, line): (usize, &&str)| {
        if line.is_empty() || at < head || at >= new.len() - tail {
            return false;
        }
        match known.get_mut(*line) {
            Some(left) if *left > 0 => {
                *left -= 1;
                false
            }
            _ => true,
        }
    };
    new.iter().enumerate().map(is_new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers_of_added(before: &str, after: &str) -> Vec<u32> {
        let source = Source::new("a.rs", Some(before), after);
        source.added().map(|(number, _)| number).collect()
    }

    #[test]
    fn knows_added_lines() {
        let cases: [(&str, &str, &[u32]); 8] = [
            ("", "a\nb\n", &[1, 2]),
            ("a\nb\n", "a\nb\n", &[]),
            ("a\nc\n", "a\nb\nc\n", &[2]),
            ("a\nb\nc\n", "c\nb\na\n", &[]),
            ("a\n", "  a\n", &[]),
            ("x\na\ny\n", "x\na\na\ny\n", &[3]),
            ("a\r\nb\r\n", "a\nb\n", &[]),
            ("a\n\nb", "a\n\n\n\nb", &[]),
        ];
        for (before, after, wanted) in cases {
            assert_eq!(numbers_of_added(before, after), wanted, "{before:?} {after:?}");
        }
    }

    #[test]
    fn cuts_comments_out_of_lines() {
        let source = Source::new("a.rs", None, "f(); /* one */ g(); // two\n");
        let line = source.lines.first().unwrap();
        assert_eq!(source.comments(line), ["one", "two"]);
        assert_eq!(source.code(line), "f();  g();");
    }
}
