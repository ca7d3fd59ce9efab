//! A write-ahead log that lost its end, at every place where it can have: what
//! was whole before the cut is there, what was not is gone whole, and the next
//! append goes on from there.

use std::fs;
use std::path::Path;

use checkpoint_store::{RunId, RunStore as _, SqliteStore};
use tempfile::TempDir;

use crate::conformance::{batch, new_run, records};

/// A frame of the log: a page and its head.
const FRAME: usize = 4096 + 24;
/// The head of the log.
const HEAD: usize = 32;
/// Two records a commit, so that half a commit would show.
const PAIR: usize = 2;

/// The state as a dead process left it, and how long its log was after each
/// commit that was acknowledged.
struct Dead {
    database: Vec<u8>,
    log: Vec<u8>,
    run: RunId,
    acknowledged: Vec<usize>,
}

async fn dead() -> Dead {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("state.db-wal");
    let length = || fs::metadata(&log).unwrap().len() as usize;
    let store = SqliteStore::open(dir.path(), "here").await.unwrap();
    let lease = store.create(new_run("idea"), records(PAIR)).await.unwrap();
    let mut acknowledged = vec![length()];
    for _ in 0..8 {
        store.commit(&lease, batch(records(PAIR))).await.unwrap();
        acknowledged.push(length());
    }
    let database = fs::read(dir.path().join("state.db")).unwrap();
    Dead { database, log: fs::read(&log).unwrap(), run: lease.run(), acknowledged }
}

impl Dead {
    fn with_log(&self, log: &[u8]) -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("state.db"), &self.database).unwrap();
        fs::write(dir.path().join("state.db-wal"), log).unwrap();
        dir
    }

    /// Commits that lie wholly before this place.
    fn commits_before(&self, end: usize) -> usize {
        self.acknowledged.iter().filter(|length| **length <= end).count()
    }
}

async fn opens_with(dir: &Path, run: RunId, commits: usize, what: &str) {
    let store = SqliteStore::open(dir, "here").await.unwrap();
    if commits == 0 {
        assert!(store.runs().await.unwrap().is_empty(), "{what}");
        return;
    }
    assert_eq!(store.check(run).await.unwrap().flaws, [], "{what}");
    let entries = store.records(run, 0).await.unwrap();
    assert_eq!(entries.len(), commits * PAIR, "{what}");
    let lease = store.acquire(run).await.unwrap();
    let next = store.commit(&lease, batch(records(1))).await.unwrap();
    assert_eq!(next[0].seq as usize, commits * PAIR + 1, "{what}");
    drop(store);
    let again = SqliteStore::open(dir, "here").await.unwrap();
    assert_eq!(again.records(run, 0).await.unwrap().len(), commits * PAIR + 1, "{what}");
}

/// Trap 23.
#[tokio::test]
async fn a_log_cut_anywhere_loses_only_what_lies_behind_the_cut() {
    let dead = dead().await;
    assert_eq!(*dead.acknowledged.last().unwrap(), dead.log.len());
    let edges = (0..).map(|frame| HEAD + frame * FRAME).take_while(|edge| *edge <= dead.log.len());
    let mut cuts: Vec<usize> = edges
        .flat_map(|edge| [edge.saturating_sub(1), edge, edge + 1, edge + 12, edge + 1777])
        .chain([0, 1, 31])
        .filter(|cut| *cut <= dead.log.len())
        .collect();
    cuts.sort_unstable();
    cuts.dedup();
    for cut in cuts {
        let dir = dead.with_log(&dead.log[..cut]);
        opens_with(dir.path(), dead.run, dead.commits_before(cut), &format!("cut at {cut}")).await;
    }
}

/// A sector of the log that never reached the disk, though later ones did.
#[tokio::test]
async fn a_hole_in_the_log_ends_it() {
    let dead = dead().await;
    for commit in [1, 4, 7] {
        let hole = dead.acknowledged[commit] + 100;
        let mut log = dead.log.clone();
        log[hole..hole + 512].fill(0x55);
        let dir = dead.with_log(&log);
        opens_with(dir.path(), dead.run, commit + 1, &format!("a hole at {hole}")).await;
    }
}
