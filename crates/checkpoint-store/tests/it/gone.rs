//! A state file that is gone, or something else in its place: never taken for
//! a fresh start where runs were kept, and whatever was written is read from
//! what is left.

use std::fs;
use std::path::Path;

use checkpoint_store::{
    Batch, Error, RunId, RunStore as _, Salvaged, Settings, SqliteStore, StorageClass, Telling,
    ValueStore as _,
};
use serde_json::{Value, json};

use crate::conformance::{batch, finish, new_run, record, records};
use crate::files::{folder, sql};

async fn open(dir: &Path) -> Result<SqliteStore, Error> {
    SqliteStore::open(dir, "here").await
}

async fn salvage(dir: &Path) -> Salvaged {
    let opened = open(dir).await;
    let corrupt = Err(StorageClass::Corrupt);
    let class = opened.map(drop).map_err(|error| match error {
        Error::Storage { class, .. } => class,
        error => panic!("{error}"),
    });
    assert_eq!(class, corrupt);
    assert!(SqliteStore::is_there(dir));
    SqliteStore::salvage(dir, Settings::new("here"), None).await.unwrap()
}

/// The state of a process that was killed, without the file: everything that it wrote is in the log.
async fn killed_without_its_file() -> (tempfile::TempDir, RunId) {
    let (dir, left) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(dir.path()).await.unwrap();
    let lease = store.create(new_run("idea"), records(5)).await.unwrap();
    store.compare_and_swap("rests", None, json!({"a": 1})).await.unwrap();
    let lock = format!("locks/{}.lock", lease.run());
    fs::create_dir(left.path().join("locks")).unwrap();
    for name in ["state.db-wal", "state.db-shm", &lock] {
        fs::copy(dir.path().join(name), left.path().join(name)).unwrap();
    }
    (left, lease.run())
}

#[tokio::test]
async fn a_log_without_its_file_holds_what_was_written() {
    for emptied in [false, true] {
        let (dir, run) = killed_without_its_file().await;
        let log = fs::read(dir.path().join("state.db-wal")).unwrap();
        if emptied {
            fs::write(dir.path().join("state.db"), "").unwrap();
        }
        let salvaged = salvage(dir.path()).await;
        assert_eq!((salvaged.runs, salvaged.lost), (vec![(run, 5)], vec![]));
        let copies = dir.path().join("set-aside");
        assert_eq!(fs::read(copies.join("1-state.db-wal")).unwrap(), log, "as it was");
        assert!(dir.path().join(salvaged.set_aside.expect("a copy")).exists());
        let store = open(dir.path()).await.unwrap();
        assert_eq!(store.records(run, 0).await.unwrap().len(), 5);
        assert_eq!(store.get("rests").await.unwrap().unwrap().value, json!({"a": 1}));
        let lease = store.acquire(run).await.unwrap();
        assert_eq!(lease.epoch(), 3, "whoever held it before is shut out");
        assert_eq!(store.commit(&lease, batch(records(1))).await.unwrap()[0].seq, 6);
        let left = fs::read_dir(dir.path()).unwrap().flatten();
        let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
        assert_eq!(left.len(), 5, "state.db with its two logs, locks, copies: {left:?}");
    }
}

#[tokio::test]
async fn a_file_that_is_gone_with_its_log_is_no_fresh_start() {
    let (dir, run) = folder().await;
    sql(dir.path(), "PRAGMA wal_checkpoint(TRUNCATE)");
    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        let _ = fs::remove_file(dir.path().join(name));
    }
    let salvaged = salvage(dir.path()).await;
    assert_eq!(salvaged, Salvaged { runs: vec![], lost: vec![run], set_aside: None });
    assert!(open(dir.path()).await.unwrap().runs().await.unwrap().is_empty());
}

#[tokio::test]
async fn where_nothing_was_kept_all_begins_afresh() {
    let dir = tempfile::tempdir().unwrap();
    assert!(!SqliteStore::is_there(dir.path()));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "asking makes nothing");
    open(dir.path()).await.unwrap().close().await.unwrap();
    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        let _ = fs::remove_file(dir.path().join(name));
    }
    open(dir.path()).await.unwrap();
}

#[tokio::test]
async fn a_folder_in_the_place_of_the_state_is_set_aside_with_all_that_is_in_it() {
    let (dir, run) = killed_without_its_file().await;
    fs::create_dir(dir.path().join("state.db")).unwrap();
    fs::write(dir.path().join("state.db/note"), "mine").unwrap();
    let salvaged = salvage(dir.path()).await;
    assert_eq!(salvaged.runs, [(run, 5)], "the log is still good");
    let copy = dir.path().join(salvaged.set_aside.expect("a copy"));
    assert_eq!(fs::read_to_string(copy.join("note")).unwrap(), "mine");
    let store = open(dir.path()).await.unwrap();
    assert_eq!(store.records(run, 0).await.unwrap().len(), 5);
}

/// Folders among the copies are bounded like files.
#[tokio::test]
async fn the_oldest_copies_go_whatever_they_are() {
    let (dir, _) = folder().await;
    for _ in 0..18 {
        for name in ["state.db", "state.db-wal", "state.db-shm"] {
            let _ = fs::remove_file(dir.path().join(name));
        }
        fs::create_dir(dir.path().join("state.db")).unwrap();
        salvage(dir.path()).await;
    }
    assert_eq!(fs::read_dir(dir.path().join("set-aside")).unwrap().count(), 16);
}

/// A kill between the names: the whole new file is put in its place by whoever opens the state,
/// and the old log is not replayed into it.
#[tokio::test]
async fn a_new_file_that_is_whole_is_put_in_its_place_by_the_next_process() {
    for old in ["a file", "a folder", "nothing"] {
        let (good, run) = folder().await;
        sql(good.path(), "PRAGMA wal_checkpoint(TRUNCATE)");
        let (dir, other) = killed_without_its_file().await;
        fs::copy(good.path().join("state.db"), dir.path().join("state.db.whole")).unwrap();
        if old == "a file" {
            fs::write(dir.path().join("state.db"), "damaged").unwrap();
        }
        assert!(SqliteStore::is_there(dir.path()));
        let store = open(dir.path()).await.unwrap();
        let heads = store.runs().await.unwrap();
        assert_eq!(heads.iter().map(|head| head.id).collect::<Vec<_>>(), [run], "{old}");
        assert_ne!(run, other);
        assert!(!dir.path().join("state.db.whole").exists());
        assert_eq!(store.check_file().await.unwrap(), [""; 0]);
    }
}

fn damage_the_page_of_records(dir: &Path) {
    let file = dir.join("state.db");
    let state = rusqlite::Connection::open(&file).unwrap();
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'records'";
    let page = state.query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap() as usize;
    state.close().unwrap();
    let mut content = fs::read(&file).unwrap();
    content[(page - 1) * 4096..page * 4096].fill(0);
    fs::write(&file, content).unwrap();
}

/// What is told of a salvage is durable with it, and adds to what nobody was told before.
#[tokio::test]
async fn what_is_told_of_it_stands_in_the_new_file() {
    let (dir, run) = killed_without_its_file().await;
    for number in 1..=2 {
        if number == 2 {
            damage_the_page_of_records(dir.path());
        }
        let value = |salvaged: &Salvaged, before: Option<Value>| {
            let mut told = before.unwrap_or(json!([]));
            told.as_array_mut().unwrap().push(json!(salvaged.runs.len()));
            told
        };
        let telling = Telling { key: "told", value: Box::new(value) };
        let settings = Settings::new("here");
        SqliteStore::salvage(dir.path(), settings, Some(telling)).await.unwrap();
        let store = open(dir.path()).await.unwrap();
        let told = store.get("told").await.unwrap().unwrap();
        assert_eq!(told.value.as_array().unwrap().len(), number, "{told:?}");
        assert!(store.runs().await.unwrap().iter().all(|head| head.id == run));
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn what_a_repair_notes_is_written_in_the_same_step() {
    let (dir, run) = folder().await;
    sql(dir.path(), "DELETE FROM records WHERE seq = 3");
    let store = open(dir.path()).await.unwrap();
    let refused = store.repair(run, Some(Box::new(|_| Err(Error::Invalid("no"))))).await;
    assert!(matches!(refused, Err(Error::Invalid("no"))), "{refused:?}");
    assert_eq!(store.check(run).await.unwrap().good, 2, "nothing was changed");
    assert_eq!(store.check(run).await.unwrap().flaws.len(), 1);

    let note = |repaired: &checkpoint_store::Repaired| {
        let told = record("repaired", json!({ "lost": repaired.lost }));
        Ok(Batch { records: vec![told], ..finish("failed") })
    };
    let repaired = store.repair(run, Some(Box::new(note))).await.unwrap().unwrap();
    assert_eq!((repaired.cut_after, repaired.lost), (2, 3));
    let entries = store.records(run, 2).await.unwrap();
    assert_eq!((entries[0].seq, entries[0].kind.as_str()), (3, "repaired"));
    assert_eq!(entries[0].body, json!({ "lost": 3 }));
    assert_eq!(store.runs().await.unwrap()[0].finished.as_deref(), Some("failed"));
    assert_eq!(store.check(run).await.unwrap().flaws, []);
}
