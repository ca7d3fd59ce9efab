//! Every trigger against the real binary, while the project's tests run what
//! does not want to end: what is saved, told, left running and gone on with.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::odds;
use super::stubborn::{Stubborn, recoveries};
use crate::harness::{Ran, finish, installed, until};

/// How long after `sent` the row of this event was written.
fn row_after(sent: Timestamp, ran: &Ran, name: &str) -> Duration {
    let at = ran.named(name)[0]["time"].as_str().expect("a stamp").parse::<Timestamp>();
    at.expect("a stamp").duration_since(sent).try_into().expect("after the signal")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_what_ignores_signals() {
    for signal in ["TERM", "INT", "HUP"] {
        let stubborn = Stubborn::new().await;
        let child = stubborn.command().spawn().expect("belay");
        stubborn.hang().await;
        let pid = child.id().expect("a pid").to_string();
        let sent = Timestamp::now();
        stubborn.bench.kill(&format!("-{signal}"), &pid);
        let ran = finish(child).await.exits(0);
        let ended = Timestamp::now().duration_since(sent).unsigned_abs();
        stubborn.ended_well(&ran, &format!("SIG{signal}"));
        let row = row_after(sent, &ran, "shutdown_requested");
        let last = row_after(sent, &ran, "run_finished");
        assert!(row <= last && last < Duration::from_secs(5), "{signal}: {row:?}, {last:?}");
        eprintln!("SIG{signal}: row after {row:?}, last row after {last:?}, ended after {ended:?}");
        stubborn.completes().await;
        stubborn.server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_at_once_and_loses_nothing() {
    let stubborn = Stubborn::new().await;
    let child = stubborn.command().spawn().expect("belay");
    stubborn.hang().await;
    let pid = child.id().expect("a pid").to_string();
    stubborn.bench.kill("-TERM", &pid);
    stubborn.bench.kill("-INT", &pid);
    let ran = finish(child).await;
    // Two that come before the first is looked at may be taken for one end.
    assert!(matches!(ran.code, Some(130 | 0)), "{:?}: {}", ran.code, ran.stderr);
    assert_eq!(stubborn.living(), 0);
    stubborn.free();
    let ran = stubborn.bench.belay(&["run", "--format", "json"]).await.exits(0);
    assert_eq!(ran.named("run_finished")[0]["status"], "completed", "{}", ran.stderr);
    assert_eq!(ran.named("step_started")[0]["step"], "test", "nothing before it is done again");
    stubborn.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_limit_ends_what_ignores_signals() {
    let stubborn = Stubborn::new().await;
    let mut command = stubborn.command();
    let child = command.args(["--timeout", "12s", "--strict"]).spawn().expect("belay");
    stubborn.hang().await;
    let ran = finish(child).await.exits(75);
    stubborn.ended_well(&ran, "time limit");
    stubborn.completes().await;
    stubborn.server.stop().await;
}

/// A control group whose limit the run is about to meet.
#[tokio::test(flavor = "multi_thread")]
async fn memory_that_runs_out_ends_the_run_before_the_kernel_does() {
    let stubborn = Stubborn::new().await;
    let root = stubborn.bench.root().join("odds");
    let write = |path: &str, text: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        fs::write(path, text).expect("a file");
    };
    write("proc/self/cgroup", "0::/job\n");
    let mount = "29 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n";
    write("proc/self/mountinfo", mount);
    let mut command = stubborn.command();
    command.env("LD_PRELOAD", odds::library(stubborn.bench.root())).env("ODDS_ROOT", &root);
    let child = command.spawn().expect("belay");
    stubborn.hang().await;
    write("sys/fs/cgroup/job/memory.max", "1048576\n");
    let ran = finish(child).await.exits(0);
    stubborn.ended_well(&ran, "memory pressure");
    stubborn.completes().await;
    stubborn.server.stop().await;
}

/// In the run itself, between two commands.
#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_the_middle_saves_the_state() {
    assert!(panics(Stubborn::pass).await);
}

/// In a task that nobody waits for, while the tests hang.
#[tokio::test(flavor = "multi_thread")]
async fn a_panic_elsewhere_ends_what_ignores_signals() {
    assert!(panics(|stubborn| assert!(stubborn.living() > 0)).await);
}

/// The one thread for what blocks is stuck, and the system refuses another: what asks for it next
/// panics: the run, or who looks at memory. With fewer threads from the start nothing is begun.
/// False if no run could be begun at all.
async fn panics(then: impl Fn(&Stubborn)) -> bool {
    let stubborn = Stubborn::new().await;
    let root = stubborn.bench.root();
    let (library, refuse) = (odds::library(root), root.join("refuse"));
    fs::create_dir_all(root.join("odds/proc")).expect("folders");
    for threads in 1..100 {
        let mut command = stubborn.command();
        command.env("LD_PRELOAD", &library).env("ODDS_THREADS", threads.to_string());
        command.env("ODDS_ROOT", root.join("odds")).env("ODDS_REFUSE", &refuse);
        let mut child = command.spawn().expect("belay");
        tokio::select! {
            _ = child.wait() => {
                let ran = finish(child).await.exits(1);
                assert!(ran.stdout.is_empty() && recoveries(&ran).is_empty(), "{}", ran.stdout);
                continue;
            }
            () = stubborn.hang() => {}
        }
        let stuck = stuck_at(&root.join("odds/proc/meminfo")).await;
        fs::write(&refuse, "").expect("a file");
        then(&stubborn);
        until(|| !refuse.exists()).await;
        drop(stuck);
        let ran = finish(child).await.exits(0);
        stubborn.ended_well(&ran, "panic: OS can't spawn worker thread");
        stubborn.completes().await;
        stubborn.server.stop().await;
        return true;
    }
    false
}

/// A pipe in the place of a file; whoever reads it waits until what is given back is dropped.
async fn stuck_at(path: &Path) -> fs::File {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.expect("mkfifo").success());
    let open = || {
        let mut options = fs::OpenOptions::new();
        // Refused until somebody reads.
        options
            .write(true)
            .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
            .open(path)
    };
    // The first that is let in is kept: with its end the reader would go on.
    let kept = std::cell::RefCell::new(None);
    until(|| {
        *kept.borrow_mut() = open().ok();
        kept.borrow().is_some()
    })
    .await;
    kept.into_inner().expect("a pipe that is read")
}

/// The project's tests fill the disk and pass: the next milestone is not begun. What they left
/// running ended with them, though none of it listens and one holds their output open.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_nearly_full_ends_the_run_before_the_next_milestone() {
    if !installed("unshare") {
        eprintln!("skipped: there is no unshare here");
        return;
    }
    let stubborn = Stubborn::new().await;
    let Some(child) = hangs_on_a_small_disk(&stubborn).await else { return };
    stubborn.pass();
    let ran = finish(child).await.exits(0);
    stubborn.ended_well(&ran, "disk nearly full");
    assert_eq!(ran.named("milestone_committed").len(), 1, "{}", ran.stderr);
    stubborn.completes().await;
    stubborn.server.stop().await;
}

/// Belay with a cache folder of 300 MiB that nobody else sees, once the tests hang; `None`, with
/// the reason printed, where that is not to be had.
async fn hangs_on_a_small_disk(stubborn: &Stubborn) -> Option<tokio::process::Child> {
    let bench = &stubborn.bench;
    let cache = bench.root().join("cache");
    fs::create_dir_all(&cache).expect("a folder");
    let mount = "mount -t tmpfs -o size=300m tmpfs \"$1\" && mkdir -p \"$1/belay/worktrees/small\" || exit 99; shift; exec \"$@\"";
    for namespaces in [&["-m"][..], &["-Urm"]] {
        let mut command = std::process::Command::new("unshare");
        command.args(namespaces).args(["sh", "-c", mount, "sh"]).arg(&cache);
        command.arg(env!("CARGO_BIN_EXE_belay")).args(["run", "001", "--format", "json"]);
        command.current_dir(&bench.repo).env_clear().envs(bench.env()).process_group(0);
        let mut command = tokio::process::Command::from(command);
        command.stdin(std::process::Stdio::null());
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().expect("unshare");
        tokio::select! {
            _ = child.wait() => {
                let ran = finish(child).await;
                let refused = ran.stdout.is_empty() && matches!(ran.code, Some(1 | 99));
                assert!(refused, "{:?}: {}{}", ran.code, ran.stdout, ran.stderr);
                eprintln!("no small disk with unshare {namespaces:?}: {}", ran.stderr.trim());
            }
            () = stubborn.hang() => return Some(child),
        }
    }
    eprintln!("skipped: no mount namespace is to be had here");
    None
}
