//! The shape in which a coder answers.

use schemars::JsonSchema;
use serde::Deserialize;

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
    /// The file's path, one of the work item's; of a renamed file the new one.
    pub(crate) path: String,
    /// What happens to it.
    pub(crate) action: RawAction,
    /// The path that a renamed file had; null for every other action.
    #[serde(default)]
    pub(crate) from: Option<String>,
    /// The whole new text; null when edits are given, for a deletion, or for a file that is renamed
    /// as it is.
    #[serde(default)]
    pub(crate) content: Option<String>,
    /// Replacements in the existing text, applied in order; null when content is given.
    #[serde(default)]
    pub(crate) edits: Option<Vec<Edit>>,
    /// Why, in a sentence.
    pub(crate) explanation: String,
    /// The text that the file had, where no model but a folder tells of it.
    #[serde(default)]
    #[schemars(skip)]
    pub(crate) base: Option<String>,
}

/// What an entry says happens to its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawAction {
    /// It is made.
    Create,
    /// Its text changes.
    Modify,
    /// It goes.
    Delete,
    /// A file that is to be deleted becomes it.
    Rename,
}
