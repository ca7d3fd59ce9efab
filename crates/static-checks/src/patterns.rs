//! The regular expressions of the checks, compiled once. The engine does not
//! backtrack, so a hostile line costs time in proportion to its length.

use regex::{Regex, RegexSet};

/// Compiles a pattern that is written in this crate.
#[expect(
    clippy::expect_used,
    reason = "every pattern is a literal, and a test runs each check's table"
)]
pub(crate) fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a literal pattern compiles")
}

/// Compiles several patterns that are looked for together.
#[expect(
    clippy::expect_used,
    reason = "every pattern is a literal, and a test runs each check's table"
)]
pub(crate) fn patterns(texts: &[&str]) -> RegexSet {
    RegexSet::new(texts).expect("literal patterns compile")
}
