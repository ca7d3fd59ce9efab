//! Two processes on one run, as after somebody deleted the lock files: the
//! first lets go at once and writes nothing more.

use std::fs;

use serde_json::{Value, json};

use super::stubborn::{Stubborn, recoveries};
use crate::harness::{finish, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_lease_ends_the_process_and_writes_nothing() {
    let stubborn = Stubborn::new().await;
    let bench = &stubborn.bench;
    let first = stubborn.command().spawn().expect("belay");
    stubborn.hang().await;
    let locks = bench.repo.join(".git/belay/locks");
    for lock in fs::read_dir(&locks).expect("locks").flatten() {
        fs::remove_file(lock.path()).expect("removed");
    }
    let second = stubborn.command().spawn().expect("belay");
    let pid = second.id().expect("a pid");

    let lost = finish(first).await.exits(4);
    let told = ["lease is lost", &format!("process {pid} on "), " since "];
    assert!(told.iter().all(|part| lost.stderr.contains(part)), "{}", lost.stderr);
    assert!(recoveries(&lost).is_empty() && lost.named("shutdown_requested").is_empty());
    assert!(lost.named("run_finished").is_empty(), "{}", lost.stdout);

    // The second one goes on undisturbed.
    let resumed = || {
        let file = bench.repo.join(".git/belay/state.db");
        let state = rusqlite::Connection::open(file).expect("a state");
        let sql = "SELECT count(*) FROM records WHERE kind = 'run_resumed'";
        state.query_row(sql, [], |row| row.get::<_, i64>(0)) == Ok(1)
    };
    until(resumed).await;
    stubborn.hang().await;
    bench.kill("-TERM", &pid.to_string());
    let stopped = finish(second).await.exits(0);
    stubborn.ended_well(&stopped, "SIGTERM");
    let seqs = |ran: &crate::harness::Ran| -> Vec<Value> {
        ran.events().iter().map(|event| event["seq"].clone()).collect()
    };
    let (first, second) = (seqs(&lost), seqs(&stopped));
    let all: Vec<Value> = (1..=first.len() + second.len()).map(|seq| json!(seq)).collect();
    assert_eq!([first, second].concat(), all, "each row is one of one process");
    stubborn.completes().await;
    stubborn.server.stop().await;
}
