//! What a launcher is told by its arguments. Taken as they are, not as text:
//! a folder whose name is not UTF-8 is to be kept from writing like any other.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::Error;
use crate::confinement::{Confinement, END, REPLACED, UNREADABLE, WRITABLE};

const WITHOUT_NAMESPACES: &str = "--without-namespaces";
const WITHOUT_LANDLOCK: &str = "--without-landlock";
pub(super) const INNER: &str = "--inner";
pub(super) const PID: &str = "--own-processes";
pub(super) const MOUNTS: &str = "--own-mounts";
pub(super) const PROBE: &str = "--probe";

/// Which of the launcher's processes this is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The one that stays outside.
    Keeper,
    /// Tries the namespaces and ends.
    Probe,
    /// The one that restricts itself.
    Inner {
        /// It is the first process of a namespace.
        pid: bool,
        /// Its mounts are its own.
        mounts: bool,
    },
}

/// All that a launcher is told.
#[derive(Debug, PartialEq, Eq)]
#[cfg_attr(
    all(not(target_os = "linux"), not(test)),
    expect(dead_code, reason = "elsewhere a launcher can only start the command")
)]
pub(super) struct Orders {
    pub(super) stage: Stage,
    pub(super) namespaces: bool,
    pub(super) landlock: bool,
    pub(super) bounds: Confinement,
    pub(super) program: OsString,
    pub(super) args: Vec<OsString>,
}

impl Orders {
    pub(super) fn parse(args: &[OsString]) -> Result<Self, Error> {
        let mut orders = Self {
            stage: Stage::Keeper,
            namespaces: true,
            landlock: true,
            bounds: Confinement::default(),
            program: OsString::new(),
            args: Vec::new(),
        };
        let (mut inner, mut pid, mut mounts) = (false, false, false);
        let mut rest = args.iter();
        loop {
            let option = next(&mut rest, END)?;
            match option.to_str() {
                Some(END) => break,
                Some(INNER) => inner = true,
                Some(PID) => pid = true,
                Some(MOUNTS) => mounts = true,
                Some(PROBE) => orders.stage = Stage::Probe,
                Some(WITHOUT_NAMESPACES) => orders.namespaces = false,
                Some(WITHOUT_LANDLOCK) => orders.landlock = false,
                Some(WRITABLE) => orders.bounds.writable.push(path(&mut rest, WRITABLE)?),
                Some(UNREADABLE) => orders.bounds.unreadable.push(path(&mut rest, UNREADABLE)?),
                Some(REPLACED) => {
                    let pair = (path(&mut rest, REPLACED)?, path(&mut rest, REPLACED)?);
                    orders.bounds.replaced.push(pair);
                }
                _ => return Err(refused(format!("{} is not known", option.display()))),
            }
        }
        if inner {
            orders.stage = Stage::Inner { pid, mounts };
        }
        orders.program.clone_from(next(&mut rest, "the program")?);
        orders.args = rest.cloned().collect();
        Ok(orders)
    }

    /// The command itself, without input.
    pub(super) fn command(&self) -> Command {
        #[expect(
            clippy::disallowed_methods,
            reason = "this crate is the place where processes are started"
        )]
        let mut command = Command::new(&self.program);
        command.args(&self.args).stdin(Stdio::null());
        command
    }

    /// Turns this process into the command; returns only if that fails.
    pub(super) fn become_command(&self) -> Error {
        self.start_error(self.command().exec())
    }

    pub(super) fn start_error(&self, source: io::Error) -> Error {
        Error::Start { program: self.program.display().to_string(), source }
    }
}

fn next<'a>(
    rest: &mut impl Iterator<Item = &'a OsString>,
    wanted: &str,
) -> Result<&'a OsString, Error> {
    rest.next().ok_or_else(|| refused(format!("{wanted} is missing")))
}

fn path<'a>(rest: &mut impl Iterator<Item = &'a OsString>, option: &str) -> Result<PathBuf, Error> {
    next(rest, &format!("the path of {option}")).map(PathBuf::from)
}

fn refused(reason: String) -> Error {
    Error::Arguments { reason }
}

/// The launcher's own arguments, by which it can start itself again: those of
/// the process that stand before the ones it was entered with.
#[cfg(target_os = "linux")]
pub(super) fn own_arguments(all: &[OsString], entered: &[OsString]) -> Vec<OsString> {
    let own = all.len().saturating_sub(entered.len());
    all.iter().take(own).skip(1).cloned().collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    fn parse(args: &[&str]) -> Result<Orders, Error> {
        Orders::parse(&args.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn what_a_confinement_writes_is_what_is_read() {
        let odd = OsString::from_vec(b"/tmp/\xff -- x".to_vec());
        let bounds = Confinement {
            launcher: Vec::new(),
            writable: vec!["/w".into(), PathBuf::from(odd)],
            unreadable: vec!["--".into(), "/keys/a b".into()],
            replaced: vec![("/a".into(), "/b".into()), ("--writable".into(), "--".into())],
        };
        let mut args = bounds.to_args();
        args.extend(["sh", "-c", "--", "--inner"].map(OsString::from));
        let orders = Orders::parse(&args).unwrap();
        assert_eq!(orders.bounds, bounds);
        assert_eq!(orders.program, "sh");
        assert_eq!(orders.args, ["-c", "--", "--inner"]);
        assert_eq!(orders.stage, Stage::Keeper);
        assert!(orders.namespaces && orders.landlock);
    }

    #[test]
    fn the_options_before_the_bounds_switch_parts_off() {
        let orders = parse(&["--without-landlock", "--without-namespaces", "--", "true"]).unwrap();
        assert!(!orders.namespaces && !orders.landlock);
        let orders = parse(&["--inner", "--own-processes", "--", "true"]).unwrap();
        assert_eq!(orders.stage, Stage::Inner { pid: true, mounts: false });
    }

    #[test]
    fn what_is_no_order_is_refused_and_named() {
        for (args, named) in [
            (&[][..], "-- is missing"),
            (&["--"], "the program is missing"),
            (&["--writable"], "the path of --writable is missing"),
            (&["--replaced", "/a"], "the path of --replaced is missing"),
            (&["sh", "--"], "sh is not known"),
        ] {
            let error = parse(args).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn own_arguments_stand_before_those_it_was_entered_with() {
        let all = ["belay", "__confined", "--", "true"].map(OsString::from);
        assert_eq!(own_arguments(&all, &all[2..]), ["__confined"]);
        assert!(own_arguments(&all, &all[1..]).is_empty());
        assert!(own_arguments(&all, &all).is_empty());
    }
}
