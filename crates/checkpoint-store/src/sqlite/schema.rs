//! The shape of `state.db` and how a connection to it is opened.
//!
//! The failures this prevents: an older binary writing into a newer shape,
//! and two processes that open a fresh folder at once tripping over each
//! other's switch to the write-ahead log.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use rustix::fs::{Access, access};

use super::{heads, values};
use crate::error::Error;
use crate::sqlite::failure::During as _;

/// The shape that this release writes, kept in `PRAGMA user_version`.
pub(super) const SHAPE: i64 = 2;

/// What shape 1 was. Later shapes are made from it by the steps below, a new
/// file's too, so that there is one way to each shape.
const SHAPE_1: &str = r#"
CREATE TABLE runs (
    place      INTEGER PRIMARY KEY AUTOINCREMENT, -- order of creation; stamps order nothing
    id         TEXT NOT NULL UNIQUE,
    subject    TEXT NOT NULL,
    attributes TEXT NOT NULL,
    epoch      INTEGER NOT NULL,                  -- raised by every acquire
    last_seq   INTEGER NOT NULL,                  -- so that a missing tail is noticed
    finished   TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;
CREATE INDEX unfinished_runs ON runs (subject) WHERE finished IS NULL;
CREATE TABLE records (
    run        TEXT NOT NULL REFERENCES runs (id),
    seq        INTEGER NOT NULL,
    epoch      INTEGER NOT NULL,
    at         TEXT NOT NULL,
    kind       TEXT NOT NULL,
    version    INTEGER NOT NULL,
    min_reader INTEGER NOT NULL,
    body       TEXT NOT NULL,
    checksum   BLOB NOT NULL,
    PRIMARY KEY (run, seq)
) STRICT;
CREATE TABLE "values" (
    key        TEXT PRIMARY KEY NOT NULL,
    revision   INTEGER NOT NULL,
    value      TEXT NOT NULL
) STRICT;
"#;

/// Shape 2: checksums for the heads of runs and for values.
const SHAPE_2: &str = r#"
ALTER TABLE runs ADD COLUMN origin_sum BLOB NOT NULL DEFAULT x'';
ALTER TABLE runs ADD COLUMN standing_sum BLOB NOT NULL DEFAULT x'';
ALTER TABLE "values" ADD COLUMN checksum BLOB NOT NULL DEFAULT x'';
"#;

/// Opens the database and brings it to the present shape.
///
/// The caller holds the folder's opening lock: only one process at a time
/// switches the journal mode or makes the tables.
pub(super) fn connect(path: &Path, busy_timeout: Duration) -> Result<Connection, Error> {
    probe(path)?;
    let mut connection = Connection::open(path).during("opening the state")?;
    connection.busy_timeout(busy_timeout).during("opening the state")?;
    // Looked at first: a newer release's file is left exactly as it is.
    known_shape(&connection)?;
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
        .during("opening the state")?;
    if mode != "wal" {
        // Still durable with synchronous=FULL; only readers have to wait.
        tracing::warn!(%mode, "the state's file system knows no write-ahead log");
    }
    connection.pragma_update(None, "synchronous", "full").during("opening the state")?;
    connection.pragma_update(None, "foreign_keys", true).during("opening the state")?;
    bring_up(&mut connection)?;
    Ok(connection)
}

fn bring_up(connection: &mut Connection) -> Result<(), Error> {
    let action = "bringing the state to its shape";
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).during(action)?;
    let found = known_shape(&transaction)?;
    if found < 1 {
        transaction.execute_batch(SHAPE_1).during(action)?;
    }
    if found < 2 {
        transaction.execute_batch(SHAPE_2).during(action)?;
        sum_heads(&transaction)?;
        values::sum_all(&transaction)?;
    }
    if found < SHAPE {
        transaction.pragma_update(None, "user_version", SHAPE).during(action)?;
    }
    transaction.commit().during(action)
}

/// Gives every head its checksums. What shape 1 says is believed: it had
/// nothing to tell damage by. A head that cannot be read gets none, and is
/// found damaged later.
fn sum_heads(transaction: &Transaction<'_>) -> Result<(), Error> {
    let action = "giving the runs their checksums";
    let ids = transaction
        .prepare("SELECT id FROM runs")
        .during(action)?
        .query_map([], |row| Ok(heads::text(row, 0)))
        .during(action)?
        .collect::<Result<Vec<_>, _>>()
        .during(action)?;
    for run in ids.iter().filter_map(|id| id.parse().ok()) {
        if let Some(found) = heads::find(transaction, run)?.filter(|found| found.is_readable) {
            heads::restore_origin(transaction, &found.origin)?;
            heads::stand(transaction, run, &found.standing, false)?;
        }
    }
    Ok(())
}

/// Asks the operating system first: SQLite's own code for "cannot open" does
/// not tell a denied access from a missing folder. Without opening the file:
/// closing it again would free the locks of every connection this process has.
fn probe(path: &Path) -> Result<(), Error> {
    let action = "opening the state";
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            return Err(Error::io(action, &io::Error::from(io::ErrorKind::IsADirectory)));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io(action, &error)),
    }
    access(path, Access::READ_OK | Access::WRITE_OK).map_err(io::Error::from).during(action)
}

/// The shape of the file; 0 for a new one.
pub(super) fn known_shape(connection: &Connection) -> Result<i64, Error> {
    let shape: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .during("reading the shape of the state")?;
    if shape > SHAPE {
        return Err(Error::Newer { what: format!("the state (shape {shape}, known is {SHAPE})") });
    }
    Ok(shape)
}
