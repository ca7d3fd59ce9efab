//! How a command ends: by itself, by a signal, by a limit, by the caller.

use std::time::Duration;

use subprocess::{Command, Ended, Error, Limits, run};
use tokio_util::sync::CancellationToken;

use crate::{LONG, limits, sh};

async fn ended(script: &str) -> Ended {
    let dir = tempfile::tempdir().unwrap();
    run(&sh(script, dir.path()), &CancellationToken::new()).await.unwrap().ended
}

#[tokio::test]
async fn exit_status_and_signal_are_told_apart() {
    assert_eq!(ended("exit 0").await, Ended::Exited(0));
    assert_eq!(ended("exit 7").await, Ended::Exited(7));
    assert_eq!(ended("exit 255").await, Ended::Exited(255));
    assert_eq!(ended("kill -9 $$").await, Ended::Signaled(9));
    assert_eq!(ended("kill -15 $$").await, Ended::Signaled(15));
}

#[tokio::test]
async fn a_missing_program_is_not_a_missing_folder() {
    let dir = tempfile::tempdir().unwrap();
    let cancel = CancellationToken::new();
    let missing = run(&Command::new("belay-no-such-program", dir.path()), &cancel).await;
    assert!(
        matches!(missing, Err(Error::NotFound { program }) if program == "belay-no-such-program")
    );
    let nowhere = run(&sh("true", &dir.path().join("gone")), &cancel).await;
    assert!(matches!(nowhere, Err(Error::Start { .. })), "{nowhere:?}");
    let folder = run(&Command::new(dir.path().to_str().unwrap(), dir.path()), &cancel).await;
    assert!(matches!(folder, Err(Error::Start { .. })), "{folder:?}");
}

#[tokio::test]
async fn the_total_limit_ends_a_silent_and_a_busy_child() {
    let dir = tempfile::tempdir().unwrap();
    for script in ["exec sleep 600", "while :; do echo busy; done"] {
        let command = limits(sh(script, dir.path()), |limits| {
            limits.total = Duration::from_millis(300);
        });
        let output = run(&command, &CancellationToken::new()).await.unwrap();
        assert_eq!(output.ended, Ended::TimedOut, "{script}");
        assert!(output.elapsed >= Duration::from_millis(300));
        assert!(output.elapsed < LONG / 2);
    }
}

#[tokio::test]
async fn the_idle_limit_counts_from_the_last_byte_of_either_stream() {
    let dir = tempfile::tempdir().unwrap();
    let silent = limits(sh("echo hello; exec sleep 600", dir.path()), |limits| {
        limits.idle = Some(Duration::from_millis(200));
    });
    let output = run(&silent, &CancellationToken::new()).await.unwrap();
    assert_eq!(output.ended, Ended::Idle);
    assert_eq!(output.stdout.text(), "hello\n");

    let busy = "for i in 1 2 3 4 5 6 7 8; do echo $i >&2; sleep 0.1; done";
    let busy = limits(sh(busy, dir.path()), |limits| {
        limits.idle = Some(Duration::from_millis(700));
    });
    let output = run(&busy, &CancellationToken::new()).await.unwrap();
    assert_eq!(output.ended, Ended::Exited(0));
}

#[tokio::test]
async fn a_polite_child_has_its_last_words_and_a_deaf_one_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let polite = "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done";
    let polite = limits(sh(polite, dir.path()), |limits| {
        limits.total = Duration::from_millis(500);
    });
    let output = run(&polite, &CancellationToken::new()).await.unwrap();
    assert_eq!(output.ended, Ended::TimedOut);
    assert_eq!(output.stdout.text(), "up\nbye\n");

    let deaf = "trap '' TERM; echo up; while :; do sleep 600; done";
    let deaf = limits(sh(deaf, dir.path()), |limits| {
        limits.total = Duration::from_millis(300);
        limits.grace = Duration::from_millis(200);
    });
    let output = run(&deaf, &CancellationToken::new()).await.unwrap();
    assert_eq!(output.ended, Ended::TimedOut);
    assert!(output.elapsed >= Duration::from_millis(500));
    assert!(output.elapsed < LONG / 2);
}

/// A stopped child hears nothing until it goes on, and would wait for the kill.
#[tokio::test]
async fn a_stopped_child_has_its_last_words() {
    let dir = tempfile::tempdir().unwrap();
    let script =
        "trap 'echo bye; exit 3' TERM; echo up; kill -STOP $$; while :; do sleep 0.05; done";
    let command = limits(sh(script, dir.path()), |limits| {
        limits.idle = Some(Duration::from_millis(300));
    });
    let output = run(&command, &CancellationToken::new()).await.unwrap();
    assert_eq!(output.ended, Ended::Idle);
    assert_eq!(output.stdout.text(), "up\nbye\n");
    assert!(output.elapsed < LONG / 2);
}

/// Then the group that carries its number is empty, and a signal to it goes
/// nowhere.
#[tokio::test]
async fn a_child_that_moved_to_our_process_group_is_ended_like_any_other() {
    let dir = tempfile::tempdir().unwrap();
    let perl = "setpgrp(0, getpgrp(getppid)) or die; $| = 1; print \"moved\\n\"; sleep 600";
    let command = Command::new("perl", dir.path())
        .args(["-e", perl])
        .env([("PATH", "/usr/local/bin:/usr/bin:/bin")])
        .limits(Limits {
            total: LONG,
            idle: Some(Duration::from_millis(300)),
            grace: LONG,
            ..Limits::default()
        });
    let output = match run(&command, &CancellationToken::new()).await {
        Err(Error::NotFound { .. }) => return println!("left out: there is no perl"),
        output => output.unwrap(),
    };
    assert_eq!(output.stdout.text(), "moved\n", "{}", output.stderr.text());
    assert_eq!(output.ended, Ended::Idle);
    assert!(output.elapsed < Duration::from_secs(4), "{:?}", output.elapsed);
}
