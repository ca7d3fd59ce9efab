//! Placeholders where code should be: stubs that compile, comments that stand
//! for code, and elisions ("rest of the code unchanged") that delete what they
//! mention. A model that gives one has not done the work (trap 45).

mod python;

use std::sync::LazyLock;

use regex::{Regex, RegexSet};

use crate::language::Language;
use crate::lexer::Class;
use crate::patterns::{pattern, patterns};
use crate::source::{Line, Source};
use crate::{FINDINGS_PER_RULE, Finding, Rule, Severity};

/// Matches looked at in one line before it is given up.
const CANDIDATES: usize = 20;

/// The languages whose code a stub is looked for in.
const CODE: [(Language, &str); 6] = [
    (
        Language::Rust,
        r#"\b(?:todo|unimplemented)!\s*[(\[{]|\b(?:panic|bail|anyhow|unreachable)!\s*\(\s*"(?i:not (?:yet )?implemented|todo|implement me)"#,
    ),
    (
        Language::Python,
        r#"\braise\s+NotImplementedError\b|\braise\s+\w*(?:Error|Exception)\s*\(\s*[rfb]?["'](?i:(?:this |method |function )?(?:is )?not (?:yet )?implemented|todo\b|implement me)|(?:\bpass\b|\.\.\.)\s*#\s*(?i:todo|fixme|xxx|implement|placeholder|your code|add (?:your|the|actual)|stub)"#,
    ),
    (
        Language::Script,
        r#"\b(?:throw|reject\s*\()\s*(?:new\s+)?\w*Error\s*\(\s*["'`](?i:(?:method |function |this )?(?:is )?not (?:yet )?implemented|todo\b|unimplemented|implement me)"#,
    ),
    (
        Language::Component,
        r#"\bthrow\s+(?:new\s+)?\w*Error\s*\(\s*["'`](?i:(?:method |function )?not (?:yet )?implemented|todo\b|unimplemented)"#,
    ),
    (
        Language::Go,
        r#"\b(?:panic|log\.Fatalf?|log\.Panicf?)\s*\(\s*(?:(?:errors\.New|fmt\.Errorf|fmt\.Sprintf?)\s*\(\s*)?["`](?i:not (?:yet )?implemented|todo\b|unimplemented|implement me)|\breturn\b[^"`]*\b(?:errors\.New|fmt\.Errorf)\s*\(\s*["`](?i:not (?:yet )?implemented|todo\b|unimplemented|implement me)"#,
    ),
    (
        Language::Braces,
        r#"\bthrow\s+new\s+NotImplementedException\b|\bthrow\s+(?:new\s+)?\w*Exception\s*\(\s*"(?i:not (?:yet )?implemented|todo\b|unimplemented)|\bTODO\s*\(\s*(?:"|\))|\bfatalError\s*\(\s*"(?i:not (?:yet )?implemented|todo\b)"#,
    ),
];

static STUBS: LazyLock<Vec<(Language, Regex)>> =
    LazyLock::new(|| CODE.into_iter().map(|(language, text)| (language, pattern(text))).collect());

/// Comments that announce code instead of explaining it.
static ANNOUNCED: LazyLock<RegexSet> = LazyLock::new(|| {
    patterns(&[
        r"(?i)^\W{0,6}(?:todo|fixme|xxx)\b\W{0,4}(?:\([^)]{0,60}\)\W{0,4})?(?:please |we should |need to |actually |properly )?(?:implement|implementation|add (?:the )?(?:actual |real |your )?(?:implementation|logic|code)|fill (?:this |me )?in|complete (?:this|the)|write (?:this|the|your))\b",
        r"(?i)\byour (?:code|logic|implementation)(?: goes)? here\b",
        r"(?i)\b(?:add|insert|put|write|place) (?:your|the|actual|real) (?:actual |own )?(?:code|logic|implementation)(?: goes)? here\b",
        r"(?i)^\W*(?:the )?(?:actual |real )?(?:code|logic|implementation) (?:goes|would go|comes) here\b",
        r"(?i)^\W*implement(?:ation)? (?:me|here|this|goes here)\W*$",
    ])
});

/// Comments that say so in two words, when they are all there is.
static CURT: LazyLock<RegexSet> = LazyLock::new(|| {
    patterns(&[
        r"^(?:\.\.\.|…)$",
        r"(?i)^\W*(?:(?:not (?:yet )?|un)implemented(?: yet)?|(?:placeholder|stub)(?: implementation| for now)?)[\s.!]*$",
    ])
});

/// Comments that stand for code which was left out.
static ELIDED: LazyLock<RegexSet> = LazyLock::new(|| {
    patterns(&[
        r"(?i)^\W*(?:\.{3,}|…)\s*\(?(?:the |all |your )?(?:rest|remaining|remainder|existing|omitted|unchanged)\b",
        r"(?i)^\W*(?:\.{3,}|…)\s*\(?(?:the |all |your |keep )*(?:other|previous|same|more|original) (?:\w+ ){0,2}(?:code|methods?|functions?|fields?|tests?|imports?|props|columns?|routes?|cases?|handlers?|logic|implementation|content|items|entries|lines|styles|rules|config\w*|settings|as (?:before|above))\b",
        r"(?i)^\W*(?:the )?(?:rest|remainder) of (?:the |your |this )?(?:\w+ ){0,3}(?:is |are )?(?:unchanged|remains?|stays?|the same|as before|omitted|here|continues|goes here)\b",
        r"(?i)^\W*(?:the )?rest of (?:the |your |this )?(?:existing |original )?(?:code|file|function|class|implementation|methods?|module|component)\W*$",
        r"(?i)^\W*(?:all |the )?(?:existing|remaining|original|other|previous) (?:\w+ ){0,2}(?:code|methods?|functions?|imports?|implementation|logic|content|tests?|fields?|props)\b.{0,20}\b(?:unchanged|here|as is|as before|omitted|the same|remains?|stays?)\b",
        r"(?i)^\W*(?:existing|remaining|original) (?:code|methods|functions|implementation|logic)\s*(?:\.{3,}|…)",
        r"(?i)\b(?:code|implementation|logic|body|methods?|functions?|rest) (?:is |are )?(?:omitted|elided|truncated|removed) (?:for brevity|here)\b",
        r"(?i)^\W*(?:omitted|truncated|shortened) for brevity\b|^\W*(?:keep|leave) (?:the )?(?:existing|rest of the) (?:\w+ )?(?:code|file|implementation|functions?|methods?)(?: unchanged| as is| here)?\W*$",
    ])
});

/// Comments that own up to something less than the real thing.
static ADMITTED: LazyLock<RegexSet> = LazyLock::new(|| {
    patterns(&[
        r"(?i)\bin (?:a )?(?:real|actual|production)(?:[ -]world)? (?:implementation|application|app|system|code|scenario)\b",
        r"(?i)^\W*(?:this is (?:just )?)?(?:a )?(?:placeholder|stub|dummy|mock) (?:implementation|function|method|value|logic)\b",
    ])
});

static NOTE: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b(?:TODO|FIXME|XXX)\b"));

/// At most one finding for each added line, the gravest.
pub(crate) fn check(source: &Source<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut high = 0;
    let lines = source.added();
    for (number, line) in lines.filter(|(_, line)| source.is_code_line(line)) {
        let at = usize::try_from(number).unwrap_or(usize::MAX) - 1;
        let kind = stub(source, line, at)
            .or_else(|| comment(source, line, at))
            .or_else(|| python::idle(source, line, at));
        let Some(kind) = kind else {
            continue;
        };
        let finding = kind.finding(source.path, number);
        high += usize::from(finding.severity == Severity::High);
        findings.push(finding);
        // Nothing graver can follow, and no more would be kept.
        if high == FINDINGS_PER_RULE {
            break;
        }
    }
    findings
}

/// What kind of placeholder a line holds, the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Stub,
    Announced,
    Elided,
    EmptyBody,
    Unsupported,
    Idle,
    Admitted,
    Ellipsis,
    Note,
}

impl Kind {
    fn finding(self, path: &str, line: u32) -> Finding {
        let (severity, message, suggestion) = match self {
            Self::Stub => (
                Severity::High,
                "A stub stands where code should be.",
                "Write the code that it stands for.",
            ),
            Self::Announced => (
                Severity::High,
                "A comment announces code that is not there.",
                "Write the code, then drop the comment.",
            ),
            Self::Elided => (
                Severity::High,
                "A comment stands for code that was left out.",
                "Give the whole content; nothing fills in what a comment mentions.",
            ),
            Self::EmptyBody => (
                Severity::High,
                "A body holds only a note that it is still to be written.",
                "Write the body.",
            ),
            Self::Unsupported => (
                Severity::Medium,
                "A case is refused as not implemented.",
                "Do it, or raise an error that says what the caller did wrong.",
            ),
            Self::Idle => (
                Severity::Medium,
                "The function does nothing.",
                "Write its body, or say in a docstring why there is nothing to do.",
            ),
            Self::Admitted => (
                Severity::Medium,
                "A comment says that this is not the real implementation.",
                "Do the real thing, or say why this is enough.",
            ),
            Self::Ellipsis => (
                Severity::Medium,
                "A comment of dots may stand for code that was left out.",
                "Give the whole content, or drop the comment.",
            ),
            Self::Note => (
                Severity::Low,
                "A comment notes work that is still to be done.",
                "Do it, or name the issue that will.",
            ),
        };
        Finding {
            path: path.to_owned(),
            line: Some(line),
            severity,
            rule: Rule::Placeholder,
            message: message.to_owned(),
            suggestion: suggestion.to_owned(),
        }
    }
}

/// A stub in code; the same words in a string or a comment are none.
fn stub(source: &Source<'_>, line: &Line<'_>, at: usize) -> Option<Kind> {
    // In an interface file a body of dots is all there ever is.
    if source.path.ends_with(".pyi") {
        return None;
    }
    let (_, stubs) = STUBS.iter().find(|(language, _)| *language == source.language)?;
    stubs
        .find_iter(line.text)
        .take(CANDIDATES)
        .find(|found| source.class(line, found.start()) == Class::Code)?;
    if source.language == Language::Python && line.text.contains("NotImplementedError") {
        return python::not_implemented(source, line, at);
    }
    Some(Kind::Stub)
}

fn comment(source: &Source<'_>, line: &Line<'_>, at: usize) -> Option<Kind> {
    source
        .comments(line)
        .into_iter()
        .filter_map(|comment| {
            if ELIDED.is_match(comment) {
                Some(Kind::Elided)
            } else if ANNOUNCED.is_match(comment) {
                Some(Kind::Announced)
            } else if ADMITTED.is_match(comment) {
                Some(Kind::Admitted)
            } else if CURT.is_match(comment) {
                curt(source, comment, line, at)
            } else if NOTE.is_match(comment) {
                Some(if is_only_content(source, line, at) { Kind::EmptyBody } else { Kind::Note })
            } else {
                None
            }
        })
        .min()
}

/// Between other lines of comment, dots and "not implemented" belong to a text.
fn curt(source: &Source<'_>, comment: &str, line: &Line<'_>, at: usize) -> Option<Kind> {
    let is_comment = |at: Option<usize>| {
        at.and_then(|at| source.lines.get(at)).is_some_and(|line| source.is_comment(line))
    };
    if is_comment(at.checked_sub(1)) || is_comment(at.checked_add(1)) {
        return None;
    }
    let alone = source.is_comment(line);
    if comment.starts_with(['.', '…']) {
        return alone.then_some(Kind::Ellipsis);
    }
    // Beside code, "stub" names a thing; "not implemented" still owns up to one.
    let owns_up = comment.to_ascii_lowercase().contains("implemented");
    (alone || owns_up).then_some(Kind::Announced)
}

/// Whether the comment is all that stands between the start and the end of a body.
fn is_only_content(source: &Source<'_>, line: &Line<'_>, at: usize) -> bool {
    const REACH: usize = 10;
    let code = source.code(line);
    let opens = |code: &str| match source.language {
        Language::Python => code.ends_with(':'),
        Language::Hash | Language::Dashes | Language::Css | Language::Markup => false,
        _ => code.ends_with('{'),
    };
    let closes = |code: &str| match source.language {
        Language::Python => matches!(code, "pass" | "..." | "return" | "return None"),
        _ => code.starts_with('}'),
    };
    let nearest = |lines: &mut dyn Iterator<Item = &Line<'_>>| {
        lines
            .take(REACH)
            .map(|line| source.code(line))
            .find(|code| !code.is_empty())
            .unwrap_or_default()
    };
    let before = source.lines.get(..at).unwrap_or_default();
    let after = source.lines.get(at + 1..).unwrap_or_default();
    let opened = if code.is_empty() {
        opens(&nearest(&mut before.iter().rev()))
    } else if code.ends_with("{}") || code.ends_with("{  }") {
        return !matches!(source.language, Language::Python | Language::Hash);
    } else {
        opens(&code)
    };
    opened && closes(&nearest(&mut after.iter()))
}
