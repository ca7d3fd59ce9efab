//! The shape of `state.db` and how a connection to it is opened.
//!
//! The failures this prevents: an older binary writing into a newer shape,
//! and two processes that open a fresh folder at once tripping over each
//! other's switch to the write-ahead log.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use crate::error::{During as _, Error};

/// The shape that this release writes, kept in `PRAGMA user_version`.
pub(super) const SHAPE: i64 = 1;

const CREATE: &str = r#"
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

/// Opens the database and brings it to the present shape.
///
/// The caller holds the folder's opening lock: only one process at a time
/// switches the journal mode or makes the tables.
pub(super) fn connect(path: &Path, busy_timeout: Duration) -> Result<Connection, Error> {
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
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .during("bringing the state to its shape")?;
    if known_shape(&transaction)? == 0 {
        let action = "making the tables of the state";
        transaction.execute_batch(CREATE).during(action)?;
        transaction.pragma_update(None, "user_version", SHAPE).during(action)?;
    }
    transaction.commit().during("bringing the state to its shape")
}

/// The shape of the file; 0 for a new one.
fn known_shape(connection: &Connection) -> Result<i64, Error> {
    let shape: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .during("reading the shape of the state")?;
    if shape > SHAPE {
        return Err(Error::Newer { what: format!("the state (shape {shape}, known is {SHAPE})") });
    }
    Ok(shape)
}
