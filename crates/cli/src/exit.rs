//! What the process ends with: one place that turns results into exit states.

use std::process::ExitCode;

use orchestrator::Status;

/// The exit states of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, or nothing to do.
    Success,
    /// Nothing can go on.
    Failure,
    /// Bad usage, config or input; nothing was changed.
    Usage,
    /// With `--strict`: a person must answer first.
    Blocked,
    /// Another living process holds the run.
    Held,
    /// With `--strict`: completed without all of its items.
    Partial,
    /// With `--strict`: a template answered somewhere.
    Degraded,
    /// With `--strict`: stopped with its state saved.
    Interrupted,
    /// A second signal.
    Killed,
}

impl Exit {
    /// The number that a script sees.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::Usage => 2,
            Self::Blocked => 3,
            Self::Held => 4,
            Self::Partial => 10,
            Self::Degraded => 11,
            Self::Interrupted => 75,
            Self::Killed => 130,
        }
    }

    /// How a run's status ends the process.
    pub(crate) fn of_run(status: Status, partial: bool, degraded: bool, strict: bool) -> Self {
        match (status, strict) {
            (Status::Failed, _) => Self::Failure,
            (_, false) => Self::Success,
            (Status::Degraded, true) => Self::Degraded,
            (Status::Blocked, true) => Self::Blocked,
            (Status::Interrupted | Status::Running, true) => Self::Interrupted,
            (Status::Completed, true) if partial => Self::Partial,
            (Status::Completed, true) if degraded => Self::Degraded,
            (Status::Completed, true) => Self::Success,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_failed_runs_fail_unless_strict() {
        use Status::{Blocked, Completed, Degraded, Failed, Interrupted};
        let table = [
            (Completed, false, false, 0, 0),
            (Completed, true, false, 0, 10),
            (Completed, true, true, 0, 10),
            (Completed, false, true, 0, 11),
            (Degraded, false, true, 0, 11),
            (Blocked, false, false, 0, 3),
            (Interrupted, false, false, 0, 75),
            (Failed, false, false, 1, 1),
        ];
        for (status, partial, degraded, lax, strict) in table {
            assert_eq!(Exit::of_run(status, partial, degraded, false).code(), lax, "{status}");
            assert_eq!(
                Exit::of_run(status, partial, degraded, true).code(),
                strict,
                "{status} strict"
            );
        }
    }
}
