//! The only place that writes to the terminal: data to standard output, what
//! is said along the way to standard error.

use std::io::{IsTerminal, Write};

use serde::Serialize;

use crate::args::{Color, Format, Global};
use crate::environment::Surroundings;

/// How what people read is emphasised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it is.
    Plain,
    /// It went well.
    Good,
    /// Worth a look.
    Warn,
    /// It went wrong.
    Bad,
    /// Less important.
    Dim,
}

/// Writes what the commands say.
#[derive(Clone, Debug)]
pub(crate) struct Printer {
    format: Format,
    colored: bool,
    quiet: bool,
}

impl Printer {
    pub(crate) fn new(global: &Global, surroundings: &Surroundings) -> Self {
        let terminal = || std::io::stderr().is_terminal() && surroundings.var("NO_COLOR").is_none();
        let colored = match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal(),
        };
        Self {
            format: global.format,
            colored,
            quiet: global.quiet,
        }
    }

    pub(crate) fn json(&self) -> bool {
        self.format == Format::Json
    }

    /// One JSON value on one line of standard output.
    pub(crate) fn data(&self, value: &impl Serialize) {
        match serde_json::to_string(value) {
            Ok(line) => self.out(&line),
            Err(error) => self.error(&format!("a result could not be written as JSON: {error}")),
        }
    }

    /// A line of standard output.
    pub(crate) fn out(&self, line: &str) {
        // A reader that went away ends the output, not the run.
        let _ended = writeln!(std::io::stdout().lock(), "{line}");
    }

    /// A line of standard error, unless it is to be quiet.
    pub(crate) fn say(&self, tone: Tone, line: &str) {
        if !self.quiet {
            self.err(tone, line);
        }
    }

    /// A warning: said even where quiet is asked for.
    pub(crate) fn warn(&self, line: &str) {
        self.err(Tone::Warn, &format!("warning: {line}"));
    }

    /// An error: always said.
    pub(crate) fn error(&self, line: &str) {
        self.err(Tone::Bad, &format!("error: {line}"));
    }

    fn err(&self, tone: Tone, line: &str) {
        let line = clean(line);
        let code = match tone {
            Tone::Good => "32",
            Tone::Warn => "33",
            Tone::Bad => "31",
            Tone::Dim => "2",
            Tone::Plain => "",
        };
        let mut stream = std::io::stderr().lock();
        let _ended = if self.colored && !code.is_empty() {
            writeln!(stream, "\u{1b}[{code}m{line}\u{1b}[0m")
        } else {
            writeln!(stream, "{line}")
        };
    }
}

/// Text from models and repositories may not steer the terminal.
pub(crate) fn clean(line: &str) -> String {
    line.chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(super::clean("a\u{1b}[2Jb\r\u{7}c\td"), "a[2Jbc\td");
    }
}
