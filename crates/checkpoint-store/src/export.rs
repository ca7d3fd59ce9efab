//! A run as text that stands for itself: a head line, one line a record, an
//! end line. It travels between machines and kinds of stores, so nothing in it
//! refers to anything outside of it.
//!
//! The failure this prevents: a file that broke off is taken for whole, or its
//! torn last line is glued to what is appended next (seen elsewhere, where it
//! cost the whole history). Every line has a checksum of its own; only the end
//! line says that nothing is missing, and what is torn never enters a store.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::Error;
use crate::head::{Origin, Standing};
use crate::record::{MAX_EXPORT_BYTES, Sealed, check_name, check_origin, limit};
use crate::run::RunId;

/// The form that this release writes.
const FORM: u32 = 1;
/// The newest `min_reader` that this release may read.
const READER: u32 = 1;

/// A run as it travels.
#[derive(Clone, Debug)]
pub(crate) struct Parcel {
    pub(crate) origin: Origin,
    pub(crate) records: Vec<Sealed>,
    /// How the run stood; `None` where the text broke off before it.
    pub(crate) standing: Option<Standing>,
}

/// The beginning of the head line, which every form will have.
#[derive(Deserialize)]
struct Form {
    #[serde(rename = "export")]
    _export: u32,
    min_reader: u32,
}

#[derive(Serialize, Deserialize)]
struct HeadLine {
    export: u32,
    min_reader: u32,
    run: RunId,
    subject: String,
    created_at: Timestamp,
    attributes: Box<RawValue>,
    checksum: String,
}

#[derive(Serialize, Deserialize)]
struct RecordLine {
    seq: u64,
    epoch: u64,
    at: Timestamp,
    kind: String,
    version: u32,
    min_reader: u32,
    body: Box<RawValue>,
    checksum: String,
}

#[derive(Serialize, Deserialize)]
struct EndLine {
    /// The number of records, by which this line is told from theirs.
    end: u64,
    epoch: u64,
    finished: Option<String>,
    updated_at: Timestamp,
    checksum: String,
}

/// Writes a run down.
pub(crate) fn write(
    origin: &Origin,
    standing: &Standing,
    records: &[Sealed],
) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    push(
        &mut text,
        &HeadLine {
            export: FORM,
            min_reader: READER,
            run: origin.run,
            subject: origin.subject.clone(),
            created_at: origin.created_at,
            attributes: raw(&origin.attributes)?,
            checksum: hex(&origin.sum()),
        },
    )?;
    for record in records {
        push(
            &mut text,
            &RecordLine {
                seq: record.seq,
                epoch: record.epoch,
                at: record.at,
                kind: record.kind.clone(),
                version: record.version,
                min_reader: record.min_reader,
                body: raw(&record.body)?,
                checksum: hex(&record.checksum),
            },
        )?;
    }
    push(
        &mut text,
        &EndLine {
            end: standing.last_seq,
            epoch: standing.epoch,
            finished: standing.finished.clone(),
            updated_at: standing.updated_at,
            checksum: hex(&standing.sum(origin.run)),
        },
    )?;
    Ok(text)
}

fn push(text: &mut Vec<u8>, line: &impl Serialize) -> Result<(), Error> {
    let unwritten = |_| Error::Invalid("the run cannot be written as JSON");
    serde_json::to_writer(&mut *text, line).map_err(unwritten)?;
    text.push(b'\n');
    limit("the export of a run", text.len(), MAX_EXPORT_BYTES)
}

fn raw(json: &str) -> Result<Box<RawValue>, Error> {
    let raw = RawValue::from_string(json.to_owned());
    raw.map_err(|_| Error::Invalid("the run cannot be written as JSON"))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads an export. What does not fit is damage, unless it is the very last
/// line: that one is torn, and left out.
pub(crate) fn read(text: &[u8]) -> Result<Parcel, Error> {
    limit("the export of a run", text.len(), MAX_EXPORT_BYTES)?;
    let mut lines = text.split_inclusive(|byte| *byte == b'\n').zip(1u64..).peekable();
    let (head, _) = lines.next().ok_or(Error::DamagedExport { line: 1 })?;
    let mut parcel = Parcel { origin: read_head(head)?, records: Vec::new(), standing: None };
    while let Some((line, number)) = lines.next() {
        let is_last = lines.peek().is_none();
        if line.starts_with(b"{\"end\":") {
            match read_end(line, &parcel) {
                Some(standing) if is_last => parcel.standing = Some(standing),
                // Whole, but of something else: lines before it are missing.
                None if is_last && !line.ends_with(b"\n") => {}
                _ => return Err(Error::DamagedExport { line: number }),
            }
        } else {
            match read_record(line, &parcel) {
                Ok(record) => parcel.records.push(record),
                Err(Error::Damaged { .. }) if is_last => {}
                Err(Error::Damaged { .. }) => return Err(Error::DamagedExport { line: number }),
                Err(error) => return Err(error),
            }
        }
    }
    Ok(parcel)
}

fn read_head(line: &[u8]) -> Result<Origin, Error> {
    let damaged = || Error::DamagedExport { line: 1 };
    let form: Form = serde_json::from_slice(line).map_err(|_| damaged())?;
    if form.min_reader > READER {
        return Err(Error::Newer { what: "the export".to_owned() });
    }
    let head: HeadLine = serde_json::from_slice(line).map_err(|_| damaged())?;
    let origin = Origin {
        run: head.run,
        subject: head.subject,
        attributes: head.attributes.get().to_owned(),
        created_at: head.created_at,
    };
    if hex(&origin.sum()) != head.checksum {
        return Err(damaged());
    }
    check_origin(&origin)?;
    Ok(origin)
}

/// Any [`Error::Damaged`] means that the line is not the next record.
fn read_record(line: &[u8], parcel: &Parcel) -> Result<Sealed, Error> {
    let run = parcel.origin.run;
    let seq = parcel.records.len() as u64 + 1;
    let record: RecordLine =
        serde_json::from_slice(line).map_err(|_| Error::Damaged { run, seq })?;
    let mut sealed = Sealed {
        seq: record.seq,
        epoch: record.epoch,
        at: record.at,
        kind: record.kind,
        version: record.version,
        min_reader: record.min_reader,
        body: record.body.get().to_owned(),
        checksum: Vec::new(),
    };
    sealed.checksum = sealed.sum(run, &sealed.at.to_string());
    if hex(&sealed.checksum) != record.checksum {
        return Err(Error::Damaged { run, seq });
    }
    sealed.check(run, seq)?;
    sealed.check_limits()?;
    Ok(sealed)
}

fn read_end(line: &[u8], parcel: &Parcel) -> Option<Standing> {
    let end: EndLine = serde_json::from_slice(line).ok()?;
    let standing = Standing {
        epoch: end.epoch,
        last_seq: end.end,
        finished: end.finished,
        updated_at: end.updated_at,
    };
    let named = standing.finished.as_deref().is_none_or(|it| check_name("a status", it).is_ok());
    let whole = named
        && standing.last_seq == parcel.records.len() as u64
        && hex(&standing.sum(parcel.origin.run)) == end.checksum;
    whole.then_some(standing)
}

impl Parcel {
    /// How many of the records are in a store that has `origin` and records
    /// with these checksums already.
    pub(crate) fn known<'a>(
        &self,
        origin: &Origin,
        sums: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<usize, Error> {
        let run = self.origin.run;
        if self.origin != *origin {
            return Err(Error::Diverged { run, seq: 0 });
        }
        let mut known = 0;
        for (record, sum) in self.records.iter().zip(sums) {
            if record.checksum != sum {
                return Err(Error::Diverged { run, seq: record.seq });
            }
            known += 1;
        }
        Ok(known)
    }

    /// How the run stands with the parcel in it. `here` is how it stood.
    pub(crate) fn standing_over(&self, here: Option<&Standing>) -> Standing {
        let last = self.records.last();
        let there = self.standing.clone().unwrap_or_else(|| Standing {
            epoch: last.map_or(1, |record| record.epoch),
            last_seq: self.records.len() as u64,
            finished: None,
            updated_at: last.map_or(self.origin.created_at, |record| record.at),
        });
        let Some(here) = here else { return there };
        let epoch = here.epoch.max(there.epoch);
        let newer = match there.last_seq.cmp(&here.last_seq) {
            Ordering::Less => false,
            Ordering::Greater => true,
            // Who leased it later knows better; else, that it is finished is
            // what one of the two has not heard yet.
            Ordering::Equal => {
                let heard = here.finished.is_none() && there.finished.is_some();
                self.standing.is_some()
                    && (there.epoch > here.epoch || there.epoch == here.epoch && heard)
            }
        };
        Standing { epoch, ..if newer { there } else { here.clone() } }
    }
}
