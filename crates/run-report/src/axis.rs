//! The time that a run was worked on, as a line from left to right.
//!
//! A run that waited a night for an answer would show nothing but the night. The line is made of
//! the time in which a process worked; where a pause was, a mark says how long it was.

use jiff::Timestamp;
use orchestrator::{Event, Line};
use serde::Serialize;

/// Marks of one kind at most.
const MARKS: usize = 200;

/// Where each row stands.
pub(crate) struct Axis {
    /// For each row, the milliseconds worked before it.
    offsets: Vec<u64>,
    marks: Vec<Mark>,
}

/// Something that holds for every model.
#[derive(Serialize)]
pub(crate) struct Mark {
    x: String,
    kind: &'static str,
    title: String,
}

impl Axis {
    pub(crate) fn new(lines: &[Line]) -> Self {
        let mut axis = Self { offsets: Vec::with_capacity(lines.len()), marks: Vec::new() };
        let mut before: Option<Timestamp> = None;
        let mut worked = 0;
        for line in lines {
            let passed = before.map_or(0, |before| millis(before, line.at));
            let paused =
                matches!(line.event, Event::RunResumed { .. } | Event::StateRepaired { .. });
            worked += if paused { 0 } else { passed };
            axis.offsets.push(worked);
            before = Some(line.at);
        }
        axis.marks = axis.marked(lines);
        axis
    }

    fn marked(&self, lines: &[Line]) -> Vec<Mark> {
        let rows = lines.iter().zip(&self.offsets).enumerate();
        let marks = rows.filter_map(|(index, (line, at))| {
            let (kind, title) = match &line.event {
                Event::RunResumed { .. } => {
                    let before = index.checked_sub(1).and_then(|before| lines.get(before));
                    let paused = before.map_or(0, |before| millis(before.at, line.at));
                    ("pause", format!("went on after {}", crate::text::time(paused)))
                }
                Event::MilestoneCommitted { milestone, .. } => {
                    ("commit", format!("commit of milestone {milestone}"))
                }
                _ => return None,
            };
            Some(Mark { x: self.place(*at), kind, title })
        });
        marks.take(MARKS).collect()
    }

    /// All the time that was worked; never nothing.
    pub(crate) fn length(&self) -> u64 {
        self.offsets.last().copied().unwrap_or_default().max(1)
    }

    /// The milliseconds worked before a row.
    pub(crate) fn at(&self, row: usize) -> u64 {
        self.offsets.get(row).copied().unwrap_or_else(|| self.length())
    }

    /// A moment as a place on the line.
    pub(crate) fn place(&self, at: u64) -> String {
        share(at, self.length())
    }

    pub(crate) fn into_marks(self) -> Vec<Mark> {
        self.marks
    }
}

/// A part of the whole in per cent, as SVG reads it.
pub(crate) fn share(part: u64, of: u64) -> String {
    // In hundredths: whole numbers need no care for how a fraction is printed.
    let hundredths = u128::from(part.min(of)) * 10_000 / u128::from(of.max(1));
    format!("{}.{:02}%", hundredths / 100, hundredths % 100)
}

fn millis(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.as_millisecond().saturating_sub(from.as_millisecond())).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_printed_without_rounding_up_past_the_end() {
        assert_eq!(share(1, 3), "33.33%");
        assert_eq!(share(9, 3), "100.00%");
        assert_eq!(share(0, 0), "0.00%");
    }
}
