//! `cargo xtask agents test`: the fakes, and every program through every trouble, as tables.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use super::outcome::{HEAD, Outcome};
use super::trial::{Link, Mode, Trial, Trouble};
use super::{PROGRAMS, fakes, leftovers};
use crate::cargo::{Cargo, say};
use crate::process::{self, Running};

/// The longest a start of belay may take.
const LONGEST: Duration = Duration::from_secs(240);
const SOON: Duration = Duration::from_secs(60);

const ALL: [Trouble; 6] = [
    Trouble::None,
    Trouble::Status(429),
    Trouble::Status(500),
    Trouble::Status(401),
    Trouble::Stall,
    Trouble::Cut,
];
const SIGNALS: [Trouble; 2] = [Trouble::Signal("TERM"), Trouble::Signal("KILL")];
const SHORT: [Trouble; 2] = [Trouble::None, Trouble::Status(429)];

/// What is tried.
pub(super) struct Chosen {
    /// Only this program, or only the `relay`.
    pub(super) program: Option<String>,
    /// Only an answer, a milestone and one failure.
    pub(super) short: bool,
}

impl Chosen {
    fn trials(&self) -> anyhow::Result<Vec<Trial>> {
        let named = self.program.as_deref();
        let programs = PROGRAMS.iter().filter(|one| named.is_none_or(|name| name == one.preset));
        let trials = programs.flat_map(|program| {
            let answers = if self.short { &SHORT[..1] } else { &ALL[..] };
            let works = if self.short { &SHORT[..] } else { &ALL[..] };
            let signals = if self.short { &[][..] } else { &SIGNALS[..] };
            let answers = answers.iter().map(|trouble| (Mode::Answer, *trouble));
            let works = works.iter().chain(signals).map(|trouble| (Mode::Workspace, *trouble));
            answers
                .chain(works)
                .map(move |(mode, trouble)| Trial { mode, links: vec![Link { program, trouble }] })
        });
        let mut trials: Vec<Trial> = trials.collect();
        if named.is_none_or(|name| name == "relay") {
            trials.push(relay());
        }
        ensure!(!trials.is_empty(), "no program is called {}", named.unwrap_or_default());
        Ok(trials)
    }
}

/// One item through all programs: each leaves in the middle of it, and the last one does it.
fn relay() -> Trial {
    let troubles = [Trouble::Status(429), Trouble::Cut, Trouble::Status(401), Trouble::None];
    let links = PROGRAMS.iter().zip(troubles);
    let links = links.map(|(program, trouble)| Link { program, trouble }).collect();
    Trial { mode: Mode::Workspace, links }
}

/// Where everything is.
pub(super) struct Bench {
    /// The repository's top.
    pub(super) top: PathBuf,
    /// Cargo's target folder.
    pub(super) target: PathBuf,
    /// The commands of the installed programs.
    pub(super) commands: PathBuf,
}

impl Bench {
    pub(super) fn test(&self, chosen: &Chosen) -> anyhow::Result<()> {
        let trials = chosen.trials()?;
        if chosen.program.is_none() {
            print(fakes::HEAD, &fakes::rows(&self.top, &self.target)?);
        }
        for link in trials.iter().flat_map(|trial| &trial.links) {
            let command = self.commands.join(link.program.command);
            ensure!(
                command.exists(),
                "{} is not there: `cargo xtask agents install`",
                command.display()
            );
        }
        let build = ["build", "-p", "cli", "-p", "simulated-models", "--bins"];
        Cargo::new(&build).run(&self.top)?;
        let mut rows = Vec::new();
        let mut broken = 0;
        for trial in &trials {
            let outcome = self.outcome(trial);
            broken += usize::from(!outcome.is_kept(trial));
            let row = outcome.row(trial);
            say(&row);
            rows.push(row);
        }
        print(HEAD, &rows);
        if broken > 0 {
            bail!("{broken} of {} trials did not come out as promised", trials.len());
        }
        Ok(())
    }

    fn outcome(&self, trial: &Trial) -> Outcome {
        let begun = process::now();
        let mut outcome = Outcome::default();
        if let Err(error) = self.tried(trial, &mut outcome) {
            outcome.left.push(format!("{error:#}"));
        }
        outcome.took = begun.elapsed();
        outcome
    }

    fn tried(&self, trial: &Trial, outcome: &mut Outcome) -> anyhow::Result<()> {
        let folder = trial.folder(&self.target.join("agents-test"));
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let script = folder.join("script.json");
        fs::write(&script, trial.script().to_string())?;
        let mut command = process::command(self.target.join("debug/simulated-models"), &folder);
        let models = Running::start(command.arg(&script).stdin(Stdio::piped()))?;
        let first = models.line(process::now() + SOON)?.context("the models did not start")?;
        let first: Value = serde_json::from_str(&first)?;
        let url = first["url"].as_str().context("the models have no address")?;
        trial.lay_out(&folder, url)?;
        let until = process::now() + LONGEST;
        let belay = self.belay(trial, &folder, url)?;
        if let Some(name) = trial.signal() {
            wait_for_work(&models, until)?;
            belay.signal(name)?;
            let (lines, _) = belay.rest(until)?;
            outcome.read(trial, &lines);
            let (lines, _) = self.belay(trial, &folder, url)?.rest(until)?;
            outcome.read(trial, &lines);
        } else {
            let (lines, _) = belay.rest(until)?;
            outcome.read(trial, &lines);
        }
        models.let_go()?;
        outcome.left.extend(leftovers::processes(&folder.join("home")));
        outcome.left.extend(leftovers::changes(&folder)?);
        Ok(())
    }

    fn belay(&self, trial: &Trial, folder: &Path, url: &str) -> anyhow::Result<Running> {
        let belay = self.target.join("debug/belay");
        let mut command = process::command(belay, &folder.join("repository"));
        let path = format!("{}:{}", self.commands.display(), search_path());
        trial.surround(&mut command, folder, url, &path);
        let log = File::options().create(true).append(true).open(folder.join("belay.log"))?;
        Running::start(command.args(["run", "--format", "json", "--no-github"]).stderr(log))
    }
}

/// Where node, git and the rest of the programs' needs are.
#[expect(clippy::disallowed_methods, reason = "the build tool hands on where programs are")]
fn search_path() -> String {
    std::env::var("PATH").unwrap_or_default()
}

/// Returns when the program has done a part of its work and asks on.
fn wait_for_work(models: &Running, until: Instant) -> anyhow::Result<()> {
    while let Some(line) = models.line(until)? {
        let request: Value = serde_json::from_str(&line)?;
        if request["results"] == 1 {
            return Ok(());
        }
    }
    bail!("the models ended before the program had done anything")
}

#[expect(clippy::print_stdout, reason = "the table is what was asked for")]
fn print(head: &str, rows: &[String]) {
    println!("{head}");
    rows.iter().for_each(|row| println!("{row}"));
    println!();
}
