//! What `belay chaos` takes, and how it is typed again.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::chaos::arm::Arm;
use crate::chaos::weather::{Correlation, Mix};

/// Runs at the same time for which a small machine has room: most of a run is waiting.
const JOBS: u16 = 6;

/// What fails, how often, and what is tried against it.
#[derive(Args, Debug, Clone)]
pub(crate) struct ChaosArgs {
    /// Runs of each arm: a third each of 1, 3 and 6 milestones
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::builder::ValueParser::from(runs))]
    pub(crate) runs: usize,
    /// The same seed gives the same faults
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Of a hundred calls of models, how many fail
    #[arg(long, value_name = "PERCENT", default_value_t = 30.0, value_parser = clap::builder::ValueParser::from(percent))]
    pub(crate) rate: f64,
    /// Which faults
    #[arg(long, value_enum, default_value_t = Mix::All)]
    pub(crate) mix: Mix,
    /// What happens together; several by commas
    #[arg(long, value_enum, value_delimiter = ',', default_value = "independent")]
    pub(crate) correlation: Vec<Correlation>,
    /// What is tried; several by commas
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["none", "failover", "failover-breaker", "everything"])]
    pub(crate) arms: Vec<Arm>,
    /// Runs at the same time
    #[arg(long, value_name = "N", default_value_t = JOBS, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) jobs: u16,
    /// Write a plot too: one page that needs nothing besides itself
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

impl ChaosArgs {
    pub(crate) fn jobs(&self) -> usize {
        usize::from(self.jobs)
    }

    /// The command that gives the same faults again.
    pub(crate) fn again(&self) -> String {
        let names = |names: Vec<String>| names.join(",");
        let correlations = names(self.correlation.iter().map(name).collect());
        let arms = names(self.arms.iter().map(name).collect());
        format!(
            "belay chaos --runs {} --seed {} --rate {} --mix {} --correlation {correlations} --arms {arms}",
            self.runs,
            self.seed,
            self.rate,
            name(&self.mix),
        )
    }
}

fn name(value: &impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn runs(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(runs) if (1..=100_000).contains(&runs) => Ok(runs),
        _ => Err("a whole number from 1 to 100000".to_owned()),
    }
}

fn percent(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err("a number from 0 to 100".to_owned()),
    }
}
