//! `belay chaos`: how often runs come through when models fail by chance, protection by
//! protection, on the same seeds.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use futures::stream::{self, StreamExt as _};
use orchestrator::Shutdown;

use crate::args::{ChaosArgs, Global};
use crate::chaos::idea::Complexity;
use crate::chaos::nest::Nest;
use crate::chaos::outcome::Outcome;
use crate::chaos::report::{Report, Setting};
use crate::chaos::trial::Trial;
use crate::chaos::weather::Weather;
use crate::chaos::{plot, table};
use crate::environment::Surroundings;
use crate::error::{Code, CommandError, CommandResult, fail};
use crate::exit::Exit;
use crate::printer::{Printer, Tone};
use crate::signals;

/// How often it is said how far things are.
const TOLD: usize = 10;

/// `belay chaos`. Ends with 1 if a run failed with everything on.
pub(crate) async fn run(
    global: &Global,
    surroundings: Surroundings,
    printer: Arc<Printer>,
    args: ChaosArgs,
) -> CommandResult {
    if global.repo.is_some() || global.config.is_some() {
        return Err(fail(Code::Flag, "chaos makes its repositories and its config itself"));
    }
    let setting = setting(&args);
    let page = args.html.as_deref().map(|path| surroundings.resolve(path));
    if let Some(page) = &page {
        writable(page)?;
    }
    let stop = Shutdown::new();
    signals::watch(&stop, &printer)?;
    let nest = Nest::make(&surroundings).await?;
    let worked = work(&setting, args.jobs(), &nest, &stop, &printer).await;
    let removed = nest.remove();
    let outcomes = worked?;
    removed?;
    if stop.trigger().is_some() {
        printer.error(
            None,
            "stopped before its end: nothing can be told of a part, and nothing is left",
        );
        return Ok(Exit::Killed);
    }
    let report = Report::new(setting, outcomes);
    if let Some(page) = &page {
        fs::write(page, plot::page(&report))?;
        printer.say(Tone::Plain, &format!("[CHAOS] the plot is {}", page.display()));
    }
    if printer.json() {
        printer.data(&report);
    } else {
        table::lines(&report).iter().for_each(|line| printer.verbatim(line));
    }
    match report.broken_promise() {
        None => Ok(Exit::Success),
        Some(broken) => Err(anyhow::anyhow!(broken).into()),
    }
}

/// Works on all trials, some at the same time; fewer outcomes than trials if it was stopped.
async fn work(
    setting: &Setting,
    jobs: usize,
    nest: &Nest,
    stop: &Shutdown,
    printer: &Printer,
) -> Result<Vec<Outcome>, CommandError> {
    let trials = trials(setting);
    let all = trials.len();
    let step = all.div_ceil(TOLD).max(1);
    let begun = trials.into_iter().map(|trial| async move {
        if stop.trigger().is_some() { Ok(None) } else { trial.work(nest, stop).await }
    });
    let mut working = stream::iter(begun).buffer_unordered(jobs);
    let mut outcomes = Vec::with_capacity(all);
    while let Some(outcome) = working.next().await {
        outcomes.extend(outcome?);
        let done = outcomes.len();
        if done > 0 && done.is_multiple_of(step) && stop.trigger().is_none() {
            printer.say(Tone::Plain, &format!("[CHAOS] {done} of {all} runs"));
        }
    }
    Ok(outcomes)
}

/// Every run of every arm; arms of one run stand side by side, so that none has the machine to
/// itself.
fn trials(setting: &Setting) -> Vec<Trial> {
    let arms = |weather: Weather, number: usize| {
        setting.arms.iter().map(move |arm| Trial { arm: *arm, number, weather })
    };
    let runs = setting.correlations.iter().flat_map(|correlation| {
        (0..setting.runs).map(move |number| {
            let weather = Weather {
                seed: setting.seed,
                run: u64::try_from(number).unwrap_or(u64::MAX),
                in_thousand: in_thousand(setting.rate),
                mix: setting.mix,
                correlation: *correlation,
                complexity: Complexity::of_run(number),
            };
            (weather, number)
        })
    });
    runs.flat_map(|(weather, number)| arms(weather, number)).collect()
}

fn setting(args: &ChaosArgs) -> Setting {
    let mut correlations = args.correlation.clone();
    correlations.sort_unstable();
    correlations.dedup();
    let mut arms = args.arms.clone();
    arms.sort_unstable();
    arms.dedup();
    Setting {
        runs: args.runs,
        seed: args.seed,
        rate: f64::from(in_thousand(args.rate)) / 10.0,
        mix: args.mix,
        correlations,
        arms,
        command: args.again(),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is between 0 and 100"
)]
fn in_thousand(rate: f64) -> u16 {
    (rate * 10.0).round() as u16
}

/// Refuses a place for the plot before hours are spent on it.
fn writable(page: &Path) -> Result<(), CommandError> {
    let folder = page.parent().filter(|folder| !folder.as_os_str().is_empty());
    if page.is_dir() || folder.is_some_and(|folder| !folder.is_dir()) {
        return Err(fail(Code::InTheWay, format!("--html: {} cannot be written", page.display())));
    }
    Ok(())
}
