//! Writes the files that `fixtures/journals/` keeps of every form this crate
//! ever had on disk: run it once, when the form changes, with the release that
//! is about to write it.
//!
//! `cargo run -p checkpoint-store --example freeze -- FOLDER` makes FOLDER/clean
//! (closed in peace) and FOLDER/killed (as a dead process leaves it, with its
//! newest commits in the write-ahead log alone), and FOLDER/export, each run
//! in the form that travels.

use std::error::Error;
use std::fs;
use std::path::Path;

use checkpoint_store::{
    Batch, Clock, NewRecord, NewRun, RunId, RunStore as _, Settings, SqliteStore, ValueStore as _,
};
use serde_json::json;
use ulid::Ulid;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).ok_or("the folder to write to is missing")?;
    let folder = Path::new(&folder);
    let (clean, killed) = (folder.join("clean"), folder.join("killed"));
    let settings = Settings {
        clock: Clock::fixed("2026-11-24T08:00:00.123456789Z".parse()?),
        ..Settings::new("frozen")
    };
    let store = SqliteStore::open_with(&clean, settings).await?;
    fill(&store).await?;
    fs::create_dir_all(&killed)?;
    for name in ["state.db", "state.db-wal"] {
        fs::copy(clean.join(name), killed.join(name))?;
    }
    let exports = folder.join("export");
    fs::create_dir_all(&exports)?;
    for number in [1, 2] {
        fs::write(exports.join(format!("{number}.jsonl")), store.export(run(number)).await?)?;
    }
    let connection = rusqlite::Connection::open(clean.join("state.db"))?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}

/// A finished run that was taken over once, an unfinished one with everything
/// that JSON can hold, and a value.
async fn fill(store: &SqliteStore) -> Result<(), checkpoint_store::Error> {
    let done = store.create(new_run(1, "001-numbers"), vec![record("run_started", 1)]).await?;
    store.commit(&done, batch((2..=4).map(|n| record("step_finished", n)), None)).await?;
    let run = done.run();
    store.release(done).await?;
    let done = store.acquire(run).await?;
    store.commit(&done, batch([record("run_finished", 5)], Some("completed"))).await?;
    store.release(done).await?;

    let open = store.create(new_run(2, "002-letters"), vec![record("run_started", 1)]).await?;
    let all = json!({
        "text": "grüße, \"quoted\"\n\u{1F600}\u{0000}",
        "numbers": [0, -1, u64::MAX, i64::MIN, 0.5],
        "nothing": null, "yes": true, "empty": [{}, [], ""],
        "long": "x".repeat(6000),
    });
    let body = NewRecord { kind: "facts".into(), body: all };
    store.commit(&open, batch([body, record("step_finished", 3)], None)).await?;
    store.release(open).await?;

    store.compare_and_swap("memory", None, json!({"breakers": []})).await?;
    store.compare_and_swap("memory", Some(1), json!({"breakers": ["a/b"]})).await?;
    Ok(())
}

fn run(number: u128) -> RunId {
    RunId::from(Ulid::from(0x0193_5d2f_0000_0000_0000_0000_0000_0000 + number))
}

fn new_run(number: u128, subject: &str) -> NewRun {
    NewRun {
        id: run(number),
        subject: subject.into(),
        attributes: json!({"branch": format!("belay/{subject}"), "digest": "d1", "n": 3}),
        fresh: false,
    }
}

fn record(kind: &str, n: u64) -> NewRecord {
    NewRecord { kind: kind.into(), body: json!({ "n": n }) }
}

fn batch(records: impl IntoIterator<Item = NewRecord>, finish: Option<&str>) -> Batch {
    Batch {
        records: records.into_iter().collect::<Vec<_>>(),
        finish: finish.map(Into::into),
        ..Batch::default()
    }
}
