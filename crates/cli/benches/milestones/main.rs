//! How much of a run is belay, and how much is waiting for models.
//!
//! Nine files in three milestones, three coders, models that answer after exactly 400 ms. What the
//! models take cannot be saved; everything above it is belay's own, and grows unseen unless it is
//! measured: a git process here, a row made durable there. `docs/benchmarks.md` says how to read
//! the table.
#![expect(clippy::print_stdout, reason = "the table is what a benchmark is for")]
#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock, and starts processes without the crate it measures"
)]

mod belay;
mod git_calls;
mod models;
mod phases;
mod project;
mod rivals;
mod table;

use anyhow::{Context, Result};

use crate::rivals::{Coders, Job};
use crate::table::Figures;

/// Rounds where `BELAY_BENCH_RUNS` does not say.
const RUNS: usize = 5;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let figures = runtime.block_on(measure(runs()?))?;
    println!("{figures}");
    Ok(())
}

/// `cargo bench` says `--bench`; without it (`cargo test --benches`) one round shows that the
/// benchmark still works.
fn runs() -> Result<usize> {
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(1);
    }
    let Some(wanted) = std::env::var_os("BELAY_BENCH_RUNS") else { return Ok(RUNS) };
    let wanted = wanted.to_str().and_then(|text| text.parse().ok()).filter(|runs| *runs > 0);
    wanted.context("BELAY_BENCH_RUNS is not a number above 0")
}

/// The contenders take their places in every round, so that another load of the machine meets
/// all of them.
async fn measure(runs: usize) -> Result<Figures> {
    let mut figures = Figures::default();
    for round in 1..=runs {
        println!("round {round} of {runs}");
        let (whole, requests) = belay::run(None).await.context("belay")?;
        let job = Job::of(&requests)?;
        figures.floor.push(rivals::floor(&job).await.context("floor")?);
        figures.naive.push(rivals::naive(&job, Coders::InTurn).await.context("naive")?);
        figures.naive_parallel.push(rivals::naive(&job, Coders::AtOnce).await.context("naive")?);
        figures.belay.push(whole);
    }
    figures.calls = git_calls::counted().await.context("git processes")?;
    figures.processes = Some(rivals::processes().await.context("a git process")?);
    Ok(figures)
}
