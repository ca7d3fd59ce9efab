//! A disk that is really full, where this user may make one.

use std::fs;
use std::path::Path;
use std::process::Command;

use checkpoint_store::{Error, RunStore as _, SqliteStore, StorageClass};
use serde_json::json;

use crate::conformance::{batch, new_run, record, records};

/// A file system of one megabyte, gone when dropped.
struct Tiny<'a>(&'a Path);

impl<'a> Tiny<'a> {
    /// In the error why there is none: only root may mount.
    fn mount(at: &'a Path) -> Result<Self, String> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs"]).arg(at);
        let output = mount.output().map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(Self(at));
        }
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}

impl Drop for Tiny<'_> {
    fn drop(&mut self) {
        // Lazily: the store closes its files a moment after its handle.
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

/// Trap 27: a full disk is called full, costs nothing that was acknowledged,
/// and does not have to be told that there is room again.
#[tokio::test]
async fn a_full_disk_loses_nothing_and_is_gone_on_with_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let tiny = match Tiny::mount(dir.path()) {
        Ok(tiny) => tiny,
        Err(reason) => {
            println!("skipped: no file system can be mounted here: {reason}");
            return;
        }
    };
    let filler = dir.path().join("filler");
    fs::write(&filler, vec![1; 400 * 1024]).unwrap();
    let store = SqliteStore::open(dir.path(), "here").await.unwrap();
    let lease = store.create(new_run("idea"), records(1)).await.unwrap();
    let run = lease.run();
    let body = json!("x".repeat(3000));
    let mut acknowledged = 1;
    let error = loop {
        match store.commit(&lease, batch(vec![record("k", body.clone())])).await {
            Ok(_) => acknowledged += 1,
            Err(error) => break error,
        }
        assert!(acknowledged < 1000, "the disk never got full");
    };
    let full = matches!(error, Error::Storage { class: StorageClass::Full, .. });
    assert!(full, "{error:?}");
    assert_eq!(store.records(run, 0).await.unwrap().len(), acknowledged);
    assert_eq!(store.check(run).await.unwrap().flaws, []);

    fs::remove_file(&filler).unwrap();
    let entries = store.commit(&lease, batch(records(1))).await.unwrap();
    assert_eq!(entries[0].seq as usize, acknowledged + 1);
    store.release(lease).await.unwrap();
    store.close().await.unwrap();
    let again = SqliteStore::open(dir.path(), "here").await.unwrap();
    assert_eq!(again.records(run, 0).await.unwrap().len(), acknowledged + 1);
    again.close().await.unwrap();
    drop(tiny);
}
