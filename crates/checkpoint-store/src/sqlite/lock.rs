//! The operating-system lock behind a lease: `flock` on a file, which the
//! kernel frees when its process dies, however it dies. No stamp has to be
//! compared and no dead process has to be guessed at.
//!
//! The failure this prevents: a lease with a time limit is lost by a process
//! that was only slow, and kept by one that is long dead.
//!
//! A holder takes the lock exclusively and writes down who it is. Somebody
//! who only asks takes it shared for a moment; an acquirer tells the two
//! apart, so `status` never makes `run` fail.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::error::Error;
use crate::run::Holder;
use crate::sqlite::failure::During as _;

/// Between two looks at a lock that somebody is only asking about.
const PAUSE: Duration = Duration::from_millis(5);
/// How many looks before it counts as held.
const LOOKS: usize = 200;
/// A holder's note is a few dozen bytes; more is not a note.
const NOTE_BYTES: usize = 4096;

/// An exclusive lock on a file. Dropping it frees the lock and wipes the note.
#[derive(Debug)]
pub(crate) struct LockFile {
    file: File,
    path: PathBuf,
}

/// What taking a lock came to.
pub(crate) enum Taken {
    Ours(LockFile),
    Theirs(Holder),
}

impl LockFile {
    /// Takes the lock if no living process has it, and notes `holder` in it.
    pub(crate) fn take(path: &Path, holder: &Holder) -> Result<Taken, Error> {
        let mut held = false;
        for _ in 0..LOOKS {
            let file = open(path)?;
            if lock(&file, FlockOperation::NonBlockingLockExclusive)? {
                if !still_there(&file, path)? {
                    continue; // somebody swept the folder in between
                }
                let taken = Self { file, path: path.to_owned() };
                taken.note(holder)?;
                return Ok(Taken::Ours(taken));
            }
            held = !lock(&file, FlockOperation::NonBlockingLockShared)?;
            if held && let Some(holder) = read_note(&file)? {
                return Ok(Taken::Theirs(holder));
            }
            // Somebody is only asking, or just coming or going: let go, look again.
            drop(file);
            thread::sleep(PAUSE);
        }
        if held {
            return Ok(Taken::Theirs(unnamed(path)?));
        }
        Err(busy("taking the lock of a run"))
    }

    /// Takes the lock of a folder-wide step, waiting for whoever has it for
    /// at most `limit`.
    pub(crate) fn wait(path: &Path, limit: Duration) -> Result<Self, Error> {
        let looks = limit.as_millis() / PAUSE.as_millis();
        for _ in 0..=looks {
            let file = open(path)?;
            if lock(&file, FlockOperation::NonBlockingLockExclusive)? {
                return Ok(Self { file, path: path.to_owned() });
            }
            thread::sleep(PAUSE);
        }
        Err(busy("waiting to open the state"))
    }

    /// The living process that holds the lock, if any. Leaves no trace.
    pub(crate) fn holder(path: &Path) -> Result<Option<Holder>, Error> {
        for _ in 0..LOOKS {
            let file = match File::open(path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(Error::io("opening a lock file", &error)),
            };
            if lock(&file, FlockOperation::NonBlockingLockShared)? {
                return Ok(None);
            }
            if let Some(holder) = read_note(&file)? {
                return Ok(Some(holder));
            }
            thread::sleep(PAUSE);
        }
        unnamed(path).map(Some)
    }

    /// Frees the lock and removes its file. Only for a lock that nobody else
    /// can be waiting for: that of a run which was never made.
    pub(crate) fn discard(self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "an unused lock file stays");
        }
    }

    fn note(&self, holder: &Holder) -> Result<(), Error> {
        let text =
            serde_json::to_vec(holder).map_err(io::Error::from).during("writing a lock file")?;
        self.file
            .set_len(0)
            .and_then(|()| self.file.write_all_at(&text, 0))
            .during("writing a lock file")
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // A note that stays is harmless: it is read only under a live lock,
        // whose holder writes its own at once.
        if let Err(error) = self.file.set_len(0) {
            tracing::debug!(path = %self.path.display(), %error, "a lock file keeps its note");
        }
    }
}

/// `std` opens with CLOEXEC: a child that outlives us must not inherit the lock.
fn open(path: &Path) -> Result<File, Error> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .during("opening a lock file")
}

fn lock(file: &File, operation: FlockOperation) -> Result<bool, Error> {
    loop {
        match flock(file, operation) {
            Ok(()) => return Ok(true),
            Err(Errno::WOULDBLOCK) => return Ok(false),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(Error::io("locking a file", &errno.into())),
        }
    }
}

fn still_there(file: &File, path: &Path) -> Result<bool, Error> {
    let ours = file.metadata().during("looking at a lock file")?;
    match fs::metadata(path) {
        Ok(found) => Ok(found.ino() == ours.ino() && found.dev() == ours.dev()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io("looking at a lock file", &error)),
    }
}

/// The note of a lock that is held, unless its holder is just writing or
/// wiping it.
fn read_note(file: &File) -> Result<Option<Holder>, Error> {
    let mut buffer = [0; NOTE_BYTES];
    let length = file.read_at(&mut buffer, 0).during("reading a lock file")?;
    Ok(buffer.get(..length).and_then(|text| serde_json::from_slice(text).ok()))
}

/// A holder whose note cannot be read: held all the same, since the file was
/// last written.
fn unnamed(path: &Path) -> Result<Holder, Error> {
    let written_at =
        fs::metadata(path).and_then(|found| found.modified()).during("looking at a lock file")?;
    Ok(Holder {
        host: "an unnamed machine".to_owned(),
        pid: 0,
        since: Timestamp::try_from(written_at).unwrap_or(Timestamp::UNIX_EPOCH),
    })
}

fn busy(action: &'static str) -> Error {
    Error::io(action, &io::Error::from(io::ErrorKind::ResourceBusy))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(pid: u32) -> Holder {
        Holder { host: "here".into(), pid, since: jiff::Timestamp::UNIX_EPOCH }
    }

    fn take(path: &Path, pid: u32) -> Taken {
        LockFile::take(path, &holder(pid)).unwrap()
    }

    #[test]
    fn a_second_taker_is_told_who_has_it_until_it_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.lock");
        assert_eq!(LockFile::holder(&path).unwrap(), None);
        assert!(!path.exists(), "asking leaves no file");

        let Taken::Ours(first) = take(&path, 1) else {
            panic!("the lock was free");
        };
        assert!(matches!(take(&path, 2), Taken::Theirs(who) if who == holder(1)));
        assert_eq!(LockFile::holder(&path).unwrap(), Some(holder(1)));
        drop(first);
        assert_eq!(LockFile::holder(&path).unwrap(), None);
        assert!(matches!(take(&path, 2), Taken::Ours(_)));
    }

    /// Somebody asking for the status at the wrong moment must not make a run
    /// believe that another one is alive.
    #[test]
    fn one_who_only_asks_does_not_count_as_a_holder() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.lock");
        let asking = open(&path).unwrap();
        assert!(lock(&asking, FlockOperation::NonBlockingLockShared).unwrap());
        thread::scope(|scope| {
            let (begins, begun) = std::sync::mpsc::channel();
            let path = &path;
            let taker = scope.spawn(move || {
                begins.send(()).unwrap();
                take(path, 1)
            });
            begun.recv().unwrap();
            drop(asking);
            assert!(matches!(taker.join().unwrap(), Taken::Ours(_)));
        });
    }

    #[test]
    fn a_note_that_a_dead_process_left_is_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.lock");
        fs::write(&path, serde_json::to_vec(&holder(7)).unwrap()).unwrap();
        assert_eq!(LockFile::holder(&path).unwrap(), None);
        assert!(matches!(take(&path, 1), Taken::Ours(_)));
    }

    /// A lock is a lock, also of a release that writes its note differently.
    #[test]
    fn a_holder_with_an_unreadable_note_is_still_a_holder() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.lock");
        let Taken::Ours(held) = take(&path, 1) else {
            panic!("the lock was free");
        };
        fs::write(&path, "somebody").unwrap();
        assert_eq!(LockFile::holder(&path).unwrap().unwrap().pid, 0);
        assert!(matches!(take(&path, 2), Taken::Theirs(who) if who.pid == 0));
        drop(held);
    }

    #[test]
    fn waiting_for_the_opening_lock_ends() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("open.lock");
        let _held = LockFile::wait(&path, Duration::ZERO).unwrap();
        let second = LockFile::wait(&path, PAUSE * 2);
        assert!(matches!(second, Err(Error::Storage { class: crate::StorageClass::Busy, .. })));
    }
}
