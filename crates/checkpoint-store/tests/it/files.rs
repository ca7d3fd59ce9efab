//! What rests in the folder: who may see it, and how damage to it shows.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use checkpoint_store::{
    Error, RunId, RunStore as _, Settings, SqliteStore, StorageClass, ValueStore as _,
};
use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;

use crate::conformance::{batch, new_run, records};

/// A folder with one released run of five records.
pub(crate) async fn folder() -> (TempDir, RunId) {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path(), "here").await.unwrap();
    let lease = store.create(new_run("idea"), records(5)).await.unwrap();
    let run = lease.run();
    store.release(lease).await.unwrap();
    store.close().await.unwrap();
    (dir, run)
}

pub(crate) fn sql(dir: &Path, statement: &str) {
    let connection = Connection::open(dir.join("state.db")).unwrap();
    connection.execute_batch(statement).unwrap();
}

async fn first_damaged(dir: &Path, run: RunId) -> u64 {
    let store = SqliteStore::open(dir, "here").await.unwrap();
    match store.records(run, 0).await {
        Err(Error::Damaged { run: of, seq }) if of == run => seq,
        other => panic!("expected damage, got {other:?}"),
    }
}

#[tokio::test]
async fn the_folder_is_for_its_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let belay = dir.path().join("git").join("belay");
    SqliteStore::open(&belay, "here").await.unwrap();
    let mode = fs::metadata(&belay).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test]
async fn what_was_committed_is_there_for_the_next_to_open() {
    let (dir, run) = folder().await;
    let store = SqliteStore::open(dir.path(), "here").await.unwrap();
    assert_eq!(store.records(run, 0).await.unwrap().len(), 5);
    assert_eq!(store.acquire(run).await.unwrap().epoch(), 2);
}

#[tokio::test]
async fn a_changed_record_in_the_middle_is_named() {
    for change in [
        "UPDATE records SET body = '{\"n\":99}' WHERE seq = 3",
        "UPDATE records SET kind = 'other' WHERE seq = 3",
        "UPDATE records SET epoch = 2 WHERE seq = 3",
        "UPDATE records SET at = 'yesterday' WHERE seq = 3",
        "UPDATE records SET min_reader = 2 WHERE seq = 3",
        "UPDATE records SET version = -1 WHERE seq = 3",
        "UPDATE records SET checksum = x'00' WHERE seq = 3",
        "DELETE FROM records WHERE seq = 3",
    ] {
        let (dir, run) = folder().await;
        sql(dir.path(), change);
        assert_eq!(first_damaged(dir.path(), run).await, 3, "{change}");
        let store = SqliteStore::open(dir.path(), "here").await.unwrap();
        let after = store.records(run, 3).await.unwrap();
        assert_eq!(after.len(), 2, "the records after it can still be read");
    }
}

#[tokio::test]
async fn a_missing_tail_is_damage_not_an_earlier_state() {
    let (dir, run) = folder().await;
    sql(dir.path(), "DELETE FROM records WHERE seq >= 4");
    assert_eq!(first_damaged(dir.path(), run).await, 4);
}

#[tokio::test]
async fn a_damaged_value_can_be_overwritten_by_who_read_its_damage() {
    let (dir, _) = folder().await;
    let store = SqliteStore::open(dir.path(), "here").await.unwrap();
    store.compare_and_swap("rests", None, json!(1)).await.unwrap();
    sql(dir.path(), r#"UPDATE "values" SET value = '{torn'"#);
    let Err(Error::DamagedValue { key, revision }) = store.get("rests").await else {
        panic!("the damage went unnoticed");
    };
    assert_eq!(key, "rests");
    let mended = store.compare_and_swap("rests", Some(revision), json!(2));
    assert_eq!(mended.await.unwrap(), 2);
}

/// Trap 24: the older binary does not touch what the newer one wrote.
#[tokio::test]
async fn a_newer_shape_is_refused_in_plain_words_and_left_alone() {
    let (dir, _) = folder().await;
    sql(dir.path(), "PRAGMA user_version = 3");
    let before = fs::read(dir.path().join("state.db")).unwrap();
    let error = SqliteStore::open(dir.path(), "here").await.unwrap_err();
    assert!(matches!(error, Error::Newer { .. }), "{error:?}");
    assert!(error.to_string().contains("newer release"), "{error}");
    assert_eq!(fs::read(dir.path().join("state.db")).unwrap(), before);
}

/// Trap 27: the words in the file must not decide what the person is told.
#[tokio::test]
async fn a_corrupt_file_is_called_corrupt_with_its_raw_message() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("state.db"), "disk full\n".repeat(1000)).unwrap();
    let error = SqliteStore::open(dir.path(), "here").await.unwrap_err();
    let Error::Storage { class, message, .. } = &error else {
        panic!("expected a failure of storage, got {error:?}");
    };
    assert_eq!(*class, StorageClass::Corrupt);
    assert!(error.to_string().contains(message.as_str()));
    assert!(!error.to_string().contains("no room"), "{error}");
}

#[tokio::test]
async fn another_writer_is_waited_for_only_so_long() {
    let (dir, run) = folder().await;
    let settings = Settings { busy_timeout: Duration::from_millis(20), ..Settings::new("here") };
    let store = SqliteStore::open_with(dir.path(), settings).await.unwrap();
    let lease = store.acquire(run).await.unwrap();

    let other = Connection::open(dir.path().join("state.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.commit(&lease, batch(records(1))).await.unwrap_err();
    let busy = matches!(error, Error::Storage { class: StorageClass::Busy, .. });
    assert!(busy, "{error:?}");
    // Reading goes on meanwhile.
    assert_eq!(store.records(run, 0).await.unwrap().len(), 5);
    other.execute_batch("ROLLBACK").unwrap();
    let entries = store.commit(&lease, batch(records(1))).await.unwrap();
    assert_eq!(entries[0].seq, 6);
}

#[tokio::test]
async fn a_run_that_was_not_made_leaves_no_lock_behind() {
    let (dir, run) = folder().await;
    let store = SqliteStore::open(dir.path(), "here").await.unwrap();
    let refused = store.create(new_run("idea"), vec![]).await;
    assert!(matches!(refused, Err(Error::Unfinished { .. })));
    assert!(store.acquire(RunId::generate()).await.is_err());
    let mut left: Vec<_> = fs::read_dir(dir.path().join("locks"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, [format!("{run}.lock"), "open.lock".into()]);
}

#[tokio::test]
async fn closing_waits_for_the_last_handle_and_gives_up_on_one_that_stays() {
    let (dir, _) = folder().await;
    let settings = Settings { busy_timeout: Duration::from_millis(20), ..Settings::new("here") };
    let store = SqliteStore::open_with(dir.path(), settings).await.unwrap();
    let other = store.clone();
    let stays = store.close().await;
    assert!(matches!(stays, Err(Error::Storage { class: StorageClass::Busy, .. })), "{stays:?}");
    other.close().await.unwrap();
    assert!(!dir.path().join("state.db-wal").exists(), "closed in peace, without a log");
}
