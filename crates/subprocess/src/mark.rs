//! Who started a process, written into its environment, where its children
//! inherit it. A process that is killed clears nothing away: only by the mark
//! can a later one tell what was left from what belongs to others.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Whoever looks for what others left must itself leave what can be found.
static MARKING: AtomicBool = AtomicBool::new(false);

/// The mark of one command, `BOOT:NAMESPACES:PID:STARTED:COMMAND`.
///
/// Once this process has called [`crate::become_subreaper`] or
/// [`crate::sweep`], `run` sets it for every command, as the variable
/// [`Mark::VARIABLE`], on Linux where `/proc` can be read. A process that empties its environment, or
/// overwrites it with a title of its own, is told by its descent only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Who started the command.
    owner: Owner,
    /// Which of the owner's commands it was, counted from 1.
    command: u64,
}

/// A process, for good: no other ever has all four.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Owner {
    /// The machine's start.
    boot: String,
    /// Where the numbers below hold: of process ids, and of start times.
    namespaces: String,
    pid: i32,
    started: u64,
}

impl Mark {
    /// The name of the variable.
    pub const VARIABLE: &'static str = "BELAY_MARK";

    /// The process id of the one that started the command.
    #[must_use]
    pub fn owner(&self) -> u32 {
        self.owner.pid.unsigned_abs()
    }

    /// Which of its owner's commands it was, counted from 1.
    #[must_use]
    pub fn command(&self) -> u64 {
        self.command
    }

    /// Has every command from now on bear one.
    pub(crate) fn begin() {
        MARKING.store(true, Ordering::SeqCst);
    }

    /// What the next command is to bear.
    pub(crate) fn for_command() -> Option<Self> {
        MARKING.load(Ordering::SeqCst).then(Self::next).flatten()
    }

    /// A new one; `None` where a process cannot be told
    /// from others.
    pub(crate) fn next() -> Option<Self> {
        static COMMANDS: AtomicU64 = AtomicU64::new(1);
        let owner = Owner::this()?.clone();
        Some(Self { owner, command: COMMANDS.fetch_add(1, Ordering::Relaxed) })
    }

    /// Whether this process set it.
    #[cfg(any(test, target_os = "linux"))]
    pub(crate) fn is_ours(&self) -> bool {
        Owner::this() == Some(&self.owner)
    }

    /// Whether its owner is known to be gone. Of an owner elsewhere, in another
    /// container for example, that is never known.
    #[cfg(target_os = "linux")]
    pub(crate) fn is_orphaned(&self) -> bool {
        Owner::this().is_some_and(|this| {
            (&this.boot, &this.namespaces) == (&self.owner.boot, &self.owner.namespaces)
        }) && !self.owner.is_alive()
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Owner { boot, namespaces, pid, started } = &self.owner;
        write!(f, "{boot}:{namespaces}:{pid}:{started}:{}", self.command)
    }
}

/// The text is no mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a mark of a command")]
pub struct NotAMark;

impl FromStr for Mark {
    type Err = NotAMark;

    fn from_str(text: &str) -> Result<Self, NotAMark> {
        let parts: Vec<&str> = text.split(':').collect();
        let &[boot, namespaces, pid, started, command] = parts.as_slice() else {
            return Err(NotAMark);
        };
        let pid = pid.parse().ok().filter(|pid| *pid > 0).ok_or(NotAMark)?;
        let started = started.parse().map_err(|_| NotAMark)?;
        let command = command.parse().map_err(|_| NotAMark)?;
        let owner = Owner { boot: boot.into(), namespaces: namespaces.into(), pid, started };
        Ok(Self { owner, command })
    }
}

impl Owner {
    fn this() -> Option<&'static Self> {
        static THIS: OnceLock<Option<Owner>> = OnceLock::new();
        THIS.get_or_init(Self::ask).as_ref()
    }

    #[cfg(target_os = "linux")]
    fn ask() -> Option<Self> {
        use crate::processes;

        let pid = rustix::process::getpid().as_raw_nonzero().get();
        let namespace = |kind| std::fs::read_link(format!("/proc/self/ns/{kind}")).ok();
        let number = |kind| {
            let link = namespace(kind)?.into_os_string().into_string().ok()?;
            Some(link.chars().filter(char::is_ascii_digit).collect::<String>())
        };
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        // Older kernels have no namespaces of time.
        let namespaces = format!("{}.{}", number("pid")?, number("time").unwrap_or_default());
        let started = processes::started(pid).filter(|_| processes::are_ours())?;
        Some(Self { boot: boot.trim().to_owned(), namespaces, pid, started })
    }

    #[cfg(not(target_os = "linux"))]
    fn ask() -> Option<Self> {
        None
    }

    /// Whatever cannot be told counts as alive: it may belong to another user,
    /// whose processes are not shown everywhere.
    #[cfg(target_os = "linux")]
    fn is_alive(&self) -> bool {
        use rustix::io::Errno;
        use rustix::process::{Pid, test_kill_process};

        let is_there = || {
            Pid::from_raw(self.pid).is_some_and(|pid| test_kill_process(pid) != Err(Errno::SRCH))
        };
        is_there()
            && crate::processes::Facts::of(self.pid)
                .map_or_else(is_there, |facts| !facts.ended && facts.started == self.started)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        let text = "0b1c-2d:4026531836.4026531834:4711:99:12";
        let mark: Mark = text.parse().unwrap();
        assert_eq!(mark.to_string(), text);
        assert_eq!((mark.owner(), mark.command()), (4711, 12));
        assert!(!mark.is_ours());
    }

    #[test]
    fn what_is_no_mark_is_refused() {
        for text in ["", "a:b:1:2", "a:b:1:2:3:4", "a:b:0:2:3", "a:b:-1:2:3", "a:b:1:x:3", "::::"] {
            assert_eq!(text.parse::<Mark>(), Err(NotAMark), "{text}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn only_an_owner_that_is_known_to_be_gone_makes_a_mark_orphaned() {
        let ours = Mark::next().unwrap();
        assert!(ours.is_ours() && !ours.is_orphaned());
        let changed = |change: fn(&mut Owner)| {
            let mut mark = ours.clone();
            change(&mut mark.owner);
            assert!(!mark.is_ours());
            mark.is_orphaned()
        };
        assert!(changed(|owner| owner.pid = i32::MAX));
        assert!(changed(|owner| owner.started += 1));
        assert!(!changed(|owner| (owner.boot, owner.pid) = ("another".into(), i32::MAX)));
        assert!(!changed(|owner| (owner.namespaces, owner.pid) = ("1.1".into(), i32::MAX)));
    }

    #[test]
    fn no_two_commands_have_the_same_mark() {
        assert!(Mark::next().is_none() || Mark::next() != Mark::next());
    }
}
