//! Who of ours is running, for a process that must end at once: it takes no
//! guard's `drop` with it, and the commands it started would live on for hours
//! without anybody who waits for them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::Pid;

use crate::group::{Members, lock};

/// One entry for each command between its start and its reaping, so no more
/// than run at the same moment.
static RUNNING: Mutex<Running> = Mutex::new(Running { closed: false, groups: BTreeMap::new() });

struct Running {
    /// Set for good by `end_all_now`.
    closed: bool,
    groups: BTreeMap<i32, Arc<Mutex<Members>>>,
}

/// More than the system lets one user run; entries beyond are not kept.
const MOST: usize = 65_536;

/// Sends SIGKILL to every process group that this process has running, and to
/// every descendant that could be found, and lets `run` start nothing from now
/// on: further commands end as `Cancelled` before they are started. For the
/// last moment before the process exits.
///
/// May be called from any thread, with or without a runtime, more than once.
/// Waits for no process: it returns after a walk through `/proc`, some
/// milliseconds as a rule. The commands' own `run` futures, if they are still
/// polled, see their children end by the signal.
pub fn end_all_now() {
    let mut running = running();
    running.closed = true;
    // Nobody leaves while the lock is held, so no leader is reaped meanwhile.
    for members in running.groups.values() {
        let mut members = lock(members);
        members.claim_writers();
        members.kill();
    }
}

/// Whether nothing may be started any more.
pub(crate) fn is_closed() -> bool {
    running().closed
}

/// Notes a command that was started; one that was started while everything
/// was being ended is ended too.
pub(crate) fn enter(leader: Pid, members: &Arc<Mutex<Members>>) {
    let mut running = running();
    if running.closed {
        lock(members).kill();
    }
    if running.groups.len() < MOST {
        running.groups.insert(leader.as_raw_nonzero().get(), Arc::clone(members));
    } else {
        tracing::warn!("too many commands at once to end them all at once");
    }
}

/// Forgets a command whose leader is about to be reaped.
pub(crate) fn leave(leader: Pid) {
    running().groups.remove(&leader.as_raw_nonzero().get());
}

fn running() -> MutexGuard<'static, Running> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}
