//! What a config that cannot be used says: one line that names the file, the place, the key and
//! the mend. It exists so that nobody has to guess which of sixty keys was meant.

use std::fmt;

/// A place in the config's text. Lines and columns count from one, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The line, from one.
    pub(crate) line: u64,
    /// The column, from one, in characters.
    pub(crate) column: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Why a config cannot be used; the process ends with status 2 and has changed nothing.
///
/// Its text is one line, for example
/// ``belay.yaml:12:3: roles.planner.chian: unknown key, did you mean `chain`?``
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConfigError {
    /// The file's name as it was given to [`load`](super::load); none without a file.
    pub(crate) file: Option<String>,
    /// Where in the file; none if the whole file or no file is meant.
    pub(crate) place: Option<Place>,
    /// The key, dotted from the top; empty if no key is meant.
    pub(crate) key: String,
    /// What is wrong and what would be right.
    pub(crate) message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        match (&self.file, self.place) {
            (Some(file), Some(place)) => parts.push(format!("{file}:{place}")),
            (Some(file), None) => parts.push(file.clone()),
            (None, _) => {}
        }
        if !self.key.is_empty() {
            parts.push(shortened(&self.key, KEY_CHARACTERS));
        }
        parts.push(shortened(&self.message, MESSAGE_CHARACTERS));
        f.write_str(&one_line(&parts.join(": ")))
    }
}

impl std::error::Error for ConfigError {}

/// The most characters of a text from the file that a message repeats.
const QUOTED_CHARACTERS: usize = 60;

/// The most characters of a key and of a message; only a hostile file needs more.
const KEY_CHARACTERS: usize = 120;
const MESSAGE_CHARACTERS: usize = 300;

/// A text from the file as a message may repeat it: bounded, and between backticks.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", shortened(text, QUOTED_CHARACTERS))
}

fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
    }
}

/// Control characters would break the one line that a terminal or a log expects.
fn one_line(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect()
}
