//! What was asked, kept within bounds: a client in a retry loop sends thousands of requests,
//! and a test that watches it must run out of patience, not of memory.
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Notify;

use crate::Fault;
use crate::asked::Asked;

/// Requests kept.
const MAX_RECORDS: usize = 4_096;
/// Bytes of request bodies kept, as they were sent.
const MAX_BYTES: usize = 64 << 20;

/// One request for an answer. The stamps count from the server's start.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// 1 for the first request of the server; goes on over changes of script.
    pub number: u64,
    /// As it stands in the request. Empty if the request was not understood, `*` if its
    /// connection was refused before it was read.
    pub model: String,
    /// The schema that was asked for.
    pub schema: Option<String>,
    /// The path enum of a `changes` schema.
    pub paths: Vec<String>,
    /// Whether a stream was asked for.
    pub streamed: bool,
    /// How many results of tools it carried.
    pub results: u64,
    /// Where it was sent, without the query; empty if it was not understood or not read.
    pub target: String,
    /// The body; null if it was not understood or not read.
    pub body: Value,
    /// The `Authorization` header, or `x-api-key` or `x-goog-api-key`, verbatim.
    pub authorization: Option<String>,
    /// When the request had been read.
    pub received: Duration,
    /// When the answer was over: its last byte handed to the kernel, the connection closed or
    /// reset, or the client gone. `None` while it goes on.
    pub ended: Option<Duration>,
    /// What was done with it.
    pub fault: Fault,
}

impl Recorded {
    /// A request that was understood. Number, stamps and fault come later.
    pub(crate) fn of(asked: &Asked, body: Value, authorization: Option<String>) -> Self {
        Self {
            schema: asked.schema.clone(),
            paths: asked.paths.clone(),
            streamed: asked.streamed,
            results: asked.results,
            target: asked.target.clone(),
            body,
            ..Self::unread(&asked.model, authorization)
        }
    }

    /// A request that was not understood or not read.
    pub(crate) fn unread(model: &str, authorization: Option<String>) -> Self {
        Self {
            number: 0,
            model: model.to_owned(),
            schema: None,
            paths: Vec::new(),
            streamed: false,
            results: 0,
            target: String::new(),
            body: Value::Null,
            authorization,
            received: Duration::ZERO,
            ended: None,
            fault: Fault::Answer,
        }
    }
}

#[derive(Debug, Default)]
struct Kept {
    received: u64,
    ended: u64,
    bytes: usize,
    records: VecDeque<(usize, Recorded)>,
}

/// The records of a server.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    kept: Mutex<Kept>,
    changed: Notify,
}

impl Ledger {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the record its number, which is returned, and its stamp, and keeps it; `bytes`
    /// is what its body weighs.
    pub(crate) fn receive(&self, bytes: usize, record: Recorded, at: Duration) -> u64 {
        let mut kept = self.kept();
        kept.received += 1;
        let number = kept.received;
        let record = Recorded { number, received: at, ..record };
        kept.records.push_back((bytes, record));
        kept.bytes += bytes;
        while kept.records.len() > MAX_RECORDS || kept.bytes > MAX_BYTES {
            let Some((dropped, _)) = kept.records.pop_front() else {
                break;
            };
            kept.bytes -= dropped;
        }
        drop(kept);
        self.changed.notify_waiters();
        number
    }

    pub(crate) fn end(&self, number: u64, at: Duration) {
        let mut kept = self.kept();
        kept.ended += 1;
        let found = kept.records.binary_search_by_key(&number, |(_, record)| record.number);
        if let Ok(index) = found
            && let Some((_, record)) = kept.records.get_mut(index)
        {
            record.ended = Some(at);
        }
        drop(kept);
        self.changed.notify_waiters();
    }

    pub(crate) fn records(&self) -> Vec<Recorded> {
        let kept = self.kept();
        kept.records.iter().map(|(_, record)| record.clone()).collect()
    }

    /// How many were received and how many have ended, the dropped ones included.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let kept = self.kept();
        (kept.received, kept.ended)
    }

    /// Returns when the condition on the counts holds.
    pub(crate) async fn wait(&self, enough: impl Fn(u64, u64) -> bool) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // Registered before looking, so that no change between the two is missed.
            changed.as_mut().enable();
            let (received, ended) = self.counts();
            if enough(received, ended) {
                return;
            }
            changed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive(ledger: &Ledger, bytes: usize) -> u64 {
        ledger.receive(bytes, Recorded::unread("m", None), Duration::ZERO)
    }

    #[test]
    fn keeps_the_newest_within_the_number() {
        let ledger = Ledger::default();
        for _ in 0..MAX_RECORDS + 10 {
            receive(&ledger, 1);
        }
        let records = ledger.records();
        assert_eq!(records.len(), MAX_RECORDS);
        assert_eq!(records[0].number, 11);
        assert_eq!(ledger.counts().0, MAX_RECORDS as u64 + 10);
    }

    #[test]
    fn keeps_the_newest_within_the_bytes() {
        let ledger = Ledger::default();
        for _ in 0..3 {
            receive(&ledger, MAX_BYTES / 2);
        }
        let numbers: Vec<u64> = ledger.records().iter().map(|r| r.number).collect();
        assert_eq!(numbers, [2, 3]);
    }

    #[test]
    fn the_end_of_a_dropped_record_is_counted() {
        let ledger = Ledger::default();
        let first = receive(&ledger, MAX_BYTES);
        let second = receive(&ledger, MAX_BYTES);
        ledger.end(first, Duration::from_secs(1));
        ledger.end(second, Duration::from_secs(2));
        assert_eq!(ledger.counts(), (2, 2));
        assert_eq!(ledger.records()[0].ended, Some(Duration::from_secs(2)));
    }
}
