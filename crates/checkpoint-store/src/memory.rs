//! The same promises without a disk, for tests of whoever uses a store. What
//! it must not do is promise less: both stores pass one conformance suite.
//!
//! It lives and dies with its process; clones share what they hold.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use serde_json::Value;

use crate::clock::Clock;
use crate::error::Error;
use crate::lease::Lease;
use crate::record::{
    CheckedBatch, CheckedRecord, check_key, check_records, check_run, check_value,
};
use crate::run::{Batch, Entry, Holder, NewRecord, NewRun, RunHead, RunId, Versioned};
use crate::store::{RunStore, ValueStore};

/// A store in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
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
    head: RunHead,
    epoch: u64,
    journal: Vec<Entry>,
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
        Self { state: Arc::default(), clock }
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
        let found = self.runs.iter().find(|run| run.head.id == id);
        found.ok_or(Error::UnknownRun)
    }

    fn run_mut(&mut self, id: RunId) -> Result<&mut Run, Error> {
        let found = self.runs.iter_mut().find(|run| run.head.id == id);
        found.ok_or(Error::UnknownRun)
    }

    fn refuse_held(&self, run: RunId) -> Result<(), Error> {
        match self.held.get(&run) {
            Some(held) => Err(Error::Held { holder: held.holder.clone() }),
            None => Ok(()),
        }
    }

    fn refuse_second_run(&self, new: &NewRun) -> Result<(), Error> {
        let unfinished = || {
            let mine = |run: &&Run| run.head.subject == new.subject;
            let newest_first = self.runs.iter().rev().filter(mine);
            newest_first.filter(|run| run.head.finished.is_none())
        };
        for run in unfinished() {
            self.refuse_held(run.head.id)?;
        }
        match unfinished().next() {
            Some(run) if !new.fresh => Err(Error::Unfinished { run: run.head.id }),
            _ => Ok(()),
        }
    }
}

impl Run {
    fn append(&mut self, records: Vec<CheckedRecord>, at: jiff::Timestamp) -> Vec<Entry> {
        let first = self.journal.len() as u64 + 1;
        let entries: Vec<Entry> = (first..)
            .zip(records)
            .map(|(seq, record)| record.seal(self.head.id, seq, self.epoch, at).1)
            .collect();
        self.journal.extend_from_slice(&entries);
        self.head.updated_at = at;
        entries
    }
}

#[async_trait]
impl RunStore for MemoryStore {
    async fn create(&self, new: NewRun, first: Vec<NewRecord>) -> Result<Lease, Error> {
        check_run(&new)?;
        let first = check_records(first)?;
        let at = self.clock.now();
        let mut state = lock(&self.state);
        if state.run(new.id).is_ok() {
            state.refuse_held(new.id)?;
            return Err(Error::Exists { run: new.id });
        }
        state.refuse_second_run(&new)?;
        let mut run = Run {
            head: RunHead {
                id: new.id,
                subject: new.subject,
                attributes: new.attributes,
                created_at: at,
                finished: None,
                updated_at: at,
                holder: None,
            },
            epoch: 1,
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
        let found = state.run_mut(run)?;
        found.epoch += 1;
        let epoch = found.epoch;
        Ok(self.hold(&mut state, run, epoch))
    }

    async fn commit(&self, lease: &Lease, batch: Batch) -> Result<Vec<Entry>, Error> {
        let batch = CheckedBatch::new(batch)?;
        let mut state = lock(&self.state);
        let run = state.run_mut(lease.run())?;
        if run.epoch != lease.epoch() {
            return Err(Error::LeaseLost);
        }
        let entries = run.append(batch.records, self.clock.now());
        if batch.reopen {
            run.head.finished = None;
        }
        if batch.finish.is_some() {
            run.head.finished = batch.finish;
        }
        Ok(entries)
    }

    async fn records(&self, run: RunId, after: u64) -> Result<Vec<Entry>, Error> {
        let state = lock(&self.state);
        let journal = state.run(run)?.journal.iter();
        Ok(journal.filter(|entry| entry.seq > after).cloned().collect())
    }

    async fn runs(&self) -> Result<Vec<RunHead>, Error> {
        let state = lock(&self.state);
        let newest_first = state.runs.iter().rev();
        Ok(newest_first
            .map(|run| RunHead {
                holder: state.held.get(&run.head.id).map(|held| held.holder.clone()),
                ..run.head.clone()
            })
            .collect())
    }

    async fn release(&self, lease: Lease) -> Result<(), Error> {
        let ours = lock(&self.state).run(lease.run())?.epoch == lease.epoch();
        lease.let_go();
        if ours { Ok(()) } else { Err(Error::LeaseLost) }
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
        let revision = found.unwrap_or(0) + 1;
        state.values.insert(key.to_owned(), Versioned { revision, value });
        Ok(revision)
    }
}
