//! Shared values in SQLite: read with a revision, swapped only against it.

use rusqlite::{Connection, OptionalExtension as _, Transaction};

use super::heads::{bytes, text};
use super::runs::{begin, to_sql, to_u64};
use crate::error::Error;
use crate::record::{MAX_VALUES, checksum, limit};
use crate::run::Versioned;
use crate::sqlite::failure::During as _;

fn sum(key: &str, revision: u64, value: &str) -> Vec<u8> {
    checksum([key, &revision.to_string(), value])
}

pub(super) fn get(connection: &Connection, key: &str) -> Result<Option<Versioned>, Error> {
    let found = connection
        .prepare_cached(r#"SELECT revision, value, checksum FROM "values" WHERE key = ?1"#)
        .during("reading a shared value")?
        .query_row([key], |row| Ok((row.get::<_, i64>(0)?, text(row, 1), bytes(row, 2))))
        .optional()
        .during("reading a shared value")?;
    let Some((revision, text, found)) = found else {
        return Ok(None);
    };
    let revision = to_u64(revision);
    let damaged = || Error::DamagedValue { key: key.to_owned(), revision };
    if found != sum(key, revision, &text) {
        return Err(damaged());
    }
    let value = serde_json::from_str(&text).map_err(|_| damaged())?;
    Ok(Some(Versioned { revision, value }))
}

pub(super) fn compare_and_swap(
    connection: &mut Connection,
    key: &str,
    expected: Option<u64>,
    text: &str,
) -> Result<u64, Error> {
    let action = "swapping a shared value";
    let transaction = begin(connection, action)?;
    let revision = expected.map_or(1, |expected| expected.saturating_add(1));
    let sum = sum(key, revision, text);
    let changed = match expected {
        None => {
            let changed = transaction
                .execute(
                    r#"INSERT INTO "values" (key, revision, value, checksum)
                       VALUES (?1, 1, ?2, ?3) ON CONFLICT (key) DO NOTHING"#,
                    (key, text, sum),
                )
                .during(action)?;
            let count: i64 = transaction
                .query_row(r#"SELECT count(*) FROM "values""#, [], |row| row.get(0))
                .during(action)?;
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            limit("the number of shared values", count, MAX_VALUES)?;
            changed
        }
        Some(expected) => transaction
            .execute(
                r#"UPDATE "values" SET revision = ?3, value = ?4, checksum = ?5
                   WHERE key = ?1 AND revision = ?2"#,
                (key, to_sql(expected)?, to_sql(revision)?, text, sum),
            )
            .during(action)?,
    };
    if changed == 0 {
        return Err(Error::Conflict);
    }
    transaction.commit().during(action)?;
    Ok(revision)
}

/// The values of a store, as far as they can be read: key, revision, text.
pub(super) fn readable(connection: &Connection) -> Result<Vec<(String, u64, String)>, Error> {
    let action = "reading the shared values";
    let mut statement =
        connection.prepare(r#"SELECT key, revision, value FROM "values""#).during(action)?;
    let mut rows = statement.query([]).during(action)?;
    let mut values = Vec::new();
    while let Some(row) = rows.next().during(action)? {
        if let (Ok(key), Ok(revision), Ok(value)) = (row.get(0), row.get(1), row.get(2)) {
            values.push((key, to_u64(revision), value));
        }
    }
    Ok(values)
}

/// Gives every value its checksum, for a shape that had none.
pub(super) fn sum_all(transaction: &Transaction<'_>) -> Result<(), Error> {
    let action = "giving the shared values their checksums";
    for (key, revision, value) in readable(transaction)? {
        transaction
            .execute(
                r#"UPDATE "values" SET checksum = ?2 WHERE key = ?1"#,
                (&key, sum(&key, revision, &value)),
            )
            .during(action)?;
    }
    Ok(())
}

/// Puts a value there, whatever stood there.
pub(super) fn put(
    connection: &Connection,
    (key, revision, value): &(String, u64, String),
) -> Result<(), Error> {
    connection
        .execute(
            r#"INSERT OR REPLACE INTO "values" (key, revision, value, checksum)
               VALUES (?1, ?2, ?3, ?4)"#,
            (key, to_sql(*revision)?, value, sum(key, *revision, value)),
        )
        .during("writing a shared value")?;
    Ok(())
}

/// Puts a value into a store that does not have it.
pub(super) fn insert(
    connection: &Connection,
    (key, revision, value): &(String, u64, String),
) -> Result<(), Error> {
    connection
        .execute(
            r#"INSERT OR IGNORE INTO "values" (key, revision, value, checksum)
               VALUES (?1, ?2, ?3, ?4)"#,
            (key, to_sql(*revision)?, value, sum(key, *revision, value)),
        )
        .during("keeping a shared value")?;
    Ok(())
}
