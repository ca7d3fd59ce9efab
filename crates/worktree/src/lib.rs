//! The repository being worked on: linked worktree, path guard, all-or-nothing edits, commits, the project's own commands.
//!
//! Work happens beside the person, never on them. Trees are built in the
//! object database through an index of their own, commits from trees, and the
//! branch is moved by compare-and-swap, so that the person's checkout, index,
//! stash, HEAD and other branches stay byte for byte as they are. A linked
//! worktree, detached, is only the place where tests run; no commit is ever
//! made from what lies in it.
//!
//! Everything goes through the git program, one call at a time, with an
//! environment and options that keep hooks, prompts, pagers, garbage collection
//! and inherited `GIT_*` variables out.

/// The readme's example is run as those here are.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod attributes;
mod below;
mod clock;
mod edit;
mod error;
mod filling;
mod fitting;
mod git;
mod guard;
mod known;
mod linked;
mod listing;
mod login;
mod merging;
mod mirror;
mod objects;
mod offered;
mod place;
mod project;
mod refs;
mod remote;
mod repository;
mod salvage;
mod salvaged;
mod signing;
mod text;
mod updates;
mod workspace;

pub use error::Error;
pub use git::Git;
pub use guard::{Guard, Refusal};
pub use linked::Worktree;
pub use login::Login;
pub use mirror::RefMove;
pub use objects::{CommitId, CommitIntent, FileWrite, Mode, Person, TreeFile, TreeId};
pub use project::{
    Check, CheckKind, CommandOutcome, LockCommand, ProjectCommand, ProjectEnvironment,
    detect_checks, detect_setup, detect_test, is_lockfile, lock_commands, rerun,
    run_project_command, script_behind, setup_key, wanted_for_detection,
};
pub use repository::Repository;
pub use updates::{Merged, Replayed};
pub use workspace::{LeftOut, Snapshot, SnapshotLimits, WhyLeftOut, Workspace};
