//! The launcher: a process of ours that restricts itself and then starts the
//! command, so that a project's tests, which strangers and models wrote,
//! neither write into the person's home, nor read the keys there or in this
//! process's environment, nor leave anything running.
//!
//! [`crate::run`] starts it for a command with a [`crate::Confinement`]. It
//! is two processes. The *keeper* stays outside: it enters new user (if it is
//! not root), process and mount namespaces, starts the inner one, and ends
//! everything when its standard input ends, which is a socket held by the
//! process that called `run`: also a SIGKILL of that one closes it. The
//! *inner* one is the first process of the new namespace: it mounts a `/proc`
//! of its own, covers and replaces files, gives up what root could use to get
//! out again, restricts itself with Landlock, starts the command and reaps
//! whoever the command leaves behind. With its end the kernel ends everyone in
//! the namespace, whatever they did to escape. Without a process namespace the
//! keeper is whom orphans fall to, and kills them one by one.
//!
//! Nothing of it is needed for the command to run: what the system cannot do is
//! left out, and told through the same socket. The command's own standard
//! input is `/dev/null`.

mod channel;
mod orders;
mod support;

#[cfg(target_os = "linux")]
mod children;
#[cfg(target_os = "linux")]
mod inner;
#[cfg(target_os = "linux")]
mod keeper;
#[cfg(target_os = "linux")]
mod mounts;
#[cfg(target_os = "linux")]
mod namespaces;
#[cfg(target_os = "linux")]
mod powers;
#[cfg(target_os = "linux")]
mod readable;
#[cfg(target_os = "linux")]
mod rules;

use std::convert::Infallible;
use std::ffi::OsString;
use std::io;

pub(crate) use channel::{Lifeline, Report};
pub use support::{Support, support};

use channel::{Channel, Record};
use orders::Orders;

/// Why a launcher could not start its command. The process that started it
/// learns of it as the error of `run`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The arguments are not those that `run` gives.
    #[error("not arguments of a launcher: {reason}")]
    Arguments {
        /// What is wrong with them.
        reason: String,
    },
    /// It was not started by `run`: there is nobody who would end it.
    #[error("standard input is not the socket that a launcher is started with")]
    NoChannel,
    /// The command, or the process that starts it, could not be started.
    #[error("cannot start {program}: {source}")]
    Start {
        /// As given.
        program: String,
        /// What the system says.
        source: io::Error,
    },
    /// The processes could not be watched.
    #[error("cannot wait for the command: {0}")]
    Wait(#[source] io::Error),
}

impl Error {
    fn errno(&self) -> i32 {
        let (Self::Start { source, .. } | Self::Wait(source)) = self else {
            return rustix::io::Errno::INVAL.raw_os_error();
        };
        source.raw_os_error().unwrap_or(rustix::io::Errno::IO.raw_os_error())
    }
}

/// The launcher's whole `main`; `args` are those after the launcher's own. Must
/// be the first thing that a process does: it may have no other threads, and
/// should have read nothing. Ends the process with the command's exit status,
/// or 128 and the number of the signal that ended the command.
///
/// Two more options, for tests and for looking into failures, may stand last
/// among the launcher's own arguments: `--without-namespaces` and
/// `--without-landlock`.
///
/// # Errors
///
/// See [`Error`]. `run` has been told by then: the process should end, with a
/// status that is not 0.
pub fn enter(args: impl Iterator<Item = OsString>) -> Result<Infallible, Error> {
    let args: Vec<OsString> = args.collect();
    let orders = Orders::parse(&args)?;
    let channel = Channel::from_stdin()?;
    let result = begin(&orders, &args, &channel);
    if let Err(error) = &result {
        channel.tell(&Record::Failed(error.errno()));
    }
    result
}

#[cfg(target_os = "linux")]
fn begin(orders: &Orders, args: &[OsString], channel: &Channel) -> Result<Infallible, Error> {
    use orders::Stage;

    let status = match &orders.stage {
        Stage::Keeper => keeper::keep(orders, args, channel)?,
        Stage::Probe => namespaces::probe(),
        Stage::Inner { pid, mounts } => inner::launch(orders, *pid, *mounts, channel)?,
    };
    leave(status)
}

/// Elsewhere there is nothing to restrict with: the launcher turns into the
/// command.
#[cfg(not(target_os = "linux"))]
fn begin(orders: &Orders, _args: &[OsString], channel: &Channel) -> Result<Infallible, Error> {
    channel.tell(&Record::Note("this system is not Linux".to_owned()));
    Err(orders.become_command())
}

#[cfg(target_os = "linux")]
#[expect(clippy::exit, reason = "the launcher is a process of its own, and this is its end")]
fn leave(status: i32) -> ! {
    std::process::exit(status)
}
