//! The launcher's process outside. It must outlive whatever it starts: a
//! command that is killed together with its watcher leaves its children to
//! nobody.

use std::ffi::OsString;
use std::io;
use std::process::Command;

use rustix::process::{Pid, WaitStatus, getpid, set_child_subreaper};

use super::Error;
use super::channel::{Channel, Record};
use super::children::{Waited, Watch};
use super::namespaces;
use super::orders::{INNER, MOUNTS, Orders, PID, own_arguments};

/// The status of an end that nobody asks about: what a shell reports for a
/// process killed by SIGKILL.
const KILLED: i32 = 137;

/// Runs the command to its end, or ends it with the lifeline: the exit status.
pub(super) fn keep(orders: &Orders, args: &[OsString], channel: &Channel) -> Result<i32, Error> {
    let this = own_arguments(&std::env::args_os().collect::<Vec<_>>(), args);
    if let Err(error) = set_child_subreaper(Some(getpid())) {
        note(channel, format!("orphans cannot be followed: {error}"));
    }
    let entered = if orders.namespaces {
        namespaces::enter(&this)
    } else {
        Err("namespaces are switched off".to_owned())
    };
    let mut inner = again(&this);
    inner.arg(INNER);
    match entered {
        Ok(()) => inner.args([PID, MOUNTS]),
        Err(reason) => {
            note(channel, reason);
            &mut inner
        }
    };
    // It inherits the channel as its standard input.
    let child = inner.args(args).spawn().map_err(|error| orders.start_error(error))?;
    let child = pid(child.id()).map_err(Error::Wait)?;
    wait(child, channel).map_err(Error::Wait)
}

fn wait(inner: Pid, channel: &Channel) -> io::Result<i32> {
    let watch = Watch::new(channel)?;
    let waited = watch.wait_for(inner)?;
    if matches!(waited, Waited::Ended(_)) {
        watch.settle(inner)?;
    }
    watch.end_all(inner)?;
    Ok(match waited {
        Waited::Ended(status) => passed_on(status, channel),
        Waited::Released => KILLED,
    })
}

/// The exit status that stands for how a child ended. A signal is told apart
/// from the status that shells use for it.
pub(super) fn passed_on(status: WaitStatus, channel: &Channel) -> i32 {
    if let Some(signal) = status.terminating_signal() {
        channel.tell(&Record::Signaled(signal));
        return 128 + signal;
    }
    status.exit_status().unwrap_or(KILLED)
}

/// This program again, with the launcher's own arguments.
pub(super) fn again(this: &[OsString]) -> Command {
    // Not by its path: the file there may be another by now.
    #[expect(
        clippy::disallowed_methods,
        reason = "this crate is the place where processes are started"
    )]
    let mut command = Command::new("/proc/self/exe");
    command.args(this);
    command
}

/// A child's number, by which it is waited for together with all others.
pub(super) fn pid(id: u32) -> io::Result<Pid> {
    i32::try_from(id)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(|| io::Error::other("the child has no process id"))
}

fn note(channel: &Channel, note: String) {
    channel.tell(&Record::Note(note));
}
