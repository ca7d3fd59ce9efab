//! Runs that leave as text and come from it, and finished runs that go for
//! good.

use rusqlite::Connection;

use super::runs::{begin, each_row, take_lock, write_record};
use super::{Place, heads};
use crate::care::Pruning;
use crate::error::Error;
use crate::export::{self, Parcel};
use crate::record::Sealed;
use crate::run::{Imported, RunId};
use crate::sqlite::failure::During as _;

const EXPORTING: &str = "exporting a run";
const IMPORTING: &str = "importing a run";
const PRUNING: &str = "deleting finished runs";

pub(super) fn export(connection: &mut Connection, run: RunId) -> Result<Vec<u8>, Error> {
    let transaction = connection.transaction().during(EXPORTING)?;
    let head = heads::sound(&transaction, run)?;
    let records = journal(&transaction, run, head.standing.last_seq)?;
    export::write(&head.origin, &head.standing, &records)
}

/// Every record of the run as it rests, checked.
fn journal(connection: &Connection, run: RunId, last: u64) -> Result<Vec<Sealed>, Error> {
    let mut records = Vec::new();
    each_row(connection, run, 0, |sealed| {
        let seq = records.len() as u64 + 1;
        let sealed = sealed.ok_or(Error::Damaged { run, seq })?;
        sealed.check(run, seq)?;
        records.push(sealed);
        Ok(())
    })?;
    match records.len() as u64 {
        good if good < last => Err(Error::Damaged { run, seq: good + 1 }),
        _ => Ok(records),
    }
}

pub(super) fn import(
    connection: &mut Connection,
    place: &Place,
    parcel: &Parcel,
) -> Result<Imported, Error> {
    let run = parcel.origin.run;
    let lock = take_lock(place, run)?;
    let outcome = merge(connection, parcel);
    if outcome.is_err() && matches!(heads::find(connection, run), Ok(None)) {
        lock.discard();
    }
    outcome
}

fn merge(connection: &mut Connection, parcel: &Parcel) -> Result<Imported, Error> {
    let run = parcel.origin.run;
    let transaction = begin(connection, IMPORTING)?;
    let here = match heads::sound(&transaction, run) {
        Ok(head) => Some(head),
        Err(Error::UnknownRun) => None,
        Err(error) => return Err(error),
    };
    let standing = parcel.standing_over(here.as_ref().map(|head| &head.standing));
    let known = match &here {
        None => {
            heads::insert(&transaction, &parcel.origin, &standing)?;
            0
        }
        Some(head) => {
            let records = journal(&transaction, run, head.standing.last_seq)?;
            let sums = records.iter().map(|record| record.checksum.as_slice());
            let known = parcel.known(&head.origin, sums)?;
            heads::stand(
                &transaction,
                run,
                &standing,
                standing.finished != head.standing.finished,
            )?;
            known
        }
    };
    let mut added = 0;
    for record in parcel.records.iter().skip(known) {
        write_record(&transaction, run, record)?;
        added += 1;
    }
    transaction.commit().during(IMPORTING)?;
    let torn = parcel.standing.is_none();
    Ok(Imported { run, added, records: standing.last_seq, torn })
}

/// Each run goes in a transaction of its own, under its own lock, and its lock
/// file goes with it.
pub(super) fn prune(
    connection: &mut Connection,
    place: &Place,
    pruning: &Pruning,
) -> Result<Vec<RunId>, Error> {
    let chosen = pruning.choose(heads::list(connection, place)?.iter());
    let mut gone = Vec::new();
    for run in chosen {
        let lock = match take_lock(place, run) {
            Ok(lock) => lock,
            Err(Error::Held { .. }) => continue,
            Err(error) => return Err(error),
        };
        let transaction = begin(connection, PRUNING)?;
        // Looked at again under the lock; a damaged one stays to be looked at.
        let finished = heads::standing(&transaction, run).is_ok_and(|it| it.finished.is_some());
        if !finished {
            continue;
        }
        let id = run.to_string();
        transaction.execute("DELETE FROM records WHERE run = ?1", [&id]).during(PRUNING)?;
        transaction.execute("DELETE FROM runs WHERE id = ?1", [&id]).during(PRUNING)?;
        transaction.commit().during(PRUNING)?;
        lock.discard();
        gone.push(run);
    }
    Ok(gone)
}
