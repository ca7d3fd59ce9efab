//! How much memory and disk is left, for a process that must save its state
//! while it still can: one that is killed for want of memory, or meets a full
//! disk in the middle of a write, has no moment left for it.
//!
//! What is too little is the caller's to decide.

#[cfg(target_os = "linux")]
mod bounds;
#[cfg(target_os = "linux")]
mod texts;

use std::io;
use std::path::{Path, PathBuf};

/// Memory of this process and all its descendants, and what bounds it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Memory {
    /// Bytes that are resident. Pages that several of the processes share are
    /// counted for each, so it is rather too much than too little.
    pub used: u64,
    /// Bytes that may be used: by the control group with the smallest limit
    /// that this process is in, or what the machine has.
    pub limit: u64,
    /// What sets the limit.
    pub bound: Bound,
    /// How hard memory is to get already.
    pub pressure: Pressure,
}

/// What sets a limit of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// A control group, of a container or a service.
    Group,
    /// The machine.
    Machine,
}

/// How hard memory is to get, as far as the system tells; of the control group
/// if that is what sets the limit, else of the machine.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Pressure {
    /// How often the control group met its limit, or was slowed down before it,
    /// since it was made. That it grows is what matters.
    pub met_limit: Option<u64>,
    /// The share of the last ten seconds, 0 to 1, in which some process waited
    /// for memory.
    pub stalled: Option<f64>,
}

/// Room on a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// Bytes that this user may still write.
    pub free: u64,
    /// Bytes it has in all.
    pub total: u64,
}

impl Memory {
    /// Whether less than this share (0 to 1) of the limit is left.
    #[must_use]
    pub fn is_short(&self, share: f64) -> bool {
        is_short(self.limit.saturating_sub(self.used), self.limit, share)
    }
}

impl Disk {
    /// Whether less than this share (0 to 1) of it is free.
    #[must_use]
    pub fn is_short(&self, share: f64) -> bool {
        is_short(self.free, self.total, share)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share needs no more than 52 bits")]
fn is_short(left: u64, whole: u64, share: f64) -> bool {
    (left as f64) < whole as f64 * share
}

/// Why it cannot be told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system is not one that shows it.
    #[error("memory is watched on Linux only")]
    Unsupported,
    /// The system did not answer.
    #[error("cannot ask about {}: {source}", path.display())]
    Read {
        /// What was asked about.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Its answer is not understood.
    #[error("{} does not hold what it should", path.display())]
    Unclear {
        /// The file that was read.
        path: PathBuf,
    },
}

/// Looks at the memory now: a walk through the own processes, some milliseconds
/// as a rule. Limits that cannot be read count as none.
///
/// # Errors
///
/// `Unsupported` but for Linux; `Read` and `Unclear` if neither the process's own
/// memory nor the machine's can be told.
pub fn memory() -> Result<Memory, Error> {
    #[cfg(target_os = "linux")]
    return bounds::memory(Path::new("/"));
    #[cfg(not(target_os = "linux"))]
    return Err(Error::Unsupported);
}

/// Looks at the file system that holds `path`, which must exist. May block for
/// long where that is a network mount that does not answer.
///
/// # Errors
///
/// `Read` with what the system says.
pub fn disk(path: &Path) -> Result<Disk, Error> {
    let facts = rustix::fs::statvfs(path)
        .map_err(|error| Error::Read { path: path.to_owned(), source: error.into() })?;
    Ok(Disk {
        free: facts.f_bavail.saturating_mul(facts.f_frsize),
        total: facts.f_blocks.saturating_mul(facts.f_frsize),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_short_when_less_than_the_share_is_left() {
        let memory = |used| Memory {
            used,
            limit: 1000,
            bound: Bound::Machine,
            pressure: Pressure::default(),
        };
        assert!(!memory(900).is_short(0.1));
        assert!(memory(901).is_short(0.1));
        // More than there may be, as pages are counted twice.
        assert!(memory(2000).is_short(0.1));
        assert!(!memory(2000).is_short(0.0));
        let disk = |free| Disk { free, total: u64::MAX };
        assert!(disk(0).is_short(0.01));
        assert!(!disk(u64::MAX / 2).is_short(0.01));
    }

    #[test]
    fn a_disk_has_room_and_a_path_that_is_not_there_has_none() {
        let dir = tempfile::tempdir().unwrap();
        let disk = disk(dir.path()).unwrap();
        assert!(disk.total > 0 && disk.free <= disk.total);
        let nowhere = super::disk(&dir.path().join("nowhere")).unwrap_err();
        assert!(nowhere.to_string().contains("nowhere"), "{nowhere}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_uses_some_of_what_there_is() {
        let memory = memory().unwrap();
        assert!(memory.used > 100_000 && memory.limit > memory.used, "{memory:?}");
        assert!(memory.pressure.stalled.is_none_or(|share| (0.0..=1.0).contains(&share)));
    }
}
