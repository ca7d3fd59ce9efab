//! The process group of one child and whatever left it, as a guard: when the
//! guard goes, by return, error, panic or a dropped future, so do they all.
//!
//! Nothing is logged while a lock is held: who reads the log may be stuck, and
//! `end_all_now` waits for the lock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, getpgid, kill_process, kill_process_group};

use crate::adopted::{self, Parent};
use crate::descendants::Descendants;
use crate::mark::Mark;
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
    pub(crate) fn new(leader: Pid, mark: Option<&Mark>, pipes: Vec<u64>, keeps: bool) -> Self {
        let parent = Parent { command: mark.map(Mark::command), started: adopted::note(leader) };
        let descendants = Descendants::of(leader);
        let members = Members { leader, parent, pipes, keeps, descendants };
        let members = Arc::new(Mutex::new(members));
        running::enter(leader, parent, &members);
        Self(members)
    }

    /// Remembers who descends from the leader now, for the time when the
    /// chain of parents is broken, and reaps orphans that have ended.
    pub(crate) fn observe(&self) {
        lock(&self.0).descendants.observe();
        drop(adopted::orphans());
    }

    /// Counts everyone who could still write to the pipes among them.
    pub(crate) fn claim_writers(&self) {
        lock(&self.0).claim_writers();
    }

    /// Asks all of them to end. One that was stopped hears it only when it goes
    /// on.
    pub(crate) fn terminate(&self) {
        let mut members = lock(&self.0);
        members.descendants.observe();
        members.signal(Signal::TERM);
        members.signal(Signal::CONT);
    }

    /// For the time after this guard.
    pub(crate) fn remains(&self) -> Remains {
        Remains(Arc::clone(&self.0))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let mut members = lock(&self.0);
        let settled = members.kill();
        let leader = members.leader;
        // `end_all_now` locks in the other order.
        drop(members);
        for _ in 0..ROUNDS {
            if !claim(&self.0).is_some_and(|found| found.new) {
                break;
            }
        }
        // Before the leader is reaped, as it is once this value is gone.
        running::leave(leader);
        lock(&self.0).descendants.forget_root();
        if !settled {
            let leader = leader.as_raw_nonzero();
            tracing::warn!(%leader, "a process tree grows faster than it is killed");
        }
    }
}

/// Whoever is not gone yet when the guard is, and the leader reaped.
#[derive(Debug)]
pub(crate) struct Remains(Arc<Mutex<Members>>);

impl Remains {
    /// Kills who is left, once more, and reaps those that fell to this process.
    /// False if nobody is left.
    pub(crate) fn clear(&self) -> bool {
        let mut members = lock(&self.0);
        members.descendants.observe();
        members.descendants.signal(Signal::KILL);
        let living = !members.descendants.is_empty();
        drop(members);
        // After that look: whoever had ended by then has left its children, and
        // itself, to us.
        claim(&self.0).is_none_or(|found| found.any) || living
    }
}

/// Orphans of one command.
struct Found {
    any: bool,
    /// Some were not known before.
    new: bool,
}

/// Counts the orphans that are the members' among them, and kills them. `None`
/// if it cannot be told who is.
fn claim(members: &Mutex<Members>) -> Option<Found> {
    let orphans = adopted::orphans()?;
    let mut found = Found { any: false, new: false };
    if orphans.is_empty() {
        return Some(found);
    }
    let Members { leader, parent, .. } = *lock(members);
    // Asked for only now: whoever has an orphan was running before.
    let others = running::others(leader);
    for orphan in orphans.into_iter().filter(|one| adopted::belongs(*one, parent, &others)) {
        found.any = true;
        found.new |= lock(members).descendants.add(orphan.pid, orphan.started);
    }
    if found.any {
        lock(members).kill_descendants();
    }
    Some(found)
}

pub(crate) fn lock(members: &Mutex<Members>) -> MutexGuard<'_, Members> {
    members.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The leader, its process group and those who left it.
#[derive(Debug)]
pub(crate) struct Members {
    leader: Pid,
    parent: Parent,
    pipes: Vec<u64>,
    keeps: bool,
    descendants: Descendants,
}

impl Members {
    pub(crate) fn claim_writers(&mut self) {
        self.descendants.claim_writers(&self.pipes);
    }

    /// Ends all of them; false if they are too many.
    pub(crate) fn kill(&mut self) -> bool {
        // Before the kill, since a dead parent's children are nobody's.
        self.descendants.observe();
        if self.keeps {
            self.kill_kept();
        }
        for _ in 0..ROUNDS {
            self.signal(Signal::KILL);
            if !self.descendants.observe() {
                return true;
            }
        }
        false
    }

    fn kill_descendants(&mut self) {
        kill_all(&mut self.descendants);
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
        signal_group(self.leader, signal);
        self.descendants.signal(signal);
    }
}

/// To a group whose leader is not reaped. That it is not there is the good
/// case, an empty group; that it may not be is what macOS says when only zombies
/// are left.
pub(crate) fn signal_group(leader: Pid, signal: Signal) {
    let _passed_over = kill_process_group(leader, signal);
    // A process may move to another group of its session, such as ours.
    if getpgid(Some(leader)) != Ok(leader) {
        let _passed_over = kill_process(leader, signal);
    }
}

/// Kills them until no more are found, or they are too many.
pub(crate) fn kill_all(descendants: &mut Descendants) {
    for _ in 0..ROUNDS {
        let grown = descendants.observe();
        descendants.signal(Signal::KILL);
        if !grown {
            return;
        }
    }
}
