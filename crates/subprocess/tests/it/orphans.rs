//! Daemons that leave every trace behind fall to a process that asked for it,
//! which is for the whole process, so it is tried in processes of their own.

use std::time::Duration;

use subprocess::{Confinement, Ended, Mark, become_subreaper, leftovers, run};
use tokio_util::sync::CancellationToken;

use crate::leftovers::{Fifo, gone};
use crate::{ALONE, children, is_alone, limits, pass_alone, sh};

/// Twice removed from the shell, in a session of its own, deaf, and without any
/// pipe of ours; what it is put behind may empty its environment.
const ESCAPE: &str = "setsid sh -c 'trap \"\" TERM HUP INT; (setsid sleep 600 &); echo $$ > up; \
                      while :; do sleep 600; done' </dev/null >/dev/null 2>&1";

#[tokio::test]
async fn nobody_is_left_of_commands_without_bounds() {
    pass_alone("orphans::alone_daemons_are_ended_and_reaped").await;
}

/// Trap 31: after a kill of the process that ran the command.
#[tokio::test]
async fn what_a_killed_process_left_is_found_by_its_mark() {
    let dir = tempfile::tempdir().unwrap();
    let mut fifo = Fifo::new(dir.path());
    #[expect(clippy::disallowed_methods, reason = "nobody may clear away what it leaves")]
    let mut runner = std::process::Command::new(std::env::current_exe().unwrap());
    let mut runner = runner
        .args(["--exact", "orphans::alone_a_command_runs_until_it_is_killed"])
        .env(ALONE, dir.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let pid: u32 = fifo.line().await.parse().unwrap();
    let find = || leftovers().into_iter().find(|one| one.pid == pid);
    assert_eq!(find(), None, "its owner lives");
    runner.kill().unwrap();
    // Before it is reaped: on many machines nobody does.
    let found = loop {
        if let Some(found) = find() {
            break found;
        }
        tokio::task::yield_now().await;
    };
    runner.wait().unwrap();
    assert_eq!(find(), Some(found.clone()));
    assert_eq!((found.mark.owner(), found.mark.command()), (runner.id(), 1));
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    gone(&found.pid.to_string()).await;
}

/// Does nothing but where the test above runs it alone.
#[tokio::test]
async fn alone_a_command_runs_until_it_is_killed() {
    if !is_alone() {
        return;
    }
    #[expect(clippy::disallowed_methods, reason = "the other process is told by a variable")]
    let dir = std::path::PathBuf::from(std::env::var_os(ALONE).unwrap());
    become_subreaper().unwrap();
    let command = sh("echo $$ > fifo; exec sleep 600", &dir);
    drop(run(&command, &CancellationToken::new()).await);
}

#[tokio::test]
async fn every_command_bears_a_mark_of_its_own_once_that_is_asked_for() {
    pass_alone("orphans::alone_commands_are_marked").await;
}

#[tokio::test]
async fn exit_states_stay_the_commands_own() {
    pass_alone("orphans::alone_no_exit_state_is_taken_away").await;
}

#[tokio::test]
async fn one_command_does_not_end_the_daemons_of_another() {
    pass_alone("orphans::alone_a_daemon_lives_as_long_as_its_command").await;
}

/// Trap 31: with and without the mark.
#[tokio::test]
async fn alone_daemons_are_ended_and_reaped() {
    if !is_alone() {
        return;
    }
    become_subreaper().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let daemons = format!(
        "mkfifo up; PATH=$PATH; ({ESCAPE} &) ; read one < up; \
         (env -i PATH=$PATH {ESCAPE} &) ; read two < up; echo $one $two;"
    );
    let launcher = [env!("CARGO_BIN_EXE_confined"), "--without-namespaces"].map(str::to_owned);
    let bounds = Confinement {
        launcher: launcher.to_vec(),
        writable: vec![dir.path().to_owned()],
        ..Confinement::default()
    };
    let ends =
        [("exit 3", Ended::Exited(3)), ("trap '' TERM; while :; do sleep 600; done", Ended::Idle)];
    for ((end, ended), bounds) in
        ends.into_iter().flat_map(|end| [(end, None), (end, Some(bounds.clone()))])
    {
        let mut command = limits(sh(&format!("{daemons} {end}"), dir.path()), |limits| {
            limits.idle = Some(Duration::from_secs(1));
            limits.grace = Duration::from_millis(100);
        });
        command.confinement = bounds;
        let output = run(&command, &CancellationToken::new()).await.unwrap();
        assert_eq!(output.ended, ended);
        assert_eq!(children(), [""; 0], "{end}");
        let text = output.stdout.text();
        assert_eq!(text.split_whitespace().count(), 2, "{text}");
        for pid in text.split_whitespace() {
            gone(pid).await;
        }
        std::fs::remove_file(dir.path().join("up")).unwrap();
    }
}

/// Trap 31: without it a later process could not tell what this one left.
#[tokio::test]
async fn alone_commands_are_marked() {
    if !is_alone() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let command = sh("sh -c 'echo $BELAY_MARK'", dir.path()).env([(Mark::VARIABLE, "given")]);
    let said = async || {
        let output = run(&command, &CancellationToken::new()).await.unwrap();
        output.stdout.text().trim().to_owned()
    };
    assert_eq!(said().await, "given");
    become_subreaper().unwrap();
    let marks: [Mark; 2] = [said().await.parse().unwrap(), said().await.parse().unwrap()];
    assert!(marks.iter().all(|mark| mark.owner() == std::process::id()));
    assert_ne!(marks[0].command(), marks[1].command());
}

/// Orphans end all the time while the runtime waits for the commands.
#[tokio::test]
async fn alone_no_exit_state_is_taken_away() {
    if !is_alone() {
        return;
    }
    become_subreaper().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let cancel = CancellationToken::new();
    for round in 0..20 {
        let commands = (0..8).map(|i| {
            let command = sh(&format!("(setsid true &); (true &); exit {i}"), dir.path());
            let cancel = cancel.clone();
            let ended = tokio::spawn(async move { run(&command, &cancel).await.unwrap().ended });
            (i, ended)
        });
        // All are started before the first is waited for.
        for (i, ended) in commands.collect::<Vec<_>>() {
            assert_eq!(ended.await.unwrap(), Ended::Exited(i), "{round}");
        }
        assert_eq!(children(), [""; 0], "{round}");
    }
}

#[tokio::test]
async fn alone_a_daemon_lives_as_long_as_its_command() {
    if !is_alone() {
        return;
    }
    become_subreaper().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let cancel = CancellationToken::new();
    let mut fifo = Fifo::new(dir.path());
    let script = "mkfifo go; for empty in '' 'env -i'; do \
                    ($empty setsid sh -c 'echo $$ > fifo; exec sleep 600' </dev/null >/dev/null 2>&1 &); \
                  done; read line < go; exit 9";
    let command = sh(script, dir.path());
    let meanwhile = async {
        let daemons = [fifo.line().await, fifo.line().await];
        for _ in 0..3 {
            let other = run(&sh("(setsid sleep 600 &); exit 4", dir.path()), &cancel).await;
            assert_eq!(other.unwrap().ended, Ended::Exited(4));
        }
        let living = children();
        assert!(daemons.iter().all(|daemon| living.contains(daemon)), "{daemons:?} {living:?}");
        let go = run(&sh("echo > go", dir.path()), &cancel).await;
        assert_eq!(go.unwrap().ended, Ended::Exited(0));
        daemons
    };
    let (output, daemons) = tokio::join!(run(&command, &cancel), meanwhile);
    assert_eq!(output.unwrap().ended, Ended::Exited(9));
    assert_eq!(children(), [""; 0]);
    for daemon in daemons {
        gone(&daemon).await;
    }
}
