//! Looking at a run row by row, and cutting a damaged one back to its last
//! good record.

use rusqlite::Connection;

use super::aside::Aside;
use super::runs::{append, begin, each_row, take_lock, to_sql};
use super::{Place, heads};
use crate::care::{Checkup, Flaw, Note, Repaired, look};
use crate::error::Error;
use crate::head::Standing;
use crate::record::{CheckedBatch, Sealed, check_origin};
use crate::run::RunId;
use crate::sqlite::failure::During as _;
use crate::sqlite::lock::LockFile;

const CHECKING: &str = "looking at a run";
const REPAIRING: &str = "repairing a run";

pub(super) fn check(
    connection: &mut Connection,
    place: &Place,
    run: RunId,
) -> Result<Checkup, Error> {
    let transaction = connection.transaction().during(CHECKING)?;
    let seen = see(&transaction, run)?;
    let holder = LockFile::holder(&place.lock_path(run))?;
    let head = (!seen.head.is_sound()).then_some(Flaw::Head);
    Ok(Checkup { run, good: seen.good, flaws: head.into_iter().chain(seen.flaw).collect(), holder })
}

struct Seen {
    head: heads::Found,
    good: u64,
    flaw: Option<Flaw>,
    rows: Vec<Option<Sealed>>,
}

fn see(connection: &Connection, run: RunId) -> Result<Seen, Error> {
    let head = heads::find(connection, run)?.ok_or(Error::UnknownRun)?;
    let mut rows = Vec::new();
    each_row(connection, run, 0, |row| {
        rows.push(row);
        Ok(())
    })?;
    let last = head.standing_is_sound.then_some(head.standing.last_seq);
    let (good, flaw) = look(run, rows.iter().map(Option::as_ref), last);
    Ok(Seen { head, good, flaw, rows })
}

pub(super) fn repair(
    connection: &mut Connection,
    place: &Place,
    run: RunId,
    note: Option<Note>,
) -> Result<Option<Repaired>, Error> {
    heads::find(connection, run)?.ok_or(Error::UnknownRun)?;
    let _lock = take_lock(place, run)?;
    let transaction = begin(connection, REPAIRING)?;
    let Seen { head, good, flaw, rows } = see(&transaction, run)?;
    match flaw {
        Some(Flaw::Newer { seq }) => {
            return Err(Error::Newer { what: format!("record {seq} of run {run}") });
        }
        None if head.is_sound() => return Ok(None),
        _ => {}
    }
    let set_aside = Aside::new(&place.dir)?.write_run(&transaction, run, &head)?;
    let cut = transaction
        .execute(
            "DELETE FROM records WHERE run = ?1 AND (seq > ?2 OR seq < 1)",
            (run.to_string(), to_sql(good)?),
        )
        .during(REPAIRING)?;
    if !head.origin_is_sound {
        heads::restore_origin(&transaction, &readable(head.origin.clone()))?;
    }
    let now = place.settings.clock.now();
    let epoch = next_epoch(&head, &rows);
    let mut standing = Standing { epoch, last_seq: good, finished: None, updated_at: now };
    let claimed = if head.standing_is_sound { head.standing.last_seq } else { 0 };
    let lost = claimed.saturating_sub(good).max(cut as u64);
    let repaired = Repaired { run, cut_after: good, lost, head: !head.is_sound(), set_aside };
    if let Some(note) = note {
        let batch = CheckedBatch::new(note(&repaired)?)?;
        append(&transaction, run, &mut standing, batch.records, now)?;
        standing.finished = batch.finish;
    }
    heads::stand(&transaction, run, &standing, true)?;
    transaction.commit().during(REPAIRING)?;
    Ok(Some(repaired))
}

/// Greater than every epoch that any lease of the run can have, where that can
/// be known: what an unsound head says counts only where it is near to what
/// the records say.
fn next_epoch(head: &heads::Found, rows: &[Option<Sealed>]) -> u64 {
    const NEAR: u64 = 1 << 20;
    let written = rows.iter().flatten().map(|row| row.epoch).filter(|epoch| *epoch < NEAR).max();
    let written = written.unwrap_or(0);
    let said = head.standing.epoch;
    let trusted = head.standing_is_sound || said.saturating_sub(written) < NEAR;
    1 + if trusted { said.max(written) } else { written }
}

/// An origin that the store would take: what could not be read is left empty.
fn readable(mut origin: crate::head::Origin) -> crate::head::Origin {
    if origin.subject.is_empty() {
        origin.subject = "unknown".to_owned();
    }
    if check_origin(&origin).is_err() {
        origin.attributes = "{}".to_owned();
    }
    if check_origin(&origin).is_err() {
        origin.subject = "unknown".to_owned();
    }
    origin
}
