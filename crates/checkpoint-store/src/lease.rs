//! The right to write to one run, as a value: who has it may commit, who
//! drops it has given it back. An epoch travels with it, so that a holder
//! that lost its lock without noticing (somebody deleted the lock files) is
//! refused by the next commit instead of mixing its records with another's.

use std::fmt;

use crate::run::RunId;

/// A run held by this process. Dropping it releases the lock.
pub struct Lease {
    run: RunId,
    epoch: u64,
    hold: Box<dyn Send + Sync>,
}

impl Lease {
    /// A lease for whoever implements a store: `hold` is dropped with it, and
    /// that must free the run.
    pub fn new(run: RunId, epoch: u64, hold: impl Send + Sync + 'static) -> Self {
        Self { run, epoch, hold: Box::new(hold) }
    }

    /// The run that is held.
    pub fn run(&self) -> RunId {
        self.run
    }

    /// The fencing token: greater than that of every earlier lease of the run.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Frees the run now, where a store wants to say so in its own code.
    pub(crate) fn let_go(self) {
        drop(self.hold);
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("run", &self.run)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}
