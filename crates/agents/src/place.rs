//! The folder in which a program does a work item, as whoever has git sees it.
//!
//! A role knows neither worktrees nor refs. It needs a folder that holds the milestone's base, to be
//! told what differs in it, and to have it kept when a program leaves: so little can be made of a git
//! repository and, in a test, of two maps.

use std::path::PathBuf;

use async_trait::async_trait;
use model_providers::{Class, ModelId};

use crate::source::SourceError;

/// One item's folder. Used by one program at a time.
#[async_trait]
pub trait Place: Send + Sync {
    /// Makes the folder anew with the base in it, and nothing of an earlier program.
    ///
    /// # Errors
    /// When it cannot be made.
    async fn fresh(&self) -> Result<PathBuf, SourceError>;

    /// The folder as the program left it, if it is still the one that was made.
    ///
    /// # Errors
    /// When another one, or none, is in its place.
    async fn again(&self) -> Result<PathBuf, SourceError>;

    /// What differs from the base now.
    ///
    /// # Errors
    /// When that cannot be told.
    async fn changed(&self) -> Result<Vec<Found>, SourceError>;

    /// Why these changes will not be taken, if they will not be.
    async fn refusal(&self, changed: &[Found]) -> Option<String>;

    /// Keeps what stands there, if anything differs from the base, before it is cleared away.
    async fn keep(&self, leaving: Leaving<'_>) -> Option<Kept>;
}

/// A path that differs from the base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// From the repository's top.
    pub path: String,
    /// The base's text, where there is one.
    pub before: Option<String>,
    /// What is there now.
    pub after: After,
}

/// What is at a path now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum After {
    /// A text.
    Text(String),
    /// Nothing any more.
    Gone,
    /// Something that no change set can hold: binary, too large, a link. What, in words.
    Strange(String),
}

/// A program that leaves, and what is not taken.
#[derive(Clone, Copy, Debug)]
pub struct Leaving<'l> {
    /// Which one.
    pub model: &'l ModelId,
    /// How it failed.
    pub class: Class,
    /// In words, without secrets.
    pub reason: &'l str,
    /// All that it printed, without secrets; bounded.
    pub transcript: &'l str,
}

/// Where what was kept can be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The commit that holds it.
    pub commit: String,
    /// The file with all that the program printed.
    pub transcript: Option<String>,
}

/// What is let through of what a program does.
#[derive(Clone, Copy, Debug)]
pub struct WorkRules {
    /// Files that no item of the milestone has are kept too. Default: no.
    pub allow_outside: bool,
    /// Who goes on is told what the one before left. Default: yes.
    pub hand_over: bool,
}

impl Default for WorkRules {
    fn default() -> Self {
        Self { allow_outside: false, hand_over: true }
    }
}
