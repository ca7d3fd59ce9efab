//! Nothing that a command started is left behind, whichever way it ended.

use std::path::Path;
use std::time::Duration;

use subprocess::{Ended, run};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::pipe;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{LONG, limits, sh};

/// A pipe with a name, through which a test hears from the children.
pub(crate) struct Fifo(BufReader<pipe::Receiver>);

impl Fifo {
    pub(crate) fn new(dir: &Path) -> Self {
        let path = dir.join("fifo");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &path,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RWXU,
            0,
        )
        .unwrap();
        // Open for writing too, so that it has no end before there is a writer.
        let receiver = pipe::OpenOptions::new().read_write(true).open_receiver(path).unwrap();
        // One buffer for all lines: two may arrive in one read.
        Self(BufReader::new(receiver))
    }

    pub(crate) async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.0.read_line(&mut line).await;
        assert!(read.unwrap() > 0);
        line.trim().to_owned()
    }
}

/// A zombie is not alive: it waits for whoever adopted it.
fn alive(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(')').unwrap().1.starts_with(" Z"))
}

pub(crate) async fn gone(pid: &str) {
    assert!(pid.parse::<u32>().is_ok(), "not a process id: {pid:?}");
    let wait = async {
        while alive(pid) {
            tokio::task::yield_now().await;
        }
    };
    timeout(LONG / 2, wait).await.unwrap_or_else(|_| panic!("process {pid} is still alive"));
}

/// Trap 31: a grandchild that keeps standard output open holds nothing up.
#[tokio::test]
async fn a_grandchild_that_holds_the_output_is_killed_after_the_exit() {
    let dir = tempfile::tempdir().unwrap();
    let command = sh("sleep 600 & echo $!; exit 4", dir.path());
    let output = run(&command, &CancellationToken::new()).await.unwrap();
    assert_eq!(output.ended, Ended::Exited(4));
    assert!(output.elapsed < LONG / 2);
    gone(output.stdout.text().trim()).await;
}

/// Trap 31: nor one that closed it and went on in the background.
#[tokio::test]
async fn a_silent_grandchild_is_killed_after_the_exit() {
    let dir = tempfile::tempdir().unwrap();
    let script = "trap '' HUP TERM; sleep 600 </dev/null >/dev/null 2>&1 & echo $!";
    let output = run(&sh(script, dir.path()), &CancellationToken::new()).await.unwrap();
    assert_eq!(output.ended, Ended::Exited(0));
    gone(output.stdout.text().trim()).await;
}

/// Trap 31, for the tools that put their children into a new session.
#[tokio::test]
async fn a_deaf_child_in_its_own_session_is_killed_with_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let script = "setsid sh -c 'trap \"\" TERM HUP; echo $$; while :; do sleep 600; done' & wait";
    let command = limits(sh(script, dir.path()), |limits| {
        limits.idle = Some(Duration::from_millis(300));
        limits.grace = Duration::from_millis(200);
    });
    let output = run(&command, &CancellationToken::new()).await.unwrap();
    assert_eq!(output.ended, Ended::Idle);
    gone(output.stdout.text().trim()).await;
}

/// Trap 31: the parent is dead by then, so only who was seen before is known.
#[tokio::test]
async fn an_orphan_in_its_own_session_is_killed_after_an_ordinary_exit() {
    let dir = tempfile::tempdir().unwrap();
    // Two beats long, so that the walk has seen the escaped one.
    let script = "setsid sleep 600 >/dev/null 2>&1 & echo $!; sleep 1.2";
    let output = run(&sh(script, dir.path()), &CancellationToken::new()).await.unwrap();
    assert_eq!(output.ended, Ended::Exited(0));
    gone(output.stdout.text().trim()).await;
}

/// Trap 31: nobody saw it leave, but it cannot hide that it has the pipe.
#[tokio::test]
async fn an_orphan_that_nobody_saw_is_found_by_the_pipe_it_holds() {
    let dir = tempfile::tempdir().unwrap();
    let mut fifo = Fifo::new(dir.path());
    let script = "mkfifo ready; \
                  (setsid sh -c 'echo $$ > fifo; echo > ready; exec sleep 600' &); \
                  read line < ready";
    let command = sh(script, dir.path());
    let cancel = CancellationToken::new();
    let (output, pid) = tokio::join!(run(&command, &cancel), fifo.line());
    let output = output.unwrap();
    assert_eq!(output.ended, Ended::Exited(0));
    assert!(output.elapsed < LONG / 2);
    gone(&pid).await;
}

#[tokio::test]
async fn dropping_the_future_kills_the_group_and_who_left_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut fifo = Fifo::new(dir.path());
    let script = "trap '' TERM; sleep 600 & one=$!; \
                  setsid sleep 600 & two=$!; \
                  echo $$ $one $two > fifo; wait";
    let command = sh(script, dir.path());
    let cancel = CancellationToken::new();
    let pids = {
        let running = run(&command, &cancel);
        tokio::select! {
            output = running => panic!("ended early: {output:?}"),
            pids = fifo.line() => pids,
        }
    };
    assert_eq!(pids.split(' ').count(), 3);
    for pid in pids.split(' ') {
        gone(pid).await;
    }
}

#[tokio::test]
async fn cancelling_ends_the_child_and_prevents_one_that_was_not_started() {
    let dir = tempfile::tempdir().unwrap();
    let mut fifo = Fifo::new(dir.path());
    let cancel = CancellationToken::new();
    let command = sh("echo started; echo $$ > fifo; exec sleep 600", dir.path());
    let cancelling = async {
        let pid = fifo.line().await;
        cancel.cancel();
        pid
    };
    let (output, pid) = tokio::join!(run(&command, &cancel), cancelling);
    let output = output.unwrap();
    assert_eq!(output.ended, Ended::Cancelled);
    assert_eq!(output.stdout.text(), "started\n");
    gone(&pid).await;

    let never = sh("echo started > mark", dir.path());
    assert_eq!(run(&never, &cancel).await.unwrap().ended, Ended::Cancelled);
    assert!(!dir.path().join("mark").exists());
}
