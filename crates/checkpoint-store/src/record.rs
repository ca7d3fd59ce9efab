//! What a record looks like when it rests, and how one finds out that it did
//! not rest well: limits before writing, a checksum over every field, the
//! oldest reader that may read it.
//!
//! The limits are part of the promise. A value nested deeper than the JSON
//! parser reads back would be written happily and never read again.

use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::run::{Batch, Entry, NewRecord, NewRun, RunId};

/// The form that this release writes.
pub(crate) const VERSION: u32 = 1;
/// The newest `min_reader` that this release may read.
pub(crate) const READER: u32 = 1;

/// The largest body of a record, in bytes of JSON.
pub const MAX_RECORD_BYTES: usize = 16 * 1024 * 1024;
/// The most records in one commit.
pub const MAX_BATCH_RECORDS: usize = 4096;
/// The largest attributes of a run, in bytes of JSON.
pub const MAX_ATTRIBUTES_BYTES: usize = 64 * 1024;
/// The largest shared value, in bytes of JSON.
pub const MAX_VALUE_BYTES: usize = 1024 * 1024;
/// The longest subject, in bytes.
pub const MAX_SUBJECT_BYTES: usize = 4096;
/// The longest kind, status or key, in bytes.
pub const MAX_NAME_BYTES: usize = 256;
/// The deepest nesting of lists and objects in a body.
pub const MAX_DEPTH: usize = 100;

/// A record ready to be stored: checked against the limits, its body as text.
#[derive(Clone, Debug)]
pub(crate) struct Sealed {
    pub(crate) seq: u64,
    pub(crate) epoch: u64,
    pub(crate) at: Timestamp,
    pub(crate) kind: String,
    pub(crate) version: u32,
    pub(crate) min_reader: u32,
    pub(crate) body: String,
    pub(crate) checksum: Vec<u8>,
}

/// A batch whose every part is within its limit, bodies as text. Made before
/// the store is asked for anything, so that the writer never waits for it.
#[derive(Debug)]
pub(crate) struct CheckedBatch {
    pub(crate) records: Vec<CheckedRecord>,
    pub(crate) finish: Option<String>,
    pub(crate) reopen: bool,
}

#[derive(Debug)]
pub(crate) struct CheckedRecord {
    record: NewRecord,
    text: String,
}

impl CheckedBatch {
    pub(crate) fn new(batch: Batch) -> Result<Self, Error> {
        if let Some(status) = &batch.finish {
            check_name("a status", status)?;
        }
        Ok(Self {
            records: check_records(batch.records)?,
            finish: batch.finish,
            reopen: batch.reopen,
        })
    }
}

pub(crate) fn check_records(records: Vec<NewRecord>) -> Result<Vec<CheckedRecord>, Error> {
    limit("a batch of records", records.len(), MAX_BATCH_RECORDS)?;
    records
        .into_iter()
        .map(|record| {
            check_name("the kind of a record", &record.kind)?;
            let text = to_text("a record", &record.body, MAX_RECORD_BYTES)?;
            Ok(CheckedRecord { record, text })
        })
        .collect()
}

/// Gives back the attributes as text.
pub(crate) fn check_run(new: &NewRun) -> Result<String, Error> {
    if new.subject.is_empty() {
        return Err(Error::Invalid("a run needs a subject"));
    }
    limit("a subject", new.subject.len(), MAX_SUBJECT_BYTES)?;
    to_text(
        "the attributes of a run",
        &new.attributes,
        MAX_ATTRIBUTES_BYTES,
    )
}

pub(crate) fn check_key(key: &str) -> Result<(), Error> {
    check_name("a key", key)
}

pub(crate) fn check_value(value: &Value) -> Result<String, Error> {
    to_text("a shared value", value, MAX_VALUE_BYTES)
}

fn check_name(what: &'static str, name: &str) -> Result<(), Error> {
    if name.is_empty() {
        return Err(Error::Invalid("kinds, statuses and keys may not be empty"));
    }
    limit(what, name.len(), MAX_NAME_BYTES)
}

fn to_text(what: &'static str, value: &Value, most: usize) -> Result<String, Error> {
    limit(what, depth(value), MAX_DEPTH)?;
    let text = value.to_string();
    limit(what, text.len(), most)?;
    Ok(text)
}

fn limit(what: &'static str, size: usize, limit: usize) -> Result<(), Error> {
    if size > limit {
        return Err(Error::TooLarge { what, size, limit });
    }
    Ok(())
}

/// Levels of nesting, counted only as far as the limit needs, so that hostile
/// nesting cannot exhaust the stack here.
fn depth(value: &Value) -> usize {
    fn below(value: &Value, budget: usize) -> usize {
        if budget == 0 {
            return 0;
        }
        let deepest = match value {
            Value::Array(items) => items.iter().map(|v| below(v, budget - 1)).max(),
            Value::Object(fields) => fields.values().map(|v| below(v, budget - 1)).max(),
            _ => return 0,
        };
        1 + deepest.unwrap_or(0)
    }
    below(value, MAX_DEPTH + 1)
}

impl CheckedRecord {
    /// Gives the record its place and its checksum.
    pub(crate) fn seal(self, run: RunId, seq: u64, epoch: u64, at: Timestamp) -> (Sealed, Entry) {
        let mut sealed = Sealed {
            seq,
            epoch,
            at,
            kind: self.record.kind.clone(),
            version: VERSION,
            min_reader: READER,
            body: self.text,
            checksum: Vec::new(),
        };
        sealed.checksum = sealed.sum(run, &at.to_string());
        let entry = Entry {
            run,
            seq,
            epoch,
            at,
            kind: self.record.kind,
            body: self.record.body,
            version: VERSION,
            min_reader: READER,
        };
        (sealed, entry)
    }
}

impl Sealed {
    /// Opens a record that was read back as number `expected` of its run.
    ///
    /// The checksum is looked at before the reader's version: a damaged
    /// version must not be taken for a newer release.
    pub(crate) fn open(self, run: RunId, expected: u64) -> Result<Entry, Error> {
        let damaged = || Error::Damaged { run, seq: expected };
        if self.seq != expected || self.checksum != self.sum(run, &self.at.to_string()) {
            return Err(damaged());
        }
        if self.min_reader > READER {
            return Err(Error::Newer {
                what: format!("record {expected} of run {run}"),
            });
        }
        let body = serde_json::from_str(&self.body).map_err(|_| damaged())?;
        Ok(Entry {
            run,
            seq: self.seq,
            epoch: self.epoch,
            at: self.at,
            kind: self.kind,
            body,
            version: self.version,
            min_reader: self.min_reader,
        })
    }

    /// SHA-256 over every field, each with its length in front, so that no
    /// two different records share one input.
    pub(crate) fn sum(&self, run: RunId, at: &str) -> Vec<u8> {
        let run = run.to_string();
        let numbers = format!(
            "{}/{}/{}/{}",
            self.seq, self.epoch, self.version, self.min_reader
        );
        let mut hash = Sha256::new();
        for part in [&run, &numbers, at, &self.kind, &self.body] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hash.finalize().to_vec()
    }
}
