//! What one command leaves behind in this process, a run of hours adds up. It is
//! counted in a process of its own, where nobody else starts anything.

use subprocess::{Ended, run};
use tokio_util::sync::CancellationToken;

use crate::{children, is_alone, pass_alone, sh};

#[tokio::test]
async fn commands_in_a_row_leave_no_file_thread_or_zombie_behind() {
    pass_alone("many::in_a_process_of_its_own").await;
}

/// Does nothing but where the test above runs it alone.
#[tokio::test]
async fn in_a_process_of_its_own() {
    if !is_alone() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let cancel = CancellationToken::new();
    let some = ["exit 0", "exec <&- >&- 2>&-; exit 3", "sleep 600 & exit 5", "cat; kill -9 $$"];
    let mut before = None;
    for round in 0..75 {
        for script in some {
            let command = sh(script, dir.path()).stdin("input");
            run(&command, &cancel).await.unwrap();
        }
        let dropped = sh("exec sleep 600", dir.path());
        tokio::select! {
            biased;
            output = run(&dropped, &cancel) => panic!("ended early: {output:?}"),
            () = tokio::task::yield_now() => {}
        }
        // The runtime reaps a child that was dropped when the next one ends.
        let last = run(&sh("exit 7", dir.path()), &cancel).await.unwrap();
        assert_eq!(last.ended, Ended::Exited(7));
        let now = (entries("fd"), entries("task"));
        if round >= 4 {
            assert_eq!(*before.get_or_insert(now), now, "round {round}");
            assert!(children().len() <= 1, "round {round}");
        }
    }
}

fn entries(of: &str) -> usize {
    std::fs::read_dir(format!("/proc/self/{of}")).unwrap().count()
}
