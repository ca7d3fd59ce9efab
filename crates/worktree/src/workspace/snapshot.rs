//! What a program left in its workspace, as a tree beside the one that it began
//! from. Nothing that git keeps in there has a say: not the index, which may
//! promise that files are unchanged, not the config, the attributes or the
//! excludes, not where HEAD stands. What lies there is read, file by file, and
//! stored as it is, without filters and hooks.

use std::collections::BTreeSet;
use std::fmt;

use super::Workspace;
use crate::edit::Staged;
use crate::error::Error;
use crate::objects::TreeId;
use crate::place::not_ours;

/// What is left out is named up to this number.
const MOST_NAMED: usize = 100;

/// How much of a workspace is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotLimits {
    /// So many paths may be new; those after them, folder by folder from the
    /// top and by name, are left out.
    pub new_paths: usize,
    /// A new or changed file with more bytes is left out.
    pub file_bytes: u64,
    /// So many bytes may be new or changed together.
    pub all_bytes: u64,
    /// Paths that are read even if git would ignore them: those that the
    /// program was asked for.
    pub wanted: BTreeSet<String>,
}

/// What a workspace held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// In the person's repository, where no ref holds it. Equal to the
    /// workspace's own tree if nothing was changed.
    pub tree: TreeId,
    /// What was there and is not in the tree, the first hundred by path: of a
    /// path that the workspace began with, the tree holds what was there then.
    /// What git ignores is not among them.
    pub left_out: Vec<LeftOut>,
    /// How many more there were.
    pub more_left_out: usize,
}

/// Something that is not in the tree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    /// From the top of the workspace; what is not UTF-8 in it is replaced.
    pub path: String,
    /// Why.
    pub why: WhyLeftOut,
}

/// Why something is not in the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum WhyLeftOut {
    /// More than `new_paths` are new, or too many lie in one folder.
    TooMany,
    /// It has more than `file_bytes`, or all have more than `all_bytes`.
    TooLarge,
    /// Its folders lie too deep.
    TooDeep,
    /// A pipe, a socket, a device, or another file system.
    Special,
    /// It cannot be opened, also with its rights given back.
    Unreadable,
    /// It may be a file of another place, too.
    SecondName,
    /// A name that no change may have, such as one of git's own.
    Name,
    /// A repository's own folder; the files beside it are read.
    Repository,
    /// It lies where a submodule is, which stays as it is.
    Submodule,
}

impl fmt::Display for WhyLeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooMany => "one of too many new files",
            Self::TooLarge => "too large",
            Self::TooDeep => "too deep below",
            Self::Special => "no plain file",
            Self::Unreadable => "cannot be read",
            Self::SecondName => "has a second name elsewhere",
            Self::Name => "has a name that no change may have",
            Self::Repository => "a git directory",
            Self::Submodule => "lies where a submodule is",
        })
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", crate::text::one_line(&self.path), self.why)
    }
}

impl Workspace {
    /// What lies there now, as a tree: every file and link byte for byte, with
    /// its executable bit. Nobody may be working there any more; if somebody
    /// is, no file of another place is read nevertheless.
    ///
    /// Files that are new are left out where the rules of the tree that the
    /// workspace began with, or of the person's repository, ignore them,
    /// whatever a `.gitignore` says now; those of that tree and the `wanted`
    /// ones never are. What else is not read is named. Submodules stay as they
    /// are, and so do files of that tree whose names are not UTF-8.
    ///
    /// # Errors
    ///
    /// `NotOurs` if the folder is gone or another one, `Git`, `Io`,
    /// `Cancelled`.
    pub async fn snapshot(&self, limits: &SnapshotLimits) -> Result<Snapshot, Error> {
        if !self.path.symlink_metadata().is_ok_and(|facts| facts.is_dir()) {
            return Err(not_ours(&self.path, "the folder is gone"));
        }
        let scratch = self.repository.scratch()?;
        let listing = self.repository.listing(&self.tree).await?;
        let mut gathered = self.gather(&listing, limits, scratch.path()).await?;
        let gone = gathered.gone(&listing);
        let changed = self.store(&mut gathered, limits, scratch.path()).await?;
        let gone = gone.iter().map(|path| Staged { path, entry: None });
        let changed =
            changed.iter().map(|(path, entry)| Staged { path, entry: Some(entry.clone()) });
        let staged: Vec<Staged<'_>> = gone.chain(changed).collect();
        let onto = (&self.tree, &*listing);
        let tree = self.repository.staged_tree(scratch.path(), onto, &staged).await?;
        let (left_out, more_left_out) = gathered.named(MOST_NAMED);
        Ok(Snapshot { tree, left_out, more_left_out })
    }
}
