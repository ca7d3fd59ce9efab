//! Planner, coder and reviewer: their words, schemas, prompts, chosen context and parsing.
//!
//! A role's question is a pure function of what it is asked about: nothing here knows the journal,
//! git or GitHub, keeps state between two questions, or writes a file. What comes back from a model
//! is untrusted: it counts only after it was parsed and held against the work item, the repository's
//! files and the static checks, and every refusal is worded so that a model can repair it.
//!
//! - [`expand`] writes a sentence down as an idea.
//! - [`analyze`] and [`plan`] turn an [`Idea`] into milestones; [`divide`] makes work items of one.
//! - [`implement`] asks for one work item's [`ChangeSet`]; [`review`] judges a milestone's diff.
//! - A coder that is a program works in a [`Place`], and what it changed there is its answer.
//! - All of them take an [`Asking`] (whom to ask, for how long) and give an [`Answered`].

/// The readme's example is run as those here are.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod answers;
mod asking;
mod coder;
mod divide;
mod earlier;
mod edits;
mod excerpts;
mod fence;
mod fit;
mod idea;
mod legible;
mod place;
mod planner;
mod reviewer;
mod schema;
mod source;
mod words;

pub use answers::{Analysis, Complexity, Files, Milestone, Plan, Review, ReviewIssue, Severity};
pub use asking::{Answered, Asking, Failed, PathGuard, Settings, Unwritable};
pub use coder::{ChangeSet, CoderInput, ResolvedChange, implement};
pub use divide::{Action, PlannedFile, WorkItem, divide};
pub use idea::{Answer, Idea, IdeaError, MAX_IDEA_BYTES};
pub use place::{After, Found, Kept, Leaving, Place, WorkRules};
pub use planner::{Draft, PlanInput, analyze, expand, plan};
pub use reviewer::{ReviewInput, review};
pub use schema::schemas;
pub use source::{Source, SourceError, SourceFile, hidden};
