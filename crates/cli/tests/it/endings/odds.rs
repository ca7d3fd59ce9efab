//! What rarely happens to a process, made to happen by a library that is
//! preloaded into belay: see `tests/shim/odds.c`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The library, compiled into the folder. A new machine has a C compiler: SQLite needs one too.
pub(super) fn library(folder: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shim/odds.c");
    let library = folder.join("odds.so");
    let mut command = Command::new("cc");
    command.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(&source).arg("-ldl");
    assert!(command.status().expect("a C compiler").success());
    library
}
