//! What only the inside of the store can bring about: a full disk, a file
//! that may not be written, a record from the future.

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::error::StorageClass;

async fn opened() -> (TempDir, SqliteStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path(), "here").await.unwrap();
    (dir, store)
}

async fn run_in(store: &SqliteStore) -> Lease {
    let new = NewRun {
        id: RunId::generate(),
        subject: "idea".into(),
        attributes: json!({}),
        fresh: false,
    };
    store.create(new, vec![]).await.unwrap()
}

fn batch(body: Value) -> Batch {
    Batch { records: vec![NewRecord { kind: "k".into(), body }], ..Batch::default() }
}

async fn pragma(store: &SqliteStore, name: &'static str, value: i64) {
    store
        .ask(move |connection, _| {
            // Some pragmas answer with a row, some do not.
            connection.execute_batch(&format!("PRAGMA {name} = {value}")).during("testing")
        })
        .await
        .unwrap();
}

fn class(error: &Error) -> StorageClass {
    match error {
        Error::Storage { class, .. } => *class,
        other => panic!("{other:?} is no failure of storage"),
    }
}

/// Trap 26: releases before 3.51.3 can corrupt a write-ahead log.
#[test]
fn the_bundled_sqlite_is_new_enough() {
    assert!(rusqlite::version_number() >= 3_051_003);
}

#[tokio::test]
async fn the_connection_is_durable_and_strict() {
    let (_dir, store) = opened().await;
    let read = |name: &'static str| {
        store.ask(move |connection, _| {
            connection
                .pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))
                .during("testing")
        })
    };
    assert_eq!(read("journal_mode").await.unwrap(), "wal".to_owned().into());
    assert_eq!(read("synchronous").await.unwrap(), 2.into());
    assert_eq!(read("foreign_keys").await.unwrap(), 1.into());
    assert_eq!(read("busy_timeout").await.unwrap(), 5000.into());
}

#[tokio::test]
async fn a_full_disk_is_said_to_be_full_and_the_run_goes_on_after_it() {
    let (_dir, store) = opened().await;
    let lease = run_in(&store).await;
    store.commit(&lease, batch(json!("first"))).await.unwrap();

    pragma(&store, "max_page_count", 1).await;
    let large = json!("x".repeat(1 << 20));
    let error = store.commit(&lease, batch(large.clone())).await.unwrap_err();
    assert_eq!(class(&error), StorageClass::Full);
    assert!(error.to_string().contains("full"), "{error}");

    pragma(&store, "max_page_count", 1 << 30).await;
    let entries = store.commit(&lease, batch(large)).await.unwrap();
    assert_eq!(entries[0].seq, 2, "the failed commit left nothing behind");
}

#[tokio::test]
async fn a_store_that_may_not_be_written_says_so() {
    let (_dir, store) = opened().await;
    let lease = run_in(&store).await;
    pragma(&store, "query_only", 1).await;
    let error = store.commit(&lease, batch(json!(1))).await.unwrap_err();
    assert_eq!(class(&error), StorageClass::ReadOnly);
}

/// Trap 24: an older reader refuses what it may not read and says why, while
/// it can still list the runs.
#[tokio::test]
async fn a_record_from_a_newer_release_is_refused_and_the_run_still_listed() {
    let (_dir, store) = opened().await;
    let lease = run_in(&store).await;
    let run = lease.run();
    store.commit(&lease, batch(json!(1))).await.unwrap();
    store
        .ask(move |connection, _| {
            let mut sealed = crate::record::Sealed {
                seq: 1,
                epoch: 1,
                at: jiff::Timestamp::UNIX_EPOCH,
                kind: "k".into(),
                version: 9,
                min_reader: 9,
                body: "{}".into(),
                checksum: Vec::new(),
            };
            sealed.checksum = sealed.sum(run, &sealed.at.to_string());
            connection
                .execute(
                    "UPDATE records SET at = ?1, version = 9, min_reader = 9, body = '{}',
                     checksum = ?2",
                    (sealed.at.to_string(), sealed.checksum),
                )
                .during("testing")
        })
        .await
        .unwrap();
    let error = store.records(run, 0).await.unwrap_err();
    assert!(matches!(error, Error::Newer { .. }), "{error:?}");
    assert!(error.to_string().contains("newer release"), "{error}");
    assert_eq!(store.runs().await.unwrap().len(), 1);
}

/// A caller that gives up while its commit waits in line loses the answer, not
/// the commit.
#[tokio::test]
async fn a_commit_whose_caller_gave_up_is_whole_or_not_there() {
    let (_dir, store) = opened().await;
    let lease = run_in(&store).await;
    {
        let commit = store.commit(&lease, batch(json!("given up")));
        let mut commit = std::pin::pin!(commit);
        // One look puts it in line; then it is dropped.
        drop(poll_once(commit.as_mut()).await);
    }
    let entries = store.commit(&lease, batch(json!("after"))).await.unwrap();
    assert_eq!(entries[0].seq, 2);
    let all = store.records(lease.run(), 0).await.unwrap();
    assert_eq!(all[0].body, json!("given up"));
}

async fn poll_once<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        let polled = std::pin::Pin::new(&mut future).poll(context);
        std::task::Poll::Ready(match polled {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

/// The lock must not stay with nobody when its taker is gone before the answer.
#[tokio::test]
async fn a_lease_whose_caller_gave_up_is_free_again() {
    let (_dir, store) = opened().await;
    let lease = run_in(&store).await;
    let run = lease.run();
    store.release(lease).await.unwrap();
    {
        let mut acquire = store.acquire(run);
        drop(poll_once(acquire.as_mut()).await);
    }
    // Requests are answered in order: the one given up is over by now.
    assert_eq!(store.acquire(run).await.unwrap().epoch(), 3);
}
