//! Why a run could not go on in this process. What it had done is kept.

use agents::Failed;
use model_providers::Reason;

/// An error that ends the process's work on a run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The state could not be read or written.
    #[error(transparent)]
    Store(checkpoint_store::Error),
    /// Another process has taken the run over: nothing of it may be written any more.
    #[error("the lease is lost: another process has taken the run over")]
    LeaseLost,
    /// The state could not be written, so nothing may go on unseen.
    #[error("the run's journal cannot be written: {0}")]
    Journal(String),
    /// The journal's writer has ended.
    #[error("the run's journal is closed")]
    JournalClosed,
    /// The repository refused.
    #[error(transparent)]
    Repository(#[from] worktree::Error),
    /// No answer, and no template that may stand in.
    #[error(transparent)]
    Unanswered(#[from] Failed),
    /// A fact could not be written as JSON.
    #[error("a record could not be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The journal's first row is missing or from a newer belay.
    #[error("run {0} has no readable first record")]
    NoStart(String),
    /// The state asks for a milestone or a round that it does not have.
    #[error("the run's records do not fit together: {0}")]
    Inconsistent(&'static str),
    /// A step was cut short because the run was asked to stop.
    #[error("stopped in the middle of a step")]
    Stopped,
    /// The same step came up again and again without any change.
    #[error("the step {0} makes no headway")]
    NoHeadway(String),
}

impl From<checkpoint_store::Error> for Error {
    fn from(error: checkpoint_store::Error) -> Self {
        match error {
            checkpoint_store::Error::LeaseLost => Self::LeaseLost,
            error => Self::Store(error),
        }
    }
}

impl Error {
    /// Whether it may come back with every process that takes the run up.
    pub(crate) fn parks(&self) -> bool {
        !self.cancelled()
            && !matches!(
                self,
                Self::Unanswered(_)
                    | Self::Store(_)
                    | Self::LeaseLost
                    | Self::Journal(_)
                    | Self::JournalClosed
            )
    }

    /// Whether this is a request to stop, not a failure.
    pub fn cancelled(&self) -> bool {
        match self {
            Self::Stopped | Self::Repository(worktree::Error::Cancelled) => true,
            Self::Unanswered(Failed::Unanswered(unanswered)) => {
                matches!(unanswered.reason, Reason::Cancelled)
            }
            _ => false,
        }
    }
}
