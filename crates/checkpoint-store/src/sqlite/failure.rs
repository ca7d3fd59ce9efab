//! The failures of SQLite and of the disk below it, as the crate's one error.
//!
//! They are classified by code, never by words in a message: a corrupt file
//! whose message holds the word "disk" must not be shown to a person as a full
//! disk. The raw message is kept beside the class.

use std::io;

use rusqlite::ffi;

use crate::error::{Error, StorageClass};

impl Error {
    pub(crate) fn sqlite(action: &'static str, error: &rusqlite::Error) -> Self {
        Self::Storage { class: class_of(error), action, message: error.to_string() }
    }

    pub(crate) fn io(action: &'static str, error: &io::Error) -> Self {
        let class = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StorageClass::Full,
            io::ErrorKind::ReadOnlyFilesystem => StorageClass::ReadOnly,
            io::ErrorKind::PermissionDenied => StorageClass::Denied,
            io::ErrorKind::ResourceBusy => StorageClass::Busy,
            // Of a state file: something else lies in its place.
            io::ErrorKind::IsADirectory => StorageClass::Corrupt,
            _ => StorageClass::Other,
        };
        Self::Storage { class, action, message: error.to_string() }
    }
}

/// Failures to read that are the file's fault and not the disk's: it ends in
/// the middle of a page, its file system calls it damaged, a page's own
/// checksum does.
const DAMAGED_READS: [i32; 3] =
    [ffi::SQLITE_IOERR_SHORT_READ, ffi::SQLITE_IOERR_CORRUPTFS, ffi::SQLITE_IOERR_DATA];

fn class_of(error: &rusqlite::Error) -> StorageClass {
    use rusqlite::ErrorCode;
    if error.sqlite_error().is_some_and(|error| DAMAGED_READS.contains(&error.extended_code)) {
        return StorageClass::Corrupt;
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StorageClass::Full,
        Some(ErrorCode::ReadOnly) => StorageClass::ReadOnly,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StorageClass::Corrupt,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StorageClass::Busy,
        Some(ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied) => {
            StorageClass::Denied
        }
        _ => StorageClass::Other,
    }
}

/// Names what was being done when SQLite failed.
pub(crate) trait During<T> {
    fn during(self, action: &'static str) -> Result<T, Error>;
}

impl<T> During<T> for Result<T, rusqlite::Error> {
    fn during(self, action: &'static str) -> Result<T, Error> {
        self.map_err(|error| Error::sqlite(action, &error))
    }
}

impl<T> During<T> for io::Result<T> {
    fn during(self, action: &'static str) -> Result<T, Error> {
        self.map_err(|error| Error::io(action, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Trap 27: by code, whatever the message says, and the message is shown.
    #[test]
    fn sqlites_failures_are_told_by_their_code() {
        use StorageClass::{Busy, Corrupt, Denied, Full, Other, ReadOnly};
        let table = [
            (ffi::SQLITE_FULL, Full),
            (ffi::SQLITE_READONLY, ReadOnly),
            (ffi::SQLITE_CORRUPT, Corrupt),
            (ffi::SQLITE_NOTADB, Corrupt),
            (ffi::SQLITE_IOERR_SHORT_READ, Corrupt),
            (ffi::SQLITE_BUSY, Busy),
            (ffi::SQLITE_LOCKED, Busy),
            (ffi::SQLITE_PERM, Denied),
            (ffi::SQLITE_IOERR_WRITE, Other),
            (ffi::SQLITE_NOMEM, Other),
        ];
        for (code, expected) in table {
            let said = "the disk is full of corrupt locks".to_owned();
            let raw = rusqlite::Error::SqliteFailure(ffi::Error::new(code), Some(said.clone()));
            let error = Error::sqlite("testing", &raw);
            assert!(error.to_string().contains(&said), "{error}");
            let Error::Storage { class, .. } = error else {
                panic!("{error:?} is no failure of storage");
            };
            assert_eq!(class, expected, "code {code}");
        }
    }

    #[test]
    fn the_operating_systems_failures_are_told_by_their_kind() {
        use StorageClass::{Denied, Full, Other, ReadOnly};
        use rustix::io::Errno;
        let table = [
            (Errno::NOSPC, Full),
            (Errno::DQUOT, Full),
            (Errno::ROFS, ReadOnly),
            (Errno::ACCESS, Denied),
            (Errno::IO, Other),
        ];
        for (errno, expected) in table {
            let error = Error::io("testing", &errno.into());
            let told = matches!(error, Error::Storage { class, .. } if class == expected);
            assert!(told, "{errno}: {error:?}");
        }
    }
}
