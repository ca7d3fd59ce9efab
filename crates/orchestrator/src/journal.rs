//! The one writer of a run's journal.
//!
//! Everything that happens goes through one channel in order: written, made
//! durable, folded into the state, and only then shown. A store that refuses
//! a write stops the run at the next step instead of letting it go on unseen.
//! A lease that is lost asks for an end at once: the run is another's now.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use checkpoint_store::{Batch, Entry, Error as StoreError, Lease, NewRecord, RunStore};
use serde::Deserialize as _;
use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::Error;
use crate::event::Event;
use crate::fact::Fact;
use crate::shutdown::{LEASE_LOST, Shutdown};
use crate::state::State;

/// Rows written in one transaction at most.
const BATCH: usize = 64;

/// One durable event, as it is shown.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its place in the run, from 1, without gaps.
    pub seq: u64,
    /// When it was written.
    pub at: jiff::Timestamp,
    /// The run.
    pub run: String,
    /// What happened.
    pub event: Event,
}

impl Line {
    /// A row as it is shown; none for an event that this binary does not know.
    pub fn read(entry: &Entry) -> Option<Self> {
        let event = event(entry)?;
        Some(Self { seq: entry.seq, at: entry.at, run: entry.run.to_string(), event })
    }

    /// The line as JSON: `seq`, `time`, `run`, `event` and the event's fields.
    pub fn to_json(&self) -> Value {
        let mut out = serde_json::Map::new();
        out.insert("seq".into(), self.seq.into());
        out.insert("time".into(), self.at.to_string().into());
        out.insert("run".into(), self.run.clone().into());
        if let Ok(Value::Object(fields)) = serde_json::to_value(&self.event) {
            out.extend(fields);
        }
        Value::Object(out)
    }
}

/// Where durable events are shown. Called in order, from one place.
pub trait Listener: Send + Sync {
    /// Shows one event; must not block for long.
    fn event(&self, line: &Line);
}

/// A journal row as the store keeps it.
pub fn record(event: &Event, fact: Option<&Fact>) -> Result<NewRecord, Error> {
    let mut body = serde_json::to_value(event)?;
    let kind = event.name();
    if let Value::Object(map) = &mut body {
        map.remove("event");
        if let Some(fact) = fact {
            map.insert("fact".into(), serde_json::to_value(fact)?);
        }
    }
    Ok(NewRecord { kind, body })
}

/// Reads a row back; `None` for an event that this binary does not know.
pub fn parse(entry: &Entry) -> Option<(Event, Option<Fact>)> {
    let event = event(entry)?;
    // Facts are large, and a long journal has many: read where they stand, not from a copy.
    let fact = entry.body.get("fact").and_then(|fact| Fact::deserialize(fact).ok());
    Some((event, fact))
}

fn event(entry: &Entry) -> Option<Event> {
    let fields = entry.body.as_object()?.iter().filter(|(name, _)| *name != "fact");
    let mut event: Map<String, Value> =
        fields.map(|(name, value)| (name.clone(), value.clone())).collect();
    event.insert("event".into(), entry.kind.clone().into());
    serde_json::from_value(Value::Object(event)).ok()
}

struct Append {
    record: NewRecord,
    finish: Option<String>,
    reopen: bool,
    ack: Option<oneshot::Sender<Result<(), Error>>>,
}

/// A handle to the writer; clones write to the same journal.
#[derive(Clone)]
pub struct Journal {
    // Unbounded: observers may not wait, and what they send is bounded by the
    // attempts that a request may make.
    sender: mpsc::UnboundedSender<Append>,
    state: Arc<Mutex<State>>,
}

impl Journal {
    /// Starts the writer on a run that `lease` holds. The join handle gives
    /// the lease back once every clone of the journal is gone.
    pub fn start(
        store: Arc<dyn RunStore>,
        lease: Lease,
        state: State,
        listener: Arc<dyn Listener>,
        shutdown: Shutdown,
    ) -> (Self, JoinHandle<Lease>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let state = Arc::new(Mutex::new(state));
        let writer =
            Writer { store, lease, state: Arc::clone(&state), listener, shutdown, broken: None };
        (Self { sender, state }, tokio::spawn(writer.run(receiver)))
    }

    /// The state as of the last durable row.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes an event and waits until it is durable.
    pub async fn append(&self, event: Event) -> Result<(), Error> {
        self.send(record(&event, None)?, None, false).await
    }

    /// Writes an event with what was found out.
    pub async fn append_fact(&self, event: Event, fact: Fact) -> Result<(), Error> {
        self.send(record(&event, Some(&fact))?, None, false).await
    }

    /// Writes the run's last event and marks the run finished.
    pub async fn finish(&self, event: Event, status: &str) -> Result<(), Error> {
        self.send(record(&event, None)?, Some(status.to_owned()), false).await
    }

    /// Writes the first event of a process that goes on with the run.
    pub async fn reopen(&self, event: Event) -> Result<(), Error> {
        self.send(record(&event, None)?, None, true).await
    }

    /// Writes an event without waiting; rows keep their order.
    pub fn note(&self, event: &Event) {
        match record(event, None) {
            Ok(record) => {
                let append = Append { record, finish: None, reopen: false, ack: None };
                if self.sender.send(append).is_err() {
                    tracing::warn!(
                        event = event.name(),
                        "the journal's writer is gone; the event is not kept"
                    );
                }
            }
            Err(error) => tracing::warn!(%error, "an event could not be written down"),
        }
    }

    async fn send(
        &self,
        record: NewRecord,
        finish: Option<String>,
        reopen: bool,
    ) -> Result<(), Error> {
        let (ack, done) = oneshot::channel();
        let append = Append { record, finish, reopen, ack: Some(ack) };
        self.sender.send(append).map_err(|_| Error::JournalClosed)?;
        done.await.map_err(|_| Error::JournalClosed)?
    }
}

struct Writer {
    store: Arc<dyn RunStore>,
    lease: Lease,
    state: Arc<Mutex<State>>,
    listener: Arc<dyn Listener>,
    shutdown: Shutdown,
    broken: Option<Broken>,
}

/// Why nothing is written any more.
enum Broken {
    LeaseLost,
    Unwritable(String),
}

impl Broken {
    fn error(&self) -> Error {
        match self {
            Self::LeaseLost => Error::LeaseLost,
            Self::Unwritable(why) => Error::Journal(why.clone()),
        }
    }
}

impl Writer {
    async fn run(mut self, mut receiver: mpsc::UnboundedReceiver<Append>) -> Lease {
        let mut batch = Vec::with_capacity(BATCH);
        while receiver.recv_many(&mut batch, BATCH).await > 0 {
            // What ends or reopens a run stands alone, so that a batch's marks are its own.
            for group in batch.split_inclusive(|append| append.finish.is_some() || append.reopen) {
                self.write(group).await;
            }
            for append in batch.drain(..) {
                if let Some(ack) = append.ack {
                    let result = self.broken.as_ref().map_or(Ok(()), |why| Err(why.error()));
                    // The asker may be cancelled meanwhile; the row stands all the same.
                    drop(ack.send(result));
                }
            }
        }
        self.lease
    }

    async fn write(&mut self, group: &[Append]) {
        if self.broken.is_some() {
            return;
        }
        let batch = Batch {
            records: group.iter().map(|append| append.record.clone()).collect(),
            finish: group.iter().find_map(|append| append.finish.clone()),
            reopen: group.iter().any(|append| append.reopen),
        };
        match self.store.commit(&self.lease, batch).await {
            Ok(entries) => self.show(&entries),
            Err(StoreError::LeaseLost) => {
                self.broken = Some(Broken::LeaseLost);
                self.shutdown.request(LEASE_LOST);
            }
            Err(error) => self.broken = Some(Broken::Unwritable(error.to_string())),
        }
    }

    fn show(&self, entries: &[Entry]) {
        for entry in entries {
            self.state.lock().unwrap_or_else(PoisonError::into_inner).apply(entry);
            if let Some(line) = Line::read(entry) {
                self.listener.event(&line);
            }
        }
    }
}
