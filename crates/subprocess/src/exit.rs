//! Learning that a child has exited without reaping it. Once it is reaped its
//! process id, which is also its group's, may be given to a stranger, and the
//! clean-up of the group would kill that stranger.

use std::io;

use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Waits for one child's exit.
#[derive(Debug)]
pub(crate) struct ExitWatch {
    changes: Signal,
}

impl ExitWatch {
    /// To be made before the child is started, so that no exit is missed.
    pub(crate) fn new() -> io::Result<Self> {
        signal(SignalKind::child()).map(|changes| Self { changes })
    }

    /// Completes once the child has exited; may be called again, and dropped
    /// at any time without losing the exit.
    pub(crate) async fn exited(&mut self, child: Pid) -> io::Result<()> {
        while !has_exited(child)? {
            if self.changes.recv().await.is_none() {
                return Err(io::Error::other("the runtime watches no signals any more"));
            }
        }
        Ok(())
    }
}

fn has_exited(child: Pid) -> io::Result<bool> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    loop {
        match waitid(WaitId::Pid(child), options) {
            Err(Errno::INTR) => {}
            other => return Ok(other?.is_some()),
        }
    }
}
