//! How long a run that has gone on for weeks takes to go on again: from the start of the process
//! to the first step that it begins, which is a row on the disk.
//!
//! Beside it stand `belay --version`, which does nothing but start, and reading the same records
//! with the store alone. `docs/benchmarks-resume.md` says how to read the table.
#![expect(clippy::print_stdout, reason = "the table is what a benchmark is for")]
#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock, and starts processes without the crate it measures"
)]

mod measured;
mod project;
mod story;

use anyhow::{Context, Result};

use crate::measured::Figures;
use crate::project::Project;

/// Records of the run, and how often it is gone on with, for a figure.
const RECORDS: usize = 10_000;
const RUNS: usize = 15;
/// The same where it is only shown that the benchmark still works.
const FEW_RECORDS: usize = 300;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    println!("{}", runtime.block_on(measure())?);
    Ok(())
}

async fn measure() -> Result<Figures> {
    // `cargo bench` says `--bench`, `cargo test --benches` does not.
    let in_earnest = std::env::args().any(|argument| argument == "--bench");
    let (records, runs) = if in_earnest { (RECORDS, RUNS) } else { (FEW_RECORDS, 1) };
    let project = Project::make().await?;
    let bytes = story::tell(&project, records).await.context("a long journal")?;
    let mut figures = Figures::new(records, bytes);
    // All of them in each round, so that another load of the machine meets all.
    for _ in 0..runs {
        figures.version.push(measured::version(&project)?);
        figures.read.push(measured::read(&project, records).await?);
        figures.resume.push(measured::resume(&project, records)?);
    }
    project.server.stop().await;
    Ok(figures)
}
