//! What a program says while it runs: whether it lives, and how many steps it has made.
//!
//! Its output as a whole is read when it has ended. One that dies at its start, and one that goes
//! round in circles, are to be known before.

use super::Output;
use crate::launches::Launch;

/// Is shown every line.
pub(super) struct Watched<'w> {
    output: &'w Output,
    launch: Option<&'w Launch>,
}

impl<'w> Watched<'w> {
    pub(super) fn new(output: &'w Output, launch: Option<&'w Launch>) -> Self {
        Self { output, launch }
    }

    pub(super) fn line(&mut self, line: &[u8]) {
        let line = line.trim_ascii();
        if let Some(launch) =
            self.launch.filter(|launch| !launch.has_shown() && is_said(self.output, line))
        {
            launch.lives();
        }
    }
}

/// Whether a line is part of what the program has to say.
fn is_said(output: &Output, line: &[u8]) -> bool {
    match output {
        Output::Text => !line.is_empty(),
        Output::Events(_) => line.first() == Some(&b'{'),
    }
}
