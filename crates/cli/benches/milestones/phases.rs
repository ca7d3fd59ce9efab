//! The models' share of a run, from the server's own stamps: requests that overlap are one phase,
//! and a phase takes as long as its longest request. The sum is the critical path of the calls,
//! the time that no orchestrator can be faster than.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use simulated_models::Recorded;

use crate::models::MILESTONES;

/// Requests that overlap, in the order in which they came.
#[derive(Debug)]
pub(crate) struct Phase {
    pub(crate) requests: Vec<Recorded>,
    pub(crate) begin: Duration,
    pub(crate) end: Duration,
    longest: Duration,
}

/// The phases of a run in order; an error if a request has not ended.
pub(crate) fn phases(requests: &[Recorded]) -> Result<Vec<Phase>> {
    let mut phases: Vec<Phase> = Vec::new();
    for request in requests {
        let begin = request.received;
        let end = request.ended.context("a request that has not ended")?;
        let longest = end.saturating_sub(begin);
        match phases.last_mut().filter(|phase| begin < phase.end) {
            Some(phase) => {
                phase.requests.push(request.clone());
                phase.end = phase.end.max(end);
                phase.longest = phase.longest.max(longest);
            }
            None => phases.push(Phase { requests: vec![request.clone()], begin, end, longest }),
        }
    }
    Ok(phases)
}

/// The sum of each phase's longest request.
pub(crate) fn critical_path(phases: &[Phase]) -> Duration {
    phases.iter().map(|phase| phase.longest).sum()
}

/// What is between a phase's length and its longest request: the requests of coders that work
/// side by side do not leave at the same moment.
pub(crate) fn skew(phases: &[Phase]) -> Duration {
    let skew = |phase: &Phase| phase.end.saturating_sub(phase.begin + phase.longest);
    phases.iter().map(skew).sum()
}

/// That the run asked what this benchmark is about: anything else was not this job.
pub(crate) fn check(phases: &[Phase]) -> Result<()> {
    let asked: Vec<Vec<&str>> = phases
        .iter()
        .map(|phase| phase.requests.iter().filter_map(|one| one.schema.as_deref()).collect())
        .collect();
    let mut expected = vec![vec!["analysis"], vec!["plan"]];
    for (_, files) in MILESTONES {
        expected.extend([vec!["changes"; files.len()], vec!["review"]]);
    }
    ensure!(asked == expected, "the models were asked {asked:?}");
    Ok(())
}
