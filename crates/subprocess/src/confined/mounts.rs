//! Files that look otherwise to the command: keys are covered by something
//! empty, and some files show another content. What is mounted here cannot be
//! unmounted by the command, which has no right to, and is gone with it.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, mount_remount, unmount};

use super::namespaces;

/// Where the covers lie until a fresh `/proc` stands here.
const PLACE: &str = "/proc";
const EMPTY_FOLDER: &str = "/proc/folder";
const EMPTY_FILE: &str = "/proc/file";

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Mounted {
    pub(super) mounts: bool,
    pub(super) own_proc: bool,
    /// Of the paths to be covered and the targets to be replaced, those that
    /// are as they were.
    pub(super) as_they_were: Vec<PathBuf>,
    pub(super) notes: Vec<String>,
}

/// Covers and replaces these, all of them resolved paths, and mounts `/proc`.
/// `pid`: this process is the first of its namespace.
pub(super) fn arrange(hidden: &[PathBuf], replaced: &[(PathBuf, PathBuf)], pid: bool) -> Mounted {
    let mut mounted = Mounted::default();
    if let Err(error) = namespaces::own_mounts() {
        mounted.notes.push(format!("nothing can be mounted: {error}"));
        mounted.as_they_were.extend(hidden.iter().cloned());
        mounted.as_they_were.extend(replaced.iter().map(|(target, _)| target.clone()));
        return mounted;
    }
    mounted.mounts = true;
    for (target, replacement) in replaced {
        if let Err(error) = show(replacement, target) {
            mounted.as_they_were.push(target.clone());
            let (target, replacement) = (target.display(), replacement.display());
            mounted.notes.push(format!("{target} cannot show {replacement}: {error}"));
        }
    }
    if !hidden.is_empty() {
        mounted.cover(hidden);
    }
    if pid {
        let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        match mount("proc", "/proc", "proc", flags, None) {
            Ok(()) => mounted.own_proc = true,
            Err(error) => mounted.notes.push(format!("/proc cannot be mounted: {error}")),
        }
    }
    mounted
}

impl Mounted {
    fn cover(&mut self, hidden: &[PathBuf]) {
        if let Err(error) = make_covers() {
            self.notes.push(format!("nothing can be covered: {error}"));
            self.as_they_were.extend(hidden.iter().cloned());
            return;
        }
        for path in hidden {
            let cover = if path.is_dir() { EMPTY_FOLDER } else { EMPTY_FILE };
            if let Err(error) = mount_bind(cover, path) {
                self.notes.push(format!("{} cannot be covered: {error}", path.display()));
                self.as_they_were.push(path.clone());
            }
        }
        // The covers stay where they are bound to.
        if let Err(error) = unmount(PLACE, UnmountFlags::DETACH) {
            self.notes.push(format!("{PLACE} shows nothing: {error}"));
        }
    }
}

/// In a file system of its own that cannot be written, so that a covered file
/// neither holds nor takes anything.
fn make_covers() -> io::Result<()> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("tmpfs", PLACE, "tmpfs", flags, None)?;
    let made = DirBuilder::new().mode(0o555).create(EMPTY_FOLDER).and_then(|()| {
        OpenOptions::new().write(true).create_new(true).mode(0o000).open(EMPTY_FILE)?;
        Ok(mount_remount(PLACE, flags | MountFlags::RDONLY, "")?)
    });
    if made.is_err() {
        unmount(PLACE, UnmountFlags::DETACH)?;
    }
    made
}

/// Read-only: what is written there must not change the replacement. Where the
/// system does not let that be, the showing counts.
fn show(replacement: &Path, target: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(replacement)?.is_file() {
        return Err(io::Error::other("the replacement is not a file"));
    }
    mount_bind(replacement, target)?;
    if let Err(error) = mount_remount(target, MountFlags::BIND | MountFlags::RDONLY, "") {
        tracing::debug!(%error, "a replaced file can be written");
    }
    Ok(())
}
