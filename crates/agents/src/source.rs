//! What a role may see of the repository.
//!
//! The caller hands over a [`Source`]; everything here goes through a [`View`] of it, which alone
//! decides what is shown: a file that `context.deny` names is neither listed nor read, whoever asks
//! for it, a person's idea or a model. Reading is bounded in files, in bytes and in time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use model_providers::{Reason, Unanswered};

use crate::asking::{Asking, Failed, Settings};

/// How long one reading of files may take when the caller sets no earlier deadline.
const READ_TIME: Duration = Duration::from_secs(60);

/// A file that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The path from the repository's top, with forward slashes.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
}

/// The repository's files as they are when a role is asked.
#[async_trait::async_trait]
pub trait Source: Send + Sync {
    /// Every file; the same list for as long as the source lives.
    fn files(&self) -> &[SourceFile];

    /// The text of these files. What is no text, too large or not there is absent.
    ///
    /// # Errors
    /// When reading failed as a whole. Dropping the future must be harmless.
    async fn read(&self, paths: &[String]) -> Result<BTreeMap<String, String>, SourceError>;
}

/// Why files could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the repository's files cannot be read: {message}")]
pub struct SourceError {
    message: String,
}

impl SourceError {
    /// An error with a message for people.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// Files, sizes and what is denied: shared with the checks of an answer.
#[derive(Debug)]
pub(crate) struct Known {
    sizes: BTreeMap<String, u64>,
    deny: GlobSet,
    max_file_bytes: u64,
}

impl Known {
    pub(crate) fn new(files: &[SourceFile], settings: &Settings) -> Result<Self, SourceError> {
        Ok(Self {
            sizes: files.iter().map(|file| (file.path.clone(), file.size)).collect(),
            deny: deny_set(&settings.deny)?,
            max_file_bytes: settings.max_file_bytes,
        })
    }

    /// Whether the file exists, denied or not.
    pub(crate) fn exists(&self, path: &str) -> bool {
        self.sizes.contains_key(path)
    }

    /// Whether `context.deny` names the path.
    pub(crate) fn is_denied(&self, path: &str) -> bool {
        self.deny.is_match(path)
    }

    /// Whether the file exists and may be shown.
    pub(crate) fn is_visible(&self, path: &str) -> bool {
        self.exists(path) && !self.is_denied(path)
    }

    /// Whether the file exists and is larger than a file may be.
    pub(crate) fn is_oversized(&self, path: &str) -> bool {
        self.sizes.get(path).is_some_and(|size| *size > self.max_file_bytes)
    }

    /// Whether files lie below the path, so that it is a folder.
    pub(crate) fn is_folder(&self, path: &str) -> bool {
        let below = format!("{path}/");
        self.sizes.range(below.clone()..).next().is_some_and(|(next, _)| next.starts_with(&below))
    }

    /// Every path, denied or not.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.sizes.keys().map(String::as_str)
    }

    /// Every path that may be shown.
    pub(crate) fn visible(&self) -> impl Iterator<Item = &str> {
        self.sizes.keys().map(String::as_str).filter(|path| !self.is_denied(path))
    }

    pub(crate) fn max_file_bytes(&self) -> u64 {
        self.max_file_bytes
    }
}

/// A source, seen through `context.deny`.
pub(crate) struct View<'a> {
    source: &'a dyn Source,
    pub(crate) known: Arc<Known>,
}

impl<'a> View<'a> {
    pub(crate) fn new(source: &'a dyn Source, settings: &Settings) -> Result<Self, SourceError> {
        let known = Known::new(source.files(), settings)?;
        Ok(Self { source, known: Arc::new(known) })
    }

    /// The texts of those files that exist and may be shown; others are absent.
    pub(crate) async fn read(
        &self,
        asking: &Asking<'_>,
        paths: &[String],
    ) -> Result<BTreeMap<String, String>, Failed> {
        let allowed = |path: &String| self.known.is_visible(path) && !self.known.is_oversized(path);
        let mut wanted: Vec<String> = paths.iter().filter(|path| allowed(path)).cloned().collect();
        wanted.sort_unstable();
        wanted.dedup();
        if wanted.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut texts = tokio::select! {
            read = self.source.read(&wanted) => read?,
            () = asking.cancel.cancelled() => return Err(cancelled()),
            () = passed(asking.deadline) => return Err(SourceError::new("no time was left for reading them").into()),
            () = tokio::time::sleep(READ_TIME) => return Err(SourceError::new("reading took too long").into()),
        };
        texts.retain(|path, _| wanted.contains(path));
        Ok(texts)
    }
}

fn cancelled() -> Failed {
    Failed::Unanswered(Unanswered { reason: Reason::Cancelled, attempts: Vec::new() })
}

async fn passed(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Which of these paths no model may see.
///
/// # Errors
/// If one of the globs is no glob.
pub fn hidden(paths: &[String], deny: &[String]) -> Result<Vec<String>, SourceError> {
    let deny = deny_set(deny)?;
    Ok(paths.iter().filter(|path| deny.is_match(path.as_str())).cloned().collect())
}

/// A denied folder denies all that is in it, and `*` crosses folders: rather too much than too little.
pub(crate) fn deny_set(globs: &[String]) -> Result<GlobSet, SourceError> {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        let bare = glob.trim_start_matches("./").trim_matches('/');
        for pattern in [bare.to_owned(), format!("{bare}/**")] {
            let built =
                GlobBuilder::new(&pattern).case_insensitive(true).literal_separator(false).build();
            set.add(built.map_err(|error| {
                SourceError::new(format!("context.deny has the bad pattern {glob}: {error}"))
            })?);
        }
    }
    set.build().map_err(|error| SourceError::new(format!("context.deny: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied(globs: &[&str], path: &str) -> bool {
        let globs: Vec<String> = globs.iter().map(|glob| (*glob).to_owned()).collect();
        deny_set(&globs).unwrap().is_match(path)
    }

    #[test]
    fn denies_by_glob_folder_and_case() {
        for (glob, path, expected) in [
            ("**/.env", ".env", true),
            ("**/.env", "a/b/.ENV", true),
            ("**/.env", "a/.envrc", false),
            ("**/*.pem", "keys/a.pem", true),
            ("*.pem", "keys/a.pem", true),
            ("secrets/", "secrets/a/b.txt", true),
            ("/secrets", "secrets/a", true),
            ("secrets", "my/secrets", false),
        ] {
            assert_eq!(denied(&[glob], path), expected, "{glob} {path}");
        }
        assert!(deny_set(&["[".to_owned()]).is_err());
        assert!(!denied(&[], "a"));
    }
}
