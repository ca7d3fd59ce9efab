//! The bounds that a command is to be kept in, as values. A project's own
//! commands run what strangers wrote: without bounds a test writes into the
//! person's home, or reads the keys that lie there.

use std::ffi::OsString;
use std::path::PathBuf;

/// What a command may write and read, kept by a launcher that restricts itself
/// before it starts the command: see [`crate::confined`].
///
/// What the system cannot keep is left out, and `Output::confined` says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confinement {
    /// Program and arguments of a process that calls `confined::enter` first
    /// of all, with the arguments after these. A native program: it starts
    /// itself once more.
    pub launcher: Vec<String>,
    /// Folders and files that may be written; folders with all that is beneath
    /// them. One that does not exist is made as a folder if the folder it would
    /// stand in exists, else passed over. Besides, the usual device files
    /// (`/dev/null`, terminals, `/dev/shm`) may always be written.
    pub writable: Vec<PathBuf>,
    /// Files and folders that may not be read, by whatever path they are
    /// reached; one that does not exist is passed over. A hard link that was
    /// made before has another path and stays readable. Disks are among them
    /// without being named. What is made during the command beside one of
    /// these, or beside a folder above it, can only be read where it can be
    /// written; and one within a folder of `writable` should be avoided, since
    /// without a mount namespace it makes what is new there unreadable.
    pub unreadable: Vec<PathBuf>,
    /// Files, each with the file whose content is shown instead. Where that
    /// cannot be had the first one cannot be read.
    pub replaced: Vec<(PathBuf, PathBuf)>,
}

pub(crate) const WRITABLE: &str = "--writable";
pub(crate) const UNREADABLE: &str = "--unreadable";
pub(crate) const REPLACED: &str = "--replaced";
pub(crate) const END: &str = "--";

impl Confinement {
    /// The bounds as the launcher's arguments, up to the command itself. They
    /// can be read by every process of the machine, and hold no secret.
    pub(crate) fn to_args(&self) -> Vec<OsString> {
        let mut args = Vec::new();
        for (option, paths) in [(WRITABLE, &self.writable), (UNREADABLE, &self.unreadable)] {
            for path in paths {
                args.extend([option.into(), path.clone().into_os_string()]);
            }
        }
        for (target, replacement) in &self.replaced {
            args.extend([REPLACED.into(), target.into(), replacement.into()]);
        }
        args.push(END.into());
        args
    }
}
