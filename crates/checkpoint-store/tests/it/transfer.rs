//! More promises of every store: runs that leave as text and come from it,
//! runs that are looked at, finished runs that go, values that are waited for.
//! `conformance.rs` runs them on each store.

use std::collections::BTreeSet;
use std::time::Duration;

use checkpoint_store::{Batch, Checkup, Error, Flaw, Imported, MAX_VALUES, Pruning, RunId};
use jiff::Timestamp;
use serde_json::json;

use crate::conformance::{Bench, batch, begun, finish, memory, record, records};

/// A finished run of six records over two leases.
async fn finished(bench: &Bench) -> RunId {
    let lease = begun(bench, "idea").await;
    let run = lease.run();
    let odd = record("odd", json!({"text": "grüße\n\"\u{0}", "n": [1, -2, u64::MAX], "e": {}}));
    bench.store.commit(&lease, batch(vec![odd])).await.unwrap();
    bench.store.release(lease).await.unwrap();
    let lease = bench.store.acquire(run).await.unwrap();
    bench.store.commit(&lease, batch(records(3))).await.unwrap();
    let done = Batch { records: records(1), ..finish("completed") };
    bench.store.commit(&lease, done).await.unwrap();
    bench.store.release(lease).await.unwrap();
    run
}

/// Everything but the last `lines` lines.
fn without(export: &[u8], lines: usize) -> Vec<u8> {
    let all: Vec<&[u8]> = export.split_inclusive(|byte| *byte == b'\n').collect();
    all[..all.len() - lines].concat()
}

pub(crate) async fn a_run_travels_whole(bench: Bench) {
    let run = finished(&bench).await;
    let export = bench.store.export(run).await.unwrap();
    let other = memory().await;
    let imported = other.store.import(export.clone()).await.unwrap();
    assert_eq!(imported, Imported { run, added: 6, records: 6, torn: false });
    let records = other.store.records(run, 0).await.unwrap();
    assert_eq!(records, bench.store.records(run, 0).await.unwrap());
    assert_eq!(other.store.runs().await.unwrap(), bench.store.runs().await.unwrap());
    assert!(other.store.export(run).await.unwrap() == export);
    // And back into a store of the kind under test.
    assert_eq!(bench.store.import(export).await.unwrap().added, 0);
    assert_eq!(other.store.acquire(run).await.unwrap().epoch(), 3, "the epoch travels too");
}

pub(crate) async fn an_import_makes_a_run_that_can_be_gone_on_with(bench: Bench) {
    let other = memory().await;
    let run = finished(&other).await;
    let export = other.store.export(run).await.unwrap();
    assert_eq!(bench.store.import(export.clone()).await.unwrap().added, 6);
    assert_eq!(bench.store.runs().await.unwrap(), other.store.runs().await.unwrap());
    let again = bench.store.import(export).await.unwrap();
    assert_eq!(again, Imported { run, added: 0, records: 6, torn: false });
    let lease = bench.store.acquire(run).await.unwrap();
    let entries = bench.store.commit(&lease, batch(records(1))).await.unwrap();
    assert_eq!((entries[0].seq, entries[0].epoch), (7, 3));
    assert_eq!(bench.store.records(run, 0).await.unwrap().len(), 7);
}

pub(crate) async fn an_export_that_goes_on_is_appended_and_an_older_one_changes_nothing(
    bench: Bench,
) {
    let other = memory().await;
    let lease = begun(&other, "idea").await;
    let run = lease.run();
    let early = other.store.export(run).await.unwrap();
    let done = Batch { records: records(2), ..finish("completed") };
    other.store.commit(&lease, done).await.unwrap();
    let late = other.store.export(run).await.unwrap();

    assert_eq!(bench.store.import(early.clone()).await.unwrap().added, 1);
    assert_eq!(bench.store.runs().await.unwrap()[0].finished, None);
    assert_eq!(bench.store.import(late).await.unwrap().added, 2);
    let heads = bench.store.runs().await.unwrap();
    assert_eq!(heads[0].finished.as_deref(), Some("completed"));
    let old = bench.store.import(early).await.unwrap();
    assert_eq!((old.added, old.records), (0, 3));
    assert_eq!(bench.store.runs().await.unwrap(), heads);
}

pub(crate) async fn an_export_that_knows_other_things_is_refused(bench: Bench) {
    let other = memory().await;
    let lease = begun(&other, "idea").await;
    let run = lease.run();
    bench.store.import(other.store.export(run).await.unwrap()).await.unwrap();
    other.store.commit(&lease, batch(vec![record("theirs", json!(1))])).await.unwrap();
    let ours = bench.store.acquire(run).await.unwrap();
    bench.store.commit(&ours, batch(vec![record("ours", json!(1))])).await.unwrap();
    bench.store.release(ours).await.unwrap();
    let before = bench.store.records(run, 0).await.unwrap();

    let refused = bench.store.import(other.store.export(run).await.unwrap()).await;
    assert!(matches!(refused, Err(Error::Diverged { run: of, seq: 2 }) if of == run));
    assert_eq!(bench.store.records(run, 0).await.unwrap(), before);
}

pub(crate) async fn a_held_run_takes_no_import(bench: Bench) {
    let lease = begun(&bench, "idea").await;
    let export = bench.store.export(lease.run()).await.unwrap();
    let refused = bench.store.import(export).await;
    assert!(matches!(refused, Err(Error::Held { .. })));
}

/// Trap 23: wherever an export breaks off, its whole records are taken, what
/// is torn is not, and the next append stands on a line of its own.
pub(crate) async fn a_torn_export_is_cut_and_said_to_be_torn(bench: Bench) {
    let other = memory().await;
    let run = finished(&other).await;
    let whole = other.store.export(run).await.unwrap();
    let entries = other.store.records(run, 0).await.unwrap();
    let head = whole.iter().position(|byte| *byte == b'\n').unwrap();
    let mut known = 0;
    for end in (head + 1..whole.len() - 1).step_by(7) {
        let torn = whole[..end].to_vec();
        let imported = bench.store.import(torn).await.unwrap();
        assert!(imported.torn, "cut at {end}");
        let lines = whole[..end].iter().filter(|byte| **byte == b'\n').count() as u64;
        // The last line may lack nothing but its line end.
        assert!([lines - 1, lines].contains(&imported.records), "cut at {end}: {imported:?}");
        assert!(imported.records >= known, "cut at {end}");
        known = imported.records;
        assert_eq!(bench.store.records(run, 0).await.unwrap(), entries[..known as usize]);
        assert_eq!(bench.store.runs().await.unwrap()[0].finished, None);
    }
    let healed = bench.store.import(whole.clone()).await.unwrap();
    assert!(!healed.torn);
    assert!(bench.store.export(run).await.unwrap() == whole);
}

pub(crate) async fn an_append_after_a_torn_import_stands_for_itself(bench: Bench) {
    let other = memory().await;
    let run = finished(&other).await;
    let mut torn = without(&other.store.export(run).await.unwrap(), 2);
    torn.truncate(torn.len() - 10);
    assert!(bench.store.import(torn).await.unwrap().torn);
    let lease = bench.store.acquire(run).await.unwrap();
    let entries = bench.store.commit(&lease, batch(records(1))).await.unwrap();
    assert_eq!(entries[0].seq, 5);
    bench.store.release(lease).await.unwrap();
    let export = bench.store.export(run).await.unwrap();
    let again = memory().await;
    let imported = again.store.import(export).await.unwrap();
    assert_eq!((imported.records, imported.torn), (5, false));
}

pub(crate) async fn a_damaged_export_is_refused_whole(bench: Bench) {
    let other = memory().await;
    let run = finished(&other).await;
    let whole = other.store.export(run).await.unwrap();
    let text = String::from_utf8(whole.clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let joined = |lines: &[&str]| (lines.join("\n") + "\n").into_bytes();
    let mut cases: Vec<(Vec<u8>, u64)> = vec![
        (Vec::new(), 1),
        (b"{}\n".to_vec(), 1),
        (whole[..40].to_vec(), 1),
        (joined(&[&lines[..3], &lines[4..]].concat()), 4),
        (joined(&[&lines[..3], &lines[2..]].concat()), 4),
        (joined(&[&lines[..6], &lines[7..]].concat()), 7),
        (joined(&[&lines[..], &lines[7..]].concat()), 8),
        (text.replacen("idea", "idee", 1).into_bytes(), 1),
        (text.replacen("\"odd\"", "\"old\"", 1).into_bytes(), 3),
        (text.replace("completed", "complete!").into_bytes(), 8),
    ];
    // One flipped bit anywhere before the last line.
    // (Without the line end before that, the two are one torn line.)
    for at in (0..without(&whole, 1).len() - 1).step_by(11) {
        let mut bad = whole.clone();
        bad[at] ^= 4;
        let line = 1 + whole[..at].iter().filter(|byte| **byte == b'\n').count() as u64;
        cases.push((bad, line));
    }
    for (case, line) in cases {
        let refused = bench.store.import(case.clone()).await;
        let shown = String::from_utf8_lossy(&case);
        let Err(Error::DamagedExport { line: found }) = refused else {
            panic!("{refused:?} for {shown}");
        };
        assert_eq!(found, line, "{shown}");
    }
    assert!(bench.store.runs().await.unwrap().is_empty());
}

/// Trap 24.
pub(crate) async fn an_export_of_a_newer_release_is_refused_in_plain_words(bench: Bench) {
    let newer = br#"{"export":2,"min_reader":2,"anything":"else"}"#.to_vec();
    let error = bench.store.import(newer).await.unwrap_err();
    assert!(matches!(error, Error::Newer { .. }), "{error:?}");
    assert!(error.to_string().contains("newer release"), "{error}");
}

pub(crate) async fn a_sound_run_has_no_flaw_and_is_not_repaired(bench: Bench) {
    let run = finished(&bench).await;
    let sound = Checkup { run, good: 6, flaws: Vec::<Flaw>::new(), holder: None };
    assert_eq!(bench.store.check(run).await.unwrap(), sound);
    assert_eq!(bench.store.repair(run, None).await.unwrap(), None);
    assert_eq!(bench.store.runs().await.unwrap()[0].finished.as_deref(), Some("completed"));
    let lease = bench.store.acquire(run).await.unwrap();
    assert_eq!(lease.epoch(), 3, "nothing was changed");
    assert!(matches!(bench.store.repair(run, None).await, Err(Error::Held { .. })));
    assert!(bench.store.check(run).await.unwrap().holder.is_some());
    let unknown = bench.store.check(RunId::generate()).await;
    assert!(matches!(unknown, Err(Error::UnknownRun)));
    let unknown = bench.store.repair(RunId::generate(), None).await;
    assert!(matches!(unknown, Err(Error::UnknownRun)));
}

fn pruning(keep: usize) -> Pruning {
    Pruning { keep, finished_before: Timestamp::MAX, spare: BTreeSet::new() }
}

pub(crate) async fn only_finished_runs_that_nobody_needs_are_deleted(bench: Bench) {
    let mut runs = Vec::new();
    for _ in 0..6 {
        let lease = begun(&bench, "idea").await;
        runs.push(lease.run());
        bench.store.commit(&lease, finish("completed")).await.unwrap();
    }
    // Of another subject, the only one: it says that the idea is done.
    let only = begun(&bench, "another idea").await;
    bench.store.commit(&only, finish("completed")).await.unwrap();
    let open = begun(&bench, "a third").await.run();
    let held = bench.store.acquire(runs[0]).await.unwrap();

    let early = Pruning { finished_before: Timestamp::UNIX_EPOCH, ..pruning(0) };
    assert_eq!(bench.store.prune(early).await.unwrap(), []);
    assert_eq!(bench.store.prune(pruning(7)).await.unwrap(), []);
    let spare = BTreeSet::from([runs[1]]);
    let gone = bench.store.prune(Pruning { spare, ..pruning(3) }).await.unwrap();
    assert_eq!(gone, [runs[3], runs[2]]);
    let left: BTreeSet<RunId> =
        bench.store.runs().await.unwrap().iter().map(|head| head.id).collect();
    let stays = [runs[0], runs[1], runs[4], runs[5], only.run(), open];
    assert_eq!(left, BTreeSet::from(stays));
    assert!(matches!(bench.store.records(runs[2], 0).await, Err(Error::UnknownRun)));
    assert!(matches!(bench.store.acquire(runs[2]).await, Err(Error::UnknownRun)));
    bench.store.release(held).await.unwrap();
    assert_eq!(bench.store.prune(pruning(0)).await.unwrap(), [runs[4], runs[1], runs[0]]);
}

pub(crate) async fn a_change_of_a_value_is_waited_for(bench: Bench) {
    let store = &bench.store;
    let long = Duration::from_secs(60);
    assert_eq!(store.watch("k", 0, Duration::ZERO).await.unwrap(), None);
    let (seen, swapped) =
        tokio::join!(store.watch("k", 0, long), store.compare_and_swap("k", None, json!("a")));
    assert_eq!(swapped.unwrap(), 1);
    assert_eq!(seen.unwrap().unwrap().value, json!("a"));
    // What is there already is not waited for.
    let seen = store.watch("k", 0, Duration::ZERO).await.unwrap().unwrap();
    assert_eq!(seen.revision, 1);
    let short = Duration::from_millis(1);
    assert_eq!(store.watch("k", 1, short).await.unwrap(), None);
    // Another key wakes nobody in vain, and the newest revision is what comes.
    let (seen, ()) = tokio::join!(store.watch("k", 1, long), async {
        store.compare_and_swap("other", None, json!(0)).await.unwrap();
        store.compare_and_swap("k", Some(1), json!("b")).await.unwrap();
    });
    let seen = seen.unwrap().unwrap();
    assert_eq!((seen.revision, seen.value), (2, json!("b")));
    assert!(store.watch("", 0, Duration::ZERO).await.is_err());
}

pub(crate) async fn the_number_of_values_has_a_limit(bench: Bench) {
    for n in 0..MAX_VALUES {
        bench.store.compare_and_swap(&format!("k{n}"), None, json!(n)).await.unwrap();
    }
    let one_more = bench.store.compare_and_swap("one more", None, json!(0)).await;
    assert!(matches!(one_more, Err(Error::TooLarge { limit: MAX_VALUES, .. })));
    assert_eq!(bench.store.get("one more").await.unwrap(), None);
    assert_eq!(bench.store.compare_and_swap("k0", Some(1), json!(1)).await.unwrap(), 2);
}
