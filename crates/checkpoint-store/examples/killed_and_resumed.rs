//! Work that is broken off in the middle and gone on with by another process: `cargo run -p
//! checkpoint-store --example killed_and_resumed`.
//!
//! The process that dies is played by a store that is dropped with its lease. What it was told is
//! written is there for the next one, and nothing is done twice.

#![expect(clippy::print_stdout, reason = "an example that shows what happens")]

use std::path::Path;

use checkpoint_store::{
    Batch, Lease, NewRecord, NewRun, RunId, RunStore as _, SqliteStore, ValueStore as _,
};
use serde_json::json;

type Failure = Box<dyn std::error::Error>;

const STEPS: [&str; 4] = ["fetch", "convert", "check", "publish"];

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let run = RunId::generate();

    println!("the first process");
    let store = SqliteStore::open(folder.path(), "here").await?;
    let attributes = json!({"steps": STEPS});
    let new = NewRun { id: run, subject: "tides".into(), attributes, fresh: false };
    let lease = store.create(new, Vec::new()).await?;
    for step in &STEPS[..2] {
        finish(&store, &lease, step).await?;
    }
    store.compare_and_swap("breakers", None, json!({"api": "OPEN"})).await?;
    println!("  dies");
    drop(lease);
    drop(store);

    println!("the second process");
    go_on(folder.path(), run).await
}

async fn go_on(folder: &Path, run: RunId) -> Result<(), Failure> {
    let store = SqliteStore::open(folder, "here").await?;
    let lease = store.acquire(run).await?;
    println!("  holds the run with epoch {}", lease.epoch());
    if let Some(known) = store.get("breakers").await? {
        println!("  knows what the first one learned: {}", known.value);
    }
    let done = store.records(run, 0).await?;
    for step in STEPS {
        if done.iter().any(|entry| entry.body["step"] == step) {
            println!("  {step} was done before");
        } else {
            finish(&store, &lease, step).await?;
        }
    }
    let end = Batch { finish: Some("completed".to_owned()), ..Batch::default() };
    store.commit(&lease, end).await?;
    store.release(lease).await?;
    println!("  and the export of it is {} bytes", store.export(run).await?.len());
    store.close().await?;
    Ok(())
}

async fn finish(store: &SqliteStore, lease: &Lease, step: &str) -> Result<(), Failure> {
    let record = NewRecord { kind: "step_finished".to_owned(), body: json!({"step": step}) };
    let batch = Batch { records: vec![record], ..Batch::default() };
    let written = store.commit(lease, batch).await?;
    println!("  {step} is written as record {}", written.last().map_or(0, |entry| entry.seq));
    Ok(())
}
