//! What one durable record costs, over the least that it can cost, and how
//! long a run of 10,000 of them takes to read.
//!
//! Every round writes the same bytes twice into one folder: bare, as an append
//! and an fdatasync, and through the store. They take turns, record by record,
//! so that another load of the machine meets both. `docs/benchmarks-store.md`
//! says how to read the table.
#![expect(clippy::print_stdout, reason = "the table is what a benchmark is for")]

mod clock;

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use checkpoint_store::{Batch, MAX_BATCH_RECORDS, NewRecord, NewRun, RunId, RunStore, SqliteStore};
use serde_json::json;

use crate::clock::timed;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Appends of each kind where `--bench` is given; few otherwise.
const APPENDS: usize = 4000;
/// Appends before the first that counts.
const WARM: usize = 200;
/// Records of the run that is read.
const RECORDS: usize = 10_000;

#[tokio::main]
async fn main() -> Outcome<()> {
    let whole = std::env::args().any(|argument| argument == "--bench");
    let (appends, records) = if whole { (APPENDS, RECORDS) } else { (20, 200) };
    // A real disk: temporary folders are often memory.
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    for bytes in [200, 1000, 8000] {
        measure_appends(dir.path(), bytes, appends).await?;
    }
    measure_reads(dir.path(), records).await
}

async fn measure_appends(dir: &Path, bytes: usize, appends: usize) -> Outcome<()> {
    let store = SqliteStore::open(&dir.join(format!("store-{bytes}")), "bench").await?;
    let lease = store.create(new_run("appends"), vec![]).await?;
    let record = NewRecord { kind: "step_finished".into(), body: json!({"x": "x".repeat(bytes)}) };
    let mut line = record.body.to_string();
    line.push('\n');
    let mut file =
        OpenOptions::new().append(true).create(true).open(dir.join(format!("raw-{bytes}")))?;
    let (mut raw, mut stored) = (Vec::new(), Vec::new());
    for round in 0..WARM + appends {
        let (outcome, bare) = timed(async { append(&mut file, line.as_bytes()) }).await;
        outcome?;
        let batch = Batch { records: vec![record.clone()], ..Batch::default() };
        let (outcome, ours) = timed(store.commit(&lease, batch)).await;
        outcome?;
        if round >= WARM {
            raw.push(bare);
            stored.push(ours);
        }
    }
    let (raw, stored) = (Spread::of(raw), Spread::of(stored));
    println!("append of {bytes} bytes, {appends} times each, in turns");
    println!("  bare append and fdatasync  {raw}");
    println!("  checkpoint-store           {stored}");
    println!(
        "  ratio                      median {:.2}, 99th percentile {:.2}",
        stored.median.as_secs_f64() / raw.median.as_secs_f64(),
        stored.late.as_secs_f64() / raw.late.as_secs_f64(),
    );
    Ok(())
}

fn append(file: &mut File, line: &[u8]) -> std::io::Result<()> {
    file.write_all(line)?;
    file.sync_data()
}

async fn measure_reads(dir: &Path, records: usize) -> Outcome<()> {
    let dir = dir.join("reads");
    let run = {
        let store = SqliteStore::open(&dir, "bench").await?;
        let lease = store.create(new_run("reads"), vec![]).await?;
        let body = json!({"milestone": 2, "item": 1, "text": "x".repeat(300)});
        let record = NewRecord { kind: "step_finished".into(), body };
        let mut left = records;
        while left > 0 {
            let now = left.min(MAX_BATCH_RECORDS);
            let batch = Batch { records: vec![record.clone(); now], ..Batch::default() };
            store.commit(&lease, batch).await?;
            left -= now;
        }
        lease.run()
    };
    let (mut opened, mut read, mut tail) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..20 {
        let (store, time) = timed(SqliteStore::open(&dir, "bench")).await;
        opened.push(time);
        let store = store?;
        let (entries, time) = timed(store.records(run, 0)).await;
        read.push(time);
        if entries?.len() != records {
            return Err("records are missing".into());
        }
        let (entries, time) = timed(store.records(run, records as u64 - 10)).await;
        tail.push(time);
        entries?;
    }
    println!("a run of {records} records, 20 times");
    println!("  open                       {}", Spread::of(opened));
    println!("  read and check all         {}", Spread::of(read));
    println!("  read and check the last 10 {}", Spread::of(tail));
    Ok(())
}

fn new_run(subject: &str) -> NewRun {
    NewRun { id: RunId::generate(), subject: subject.into(), attributes: json!({}), fresh: false }
}

/// The median and the 99th percentile.
struct Spread {
    median: Duration,
    late: Duration,
}

impl Spread {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |percent: usize| {
            let place = (times.len() * percent / 100).min(times.len().saturating_sub(1));
            times.get(place).copied().unwrap_or_default()
        };
        Self { median: at(50), late: at(99) }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let us = |time: Duration| time.as_secs_f64() * 1e6;
        write!(f, "median {:8.0} µs, 99th percentile {:8.0} µs", us(self.median), us(self.late))
    }
}
