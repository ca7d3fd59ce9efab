//! What the machine is short of, seen before it ends us: a run that is stopped
//! with its state saved goes on later, one that the kernel kills has lost what
//! was being asked.

use std::path::PathBuf;
use std::time::Duration;

use orchestrator::Shutdown;
use subprocess::pressure::{self, Disk, Memory};

/// How often memory is looked at.
const BEAT: Duration = Duration::from_secs(2);
/// How long a look at memory may take. A stuck one keeps its thread, so that this is not done often.
const LOOK_LIMIT: Duration = Duration::from_secs(2);
/// Looks that may be stuck before nobody looks any more.
const MOST_STUCK: usize = 3;
/// The share of the limit that must be left of memory.
const MEMORY_LEFT: f64 = 0.05;
/// What must be free on a disk before a milestone is begun, in bytes: a commit, a journal, and
/// what tests leave.
const DISK_LEFT: u64 = 200 * 1024 * 1024;

/// Asks for an end before our processes have all the memory that they may have. Lasts as long as
/// the runtime.
pub(crate) fn watch_memory(shutdown: &Shutdown) {
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        let mut stuck = 0;
        while stuck < MOST_STUCK {
            tokio::select! {
                () = shutdown.token().cancelled() => return,
                () = tokio::time::sleep(BEAT) => {}
            }
            let look = tokio::task::spawn_blocking(pressure::memory);
            match tokio::time::timeout(LOOK_LIMIT, look).await {
                Ok(Ok(Ok(memory))) if memory.is_short(MEMORY_LEFT) => {
                    return shutdown.request(&short_of_memory(&memory));
                }
                Ok(Ok(Ok(_))) => {}
                Ok(Ok(Err(error))) => {
                    return tracing::debug!(%error, "the memory in use cannot be told");
                }
                Ok(Err(error)) => {
                    return tracing::debug!(%error, "nobody looks at memory any more");
                }
                Err(_) => stuck += 1,
            }
        }
        tracing::debug!("looks at memory do not come back: there are no more");
    });
}

/// What a milestone should not be begun for, if anything: a disk with these folders on it that is
/// nearly full.
pub(crate) fn short_of_disk(folders: &[PathBuf]) -> Option<String> {
    folders.iter().find_map(|folder| {
        // A folder that is not there yet will be made on the disk of the one above it.
        let folder = folder.ancestors().find(|folder| folder.exists())?;
        match pressure::disk(folder) {
            Ok(disk) => is_short(disk).then(|| {
                format!("disk nearly full: {} left at {}", mib(disk.free), folder.display())
            }),
            Err(error) => {
                tracing::debug!(%error, "the free disk space cannot be told");
                None
            }
        }
    })
}

fn is_short(disk: Disk) -> bool {
    disk.free < DISK_LEFT
}

fn short_of_memory(memory: &Memory) -> String {
    format!("memory pressure: {} of {} are in use", mib(memory.used), mib(memory.limit))
}

fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes / (1024 * 1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_short_below_what_a_milestone_may_take() {
        let total = 100 * DISK_LEFT;
        assert!(is_short(Disk { free: DISK_LEFT - 1, total }));
        assert!(!is_short(Disk { free: DISK_LEFT, total }));
        assert_eq!(short_of_disk(&[]), None);
    }

    #[test]
    fn a_folder_that_is_not_there_yet_stands_for_the_one_above_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let missing = folder.path().join("a/b");
        let here = short_of_disk(&[folder.path().to_owned()]);
        assert_eq!(short_of_disk(&[missing]), here);
    }
}
