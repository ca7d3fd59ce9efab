//! Writing into a folder that others may change at the same moment. A command
//! that outlived its test can swap a folder for a link between any look and the
//! writing, and whoever writes by path then writes, or deletes, somewhere else.
//! So each folder is opened from the one above it, never through a link, and
//! whatever is done is done within an opened folder.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, mkdirat, openat, renameat, statat, unlinkat,
};
use rustix::io::Errno;

use crate::place::LINK;

/// An opened folder and all below it.
#[derive(Debug)]
pub(crate) struct Below(OwnedFd);

impl Below {
    /// The folder at this path, which itself is no link.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(folder(CWD, path.as_os_str())?))
    }

    /// Removes what is at a path below, with all that is in it; links are
    /// removed, not followed. Where nothing is, or where a link or a file
    /// stands on the way, there is nothing to remove. Folders that hold nothing
    /// afterwards go too.
    pub(crate) fn remove(&self, path: &[u8]) -> io::Result<()> {
        let path = path.strip_suffix(b"/").unwrap_or(path);
        let names: Vec<&OsStr> = path.split(|&byte| byte == b'/').map(OsStr::from_bytes).collect();
        let Some((last, above)) = names.split_last() else {
            return Ok(());
        };
        let mut opened = vec![self.0.try_clone()?];
        for name in above {
            match opened.last().map(|folder_above| folder(folder_above, name)) {
                Some(Ok(next)) => opened.push(next),
                Some(Err(error)) if !is_no_folder(error) => return Err(error.into()),
                _ => return Ok(()),
            }
        }
        if let Some(folder) = opened.last() {
            remove(folder, last)?;
        }
        for (above, name) in opened.iter().zip(above).rev() {
            if unlinkat(above, *name, AtFlags::REMOVEDIR).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Removes a folder below as far as there is nothing but folders in it, and
    /// git directories, which no list of git's shows.
    pub(crate) fn remove_empty(&self, path: &[u8]) -> io::Result<()> {
        let mut opened = self.0.try_clone()?;
        let path = path.strip_suffix(b"/").unwrap_or(path);
        let names: Vec<&OsStr> = path.split(|&byte| byte == b'/').map(OsStr::from_bytes).collect();
        let Some((last, above)) = names.split_last() else {
            return Ok(());
        };
        for name in above {
            match folder(&opened, name) {
                Ok(next) => opened = next,
                Err(error) if is_no_folder(error) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        remove_empty(&opened, last)
    }

    /// Moves everything of another folder in here: folders that are on both
    /// sides become one, anything else gives way to what comes.
    pub(crate) fn take(&self, other: &Self) -> io::Result<()> {
        take(&self.0, &other.0)
    }

    /// Makes a folder directly below, in the place of anything that is none.
    pub(crate) fn make_folder(&self, path: &str) -> io::Result<()> {
        let mut opened = self.0.try_clone()?;
        for name in path.split('/').map(OsStr::new) {
            opened = match folder(&opened, name) {
                Ok(next) => next,
                Err(error) if is_no_folder(error) => {
                    remove(&opened, name)?;
                    mkdirat(&opened, name, Mode::from_raw_mode(0o777))?;
                    folder(&opened, name)?
                }
                Err(error) => return Err(error.into()),
            };
        }
        Ok(())
    }

    /// Makes a file directly below that holds this, in the place of anything.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        remove(&self.0, OsStr::new(name))?;
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&self.0, name, flags, Mode::from_raw_mode(0o666))?;
        File::from(file).write_all(content)
    }
}

pub(crate) fn folder(above: impl AsFd, name: &OsStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(above, name, flags, Mode::empty())
}

/// Whether nothing is there, or a link or file.
fn is_no_folder(error: Errno) -> bool {
    matches!(error, Errno::NOENT | Errno::NOTDIR | Errno::LOOP)
}

fn remove(above: &OwnedFd, name: &OsStr) -> io::Result<()> {
    match unlinkat(above, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        // A folder, in the words of different systems.
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(error) => return Err(error.into()),
    }
    let inside = folder(above, name)?;
    for (name, _) in names(&inside)? {
        remove(&inside, &name)?;
    }
    Ok(unlinkat(above, name, AtFlags::REMOVEDIR)?)
}

fn remove_empty(above: &OwnedFd, name: &OsStr) -> io::Result<()> {
    let inside = match folder(above, name) {
        Ok(inside) => inside,
        Err(error) if is_no_folder(error) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    for (name, is_folder) in names(&inside)? {
        if name == LINK {
            remove(&inside, &name)?;
        } else if is_folder {
            remove_empty(&inside, &name)?;
        }
    }
    match unlinkat(above, name, AtFlags::REMOVEDIR) {
        Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOENT | Errno::NOTDIR) | Ok(()) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn take(to: &OwnedFd, from: &OwnedFd) -> io::Result<()> {
    for (name, is_folder) in names(from)? {
        if is_folder && let Ok(below) = folder(to, &name) {
            take(&below, &folder(from, &name)?)?;
            continue;
        }
        remove(to, &name)?;
        renameat(from, &name, to, &name)?;
    }
    Ok(())
}

/// What is in a folder, and whether each is a folder.
fn names(folder: &OwnedFd) -> io::Result<Vec<(std::ffi::OsString, bool)>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes()).to_owned();
        if name == "." || name == ".." {
            continue;
        }
        let facts = match statat(folder, &name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(facts) => facts,
            Err(Errno::NOENT) => continue,
            Err(error) => return Err(error.into()),
        };
        let is_folder = FileType::from_raw_mode(facts.st_mode) == FileType::Directory;
        names.push((name, is_folder));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn place() -> (tempfile::TempDir, std::path::PathBuf, Below) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("outside/kept")).unwrap();
        fs::write(dir.path().join("outside/kept/precious"), "x").unwrap();
        let top = dir.path().join("top");
        fs::create_dir(&top).unwrap();
        let below = Below::open(&top).unwrap();
        (dir, top, below)
    }

    fn is_kept(dir: &tempfile::TempDir) -> bool {
        fs::read_to_string(dir.path().join("outside/kept/precious")).is_ok_and(|text| text == "x")
            && fs::read_dir(dir.path().join("outside/kept")).unwrap().count() == 1
    }

    #[test]
    fn removing_goes_through_no_link_and_takes_empty_folders_along() {
        let (dir, top, below) = place();
        fs::create_dir_all(top.join("a/b/c")).unwrap();
        fs::write(top.join("a/b/c/file"), "").unwrap();
        fs::write(top.join("a/stays"), "").unwrap();
        symlink(dir.path().join("outside"), top.join("a/b/link")).unwrap();
        below.remove(b"a/b/link/kept/precious").unwrap();
        below.remove(b"a/stays/x").unwrap();
        below.remove(b"missing/x").unwrap();
        assert!(is_kept(&dir));
        below.remove(b"a/b/c/file").unwrap();
        assert!(!top.join("a/b/c").exists() && top.join("a/b").exists());
        below.remove(b"a/b/").unwrap();
        assert!(!top.join("a/b").exists() && top.join("a/stays").exists());
        assert!(is_kept(&dir));
    }

    #[test]
    fn only_what_holds_no_file_is_removed_as_empty() {
        let (dir, top, below) = place();
        fs::create_dir_all(top.join("a/b/c/.git/objects")).unwrap();
        fs::write(top.join("a/b/c/.git/HEAD"), "").unwrap();
        fs::create_dir_all(top.join("a/d")).unwrap();
        fs::write(top.join("a/d/file"), "").unwrap();
        symlink(dir.path().join("outside"), top.join("link")).unwrap();
        below.remove_empty(b"a/").unwrap();
        below.remove_empty(b"link/kept").unwrap();
        below.remove_empty(b"link").unwrap();
        assert!(!top.join("a/b").exists() && top.join("a/d/file").exists());
        assert!(top.join("link").symlink_metadata().is_ok() && is_kept(&dir));
    }

    #[test]
    fn what_comes_takes_the_place_of_links_and_of_other_kinds() {
        let (dir, top, below) = place();
        let from = dir.path().join("from");
        fs::create_dir_all(from.join("kept")).unwrap();
        fs::create_dir_all(from.join("both")).unwrap();
        fs::write(from.join("kept/precious"), "new").unwrap();
        fs::write(from.join("both/new"), "new").unwrap();
        fs::write(from.join("file"), "new").unwrap();
        symlink("new", from.join("link")).unwrap();
        symlink(dir.path().join("outside/kept"), top.join("kept")).unwrap();
        fs::create_dir_all(top.join("both")).unwrap();
        fs::write(top.join("both/old"), "old").unwrap();
        fs::create_dir_all(top.join("file/deep")).unwrap();
        symlink(dir.path().join("outside/kept/precious"), top.join("link")).unwrap();
        below.take(&Below::open(&from).unwrap()).unwrap();
        assert!(is_kept(&dir));
        assert_eq!(fs::read_to_string(top.join("kept/precious")).unwrap(), "new");
        assert!(top.join("both/old").exists() && top.join("both/new").exists());
        assert_eq!(fs::read_to_string(top.join("file")).unwrap(), "new");
        assert_eq!(top.join("link").read_link().unwrap(), Path::new("new"));
    }

    #[test]
    fn files_and_folders_are_made_in_the_place_of_links() {
        let (dir, top, below) = place();
        symlink(dir.path().join("outside/kept/precious"), top.join(".git")).unwrap();
        symlink(dir.path().join("outside/kept"), top.join("sub")).unwrap();
        below.write(".git", b"new").unwrap();
        below.make_folder("sub/deep").unwrap();
        below.make_folder("sub/deep").unwrap();
        assert_eq!(fs::read_to_string(top.join(".git")).unwrap(), "new");
        assert!(top.join("sub/deep").is_dir() && is_kept(&dir));
        assert!(Below::open(&top.join("missing")).is_err());
        symlink(&top, dir.path().join("alias")).unwrap();
        assert!(Below::open(&dir.path().join("alias")).is_err());
    }
}
