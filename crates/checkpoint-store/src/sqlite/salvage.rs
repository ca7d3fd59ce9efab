//! A state file that is no sound database: it is set aside whole, and what can
//! be read of it goes into a new one.
//!
//! The failure this prevents: one bad page takes every run with it, or a
//! person deletes a file whose other runs were fine.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use serde_json::Value;

use super::aside::Aside;
use super::replace::{self, beside, remove};
use super::runs::{begin, each_row, sealed, write_record};
use super::{Place, heads, schema, values};
use crate::care::look;
use crate::error::{Error, StorageClass};
use crate::head::{Origin, Standing};
use crate::record::{Sealed, check_origin, check_value};
use crate::run::RunId;
use crate::sqlite::failure::During as _;
use crate::sqlite::lock::LockFile;

const READING: &str = "reading what is left of the state";
const WRITING: &str = "writing what is left of the state";
/// A page of the database, as every release made it.
const PAGE: usize = 4096;

/// What was kept of a state file that was set aside, or of one that was gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Salvaged {
    /// Each run that could be kept, in the order of creation, with its number
    /// of records.
    pub runs: Vec<(RunId, u64)>,
    /// Runs known by their lock files of which nothing could be kept.
    pub lost: Vec<RunId>,
    /// Where the old file lies, or its log where that was left alone: a name
    /// within the store's folder. `None` if there was nothing to set aside.
    pub set_aside: Option<String>,
}

/// A shared value that tells of what was salvaged: its key, and what it is now,
/// from what was salvaged and what it was. It becomes durable with the new file.
pub struct Telling {
    /// The key of the value.
    pub key: &'static str,
    /// Makes the value.
    pub value: MakeValue,
}

/// What was salvaged, and what the value was before, give what it is now.
pub type MakeValue = Box<dyn FnOnce(&Salvaged, Option<Value>) -> Value + Send>;

/// Says what is wrong with the file itself, a line each.
pub(super) fn flaws(connection: &Connection) -> Result<Vec<String>, Error> {
    let action = "looking at the state file";
    let asked = |sql: &str| {
        connection
            .prepare(sql)?
            .query_map([], |row| Ok(heads::text(row, 0)))?
            .collect::<Result<Vec<_>, _>>()
    };
    let mut lines = match asked("PRAGMA integrity_check(20)").during(action) {
        Err(error @ Error::Storage { class: StorageClass::Corrupt, .. }) => {
            return Ok(vec![error.to_string()]);
        }
        answer => answer?,
    };
    lines.retain(|line| line != "ok");
    let ids = asked("SELECT id FROM runs").during(action)?;
    let unreadable = ids.iter().filter(|id| id.parse::<RunId>().is_err()).count();
    if unreadable > 0 {
        lines.push(format!("{unreadable} runs without a readable id"));
    }
    let sql = "SELECT DISTINCT run FROM records WHERE run NOT IN (SELECT id FROM runs)";
    let homeless = asked(sql).during(action)?.len();
    if homeless > 0 {
        lines.push(format!("records of {homeless} runs that have no head"));
    }
    Ok(lines)
}

pub(super) fn salvage(place: &Place, telling: Option<Telling>) -> Result<Salvaged, Error> {
    let _alone = place.open_alone()?;
    replace::settle(place)?;
    let names = lock_names(&place.locks)?;
    for run in &names {
        if let Some(holder) = LockFile::holder(&place.lock_path(*run))? {
            return Err(Error::Held { holder });
        }
    }
    let new = beside(&place.database(), ".new");
    for path in [new.clone(), beside(&new, "-wal"), beside(&new, "-shm")] {
        remove(&path)?;
    }
    let mut fresh = schema::connect(&new, place.settings.busy_timeout)?;
    let runs = with_source(place, |source| carry_over(source, &mut fresh))?.unwrap_or_default();
    let aside = Aside::new(&place.dir)?;
    let kept: BTreeSet<RunId> = runs.iter().map(|(run, _)| *run).collect();
    let lost = names.into_iter().filter(|run| !kept.contains(run)).collect();
    let salvaged = Salvaged { runs, lost, set_aside: replace::set_aside(place, &aside)? };
    if let Some(telling) = telling {
        tell(&fresh, telling, &salvaged)?;
    }
    fresh
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .and_then(|()| fresh.close().map_err(|(_, error)| error))
        .during(WRITING)?;
    replace::put(place, &new, &aside)?;
    Ok(salvaged)
}

fn tell(fresh: &Connection, telling: Telling, salvaged: &Salvaged) -> Result<(), Error> {
    let before = values::get(fresh, telling.key)?;
    let revision = before.as_ref().map_or(0, |found| found.revision) + 1;
    let value = (telling.value)(salvaged, before.map(|found| found.value));
    values::put(fresh, &(telling.key.to_owned(), revision, check_value(&value)?))
}

/// Looks at what there is to be read: the file, or, where that is gone or empty, its log alone,
/// which the database takes only beside a file that has a page.
fn with_source<T>(
    place: &Place,
    look: impl FnOnce(&Path) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    let old = place.database();
    let log = beside(&old, "-wal");
    if fs::metadata(&old).is_ok_and(|found| found.is_file() && found.len() > 0) {
        return look(&old).map(Some);
    }
    if !log.is_file() {
        return Ok(None);
    }
    let blank = beside(&old, ".blank");
    let clear =
        || ["", "-wal", "-shm"].into_iter().try_for_each(|end| remove(&beside(&blank, end)));
    clear()?;
    fs::write(&blank, [0; PAGE]).during(READING)?;
    fs::hard_link(&log, beside(&blank, "-wal")).during(READING)?;
    let found = look(&blank);
    clear()?;
    found.map(Some)
}

/// The runs that have a lock file, and so were here once.
pub(super) fn lock_names(locks: &Path) -> Result<Vec<RunId>, Error> {
    let mut runs = Vec::new();
    for entry in fs::read_dir(locks).during("looking at the lock files")? {
        let path = entry.during("looking at the lock files")?.path();
        let name = path.file_stem().and_then(|name| name.to_str());
        runs.extend(name.and_then(|name| name.parse::<RunId>().ok()));
    }
    runs.sort();
    Ok(runs)
}

/// Nothing that the old file answers is an error here, but that a newer
/// release wrote it.
fn carry_over(old: &Path, fresh: &mut Connection) -> Result<Vec<(RunId, u64)>, Error> {
    let Ok(old) = Connection::open(old) else { return Ok(Vec::new()) };
    // The old file is evidence: closing it must not write its log into it.
    old.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).during(READING)?;
    if let Err(error @ Error::Newer { .. }) = schema::known_shape(&old) {
        return Err(error);
    }
    let mut kept = Vec::new();
    for run in ids(&old) {
        let Some((origin, standing, records)) = readable(&old, run) else { continue };
        let transaction = begin(fresh, WRITING)?;
        heads::insert(&transaction, &origin, &standing)?;
        for record in &records {
            write_record(&transaction, run, record)?;
        }
        transaction.commit().during(WRITING)?;
        kept.push((run, standing.last_seq));
    }
    for value in values::readable(&old).unwrap_or_default() {
        if serde_json::from_str::<serde_json::Value>(&value.2).is_ok() {
            values::insert(fresh, &value)?;
        }
    }
    Ok(kept)
}

/// The ids of the runs, in the order of creation: from both ends, since a bad
/// page ends the reading.
fn ids(old: &Connection) -> Vec<RunId> {
    let read = |sql: &str| {
        let mut ids = Vec::new();
        let Ok(mut statement) = old.prepare(sql) else { return ids };
        let Ok(mut rows) = statement.query([]) else { return ids };
        while let Ok(Some(row)) = rows.next() {
            ids.extend(heads::text(row, 0).parse::<RunId>().ok());
        }
        ids
    };
    let mut ids = read("SELECT id FROM runs ORDER BY place");
    let mut later = read("SELECT id FROM runs ORDER BY place DESC");
    later.reverse();
    ids.extend(later);
    let mut seen = BTreeSet::new();
    ids.retain(|run| seen.insert(*run));
    ids
}

/// The head and the good records at the beginning; unfinished, unless all of
/// it is sound.
fn readable(old: &Connection, run: RunId) -> Option<(Origin, Standing, Vec<Sealed>)> {
    let found = heads::find_in_any_shape(old, run)?;
    check_origin(&found.origin).ok()?;
    let mut rows = Vec::new();
    let through_index = each_row(old, run, 0, |row| {
        rows.push(row);
        Ok(())
    });
    if through_index.is_err() {
        let scanned = scan(old, run);
        if scanned.len() > rows.len() {
            rows = scanned;
        }
    }
    let (good, flaw) = look(run, rows.iter().map(Option::as_ref), None);
    let whole = flaw.is_none() && found.standing_is_sound && good == found.standing.last_seq;
    let records: Vec<Sealed> =
        rows.into_iter().flatten().zip(1..=good).map(|(row, _)| row).collect();
    let written = records.iter().map(|record| record.epoch).max().unwrap_or(0);
    let standing = Standing {
        epoch: if found.standing_is_sound { found.standing.epoch } else { written } + 1,
        last_seq: good,
        finished: if whole { found.standing.finished } else { None },
        updated_at: found.standing.updated_at,
    };
    Some((found.origin, standing, records))
}

/// The rows without the index that may be what is broken.
fn scan(old: &Connection, run: RunId) -> Vec<Option<Sealed>> {
    let mut found = Vec::new();
    let sql = "SELECT seq, epoch, at, kind, version, min_reader, body, checksum
               FROM records NOT INDEXED";
    let Ok(mut statement) = old.prepare(&format!("{sql} WHERE run = ?1")) else { return found };
    let Ok(mut rows) = statement.query([run.to_string()]) else { return found };
    while let Ok(Some(row)) = rows.next() {
        found.push(sealed(row).ok());
    }
    found.sort_by_key(|row| row.as_ref().map_or(u64::MAX, |row| row.seq));
    found
}
