//! Removing what a program left, which may not want to be removed: folders
//! that nobody may read or write, and folders within folders until no path and
//! no number of open files reaches the last. Links are removed, not followed.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, renameat, unlinkat};
use rustix::io::Errno;

use super::look::{names, open_forcibly};

/// A folder this far below the topmost is moved up before it is gone into.
const DEEPEST: usize = 100;

/// Names of one folder held at once.
const MOST_NAMES: usize = 10_000;

/// So often is begun anew, with what was moved up or came in the meantime.
const ROUNDS: usize = 10_000;

/// Removes a folder with all in it, a file or a link; nothing there is fine.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match unlinkat(CWD, path, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
        // A folder, in the words of different systems.
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(error) => return Err(error.into()),
    }
    let top = open_forcibly(CWD, path.as_os_str())?;
    let mut removal = Removal { top, moved: 0 };
    for _ in 0..ROUNDS {
        let found = names(&removal.top, MOST_NAMES)?;
        if found.is_empty() {
            break;
        }
        for name in found {
            let above = removal.top.try_clone()?;
            removal.remove_below(&above, &name, 0)?;
        }
    }
    Ok(unlinkat(CWD, path, AtFlags::REMOVEDIR)?)
}

struct Removal {
    top: OwnedFd,
    /// How many folders were moved up.
    moved: usize,
}

impl Removal {
    fn remove_below(&mut self, above: &OwnedFd, name: &OsStr, depth: usize) -> io::Result<()> {
        match unlinkat(above, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => return Ok(()),
            Err(Errno::ISDIR | Errno::PERM) => {}
            Err(error) => return Err(error.into()),
        }
        // Forcibly also what is only moved, which writes to the folder itself.
        let inside = open_forcibly(above, name)?;
        if depth == DEEPEST {
            return self.move_up(above, name);
        }
        loop {
            let found = names(&inside, MOST_NAMES)?;
            for name in &found {
                self.remove_below(&inside, name, depth + 1)?;
            }
            if found.len() < MOST_NAMES {
                break;
            }
        }
        match unlinkat(above, name, AtFlags::REMOVEDIR) {
            // Somebody still writes there: the next round sees it.
            Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn move_up(&mut self, above: &OwnedFd, name: &OsStr) -> io::Result<()> {
        loop {
            self.moved += 1;
            let free = format!(".belay-moved-{}", self.moved);
            match renameat(above, name, &self.top, free.as_str()) {
                // The name is taken.
                Err(Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR | Errno::ISDIR)
                    if self.moved < ROUNDS => {}
                done => return Ok(done?),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use rustix::fs::{Mode, OFlags, mkdirat, openat};

    use super::*;

    #[test]
    fn what_nobody_may_read_or_write_goes_and_what_a_link_leads_to_stays() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().join("top");
        fs::create_dir_all(top.join("closed/inner")).unwrap();
        fs::write(top.join("closed/inner/file"), "x").unwrap();
        fs::write(dir.path().join("precious"), "x").unwrap();
        symlink(dir.path(), top.join("closed/link")).unwrap();
        for path in [top.join("closed/inner"), top.join("closed"), top.clone()] {
            fs::set_permissions(path, PermissionsExt::from_mode(0o000)).unwrap();
        }
        remove(&top).unwrap();
        remove(&top).unwrap();
        assert!(top.symlink_metadata().is_err());
        assert_eq!(fs::read_to_string(dir.path().join("precious")).unwrap(), "x");
        symlink(dir.path(), &top).unwrap();
        remove(&top).unwrap();
        assert!(dir.path().join("precious").exists() && top.symlink_metadata().is_err());
    }

    #[test]
    fn folders_go_however_deep_they_lie() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().join("top");
        fs::create_dir_all(top.join(".belay-moved-1/taken")).unwrap();
        fs::write(top.join(".belay-moved-2"), "taken").unwrap();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let mut folder = openat(CWD, &top, flags, Mode::empty()).unwrap();
        for _ in 0..1500 {
            mkdirat(&folder, "deeper", Mode::from_raw_mode(0o755)).unwrap();
            folder = openat(&folder, "deeper", flags, Mode::empty()).unwrap();
        }
        remove(&top).unwrap();
        assert!(top.symlink_metadata().is_err());
    }
}
