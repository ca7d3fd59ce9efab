//! How a command within bounds ends, and that everybody ends with it.

use std::time::Duration;

use subprocess::{Ended, Error, Limits, run};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{Ground, NO_LANDLOCK, NO_NAMESPACES, User, both, each, marked};
use crate::leftovers::Fifo;
use crate::{LONG, limits};

/// In the background, twice removed from the shell, in a session of its own,
/// deaf, and without any pipe of ours.
const ESCAPE: &str = "(setsid sh -c 'trap \"\" TERM HUP INT; (setsid sleep 600 &); \
                      while :; do sleep 600; done' </dev/null >/dev/null 2>&1 &)\n";

const PARTS: [&[&str]; 4] = [&[], &[NO_NAMESPACES], &[NO_LANDLOCK], &[NO_NAMESPACES, NO_LANDLOCK]];

#[tokio::test]
async fn exit_status_and_signal_are_those_of_the_command() {
    for (user, off) in each(&[&[], &[NO_NAMESPACES]]) {
        let ground = Ground::new(user, off);
        for (script, ended) in [
            ("exit 0", Ended::Exited(0)),
            ("exit 7", Ended::Exited(7)),
            ("exit 137", Ended::Exited(137)),
            ("kill -9 $$", Ended::Signaled(9)),
            ("kill -15 $$", Ended::Signaled(15)),
            ("kill -SEGV $$", Ended::Signaled(11)),
        ] {
            let output = ground.run(script).await;
            assert_eq!(output.ended, ended, "{user:?} {off:?} {script}: {}", both(&output));
        }
    }
}

#[tokio::test]
async fn a_command_that_cannot_be_started_is_the_same_error_as_without_bounds() {
    for off in [&[][..], &[NO_NAMESPACES]] {
        let ground = Ground::new(User::This, off);
        let cancel = CancellationToken::new();
        let mut missing = ground.command("");
        missing.program = "belay-no-such-program".to_owned();
        let error = run(&missing, &cancel).await.unwrap_err();
        let Error::NotFound { program } = error else { panic!("{error:?}") };
        assert_eq!(program, "belay-no-such-program");
        let mut folder = ground.command("");
        folder.program = ground.top.to_str().unwrap().to_owned();
        let error = run(&folder, &cancel).await.unwrap_err();
        assert!(matches!(error, Error::Start { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn input_or_no_launcher_is_refused() {
    let ground = Ground::new(User::This, &[]);
    let cancel = CancellationToken::new();
    let error = run(&ground.command("cat").stdin("x"), &cancel).await.unwrap_err();
    assert!(error.to_string().contains("has no input"), "{error}");
    let mut without = ground.command("true");
    without.confinement.as_mut().unwrap().launcher.clear();
    let error = run(&without, &cancel).await.unwrap_err();
    assert!(error.to_string().contains("without a launcher"), "{error}");
    without.confinement.as_mut().unwrap().launcher.push("belay-no-launcher".to_owned());
    let error = run(&without, &cancel).await.unwrap_err();
    assert!(
        matches!(&error, Error::NotFound { program } if program == "belay-no-launcher"),
        "{error:?}"
    );
}

/// Trap 31, with every trick at once; with each part of the launcher alone.
#[tokio::test]
async fn nobody_is_left_after_an_ordinary_exit() {
    for (user, off) in each(&PARTS) {
        let ground = Ground::new(user, off);
        let script = format!("{ESCAPE}{ESCAPE}sleep 600 & exit 3");
        let output = ground.run(&script).await;
        assert_eq!(output.ended, Ended::Exited(3), "{}", both(&output));
        assert_eq!(marked(&ground.top), [""; 0], "{user:?} {off:?}");
    }
}

/// Trap 31.
#[tokio::test]
async fn nobody_is_left_after_a_limit_however_deaf() {
    for (user, off) in each(&PARTS) {
        let ground = Ground::new(user, off);
        let script = format!("trap '' TERM HUP\n{ESCAPE}echo up\nwhile :; do sleep 600; done");
        let command = limits(ground.command(&script), |limits| {
            limits.idle = Some(Duration::from_millis(300));
            limits.grace = Duration::from_millis(100);
        });
        let output = run(&command, &CancellationToken::new()).await.unwrap();
        assert_eq!(output.ended, Ended::Idle, "{}", both(&output));
        assert_eq!(output.stdout.text(), "up\n");
        assert_eq!(marked(&ground.top), [""; 0], "{user:?} {off:?}");
    }
}

/// What a launcher blocks or ignores for itself would make commands deaf.
#[tokio::test]
async fn a_command_hears_signals_as_without_bounds() {
    for (user, off) in each(&[&[], &[NO_NAMESPACES]]) {
        let ground = Ground::new(user, off);
        let output = ground.run("exec cat /proc/self/status").await;
        for mask in ["SigBlk:", "SigIgn:"] {
            let status = output.stdout.text();
            let line = status.lines().find_map(|line| line.strip_prefix(mask)).unwrap();
            // The C library has two signals of its own, from the 32nd on.
            let signals = u64::from_str_radix(line.trim(), 16).unwrap() & 0x7fff_ffff;
            assert_eq!(signals, 0, "{user:?} {off:?} {mask}");
        }
    }
}

#[tokio::test]
async fn a_polite_command_has_its_last_words() {
    for (user, off) in each(&[&[], &[NO_NAMESPACES]]) {
        let ground = Ground::new(user, off);
        let script = "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done";
        let command = limits(ground.command(script), |limits| {
            limits.total = Duration::from_millis(500);
        });
        let output = run(&command, &CancellationToken::new()).await.unwrap();
        assert_eq!(output.ended, Ended::TimedOut);
        assert_eq!(output.stdout.text(), "up\nbye\n", "{user:?} {off:?}");
    }
}

#[tokio::test]
async fn dropping_the_future_ends_everybody() {
    for (user, off) in each(&PARTS) {
        let ground = Ground::new(user, off);
        let mut fifo = open_fifo(&ground);
        let command = ground.command(&format!("{ESCAPE}echo up > fifo; sleep 600"));
        let cancel = CancellationToken::new();
        tokio::select! {
            output = run(&command, &cancel) => panic!("ended early: {output:?}"),
            line = fifo.line() => assert_eq!(line, "up"),
        }
        all_gone(&ground).await;
    }
}

/// Trap 31: a killed process clears nothing away; its launchers do.
#[tokio::test]
async fn nobody_is_left_when_the_process_that_runs_commands_is_killed() {
    for (user, off) in each(&PARTS) {
        let ground = Ground::new(user, off);
        let mut fifo = open_fifo(&ground);
        let script = format!("{ESCAPE}echo up > fifo; sleep 600");
        let mut runner = super::routes::alone("confined::routes::in_a_process_of_its_own", &script)
            .env(super::routes::LAUNCHER, ground.bounds.launcher.join("\n"))
            .env(super::routes::TOP, &ground.top)
            .spawn()
            .unwrap();
        assert_eq!(fifo.line().await, "up");
        runner.kill().unwrap();
        runner.wait().unwrap();
        all_gone(&ground).await;
    }
}

#[tokio::test]
async fn a_gibibyte_of_output_is_bounded() {
    let ground = Ground::new(User::This, &[]);
    let command = ground.command("echo first; head -c 1073741824 /dev/zero; echo last");
    let command = command.limits(Limits { total: LONG * 2, output: 4096, ..Limits::default() });
    let output = run(&command, &CancellationToken::new()).await.unwrap();
    assert_eq!(output.ended, Ended::Exited(0));
    assert_eq!(output.stdout.bytes.len(), 4096);
    assert_eq!(output.stdout.dropped, 1_073_741_824 + 11 - 4096);
    assert!(output.stdout.bytes.starts_with(b"first\n"));
    assert!(output.stdout.bytes.ends_with(b"last\n"));
}

#[tokio::test]
async fn the_end_of_a_pipeline_may_outlive_the_command_for_a_moment() {
    for off in [&[][..], &[NO_NAMESPACES]] {
        let ground = Ground::new(User::This, off);
        let output = ground.run("(sleep 0.02; echo late) & echo early").await;
        assert_eq!(output.stdout.text(), "early\nlate\n", "{off:?}");
    }
}

fn open_fifo(ground: &Ground) -> Fifo {
    let fifo = Fifo::new(&ground.path("work"));
    std::fs::set_permissions(
        ground.path("work/fifo"),
        std::os::unix::fs::PermissionsExt::from_mode(0o666),
    )
    .unwrap();
    fifo
}

async fn all_gone(ground: &Ground) {
    let wait = async {
        while !marked(&ground.top).is_empty() {
            tokio::task::yield_now().await;
        }
    };
    let gone = timeout(LONG / 2, wait).await;
    assert!(gone.is_ok(), "still there: {:?}", marked(&ground.top));
}
