//! Findings about changed files, without a model: conflict markers,
//! placeholders, syntax, secrets, size, gutted files and weakened tests.
//!
//! When no reviewer answers these checks are the only judge, and when one does
//! they are what it cannot talk its way past. The failure they prevent is a
//! stub, a leaked edit marker or a hollowed-out test that is committed as done.
//!
//! Only what a change *adds* counts: a marker that the file already had is
//! nobody's finding. Work is linear in the size of the input, and files larger
//! than the limit are not looked into at all.

mod content;
mod finding;
mod syntax;

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
        Self {
            max_file_bytes: 1024 * 1024,
        }
    }
}

/// Checks every change and returns what was found, in the order of `changes`,
/// then by line. An empty list means that nothing speaks against the changes;
/// it does not mean that they are right.
#[must_use]
pub fn check(changes: &[Change<'_>], settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    for change in changes {
        match content::text(change, settings) {
            Ok(Some(after)) => findings.extend(syntax::check(change, after)),
            Ok(None) => {}
            Err(finding) => findings.push(*finding),
        }
    }
    findings
}
