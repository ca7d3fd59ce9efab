//! The process group of one child and whatever left it, as a guard: when the
//! guard goes, by return, error, panic or a dropped future, so do they all.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::descendants::Descendants;
use crate::running;

/// How often the tree is walked again for processes that were started while
/// the ones found before were being killed. A tree that outgrows this is a
/// fork bomb in a session of its own.
const ROUNDS: usize = 16;

/// Kills the group on drop.
///
/// The leader must not be reaped while the guard lives: its process id is the
/// group's name, and only an unreaped leader keeps the system from giving that
/// name to somebody else.
#[derive(Debug)]
pub(crate) struct Group(Arc<Mutex<Members>>);

impl Group {
    /// `pipes` are the inode numbers of the output pipes; `keeps`: orphans of
    /// the group fall to the leader, as to a launcher.
    pub(crate) fn new(leader: Pid, pipes: Vec<u64>, keeps: bool) -> Self {
        let members = Members { leader, pipes, keeps, descendants: Descendants::of(leader) };
        let members = Arc::new(Mutex::new(members));
        running::enter(leader, &members);
        Self(members)
    }

    /// Remembers who descends from the leader now, for the time when the
    /// chain of parents is broken.
    pub(crate) fn observe(&self) {
        lock(&self.0).descendants.observe();
    }

    /// Counts everyone who could still write to the pipes among them.
    pub(crate) fn claim_writers(&self) {
        lock(&self.0).claim_writers();
    }

    /// Asks all of them to end.
    pub(crate) fn terminate(&self) {
        let mut members = lock(&self.0);
        members.descendants.observe();
        members.signal(Signal::TERM);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let mut members = lock(&self.0);
        members.kill();
        let leader = members.leader;
        // `end_all_now` locks in the other order.
        drop(members);
        // Before the leader is reaped, as it is once this value is gone.
        running::leave(leader);
    }
}

pub(crate) fn lock(members: &Mutex<Members>) -> MutexGuard<'_, Members> {
    members.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The leader, its process group and those who left it.
#[derive(Debug)]
pub(crate) struct Members {
    leader: Pid,
    pipes: Vec<u64>,
    keeps: bool,
    descendants: Descendants,
}

impl Members {
    pub(crate) fn claim_writers(&mut self) {
        self.descendants.claim_writers(&self.pipes);
    }

    /// Ends all of them.
    pub(crate) fn kill(&mut self) {
        // Before the kill, since a dead parent's children are nobody's.
        self.descendants.observe();
        if self.keeps {
            self.kill_kept();
        }
        for _ in 0..ROUNDS {
            self.signal(Signal::KILL);
            if !self.descendants.observe() {
                return;
            }
        }
        tracing::warn!(leader = %self.leader.as_raw_nonzero(), "a process tree grows faster than it is killed");
    }

    /// All but the leader, while it is there to take the orphans, which nobody
    /// would find afterwards.
    fn kill_kept(&mut self) {
        // An orphan may be between two parents while the tree is walked.
        let mut walks_in_vain = 0;
        for _ in 0..ROUNDS {
            self.descendants.signal(Signal::KILL);
            walks_in_vain = if self.descendants.observe() { 0 } else { walks_in_vain + 1 };
            if walks_in_vain == 2 {
                return;
            }
        }
    }

    fn signal(&self, signal: Signal) {
        if let Err(error) = kill_process_group(self.leader, signal) {
            // ESRCH is the good case, an empty group; EPERM is what macOS says
            // when only zombies are left.
            tracing::debug!(%error, "process group not signalled");
        }
        self.descendants.signal(signal);
    }
}
