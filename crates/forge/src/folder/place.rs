//! The folder `TOP/.belay/issues` as open directories, so that every file in
//! it is reached without following a symbolic link.
//!
//! The failure this prevents: a repository that brings its own `.belay`, a
//! link to somewhere else, has issues written over a person's files there.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::{AtFlags, Dir, FlockOperation, Mode, OFlags};
use rustix::fs::{flock, fsync, mkdirat, openat, renameat, unlinkat};
use rustix::io::Errno;

use crate::error::{During as _, Error};

/// The folder's path from the top, as it stands in an issue's address.
pub(super) const FOLDER: &str = ".belay/issues";
/// The largest issue file, in bytes.
pub(super) const MAX_FILE_BYTES: usize = 1024 * 1024;

const LAST_NUMBER: &str = ".last-number";
const LOCK: &str = ".lock";
const TEMPORARY: &str = ".writing.tmp";
const PAUSE: Duration = Duration::from_millis(5);
/// Looks at the lock, a pause apart: ten seconds.
const LOOKS: usize = 2000;

/// The folder of issues, opened.
pub(super) struct Place {
    issues: OwnedFd,
}

/// Held while an issue is made or changed. Dropping it frees the folder.
pub(super) struct Lock {
    _file: OwnedFd,
}

impl Place {
    /// The folder, if it is there.
    pub(super) fn find(top: &Path) -> Result<Option<Self>, Error> {
        let top_dir = open_top(top)?;
        let Some(belay) = open_folder(&top_dir, ".belay", top)? else {
            return Ok(None);
        };
        let issues = open_folder(&belay, "issues", &top.join(".belay"))?;
        Ok(issues.map(|issues| Self { issues }))
    }

    /// The folder, made if it is not there, with a `.gitignore` beside it that
    /// keeps all of it out of the repository.
    pub(super) fn make(top: &Path) -> Result<Self, Error> {
        let top_dir = open_top(top)?;
        let belay = make_folder(&top_dir, ".belay", top)?;
        ignore_itself(&belay)?;
        let issues = make_folder(&belay, "issues", &top.join(".belay"))?;
        Ok(Self { issues })
    }

    /// Waits until nobody else writes here.
    pub(super) fn lock(&self) -> Result<Lock, Error> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&self.issues, LOCK, flags, Mode::from(0o600))
            .during("opening the lock of the issues")?;
        for _ in 0..LOOKS {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Lock { _file: file }),
                Err(Errno::WOULDBLOCK | Errno::INTR) => thread::sleep(PAUSE),
                Err(errno) => return Err(errno).during("locking the issues"),
            }
        }
        Err(Error::Busy)
    }

    /// The names of the issue files with their numbers, in order.
    pub(super) fn names(&self) -> Result<Vec<(u64, String)>, Error> {
        let action = "listing the issues";
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.issues).during(action)? {
            let entry = entry.during(action)?;
            if let Ok(name) = entry.file_name().to_str()
                && let Some(number) = number_of(name)
            {
                names.push((number, name.to_owned()));
            }
        }
        names.sort();
        Ok(names)
    }

    /// The text of an issue file; `None` if it is not there.
    pub(super) fn read(&self, name: &str) -> Result<Option<String>, Error> {
        let damaged =
            |why: &str| Error::Damaged { file: format!("{FOLDER}/{name}"), why: why.to_owned() };
        // NONBLOCK: opening a pipe that somebody left here must not hang.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(&self.issues, name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP | Errno::MLINK) => return Err(damaged("it is a symbolic link")),
            Err(errno) => return Err(errno).during("opening an issue"),
        };
        if !file.metadata().during("looking at an issue")?.is_file() {
            return Err(damaged("it is not a file"));
        }
        let mut bytes = Vec::new();
        file.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut bytes).during("reading an issue")?;
        if bytes.len() > MAX_FILE_BYTES {
            return Err(damaged("it is larger than 1 MiB"));
        }
        let text = String::from_utf8(bytes).map_err(|_| damaged("it is not UTF-8"))?;
        Ok(Some(text))
    }

    /// Writes a file whole: a reader sees the old text or the new one, and so
    /// does whoever comes after a crash. Call it with the lock held.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<(), Error> {
        let action = "writing an issue";
        match unlinkat(&self.issues, TEMPORARY, AtFlags::empty()) {
            Ok(()) => tracing::debug!("swept what a killed writer left"),
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno).during(action),
        }
        let mut file = create_new(&self.issues, TEMPORARY).during(action)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).during(action)?;
        renameat(&self.issues, TEMPORARY, &self.issues, name).during(action)?;
        fsync(&self.issues).during(action)
    }

    /// A number above every number that was ever given here, noted before it
    /// is used: deleting the newest issue does not free its number.
    pub(super) fn next_number(&self, names: &[(u64, String)]) -> Result<u64, Error> {
        let noted = self.read(LAST_NUMBER)?.unwrap_or_default();
        let noted: u64 = noted.trim().parse().unwrap_or_default();
        let highest = names.last().map_or(0, |(number, _)| *number);
        let next = noted.max(highest).saturating_add(1);
        self.write(LAST_NUMBER, &format!("{next}\n"))?;
        Ok(next)
    }
}

/// The number an issue file's name begins with: `0001-slug.md`, `0001.md`.
pub(super) fn number_of(name: &str) -> Option<u64> {
    let stem = name.strip_suffix(".md")?;
    let (digits, _) = stem.split_once('-').unwrap_or((stem, ""));
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    // Two thirds of the range: room to count on from whatever a person wrote.
    let number = digits.parse().ok().filter(|n| *n < u64::MAX / 3 * 2);
    number.filter(|_| plain)
}

fn open_top(top: &Path) -> Result<OwnedFd, Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(top, flags, Mode::empty()).during("opening the top of the repository")
}

fn open_folder(parent: &OwnedFd, name: &str, parent_path: &Path) -> Result<Option<OwnedFd>, Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat(parent, name, flags, Mode::empty()) {
        Ok(folder) => Ok(Some(folder)),
        Err(Errno::NOENT) => Ok(None),
        Err(Errno::LOOP | Errno::MLINK | Errno::NOTDIR) => {
            Err(Error::Refused { path: PathBuf::from(parent_path).join(name) })
        }
        Err(errno) => Err(errno).during("opening the folder of issues"),
    }
}

fn make_folder(parent: &OwnedFd, name: &str, parent_path: &Path) -> Result<OwnedFd, Error> {
    let action = "making the folder of issues";
    if let Some(folder) = open_folder(parent, name, parent_path)? {
        return Ok(folder);
    }
    match mkdirat(parent, name, Mode::from(0o755)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno).during(action),
    }
    fsync(parent).during(action)?;
    open_folder(parent, name, parent_path)?
        .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
        .during(action)
}

/// Written straight to its place. An empty one is what a killed process left
/// between making and writing it: without its line a person would find all of
/// the folder in their `git status`.
fn ignore_itself(belay: &OwnedFd) -> Result<(), Error> {
    let action = "writing .belay/.gitignore";
    let file = match create_new(belay, ".gitignore") {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => left_empty(belay)?,
        made => Some(made.during(action)?),
    };
    let Some(mut file) = file else { return Ok(()) };
    file.write_all(b"*\n").and_then(|()| file.sync_all()).during(action)
}

/// The `.gitignore` that stands there, if it is a file that holds nothing.
fn left_empty(belay: &OwnedFd) -> Result<Option<File>, Error> {
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    // Whatever cannot be written, a link for one, is a person's own.
    let Ok(file) = openat(belay, ".gitignore", flags, Mode::empty()).map(File::from) else {
        return Ok(None);
    };
    let facts = file.metadata().during("looking at .belay/.gitignore")?;
    Ok((facts.is_file() && facts.len() == 0).then_some(file))
}

fn create_new(folder: &OwnedFd, name: &str) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(folder.as_fd(), name, flags, Mode::from(0o644))?;
    Ok(File::from(file))
}
