//! Credentials planted in a file. What is committed is public sooner or later,
//! so the finding is high; it names the kind and never repeats the value, for
//! findings go into prompts, logs and issues.

use std::sync::LazyLock;

use regex::Regex;

use crate::patterns::pattern;
use crate::source::Source;
use crate::{Finding, Rule, Severity};

/// Candidates looked at in one line; a minified file is one line.
const CANDIDATES: usize = 50;

struct Kind {
    name: &'static str,
    /// The first group, or the whole match, is the part that must look random.
    pattern: Regex,
}

static KINDS: LazyLock<Vec<Kind>> = LazyLock::new(|| {
    [
        ("an AWS access key", r"\b(?:AKIA|ASIA|ABIA|ACCA)([A-Z0-9]{16})\b"),
        (
            "an AWS secret key",
            r#"(?i)\baws_?secret_?(?:access_?)?key\b["']?\s{0,4}[:=]\s{0,4}["']?([a-z0-9/+]{40})(?:[^a-z0-9/+=]|$)"#,
        ),
        ("a GitHub token", r"\bgh[pousr]_([A-Za-z0-9]{36,255})\b"),
        ("a GitHub token", r"\bgithub_pat_([A-Za-z0-9_]{60,255})\b"),
        ("a GitLab token", r"\bglpat-([A-Za-z0-9_-]{20,100})"),
        ("an Anthropic key", r"\bsk-ant-([A-Za-z0-9_-]{32,300})"),
        ("an OpenRouter key", r"\bsk-or-(?:v1-)?([A-Za-z0-9]{40,100})\b"),
        ("an OpenAI key", r"\bsk-(?:proj-|svcacct-|admin-)?([A-Za-z0-9_-]{32,300})"),
        ("a Slack token", r"\bxox[abeoprs]-([A-Za-z0-9-]{20,255})"),
        (
            "a Slack webhook",
            r"\bhooks\.slack\.com/services/(T[A-Z0-9]{6,20}/B[A-Z0-9]{6,20}/[A-Za-z0-9]{20,40})",
        ),
        ("a Google API key", r"\bAIza([A-Za-z0-9_-]{35})"),
        ("a Google client secret", r"\bGOCSPX-([A-Za-z0-9_-]{28})"),
        ("a Stripe live key", r"\b[rs]k_live_([A-Za-z0-9]{24,255})\b"),
        ("an npm token", r"\bnpm_([A-Za-z0-9]{36})\b"),
    ]
    .into_iter()
    .map(|(name, text)| Kind {
        name,
        pattern: pattern(text),
    })
    .collect()
});

/// The head of a key block, and its body if it stands on the same line.
static KEY_BLOCK: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"-----BEGIN (?:[A-Z]{2,10} ){0,2}PRIVATE KEY(?: BLOCK)?-----(?:(?:\\r)?\\n|\s)*([A-Za-z0-9+/=]{32})?",
    )
});

/// A line that looks like the body of a key block, however quoted and indented.
static KEY_BODY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^\W{0,40}[A-Za-z0-9+/]{32,}|^\W{0,40}(?:Proc-Type|Version|DEK-Info): ")
});

/// One high finding for each added line with a credential.
pub(crate) fn check(source: &Source<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in source.added() {
        let next = usize::try_from(number)
            .ok()
            .and_then(|next| source.lines.get(next))
            .map_or("", |next| next.text);
        let found = if is_key_block(line.text, next) {
            Some("a private key")
        } else {
            KINDS.iter().find(|kind| holds(kind, line.text)).map(|kind| kind.name)
        };
        if let Some(name) = found {
            findings.push(finding(source.path, number, name));
        }
    }
    findings
}

/// Whether a line of text holds a credential.
pub(crate) fn is_in(line: &str) -> bool {
    KINDS.iter().any(|kind| holds(kind, line))
}

/// The head alone is a word that code looks for; with a body it is a key.
fn is_key_block(line: &str, next: &str) -> bool {
    line.contains("PRIVATE KEY")
        && KEY_BLOCK.captures(line).is_some_and(|found| {
            let ends_line = found
                .get(0)
                .and_then(|head| line.get(head.end()..))
                .is_some_and(|rest| rest.chars().all(|c| !c.is_alphanumeric() || c == 'n'));
            found.get(1).is_some_and(|body| looks_random(body.as_str()))
                || (ends_line && KEY_BODY.is_match(next))
        })
}

fn holds(kind: &Kind, line: &str) -> bool {
    kind.pattern
        .captures_iter(line)
        .take(CANDIDATES)
        .filter_map(|found| found.get(1))
        .any(|value| looks_random(value.as_str()))
}

/// Examples and placeholders repeat themselves, say what they are, or count.
fn looks_random(value: &str) -> bool {
    const FAKES: [&str; 12] = [
        "example",
        "xxxx",
        "your",
        "fake",
        "dummy",
        "sample",
        "placeholder",
        "changeme",
        "redacted",
        "0123456789",
        "1234567890",
        "abcdefgh",
    ];
    let lower = value.to_ascii_lowercase();
    let mut distinct: Vec<u8> = value.bytes().collect();
    distinct.sort_unstable();
    distinct.dedup();
    distinct.len() >= 8
        && value.bytes().any(|byte| byte.is_ascii_digit())
        && value.bytes().any(|byte| byte.is_ascii_alphabetic())
        && !FAKES.iter().any(|fake| lower.contains(fake))
}

fn finding(path: &str, line: u32, name: &str) -> Finding {
    Finding {
        path: path.to_owned(),
        line: Some(line),
        severity: Severity::High,
        rule: Rule::Secret,
        message: format!("The line holds what looks like {name}."),
        suggestion: "Take it out, read it from the environment or a secret store, and revoke it if it is real.".to_owned(),
    }
}
