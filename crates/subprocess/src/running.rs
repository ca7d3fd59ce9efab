//! Who of ours is running, for a process that must end at once: it takes no
//! guard's `drop` with it, and the commands it started would live on for hours
//! without anybody who waits for them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, getpid};

use crate::adopted::Parent;
use crate::clock;
use crate::descendants::Descendants;
use crate::group::{Members, kill_all, lock, signal_group};

/// Set for good by `end_all_now`.
static CLOSED: AtomicBool = AtomicBool::new(false);

/// One entry for each command between its start and its reaping, so no more
/// than run at the same moment.
static RUNNING: Mutex<BTreeMap<i32, Entry>> = Mutex::new(BTreeMap::new());

struct Entry {
    leader: Pid,
    parent: Parent,
    members: Arc<Mutex<Members>>,
}

/// More than the system lets one user run; entries beyond are not kept.
const MOST: usize = 65_536;

/// How long `end_all_now` waits for each lock. Nobody holds one for longer than
/// a walk through `/proc`, but for the thread that panics while it holds one,
/// and ends everything from there.
const PATIENCE: Duration = Duration::from_millis(200);

/// Sends SIGKILL to every process group that this process has running, and to
/// every descendant of this process that can be found, and lets `run` start
/// nothing from now on: further commands end as `Cancelled` before they are
/// started. For the last moment before the process exits.
///
/// May be called from any thread, with or without a runtime, in a panic hook,
/// more than once. Waits for no process and writes no log: it returns after a
/// walk through `/proc`, some milliseconds as a rule, and a fifth of a second
/// more for each command whose watcher is stuck. The commands' own `run`
/// futures, if they are still polled, see their children end by the signal.
pub fn end_all_now() {
    CLOSED.store(true, Ordering::SeqCst);
    // Nobody leaves while the lock is held, so no leader is reaped meanwhile.
    if let Some(running) = lock_soon(&RUNNING) {
        for entry in running.values() {
            if let Some(mut members) = lock_soon(&entry.members) {
                members.claim_writers();
                members.kill();
            } else {
                signal_group(entry.leader, Signal::KILL);
            }
        }
    }
    // And whoever stands in no list: orphans that fell to this process, and
    // those whose list is locked.
    kill_all(&mut Descendants::of(getpid()));
}

/// Whether nothing may be started any more.
pub(crate) fn is_closed() -> bool {
    CLOSED.load(Ordering::SeqCst)
}

/// Notes a command that was started; one that was started while everything
/// was being ended is ended too.
pub(crate) fn enter(leader: Pid, parent: Parent, members: &Arc<Mutex<Members>>) {
    let mut running = running();
    let kept = running.len() < MOST;
    if kept {
        let entry = Entry { leader, parent, members: Arc::clone(members) };
        running.insert(leader.as_raw_nonzero().get(), entry);
    }
    // Asked after it was entered: whoever closes then finds it there.
    if is_closed() {
        lock(members).kill();
    }
    drop(running);
    if !kept {
        tracing::warn!("too many commands at once to end them all at once");
    }
}

/// Forgets a command whose leader is about to be reaped.
pub(crate) fn leave(leader: Pid) {
    running().remove(&leader.as_raw_nonzero().get());
}

/// All but this one.
pub(crate) fn others(leader: Pid) -> Vec<Parent> {
    running().values().filter(|entry| entry.leader != leader).map(|entry| entry.parent).collect()
}

fn running() -> MutexGuard<'static, BTreeMap<i32, Entry>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `None` if it cannot be had within `PATIENCE`.
fn lock_soon<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    let deadline = clock::after(clock::now(), PATIENCE);
    loop {
        match mutex.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(guard)) => return Some(guard.into_inner()),
            Err(TryLockError::WouldBlock) if clock::now() >= deadline => return None,
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As in a panic hook, where the thread that holds it waits for itself.
    #[test]
    fn a_lock_that_is_never_let_go_is_not_waited_for() {
        let mutex = Mutex::new(7);
        let held = mutex.lock().unwrap();
        assert!(lock_soon(&mutex).is_none());
        drop(held);
        assert_eq!(lock_soon(&mutex).as_deref(), Some(&7));
    }

    #[test]
    fn a_lock_that_a_panic_left_behind_is_taken() {
        let mutex = Mutex::new(7);
        let panicked = thread::scope(|scope| {
            let panics = || {
                let _held = mutex.lock().unwrap();
                panic!("while it holds the lock");
            };
            scope.spawn(panics).join()
        });
        assert!(panicked.is_err());
        assert_eq!(lock_soon(&mutex).as_deref(), Some(&7));
    }
}
