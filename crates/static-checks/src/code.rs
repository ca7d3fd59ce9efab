//! Does code still parse? A file that was cut off, or lost a brace in an edit,
//! breaks everything that is built with it.
//!
//! Grammars lag behind their languages, so a change is only blamed for what it
//! broke: where the file did not parse before either, nothing grave is said.

use crate::grammar::{self, Flaw, Grammar, Parsed};
use crate::lexer::Class;
use crate::source::Source;
use crate::{Change, Finding, Rule, Severity, content, language, secret};

/// Deeper code is not parsed: recovering within it takes too long.
const DEEPEST: usize = 1000;
/// How much of the file's own text a message repeats, in characters.
const EXCERPT: usize = 40;

/// At most one finding: the first place that does not parse.
pub(crate) fn check(change: &Change<'_>, source: &Source<'_>, after: &str) -> Option<Finding> {
    let grammar = Grammar::of(change.path)?;
    if is_other_language(grammar, after) {
        return None;
    }
    let before = change.before.and_then(content::decode);
    if let Some(limit) = limit(source, after) {
        let already = before.is_some_and(|text| is_beyond_limits(change.path, text));
        return (!already).then(|| unchecked(change.path, limit));
    }
    let before = before.filter(|text| !is_beyond_limits(change.path, text));
    let Some(parsed) = grammar::parse(grammar, after) else {
        return before.is_none().then(|| unchecked(change.path, Limit::Steps));
    };
    let flaw = worst(&parsed)?;
    let severity = if language::is_fixture(change.path) {
        Severity::Low
    } else if flaw.is_gap && parsed.open.is_none() {
        Severity::Medium
    } else {
        Severity::High
    };
    let severity = match before.map(|text| grammar::parse(grammar, text)) {
        None => severity,
        Some(Some(old)) if old.flaws.is_empty() => severity,
        // What the grammar cannot read, it cannot judge; lost brackets are still seen.
        Some(Some(old)) if parsed.open.is_some() && old.open.is_none() => {
            severity.min(Severity::Medium)
        }
        Some(_) => return None,
    };
    Some(finding(change.path, grammar, severity, source, after, flaw, parsed.open))
}

/// Templates, shell in a file named otherwise, and Flow's types are for other parsers.
fn is_other_language(grammar: Grammar, text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    let is_shell = first.starts_with("#!") && first.trim_end().ends_with("sh");
    let is_flow = grammar == Grammar::JavaScript
        && text.lines().take(30).any(|line| line.contains("@flow") && !line.contains("@flow-"));
    let is_template = text.lines().any(|line| {
        let line = line.trim_start();
        ["{%", "<%", "{{#", "{{/", "{{ cookiecutter", "{{cookiecutter"]
            .iter()
            .any(|mark| line.starts_with(mark))
    });
    is_shell || is_flow || is_template
}

/// Why a file is not parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    Size,
    Depth,
    Steps,
}

fn limit(source: &Source<'_>, text: &str) -> Option<Limit> {
    if text.len() > grammar::LARGEST {
        Some(Limit::Size)
    } else {
        (depth(source) > DEEPEST).then_some(Limit::Depth)
    }
}

fn is_beyond_limits(path: &str, text: &str) -> bool {
    limit(&Source::new(path, None, text), text).is_some()
}

/// How deep brackets stand in each other, in code.
fn depth(source: &Source<'_>) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for (_, line) in source.numbered() {
        for (at, byte) in line.text.bytes().enumerate() {
            let is_code = || source.class(line, at) == Class::Code;
            match byte {
                b'(' | b'[' | b'{' if is_code() => depth += 1,
                b')' | b']' | b'}' if is_code() => depth = depth.saturating_sub(1),
                _ => {}
            }
            deepest = deepest.max(depth);
        }
    }
    deepest
}

/// The flaw that says most: no known gap, and of one line rather than of a whole file.
fn worst<'p, 't>(parsed: &'p Parsed<'t>) -> Option<&'p Flaw<'t>> {
    let weight = |flaw: &&Flaw<'_>| (flaw.is_gap, flaw.text.contains('\n'));
    parsed.flaws.iter().min_by_key(weight)
}

fn unchecked(path: &str, limit: Limit) -> Finding {
    let (severity, message) = match limit {
        Limit::Size => (
            Severity::Low,
            format!(
                "The file has more than {} bytes: whether it parses was not checked.",
                grammar::LARGEST
            ),
        ),
        Limit::Depth => (
            Severity::Medium,
            format!(
                "Brackets stand more than {DEEPEST} deep: whether the file parses was not checked."
            ),
        ),
        Limit::Steps => (
            Severity::Medium,
            "The file asks too much of the parser: whether it parses was not checked.".to_owned(),
        ),
    };
    Finding {
        path: path.to_owned(),
        line: None,
        severity,
        rule: Rule::Syntax,
        message,
        suggestion: "Have its compiler read it, or split the file into simpler ones.".to_owned(),
    }
}

fn finding(
    path: &str,
    grammar: Grammar,
    severity: Severity,
    source: &Source<'_>,
    after: &str,
    flaw: &Flaw<'_>,
    open: Option<(char, usize)>,
) -> Finding {
    let line = line_at(after, flaw.start);
    let fenced = after.trim_start().starts_with("```");
    let open = open.filter(|_| !fenced);
    let what = match (open, flaw.missing.as_deref()) {
        _ if fenced => "a Markdown fence stands around the code".to_owned(),
        (Some((bracket, _)), _) => format!("this `{bracket}` is not closed where it should be"),
        (None, Some(missing)) if missing.chars().all(|c| c.is_ascii_punctuation()) => {
            format!("`{missing}` is missing{}", excerpt(source, line, ""))
        }
        (None, Some(missing)) => {
            format!("{} is missing{}", missing.replace('_', " "), excerpt(source, line, ""))
        }
        (None, None) => format!("unexpected{}", excerpt(source, line, flaw.text)),
    };
    let suggestion = if fenced {
        "Take the fence off: the file's text is the code alone.".to_owned()
    } else if flaw.is_gap {
        "Have the compiler judge it; if it is right, nothing is to do.".to_owned()
    } else {
        format!(
            "Correct the code there and just before, so that the whole file is valid {}.",
            grammar.name()
        )
    };
    Finding {
        path: path.to_owned(),
        line: Some(open.map_or(line, |(_, start)| line_at(after, start))),
        severity,
        rule: Rule::Syntax,
        message: format!("Not valid {}: {what}.", grammar.name()),
        suggestion,
    }
}

/// The start of what is unexpected, else the line it is about; nothing of a secret.
fn excerpt(source: &Source<'_>, line: u32, text: &str) -> String {
    let at = usize::try_from(line).unwrap_or(usize::MAX).saturating_sub(1);
    let whole = source.lines.get(at).map_or("", |line| line.text);
    let first = text.lines().next().unwrap_or_default().trim();
    let (word, shown) = if first.is_empty() { (" near", whole.trim()) } else { ("", first) };
    if shown.is_empty() || secret::is_in(shown) || secret::is_in(whole) {
        return String::new();
    }
    let printable = shown.chars().filter(|c| !c.is_control() && *c != '`');
    format!("{word} `{}`", printable.take(EXCERPT).collect::<String>())
}

fn line_at(text: &str, offset: usize) -> u32 {
    let breaks = text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
    u32::try_from(breaks).unwrap_or(u32::MAX).saturating_add(1)
}
