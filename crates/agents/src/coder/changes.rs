//! The shape in which a coder answers.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::divide::Action;
use crate::edits::Edit;

/// A coder's answer as it comes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(crate) struct RawChanges {
    /// One entry for each file that changes; empty only when further files are asked for, or when
    /// nothing is to do.
    pub(crate) files: Vec<RawChange>,
    /// What was done and why; if nothing is to do: `nothing to do:` and the reason.
    pub(crate) notes: String,
    /// Further existing files that must be seen first, by path; then files is empty.
    #[serde(default)]
    pub(crate) needs_files: Option<Vec<String>>,
}

/// What happens to one file.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(crate) struct RawChange {
    /// The file's path, one of the work item's.
    pub(crate) path: String,
    /// What happens to it.
    pub(crate) action: Action,
    /// The whole new text; null when edits are given, or for a deletion.
    #[serde(default)]
    pub(crate) content: Option<String>,
    /// Replacements in the existing text, applied in order; null when content is given.
    #[serde(default)]
    pub(crate) edits: Option<Vec<Edit>>,
    /// Why, in a sentence.
    pub(crate) explanation: String,
}
