//! The fake agents of the command line's tests, whose faults no real program can be asked for: the
//! tests judge them, and note a row for each.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context as _;

use crate::cargo::Cargo;

pub(super) const HEAD: &str = "\
| fake agent | failed attempts | done by | kept | run |
| --- | --- | --- | --- | --- |";

/// Runs the tests and returns their rows in order.
pub(super) fn rows(top: &Path, target: &Path) -> anyhow::Result<Vec<String>> {
    let notes = target.join("xtask").join("agents-fakes.md");
    fs::create_dir_all(target.join("xtask")).context("making the folder for notes")?;
    match fs::remove_file(&notes) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let tests = ["test", "-p", "cli", "--test", "it", "fakes::"];
    Cargo::new(&tests).env("BELAY_AGENTS_TABLE", notes.to_string_lossy()).run(top)?;
    let text = fs::read_to_string(&notes).context("the tests noted no fake agent")?;
    let mut rows: Vec<String> = text.lines().map(str::to_owned).collect();
    // The tests run side by side.
    rows.sort();
    Ok(rows)
}
