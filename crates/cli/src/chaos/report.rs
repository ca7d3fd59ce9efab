//! Everything that the command found, as scripts read it and as table and plot show it.

use serde::Serialize;

use super::arm::Arm;
use super::count::{Row, SECONDS_A_CALL, rows};
use super::outcome::{Ending, Outcome};
use super::weather::{Correlation, Mix};

/// What nobody may overlook.
pub(crate) const WARNING: &str = "The faults are injected and the answers are scripted: this shows \
    what belay does when models fail, not how often real ones do or how good they are.";

/// What was tried.
#[derive(Serialize, Clone, Debug)]
pub(crate) struct Setting {
    /// Runs of each arm under each correlation.
    pub(crate) runs: usize,
    pub(crate) seed: u64,
    /// Of a hundred calls, so many fail.
    pub(crate) rate: f64,
    pub(crate) mix: Mix,
    pub(crate) correlations: Vec<Correlation>,
    pub(crate) arms: Vec<Arm>,
    /// The command that does it again.
    pub(crate) command: String,
}

/// What was tried and what came out.
#[derive(Serialize, Clone, Debug)]
pub(crate) struct Report {
    pub(crate) warning: &'static str,
    #[serde(flatten)]
    pub(crate) setting: Setting,
    pub(crate) seconds_a_call: usize,
    pub(crate) rows: Vec<Row>,
    pub(crate) outcomes: Vec<Outcome>,
}

impl Report {
    pub(crate) fn new(setting: Setting, mut outcomes: Vec<Outcome>) -> Self {
        outcomes.sort_by_key(|outcome| (outcome.correlation, outcome.arm, outcome.number));
        let rows = rows(&outcomes);
        Self { warning: WARNING, setting, seconds_a_call: SECONDS_A_CALL, rows, outcomes }
    }

    /// The rows of one correlation.
    pub(crate) fn under(&self, correlation: Correlation) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.correlation == correlation)
    }

    /// What belay promises whatever models do: with everything on no run fails.
    pub(crate) fn broken_promise(&self) -> Option<String> {
        let failed =
            |outcome: &&Outcome| outcome.arm == Arm::Everything && outcome.ending == Ending::Failed;
        let failed = self.outcomes.iter().find(failed)?;
        Some(format!(
            "with everything on, run {} of {} has failed",
            failed.number,
            failed.correlation.name()
        ))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::count::tests::outcome;
    use super::*;

    pub(crate) fn report(outcomes: Vec<Outcome>) -> Report {
        let setting = Setting {
            runs: 3,
            seed: 1,
            rate: 20.0,
            mix: Mix::All,
            correlations: vec![Correlation::Independent],
            arms: vec![Arm::None, Arm::Everything],
            command: "belay chaos --runs 3".to_owned(),
        };
        Report::new(setting, outcomes)
    }

    #[test]
    fn a_failed_run_breaks_the_promise_only_with_everything_on() {
        let kept = report(vec![outcome(Arm::None, 0, Ending::Failed)]);
        assert_eq!(kept.broken_promise(), None);
        let broken = report(vec![outcome(Arm::Everything, 4, Ending::Failed)]);
        let why = broken.broken_promise();
        assert_eq!(why.as_deref(), Some("with everything on, run 4 of independent has failed"));
    }

    #[test]
    fn scripts_read_the_warning_the_setting_and_the_rows() {
        let json = serde_json::to_value(report(vec![outcome(Arm::None, 0, Ending::Completed)]));
        let json = json.expect("JSON");
        assert!(json["warning"].as_str().is_some_and(|text| text.contains("injected")));
        assert_eq!(json["seed"], 1);
        assert_eq!(json["rows"][0]["arm"], "none");
        assert_eq!(json["rows"][0]["done"]["low"], 20.7);
        assert_eq!(json["rows"][0]["endings"][0]["ending"], "completed");
        assert_eq!(json["outcomes"][0]["ending"], "completed");
    }
}
