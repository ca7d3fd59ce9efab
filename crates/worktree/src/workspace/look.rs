//! Looking at files that somebody else wrote and may still be writing. No path
//! is ever opened as a whole: each folder is opened from the one above it,
//! never through a link, what is read is what was looked at, and what is no
//! plain file is not opened.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, fchmod, fstat, openat, readlinkat, statat,
};
use rustix::io::Errno;

use super::snapshot::WhyLeftOut;
use crate::below::folder;

/// What tells that a file was not touched since: nobody can set the time of a
/// change of its facts back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    file: [i128; 3],
    changed_at: [i128; 2],
}

impl Stamp {
    pub(super) fn of(facts: &Stat) -> Self {
        Self {
            file: [facts.st_ino.into(), facts.st_size.into(), facts.st_mode.into()],
            changed_at: [facts.st_ctime.into(), facts.st_ctime_nsec.into()],
        }
    }

    pub(super) fn is_before(&self, other: Self) -> bool {
        self.changed_at < other.changed_at
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Link,
    Folder,
    /// A pipe, a socket, a device, another file system.
    Special,
}

/// Something in a folder.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) path: Vec<u8>,
    pub(super) kind: Kind,
    pub(super) is_executable: bool,
    pub(super) size: u64,
    pub(super) stamp: Stamp,
}

/// What was seen in some folders.
#[derive(Debug, Default)]
pub(super) struct Level {
    pub(super) seen: Vec<Seen>,
    /// What could not be looked at, and folders not looked at to their end.
    pub(super) unlooked: Vec<(Vec<u8>, WhyLeftOut)>,
}

/// Looks at these folders below `top`, of which the empty path is the topmost
/// one, until `most` things were seen.
pub(super) fn level(top: &Path, folders: &[Vec<u8>], most: usize) -> io::Result<Level> {
    let top = open_forcibly(CWD, top.as_os_str())?;
    let device = fstat(&top)?.st_dev;
    let mut level = Level::default();
    for path in folders {
        let room = most.saturating_sub(level.seen.len());
        let found = open_below(&top, path)
            .map_err(io::Error::from)
            .and_then(|folder| Ok((names(&folder, room.saturating_add(1))?, folder)));
        let Ok((found, folder)) = found else {
            level.unlooked.push((path.clone(), WhyLeftOut::Unreadable));
            continue;
        };
        if found.len() > room {
            level.unlooked.push((path.clone(), WhyLeftOut::TooMany));
        }
        for name in found.into_iter().take(room) {
            let mut path = path.clone();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend(name.as_bytes());
            match statat(&folder, &name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(facts) => level.seen.push(seen(path, &facts, facts.st_dev == device)),
                Err(Errno::NOENT) => {}
                Err(_) => level.unlooked.push((path, WhyLeftOut::Unreadable)),
            }
        }
    }
    Ok(level)
}

fn seen(path: Vec<u8>, facts: &Stat, is_here: bool) -> Seen {
    let kind = match FileType::from_raw_mode(facts.st_mode) {
        FileType::RegularFile if is_here => Kind::File,
        FileType::Directory if is_here => Kind::Folder,
        FileType::Symlink => Kind::Link,
        _ => Kind::Special,
    };
    Seen {
        path,
        kind,
        is_executable: facts.st_mode & 0o100 != 0,
        size: u64::try_from(facts.st_size).unwrap_or_default(),
        stamp: Stamp::of(facts),
    }
}

/// How the file at this path looks.
pub(super) fn stamp(top: &OwnedFd, path: &str) -> io::Result<Stamp> {
    Ok(Stamp::of(&statat(top, path, AtFlags::SYMLINK_NOFOLLOW)?))
}

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Copied {
    pub(super) bytes: u64,
    /// It may be another place's file too.
    pub(super) has_second_name: bool,
}

/// Writes what the file holds, or where the link leads, to a file of ours;
/// more than `most` bytes are an answer, too.
pub(super) fn copy(
    top: &OwnedFd,
    path: &str,
    kind: Kind,
    most: u64,
    to: &Path,
) -> io::Result<Result<Copied, WhyLeftOut>> {
    let names: Vec<&str> = path.split('/').collect();
    let Some((name, above)) = names.split_last() else {
        return Ok(Err(WhyLeftOut::Unreadable));
    };
    let Ok(above) = open_below(top, above.join("/").as_bytes()) else {
        return Ok(Err(WhyLeftOut::Unreadable));
    };
    if kind == Kind::Link {
        let Ok(target) = readlinkat(&above, *name, Vec::new()) else {
            return Ok(Err(WhyLeftOut::Unreadable));
        };
        std::fs::write(to, target.as_bytes())?;
        let bytes = target.as_bytes().len() as u64;
        return Ok(Ok(Copied { bytes, has_second_name: false }));
    }
    let Ok(file) = open_file(&above, OsStr::new(name)).map(File::from) else {
        return Ok(Err(WhyLeftOut::Unreadable));
    };
    let Ok(facts) = file.metadata() else {
        return Ok(Err(WhyLeftOut::Unreadable));
    };
    if !facts.is_file() {
        return Ok(Err(WhyLeftOut::Special));
    }
    if facts.len() > most {
        return Ok(Err(WhyLeftOut::TooLarge));
    }
    // It may grow while it is read.
    let bytes = io::copy(&mut file.take(most.saturating_add(1)), &mut File::create(to)?)?;
    if bytes > most {
        return Ok(Err(WhyLeftOut::TooLarge));
    }
    Ok(Ok(Copied { bytes, has_second_name: facts.nlink() > 1 }))
}

/// The folder at a path below, through no link.
fn open_below(top: &OwnedFd, path: &[u8]) -> Result<OwnedFd, Errno> {
    let mut opened = openat(top, ".", OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())?;
    for name in path.split(|&byte| byte == b'/').filter(|name| !name.is_empty()) {
        opened = open_forcibly(&opened, OsStr::from_bytes(name))?;
    }
    Ok(opened)
}

fn open_file(above: &OwnedFd, name: &OsStr) -> Result<OwnedFd, Errno> {
    // A pipe would be waited for.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match openat(above, name, flags, Mode::empty()) {
        Err(Errno::ACCESS) => {
            allow(above, name, 0o400)?;
            openat(above, name, flags, Mode::empty())
        }
        opened => opened,
    }
}

/// Opens a folder that may be read and written from then on.
pub(super) fn open_forcibly(above: impl AsFd, name: &OsStr) -> Result<OwnedFd, Errno> {
    let opened = match folder(&above, name) {
        Err(Errno::ACCESS) => {
            allow(&above, name, 0o700)?;
            folder(&above, name)?
        }
        opened => opened?,
    };
    let mode = Mode::from_raw_mode(fstat(&opened)?.st_mode);
    if !mode.contains(Mode::RWXU) {
        // Of another user's the failure shows where it matters.
        let _ = fchmod(&opened, (mode & Mode::from_raw_mode(0o777)) | Mode::RWXU);
    }
    Ok(opened)
}

/// Gives the owner rights to a folder or file that cannot be opened, and never
/// to what a link leads to, or to what has a second name elsewhere.
#[cfg(target_os = "linux")]
fn allow(above: impl AsFd, name: &OsStr, rights: u32) -> Result<(), Errno> {
    use std::os::fd::AsRawFd;
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let found = openat(above, name, flags, Mode::empty())?;
    let facts = fstat(&found)?;
    if !is_here_alone(&facts) {
        return Err(Errno::ACCESS);
    }
    let way = format!("/proc/self/fd/{}", found.as_raw_fd());
    rustix::fs::chmod(way, Mode::from_raw_mode(facts.st_mode & 0o777 | rights))
}

#[cfg(not(target_os = "linux"))]
fn allow(above: impl AsFd, name: &OsStr, rights: u32) -> Result<(), Errno> {
    let facts = statat(&above, name, AtFlags::SYMLINK_NOFOLLOW)?;
    if !is_here_alone(&facts) {
        return Err(Errno::ACCESS);
    }
    let rights = Mode::from_raw_mode((facts.st_mode & 0o777) | rights as rustix::fs::RawMode);
    rustix::fs::chmodat(above, name, rights, AtFlags::SYMLINK_NOFOLLOW)
}

fn is_here_alone(facts: &Stat) -> bool {
    match FileType::from_raw_mode(facts.st_mode) {
        FileType::Directory => true,
        FileType::RegularFile => facts.st_nlink == 1,
        _ => false,
    }
}

/// The names in a folder, at most so many.
pub(super) fn names(folder: &OwnedFd, most: usize) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        if names.len() == most {
            break;
        }
        let name = entry?.file_name().to_bytes().to_vec();
        if name != b"." && name != b".." {
            names.push(OsString::from_vec(name));
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_folder_with_more_than_is_looked_at_is_named() {
        let dir = tempfile::tempdir().unwrap();
        for path in ["few/a", "many/b", "many/c", "none"] {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        std::os::unix::fs::symlink("few", dir.path().join("link")).unwrap();
        let folders = ["few", "many", "link", "none"].map(|path| path.as_bytes().to_vec());
        let level = level(dir.path(), &folders, 2).unwrap();
        assert_eq!(level.seen.len(), 2);
        assert_eq!(level.seen[0].path, b"few/a");
        let unlooked: Vec<(&[u8], WhyLeftOut)> =
            level.unlooked.iter().map(|(path, why)| (&path[..], *why)).collect();
        assert_eq!(
            unlooked,
            [
                (&b"many"[..], WhyLeftOut::TooMany),
                (b"link", WhyLeftOut::Unreadable),
                (b"none", WhyLeftOut::Unreadable)
            ]
        );
    }

    #[test]
    fn a_file_that_grew_or_became_a_device_is_not_copied() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("copy");
        fs::write(dir.path().join("grown"), "12345").unwrap();
        let top = open_forcibly(CWD, dir.path().as_os_str()).unwrap();
        let copied = |name, most| copy(&top, name, Kind::File, most, &to).unwrap();
        assert_eq!(copied("grown", 4), Err(WhyLeftOut::TooLarge));
        assert_eq!(copied("grown", 5), Ok(Copied { bytes: 5, has_second_name: false }));
        assert_eq!(copied("gone", 5), Err(WhyLeftOut::Unreadable));
        let devices = folder(CWD, OsStr::new("/dev")).unwrap();
        let copied = copy(&devices, "null", Kind::File, 5, &to).unwrap();
        assert_eq!(copied, Err(WhyLeftOut::Special));
    }
}
