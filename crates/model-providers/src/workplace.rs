//! A folder in which a program works, as against one that it answers from.
//!
//! A program with tools does not say what it changed: it changes it. What counts as its answer is
//! then what lies in the folder, told by whoever made the folder, and never the program's own
//! account. What a failed program leaves is not the next one's start: the folder is made anew for
//! each, and given back in between, so that its owner can keep what would be lost.

use std::path::PathBuf;

use async_trait::async_trait;
use serde_json::Value;

use crate::{Class, ModelId};

/// Where programs work for one request. Called for one program at a time, in the order
/// [`Workplace::open`], [`Workplace::changed`], [`Workplace::leave`]; the last one is left out for a
/// change that was accepted, and when the request itself is dropped, as on cancellation: then the
/// owner finds the folder as it was.
#[async_trait]
pub trait Workplace: Send + Sync {
    /// Makes the folder ready, and says what the program is asked there.
    ///
    /// # Errors
    /// Why there is no folder; no program is started then, and none is to blame.
    async fn open(&self, start: Start<'_>) -> Result<Opened, String>;

    /// What was changed there by a program that ended well and `said` this, in the shape of an
    /// answer to the request. It must pass the request's own check; the schema is for models.
    ///
    /// # Errors
    /// Why it cannot be taken, in words for the program, which may mend it.
    async fn changed(&self, said: &str) -> Result<Value, String>;

    /// A program has left, and what it changed is not taken.
    async fn leave(&self, left: Left<'_>);
}

/// Which program is about to be started.
#[derive(Clone, Copy, Debug)]
pub struct Start<'s> {
    /// Whom.
    pub model: &'s ModelId,
    /// Its own earlier work of the same visit was not taken, for this reason, and is to be mended
    /// where it stands; `None` begins afresh.
    pub mend: Option<&'s str>,
}

/// A folder that is ready.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Where the program is started.
    pub folder: PathBuf,
    /// What it is asked.
    pub prompt: String,
}

/// A program that left without having its work taken.
#[derive(Clone, Debug)]
pub struct Left<'l> {
    /// Which one.
    pub model: &'l ModelId,
    /// How it failed.
    pub class: Class,
    /// In words, without secrets.
    pub reason: &'l str,
    /// Its last words, if it ended well and its lines are whole.
    pub note: Option<&'l str>,
    /// All that it printed, within the bound of an answer, without secrets; empty if it was dropped
    /// in mid-work.
    pub transcript: &'l str,
}
