//! What came of a trial, read from belay's events, and whether it is what was promised.

use std::time::Duration;

use serde_json::Value;

use super::trial::{Link, Mode, Trial};

#[derive(Default)]
pub(super) struct Outcome {
    /// The status of the run.
    pub(super) status: Option<String>,
    /// Who gave what the program was asked for.
    pub(super) by: Option<String>,
    /// The classes of what failed before, in order.
    pub(super) failed: Vec<String>,
    /// What stayed behind that must not.
    pub(super) left: Vec<String>,
    pub(super) took: Duration,
}

impl Outcome {
    /// Reads the lines of one start of belay; a later one adds to an earlier one.
    pub(super) fn read(&mut self, trial: &Trial, lines: &[String]) {
        let role = match trial.mode {
            Mode::Answer => "planner",
            Mode::Workspace => "coder",
        };
        for line in lines {
            let Ok(event) = serde_json::from_str::<Value>(line) else {
                continue;
            };
            let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            match (text("event").as_str(), text("role") == role) {
                ("attempt_failed", true) => self.failed.push(text("class")),
                // The analysis comes first, and is what the program was asked for.
                ("attempt_succeeded", true) if self.by.is_none() => self.by = Some(text("model")),
                ("run_finished", _) => self.status = Some(text("status")),
                _ => {}
            }
        }
    }

    pub(super) fn is_kept(&self, trial: &Trial) -> bool {
        let is_done = self.status.as_deref() == Some("completed");
        is_done && self.by.as_ref() == Some(&trial.expected()) && self.left.is_empty()
    }

    /// A row of the table.
    pub(super) fn row(&self, trial: &Trial) -> String {
        let or_dash = |texts: &[String]| match texts {
            [] => "-".to_owned(),
            texts => texts.join(", "),
        };
        let of_links =
            |name: fn(&Link) -> String| trial.links.iter().map(name).collect::<Vec<_>>().join(", ");
        format!(
            "| {} | {} | {} | {} | {} | {} | {} | {:.0} s | {} |",
            of_links(|link| link.program.preset.to_owned()),
            trial.mode.name(),
            of_links(|link| link.trouble.name()),
            or_dash(&self.failed),
            self.by.as_deref().unwrap_or("nobody"),
            self.status.as_deref().unwrap_or("no end"),
            or_dash(&self.left),
            self.took.as_secs_f64(),
            if self.is_kept(trial) { "yes" } else { "**no**" },
        )
    }
}

pub(super) const HEAD: &str = "\
| program | mode | failure | failed attempts | done by | run | left behind | took | as promised |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |";
