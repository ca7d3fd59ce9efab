//! What is damaged is found, told apart, set aside and cut back; what is not
//! is left alone.

use std::fs;
use std::path::Path;

use checkpoint_store::{
    Error, Flaw, RunId, RunStore as _, Settings, SqliteStore, StorageClass, ValueStore as _,
};
use serde_json::json;

use crate::conformance::{batch, finish, new_run, record, records};
use crate::files::{folder, sql};

async fn open(dir: &Path) -> SqliteStore {
    SqliteStore::open(dir, "here").await.unwrap()
}

fn copies(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir.join("set-aside"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// What was done to five records, what is found, how many stay and are lost.
fn damages() -> Vec<(&'static str, Flaw, u64, u64)> {
    let middle = |seq, behind| Flaw::Middle { seq, behind };
    vec![
        ("UPDATE records SET body = '{\"n\":99}' WHERE seq = 3", middle(3, 3), 2, 3),
        ("UPDATE records SET body = x'ff' WHERE seq = 1", middle(1, 5), 0, 5),
        ("UPDATE records SET at = 'yesterday' WHERE seq = 5", middle(5, 1), 4, 1),
        ("UPDATE records SET min_reader = 2 WHERE seq = 3", middle(3, 3), 2, 3),
        ("UPDATE records SET seq = -3 WHERE seq = 3", middle(1, 5), 0, 5),
        ("DELETE FROM records WHERE seq = 3", middle(3, 2), 2, 3),
        ("DELETE FROM records WHERE seq > 3", Flaw::TornTail { after: 3, missing: 2 }, 3, 2),
        ("DELETE FROM records", Flaw::TornTail { after: 0, missing: 5 }, 0, 5),
        ("UPDATE runs SET last_seq = 4", Flaw::Head, 5, 0),
        ("UPDATE runs SET epoch = -1", Flaw::Head, 5, 0),
        ("UPDATE runs SET finished = 'completed'", Flaw::Head, 5, 0),
        ("UPDATE runs SET updated_at = 'now'", Flaw::Head, 5, 0),
        ("UPDATE runs SET subject = 'another'", Flaw::Head, 5, 0),
        ("UPDATE runs SET subject = ''", Flaw::Head, 5, 0),
        ("UPDATE runs SET attributes = '{\"branch'", Flaw::Head, 5, 0),
        ("UPDATE runs SET created_at = ''", Flaw::Head, 5, 0),
        ("UPDATE runs SET standing_sum = x''", Flaw::Head, 5, 0),
    ]
}

#[tokio::test]
async fn a_damaged_run_is_set_aside_and_goes_on_from_its_last_good_record() {
    for (change, flaw, good, lost) in damages() {
        let (dir, run) = folder().await;
        // STRICT tables take a blob for a text only through a cast.
        let change = change.replace("x'ff'", "CAST(x'ff' AS TEXT)");
        sql(dir.path(), &change);
        let store = open(dir.path()).await;
        let checkup = store.check(run).await.unwrap();
        assert_eq!((checkup.good, checkup.flaws.as_slice()), (good, [flaw].as_slice()), "{change}");
        assert!(matches!(store.records(run, 0).await, Err(Error::Damaged { .. })), "{change}");
        assert_eq!(store.runs().await.unwrap().len(), 1, "still listed: {change}");

        let repaired = store.repair(run, None).await.unwrap().unwrap();
        assert_eq!((repaired.cut_after, repaired.lost), (good, lost), "{change}");
        assert_eq!(repaired.head, change.contains("runs"), "{change}");
        let copy = fs::read_to_string(dir.path().join(&repaired.set_aside)).unwrap();
        let rows: Vec<serde_json::Value> =
            copy.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(rows[0]["run"], json!(run), "{change}");

        assert_eq!(store.check(run).await.unwrap().flaws, [], "{change}");
        assert_eq!(store.repair(run, None).await.unwrap(), None, "{change}");
        assert_eq!(store.runs().await.unwrap()[0].finished, None, "{change}");
        assert_eq!(store.records(run, 0).await.unwrap().len() as u64, good, "{change}");
        let lease = store.acquire(run).await.unwrap();
        assert!(lease.epoch() >= 3, "whoever held it before is shut out: {change}");
        let entries = store.commit(&lease, batch(records(1))).await.unwrap();
        assert_eq!(entries[0].seq, good + 1, "{change}");
    }
}

#[tokio::test]
async fn damage_of_one_run_leaves_the_others_alone() {
    let (dir, run) = folder().await;
    let store = open(dir.path()).await;
    let other = store.create(new_run("other"), records(2)).await.unwrap();
    sql(dir.path(), &format!("UPDATE records SET kind = 'x' WHERE run = '{run}'"));
    store.repair(run, None).await.unwrap().unwrap();
    assert_eq!(store.records(other.run(), 0).await.unwrap().len(), 2);
    assert_eq!(store.commit(&other, batch(records(1))).await.unwrap()[0].seq, 3);
}

/// A commit must not seal a damaged head with a good checksum.
#[tokio::test]
async fn nothing_is_written_onto_a_damaged_head() {
    let (dir, run) = folder().await;
    let store = open(dir.path()).await;
    let lease = store.acquire(run).await.unwrap();
    sql(dir.path(), "UPDATE runs SET last_seq = 3");
    let refused = store.commit(&lease, batch(records(1))).await;
    assert!(matches!(refused, Err(Error::Damaged { seq: 0, .. })), "{refused:?}");
    drop(lease);
    assert!(matches!(store.acquire(run).await, Err(Error::Damaged { seq: 0, .. })));
}

/// Trap 24: what is only newer is never cut.
#[tokio::test]
async fn a_newer_record_is_no_damage() {
    let (dir, run) = folder().await;
    let export = open(dir.path()).await.export(run).await.unwrap();
    let line = String::from_utf8(export).unwrap().lines().nth(3).unwrap().to_owned();
    let record: serde_json::Value = serde_json::from_str(&line).unwrap();
    // The checksum as a newer release makes it: over the same fields.
    let sum = {
        use sha2::Digest as _;
        let mut hash = sha2::Sha256::new();
        let text = |key: &str| record[key].as_str().unwrap().to_owned();
        for part in [
            run.to_string(),
            "3/1/2/2".into(),
            text("at"),
            text("kind"),
            record["body"].to_string(),
        ] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let change = format!(
        "UPDATE records SET version = 2, min_reader = 2, checksum = x'{sum}' WHERE seq = 3"
    );
    sql(dir.path(), &change);
    let store = open(dir.path()).await;
    assert_eq!(store.check(run).await.unwrap().flaws, [Flaw::Newer { seq: 3 }]);
    assert!(matches!(store.repair(run, None).await, Err(Error::Newer { .. })));
    assert_eq!(store.records(run, 3).await.unwrap().len(), 2, "all of it is still there");
}

#[tokio::test]
async fn copies_are_bounded_and_the_newest_stay() {
    let (dir, run) = folder().await;
    let store = open(dir.path()).await;
    for _ in 0..20 {
        sql(dir.path(), "UPDATE runs SET standing_sum = x''");
        store.repair(run, None).await.unwrap().unwrap();
    }
    let names = copies(dir.path());
    assert_eq!(names.len(), 16, "{names:?}");
    assert!(names.contains(&format!("20-run-{run}.jsonl")), "{names:?}");
    assert!(!names.contains(&format!("4-run-{run}.jsonl")), "{names:?}");
}

/// A folder with a finished run, an unfinished one, and a value, closed.
async fn filled() -> (tempfile::TempDir, RunId, RunId) {
    let (dir, first) = folder().await;
    let store = open(dir.path()).await;
    let lease = store.create(new_run("other"), records(40)).await.unwrap();
    store.commit(&lease, finish("completed")).await.unwrap();
    store.compare_and_swap("rests", None, json!({"a": 1})).await.unwrap();
    let second = lease.run();
    store.release(lease).await.unwrap();
    store.close().await.unwrap();
    sql(dir.path(), "PRAGMA wal_checkpoint(TRUNCATE)");
    (dir, first, second)
}

fn is_corrupt<T>(outcome: &Result<T, Error>) -> bool {
    matches!(outcome, Err(Error::Storage { class: StorageClass::Corrupt, .. }))
}

/// Trap 27, and what a person is left with: a store that opens.
#[tokio::test]
async fn a_file_that_is_no_database_is_set_aside_whole() {
    for content in [&b"not a database\n"[..], &[0; 16384], b""] {
        let (dir, first, second) = filled().await;
        let content = content.repeat(if content.len() < 100 { 600 } else { 1 });
        fs::write(dir.path().join("state.db"), &content).unwrap();
        let _ = fs::remove_file(dir.path().join("state.db-wal"));
        let opened = SqliteStore::open(dir.path(), "here").await;
        assert!(is_corrupt(&opened), "{} bytes", content.len());
        let salvaged = SqliteStore::salvage(dir.path(), Settings::new("here"), None).await.unwrap();
        assert_eq!(salvaged.runs, []);
        // By their ids, which of one millisecond are in no order.
        assert_eq!(salvaged.lost, [first.min(second), first.max(second)]);
        let copy = salvaged.set_aside.expect("a copy");
        assert_eq!(fs::read(dir.path().join(copy)).unwrap(), content);
        let store = open(dir.path()).await;
        assert!(store.runs().await.unwrap().is_empty());
        store.create(new_run("idea"), records(1)).await.unwrap();
    }
}

#[tokio::test]
async fn what_a_damaged_database_still_holds_is_carried_over() {
    let (dir, first, second) = filled().await;
    let path = dir.path().join("state.db");
    let whole = fs::read(&path).unwrap();
    let (mut kept_some, mut lost_some) = (false, false);
    for page in 1..whole.len() / 4096 {
        let mut bad = whole.clone();
        bad[page * 4096..(page + 1) * 4096].fill(0);
        for cut in [None, Some(page * 4096)] {
            let content = cut.map_or(bad.as_slice(), |cut| &whole[..cut]);
            for name in ["state.db-wal", "state.db-shm"] {
                let _ = fs::remove_file(dir.path().join(name));
            }
            fs::write(&path, content).unwrap();
            // Found: when it is opened, or when it is looked at.
            let found = match SqliteStore::open(dir.path(), "here").await {
                Ok(store) => {
                    let lines = store.check_file().await;
                    store.close().await.unwrap();
                    lines.map(|lines| lines.len())
                }
                Err(error) => Err(error),
            };
            assert!(is_corrupt(&found) || found.unwrap() > 0, "page {page}");
            let salvaged =
                SqliteStore::salvage(dir.path(), Settings::new("here"), None).await.unwrap();
            let store = open(dir.path()).await;
            assert_eq!(store.check_file().await.unwrap(), [""; 0], "page {page}");
            for (run, count) in &salvaged.runs {
                assert_eq!(store.records(*run, 0).await.unwrap().len() as u64, *count);
                let whole = if *run == first { 5 } else { 40 };
                kept_some |= *count == whole;
                lost_some |= *count < whole;
            }
            assert!(salvaged.runs.iter().all(|(run, _)| [first, second].contains(run)));
            lost_some |= !salvaged.lost.is_empty();
            store.close().await.unwrap();
        }
    }
    assert!(kept_some && lost_some, "the damage was too great or too small to show anything");
}

/// A file that ends within a page reads as a failure of the disk; it is none.
#[tokio::test]
async fn a_file_that_ends_within_a_page_is_corrupt() {
    let (dir, _) = folder().await;
    let store = open(dir.path()).await;
    let lease = store.create(new_run("large"), vec![]).await.unwrap();
    let large = record("k", json!("x".repeat(20_000)));
    store.commit(&lease, batch(vec![large])).await.unwrap();
    let run = lease.run();
    store.release(lease).await.unwrap();
    store.close().await.unwrap();
    let path = dir.path().join("state.db");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 1000]).unwrap();
    let store = open(dir.path()).await;
    assert!(is_corrupt(&store.records(run, 0).await));
    assert!(is_corrupt(&store.check(run).await));
}

#[tokio::test]
async fn a_held_run_or_a_newer_file_is_not_salvaged() {
    let (dir, run) = folder().await;
    let store = open(dir.path()).await;
    let lease = store.acquire(run).await.unwrap();
    let salvaged = SqliteStore::salvage(dir.path(), Settings::new("here"), None).await;
    assert!(matches!(salvaged, Err(Error::Held { .. })), "{salvaged:?}");
    drop(lease);
    store.close().await.unwrap();
    sql(dir.path(), "PRAGMA user_version = 99");
    let salvaged = SqliteStore::salvage(dir.path(), Settings::new("here"), None).await;
    assert!(matches!(salvaged, Err(Error::Newer { .. })), "{salvaged:?}");
}

#[tokio::test]
async fn a_folder_in_the_place_of_the_state_is_said_to_be_no_state() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("state.db")).unwrap();
    assert!(is_corrupt(&SqliteStore::open(dir.path(), "here").await));
}

/// Root may read everything, so the test shows nothing there and says so.
#[tokio::test]
async fn a_state_that_may_not_be_read_is_denied_not_corrupt() {
    use std::os::unix::fs::PermissionsExt as _;
    let (dir, _) = folder().await;
    let path = dir.path().join("state.db");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&path).is_ok() {
        println!("skipped: this user may read every file");
        return;
    }
    let error = SqliteStore::open(dir.path(), "here").await.unwrap_err();
    let denied = matches!(error, Error::Storage { class: StorageClass::Denied, .. });
    assert!(denied, "{error:?}");
}
