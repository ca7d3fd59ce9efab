//! `raise NotImplementedError` is a stub, an abstract method, or a refusal of
//! one case. Only the first is a placeholder, and only the surroundings tell.

use std::sync::LazyLock;

use regex::Regex;

use super::Kind;
use crate::patterns::pattern;
use crate::source::{Line, Source};

/// How far up the class of a method is looked for.
const LINES_ABOVE: usize = 500;
/// How many lines are searched for a class that derives from another.
const LINES_LOOKED_AT: usize = 5000;

/// Messages and decorators of methods that are meant to be overridden.
static ABSTRACT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)@(?:\w+\.)?abstract|@overload\b|\bsub-?class|\boverrid|\babstract\b|\bderived\b")
});

/// Classes that are there to be derived from.
static ABSTRACT_CLASS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^class (?:_?(?:Base|Abstract)\w*|\w*(?:Base|Interface|Mixin|ABC|Protocol))\b|^class \w+\(.*\b(?:ABC|ABCMeta|Protocol)\b",
    )
});

static CLASS: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\s*class\s+(\w+)\s*(?:\(([^)]*)\))?"));

/// The raise itself, without a message or with one that says "later".
static LATER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"NotImplementedError\s*(?:\(\s*\)\s*)?(?:#|$|from\b)|NotImplementedError\s*\(\s*[rfb]?["'](?i:(?:this |it |method |function )?(?:is )?(?:not (?:yet )?implemented|todo\b|implement|coming soon))"#,
    )
});

/// `None` when the method is abstract; a stub when it is all of a body or says
/// that it comes later; else the refusal of one case.
pub(super) fn not_implemented(source: &Source<'_>, line: &Line<'_>, at: usize) -> Option<Kind> {
    if is_abstract(source, line, at) {
        return None;
    }
    let stub = LATER.is_match(line.text) || is_whole_body(source, at);
    Some(if stub { Kind::Stub } else { Kind::Unsupported })
}

/// Whether nothing but comments and a docstring stands between `def` and the line.
fn is_whole_body(source: &Source<'_>, at: usize) -> bool {
    let above = source.lines.get(..at).unwrap_or_default();
    let nearest = above.iter().rev().find(|line| source.has_code(line));
    nearest.is_some_and(|line| {
        let code = source.code(line);
        let signature =
            code.starts_with("def ") || code.starts_with("async def ") || code.starts_with(')');
        signature && code.ends_with(':')
    })
}

/// Whether the method is meant to be overridden: its message, its decorators or
/// its class say so, or a class of the same file derives from its class. Goes
/// up line by line, outwards by indent.
fn is_abstract(source: &Source<'_>, line: &Line<'_>, at: usize) -> bool {
    if ABSTRACT.is_match(line.text) {
        return true;
    }
    let indent_of = |text: &str| text.len() - text.trim_start().len();
    let mut indent = indent_of(line.text);
    let mut decorated = false;
    let above = source.lines.get(..at).unwrap_or_default();
    for line in above.iter().rev().take(LINES_ABOVE) {
        let text = line.text.trim_start();
        if decorated && text.starts_with('@') {
            if ABSTRACT.is_match(text) {
                return true;
            }
            continue;
        }
        decorated = false;
        // The end of a signature of several lines stands where its start does.
        if text.is_empty() || text.starts_with(')') || indent_of(line.text) >= indent {
            continue;
        }
        indent = indent_of(line.text);
        if text.starts_with("class ") {
            return ABSTRACT_CLASS.is_match(text) || has_descendant(source, text);
        }
        decorated = text.starts_with("def ") || text.starts_with("async def ");
    }
    false
}

/// Whether another class of the file names this one as its base.
fn has_descendant(source: &Source<'_>, class: &str) -> bool {
    let Some(name) = CLASS.captures(class).and_then(|found| found.get(1)) else {
        return false;
    };
    source
        .lines
        .iter()
        .take(LINES_LOOKED_AT)
        .filter(|line| line.text.trim_start().starts_with("class ") && source.is_code_line(line))
        .filter_map(|line| CLASS.captures(line.text)?.get(2))
        .flat_map(|bases| bases.as_str().split(','))
        .any(|base| base.trim() == name.as_str())
}
