//! The socket between a launcher and whoever runs it. One way it is a lifeline:
//! its end, which even a killed process brings about, ends everything. The
//! other way it tells what an exit status cannot: what restricts the command,
//! which signal ended it, and that it was never started.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use rustix::fs::{FileType, fstat};

use super::{Error, Support};

/// More than all records of one launcher together.
const MOST: u64 = 64 * 1024;

/// Notes beyond these are left out, so that nobody has to read while the
/// launcher writes.
const NOTE: usize = 400;
pub(super) const MOST_NOTES: usize = 40;

/// One line of what a launcher tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Record {
    Landlock(u32),
    PidNamespace,
    MountNamespace,
    OwnProc,
    Note(String),
    Signaled(i32),
    Failed(i32),
}

impl Record {
    fn to_line(&self) -> String {
        match self {
            Self::Landlock(abi) => format!("landlock {abi}\n"),
            Self::PidNamespace => "pid_namespace\n".to_owned(),
            Self::MountNamespace => "mount_namespace\n".to_owned(),
            Self::OwnProc => "own_proc\n".to_owned(),
            Self::Note(note) => {
                let note: String = note.chars().filter(|c| !c.is_control()).take(NOTE).collect();
                format!("note {note}\n")
            }
            Self::Signaled(signal) => format!("signaled {signal}\n"),
            Self::Failed(errno) => format!("failed {errno}\n"),
        }
    }

    fn from_line(line: &str) -> Option<Self> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        Some(match word {
            "landlock" => Self::Landlock(rest.parse().ok()?),
            "pid_namespace" => Self::PidNamespace,
            "mount_namespace" => Self::MountNamespace,
            "own_proc" => Self::OwnProc,
            "note" => Self::Note(rest.to_owned()),
            "signaled" => Self::Signaled(rest.parse().ok()?),
            "failed" => Self::Failed(rest.parse().ok()?),
            _ => return None,
        })
    }
}

/// The launcher's end.
#[derive(Debug)]
pub(super) struct Channel(UnixStream);

impl Channel {
    pub(super) fn from_stdin() -> Result<Self, Error> {
        let stdin = io::stdin().as_fd().try_clone_to_owned().map_err(|_| Error::NoChannel)?;
        let facts = fstat(&stdin).map_err(|_| Error::NoChannel)?;
        if FileType::from_raw_mode(facts.st_mode) == FileType::Socket {
            Ok(Self(UnixStream::from(stdin)))
        } else {
            Err(Error::NoChannel)
        }
    }

    /// Nobody may be listening any more; then nobody misses it.
    pub(super) fn tell(&self, record: &Record) {
        let told = (&self.0).write_all(record.to_line().as_bytes());
        if let Err(error) = told {
            tracing::debug!(%error, "nobody is told");
        }
    }
}

/// The lifeline, to be polled: nothing ever comes, so that what can be read is
/// its end.
impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The end of the process that started a launcher. Its drop ends everything.
#[derive(Debug)]
pub(crate) struct Lifeline(UnixStream);

impl Lifeline {
    /// And what is to be the launcher's standard input.
    pub(crate) fn new() -> io::Result<(Self, Stdio)> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        Ok((Self(ours), Stdio::from(OwnedFd::from(theirs))))
    }

    /// Has the launcher end everything.
    pub(crate) fn release(&self) {
        if let Err(error) = self.0.shutdown(Shutdown::Write) {
            // Not connected: it has ended by itself.
            tracing::debug!(%error, "launcher not released");
        }
    }

    /// What was told so far.
    pub(crate) fn report(&self) -> Report {
        let mut bytes = Vec::new();
        // It ends with an error where the other end is still open, and what
        // was read before is there.
        if let Err(error) = (&self.0).take(MOST).read_to_end(&mut bytes) {
            tracing::debug!(%error, "the launcher is still there");
        }
        Report::parse(&String::from_utf8_lossy(&bytes))
    }
}

/// What a launcher told.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) support: Support,
    /// The signal that ended the command.
    pub(crate) signaled: Option<i32>,
    /// Why it was not started.
    pub(crate) failed: Option<i32>,
}

impl Report {
    fn parse(text: &str) -> Self {
        let mut report = Self::default();
        // The last line may be cut off.
        for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            match Record::from_line(line) {
                Some(Record::Signaled(signal)) => report.signaled = Some(signal),
                Some(Record::Failed(errno)) => report.failed = Some(errno),
                Some(record) => report.support.note(record),
                None => tracing::debug!(line, "a launcher told what is not known"),
            }
        }
        report
    }
}

impl Support {
    pub(super) fn note(&mut self, record: Record) {
        match record {
            Record::Landlock(abi) => self.landlock = Some(abi),
            Record::PidNamespace => self.pid_namespace = true,
            Record::MountNamespace => self.mount_namespace = true,
            Record::OwnProc => self.own_proc = true,
            Record::Note(note) if self.notes.len() < MOST_NOTES => self.notes.push(note),
            Record::Note(_) | Record::Signaled(_) | Record::Failed(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_what_is_read() {
        let records = [
            Record::Landlock(7),
            Record::PidNamespace,
            Record::MountNamespace,
            Record::OwnProc,
            Record::Note("two\nlines".to_owned()),
            Record::Signaled(15),
            Record::Failed(2),
        ];
        let text: String = records.iter().map(Record::to_line).collect();
        let report = Report::parse(&text);
        let support = Support {
            landlock: Some(7),
            pid_namespace: true,
            mount_namespace: true,
            own_proc: true,
            notes: vec!["twolines".to_owned()],
        };
        assert_eq!(report, Report { support, signaled: Some(15), failed: Some(2) });
    }

    #[test]
    fn what_is_cut_off_or_not_known_says_nothing() {
        for text in ["", "landlock", "landlock x\n", "landlock 7", "signaled\n", "\u{fffd}\n\n"] {
            assert_eq!(Report::parse(text), Report::default(), "{text:?}");
        }
    }

    #[test]
    fn notes_without_end_are_bounded() {
        let text = Record::Note("x".repeat(10_000)).to_line().repeat(1000);
        let notes = Report::parse(&text).support.notes;
        assert_eq!(notes.len(), MOST_NOTES);
        assert_eq!(notes[0].len(), NOTE);
    }

    #[test]
    fn a_report_is_read_from_a_launcher_that_is_there_and_one_that_is_gone() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let (lifeline, channel) = (Lifeline(ours), Channel(theirs));
        channel.tell(&Record::Landlock(3));
        assert_eq!(lifeline.report().support.landlock, Some(3));
        channel.tell(&Record::Signaled(9));
        lifeline.release();
        assert_eq!((&channel.0).read(&mut [0]).unwrap(), 0);
        drop(channel);
        assert_eq!(lifeline.report().signaled, Some(9));
        lifeline.release();
    }
}
