//! Calls of cargo, with its own output left as it is, and the one place that prints.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

/// A call of cargo, in the repository's top.
pub(crate) struct Cargo<'a> {
    arguments: &'a [&'a str],
    environment: Vec<(&'a str, String)>,
}

impl<'a> Cargo<'a> {
    pub(crate) fn new(arguments: &'a [&'a str]) -> Self {
        Self { arguments, environment: Vec::new() }
    }

    pub(crate) fn env(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// Runs it to its end with its output passed through; an error if it does not succeed.
    pub(crate) fn run(&self, top: &Path) -> anyhow::Result<()> {
        let line = self.arguments.join(" ");
        say(&format!("$ cargo {line}"));
        let mut command = self.command();
        let status = command.current_dir(top).status();
        let status = status.context("cargo cannot be started")?;
        if !status.success() {
            bail!("cargo {line}: {status}");
        }
        Ok(())
    }

    /// Its standard output, for calls that answer with data.
    pub(crate) fn read(&self) -> anyhow::Result<Vec<u8>> {
        let mut command = self.command();
        let output = command.stderr(Stdio::inherit()).output();
        let output = output.context("cargo cannot be started")?;
        if !output.status.success() {
            bail!("cargo {}: {}", self.arguments.join(" "), output.status);
        }
        Ok(output.stdout)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the build tool starts cargo; it uses no crate of the product, subprocess included"
    )]
    fn command(&self) -> Command {
        let mut command = Command::new("cargo");
        command.args(self.arguments);
        let pairs = self.environment.iter();
        command.envs(pairs.map(|(name, value)| (name, value)));
        command
    }
}

/// A line for the person, on standard error, where cargo's own progress goes too.
#[expect(clippy::print_stderr, reason = "the one printer of the build tool")]
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}
