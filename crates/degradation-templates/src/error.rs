//! What can be wrong with a template, said so that its author can mend it.

use std::path::PathBuf;

/// A template that cannot be read, is not known, or does not give what it must.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The folder of templates, or a file in it, cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The folder holds a file that replaces nothing: probably a misspelt name.
    #[error("{} replaces no template; known names: {known}", path.display())]
    UnknownName {
        /// The file.
        path: PathBuf,
        /// Every name that would replace something, joined by commas.
        known: String,
    },
    /// A template file is larger than the limit.
    #[error("{} is larger than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
    /// The template does not parse, or fails while it is rendered: an unknown
    /// variable or filter, or more work than a template may do.
    #[error("template {name}: {message}")]
    Render {
        /// The template's file name.
        name: &'static str,
        /// Reason with the line, in the template engine's words.
        message: String,
    },
    /// The output is not the YAML, or not the issue text, that it must be.
    #[error("template {name} gives a wrong result: {message}")]
    Output {
        /// The template's file name.
        name: &'static str,
        /// What is missing or wrong.
        message: String,
    },
}
