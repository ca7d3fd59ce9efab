//! Orphans of commands, where they fall to this process: a daemon whose parents
//! are dead is nobody's descendant and in nobody's group, and lives on for ever,
//! unless the system is told to hand it to us. Then it is found among our
//! children, can be killed, and must be reaped like every child.
//!
//! The runtime waits for the commands themselves by their number. Reaping one
//! of those would take its exit status away, and let the runtime wait for a
//! stranger of the same number; so everything that is started here is noted,
//! and nothing is looked at while something is being started.

use std::io;

use crate::mark::Mark;

#[cfg(target_os = "linux")]
pub(crate) use linux::{belongs, note, orphans, starting};
#[cfg(not(target_os = "linux"))]
pub(crate) use portable::{belongs, note, orphans, starting};

/// Has the system hand every orphan of a command to this process, so that `run`
/// finds and ends also those that left their parents, their process group and
/// their session, and reaps them. To be called once, before the first command,
/// by a process that starts children by `run` only: any other child would be
/// taken for somebody's orphan, killed and reaped. From then on every command
/// bears a [`Mark`], also where this fails.
///
/// # Errors
///
/// What the system says; always on a system other than Linux. Everything else
/// works without.
pub fn become_subreaper() -> io::Result<()> {
    Mark::begin();
    #[cfg(target_os = "linux")]
    return linux::begin();
    #[cfg(not(target_os = "linux"))]
    return Err(io::ErrorKind::Unsupported.into());
}

/// A command, as far as it matters for whose an orphan is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parent {
    /// The number in its mark.
    pub(crate) command: Option<u64>,
    /// The start time of its leader.
    pub(crate) started: Option<u64>,
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeMap;
    use std::io;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, TryLockError};

    use rustix::io::Errno;
    use rustix::process::{Pid, WaitId, WaitIdOptions, getpid, set_child_subreaper, waitid};

    use super::Parent;
    use crate::mark::Mark;
    use crate::processes::{Facts, children, variable};

    static ADOPTING: AtomicBool = AtomicBool::new(false);

    /// Held for reading by whoever starts a command, until it is noted.
    static STARTING: RwLock<()> = RwLock::new(());

    /// Process id to start time of the commands that the runtime waits for, and
    /// maybe of some that it has reaped.
    static NOTED: Mutex<BTreeMap<i32, u64>> = Mutex::new(BTreeMap::new());

    pub(super) fn begin() -> io::Result<()> {
        set_child_subreaper(Some(getpid()))?;
        ADOPTING.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// To be held until the command that is being started was noted, and is
    /// among those that run.
    pub(crate) fn starting() -> RwLockReadGuard<'static, ()> {
        STARTING.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a child that the runtime waits for; when it was started.
    pub(crate) fn note(child: Pid) -> Option<u64> {
        let pid = child.as_raw_nonzero().get();
        let started = Facts::of(pid)?.started;
        let mut noted = NOTED.lock().unwrap_or_else(PoisonError::into_inner);
        noted.retain(|&pid, at| Facts::of(pid).is_some_and(|facts| facts.started == *at));
        noted.insert(pid, started);
        Some(started)
    }

    /// A living process that fell to this one.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Orphan {
        pub(crate) pid: i32,
        pub(crate) started: u64,
    }

    /// All of them; those that have ended are reaped. `None` if that cannot be
    /// told, since a command is just being started.
    pub(crate) fn orphans() -> Option<Vec<Orphan>> {
        if !ADOPTING.load(Ordering::SeqCst) {
            return Some(Vec::new());
        }
        let _nobody_starts = match STARTING.try_write() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(guard)) => guard.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        let noted = NOTED.lock().unwrap_or_else(PoisonError::into_inner);
        let mut living = Vec::new();
        for pid in children(getpid().as_raw_nonzero().get()) {
            let Some(Facts { ended, started, .. }) = Facts::of(pid) else {
                continue;
            };
            if noted.get(&pid) == Some(&started) {
                continue;
            }
            if ended {
                reap(pid);
            } else {
                living.push(Orphan { pid, started });
            }
        }
        Some(living)
    }

    fn reap(pid: i32) {
        let Some(pid) = Pid::from_raw(pid) else {
            return;
        };
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        while matches!(waitid(WaitId::Pid(pid), options), Err(Errno::INTR)) {}
    }

    /// Whether an orphan is this command's, and not one of the others' that are
    /// running. Its mark tells, unless it has thrown it away: then it is of one
    /// of those that had begun when it did, and is left to the last of them.
    pub(crate) fn belongs(orphan: Orphan, to: Parent, others: &[Parent]) -> bool {
        let mark = variable(orphan.pid, Mark::VARIABLE, &mut Vec::new());
        let mark = mark.and_then(|text| text.parse::<Mark>().ok()).filter(Mark::is_ours);
        match mark.map(|mark| mark.command()) {
            Some(command) => {
                to.command == Some(command)
                    || others.iter().all(|other| other.command != Some(command))
            }
            None => others
                .iter()
                .all(|other| other.started.is_some_and(|started| started > orphan.started)),
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod portable {
    use super::Parent;

    /// There are none.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Orphan {
        pub(crate) pid: i32,
        pub(crate) started: u64,
    }

    pub(crate) fn starting() {}

    pub(crate) fn note(_child: rustix::process::Pid) -> Option<u64> {
        None
    }

    pub(crate) fn orphans() -> Option<Vec<Orphan>> {
        Some(Vec::new())
    }

    pub(crate) fn belongs(_orphan: Orphan, _to: Parent, _others: &[Parent]) -> bool {
        false
    }
}
