//! Which processes descend from a child, as far as the system tells. A child
//! may start others in a session of their own, which a signal to its process
//! group never reaches; they would live on for hours, one more at every run.
//!
//! Best effort by nature: a process whose parents have all died before it was
//! seen is nobody's descendant any more, unless it still holds a pipe of ours
//! or falls to this process: see `adopted`. Linux only; elsewhere the list
//! stays empty and the process group is all there is.

use rustix::process::{Pid, Signal};

#[cfg(target_os = "linux")]
pub(crate) use linux::Descendants;
#[cfg(not(target_os = "linux"))]
pub(crate) use portable::Descendants;

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};

    use super::{Pid, Signal};
    use crate::processes::{self, children, started};

    /// More than this many at once is a fork bomb, and following all of it
    /// would only help it along.
    const MOST: usize = 4096;

    /// The descendants seen so far that are still alive.
    #[derive(Debug, Default)]
    pub(crate) struct Descendants {
        /// Not one of them itself.
        root: Option<i32>,
        /// Process id to start time: an id alone may mean another process by
        /// the time it is signalled.
        known: BTreeMap<i32, u64>,
    }

    impl Descendants {
        pub(crate) fn of(root: Pid) -> Self {
            Self { root: Some(root.as_raw_nonzero().get()), known: BTreeMap::new() }
        }

        /// Walks the tree again, below the root and below every process known
        /// from before (whose own parent may have died since). True if it
        /// found a process that was not known.
        pub(crate) fn observe(&mut self) -> bool {
            if !processes::are_ours() {
                return false;
            }
            self.known.retain(|&pid, at| started(pid) == Some(*at));
            let mut open: Vec<i32> = self.known.keys().copied().collect();
            open.extend(self.root);
            let mut found = false;
            while let Some(parent) = open.pop() {
                for child in children(parent) {
                    if !self.known.contains_key(&child)
                        && let Some(at) = started(child)
                        && self.add(child, at)
                    {
                        open.push(child);
                        found = true;
                    }
                }
            }
            found
        }

        /// Adds one by its id and start time. True if it was not known, unless
        /// too many are.
        pub(crate) fn add(&mut self, pid: i32, at: u64) -> bool {
            self.known.len() < MOST && self.known.insert(pid, at) != Some(at)
        }

        /// To be called before the root is reaped, and its number given to a
        /// stranger.
        pub(crate) fn forget_root(&mut self) {
            self.root = None;
        }

        /// Whether nobody was alive when they were last looked at.
        pub(crate) fn is_empty(&self) -> bool {
            self.known.is_empty()
        }

        /// Those that were alive when they were last looked at.
        pub(crate) fn pids(&self) -> impl Iterator<Item = i32> {
            self.known.keys().copied()
        }

        /// Adds every process that could still write to one of these pipes
        /// (inode numbers): only the child can have handed them on. Our own
        /// ends, and copies of them in a process of ours that is just being
        /// started, are for reading and do not count.
        pub(crate) fn claim_writers(&mut self, pipes: &[u64]) {
            let pipes: Vec<String> = pipes.iter().map(|inode| format!("pipe:[{inode}]")).collect();
            for pid in processes::all().into_iter().flatten() {
                if pid > 1
                    && writes_to(pid, &pipes)
                    && let Some(at) = started(pid)
                {
                    self.add(pid, at);
                }
            }
        }

        /// Sends the signal to every known descendant. A process that has
        /// ended meanwhile, or belongs to another user now, is passed over:
        /// nothing can be done about either.
        pub(crate) fn signal(&self, signal: Signal) {
            for (&pid, &at) in &self.known {
                let Some(id) = Pid::from_raw(pid) else {
                    continue;
                };
                let Ok(handle) = pidfd_open(id, PidfdFlags::empty()) else {
                    continue;
                };
                // Read after the handle is open: from here on the handle means
                // the process whose start time this is, whatever becomes of
                // its number.
                if started(pid) == Some(at) {
                    // Not even logged: this must not wait for a reader of logs.
                    let _passed_over = pidfd_send_signal(&handle, signal);
                }
            }
        }
    }

    /// Another user's processes cannot be looked into, nor signalled. Told by
    /// the links alone: following one to a file on a dead network mount would
    /// hang.
    fn writes_to(pid: i32, pipes: &[String]) -> bool {
        let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else {
            return false;
        };
        files.flatten().any(|file| {
            let path = file.path();
            let leads_to = path.read_link().ok();
            // The link's own permissions are those the file was opened with.
            leads_to.as_deref().and_then(|target| target.to_str()).is_some_and(|target| {
                pipes.iter().any(|pipe| pipe == target)
                    && path
                        .symlink_metadata()
                        .is_ok_and(|link| link.permissions().mode() & 0o200 != 0)
            })
        })
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

        pub(crate) fn add(&mut self, _pid: i32, _at: u64) -> bool {
            false
        }

        pub(crate) fn forget_root(&mut self) {}

        pub(crate) fn is_empty(&self) -> bool {
            true
        }

        pub(crate) fn claim_writers(&mut self, _pipes: &[u64]) {}

        pub(crate) fn signal(&self, _signal: Signal) {}
    }
}
