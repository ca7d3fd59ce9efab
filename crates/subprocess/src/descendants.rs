//! Which processes descend from a child, as far as the system tells. A child
//! may start others in a session of their own, which a signal to its process
//! group never reaches; they would live on for hours, one more at every run.
//!
//! Best effort by nature: a process whose parents have all died before it was
//! seen is nobody's descendant any more, unless it still holds a pipe of ours.
//! Linux only; elsewhere the list stays empty and the process group is all
//! there is.

use rustix::process::{Pid, Signal};

#[cfg(target_os = "linux")]
pub(crate) use linux::Descendants;
#[cfg(not(target_os = "linux"))]
pub(crate) use portable::Descendants;

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};

    use super::{Pid, Signal};

    /// More than this many at once is a fork bomb, and following all of it
    /// would only help it along.
    const MOST: usize = 4096;

    /// The descendants seen so far that are still alive.
    #[derive(Debug)]
    pub(crate) struct Descendants {
        root: i32,
        /// Process id to start time: an id alone may mean another process by
        /// the time it is signalled.
        known: BTreeMap<i32, u64>,
    }

    impl Descendants {
        pub(crate) fn of(root: Pid) -> Self {
            Self { root: root.as_raw_nonzero().get(), known: BTreeMap::new() }
        }

        /// Walks the tree again, below the root and below every process known
        /// from before (whose own parent may have died since). True if it
        /// found a process that was not known.
        pub(crate) fn observe(&mut self) -> bool {
            self.known.retain(|&pid, started| start_time(pid) == Some(*started));
            let mut open: Vec<i32> = self.known.keys().copied().collect();
            open.push(self.root);
            let mut found = false;
            while let Some(parent) = open.pop() {
                for child in children(parent) {
                    if self.known.len() >= MOST {
                        return found;
                    }
                    if self.known.contains_key(&child) {
                        continue;
                    }
                    if let Some(started) = start_time(child) {
                        self.known.insert(child, started);
                        open.push(child);
                        found = true;
                    }
                }
            }
            found
        }

        /// Adds every process that could still write to one of these pipes
        /// (inode numbers): only the child can have handed them on. Our own
        /// ends, and copies of them in a process of ours that is just being
        /// started, are for reading and do not count.
        pub(crate) fn claim_writers(&mut self, pipes: &[u64]) {
            let Ok(processes) = fs::read_dir("/proc") else {
                return;
            };
            for process in processes.flatten() {
                let name = process.file_name();
                let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
                    continue;
                };
                if pid > 1
                    && self.known.len() < MOST
                    && writes_to(pid, pipes)
                    && let Some(started) = start_time(pid)
                {
                    self.known.insert(pid, started);
                }
            }
        }

        /// Sends the signal to every known descendant. A process that has
        /// ended meanwhile, or belongs to another user now, is passed over:
        /// nothing can be done about either.
        pub(crate) fn signal(&self, signal: Signal) {
            for (&pid, &started) in &self.known {
                let Some(id) = Pid::from_raw(pid) else {
                    continue;
                };
                let Ok(handle) = pidfd_open(id, PidfdFlags::empty()) else {
                    continue;
                };
                // Read after the handle is open: from here on the handle means
                // the process whose start time this is, whatever becomes of
                // its number.
                if start_time(pid) == Some(started)
                    && let Err(error) = pidfd_send_signal(&handle, signal)
                {
                    tracing::debug!(pid, %error, "descendant not signalled");
                }
            }
        }
    }

    fn children(pid: i32) -> Vec<i32> {
        let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
            return Vec::new();
        };
        threads
            .flatten()
            .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok())
            .flat_map(|list| {
                list.split_ascii_whitespace()
                    .filter_map(|child| child.parse().ok())
                    .collect::<Vec<i32>>()
            })
            .collect()
    }

    /// Another user's processes cannot be looked into, nor signalled.
    fn writes_to(pid: i32, pipes: &[u64]) -> bool {
        let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else {
            return false;
        };
        files.flatten().any(|file| {
            let path = file.path();
            // The link's own permissions are those the file was opened with.
            let writable =
                path.symlink_metadata().is_ok_and(|link| link.permissions().mode() & 0o200 != 0);
            writable
                && path.metadata().is_ok_and(|pipe| {
                    pipe.mode() & 0o170_000 == 0o010_000 && pipes.contains(&pipe.ino())
                })
        })
    }

    /// Field 22 of the stat line; the name in field 2 may itself hold spaces
    /// and parentheses, so counting starts after the last closing one. A
    /// zombie has no start time here: there is nothing left to signal.
    fn start_time(pid: i32) -> Option<u64> {
        let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
        let stat = String::from_utf8_lossy(&stat);
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_ascii_whitespace();
        if fields.next()? == "Z" {
            return None;
        }
        fields.nth(18)?.parse().ok()
    }
}

#[cfg(not(target_os = "linux"))]
mod portable {
    use super::{Pid, Signal};

    /// Nothing is known about descendants on this system.
    #[derive(Debug)]
    pub(crate) struct Descendants;

    impl Descendants {
        pub(crate) fn of(_root: Pid) -> Self {
            Self
        }

        pub(crate) fn observe(&mut self) -> bool {
            false
        }

        pub(crate) fn claim_writers(&mut self, _pipes: &[u64]) {}

        pub(crate) fn signal(&self, _signal: Signal) {}
    }
}
