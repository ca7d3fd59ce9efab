//! Which paths a change may touch, as far as a path alone can tell. Paths come
//! from models, and a path such as `../x`, `.GIT/hooks/pre-commit` or one
//! through a symlink would turn an answer into code that runs.
//!
//! What only the tree can tell (links, submodules, twins) is checked where the
//! tree is at hand, in `edit`.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::error::Error;

/// Longer paths do not fit common file systems.
const LONGEST_PATH: usize = 1024;
const LONGEST_NAME: usize = 255;

/// A path that may not be written, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {why}")]
pub struct Refusal {
    /// As given.
    pub path: String,
    /// A clause that follows the path.
    pub why: String,
}

impl Refusal {
    pub(crate) fn new(path: &str, why: impl Into<String>) -> Self {
        Self { path: path.to_owned(), why: why.into() }
    }
}

/// The paths and sizes that are allowed.
#[derive(Debug, Clone)]
pub struct Guard {
    deny: GlobSet,
    patterns: Vec<String>,
    max_file_bytes: u64,
}

impl Guard {
    /// A guard that refuses every path that matches one of the globs, in any
    /// case (`*` stays within a folder, `**` does not), and files of more than
    /// this many bytes.
    ///
    /// # Errors
    ///
    /// `BadPattern` if one of them is not a glob.
    pub fn new(deny: &[String], max_file_bytes: u64) -> Result<Self, Error> {
        let mut set = GlobSetBuilder::new();
        for pattern in deny {
            let bad = |error: globset::Error| Error::BadPattern {
                pattern: pattern.clone(),
                reason: error.kind().to_string(),
            };
            let glob = GlobBuilder::new(pattern)
                .case_insensitive(true)
                .literal_separator(true)
                .backslash_escape(true)
                .build()
                .map_err(bad)?;
            set.add(glob);
        }
        let deny_set = set.build().map_err(|error| Error::BadPattern {
            pattern: deny.join(" "),
            reason: error.kind().to_string(),
        })?;
        Ok(Self { deny: deny_set, patterns: deny.to_vec(), max_file_bytes })
    }

    /// Whether the path itself is fit to be written, before any tree is looked
    /// at.
    ///
    /// # Errors
    ///
    /// A `Refusal` with the first reason found.
    pub fn check_path(&self, path: &str) -> Result<(), Refusal> {
        check_form(path)?;
        // What is in a denied folder is denied, and `x/**` also covers a file
        // that is called `x`.
        let inside = format!("{path}/-");
        for candidate in folders(path).chain([path, &inside]) {
            if let Some(&index) = self.deny.matches(candidate).first() {
                return Err(Refusal::new(
                    path,
                    format!("is denied by the pattern {}", self.patterns[index]),
                ));
            }
        }
        Ok(())
    }

    /// Whether content of this size may be written there.
    pub(crate) fn check_size(&self, path: &str, size: usize) -> Result<(), Refusal> {
        if size as u64 > self.max_file_bytes {
            return Err(Refusal::new(
                path,
                format!("would have {size} bytes, more than the {} allowed", self.max_file_bytes),
            ));
        }
        Ok(())
    }
}

/// The rules that hold for every path, whatever is denied besides.
pub(crate) fn check_form(path: &str) -> Result<(), Refusal> {
    let refuse = |why: &str| Err(Refusal::new(path, why));
    if path.is_empty() {
        return refuse("is empty");
    }
    if path.len() > LONGEST_PATH {
        return refuse("is too long");
    }
    if path.starts_with('/') {
        return refuse("is absolute");
    }
    if path.contains('\\') {
        return refuse("has a backslash");
    }
    if path.chars().any(is_unprintable) {
        return refuse("has a control or invisible character");
    }
    if path.as_bytes().get(1) == Some(&b':') && path.as_bytes()[0].is_ascii_alphabetic() {
        return refuse("begins with a drive letter");
    }
    path.split('/').try_for_each(|name| check_name(path, name))
}

/// The folders above a path, the topmost first.
pub(crate) fn folders(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

fn check_name(path: &str, name: &str) -> Result<(), Refusal> {
    let refuse = |why: &str| Err(Refusal::new(path, why));
    match name {
        "" => return refuse("has an empty component"),
        "." | ".." => return refuse("has a component that is . or .."),
        _ => {}
    }
    if name.len() > LONGEST_NAME {
        return refuse("has a component that is too long");
    }
    if name.trim_end_matches([' ', '.']) != name || name.starts_with(' ') {
        return refuse("has a component that begins or ends with a space, or ends with a dot");
    }
    // `.git::$INDEX_ALLOCATION` is `.git` to NTFS, and `git~1` is its short name.
    let plain = name.split(':').next().unwrap_or(name).to_lowercase();
    let plain = plain.trim_end_matches([' ', '.']);
    if plain == ".git" || is_short_name_of_git(plain) {
        return refuse("leads into a git directory");
    }
    Ok(())
}

fn is_short_name_of_git(name: &str) -> bool {
    name.strip_prefix("git~")
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
}

/// Control characters break listings; invisible ones are dropped by some file
/// systems, which makes `.g\u{200c}it` mean `.git`, and others turn text around
/// for whoever reads it.
fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fffd}')
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Made of the parts that paths are attacked with, so that most of
        /// what is tried is close to the edge.
        #[test]
        fn what_passes_stays_inside_and_out_of_git_directories(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "a", "b.rs", "/", "//", ".", "..", "\\", ".git", ".GIT", "git~1", " ", ":",
                    "C:", "\0", "\n", "\u{200c}", "\u{feff}", "~", "é", "-", "*",
                ]),
                0..8,
            )
        ) {
            let path = parts.concat();
            if check_form(&path).is_ok() {
                for part in Path::new(&path).components() {
                    let Component::Normal(name) = part else {
                        return Err(TestCaseError::fail(path));
                    };
                    prop_assert!(!name.eq_ignore_ascii_case(".git"), "{path}");
                }
                prop_assert_eq!(path.split('/').count(), Path::new(&path).components().count());
            }
        }
    }

    #[test]
    fn folders_are_listed_from_the_top() {
        assert_eq!(folders("a/b/c").collect::<Vec<_>>(), ["a", "a/b"]);
        assert_eq!(folders("a").count(), 0);
    }
}
