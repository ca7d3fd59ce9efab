//! What a program says while it runs: whether it lives, and how many steps it has made.
//!
//! Its output as a whole is read when it has ended. One that dies at its start, and one that goes
//! round in circles, are to be known before.

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::lines::Cap;
use super::{Output, Program};
use crate::launches::Launch;

/// Is shown every line.
pub(super) struct Watched<'w> {
    output: Output,
    launch: Option<&'w Launch>,
    /// What is counted, how many there were, and how many there may be.
    counts: Vec<(&'static Cap, u32, u32)>,
    /// Ends the program.
    cancel: &'w CancellationToken,
    /// What there were too many of.
    over: Option<String>,
    /// Bytes that may be printed, and those that were.
    most_bytes: usize,
    bytes: usize,
}

impl<'w> Watched<'w> {
    pub(super) fn new(
        program: &Program,
        launch: Option<&'w Launch>,
        cancel: &'w CancellationToken,
        most_bytes: usize,
    ) -> Self {
        let caps = match program.output {
            Output::Text => &[],
            Output::Events(lines) => lines.1,
        };
        // The first counts the steps; others count what no sound program does often.
        let most = |number, cap: &Cap| match program.max_steps {
            Some(most) if number == 0 => most,
            _ => cap.most,
        };
        let counts = caps.iter().enumerate().map(|(number, cap)| (cap, 0, most(number, cap)));
        Self {
            output: program.output,
            launch,
            counts: counts.collect(),
            cancel,
            over: None,
            most_bytes,
            bytes: 0,
        }
    }

    pub(super) fn line(&mut self, line: &[u8]) {
        self.bytes = self.bytes.saturating_add(line.len());
        if self.bytes > self.most_bytes && self.over.is_none() {
            self.end(format!("its output is longer than {} bytes", self.most_bytes));
        }
        let line = line.trim_ascii();
        if !is_said(self.output, line) {
            return;
        }
        if let Some(launch) = self.launch.filter(|launch| !launch.has_shown()) {
            launch.lives();
        }
        if !self.counts.is_empty() && self.over.is_none() {
            self.count(line);
        }
    }

    fn count(&mut self, line: &[u8]) {
        let Ok(line) = serde_json::from_slice::<Value>(line) else {
            return;
        };
        for (cap, count, most) in &mut self.counts {
            *count += u32::from(cap.counts(&line));
            if *count > *most {
                let over = format!("stopped: more than {most} {}", cap.what);
                return self.end(over);
            }
        }
    }

    fn end(&mut self, why: String) {
        self.over = Some(why);
        self.cancel.cancel();
    }

    /// Why it was ended from here, if it was.
    pub(super) fn over(self) -> Option<String> {
        self.over
    }
}

/// Whether a line is part of what the program has to say.
fn is_said(output: Output, line: &[u8]) -> bool {
    match output {
        Output::Text => !line.is_empty(),
        Output::Events(_) => line.first() == Some(&b'{'),
    }
}
