//! The promises of `RunStore` and `ValueStore`, as one suite that every store
//! has to pass. A new store adds a `Bench` and a line at the end.

use checkpoint_store::{
    Batch, Clock, Error, Holder, Lease, MAX_BATCH_RECORDS, MAX_RECORD_BYTES, MemoryStore,
    NewRecord, NewRun, RunId, RunStore, Settings, SqliteStore, ValueStore,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::transfer::*;

pub(crate) trait Both: RunStore + ValueStore {}
impl<S: RunStore + ValueStore> Both for S {}

/// A store under test, and what only its owner can do to it.
pub(crate) struct Bench {
    pub(crate) store: Box<dyn Both>,
    lose_lock: Box<dyn Fn(RunId) + Send + Sync>,
    _dir: Option<TempDir>,
}

fn stamp() -> Timestamp {
    "2030-01-02T03:04:05.678901234Z".parse().unwrap()
}

pub(crate) async fn memory() -> Bench {
    let store = MemoryStore::with_clock(Clock::fixed(stamp()));
    let inside = store.clone();
    Bench {
        store: Box::new(store),
        lose_lock: Box::new(move |run| inside.lose_lock(run)),
        _dir: None,
    }
}

pub(crate) async fn sqlite() -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { clock: Clock::fixed(stamp()), ..Settings::new("here") };
    let store = SqliteStore::open_with(dir.path(), settings).await.unwrap();
    let locks = dir.path().join("locks");
    Bench {
        store: Box::new(store),
        lose_lock: Box::new(move |run| {
            std::fs::remove_file(locks.join(format!("{run}.lock"))).unwrap();
        }),
        _dir: Some(dir),
    }
}

pub(crate) fn new_run(subject: &str) -> NewRun {
    NewRun {
        id: RunId::generate(),
        subject: subject.into(),
        attributes: json!({"branch": "belay/001", "n": 3}),
        fresh: false,
    }
}

pub(crate) fn record(kind: &str, body: Value) -> NewRecord {
    NewRecord { kind: kind.into(), body }
}

pub(crate) fn records(count: usize) -> Vec<NewRecord> {
    (0..count).map(|n| record("k", json!({ "n": n }))).collect()
}

pub(crate) fn batch(records: Vec<NewRecord>) -> Batch {
    Batch { records, ..Batch::default() }
}

pub(crate) fn finish(status: &str) -> Batch {
    Batch { finish: Some(status.into()), ..Batch::default() }
}

pub(crate) async fn begun(bench: &Bench, subject: &str) -> Lease {
    let created = bench.store.create(new_run(subject), records(1)).await;
    created.unwrap()
}

fn holder_of<T: std::fmt::Debug>(result: Result<T, Error>) -> Holder {
    match result {
        Err(Error::Held { holder }) => holder,
        other => panic!("expected Held, got {other:?}"),
    }
}

async fn a_new_run_is_listed_with_its_first_records_and_its_holder(bench: Bench) {
    let new = new_run("idea 1");
    let lease = bench.store.create(new.clone(), records(2)).await.unwrap();
    assert_eq!((lease.run(), lease.epoch()), (new.id, 1));

    let heads = bench.store.runs().await.unwrap();
    assert_eq!(heads.len(), 1);
    let head = &heads[0];
    assert_eq!((head.id, head.subject.as_str()), (new.id, "idea 1"));
    assert_eq!(head.attributes, new.attributes);
    assert_eq!((head.created_at, head.updated_at), (stamp(), stamp()));
    assert_eq!(head.finished, None);
    let holder = head.holder.as_ref().unwrap();
    assert_eq!((holder.pid, holder.since), (std::process::id(), stamp()));

    let entries = bench.store.records(new.id, 0).await.unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!((entries[1].run, entries[1].seq), (new.id, 2));
    assert_eq!((entries[1].epoch, entries[1].at), (1, stamp()));
    assert_eq!(entries[1].body, json!({"n": 1}));
}

async fn numbers_have_no_gaps_over_commits_and_leases(bench: Bench) {
    let lease = begun(&bench, "idea").await;
    let run = lease.run();
    let committed = bench.store.commit(&lease, batch(records(3))).await.unwrap();
    bench.store.release(lease).await.unwrap();
    let lease = bench.store.acquire(run).await.unwrap();
    bench.store.commit(&lease, batch(records(2))).await.unwrap();

    let entries = bench.store.records(run, 0).await.unwrap();
    let numbered: Vec<_> = entries.iter().map(|e| (e.seq, e.epoch)).collect();
    assert_eq!(numbered, [(1, 1), (2, 1), (3, 1), (4, 1), (5, 2), (6, 2)]);
    assert_eq!(entries[1..4], committed, "a commit gives what was stored");
}

async fn runs_do_not_share_their_numbers(bench: Bench) {
    let one = begun(&bench, "one").await;
    let two = begun(&bench, "two").await;
    bench.store.commit(&one, batch(records(2))).await.unwrap();
    let entries = bench.store.commit(&two, batch(records(1))).await.unwrap();
    assert_eq!((entries[0].run, entries[0].seq), (two.run(), 2));
}

async fn records_after_a_number_are_given_in_order(bench: Bench) {
    let lease = begun(&bench, "idea").await;
    bench.store.commit(&lease, batch(records(4))).await.unwrap();
    let seqs = |entries: Vec<checkpoint_store::Entry>| -> Vec<u64> {
        entries.into_iter().map(|entry| entry.seq).collect()
    };
    let after = |seq| bench.store.records(lease.run(), seq);
    assert_eq!(seqs(after(3).await.unwrap()), [4, 5]);
    assert_eq!(seqs(after(5).await.unwrap()), [0; 0]);
    assert_eq!(seqs(after(99).await.unwrap()), [0; 0]);
}

async fn an_empty_commit_changes_nothing_but_still_needs_the_lease(bench: Bench) {
    let lease = begun(&bench, "idea").await;
    let entries = bench.store.commit(&lease, Batch::default()).await.unwrap();
    assert!(entries.is_empty());
    let heads = bench.store.runs().await.unwrap();
    assert_eq!(heads[0].finished, None);
    assert_eq!(bench.store.records(lease.run(), 0).await.unwrap().len(), 1);

    (bench.lose_lock)(lease.run());
    let _taken = bench.store.acquire(lease.run()).await.unwrap();
    let late = bench.store.commit(&lease, Batch::default()).await;
    assert!(matches!(late, Err(Error::LeaseLost)));
}

async fn a_held_run_is_not_given_twice(bench: Bench) {
    let lease = begun(&bench, "idea").await;
    let holder = holder_of(bench.store.acquire(lease.run()).await);
    assert_eq!(holder.pid, std::process::id());
    let second = bench.store.create(new_run("idea"), vec![]).await;
    assert_eq!(holder_of(second), holder);
    let fresh = NewRun { fresh: true, ..new_run("idea") };
    assert_eq!(holder_of(bench.store.create(fresh, vec![]).await), holder);
    assert_eq!(bench.store.runs().await.unwrap().len(), 1);
}

async fn an_abandoned_run_stands_in_the_way_unless_a_fresh_one_is_wished_for(bench: Bench) {
    let lease = begun(&bench, "idea").await;
    let run = lease.run();
    drop(lease);
    let second = bench.store.create(new_run("idea"), vec![]).await;
    assert!(matches!(second, Err(Error::Unfinished { run: found }) if found == run));
    bench.store.create(new_run("another idea"), vec![]).await.unwrap();
    let fresh = NewRun { fresh: true, ..new_run("idea") };
    let newer = bench.store.create(fresh, vec![]).await.unwrap().run();
    // The lease is gone again: now the newest of the two is named.
    let third = bench.store.create(new_run("idea"), vec![]).await;
    assert!(matches!(third, Err(Error::Unfinished { run }) if run == newer));
}

async fn a_finished_run_stands_in_nobodys_way(bench: Bench) {
    let lease = begun(&bench, "idea").await;
    let done = Batch { records: records(1), ..finish("completed") };
    bench.store.commit(&lease, done).await.unwrap();
    let second = bench.store.create(new_run("idea"), vec![]).await.unwrap();

    let heads = bench.store.runs().await.unwrap();
    assert_eq!(heads[0].id, second.run(), "the newest first");
    assert_eq!(heads[1].finished.as_deref(), Some("completed"));
    assert!(heads[1].holder.is_some(), "still held until released");
}

async fn a_finished_run_can_be_reopened_and_finished_anew(bench: Bench) {
    let lease = begun(&bench, "idea").await;
    let status = async || bench.store.runs().await.unwrap()[0].finished.clone();
    bench.store.commit(&lease, finish("degraded")).await.unwrap();
    assert_eq!(status().await.as_deref(), Some("degraded"));
    // More records leave the status alone.
    bench.store.commit(&lease, batch(records(1))).await.unwrap();
    assert_eq!(status().await.as_deref(), Some("degraded"));
    let reopen = Batch { reopen: true, ..Batch::default() };
    bench.store.commit(&lease, reopen).await.unwrap();
    assert_eq!(status().await, None);
    let at_once = Batch { reopen: true, ..finish("completed") };
    bench.store.commit(&lease, at_once).await.unwrap();
    assert_eq!(status().await.as_deref(), Some("completed"));
}

async fn dropping_or_releasing_a_lease_frees_the_run_and_raises_the_epoch(bench: Bench) {
    let lease = begun(&bench, "idea").await;
    let run = lease.run();
    drop(lease);
    assert_eq!(bench.store.runs().await.unwrap()[0].holder, None);
    let lease = bench.store.acquire(run).await.unwrap();
    assert_eq!(lease.epoch(), 2);
    bench.store.release(lease).await.unwrap();
    assert_eq!(bench.store.runs().await.unwrap()[0].holder, None);
    assert_eq!(bench.store.acquire(run).await.unwrap().epoch(), 3);
}

async fn one_whose_lock_was_lost_is_shut_out(bench: Bench) {
    let old = begun(&bench, "idea").await;
    let run = old.run();
    (bench.lose_lock)(run);
    let new = bench.store.acquire(run).await.unwrap();
    assert!(new.epoch() > old.epoch());

    let late = bench.store.commit(&old, batch(records(1))).await;
    assert!(matches!(late, Err(Error::LeaseLost)));
    assert!(matches!(bench.store.release(old).await, Err(Error::LeaseLost)));
    // The loser's going away does not free the winner's lock.
    holder_of(bench.store.acquire(run).await);
    let entries = bench.store.commit(&new, batch(records(1))).await.unwrap();
    assert_eq!(entries[0].seq, 2, "nothing of the loser's was written");
}

async fn an_unknown_run_is_told_apart_from_an_empty_one(bench: Bench) {
    let unknown = RunId::generate();
    let acquired = bench.store.acquire(unknown).await;
    assert!(matches!(acquired, Err(Error::UnknownRun)));
    let read = bench.store.records(unknown, 0).await;
    assert!(matches!(read, Err(Error::UnknownRun)));
    let lease = bench.store.create(new_run("idea"), vec![]).await.unwrap();
    let read = bench.store.records(lease.run(), 0).await.unwrap();
    assert!(read.is_empty());
}

async fn an_id_is_given_once(bench: Bench) {
    let new = new_run("idea");
    let lease = bench.store.create(new.clone(), records(1)).await.unwrap();
    let again = NewRun { subject: "other".into(), ..new };
    holder_of(bench.store.create(again.clone(), vec![]).await);
    bench.store.release(lease).await.unwrap();
    let taken = bench.store.create(again.clone(), vec![]).await;
    assert!(matches!(taken, Err(Error::Exists { run }) if run == again.id));
    assert_eq!(bench.store.records(again.id, 0).await.unwrap().len(), 1);
}

async fn too_much_is_refused_and_nothing_of_it_written(bench: Bench) {
    let lease = begun(&bench, "idea").await;
    let huge = json!("x".repeat(MAX_RECORD_BYTES));
    let mixed = batch(vec![record("k", json!(1)), record("k", huge)]);
    let refused = bench.store.commit(&lease, mixed).await;
    assert!(matches!(refused, Err(Error::TooLarge { .. })));
    let many = batch(records(MAX_BATCH_RECORDS + 1));
    let refused = bench.store.commit(&lease, many).await;
    assert!(matches!(refused, Err(Error::TooLarge { .. })));
    let nameless = batch(vec![record("", json!(1))]);
    let refused = bench.store.commit(&lease, nameless).await;
    assert!(matches!(refused, Err(Error::Invalid(_))));
    let refused = bench.store.commit(&lease, finish("")).await;
    assert!(matches!(refused, Err(Error::Invalid(_))));
    assert_eq!(bench.store.records(lease.run(), 0).await.unwrap().len(), 1);

    let largest = json!("x".repeat(MAX_RECORD_BYTES - 2));
    let taken = batch(vec![record("k", largest.clone())]);
    bench.store.commit(&lease, taken).await.unwrap();
    let read = bench.store.records(lease.run(), 1).await.unwrap();
    assert_eq!(read[0].body, largest);
}

async fn a_run_needs_a_subject_and_small_attributes(bench: Bench) {
    let refused = bench.store.create(new_run(""), vec![]).await;
    assert!(matches!(refused, Err(Error::Invalid(_))));
    let stuffed = NewRun { attributes: json!("x".repeat(1 << 20)), ..new_run("idea") };
    let refused = bench.store.create(stuffed, vec![]).await;
    assert!(matches!(refused, Err(Error::TooLarge { .. })));
    assert!(bench.store.runs().await.unwrap().is_empty());
}

/// Trap 9: what one process learned is not wiped by another that knows less.
async fn a_value_changes_only_for_who_saw_its_last_revision(bench: Bench) {
    let store = &bench.store;
    assert_eq!(store.get("breakers").await.unwrap(), None);
    let absent = store.compare_and_swap("breakers", Some(1), json!(0)).await;
    assert!(matches!(absent, Err(Error::Conflict)));

    let first = store.compare_and_swap("breakers", None, json!({"a": 1}));
    assert_eq!(first.await.unwrap(), 1);
    let twice = store.compare_and_swap("breakers", None, json!(0)).await;
    assert!(matches!(twice, Err(Error::Conflict)));
    let second = store.compare_and_swap("breakers", Some(1), json!([2]));
    assert_eq!(second.await.unwrap(), 2);
    let stale = store.compare_and_swap("breakers", Some(1), json!(0)).await;
    assert!(matches!(stale, Err(Error::Conflict)));

    let read = store.get("breakers").await.unwrap().unwrap();
    assert_eq!((read.revision, read.value), (2, json!([2])));
    assert_eq!(store.get("rests").await.unwrap(), None);
}

async fn a_value_has_a_limit_and_a_key(bench: Bench) {
    let large = json!("x".repeat(2 << 20));
    let refused = bench.store.compare_and_swap("k", None, large).await;
    assert!(matches!(refused, Err(Error::TooLarge { .. })));
    let refused = bench.store.compare_and_swap("", None, json!(1)).await;
    assert!(matches!(refused, Err(Error::Invalid(_))));
    assert!(bench.store.get(&"k".repeat(1000)).await.is_err());
}

macro_rules! suite {
    ($($promise:ident)*) => {
        mod in_memory {
            $(#[tokio::test] async fn $promise() {
                super::$promise(super::memory().await).await;
            })*
        }
        mod in_sqlite {
            $(#[tokio::test] async fn $promise() {
                super::$promise(super::sqlite().await).await;
            })*
        }
    };
}

suite! {
    a_new_run_is_listed_with_its_first_records_and_its_holder
    numbers_have_no_gaps_over_commits_and_leases
    runs_do_not_share_their_numbers
    records_after_a_number_are_given_in_order
    an_empty_commit_changes_nothing_but_still_needs_the_lease
    a_held_run_is_not_given_twice
    an_abandoned_run_stands_in_the_way_unless_a_fresh_one_is_wished_for
    a_finished_run_stands_in_nobodys_way
    a_finished_run_can_be_reopened_and_finished_anew
    dropping_or_releasing_a_lease_frees_the_run_and_raises_the_epoch
    one_whose_lock_was_lost_is_shut_out
    an_unknown_run_is_told_apart_from_an_empty_one
    an_id_is_given_once
    too_much_is_refused_and_nothing_of_it_written
    a_run_needs_a_subject_and_small_attributes
    a_value_changes_only_for_who_saw_its_last_revision
    a_value_has_a_limit_and_a_key
    a_run_travels_whole
    an_import_makes_a_run_that_can_be_gone_on_with
    an_export_that_goes_on_is_appended_and_an_older_one_changes_nothing
    an_export_that_knows_other_things_is_refused
    a_held_run_takes_no_import
    a_torn_export_is_cut_and_said_to_be_torn
    an_append_after_a_torn_import_stands_for_itself
    a_damaged_export_is_refused_whole
    an_export_of_a_newer_release_is_refused_in_plain_words
    a_sound_run_has_no_flaw_and_is_not_repaired
    only_finished_runs_that_nobody_needs_are_deleted
    a_change_of_a_value_is_waited_for
    the_number_of_values_has_a_limit
}
