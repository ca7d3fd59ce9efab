//! How many git processes a run starts, and when: each costs the same few milliseconds whatever
//! it is asked, so their number says more than their content. Git itself keeps the account
//! (trace2), in a run apart from the timed ones.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::belay::{self, GAPS};
use crate::models::Models;

/// The git processes of one run.
#[derive(Default)]
pub(crate) struct Traced {
    /// How many of them in each of `GAPS`.
    pub(crate) by_gap: Vec<usize>,
    /// Those that were started while a model was being waited for.
    pub(crate) while_waiting: usize,
    /// How often each subcommand was started, and git's own time in it.
    pub(crate) by_name: BTreeMap<String, (usize, Duration)>,
}

struct Process {
    name: String,
    begin: Duration,
    elapsed: Duration,
}

pub(crate) async fn counted() -> Result<Traced> {
    let mut traced = Traced::default();
    belay::run(Some(&mut traced)).await?;
    Ok(traced)
}

impl Traced {
    /// `gaps` are from where to where belay was alone.
    pub(crate) fn read(
        folder: &Path,
        models: &Models,
        gaps: &[(Duration, Duration)],
    ) -> Result<Self> {
        let mut traced = Self { by_gap: vec![0; GAPS.len()], ..Self::default() };
        for entry in std::fs::read_dir(folder)? {
            let text = std::fs::read_to_string(entry?.path())?;
            let process = process(&text, models.origin_at).context("an account of git's")?;
            let named = traced.by_name.entry(process.name).or_default();
            *named = (named.0 + 1, named.1 + process.elapsed);
            let within = |(from, to): &(Duration, Duration)| (*from..*to).contains(&process.begin);
            match gaps.iter().position(within).and_then(|gap| traced.by_gap.get_mut(gap)) {
                Some(count) => *count += 1,
                None => traced.while_waiting += 1,
            }
        }
        Ok(traced)
    }

    pub(crate) fn total(&self) -> usize {
        self.by_gap.iter().sum::<usize>() + self.while_waiting
    }
}

/// One process from its own lines: begun at the first, named by `cmd_name`, over at the last.
fn process(text: &str, origin_at: SystemTime) -> Result<Process> {
    let lines: serde_json::Result<Vec<Value>> = text.lines().map(serde_json::from_str).collect();
    let lines = lines?;
    let of = |event: &str| lines.iter().find(|line| line["event"] == event);
    let stamp = lines.first().and_then(|line| line["time"].as_str()).context("no stamp")?;
    let begun_at: jiff::Timestamp = stamp.parse()?;
    let origin = origin_at.duration_since(UNIX_EPOCH)?;
    let name = of("cmd_name").and_then(|line| line["name"].as_str()).unwrap_or("other");
    let seconds = of("atexit").and_then(|line| line["t_abs"].as_f64()).unwrap_or_default();
    Ok(Process {
        name: name.to_owned(),
        // Before the server only the project itself is made.
        begin: begun_at.as_duration().unsigned_abs().saturating_sub(origin),
        elapsed: Duration::from_secs_f64(seconds),
    })
}
