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
#[cfg(target_os = "linux")]
mod many;
#[cfg(target_os = "linux")]
mod orphans;
mod streams;

use std::path::Path;
use std::time::Duration;

use subprocess::{Command, Limits};
#[cfg(target_os = "linux")]
use {subprocess::Ended, tokio_util::sync::CancellationToken};

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

/// Set where a test runs in a process of its own.
#[cfg(target_os = "linux")]
const ALONE: &str = "SUBPROCESS_TEST_ALONE";

/// Has a test pass in a process of its own, which is this binary again with one
/// test to run. Elsewhere that test does nothing.
#[cfg(target_os = "linux")]
async fn pass_alone(test: &str) {
    let dir = tempfile::tempdir().unwrap();
    let program = std::env::current_exe().unwrap();
    let command = Command::new(program.to_str().unwrap(), dir.path())
        .args(["--exact", test, "--test-threads=1"])
        .env([("TMPDIR", dir.path().to_str().unwrap()), (ALONE, "1")])
        .limits(Limits { total: LONG * 2, ..Limits::default() });
    let output = subprocess::run(&command, &CancellationToken::new()).await.unwrap();
    let text = format!("{}{}", output.stdout.text(), output.stderr.text());
    assert_eq!(output.ended, Ended::Exited(0), "{text}");
    assert!(text.contains("1 passed"), "{text}");
}

#[cfg(target_os = "linux")]
#[expect(clippy::disallowed_methods, reason = "the other process is told so by a variable")]
fn is_alone() -> bool {
    std::env::var_os(ALONE).is_some()
}

/// Of this process, with zombies.
#[cfg(target_os = "linux")]
fn children() -> Vec<String> {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let lists = threads.map(|thread| thread.unwrap().path().join("children"));
    lists
        .flat_map(|list| {
            let list = std::fs::read_to_string(list).unwrap();
            list.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        })
        .collect()
}
