//! Other ways to a secret: the process that runs the command, whose variables
//! and memory the system shows to processes of the same user (trap 39).

use std::path::PathBuf;
use std::process::{Command, Stdio};

use subprocess::{Ended, Output, run};
use tokio_util::sync::CancellationToken;

use super::{Ground, NO_LANDLOCK, NO_NAMESPACES, User, both};
use crate::sh;

/// For the test that runs in a process of its own: what to run, how, and where.
pub(super) const SCRIPT: &str = "SUBPROCESS_TEST_SCRIPT";
pub(super) const LAUNCHER: &str = "SUBPROCESS_TEST_LAUNCHER";
pub(super) const TOP: &str = "SUBPROCESS_TEST_TOP";

/// Held by that process, and in no file.
const HELD: &str = "held-by-the-runner-91c2";

/// Every entry of every process that is seen, and those of the runner by name.
const HUNT: &str = "for pid in $RUNNER $PPID 1 self; do \
                      tr '\\0' '\\n' < /proc/$pid/environ; cat /proc/$pid/cmdline; \
                      ls -l /proc/$pid/fd; cat /proc/$pid/root/proc/$RUNNER/environ; \
                    done\n\
                    cat /proc/[0-9]*/environ /proc/[0-9]*/task/*/environ\n\
                    head -c 1 /proc/$RUNNER/mem && echo mem$((6 * 7))\n\
                    echo hunted\n";

/// This test binary again, with one test to run.
pub(super) fn alone(test: &str, script: &str) -> Command {
    #[expect(clippy::disallowed_methods, reason = "it must be out of reach of what is tested")]
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", test, "--test-threads=1", "--nocapture"])
        .env_clear()
        .env(SCRIPT, script)
        .env("HELD", HELD)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

#[expect(clippy::disallowed_methods, reason = "the other process is told by variables")]
fn told(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Runs what it is told to, and holds a secret meanwhile. Does nothing but where
/// another test runs it alone.
#[tokio::test]
async fn in_a_process_of_its_own() {
    let (Some(script), Some(top)) = (told(SCRIPT), told(TOP)) else {
        return;
    };
    let top = PathBuf::from(top);
    let mut command = sh(&script, &top.join("work"))
        .env([("MARK", top.to_str().unwrap()), ("RUNNER", &std::process::id().to_string())]);
    if let Some(launcher) = told(LAUNCHER) {
        command = command.confinement(subprocess::Confinement {
            launcher: launcher.lines().map(str::to_owned).collect(),
            writable: vec![top.join("work")],
            ..Default::default()
        });
    }
    let output = run(&command, &CancellationToken::new()).await.unwrap();
    let support = output.confined.as_ref().map(ToString::to_string).unwrap_or_default();
    let report = format!("{support}\n{:?}\n{}", output.ended, both(&output));
    std::fs::write(top.join("report"), report).unwrap();
}

fn hunt(ground: &Ground, confined: bool) -> String {
    let mut runner = alone("confined::routes::in_a_process_of_its_own", HUNT);
    runner.env(TOP, &ground.top);
    if confined {
        runner.env(LAUNCHER, ground.bounds.launcher.join("\n"));
    }
    assert!(runner.status().unwrap().success());
    super::text(&ground.path("report")).unwrap()
}

/// Trap 39: by the namespace's own `/proc`, and by the kernel's rule about
/// looking into processes outside, each alone.
#[test]
fn the_variables_of_the_process_that_runs_commands_cannot_be_read() {
    let ground = Ground::new(User::This, &[]);
    // The hunt is a good one.
    assert!(hunt(&ground, false).contains(HELD));
    for off in [&[][..], &[NO_NAMESPACES], &[NO_LANDLOCK]] {
        let ground = Ground::new(User::This, off);
        let report = hunt(&ground, true);
        assert!(report.contains("hunted\n"), "{report}");
        let kept = report.contains("(Landlock, version")
            || !report.contains("other processes can be looked into");
        if kept {
            assert!(!report.contains(HELD) && !report.contains("mem42"), "{off:?}: {report}");
        } else {
            println!("left out: {report}");
        }
    }
}

/// Root reads a disk as it reads a file, and every key on it.
#[tokio::test]
async fn disks_cannot_be_read_past_their_files() {
    for off in [&[][..], &[NO_NAMESPACES], &[NO_LANDLOCK]] {
        let ground = Ground::new(User::This, off);
        let script = "for disk in $(find /dev -maxdepth 1 -type b); do \
                        [ $(head -c 4 $disk | wc -c) = 0 ] || echo open $disk; done; \
                      head -c 4 /dev/zero | wc -c; [ -r /dev/null ]";
        let output = ground.run(script).await;
        assert_eq!(output.ended, Ended::Exited(0), "{}", both(&output));
        if super::restricted(&output) || super::mounts(&output) {
            assert_eq!(output.stdout.text(), "4\n", "{off:?} {}", both(&output));
        }
    }
}

#[tokio::test]
async fn processes_outside_cannot_be_signalled() {
    let mut bystander = Bystander::new();
    for off in [&[][..], &[NO_NAMESPACES], &[NO_LANDLOCK]] {
        let ground = Ground::new(User::This, off);
        let output = ground.run(&format!("kill -9 {}; echo tried", bystander.0.id())).await;
        assert_eq!((output.ended, output.stdout.text().as_str()), (Ended::Exited(0), "tried\n"));
        if !kept_to_itself(&output) {
            bystander = Bystander::new();
        }
        assert!(bystander.0.try_wait().unwrap().is_none(), "{off:?}");
    }
}

fn kept_to_itself(output: &Output) -> bool {
    let support = output.confined.clone().unwrap();
    let kept = support.pid_namespace || support.landlock.is_some_and(|version| version >= 6);
    if !kept {
        println!("left out: {support}");
    }
    kept
}

/// A process that has nothing to do with the command.
struct Bystander(std::process::Child);

impl Bystander {
    fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "it must be out of reach of what is tested")]
        let mut command = Command::new("sleep");
        Self(command.arg("600").spawn().unwrap())
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        // It may be gone already; then there is nothing to end.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
