//! Files of every form that was ever on disk, as releases of old wrote them:
//! each opens and says what it said then. `examples/freeze.rs` makes them.

use std::fs;
use std::path::{Path, PathBuf};

use checkpoint_store::{MemoryStore, RunHead, RunStore, SqliteStore, ValueStore as _};
use serde_json::json;
use tempfile::TempDir;

use crate::conformance::{batch, records};

fn frozen() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/journals")
}

/// A copy, since opening brings a file to the present form.
fn thawed(folder: &Path) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), dir.path().join(entry.file_name())).unwrap();
    }
    dir
}

fn shapes() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(frozen())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("shape-"))
        .flat_map(|shape| [shape.join("clean"), shape.join("killed")])
        .collect();
    found.sort();
    found
}

async fn says_what_it_said(store: &dyn RunStore, heads: &[RunHead]) {
    let told: Vec<_> = heads
        .iter()
        .map(|head| (head.subject.as_str(), head.finished.as_deref(), head.created_at.to_string()))
        .collect();
    let at = "2026-11-24T08:00:00.123456789Z".to_owned();
    let expected =
        [("002-letters", None, at.clone()), ("001-numbers", Some("completed"), at.clone())];
    assert_eq!(told, expected);
    let attributes = json!({"branch": "belay/001-numbers", "digest": "d1", "n": 3});
    assert_eq!(heads[1].attributes, attributes);

    let done = store.records(heads[1].id, 0).await.unwrap();
    let told: Vec<_> = done.iter().map(|entry| (entry.kind.as_str(), entry.epoch)).collect();
    let expected = [
        ("run_started", 1),
        ("step_finished", 1),
        ("step_finished", 1),
        ("step_finished", 1),
        ("run_finished", 2),
    ];
    assert_eq!(told, expected);
    assert_eq!(done[4].body, json!({"n": 5}));
    let open = store.records(heads[0].id, 0).await.unwrap();
    assert_eq!(open.len(), 3);
    assert_eq!(open[1].body["text"], "grüße, \"quoted\"\n\u{1F600}\u{0000}");
    assert_eq!(open[1].body["numbers"], json!([0, -1, u64::MAX, i64::MIN, 0.5]));
    assert_eq!(open[1].body["long"].as_str().unwrap().len(), 6000);
}

#[tokio::test]
async fn every_form_that_ever_was_opens_and_is_gone_on_with() {
    let shapes = shapes();
    assert!(shapes.len() >= 4, "a form is missing: {shapes:?}");
    for shape in shapes {
        let dir = thawed(&shape);
        let store = SqliteStore::open(dir.path(), "here").await.unwrap();
        let heads = store.runs().await.unwrap();
        says_what_it_said(&store, &heads).await;
        let value = store.get("memory").await.unwrap().unwrap();
        assert_eq!((value.revision, value.value), (2, json!({"breakers": ["a/b"]})));
        assert_eq!(store.check_file().await.unwrap(), [""; 0], "{}", shape.display());
        for head in &heads {
            assert_eq!(store.check(head.id).await.unwrap().flaws, []);
        }
        let lease = store.acquire(heads[0].id).await.unwrap();
        assert_eq!(lease.epoch(), 2);
        let entries = store.commit(&lease, batch(records(1))).await.unwrap();
        assert_eq!(entries[0].seq, 4);
        assert_eq!(store.compare_and_swap("memory", Some(2), json!(3)).await.unwrap(), 3);
        // Once in the present form, it opens again as it is.
        drop((store, lease));
        let again = SqliteStore::open(dir.path(), "here").await.unwrap();
        assert_eq!(again.records(heads[0].id, 0).await.unwrap().len(), 4);
    }
}

/// The form that is written now has its file too.
#[tokio::test]
async fn the_present_form_is_frozen() {
    let dir = tempfile::tempdir().unwrap();
    drop(SqliteStore::open(dir.path(), "here").await.unwrap());
    let connection = rusqlite::Connection::open(dir.path().join("state.db")).unwrap();
    let shape: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert!(frozen().join(format!("shape-{shape}")).is_dir(), "see examples/freeze.rs");
    let store = MemoryStore::new();
    let lease = store.create(crate::conformance::new_run("idea"), vec![]).await.unwrap();
    let export = store.export(lease.run()).await.unwrap();
    let form: serde_json::Value =
        serde_json::from_slice(export.split(|byte| *byte == b'\n').next().unwrap()).unwrap();
    assert!(frozen().join(format!("export-{}", form["export"])).is_dir(), "see examples/freeze.rs");
}

#[tokio::test]
async fn every_export_that_ever_was_is_taken() {
    let store = MemoryStore::new();
    for (form, run) in [("export-1", 1), ("export-1", 2)] {
        let export = fs::read(frozen().join(form).join(format!("{run}.jsonl"))).unwrap();
        let imported = store.import(export.clone()).await.unwrap();
        assert!(!imported.torn);
        assert!(store.export(imported.run).await.unwrap() == export, "{form}");
    }
    let heads = store.runs().await.unwrap();
    says_what_it_said(&store, &heads).await;
}
