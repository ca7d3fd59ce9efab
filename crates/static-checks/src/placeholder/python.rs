//! `raise NotImplementedError` is a stub, an abstract method, or a refusal of
//! one case. Only the first is a placeholder, and only the surroundings tell.

use std::sync::LazyLock;

use regex::Regex;

use super::Kind;
use crate::language::Language;
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

/// A function that is only `pass` or dots. One with a docstring says what it is
/// for, a decorated one is made for its decorator, an overload has its body
/// elsewhere, and a method may be there to be overridden.
pub(super) fn idle(source: &Source<'_>, line: &Line<'_>, at: usize) -> Option<Kind> {
    if source.language != Language::Python || source.path.ends_with(".pyi") {
        return None;
    }
    let code = source.code(line);
    if !matches!(code.as_str(), "pass" | "...") {
        return None;
    }
    let above = source.lines.get(..at).unwrap_or_default();
    let opened = above.iter().rposition(|line| !source.code(line).is_empty())?;
    // A docstring stands in between, or no function opens here.
    if !is_whole_body(source, opened + 1) || !above.get(opened).is_some_and(|l| source.has_code(l))
    {
        return None;
    }
    (!is_free_to_be_empty(source, line, at)).then_some(Kind::Idle)
}

/// Whether the function is decorated, a method of a class (which may answer a
/// protocol by doing nothing), or named for doing nothing.
fn is_free_to_be_empty(source: &Source<'_>, line: &Line<'_>, at: usize) -> bool {
    let indent = |text: &str| text.len() - text.trim_start().len();
    let inner = indent(line.text);
    let above = source.lines.get(..at).unwrap_or_default();
    let Some(start) = above.iter().rposition(|line| {
        let text = line.text.trim_start();
        indent(line.text) < inner && (text.starts_with("def ") || text.starts_with("async def "))
    }) else {
        return true;
    };
    let head = above.get(start).map_or("", |line| line.text);
    let before = start.checked_sub(1).and_then(|at| above.get(at)).map_or("", |line| line.text);
    let lower = head.to_ascii_lowercase();
    indent(head) > 0
        || before.trim_start().starts_with(['@', ')'])
        || ["noop", "no_op", "nothing", "dummy", "ignore"].iter().any(|word| lower.contains(word))
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
