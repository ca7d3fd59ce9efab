//! Shared values in SQLite: read with a revision, swapped only against it.

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use super::runs::{to_sql, to_u64};
use crate::error::{During as _, Error};
use crate::run::Versioned;

pub(super) fn get(connection: &Connection, key: &str) -> Result<Option<Versioned>, Error> {
    let found = connection
        .query_row(r#"SELECT revision, value FROM "values" WHERE key = ?1"#, [key], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
        })
        .optional()
        .during("reading a shared value")?;
    let Some((revision, text)) = found else {
        return Ok(None);
    };
    let revision = to_u64(revision);
    let value = serde_json::from_str(&text)
        .map_err(|_| Error::DamagedValue { key: key.to_owned(), revision })?;
    Ok(Some(Versioned { revision, value }))
}

pub(super) fn compare_and_swap(
    connection: &mut Connection,
    key: &str,
    expected: Option<u64>,
    text: &str,
) -> Result<u64, Error> {
    let action = "swapping a shared value";
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).during(action)?;
    let (changed, revision) = match expected {
        None => (
            transaction
                .execute(
                    r#"INSERT INTO "values" (key, revision, value) VALUES (?1, 1, ?2)
                       ON CONFLICT (key) DO NOTHING"#,
                    (key, text),
                )
                .during(action)?,
            1,
        ),
        Some(expected) => (
            transaction
                .execute(
                    r#"UPDATE "values" SET revision = revision + 1, value = ?3
                       WHERE key = ?1 AND revision = ?2"#,
                    (key, to_sql(expected)?, text),
                )
                .during(action)?,
            expected + 1,
        ),
    };
    if changed == 0 {
        return Err(Error::Conflict);
    }
    transaction.commit().during(action)?;
    Ok(revision)
}
