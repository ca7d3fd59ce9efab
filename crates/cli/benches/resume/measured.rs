//! One measurement of each contender, and the table of all.

use std::fmt;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use checkpoint_store::{RunStore as _, SqliteStore};

use crate::project::Project;
use crate::story;

/// What is meant to be.
const AIM: Duration = Duration::from_millis(50);

/// A process that only starts and ends.
pub(crate) fn version(project: &Project) -> Result<Duration> {
    let began = Instant::now();
    let status = project.belay(&["--version"]).status()?;
    ensure!(status.success(), "belay --version: {status}");
    Ok(began.elapsed())
}

/// The records alone, with every checksum.
pub(crate) async fn read(project: &Project, records: usize) -> Result<Duration> {
    story::restore(project)?;
    let began = Instant::now();
    let store = SqliteStore::open(&project.state(), "bench").await?;
    let run = store.runs().await?.first().context("a run")?.id;
    let read = store.records(run, 0).await?.len();
    let took = began.elapsed();
    ensure!(read == records, "{read} records");
    store.close().await?;
    Ok(took)
}

/// From the start of the process to the row of the first step that it begins.
pub(crate) fn resume(project: &Project, records: usize) -> Result<Duration> {
    story::restore(project)?;
    let mut command = project.belay(&["resume", "--format", "json"]);
    let began = Instant::now();
    let mut belay = command.stdout(Stdio::piped()).spawn()?;
    let lines = BufReader::new(belay.stdout.take().context("its output")?).lines();
    let mut first = None;
    let mut resumed = false;
    for line in lines {
        let line = line?;
        let event: serde_json::Value = serde_json::from_str(&line)?;
        resumed |= event["event"] == "run_resumed" && event["seq"] == records + 1;
        if event["event"] == "step_started" {
            first = Some(began.elapsed());
            break;
        }
    }
    belay.kill()?;
    belay.wait()?;
    ensure!(resumed, "the run of {records} records was not gone on with");
    first.context("no step was begun")
}

/// Everything that was measured.
pub(crate) struct Figures {
    records: usize,
    bytes: usize,
    pub(crate) version: Vec<Duration>,
    pub(crate) read: Vec<Duration>,
    pub(crate) resume: Vec<Duration>,
}

impl Figures {
    pub(crate) fn new(records: usize, bytes: usize) -> Self {
        Self { records, bytes, version: Vec::new(), read: Vec::new(), resume: Vec::new() }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = self.bytes / (1024 * 1024);
        writeln!(f, "a run of {} records, {mib} MiB; {} rounds", self.records, self.resume.len())?;
        writeln!(f, "| | median | best | worst | over --version |")?;
        writeln!(f, "| --- | --- | --- | --- | --- |")?;
        let start = middle(&self.version);
        for (name, times) in [
            ("belay --version", &self.version),
            ("the records read with the store alone", &self.read),
            ("belay resume, to the first step", &self.resume),
        ] {
            let (best, worst) = (times.iter().min(), times.iter().max());
            let ratio = middle(times).as_secs_f64() / start.as_secs_f64();
            let [best, worst] = [best, worst].map(|time| ms(*time.unwrap_or(&Duration::ZERO)));
            writeln!(f, "| {name} | {} | {best} | {worst} | {ratio:.1} |", ms(middle(times)))?;
        }
        write!(f, "aim: {} to the first step", ms(AIM))
    }
}

/// The one in the middle: a machine that also does something else gives a few slow rounds.
fn middle(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
