//! Findings about changed files, without a model: conflict markers,
//! placeholders, syntax, secrets, size, gutted files and weakened tests.
//!
//! When no reviewer answers these checks are the only judge, and when one does
//! they are what it cannot talk its way past. The failure they prevent is a
//! stub, a leaked edit marker or a hollowed-out test that is committed as done.
//!
//! Only what a change *adds* counts: a marker that the file already had is
//! nobody's finding. Work is linear in the size of the input, and files larger
//! than the limit are not looked into at all. Code is parsed by the grammars that
//! the tree-sitter project keeps (MIT), up to 256 KiB a file and within a bound
//! of steps; what is not parsed for its size or depth gets a finding that says so.

/// The readme's example is run as those here are.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod code;
mod conflict;
mod content;
mod finding;
mod grammar;
mod language;
mod lexer;
mod patterns;
mod placeholder;
mod rewrite;
mod secret;
mod source;
mod syntax;
mod weakened;

use source::Source;
use weakened::Balance;

pub use finding::{Finding, Rule, Severity};

/// One file before and after, as bytes; the crate does not care who wrote it.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// Path with forward slashes, relative to the top of the project.
    pub path: &'a str,
    /// Content before; `None` when the file is new.
    pub before: Option<&'a [u8]>,
    /// Content after; `None` when the file is deleted.
    pub after: Option<&'a [u8]>,
}

/// Limits of the checks.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Largest content accepted, in bytes; larger files get one high finding and no further look.
    pub max_file_bytes: u64,
}

impl Default for Settings {
    /// 1 MiB a file.
    fn default() -> Self {
        Self { max_file_bytes: 1024 * 1024 }
    }
}

/// Findings of one rule kept for one file; more would say nothing new.
const FINDINGS_PER_RULE: usize = 20;

/// Checks every change and returns what was found, in the order of `changes`,
/// then by line. An empty list means that nothing speaks against the changes;
/// it does not mean that they are right.
///
/// At most 20 findings of a rule are kept for one file, the gravest first.
#[must_use]
pub fn check(changes: &[Change<'_>], settings: &Settings) -> Vec<Finding> {
    let arrivals = rewrite::Arrivals::of(changes, settings.max_file_bytes);
    let balances: Vec<Balance> =
        changes.iter().map(|change| Balance::of(change, settings.max_file_bytes)).collect();
    let whole = balances.iter().copied().fold(Balance::default(), Balance::join);
    let mut findings = Vec::new();
    for (change, own) in changes.iter().zip(balances) {
        let mut found: Vec<Finding> =
            weakened::check_loss(change, own, whole).into_iter().collect();
        match content::text(change, settings) {
            Ok(Some(after)) => {
                found.extend(rewrite::check(change, after, &arrivals));
                found.extend(check_text(change, after, own));
            }
            Ok(None) => {}
            Err(finding) => found.push(*finding),
        }
        findings.extend(bounded(found));
    }
    findings
}

/// The checks that read the new content.
fn check_text(change: &Change<'_>, after: &str, own: Balance) -> Vec<Finding> {
    let before = change.before.and_then(content::decode);
    let source = Source::new(change.path, before, after);
    let mut found: Vec<Finding> = syntax::check(change, after).into_iter().collect();
    found.extend(code::check(change, &source, after));
    found.extend(conflict::check(&source));
    found.extend(placeholder::check(&source));
    found.extend(secret::check(&source));
    found.extend(weakened::check_lines(&source, own.had_tests()));
    found
}

/// The gravest findings of each rule, in the order of their lines.
fn bounded(mut found: Vec<Finding>) -> Vec<Finding> {
    found.sort_by_key(|finding| (finding.rule, std::cmp::Reverse(finding.severity)));
    let mut kept = Vec::new();
    for rule in found.chunk_by(|a, b| a.rule == b.rule) {
        kept.extend(rule.iter().take(FINDINGS_PER_RULE).cloned());
    }
    kept.sort_by_key(|finding| (finding.line, finding.rule));
    kept
}
