//! The same promises without a disk, for tests of whoever uses a store. What
//! it must not do is promise less: both stores pass one conformance suite.
//!
//! It lives and dies with its process; clones share what they hold.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::Notify;

use crate::care::{Checkup, Note, Pruning, Repaired, look};
use crate::clock::Clock;
use crate::error::Error;
use crate::export;
use crate::head::{Origin, Standing};
use crate::lease::Lease;
use crate::record::{
    CheckedBatch, CheckedRecord, MAX_VALUES, Sealed, check_key, check_records, check_run,
    check_value, limit,
};
use crate::run::{Batch, Entry, Holder, Imported, NewRecord, NewRun, RunHead, RunId, Versioned};
use crate::store::{RunStore, ValueStore};

/// A store in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
    /// Told of every change of a value.
    changed: Arc<Notify>,
    clock: Clock,
}

#[derive(Debug, Default)]
struct State {
    /// In the order of their creation.
    runs: Vec<Run>,
    values: BTreeMap<String, Versioned>,
    held: HashMap<RunId, Held>,
}

#[derive(Debug)]
struct Held {
    epoch: u64,
    holder: Holder,
}

#[derive(Debug)]
struct Run {
    origin: Origin,
    standing: Standing,
    journal: Vec<Sealed>,
}

/// Frees the run when the lease is dropped, unless a later lease has it.
struct Hold {
    state: Arc<Mutex<State>>,
    run: RunId,
    epoch: u64,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        if state.held.get(&self.run).is_some_and(|held| held.epoch == self.epoch) {
            state.held.remove(&self.run);
        }
    }
}

/// A panic elsewhere leaves the state whole: every change is made after the
/// last thing that can fail.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store that takes its stamps from `clock`.
    pub fn with_clock(clock: Clock) -> Self {
        Self { clock, ..Self::default() }
    }

    /// Frees the run without its holder knowing, as if somebody had deleted
    /// the lock: how a test brings about [`Error::LeaseLost`].
    pub fn lose_lock(&self, run: RunId) {
        lock(&self.state).held.remove(&run);
    }

    fn hold(&self, state: &mut State, run: RunId, epoch: u64) -> Lease {
        let holder =
            Holder { host: "memory".to_owned(), pid: std::process::id(), since: self.clock.now() };
        state.held.insert(run, Held { epoch, holder });
        let hold = Hold { state: Arc::clone(&self.state), run, epoch };
        Lease::new(run, epoch, hold)
    }
}

impl State {
    fn run(&self, id: RunId) -> Result<&Run, Error> {
        let found = self.runs.iter().find(|run| run.origin.run == id);
        found.ok_or(Error::UnknownRun)
    }

    fn run_mut(&mut self, id: RunId) -> Result<&mut Run, Error> {
        let found = self.runs.iter_mut().find(|run| run.origin.run == id);
        found.ok_or(Error::UnknownRun)
    }

    /// The newest first.
    fn heads(&self) -> Vec<RunHead> {
        let newest_first = self.runs.iter().rev();
        let shown = newest_first.map(|run| RunHead {
            holder: self.held.get(&run.origin.run).map(|held| held.holder.clone()),
            ..run.origin.shown(&run.standing)
        });
        shown.collect()
    }

    fn refuse_held(&self, run: RunId) -> Result<(), Error> {
        match self.held.get(&run) {
            Some(held) => Err(Error::Held { holder: held.holder.clone() }),
            None => Ok(()),
        }
    }

    fn refuse_second_run(&self, new: &NewRun) -> Result<(), Error> {
        let unfinished = || {
            let mine = |run: &&Run| run.origin.subject == new.subject;
            let newest_first = self.runs.iter().rev().filter(mine);
            newest_first.filter(|run| run.standing.finished.is_none())
        };
        for run in unfinished() {
            self.refuse_held(run.origin.run)?;
        }
        match unfinished().next() {
            Some(run) if !new.fresh => Err(Error::Unfinished { run: run.origin.run }),
            _ => Ok(()),
        }
    }
}

impl Run {
    fn append(&mut self, records: Vec<CheckedRecord>, at: jiff::Timestamp) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(records.len());
        for record in records {
            self.standing.last_seq += 1;
            let (seq, epoch) = (self.standing.last_seq, self.standing.epoch);
            let (sealed, entry) = record.seal(self.origin.run, seq, epoch, at);
            self.journal.push(sealed);
            entries.push(entry);
        }
        self.standing.updated_at = at;
        entries
    }
}

#[async_trait]
impl RunStore for MemoryStore {
    async fn create(&self, new: NewRun, first: Vec<NewRecord>) -> Result<Lease, Error> {
        let attributes = check_run(&new)?;
        let first = check_records(first)?;
        let at = self.clock.now();
        let mut state = lock(&self.state);
        if state.run(new.id).is_ok() {
            state.refuse_held(new.id)?;
            return Err(Error::Exists { run: new.id });
        }
        state.refuse_second_run(&new)?;
        let mut run = Run {
            origin: Origin { run: new.id, subject: new.subject, attributes, created_at: at },
            standing: Standing { epoch: 1, last_seq: 0, finished: None, updated_at: at },
            journal: Vec::new(),
        };
        run.append(first, at);
        state.runs.push(run);
        Ok(self.hold(&mut state, new.id, 1))
    }

    async fn acquire(&self, run: RunId) -> Result<Lease, Error> {
        let mut state = lock(&self.state);
        state.run(run)?;
        state.refuse_held(run)?;
        let standing = &mut state.run_mut(run)?.standing;
        standing.epoch += 1;
        let epoch = standing.epoch;
        Ok(self.hold(&mut state, run, epoch))
    }

    async fn commit(&self, lease: &Lease, batch: Batch) -> Result<Vec<Entry>, Error> {
        let batch = CheckedBatch::new(batch)?;
        let mut state = lock(&self.state);
        let run = state.run_mut(lease.run())?;
        if run.standing.epoch != lease.epoch() {
            return Err(Error::LeaseLost);
        }
        let entries = run.append(batch.records, self.clock.now());
        if batch.reopen {
            run.standing.finished = None;
        }
        if batch.finish.is_some() {
            run.standing.finished = batch.finish;
        }
        Ok(entries)
    }

    async fn records(&self, run: RunId, after: u64) -> Result<Vec<Entry>, Error> {
        let state = lock(&self.state);
        let journal = state.run(run)?.journal.iter();
        let wanted = journal.filter(|record| record.seq > after);
        wanted.map(|record| record.clone().open(run, record.seq)).collect()
    }

    async fn runs(&self) -> Result<Vec<RunHead>, Error> {
        Ok(lock(&self.state).heads())
    }

    async fn release(&self, lease: Lease) -> Result<(), Error> {
        let ours = lock(&self.state).run(lease.run())?.standing.epoch == lease.epoch();
        lease.let_go();
        if ours { Ok(()) } else { Err(Error::LeaseLost) }
    }

    async fn export(&self, run: RunId) -> Result<Vec<u8>, Error> {
        let state = lock(&self.state);
        let run = state.run(run)?;
        export::write(&run.origin, &run.standing, &run.journal)
    }

    async fn import(&self, text: Vec<u8>) -> Result<Imported, Error> {
        let parcel = export::read(&text)?;
        let run = parcel.origin.run;
        let torn = parcel.standing.is_none();
        let mut state = lock(&self.state);
        state.refuse_held(run)?;
        let Ok(found) = state.run_mut(run) else {
            let standing = parcel.standing_over(None);
            let records = standing.last_seq;
            state.runs.push(Run { origin: parcel.origin, standing, journal: parcel.records });
            return Ok(Imported { run, added: records, records, torn });
        };
        let sums = found.journal.iter().map(|record| record.checksum.as_slice());
        let known = parcel.known(&found.origin, sums)?;
        found.standing = parcel.standing_over(Some(&found.standing));
        let added = parcel.records.len().saturating_sub(known) as u64;
        found.journal.extend(parcel.records.into_iter().skip(known));
        Ok(Imported { run, added, records: found.standing.last_seq, torn })
    }

    async fn check(&self, run: RunId) -> Result<Checkup, Error> {
        let state = lock(&self.state);
        let found = state.run(run)?;
        let (good, flaw) = look(run, found.journal.iter().map(Some), Some(found.standing.last_seq));
        let holder = state.held.get(&run).map(|held| held.holder.clone());
        Ok(Checkup { run, good, flaws: flaw.into_iter().collect(), holder })
    }

    /// Memory does not rot: there is never anything to repair.
    async fn repair(&self, run: RunId, _note: Option<Note>) -> Result<Option<Repaired>, Error> {
        let state = lock(&self.state);
        state.run(run)?;
        state.refuse_held(run)?;
        Ok(None)
    }

    async fn prune(&self, pruning: Pruning) -> Result<Vec<RunId>, Error> {
        let mut state = lock(&self.state);
        let gone = pruning.choose(state.heads().iter());
        state.runs.retain(|run| !gone.contains(&run.origin.run));
        Ok(gone)
    }
}

#[async_trait]
impl ValueStore for MemoryStore {
    async fn get(&self, key: &str) -> Result<Option<Versioned>, Error> {
        check_key(key)?;
        Ok(lock(&self.state).values.get(key).cloned())
    }

    async fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<u64>,
        value: Value,
    ) -> Result<u64, Error> {
        check_key(key)?;
        check_value(&value)?;
        let mut state = lock(&self.state);
        let found = state.values.get(key).map(|found| found.revision);
        if found != expected {
            return Err(Error::Conflict);
        }
        if found.is_none() {
            limit("the number of shared values", state.values.len() + 1, MAX_VALUES)?;
        }
        let revision = found.unwrap_or(0) + 1;
        state.values.insert(key.to_owned(), Versioned { revision, value });
        drop(state);
        self.changed.notify_waiters();
        Ok(revision)
    }

    async fn watch(
        &self,
        key: &str,
        above: u64,
        within: Duration,
    ) -> Result<Option<Versioned>, Error> {
        check_key(key)?;
        let newer = async {
            loop {
                // Listened for before the look: no change falls in between.
                let changed = self.changed.notified();
                let found = lock(&self.state).values.get(key).cloned();
                if let Some(found) = found.filter(|found| found.revision > above) {
                    return found;
                }
                changed.await;
            }
        };
        Ok(tokio::time::timeout(within, newer).await.ok())
    }
}
