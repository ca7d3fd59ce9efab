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
use crate::head::Origin;
use crate::run::{Batch, Entry, NewRecord, NewRun, RunId};

/// The form that this release writes.
pub(crate) const VERSION: u32 = 1;
/// The newest `min_reader` that this release may read.
pub(crate) const READER: u32 = 1;

/// The largest body of a record, in bytes of JSON.
pub const MAX_RECORD_BYTES: usize = 16 * 1024 * 1024;
/// The largest commit, in bytes of JSON over all its bodies.
pub const MAX_BATCH_BYTES: usize = 64 * 1024 * 1024;
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
/// The most shared values in one store.
pub const MAX_VALUES: usize = 1024;
/// The largest export of a run that is made or taken, in bytes.
pub const MAX_EXPORT_BYTES: usize = 256 * 1024 * 1024;
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
    let mut checked = Vec::with_capacity(records.len());
    let mut total = 0;
    for record in records {
        check_name("the kind of a record", &record.kind)?;
        let text = to_text("a record", &record.body, MAX_RECORD_BYTES)?;
        total += text.len();
        limit("a batch of records", total, MAX_BATCH_BYTES)?;
        checked.push(CheckedRecord { record, text });
    }
    Ok(checked)
}

/// Gives back the attributes as text.
pub(crate) fn check_run(new: &NewRun) -> Result<String, Error> {
    if new.subject.is_empty() {
        return Err(Error::Invalid("a run needs a subject"));
    }
    limit("a subject", new.subject.len(), MAX_SUBJECT_BYTES)?;
    to_text("the attributes of a run", &new.attributes, MAX_ATTRIBUTES_BYTES)
}

/// The same for a run that comes from elsewhere.
pub(crate) fn check_origin(origin: &Origin) -> Result<(), Error> {
    if origin.subject.is_empty() {
        return Err(Error::Invalid("a run needs a subject"));
    }
    limit("a subject", origin.subject.len(), MAX_SUBJECT_BYTES)?;
    limit("the attributes of a run", origin.attributes.len(), MAX_ATTRIBUTES_BYTES)?;
    let attributes: Value = serde_json::from_str(&origin.attributes)
        .map_err(|_| Error::Invalid("the attributes of a run are not JSON"))?;
    limit("the attributes of a run", depth(&attributes), MAX_DEPTH)
}

pub(crate) fn check_key(key: &str) -> Result<(), Error> {
    check_name("a key", key)
}

pub(crate) fn check_value(value: &Value) -> Result<String, Error> {
    to_text("a shared value", value, MAX_VALUE_BYTES)
}

pub(crate) fn check_name(what: &'static str, name: &str) -> Result<(), Error> {
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

pub(crate) fn limit(what: &'static str, size: usize, limit: usize) -> Result<(), Error> {
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
    /// version must not be taken for a newer release. So no release may change
    /// how the sum is made without raising the shape of the whole store.
    pub(crate) fn open(self, run: RunId, expected: u64) -> Result<Entry, Error> {
        self.check(run, expected)?;
        let damaged = |_| Error::Damaged { run, seq: expected };
        let body = serde_json::from_str(&self.body).map_err(damaged)?;
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

    /// Whether it is the record `expected` as it was written, and this release
    /// may read it.
    pub(crate) fn check(&self, run: RunId, expected: u64) -> Result<(), Error> {
        if self.seq != expected || self.checksum != self.sum(run, &self.at.to_string()) {
            return Err(Error::Damaged { run, seq: expected });
        }
        if self.min_reader > READER {
            return Err(Error::Newer { what: format!("record {expected} of run {run}") });
        }
        Ok(())
    }

    /// Refuses what this store would not have taken from its own caller.
    pub(crate) fn check_limits(&self) -> Result<(), Error> {
        check_name("the kind of a record", &self.kind)?;
        limit("a record", self.body.len(), MAX_RECORD_BYTES)?;
        let body: Value = serde_json::from_str(&self.body)
            .map_err(|_| Error::Invalid("the body of a record is not JSON"))?;
        limit("a record", depth(&body), MAX_DEPTH)
    }

    /// Over every field but the checksum itself.
    pub(crate) fn sum(&self, run: RunId, at: &str) -> Vec<u8> {
        let numbers = format!("{}/{}/{}/{}", self.seq, self.epoch, self.version, self.min_reader);
        checksum([run.to_string().as_str(), &numbers, at, &self.kind, &self.body])
    }
}

/// SHA-256 over parts, each with its length in front, so that no two different
/// lists of parts share one input.
pub(crate) fn checksum<'a>(parts: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sealed(body: Value) -> (RunId, Sealed) {
        let run = RunId::generate();
        let record = NewRecord { kind: "step_finished".into(), body };
        let mut checked = check_records(vec![record]).unwrap();
        let at = Timestamp::from_second(1_700_000_000).unwrap();
        (run, checked.remove(0).seal(run, 7, 2, at).0)
    }

    fn nested(levels: usize) -> Value {
        (0..levels).fold(json!(1), |inner, _| json!([inner]))
    }

    #[test]
    fn a_sealed_record_opens_as_it_was() {
        let (run, record) = sealed(json!({"b": 1, "a": [null, "ü"]}));
        let entry = record.open(run, 7).unwrap();
        assert_eq!(entry.body, json!({"b": 1, "a": [null, "ü"]}));
        assert_eq!((entry.seq, entry.epoch, entry.version), (7, 2, VERSION));
    }

    #[test]
    fn a_change_of_any_field_is_noticed() {
        let (run, good) = sealed(json!({"n": 1}));
        let changes: [fn(&mut Sealed); 7] = [
            |r| r.epoch += 1,
            |r| r.at = Timestamp::UNIX_EPOCH,
            |r| r.kind.push('x'),
            |r| r.version += 1,
            |r| r.min_reader = 0,
            |r| r.body = r#"{"n":2}"#.into(),
            |r| r.checksum.truncate(31),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut bad = good.clone();
            change(&mut bad);
            let opened = bad.open(run, 7);
            let noticed = matches!(opened, Err(Error::Damaged { seq: 7, .. }));
            assert!(noticed, "change {number} went through: {opened:?}");
        }
        let other = good.clone().open(RunId::generate(), 7);
        assert!(matches!(other, Err(Error::Damaged { .. })));
        assert!(matches!(good.open(run, 8), Err(Error::Damaged { seq: 8, .. })));
    }

    /// Moving a letter from one field to the next must change the sum.
    #[test]
    fn fields_do_not_run_into_each_other() {
        let (run, good) = sealed(json!("x"));
        let mut moved = good.clone();
        moved.body = format!("d{}", moved.body);
        assert_eq!(moved.kind.pop(), Some('d'));
        assert!(moved.open(run, 7).is_err());
    }

    /// Trap 24: a newer shape is refused with a sentence, not misread.
    #[test]
    fn a_record_for_newer_readers_is_refused_in_plain_words() {
        let (run, mut record) = sealed(json!({}));
        record.min_reader = READER + 1;
        record.checksum = record.sum(run, &record.at.to_string());
        let error = record.open(run, 7).unwrap_err();
        assert!(matches!(error, Error::Newer { .. }));
        assert!(error.to_string().contains("newer release"), "{error}");
    }

    #[test]
    fn a_record_of_a_newer_form_that_old_readers_may_read_opens() {
        let (run, mut record) = sealed(json!({"added": true}));
        record.version = VERSION + 1;
        record.checksum = record.sum(run, &record.at.to_string());
        assert_eq!(record.open(run, 7).unwrap().version, VERSION + 1);
    }

    /// The parser reads back at most 127 levels; what is stored must be less.
    #[test]
    fn nesting_is_taken_only_as_deep_as_it_can_be_read_back() {
        let (run, record) = sealed(nested(MAX_DEPTH));
        assert_eq!(record.open(run, 7).unwrap().body, nested(MAX_DEPTH));
        let record = NewRecord { kind: "k".into(), body: nested(MAX_DEPTH + 1) };
        assert!(matches!(
            check_records(vec![record]),
            Err(Error::TooLarge { limit: MAX_DEPTH, .. })
        ));
    }
}
