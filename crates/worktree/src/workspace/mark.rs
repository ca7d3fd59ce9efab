//! The file beside a workspace that says that it is ours. Inside of it, the
//! program that works there could have taken it for its own.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use rustix::fs::lstat;
use serde::{Deserialize, Serialize};

use super::look::Stamp;
use crate::edit::utf8;
use crate::error::{Error, at};
use crate::objects::TreeId;
use crate::place::{beside, canonical};
use crate::repository::Repository;

/// What its name ends in, after that of the workspace.
const SUFFIX: &str = "-workspace";

/// What is written first, and becomes the file in one step.
const NEW: &str = "-workspace-new";

/// No mark of ours has more bytes.
const LONGEST: u64 = 16 * 1024;

/// More workspaces than this in one folder are not ours.
const MOST: usize = 10_000;

/// What the file says.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    /// The git directory of the repository whose objects it borrows.
    repository: String,
    /// What it was filled from; nothing while it is being made or removed.
    tree: Option<TreeId>,
}

/// What is found where a mark would be.
pub(super) enum Found {
    Mark(Mark),
    Nothing,
    /// A link, a folder, or a file that says something else.
    Unreadable,
}

impl Mark {
    pub(super) fn half_made(repository: &Repository) -> Result<Self, Error> {
        Ok(Self { repository: utf8(repository.git_dir())?.to_owned(), tree: None })
    }

    pub(super) fn whole(self, tree: &TreeId) -> Self {
        Self { tree: Some(tree.clone()), ..self }
    }

    pub(super) fn is_of(&self, repository: &Repository) -> bool {
        Path::new(&self.repository) == repository.git_dir()
    }

    /// Of a whole one; the file may have been written by the program that
    /// worked there, so that its name is looked at.
    pub(super) fn tree(&self) -> Option<TreeId> {
        TreeId::parse(self.tree.as_ref()?.as_str())
    }

    /// In one step for whoever reads it, and not durably, which would wait for
    /// all that was written to this disk: a workspace whose mark is lost with
    /// the power is moved aside by the next one. Returns how the file looks.
    pub(super) fn write(&self, path: &Path) -> Result<Stamp, Error> {
        let (file, new) = (file(path), beside(path, NEW));
        let text = serde_json::to_vec(self).map_err(|error| at(&new)(error.into()))?;
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(at(parent))?;
        }
        super::removal::remove(&new).map_err(at(&new))?;
        if file.symlink_metadata().is_ok_and(|facts| !facts.is_file()) {
            super::removal::remove(&file).map_err(at(&file))?;
        }
        File::create_new(&new).and_then(|mut file| file.write_all(&text)).map_err(at(&new))?;
        std::fs::rename(&new, &file).map_err(at(&file))?;
        let facts = lstat(&file).map_err(|error| at(&file)(error.into()))?;
        Ok(Stamp::of(&facts))
    }
}

/// Where the mark of a workspace is.
pub(super) fn file(path: &Path) -> PathBuf {
    beside(path, SUFFIX)
}

pub(super) fn read(path: &Path) -> Result<Found, Error> {
    let file = file(path);
    match file.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(at(file)(error)),
        Ok(facts) if !facts.is_file() || facts.len() > LONGEST => return Ok(Found::Unreadable),
        Ok(_) => {}
    }
    let mut text = Vec::new();
    let read = File::open(&file).and_then(|file| file.take(LONGEST).read_to_end(&mut text));
    Ok(match read.map(|_| serde_json::from_slice(&text)) {
        Ok(Ok(mark)) => Found::Mark(mark),
        _ => Found::Unreadable,
    })
}

/// The paths of all workspaces in a folder that have a mark beside them.
pub(super) fn marked(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    // A link would lead to somebody else's.
    let folder = &canonical(folder)?;
    match folder.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(at(folder)(error)),
        Ok(facts) if !facts.is_dir() => return Ok(Vec::new()),
        Ok(_) => {}
    }
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(at(folder))?.take(MOST) {
        let name = entry.map_err(at(folder))?.file_name();
        let name = name.to_str().and_then(|name| name.strip_suffix(SUFFIX));
        paths.extend(name.filter(|name| !name.is_empty()).map(|name| folder.join(name)));
    }
    paths.sort();
    Ok(paths)
}
