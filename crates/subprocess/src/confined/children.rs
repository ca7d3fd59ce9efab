//! Waiting for one child while others come and go. The first process of a
//! namespace, and whoever orphans fall to, must reap them all, and must hear
//! meanwhile that nobody waits for it any more. One thread with a poll: a
//! process that has moved its children to a new namespace can start no thread.

use std::io;
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, WaitStatus, getpid, wait};

use super::channel::Channel;
use crate::clock;
use crate::descendants::Descendants;

/// How long others may go on once the command has ended, as without a launcher:
/// the end of a pipeline needs a moment.
const SETTLE: Duration = Duration::from_millis(100);

/// How often whoever is left is killed again, and how long each time their end
/// is waited for. Longer means that one hangs inside the kernel.
const ROUNDS: usize = 50;
const ROUND: Duration = Duration::from_millis(100);

/// How waiting ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum Waited {
    /// The child ended.
    Ended(WaitStatus),
    /// Nobody waits for it any more.
    Released,
}

/// Hears of children and of the lifeline. To be made after the child was
/// started, which would inherit the blocked signals.
#[derive(Debug)]
pub(super) struct Watch<'a> {
    signals: SignalFd,
    channel: &'a Channel,
}

impl<'a> Watch<'a> {
    /// From here on this process ends by its lifeline only, not by a signal that
    /// was meant for the command.
    pub(super) fn new(channel: &'a Channel) -> io::Result<Self> {
        let mut set = SigSet::empty();
        for signal in
            [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT]
        {
            set.add(signal);
        }
        set.thread_block()?;
        let signals = SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        Ok(Self { signals, channel })
    }

    /// Until this child has ended, reaping every other one.
    pub(super) fn wait_for(&self, child: Pid) -> io::Result<Waited> {
        loop {
            let (ended, _) = reap(child)?;
            if let Some(status) = ended {
                return Ok(Waited::Ended(status));
            }
            if self.next(None)? {
                return Ok(Waited::Released);
            }
        }
    }

    /// Until nobody is left, for a moment at most.
    pub(super) fn settle(&self, child: Pid) -> io::Result<()> {
        let deadline = clock::after(clock::now(), SETTLE);
        loop {
            let left = deadline.saturating_duration_since(clock::now());
            let (_, others) = reap(child)?;
            if !others || left.is_zero() || self.next(Some(left))? {
                return Ok(());
            }
        }
    }

    /// Kills every descendant until none is left.
    pub(super) fn end_all(&self, child: Pid) -> io::Result<()> {
        let mut descendants = Descendants::of(getpid());
        for _ in 0..ROUNDS {
            descendants.observe();
            descendants.signal(rustix::process::Signal::KILL);
            if !reap(child)?.1 {
                break;
            }
            self.signalled(Some(ROUND))?;
        }
        Ok(())
    }

    /// Waits for a signal or the lifeline's end: true if it was the latter.
    fn next(&self, limit: Option<Duration>) -> io::Result<bool> {
        let mut events =
            [PollFd::new(&self.signals, PollFlags::IN), PollFd::new(self.channel, PollFlags::IN)];
        poll_for(&mut events, limit)?;
        let released = !events[1].revents().is_empty();
        self.drain()?;
        Ok(released)
    }

    fn signalled(&self, limit: Option<Duration>) -> io::Result<()> {
        poll_for(&mut [PollFd::new(&self.signals, PollFlags::IN)], limit)?;
        self.drain()
    }

    fn drain(&self) -> io::Result<()> {
        while self.signals.read_signal()?.is_some() {}
        Ok(())
    }
}

fn poll_for(events: &mut [PollFd<'_>], limit: Option<Duration>) -> io::Result<()> {
    let limit = limit.map(|limit| Timespec {
        tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: limit.subsec_nanos().into(),
    });
    match poll(events, limit.as_ref()) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Reaps whoever has ended: how `child` did, if it is among them, and whether
/// anybody is left.
fn reap(child: Pid) -> io::Result<(Option<WaitStatus>, bool)> {
    let mut ended = None;
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if pid == child => ended = Some(status),
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) => return Ok((ended, true)),
            Err(Errno::CHILD) => return Ok((ended, false)),
            Err(error) => return Err(error.into()),
        }
    }
}
