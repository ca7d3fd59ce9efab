//! Why a command ended early, split by who must act.

use std::fmt;

use crate::exit::Exit;

/// An error with the exit state that it fixes.
#[derive(Debug)]
pub(crate) struct CommandError {
    /// What the process ends with.
    pub(crate) exit: Exit,
    /// What happened, for people; one line where they can mend it.
    pub(crate) cause: anyhow::Error,
}

/// What a command gives.
pub(crate) type CommandResult = Result<Exit, CommandError>;

/// The person typed or configured something that cannot be: exit 2.
pub(crate) fn usage(message: impl fmt::Display) -> CommandError {
    CommandError { exit: Exit::Usage, cause: anyhow::anyhow!("{message}") }
}

impl CommandError {
    /// The whole chain of causes in one line, each of them once: many errors
    /// already say their cause, and git's say it in several lines.
    pub(crate) fn line(&self) -> String {
        let mut line = String::new();
        for cause in self.cause.chain() {
            let said = cause.to_string();
            let said: Vec<&str> =
                said.lines().map(str::trim).filter(|part| !part.is_empty()).collect();
            let said = said.join("; ");
            if line.contains(&said) {
                continue;
            }
            if !line.is_empty() {
                line.push_str(": ");
            }
            line.push_str(&said);
        }
        line
    }
}

impl From<anyhow::Error> for CommandError {
    fn from(cause: anyhow::Error) -> Self {
        Self { exit: Exit::Failure, cause }
    }
}

impl From<checkpoint_store::Error> for CommandError {
    fn from(error: checkpoint_store::Error) -> Self {
        use checkpoint_store::Error;
        let exit = match &error {
            Error::Held { .. } => Exit::Held,
            Error::UnknownRun | Error::Newer { .. } => Exit::Usage,
            _ => Exit::Failure,
        };
        Self { exit, cause: error.into() }
    }
}

impl From<orchestrator::Error> for CommandError {
    fn from(error: orchestrator::Error) -> Self {
        match error {
            orchestrator::Error::Store(error) => error.into(),
            orchestrator::Error::LeaseLost => Self { exit: Exit::Held, cause: error.into() },
            other => Self { exit: Exit::Failure, cause: other.into() },
        }
    }
}

impl From<worktree::Error> for CommandError {
    fn from(error: worktree::Error) -> Self {
        use worktree::Error;
        let exit = match &error {
            Error::NotARepository { .. }
            | Error::NoCommit { .. }
            | Error::Bare { .. }
            | Error::BadBranchName { .. } => Exit::Usage,
            _ => Exit::Failure,
        };
        Self { exit, cause: error.into() }
    }
}

impl From<std::io::Error> for CommandError {
    fn from(error: std::io::Error) -> Self {
        Self { exit: Exit::Failure, cause: error.into() }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let source = io::Error::from_raw_os_error(2);
        let says_its_cause = format!("a file: {source}");
        let error = CommandError::from(anyhow::Error::from(source).context(says_its_cause));
        assert_eq!(error.line(), "a file: No such file or directory (os error 2)");
    }

    #[test]
    fn causes_that_say_more_stand_behind_each_other_on_one_line() {
        let cause = anyhow::anyhow!("fatal: no\n\n  hint: try\n").context("git push");
        assert_eq!(CommandError::from(cause).line(), "git push: fatal: no; hint: try");
    }
}
