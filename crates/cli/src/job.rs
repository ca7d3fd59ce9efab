//! What a job on GitHub's runners is told besides its log: annotations, a
//! summary, and outputs for later steps.
//!
//! The log itself steers the runner there: a line that begins with `::` is a
//! command to it. What models, tests and issues write must never be one, so
//! commands are made here and nowhere else, and [`harmless`] takes the meaning
//! from every other line.

mod annotations;
mod summary;

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::environment::Surroundings;

pub(crate) use annotations::{Annotation, Annotations};
pub(crate) use summary::{BreakerRow, markdown};

/// What the older form of a command begins with, anywhere in a line.
const OLD_FORM: &str = "##[";

/// The files of the step that this process is.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    summary: Option<PathBuf>,
    outputs: Option<PathBuf>,
}

impl Job {
    /// The job that this process is part of, if it is part of one.
    pub(crate) fn of(surroundings: &Surroundings) -> Option<Self> {
        let file = |name: &str| surroundings.var(name).map(PathBuf::from);
        (surroundings.var("GITHUB_ACTIONS") == Some("true"))
            .then(|| Self { summary: file("GITHUB_STEP_SUMMARY"), outputs: file("GITHUB_OUTPUT") })
    }

    /// Adds to what the job's page shows.
    pub(crate) fn tell_summary(&self, markdown: &str) -> io::Result<()> {
        self.summary.as_deref().map_or(Ok(()), |file| append(file, markdown))
    }

    /// Sets outputs of the step; one with several lines would be another output.
    pub(crate) fn set_outputs(&self, outputs: &[(&str, &str)]) -> io::Result<()> {
        let mut text = String::new();
        for (name, value) in outputs {
            let value: String = value.chars().filter(|c| !c.is_control()).collect();
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name}={value}");
        }
        self.outputs.as_deref().map_or(Ok(()), |file| append(file, &text))
    }
}

/// A file as the runner makes it; whatever else stands there may take it for ever to be written.
fn append(file: &Path, text: &str) -> io::Result<()> {
    if std::fs::metadata(file).is_ok_and(|found| !found.is_file()) {
        return Err(io::Error::other(format!("{} is no file", file.display())));
    }
    OpenOptions::new().append(true).create(true).open(file)?.write_all(text.as_bytes())
}

/// A command to the runner, on a line of its own.
pub(crate) fn command(name: &str, properties: &[(&str, &str)], message: &str) -> String {
    let mut line = format!("::{name}");
    for (at, (key, value)) in properties.iter().enumerate() {
        let separator = if at == 0 { ' ' } else { ',' };
        let value = escaped(value).replace(':', "%3A").replace(',', "%2C");
        // Writing to a string cannot fail.
        let _ = write!(line, "{separator}{key}={value}");
    }
    line + "::" + &escaped(message) + "\n"
}

fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Text for the log in which no line is a command to the runner, also as JSON
/// still the same value.
pub(crate) fn harmless(text: &str) -> String {
    let begins = |line: &str| line.trim_start().starts_with("::");
    let lines = text.split_inclusive('\n').map(|line| {
        let line = if begins(line) { line.replacen("::", ": :", 1) } else { line.to_owned() };
        let apart = if line.starts_with('{') { "##\\u005b" } else { "## [" };
        line.replace(OLD_FORM, apart)
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_one_line_whatever_it_says() {
        let line = command("error", &[("file", "a,b:c.rs"), ("line", "3")], "50 %\r\n::stop::");
        assert_eq!(line, "::error file=a%2Cb%3Ac.rs,line=3::50 %25%0D%0A::stop::\n");
        assert_eq!(command("endgroup", &[], ""), "::endgroup::\n");
    }

    #[test]
    fn what_others_write_is_no_command() {
        let text = "::add-mask::a\n  ::error::b\nc ::error::d\n##[add-path]e\nx ##[set-env]\n";
        assert_eq!(
            harmless(text),
            ": :add-mask::a\n  : :error::b\nc ::error::d\n## [add-path]e\nx ## [set-env]\n"
        );
    }

    #[test]
    fn json_stays_the_value_that_it_was() {
        let value = serde_json::json!({ "message": "##[add-path]/tmp ::x::" });
        let line = harmless(&format!("{value}\n"));
        assert!(!line.contains(OLD_FORM), "{line}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&line).expect("JSON"), value);
    }

    #[test]
    fn an_output_is_one_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("outputs");
        let job = Job { summary: None, outputs: Some(file.clone()) };
        job.set_outputs(&[("status", "completed"), ("branch", "a\nrun=b")]).expect("written");
        let text = std::fs::read_to_string(file).expect("a file");
        assert_eq!(text, "status=completed\nbranch=arun=b\n");
    }
}
