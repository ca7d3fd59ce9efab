//! The launcher's process inside: it restricts itself, so that the command and
//! all its children are restricted from their first instruction on.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use rustix::process::{Pid, setsid};

use super::channel::{Channel, Record};
use super::children::{Waited, Watch};
use super::keeper::{passed_on, pid};
use super::orders::Orders;
use super::rules::{Bounds, restrict};
use super::{Error, mounts, powers};

/// The status of an end that nobody waits for.
const RELEASED: i32 = 1;

/// Restricts this process and starts the command; in a process namespace also
/// waits for it: the exit status.
pub(super) fn launch(
    orders: &Orders,
    first: bool,
    own_mounts: bool,
    channel: &Channel,
) -> Result<i32, Error> {
    // Away from the person's terminal, where a test could ask for a password
    // and wait, or type.
    if let Err(error) = setsid() {
        tell(channel, [format!("the terminal can be reached: {error}")]);
    }
    confine(orders, first, own_mounts, channel);
    if !first {
        return Err(orders.become_command());
    }
    channel.tell(&Record::PidNamespace);
    let child = orders.command().spawn().map_err(|error| orders.start_error(error))?;
    let child = pid(child.id()).map_err(Error::Wait)?;
    wait(child, channel).map_err(Error::Wait)
}

fn wait(child: Pid, channel: &Channel) -> io::Result<i32> {
    let watch = Watch::new(channel)?;
    match watch.wait_for(child)? {
        // Whoever is left then ends with this process.
        Waited::Ended(status) => {
            watch.settle(child)?;
            Ok(passed_on(status, channel))
        }
        Waited::Released => Ok(RELEASED),
    }
}

fn confine(orders: &Orders, first: bool, own_mounts: bool, channel: &Channel) {
    make_missing(&orders.bounds.writable);
    let mut unreadable: Vec<PathBuf> = orders.bounds.unreadable.clone();
    unreadable.extend(raw_disks(Path::new("/dev")));
    let mut unreadable = resolved(&unreadable);
    let replaced: Vec<(PathBuf, PathBuf)> = orders
        .bounds
        .replaced
        .iter()
        .filter_map(|(target, with)| Some((target.canonicalize().ok()?, with.clone())))
        .collect();
    let uncovered = if own_mounts {
        // One that is both shows the replacement.
        unreadable.retain(|path| replaced.iter().all(|(target, _)| target != path));
        let mounted = mounts::arrange(&unreadable, &replaced, first);
        if mounted.mounts {
            channel.tell(&Record::MountNamespace);
        }
        if mounted.own_proc {
            channel.tell(&Record::OwnProc);
        }
        tell(channel, mounted.notes);
        mounted.as_they_were
    } else {
        let targets = replaced.iter().map(|(target, _)| target.clone());
        unreadable.iter().cloned().chain(targets).collect()
    };
    unreadable.extend(uncovered.iter().cloned());
    tell(channel, powers::give_up());
    if !orders.landlock {
        return tell(channel, ["Landlock is switched off".to_owned()]);
    }
    let bounds = Bounds {
        writable: &orders.bounds.writable,
        unreadable: &unreadable,
        uncovered: &uncovered,
    };
    let restricted = restrict(&bounds);
    if let Some(version) = restricted.version {
        channel.tell(&Record::Landlock(version));
    }
    tell(channel, restricted.notes);
}

/// The disks that this user may read past every file's path and permissions,
/// as root may.
fn raw_disks(devices: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(devices) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_block_device()))
        .map(|entry| entry.path())
        .filter(|path| access(path, Access::READ_OK).is_ok())
        .collect()
}

/// As they are reached without links, each once, and none beneath another.
/// What is not there cannot be read, nor what is out of this user's reach.
fn resolved(paths: &[PathBuf]) -> Vec<PathBuf> {
    let mut resolved: Vec<PathBuf> =
        paths.iter().filter_map(|path| path.canonicalize().ok()).collect();
    resolved.sort();
    // What is beneath a folder is sorted behind it.
    resolved.dedup_by(|path, before| path.starts_with(before));
    resolved
}

/// A cache that no tool has used so far. Only one step, so that a folder for a
/// tool that is not there is not made.
fn make_missing(writable: &[PathBuf]) {
    for path in writable {
        if !path.exists()
            && path.parent().is_some_and(Path::is_dir)
            && let Err(error) = fs::create_dir(path)
        {
            tracing::debug!(path = %path.display(), %error, "not made");
        }
    }
}

fn tell(channel: &Channel, notes: impl IntoIterator<Item = String>) {
    for note in notes.into_iter().take(super::channel::MOST_NOTES) {
        channel.tell(&Record::Note(note));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_resolved_and_none_is_beneath_another() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap();
        fs::create_dir_all(top.join("a/b/c")).unwrap();
        fs::create_dir(top.join("a-b")).unwrap();
        std::os::unix::fs::symlink("a/b", top.join("link")).unwrap();
        let paths = ["link", "a/b/c", "a-b", "a/b/../b", "none"].map(|name| top.join(name));
        assert_eq!(resolved(&paths), [top.join("a/b"), top.join("a-b")]);
        let nested = ["a/b", "a-b", "a"].map(|name| top.join(name));
        assert_eq!(resolved(&nested), [top.join("a"), top.join("a-b")]);
    }

    #[test]
    fn a_missing_folder_is_made_where_its_parent_stands() {
        let dir = tempfile::tempdir().unwrap();
        let paths = ["cache", "tool/cache"].map(|name| dir.path().join(name));
        make_missing(&paths);
        assert!(paths[0].is_dir() && !dir.path().join("tool").exists());
    }
}
