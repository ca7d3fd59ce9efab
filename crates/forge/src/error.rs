//! What can go wrong with issues, split by who can mend it.

use std::io;
use std::path::PathBuf;

/// Why an issue could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no issue at this address.
    #[error("there is no issue {url:?}")]
    UnknownIssue {
        /// The address that was given.
        url: String,
    },
    /// Somebody edited the issue so that it cannot be read any more. It is
    /// left as it is; a person has to mend it.
    #[error("the issue {file} cannot be read: {why}")]
    Damaged {
        /// The issue's file, relative to the top.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// A symbolic link stands where the folder of issues should be; following
    /// it would write outside the repository.
    #[error("{} is a symbolic link or no folder: issues are not written through it", path.display())]
    Refused {
        /// The link.
        path: PathBuf,
    },
    /// The issue has no room for more.
    #[error("the issue {file} would grow beyond {limit} bytes")]
    TooLarge {
        /// The issue's file, relative to the top.
        file: String,
        /// The most it may hold.
        limit: usize,
    },
    /// What was handed in makes no sense.
    #[error("{0}")]
    Invalid(&'static str),
    /// Another process kept the folder locked for too long.
    #[error("another process keeps the folder of issues locked")]
    Busy,
    /// The disk refused.
    #[error("{action}: {source}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The work was cut off: the runtime is shutting down.
    #[error("the work on the folder of issues was cut off")]
    Interrupted,
}

/// Names what was being done when the system refused.
pub(crate) trait During<T> {
    fn during(self, action: &'static str) -> Result<T, Error>;
}

impl<T, E: Into<io::Error>> During<T> for Result<T, E> {
    fn during(self, action: &'static str) -> Result<T, Error> {
        self.map_err(|error| Error::Io { action, source: error.into() })
    }
}
