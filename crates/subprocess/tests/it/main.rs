//! Real processes: what only the system itself can show about exits, signals,
//! pipes and process groups.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests fail by panicking, as tests do, and say what they leave out"
)]

#[cfg(target_os = "linux")]
mod at_once;
#[cfg(target_os = "linux")]
mod confined;
mod ends;
#[cfg(target_os = "linux")]
mod leftovers;
mod streams;

use std::path::Path;
use std::time::Duration;

use subprocess::{Command, Limits};

/// Long enough that reaching it is a failure, not a slow machine.
const LONG: Duration = Duration::from_secs(60);

fn sh(script: &str, dir: &Path) -> Command {
    Command::new("sh", dir)
        .args(["-c", script])
        .env([("PATH", "/usr/local/bin:/usr/bin:/bin")])
        .limits(Limits { total: LONG, grace: LONG, ..Limits::default() })
}

fn limits(command: Command, change: impl FnOnce(&mut Limits)) -> Command {
    let mut limits = command.limits;
    change(&mut limits);
    command.limits(limits)
}
