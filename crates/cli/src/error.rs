//! Why a command ended early, split by who must act.

mod code;

use std::fmt;

use checkpoint_store::StorageClass;

pub(crate) use self::code::Code;
use crate::exit::Exit;

/// An error with the code that names it and fixes the exit state.
#[derive(Debug)]
pub(crate) struct CommandError {
    /// Its name, which stays.
    pub(crate) code: Code,
    /// What happened, for people; one line where they can mend it.
    pub(crate) cause: anyhow::Error,
}

/// What a command gives.
pub(crate) type CommandResult = Result<Exit, CommandError>;

/// Something of this name happened, in words.
pub(crate) fn fail(code: Code, message: impl fmt::Display) -> CommandError {
    CommandError { code, cause: anyhow::anyhow!("{message}") }
}

impl CommandError {
    /// What the process ends with.
    pub(crate) fn exit(&self) -> Exit {
        self.code.exit()
    }

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
        Self { code: Code::System, cause }
    }
}

impl From<checkpoint_store::Error> for CommandError {
    fn from(error: checkpoint_store::Error) -> Self {
        use checkpoint_store::Error;
        let code = match &error {
            Error::Held { .. } => Code::RunHeld,
            Error::UnknownRun => Code::RunUnknown,
            Error::Newer { .. } => Code::StateNewer,
            Error::Damaged { .. } | Error::DamagedExport { .. } | Error::DamagedValue { .. } => {
                Code::StateDamaged
            }
            Error::Storage { class: StorageClass::Corrupt, .. } => Code::StateDamaged,
            _ => Code::State,
        };
        Self { code, cause: error.into() }
    }
}

impl From<orchestrator::Error> for CommandError {
    fn from(error: orchestrator::Error) -> Self {
        match error {
            orchestrator::Error::Store(error) => error.into(),
            orchestrator::Error::LeaseLost => Self { code: Code::RunHeld, cause: error.into() },
            orchestrator::Error::Repository(error) => error.into(),
            other => Self { code: Code::Run, cause: other.into() },
        }
    }
}

impl From<worktree::Error> for CommandError {
    fn from(error: worktree::Error) -> Self {
        use worktree::Error;
        let code = match &error {
            Error::NotARepository { .. } | Error::NoCommit { .. } | Error::Bare { .. } => {
                Code::Repository
            }
            Error::BadBranchName { .. } => Code::Branch,
            Error::Subprocess(subprocess::Error::NotFound { .. }) => Code::ProgramMissing,
            Error::Io { .. } => Code::System,
            _ => Code::Git,
        };
        Self { code, cause: error.into() }
    }
}

impl From<std::io::Error> for CommandError {
    fn from(error: std::io::Error) -> Self {
        Self { code: Code::System, cause: error.into() }
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
