//! Ending everything at once is for the whole process and for good, so it is
//! tried in a process of its own: this binary again, with one test to run.

use subprocess::{Ended, end_all_now, run};
use tokio_util::sync::CancellationToken;

use crate::leftovers::{Fifo, gone};
use crate::{is_alone, pass_alone, sh};

#[tokio::test]
async fn everything_that_runs_is_killed_without_anybody_waiting() {
    pass_alone("at_once::in_a_process_of_its_own").await;
}

/// Trap 31, for an exit that runs no destructor. It ends every command of its
/// process, so it does nothing but where the test above runs it alone.
#[tokio::test]
async fn in_a_process_of_its_own() {
    if !is_alone() {
        return;
    }
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [mut first, mut second] = [0, 1].map(|i: usize| Fifo::new(dirs[i].path()));
    let script = "trap '' TERM HUP; sleep 600 & one=$!; \
                  setsid sleep 600 & two=$!; \
                  sh -c 'setsid sleep 600 & echo $!' > three; \
                  echo $$ $one $two $(cat three) > fifo; wait";
    let commands = [sh(script, dirs[0].path()), sh(script, dirs[1].path())];
    let cancel = CancellationToken::new();
    let mut running =
        Box::pin(async { tokio::join!(run(&commands[0], &cancel), run(&commands[1], &cancel)) });
    let lines = async { tokio::join!(first.line(), second.line()) };
    let lines = tokio::select! {
        ended = &mut running => panic!("ended early: {ended:?}"),
        lines = lines => lines,
    };
    let pids: Vec<&str> = lines.0.split(' ').chain(lines.1.split(' ')).collect();
    assert_eq!(pids.len(), 8, "{pids:?}");

    // From here on nobody polls the futures or drops them.
    std::thread::spawn(end_all_now).join().unwrap();
    for pid in pids {
        gone(pid).await;
    }

    let never = sh("echo started > mark", dirs[0].path());
    assert_eq!(run(&never, &cancel).await.unwrap().ended, Ended::Cancelled);
    assert!(!dirs[0].path().join("mark").exists());
    let (one, two) = running.await;
    assert_eq!((one.unwrap().ended, two.unwrap().ended), (Ended::Signaled(9), Ended::Signaled(9)));
}
