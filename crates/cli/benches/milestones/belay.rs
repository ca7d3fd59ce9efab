//! The real binary on the whole job, and where its time went: the gaps between the phases of the
//! models are belay's own, each with the work that lies in it.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use simulated_models::Recorded;

use crate::git_calls::Traced;
use crate::models::Models;
use crate::phases::{Phase, check, critical_path, phases, skew};
use crate::project::Project;
use crate::table::Measured;

/// What belay does in each gap between two phases, in order.
pub(crate) const GAPS: [&str; 9] = [
    "before the first call: start, config, journal, idea",
    "analysis to plan",
    "plan to coders: branch, worktree, tests before any change",
    "milestone 1, coders to review: change sets, tree, diff, checks",
    "milestone 1 to 2: verdict, tests, commit, next work items",
    "milestone 2, coders to review",
    "milestone 2 to 3: verdict, tests, commit, next work items",
    "milestone 3, coders to review",
    "after the last call: verdict, tests, commit, clearing away, end",
];

/// A run of belay.
pub(crate) struct Whole {
    pub(crate) measured: Measured,
    /// As long as `GAPS`.
    pub(crate) gaps: Vec<Duration>,
    /// Within the phases: coders that start one after the other.
    pub(crate) skew: Duration,
    /// The project's test command, the run before any change included.
    pub(crate) tests: Duration,
    /// Rows of the journal.
    pub(crate) events: usize,
}

impl Whole {
    /// Belay's own time for each milestone: the gaps after its coders and after its review.
    pub(crate) fn milestones(&self) -> impl Iterator<Item = Duration> {
        self.gaps
            .iter()
            .skip(3)
            .step_by(2)
            .zip(self.gaps.iter().skip(4).step_by(2))
            .map(|(to_review, to_next)| *to_review + *to_next)
    }
}

/// One run from an empty state to its end; `traced` is filled with the git processes of the run.
pub(crate) async fn run(traced: Option<&mut Traced>) -> Result<(Whole, Vec<Recorded>)> {
    let project = Project::make()?;
    let models = Models::start().await?;
    project.configure(&models.server.base_url())?;
    let trace = traced.is_some().then(|| project.trace()).transpose()?;
    let command = command(&project);
    let begin = models.origin.elapsed();
    let output = tokio::task::spawn_blocking(move || ended(command)).await??;
    let end = models.origin.elapsed();
    let requests = models.server.requests();
    let found = phases(&requests)?;
    check(&found)?;
    let events = finished(&output)?;
    if let Some((traced, folder)) = traced.zip(trace) {
        *traced = Traced::read(&folder, &models, &borders(begin, &found, end))?;
    }
    project.check("belay/001-report")?;
    models.server.stop().await;
    let measured = Measured { wall: end - begin, critical: critical_path(&found) };
    let gaps = borders(begin, &found, end).iter().map(|(from, to)| *to - *from).collect();
    let whole =
        Whole { measured, gaps, skew: skew(&found), tests: tests(&events), events: events.len() };
    Ok((whole, requests))
}

fn command(project: &Project) -> std::process::Command {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_belay"));
    let mut command = project.command(program);
    command.args(["run", "--no-github", "--format", "json"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn ended(mut command: std::process::Command) -> Result<String> {
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "belay ended with {}: {said}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

/// From where to where belay was alone, as the server's stamps count.
fn borders(begin: Duration, phases: &[Phase], end: Duration) -> Vec<(Duration, Duration)> {
    let from = std::iter::once(begin).chain(phases.iter().map(|phase| phase.end));
    let to = phases.iter().map(|phase| phase.begin).chain(std::iter::once(end));
    from.zip(to).collect()
}

/// The events of a run that is completed; any other run was not the job.
fn finished(output: &str) -> Result<Vec<Value>> {
    let events: serde_json::Result<Vec<Value>> = output.lines().map(serde_json::from_str).collect();
    let events = events?;
    let last = events.last().context("no event")?;
    ensure!(last["status"] == "completed", "the run ended with {last}");
    Ok(events)
}

fn tests(events: &[Value]) -> Duration {
    let tested = events.iter().filter(|event| event["event"] == "tests_passed");
    let latencies = tested.filter_map(|event| event["latency_ms"].as_u64());
    latencies.map(Duration::from_millis).sum()
}
