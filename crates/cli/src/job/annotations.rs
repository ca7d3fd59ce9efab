//! What is worth a mark beside the job: not every try that failed, but what
//! the run could not mend.
//!
//! GitHub shows ten of a kind for each step, so a mark that turned out not to
//! matter hides one that does: findings wait until their milestone is given up.

use orchestrator::event::Finding;
use orchestrator::{Event, Role, Status};

/// Marks of one kind that are shown.
const MOST: usize = 10;

/// How grave a mark is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Error,
    Warning,
    Notice,
}

impl Level {
    pub(crate) fn command(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}

/// A mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Annotation {
    pub(crate) level: Level,
    pub(crate) title: String,
    pub(crate) file: String,
    pub(crate) line: Option<u32>,
    pub(crate) message: String,
}

impl Annotation {
    fn new(level: Level, title: impl Into<String>, message: impl Into<String>) -> Self {
        let (title, message) = (title.into(), message.into());
        Self { level, title, file: String::new(), line: None, message }
    }

    /// The mark's place and title, as the runner has them.
    pub(crate) fn properties(&self) -> Vec<(&'static str, String)> {
        let place = (!self.file.is_empty()).then(|| ("file", self.file.clone()));
        let line = self.line.filter(|_| place.is_some()).map(|line| ("line", line.to_string()));
        place.into_iter().chain(line).chain([("title", self.title.clone())]).collect()
    }
}

/// Which marks the events of a process come to.
#[derive(Debug, Default)]
pub(crate) struct Annotations {
    /// What stands against the milestone in hand: the last judgement of each kind.
    rejected: Vec<Finding>,
    red: Option<String>,
    degraded: Vec<Role>,
}

impl Annotations {
    /// The marks that the event brings.
    pub(crate) fn of(&mut self, event: &Event) -> Vec<Annotation> {
        match event {
            Event::ReviewRejected { findings, .. } => self.rejected.clone_from(findings),
            Event::ReviewApproved { .. } => self.rejected.clear(),
            Event::TestsPassed { .. } => self.red = None,
            Event::TestsFailed { check, command, failing, .. } => {
                let command = command.as_deref().unwrap_or(check);
                self.red = Some(format!("{command}: {}", failing.join(", ")));
            }
            Event::MilestoneRolledBack { milestone, outcome, reason, .. } => {
                return self.rolled_back(*milestone, outcome.is_some(), reason);
            }
            Event::PartialAccepted { milestone, missing, .. } => {
                let message = format!("missing: {}", missing.join(", "));
                return one(Level::Warning, format!("milestone {milestone} is partial"), message);
            }
            Event::Degraded { role, reason, .. } if !self.degraded.contains(role) => {
                self.degraded.push(*role);
                return one(Level::Warning, format!("no model answered as {role}"), reason);
            }
            Event::EffectDeferred { effect, reason, .. } => {
                return one(Level::Warning, format!("put off: {effect}"), reason);
            }
            Event::RunParked { reason, .. } => return one(Level::Error, "blocked", reason),
            Event::RunFinished { status, reason, .. } => return finished(*status, reason.as_ref()),
            _ => {}
        }
        Vec::new()
    }

    fn rolled_back(&mut self, milestone: usize, for_good: bool, reason: &str) -> Vec<Annotation> {
        let (rejected, red) = (std::mem::take(&mut self.rejected), self.red.take());
        if !for_good {
            return Vec::new();
        }
        let title = format!("milestone {milestone} is given up");
        let found = rejected.into_iter().take(MOST - 1).map(|finding| Annotation {
            level: Level::Error,
            title: format!("review of milestone {milestone}"),
            file: finding.file,
            line: finding.line,
            message: finding.message,
        });
        let red = red.map(|red| format!("; {red}")).unwrap_or_default();
        let whole = Annotation::new(Level::Error, title, format!("{reason}{red}"));
        found.chain([whole]).collect()
    }
}

fn one(level: Level, title: impl Into<String>, message: impl Into<String>) -> Vec<Annotation> {
    vec![Annotation::new(level, title, message)]
}

fn finished(status: Status, reason: Option<&String>) -> Vec<Annotation> {
    let reason = reason.map_or("", String::as_str);
    match status {
        Status::Degraded | Status::Blocked => one(Level::Warning, format!("run {status}"), reason),
        Status::Interrupted => {
            one(Level::Notice, "run interrupted", format!("{reason}; the next one goes on with it"))
        }
        // Whatever ends with another exit state than 0 is told as an error of its own.
        Status::Completed | Status::Failed | Status::Running => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(number: usize) -> Event {
        let finding = |line| Finding {
            severity: "high".to_owned(),
            file: "src/a.rs".to_owned(),
            line: Some(line),
            message: "divides by zero".to_owned(),
        };
        Event::ReviewRejected {
            milestone: 1,
            model: None,
            code_quality: 10,
            degraded: false,
            findings: (1..=u32::try_from(number).expect("few")).map(finding).collect(),
        }
    }

    fn rolled_back(outcome: Option<Status>) -> Event {
        Event::MilestoneRolledBack {
            milestone: 1,
            succeeded: 1,
            total: 1,
            success: orchestrator::event::Success::All,
            retry: 0,
            outcome,
            reason: "the review does not approve".to_owned(),
            kept: None,
        }
    }

    #[test]
    fn findings_are_marked_where_they_were_for_good() {
        let mut annotations = Annotations::default();
        assert_eq!(annotations.of(&rejected(1)), []);
        assert_eq!(annotations.of(&rolled_back(None)), []);
        assert_eq!(annotations.of(&rejected(2)), []);
        let marks = annotations.of(&rolled_back(Some(Status::Blocked)));
        let places: Vec<(&str, Option<u32>)> =
            marks.iter().map(|mark| (mark.file.as_str(), mark.line)).collect();
        assert_eq!(places, [("src/a.rs", Some(1)), ("src/a.rs", Some(2)), ("", None)]);
        let wanted = [
            ("file", "src/a.rs".to_owned()),
            ("line", "1".to_owned()),
            ("title", "review of milestone 1".to_owned()),
        ];
        assert_eq!(marks[0].properties(), wanted);
    }

    #[test]
    fn a_milestone_brings_no_more_marks_than_are_shown() {
        let mut annotations = Annotations::default();
        annotations.of(&rejected(50));
        assert_eq!(annotations.of(&rolled_back(Some(Status::Blocked))).len(), MOST);
    }

    #[test]
    fn what_was_mended_is_no_mark() {
        let mut annotations = Annotations::default();
        annotations.of(&rejected(1));
        annotations.of(&Event::ReviewApproved {
            milestone: 1,
            model: None,
            code_quality: 90,
            degraded: false,
            findings: Vec::new(),
        });
        let marks = annotations.of(&rolled_back(Some(Status::Blocked)));
        assert_eq!(marks.len(), 1);
    }
}
