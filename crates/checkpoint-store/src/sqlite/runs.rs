//! Runs and journals in SQLite. Every write is one IMMEDIATE transaction that
//! first checks who may write, then writes; its commit is synced to the disk.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, TransactionBehavior};

use super::{Place, heads};
use crate::error::Error;
use crate::head::{Origin, Standing};
use crate::lease::Lease;
use crate::record::{CheckedBatch, CheckedRecord, Sealed};
use crate::run::{Entry, NewRun, RunId};
use crate::sqlite::failure::During as _;
use crate::sqlite::lock::{LockFile, Taken};

const CREATING: &str = "creating a run";
const COMMITTING: &str = "writing records";
const READING: &str = "reading records";

pub(super) fn begin<'a>(
    connection: &'a mut Connection,
    action: &'static str,
) -> Result<Transaction<'a>, Error> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate).during(action)
}

pub(super) fn take_lock(place: &Place, run: RunId) -> Result<LockFile, Error> {
    match LockFile::take(&place.lock_path(run), &place.holder())? {
        Taken::Ours(lock) => Ok(lock),
        Taken::Theirs(holder) => Err(Error::Held { holder }),
    }
}

/// Creates a run. Its own lock is taken before the transaction begins: from
/// the moment the run can be seen, it is seen as held.
pub(super) fn create(
    connection: &mut Connection,
    place: &Place,
    new: &NewRun,
    attributes: &str,
    first: Vec<CheckedRecord>,
) -> Result<Lease, Error> {
    let lock = take_lock(place, new.id)?;
    match insert(connection, place, new, attributes, first) {
        Ok(()) => Ok(Lease::new(new.id, 1, lock)),
        Err(error @ Error::Exists { .. }) => Err(error),
        Err(error) => {
            lock.discard();
            Err(error)
        }
    }
}

fn insert(
    connection: &mut Connection,
    place: &Place,
    new: &NewRun,
    attributes: &str,
    first: Vec<CheckedRecord>,
) -> Result<(), Error> {
    let now = place.settings.clock.now();
    let transaction = begin(connection, CREATING)?;
    if find_epoch(&transaction, new.id)?.is_some() {
        return Err(Error::Exists { run: new.id });
    }
    refuse_second_run(&transaction, place, new)?;
    let origin = Origin {
        run: new.id,
        subject: new.subject.clone(),
        attributes: attributes.to_owned(),
        created_at: now,
    };
    let mut standing = Standing { epoch: 1, last_seq: 0, finished: None, updated_at: now };
    heads::insert(&transaction, &origin, &standing)?;
    append(&transaction, new.id, &mut standing, first, now)?;
    heads::stand(&transaction, new.id, &standing, false)?;
    transaction.commit().during(CREATING)
}

/// A subject has one living run at most; an abandoned one stands in the way
/// unless a fresh one is wished for.
fn refuse_second_run(
    transaction: &Transaction<'_>,
    place: &Place,
    new: &NewRun,
) -> Result<(), Error> {
    let mut statement = transaction
        .prepare("SELECT id FROM runs WHERE subject = ?1 AND finished IS NULL ORDER BY place DESC")
        .during(CREATING)?;
    // One whose id is damaged cannot be taken up, and stands in nobody's way.
    let unfinished = statement
        .query_map([&new.subject], |row| Ok(heads::text(row, 0).parse::<RunId>().ok()))
        .during(CREATING)?
        .filter_map(Result::transpose)
        .collect::<Result<Vec<_>, _>>()
        .during(CREATING)?;
    for run in &unfinished {
        if let Some(holder) = LockFile::holder(&place.lock_path(*run))? {
            return Err(Error::Held { holder });
        }
    }
    match unfinished.first() {
        Some(run) if !new.fresh => Err(Error::Unfinished { run: *run }),
        _ => Ok(()),
    }
}

pub(super) fn acquire(
    connection: &mut Connection,
    place: &Place,
    run: RunId,
) -> Result<Lease, Error> {
    const ACQUIRING: &str = "acquiring a run";
    // Asked before the lock is taken: an unknown run leaves no lock file.
    epoch(connection, run)?;
    let lock = take_lock(place, run)?;
    let transaction = begin(connection, ACQUIRING)?;
    let mut standing = heads::sound(&transaction, run)?.standing;
    standing.epoch += 1;
    heads::stand(&transaction, run, &standing, false)?;
    transaction.commit().during(ACQUIRING)?;
    Ok(Lease::new(run, standing.epoch, lock))
}

pub(super) fn commit(
    connection: &mut Connection,
    run: RunId,
    epoch: u64,
    batch: CheckedBatch,
    now: Timestamp,
) -> Result<Vec<Entry>, Error> {
    let transaction = begin(connection, COMMITTING)?;
    let mut standing = heads::standing(&transaction, run)?;
    if standing.epoch != epoch {
        return Err(Error::LeaseLost);
    }
    let entries = append(&transaction, run, &mut standing, batch.records, now)?;
    let before = standing.finished.clone();
    if batch.reopen {
        standing.finished = None;
    }
    if batch.finish.is_some() {
        standing.finished = batch.finish;
    }
    heads::stand(&transaction, run, &standing, standing.finished != before)?;
    transaction.commit().during(COMMITTING)?;
    Ok(entries)
}

/// Adds the records and says in `standing` that they are there.
pub(super) fn append(
    transaction: &Transaction<'_>,
    run: RunId,
    standing: &mut Standing,
    records: Vec<CheckedRecord>,
    now: Timestamp,
) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::with_capacity(records.len());
    for record in records {
        standing.last_seq += 1;
        let (sealed, entry) = record.seal(run, standing.last_seq, standing.epoch, now);
        write_record(transaction, run, &sealed)?;
        entries.push(entry);
    }
    standing.updated_at = now;
    Ok(entries)
}

pub(super) fn write_record(
    connection: &Connection,
    run: RunId,
    sealed: &Sealed,
) -> Result<(), Error> {
    connection
        .prepare_cached(
            "INSERT INTO records (run, seq, epoch, at, kind, version, min_reader, body, checksum)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )
        .during(COMMITTING)?
        .execute((
            run.to_string(),
            to_sql(sealed.seq)?,
            to_sql(sealed.epoch)?,
            sealed.at.to_string(),
            &sealed.kind,
            sealed.version,
            sealed.min_reader,
            &sealed.body,
            &sealed.checksum,
        ))
        .during(COMMITTING)?;
    Ok(())
}

/// Reads in one transaction, so that a commit in between is seen whole or not
/// at all.
pub(super) fn records(
    connection: &mut Connection,
    run: RunId,
    after: u64,
) -> Result<Vec<Entry>, Error> {
    let transaction = connection.transaction().during(READING)?;
    let last = heads::sound(&transaction, run)?.standing.last_seq;
    let mut entries = Vec::new();
    let mut expected = after;
    each_row(&transaction, run, after, |sealed| {
        expected += 1;
        // A field of a wrong type is damage of this record, not of the store.
        let sealed = sealed.ok_or(Error::Damaged { run, seq: expected })?;
        entries.push(sealed.open(run, expected)?);
        Ok(())
    })?;
    if expected < last {
        return Err(Error::Damaged { run, seq: expected + 1 });
    }
    Ok(entries)
}

/// Gives the rows of a run in order, each as far as it can be read; for
/// `after` 0 also those whose number is none.
pub(super) fn each_row(
    connection: &Connection,
    run: RunId,
    after: u64,
    mut each: impl FnMut(Option<Sealed>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut statement = connection
        .prepare_cached(
            "SELECT seq, epoch, at, kind, version, min_reader, body, checksum FROM records
             WHERE run = ?1 AND seq > ?2 ORDER BY seq",
        )
        .during(READING)?;
    let above = if after == 0 { i64::MIN } else { to_sql(after)? };
    let mut rows = statement.query((run.to_string(), above)).during(READING)?;
    while let Some(row) = rows.next().during(READING)? {
        each(sealed(row).ok())?;
    }
    Ok(())
}

pub(super) fn sealed(row: &Row<'_>) -> Result<Sealed, rusqlite::Error> {
    Ok(Sealed {
        seq: to_u64(row.get(0)?),
        epoch: to_u64(row.get(1)?),
        at: parse(row, 2)?,
        kind: row.get(3)?,
        version: row.get(4)?,
        min_reader: row.get(5)?,
        body: row.get(6)?,
        checksum: row.get(7)?,
    })
}

/// The epoch of the run's last lease.
pub(super) fn epoch(connection: &Connection, run: RunId) -> Result<u64, Error> {
    find_epoch(connection, run)?.ok_or(Error::UnknownRun)
}

fn find_epoch(connection: &Connection, run: RunId) -> Result<Option<u64>, Error> {
    connection
        .query_row("SELECT epoch FROM runs WHERE id = ?1", [run.to_string()], |row| row.get(0))
        .optional()
        .map(|number| number.map(to_u64))
        .during("looking a run up")
}

fn parse<T: std::str::FromStr>(row: &Row<'_>, column: usize) -> Result<T, rusqlite::Error>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    row.get::<_, String>(column)?.parse().map_err(|error| {
        let text = rusqlite::types::Type::Text;
        rusqlite::Error::FromSqlConversionFailure(column, text, Box::new(error))
    })
}

/// SQLite's numbers have a sign. Ours never reach it; a negative one is damage
/// and becomes a number that fits nowhere.
pub(super) fn to_u64(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

pub(super) fn to_sql(number: u64) -> Result<i64, Error> {
    i64::try_from(number).map_err(|_| Error::Invalid("the number is too large"))
}
