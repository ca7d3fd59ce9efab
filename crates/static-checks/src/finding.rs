//! What a check says: one place, how bad it is, and what to do about it.
//! Findings travel through the journal, into a model's next prompt and into
//! issues, so they are plain data and never quote what could be a secret.

use serde::{Deserialize, Serialize};

/// How much a finding weighs. `High` alone keeps a change from being accepted.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth a look, no reason to hold anything back.
    Low,
    /// Probably wrong; a reviewer decides.
    Medium,
    /// Wrong on its face: the change is not accepted with it.
    High,
}

impl Severity {
    /// The word as it is written in JSON: `low`, `medium` or `high`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which check spoke.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// A merge conflict marker was left in the text.
    ConflictMarker,
    /// A stub or an elision stands where code should.
    Placeholder,
    /// The file does not parse in its format.
    Syntax,
    /// Something that looks like a live credential.
    Secret,
    /// The content is not UTF-8 text.
    Binary,
    /// The file is larger than the limit.
    Oversized,
    /// A rewrite that drops most of a file.
    Gutted,
    /// Tests were removed, skipped or no longer assert anything.
    WeakenedTest,
}

/// One finding about one changed file.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The path as the change gave it.
    pub path: String,
    /// The line in the new content, counted from 1; `None` when the finding is about the whole file.
    pub line: Option<u32>,
    /// How much it weighs.
    pub severity: Severity,
    /// Which check spoke.
    pub rule: Rule,
    /// What is wrong, in one sentence. Never repeats a secret.
    pub message: String,
    /// What to do about it, in one sentence.
    pub suggestion: String,
}
