//! Reading files that a command may have changed. A command can put a link, a
//! pipe or a device in a file's place at any moment, also between a check and
//! the reading, so no path is ever opened as a whole: each folder is opened
//! from the one above it, never through a link, and what is read is what was
//! looked at.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;

use crate::error::{Error, at};
use crate::guard::Refusal;
use crate::linked::Worktree;

impl Worktree {
    /// These files as they lie in the worktree now, after a command. `None` for
    /// what is not there, is no plain file (a link, a folder, a pipe), cannot
    /// be read, is reached through a link, has a second name, so that it may be
    /// another place's file, or has more than `max_file_bytes`.
    ///
    /// # Errors
    ///
    /// `Refused` for a path that does not lie inside, `Io` if the worktree's
    /// folder itself cannot be opened.
    pub async fn contents(
        &self,
        paths: &[String],
        max_file_bytes: u64,
    ) -> Result<BTreeMap<String, Option<Vec<u8>>>, Error> {
        let top = self.path().to_owned();
        let paths = paths.to_vec();
        let all = tokio::task::spawn_blocking(move || read_all(&top, &paths, max_file_bytes));
        all.await.map_err(|error| at(self.path())(std::io::Error::other(error)))?
    }
}

fn read_all(
    top: &Path,
    paths: &[String],
    max_bytes: u64,
) -> Result<BTreeMap<String, Option<Vec<u8>>>, Error> {
    let folder = open_folder(CWD, top).map_err(|error| at(top)(error.into()))?;
    let mut contents = BTreeMap::new();
    for path in paths {
        check_inside(path)?;
        contents.insert(path.clone(), read(&folder, path, max_bytes));
    }
    Ok(contents)
}

/// A file below a folder, under the same rules as the worktree's; for places
/// that a hook may write to.
pub(super) fn read_below(folder: &Path, name: &str, max_bytes: u64) -> Option<Vec<u8>> {
    let folder = open_folder(CWD, folder).ok()?;
    read(&folder, name, max_bytes)
}

fn check_inside(path: &str) -> Result<(), Refusal> {
    let is_name = |name: &str| !matches!(name, "" | "." | "..") && !name.contains('\0');
    if path.split('/').all(is_name) {
        return Ok(());
    }
    Err(Refusal::new(path, "is not a path inside the worktree"))
}

fn read(top: &OwnedFd, path: &str, max_bytes: u64) -> Option<Vec<u8>> {
    let found = open(top, path).and_then(|file| read_whole(file, max_bytes));
    match found {
        Ok(content) => content,
        Err(error) => {
            tracing::debug!(%error, path, "a file of the worktree is not read");
            None
        }
    }
}

fn open(top: &OwnedFd, path: &str) -> std::io::Result<File> {
    let mut names = path.split('/');
    let name = names.next_back().unwrap_or(path);
    let mut folder = top.try_clone()?;
    for name in names {
        folder = open_folder(&folder, Path::new(name))?;
    }
    // A pipe would be waited for.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(File::from(openat(&folder, name, flags, Mode::empty())?))
}

fn open_folder(from: impl std::os::fd::AsFd, path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(from, path, flags, Mode::empty())
}

fn read_whole(file: File, max_bytes: u64) -> std::io::Result<Option<Vec<u8>>> {
    let facts = file.metadata()?;
    if !facts.is_file() || facts.nlink() > 1 || facts.len() > max_bytes {
        return Ok(None);
    }
    let mut content = Vec::new();
    // It may grow while it is read.
    file.take(max_bytes.saturating_add(1)).read_to_end(&mut content)?;
    Ok((content.len() as u64 <= max_bytes).then_some(content))
}
