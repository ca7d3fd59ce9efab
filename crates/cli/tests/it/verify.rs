//! `belay runs verify`: what is wrong with the state is said in plain words,
//! and mended only when told.

use std::fs;
use std::path::PathBuf;

use checkpoint_store::{Batch, NewRecord, NewRun, RunId, RunStore as _, SqliteStore};
use serde_json::{Value, json};

use crate::harness::{Bench, Ran};

fn bench() -> Bench {
    Bench::with_files([("belay.yaml", "providers: {}\n")])
}

fn state(bench: &Bench) -> PathBuf {
    bench.repo.join(".git/belay")
}

async fn open(bench: &Bench) -> SqliteStore {
    SqliteStore::open(&state(bench), "test").await.expect("a state")
}

/// A run of five records.
async fn filled(bench: &Bench, subject: &str) -> RunId {
    let store = open(bench).await;
    let new = NewRun {
        id: RunId::generate(),
        subject: subject.into(),
        attributes: json!({"title": subject, "branch": format!("belay/{subject}")}),
        fresh: false,
    };
    let records: Vec<NewRecord> =
        (0..5).map(|n| NewRecord { kind: "k".into(), body: json!({ "n": n }) }).collect();
    let lease = store.create(new, records).await.expect("a run");
    let run = lease.run();
    store.release(lease).await.expect("released");
    store.close().await.expect("closed");
    run
}

fn sql(bench: &Bench, statement: &str) {
    let state = rusqlite::Connection::open(state(bench).join("state.db")).expect("a state");
    state.execute_batch(statement).expect(statement);
}

async fn verify(bench: &Bench, args: &[&str]) -> Ran {
    let mut command = vec!["runs", "verify"];
    command.extend(args);
    bench.belay(&command).await
}

fn data(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn without_runs_all_is_well_and_nothing_is_made() {
    let bench = bench();
    let ran = verify(&bench, &[]).await.exits(0);
    assert_eq!(ran.stdout, "No runs\n");
    let ran = verify(&bench, &["--format", "json", "--repair"]).await.exits(0);
    assert_eq!(data(&ran)["runs"], json!([]));
    assert!(!state(&bench).exists());
    verify(&bench, &["01ABC"]).await.exits(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_said_with_its_remedy_and_mended_only_when_told() {
    let bench = bench();
    let good = filled(&bench, "001-numbers").await;
    verify(&bench, &[]).await.exits(0);
    let bad = filled(&bench, "002-letters").await;
    sql(&bench, &format!("UPDATE records SET body = '[]' WHERE seq = 3 AND run = '{bad}'"));

    let before = fs::read(state(&bench).join("state.db")).expect("a state");
    let ran = verify(&bench, &[]).await.exits(1);
    let plain = ran.stdout.replace(&bad.to_string(), "BAD").replace(&good.to_string(), "GOOD");
    insta::assert_snapshot!(plain, @r"
    BAD  DAMAGED  002-letters           2 records
        record 3 is missing or does not match its checksum; 3 rows lie from there on
        --repair sets a copy of it aside and lets it go on after record 2
    GOOD  good     001-numbers           5 records
    ");
    assert_eq!(fs::read(state(&bench).join("state.db")).expect("a state"), before);
    verify(&bench, &[&good.to_string()]).await.exits(0);
    let found = data(&verify(&bench, &["--format", "json"]).await.exits(1));
    assert_eq!(found["runs"][0]["flaws"], json!([{"flaw": "middle", "seq": 3, "behind": 3}]));
    assert_eq!(found["runs"][0]["remedy"]["cut_after"], 2);

    let mended = data(&verify(&bench, &["--repair", "--format", "json"]).await.exits(0));
    let repaired = &mended["runs"][0]["repaired"];
    assert_eq!((&repaired["cut_after"], &repaired["lost"]), (&json!(2), &json!(3)));
    let copy = state(&bench).join(repaired["set_aside"].as_str().expect("a name"));
    assert!(fs::read_to_string(copy).expect("a copy").contains("002-letters"));
    verify(&bench, &[]).await.exits(0);
    let store = open(&bench).await;
    assert_eq!(store.records(bad, 0).await.expect("records").len(), 2);
    assert_eq!(store.records(good, 0).await.expect("records").len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_held_is_left_alone() {
    let bench = bench();
    let run = filled(&bench, "001-numbers").await;
    let store = open(&bench).await;
    let lease = store.acquire(run).await.expect("a lease");
    // Sound while it is written to.
    verify(&bench, &[]).await.exits(0);
    sql(&bench, "DELETE FROM records WHERE seq = 5");
    let ran = verify(&bench, &["--repair"]).await.exits(1);
    let told = format!("left alone: process {} on test holds it", std::process::id());
    assert!(ran.stdout.contains(&told), "{}", ran.stdout);
    assert!(ran.stdout.contains("1 records are missing after record 4"), "{}", ran.stdout);
    store.commit(&lease, Batch::default()).await.expect("the lease is still good");
    store.release(lease).await.expect("released");
    verify(&bench, &["--repair"]).await.exits(0);
}

/// Trap 24: exit 2, and nothing is mended away.
#[tokio::test(flavor = "multi_thread")]
async fn a_newer_state_is_refused_in_plain_words() {
    let bench = bench();
    filled(&bench, "001-numbers").await;
    sql(&bench, "PRAGMA user_version = 99");
    for args in [&[][..], &["--repair"], &["--format", "json"]] {
        let ran = verify(&bench, args).await.exits(2);
        assert!(ran.stderr.contains("newer release"), "{}", ran.stderr);
        assert_eq!((ran.stdout.as_str(), ran.stderr.lines().count()), ("", 1));
    }
    assert!(!state(&bench).join("set-aside").exists());
}

/// Traps 26 and 27: whatever lies in the place of the state, it is called what
/// it is, kept as it was, and a state that works is put in its place.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_state_is_set_aside() {
    for (what, content) in
        [("text", b"disk full\n".repeat(900)), ("zeros", vec![0; 20_000]), ("emptied", Vec::new())]
    {
        let bench = bench();
        let run = filled(&bench, "001-numbers").await;
        fs::write(state(&bench).join("state.db"), &content).expect("a file");
        let ran = verify(&bench, &[]).await.exits(1);
        assert!(ran.stdout.starts_with(".git/belay/state.db: the state file is corrupt"), "{what}");
        assert!(ran.stdout.contains("--repair sets the file aside"), "{what}: {}", ran.stdout);
        let found = data(&verify(&bench, &["--repair", "--format", "json"]).await.exits(0));
        assert_eq!(found["salvaged"]["lost"], json!([run]), "{what}");
        let copy = state(&bench).join(found["salvaged"]["set_aside"].as_str().expect("a name"));
        assert_eq!(fs::read(copy).expect("a copy"), content, "{what}");
        verify(&bench, &[]).await.exits(0);
        filled(&bench, "001-numbers").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_truncated_state_still_holds_is_kept() {
    let bench = bench();
    filled(&bench, "001-numbers").await;
    let file = state(&bench).join("state.db");
    let whole = fs::read(&file).expect("a state");
    for pages in 1..whole.len() / 4096 {
        // The last process may have left its log, which would mend the file.
        for log in ["state.db-wal", "state.db-shm"] {
            let _ = fs::remove_file(state(&bench).join(log));
        }
        fs::write(&file, &whole[..pages * 4096]).expect("a file");
        verify(&bench, &[]).await.exits(1);
        verify(&bench, &["--repair"]).await.exits(0);
        let ran = verify(&bench, &[]).await.exits(0);
        assert!(!ran.stdout.contains("DAMAGED"), "{}", ran.stdout);
    }
}

/// Root may read everything, so the test shows nothing there and says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_may_not_be_read_is_called_denied() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = bench();
    filled(&bench, "001-numbers").await;
    let file = state(&bench).join("state.db");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).expect("a mode");
    if fs::read(&file).is_ok() {
        eprintln!("skipped: this user may read every file");
        return;
    }
    let ran = verify(&bench, &["--repair"]).await.exits(1);
    assert!(ran.stderr.contains("access to the state is denied"), "{}", ran.stderr);
    assert!(!state(&bench).join("set-aside").exists());
}
