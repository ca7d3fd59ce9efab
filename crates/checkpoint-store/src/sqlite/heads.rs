//! The rows of `runs`: read with their checksums looked at, or, for lists and
//! repairs, as far as they can be read at all.

use jiff::Timestamp;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::Place;
use super::runs::{to_sql, to_u64};
use crate::error::Error;
use crate::head::{Origin, Standing};
use crate::run::{RunHead, RunId};
use crate::sqlite::failure::During as _;
use crate::sqlite::lock::LockFile;

const READING: &str = "looking a run up";
const WRITING: &str = "writing the head of a run";

/// A row as far as it can be read.
pub(super) struct Found {
    pub(super) origin: Origin,
    pub(super) standing: Standing,
    pub(super) origin_is_sound: bool,
    pub(super) standing_is_sound: bool,
    /// Every field could be read, right or wrong.
    pub(super) is_readable: bool,
}

impl Found {
    pub(super) fn is_sound(&self) -> bool {
        self.origin_is_sound && self.standing_is_sound
    }
}

/// The head, which must match its checksums.
pub(super) fn sound(connection: &Connection, run: RunId) -> Result<Found, Error> {
    let found = find(connection, run)?.ok_or(Error::UnknownRun)?;
    if found.is_sound() { Ok(found) } else { Err(Error::Damaged { run, seq: 0 }) }
}

/// How the run stands; cheaper than [`sound`], since attributes may be large.
pub(super) fn standing(connection: &Connection, run: RunId) -> Result<Standing, Error> {
    let mut statement = connection
        .prepare_cached(
            "SELECT epoch, last_seq, finished, updated_at, standing_sum FROM runs WHERE id = ?1",
        )
        .during(READING)?;
    let read = |row: &Row<'_>| Ok((standing_of(row, 0), bytes(row, 4)));
    let found = statement.query_row([run.to_string()], read).optional().during(READING)?;
    let (standing, sum) = found.ok_or(Error::UnknownRun)?;
    match standing {
        Some(standing) if sum == standing.sum(run) => Ok(standing),
        _ => Err(Error::Damaged { run, seq: 0 }),
    }
}

/// Whatever can be read of the run's head.
pub(super) fn find(connection: &Connection, run: RunId) -> Result<Option<Found>, Error> {
    connection
        .prepare_cached(
            "SELECT subject, attributes, created_at, origin_sum,
                    epoch, last_seq, finished, updated_at, standing_sum
             FROM runs WHERE id = ?1",
        )
        .during(READING)?
        .query_row([run.to_string()], |row| Ok(found_in(row, run)))
        .optional()
        .during(READING)
}

/// [`find`] for a file that may be damaged, or of a shape that had no
/// checksums and is believed.
pub(super) fn find_in_any_shape(connection: &Connection, run: RunId) -> Option<Found> {
    if let Ok(found) = find(connection, run) {
        return found;
    }
    let mut statement = connection
        .prepare(
            "SELECT subject, attributes, created_at, x'', epoch, last_seq, finished, updated_at, x''
             FROM runs WHERE id = ?1",
        )
        .ok()?;
    let mut found = statement.query_row([run.to_string()], |row| Ok(found_in(row, run))).ok()?;
    found.standing_is_sound = found.is_readable;
    Some(found)
}

fn found_in(row: &Row<'_>, run: RunId) -> Found {
    let created_at = text(row, 2).parse::<Timestamp>();
    let origin = Origin {
        run,
        subject: text(row, 0),
        attributes: text(row, 1),
        created_at: created_at.as_ref().copied().unwrap_or(Timestamp::UNIX_EPOCH),
    };
    let standing = standing_of(row, 4);
    let is_text = |column| row.get::<_, String>(column).is_ok();
    let origin_is_readable = is_text(0) && is_text(1) && created_at.is_ok();
    Found {
        origin_is_sound: origin_is_readable && bytes(row, 3) == origin.sum(),
        is_readable: origin_is_readable && standing.is_some(),
        standing_is_sound: standing.as_ref().is_some_and(|it| bytes(row, 8) == it.sum(run)),
        standing: standing.unwrap_or_else(|| readable_standing(row, 4)),
        origin,
    }
}

fn standing_of(row: &Row<'_>, first: usize) -> Option<Standing> {
    Some(Standing {
        epoch: row.get(first).ok().map(to_u64)?,
        last_seq: row.get(first + 1).ok().map(to_u64)?,
        finished: row.get(first + 2).ok()?,
        updated_at: row.get::<_, String>(first + 3).ok()?.parse().ok()?,
    })
}

fn readable_standing(row: &Row<'_>, first: usize) -> Standing {
    Standing {
        epoch: row.get(first).map_or(0, to_u64),
        last_seq: row.get(first + 1).map_or(0, to_u64),
        finished: None,
        updated_at: text(row, first + 3).parse().unwrap_or(Timestamp::UNIX_EPOCH),
    }
}

/// The text of a column, whatever is wrong with it.
pub(super) fn text(row: &Row<'_>, column: usize) -> String {
    String::from_utf8_lossy(&bytes(row, column)).into_owned()
}

pub(super) fn bytes(row: &Row<'_>, column: usize) -> Vec<u8> {
    match row.get_ref(column) {
        Ok(ValueRef::Text(bytes) | ValueRef::Blob(bytes)) => bytes.to_vec(),
        Ok(ValueRef::Integer(number)) => number.to_string().into_bytes(),
        _ => Vec::new(),
    }
}

/// Every run whose id can be read, the newest first. A damaged head is shown
/// as it is: reading the run's records says that it is damaged.
pub(super) fn list(connection: &Connection, place: &Place) -> Result<Vec<RunHead>, Error> {
    let action = "listing the runs";
    let mut statement = connection
        .prepare_cached(
            "SELECT subject, attributes, created_at, origin_sum,
                    epoch, last_seq, finished, updated_at, standing_sum, id
             FROM runs ORDER BY place DESC",
        )
        .during(action)?;
    let mut rows = statement.query([]).during(action)?;
    let mut heads = Vec::new();
    while let Some(row) = rows.next().during(action)? {
        let Ok(run) = text(row, 9).parse::<RunId>() else {
            tracing::warn!("a run has no readable id and is left out of the list");
            continue;
        };
        let found = found_in(row, run);
        let holder = LockFile::holder(&place.lock_path(run))?;
        heads.push(RunHead { holder, ..found.origin.shown(&found.standing) });
    }
    Ok(heads)
}

pub(super) fn insert(
    connection: &Connection,
    origin: &Origin,
    standing: &Standing,
) -> Result<(), Error> {
    connection
        .prepare_cached(
            "INSERT INTO runs (id, subject, attributes, created_at, origin_sum,
                               epoch, last_seq, finished, updated_at, standing_sum)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )
        .during(WRITING)?
        .execute((
            origin.run.to_string(),
            &origin.subject,
            &origin.attributes,
            origin.created_at.to_string(),
            origin.sum(),
            to_sql(standing.epoch)?,
            to_sql(standing.last_seq)?,
            &standing.finished,
            standing.updated_at.to_string(),
            standing.sum(origin.run),
        ))
        .during(WRITING)?;
    Ok(())
}

/// Writes how the run stands now. `finished` is named only where it changes:
/// naming it costs a page of the index of unfinished runs.
pub(super) fn stand(
    connection: &Connection,
    run: RunId,
    standing: &Standing,
    finish_changed: bool,
) -> Result<(), Error> {
    let id = run.to_string();
    let sum = standing.sum(run);
    let (epoch, last_seq) = (to_sql(standing.epoch)?, to_sql(standing.last_seq)?);
    let at = standing.updated_at.to_string();
    if finish_changed {
        connection
            .prepare_cached("UPDATE runs SET finished = ?2 WHERE id = ?1")
            .during(WRITING)?
            .execute((&id, &standing.finished))
            .during(WRITING)?;
    }
    connection
        .prepare_cached(
            "UPDATE runs SET epoch = ?2, last_seq = ?3, updated_at = ?4, standing_sum = ?5
             WHERE id = ?1",
        )
        .during(WRITING)?
        .execute((&id, epoch, last_seq, at, sum))
        .during(WRITING)?;
    Ok(())
}

/// Writes the origin anew, as far as it could be read.
pub(super) fn restore_origin(connection: &Connection, origin: &Origin) -> Result<(), Error> {
    connection
        .execute(
            "UPDATE runs SET subject = ?2, attributes = ?3, created_at = ?4, origin_sum = ?5
             WHERE id = ?1",
            (
                origin.run.to_string(),
                &origin.subject,
                &origin.attributes,
                origin.created_at.to_string(),
                origin.sum(),
            ),
        )
        .during(WRITING)?;
    Ok(())
}
