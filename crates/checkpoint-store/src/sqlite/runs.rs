//! Runs and journals in SQLite. Every write is one IMMEDIATE transaction that
//! first checks who may write, then writes; its commit is synced to the disk.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, TransactionBehavior};

use super::Place;
use crate::error::{During as _, Error};
use crate::lease::Lease;
use crate::lock::{LockFile, Taken};
use crate::record::{CheckedBatch, CheckedRecord, Sealed};
use crate::run::{Entry, NewRun, RunHead, RunId};

const CREATING: &str = "creating a run";
const COMMITTING: &str = "writing records";
const READING: &str = "reading records";

/// Creates a run. Its own lock is taken before the transaction begins: from
/// the moment the run can be seen, it is seen as held.
pub(super) fn create(
    connection: &mut Connection,
    place: &Place,
    new: &NewRun,
    attributes: &str,
    first: Vec<CheckedRecord>,
) -> Result<Lease, Error> {
    let lock = match LockFile::take(&place.lock_path(new.id), &place.holder())? {
        Taken::Ours(lock) => lock,
        Taken::Theirs(holder) => return Err(Error::Held { holder }),
    };
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
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).during(CREATING)?;
    if find_epoch(&transaction, new.id)?.is_some() {
        return Err(Error::Exists { run: new.id });
    }
    refuse_second_run(&transaction, place, new)?;
    transaction
        .execute(
            "INSERT INTO runs (id, subject, attributes, epoch, last_seq, created_at, updated_at)
             VALUES (?1, ?2, ?3, 1, 0, ?4, ?4)",
            (new.id.to_string(), &new.subject, attributes, now.to_string()),
        )
        .during(CREATING)?;
    append(&transaction, new.id, 1, first, now)?;
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
    let unfinished = statement
        .query_map([&new.subject], |row| parse::<RunId>(row, 0))
        .during(CREATING)?
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
    // Asked before the lock is taken: an unknown run leaves no lock file.
    epoch(connection, run)?;
    let lock = match LockFile::take(&place.lock_path(run), &place.holder())? {
        Taken::Ours(lock) => lock,
        Taken::Theirs(holder) => return Err(Error::Held { holder }),
    };
    let epoch: i64 = connection
        .query_row(
            "UPDATE runs SET epoch = epoch + 1 WHERE id = ?1 RETURNING epoch",
            [run.to_string()],
            |row| row.get(0),
        )
        .during("acquiring a run")?;
    Ok(Lease::new(run, to_u64(epoch), lock))
}

pub(super) fn commit(
    connection: &mut Connection,
    run: RunId,
    epoch: u64,
    batch: CheckedBatch,
    now: Timestamp,
) -> Result<Vec<Entry>, Error> {
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).during(COMMITTING)?;
    if find_epoch(&transaction, run)?.ok_or(Error::UnknownRun)? != epoch {
        return Err(Error::LeaseLost);
    }
    let entries = append(&transaction, run, epoch, batch.records, now)?;
    if batch.reopen {
        set_finished(&transaction, run, None)?;
    }
    if let Some(status) = &batch.finish {
        set_finished(&transaction, run, Some(status))?;
    }
    transaction.commit().during(COMMITTING)?;
    Ok(entries)
}

fn set_finished(
    transaction: &Transaction<'_>,
    run: RunId,
    status: Option<&str>,
) -> Result<(), Error> {
    transaction
        .execute("UPDATE runs SET finished = ?2 WHERE id = ?1", (run.to_string(), status))
        .during(COMMITTING)?;
    Ok(())
}

fn append(
    transaction: &Transaction<'_>,
    run: RunId,
    epoch: u64,
    records: Vec<CheckedRecord>,
    now: Timestamp,
) -> Result<Vec<Entry>, Error> {
    let id = run.to_string();
    let mut seq = last_seq(transaction, run)?.ok_or(Error::UnknownRun)?;
    let mut statement = transaction
        .prepare_cached(
            "INSERT INTO records (run, seq, epoch, at, kind, version, min_reader, body, checksum)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )
        .during(COMMITTING)?;
    let mut entries = Vec::with_capacity(records.len());
    for record in records {
        seq += 1;
        let (sealed, entry) = record.seal(run, seq, epoch, now);
        statement
            .execute((
                &id,
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
        entries.push(entry);
    }
    transaction
        .execute(
            "UPDATE runs SET last_seq = ?2, updated_at = ?3 WHERE id = ?1",
            (&id, to_sql(seq)?, now.to_string()),
        )
        .during(COMMITTING)?;
    Ok(entries)
}

/// Reads in one transaction, so that a commit in between is seen whole or not
/// at all.
pub(super) fn records(
    connection: &mut Connection,
    run: RunId,
    after: u64,
) -> Result<Vec<Entry>, Error> {
    let transaction = connection.transaction().during(READING)?;
    let last = last_seq(&transaction, run)?.ok_or(Error::UnknownRun)?;
    let mut statement = transaction
        .prepare_cached(
            "SELECT seq, epoch, at, kind, version, min_reader, body, checksum FROM records
             WHERE run = ?1 AND seq > ?2 ORDER BY seq",
        )
        .during(READING)?;
    let mut rows = statement.query((run.to_string(), to_sql(after)?)).during(READING)?;
    let mut entries = Vec::new();
    let mut expected = after;
    while let Some(row) = rows.next().during(READING)? {
        expected += 1;
        // A field of a wrong type is damage of this record, not of the store.
        let sealed = sealed(row).map_err(|_| Error::Damaged { run, seq: expected })?;
        entries.push(sealed.open(run, expected)?);
    }
    if expected < last {
        return Err(Error::Damaged { run, seq: expected + 1 });
    }
    Ok(entries)
}

fn sealed(row: &Row<'_>) -> Result<Sealed, rusqlite::Error> {
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

pub(super) fn heads(connection: &Connection, place: &Place) -> Result<Vec<RunHead>, Error> {
    let action = "listing the runs";
    let mut statement = connection
        .prepare_cached(
            "SELECT id, subject, attributes, created_at, finished, updated_at FROM runs
             ORDER BY place DESC",
        )
        .during(action)?;
    let mut heads = statement
        .query_map([], head)
        .during(action)?
        .collect::<Result<Vec<_>, _>>()
        .during(action)?;
    for head in &mut heads {
        head.holder = LockFile::holder(&place.lock_path(head.id))?;
    }
    Ok(heads)
}

fn head(row: &Row<'_>) -> Result<RunHead, rusqlite::Error> {
    Ok(RunHead {
        id: parse(row, 0)?,
        subject: row.get(1)?,
        attributes: row
            .get::<_, String>(2)
            .and_then(|text| serde_json::from_str(&text).map_err(|error| bad_text(2, error)))?,
        created_at: parse(row, 3)?,
        finished: row.get(4)?,
        updated_at: parse(row, 5)?,
        holder: None,
    })
}

/// The epoch of the run's last lease.
pub(super) fn epoch(connection: &Connection, run: RunId) -> Result<u64, Error> {
    find_epoch(connection, run)?.ok_or(Error::UnknownRun)
}

fn find_epoch(connection: &Connection, run: RunId) -> Result<Option<u64>, Error> {
    number_of(connection, run, "SELECT epoch FROM runs WHERE id = ?1")
}

fn last_seq(connection: &Connection, run: RunId) -> Result<Option<u64>, Error> {
    number_of(connection, run, "SELECT last_seq FROM runs WHERE id = ?1")
}

fn number_of(connection: &Connection, run: RunId, sql: &str) -> Result<Option<u64>, Error> {
    connection
        .query_row(sql, [run.to_string()], |row| row.get(0))
        .optional()
        .map(|number| number.map(to_u64))
        .during("looking a run up")
}

fn parse<T: std::str::FromStr>(row: &Row<'_>, column: usize) -> Result<T, rusqlite::Error>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    row.get::<_, String>(column)?.parse().map_err(|error| bad_text(column, error))
}

fn bad_text(
    column: usize,
    error: impl std::error::Error + Send + Sync + 'static,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
}

/// SQLite's numbers have a sign. Ours never reach it; a negative one is damage
/// and becomes a number that fits nowhere.
pub(super) fn to_u64(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

pub(super) fn to_sql(number: u64) -> Result<i64, Error> {
    i64::try_from(number).map_err(|_| Error::Invalid("the number is too large"))
}
