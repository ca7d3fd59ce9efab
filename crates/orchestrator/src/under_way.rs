//! What a living process of a run is doing now: the step that it began and the questions that have
//! no answer yet. For whoever looks on; the run itself goes by its state.

use jiff::Timestamp;
use model_providers::ModelId;
use serde::Serialize;

use crate::event::{Event, Role, StepName};
use crate::journal::Line;

/// What is begun and not ended.
#[derive(Clone, Debug, Default)]
pub struct UnderWay {
    /// The step.
    pub step: Option<Begun>,
    /// The questions to models, in the order in which they were asked.
    pub asking: Vec<Asking>,
}

/// A step that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Which.
    pub step: StepName,
    /// The milestone that it is about.
    pub milestone: Option<usize>,
    /// Since when.
    pub at: Timestamp,
}

/// A question without an answer.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
pub struct Asking {
    /// Who is asked as what.
    pub role: Role,
    /// The model.
    pub model: ModelId,
    /// Which try it is.
    pub attempt: u32,
    /// What it is about.
    pub milestone: Option<usize>,
    /// The work item of it.
    pub item: Option<usize>,
    /// Since when.
    pub at: Timestamp,
}

impl UnderWay {
    /// What these rows leave open.
    pub fn of<'a>(lines: impl IntoIterator<Item = &'a Line>) -> Self {
        let mut under_way = Self::default();
        for line in lines {
            under_way.take(&line.event, line.at);
        }
        under_way
    }

    fn take(&mut self, event: &Event, at: Timestamp) {
        match event {
            // Whatever the process before had begun is over.
            Event::RunResumed { .. } | Event::RunFinished { .. } => *self = Self::default(),
            Event::StepStarted { step, milestone, .. } => {
                self.step = Some(Begun { step: *step, milestone: *milestone, at });
            }
            Event::StepFinished { .. } => *self = Self::default(),
            Event::AttemptStarted { role, model, attempt, milestone, item, .. } => {
                self.asking.push(Asking {
                    role: *role,
                    model: model.clone(),
                    attempt: *attempt,
                    milestone: *milestone,
                    item: *item,
                    at,
                });
            }
            Event::AttemptSucceeded { role, milestone, item, .. } => {
                self.asking.retain(|asking| asking.place() != (*role, *milestone, *item));
            }
            Event::AttemptFailed { role, milestone, item, attempt, .. } => {
                let is_it = |asking: &Asking| {
                    asking.place() == (*role, *milestone, *item) && asking.attempt == *attempt
                };
                self.asking.retain(|asking| !is_it(asking));
            }
            _ => {}
        }
    }
}

impl Asking {
    fn place(&self) -> (Role, Option<usize>, Option<usize>) {
        (self.role, self.milestone, self.item)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn lines(rows: &[(&str, Value)]) -> Vec<Line> {
        let line = |(kind, body): &(&str, Value)| {
            let mut event = body.clone();
            event["event"] = json!(kind);
            let event = serde_json::from_value(event).expect("an event");
            Line { seq: 1, at: Timestamp::UNIX_EPOCH, run: String::new(), event }
        };
        rows.iter().map(line).collect()
    }

    fn asked(item: usize, attempt: u32) -> (&'static str, Value) {
        (
            "attempt_started",
            json!({ "role": "coder", "model": "a/b", "attempt": attempt, "position": 0, "models": 2, "milestone": 1, "item": item }),
        )
    }

    fn open(rows: &[(&str, Value)]) -> Vec<(Option<usize>, u32)> {
        let asking = UnderWay::of(&lines(rows)).asking;
        asking.iter().map(|asking| (asking.item, asking.attempt)).collect()
    }

    #[test]
    fn what_has_no_end_is_under_way() {
        let failed = (
            "attempt_failed",
            json!({ "role": "coder", "model": "a/b", "class": "timeout", "attempt": 1, "position": 0, "latency_ms": 5, "milestone": 1, "item": 1 }),
        );
        let succeeded = (
            "attempt_succeeded",
            json!({ "role": "coder", "model": "a/b", "attempt": 1, "position": 0, "latency_ms": 5, "milestone": 1, "item": 2 }),
        );
        let rows = [asked(1, 1), asked(2, 1), failed, asked(1, 2), succeeded];
        assert_eq!(open(&rows), [(Some(1), 2)]);
    }

    #[test]
    fn a_new_process_begins_with_nothing_under_way() {
        let resumed =
            ("run_resumed", json!({ "idea": "1", "branch": "b", "after": "interrupted" }));
        assert_eq!(open(&[asked(1, 1), resumed, asked(2, 1)]), [(Some(2), 1)]);
    }

    #[test]
    fn a_step_is_under_way_until_it_ends() {
        let begun = (
            "step_started",
            json!({ "step": "test", "milestone": 2, "name": null, "items": null }),
        );
        let ended = (
            "step_finished",
            json!({ "step": "test", "milestone": 2, "model": null, "degraded": false, "summary": null }),
        );
        let step = UnderWay::of(&lines(std::slice::from_ref(&begun))).step.expect("a step");
        assert_eq!((step.step, step.milestone), (StepName::Test, Some(2)));
        assert!(UnderWay::of(&lines(&[begun, ended])).step.is_none());
    }
}
