//! The process group of one child and whatever left it, as a guard: when the
//! guard goes, by return, error, panic or a dropped future, so do they all.

use rustix::process::{Pid, Signal, kill_process_group};

use crate::descendants::Descendants;

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
pub(crate) struct Group {
    leader: Pid,
    descendants: Descendants,
}

impl Group {
    pub(crate) fn new(leader: Pid) -> Self {
        Self { leader, descendants: Descendants::of(leader) }
    }

    /// Remembers who descends from the leader now, for the time when the
    /// chain of parents is broken.
    pub(crate) fn observe(&mut self) {
        self.descendants.observe();
    }

    /// Counts everyone who could still write to these pipes among them.
    pub(crate) fn claim_writers(&mut self, pipes: &[u64]) {
        self.descendants.claim_writers(pipes);
    }

    /// Asks all of them to end.
    pub(crate) fn terminate(&mut self) {
        self.descendants.observe();
        self.signal(Signal::TERM);
    }

    /// Ends all of them.
    fn kill(&mut self) {
        // Before the kill, since a dead parent's children are nobody's.
        self.descendants.observe();
        for _ in 0..ROUNDS {
            self.signal(Signal::KILL);
            if !self.descendants.observe() {
                return;
            }
        }
        tracing::warn!(leader = %self.leader.as_raw_nonzero(), "a process tree grows faster than it is killed");
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

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
