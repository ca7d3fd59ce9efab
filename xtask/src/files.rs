//! The repository's files as the checks see them: read once, paths relative and with slashes.
//!
//! A walk, not `git ls-files`: the checks run without git too, and pending snapshots are exactly
//! the files that git is told not to see.

use std::path::Path;

use anyhow::Context as _;

/// One file with its text; what is not UTF-8 is replaced, as no rule looks into binaries.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// Build output and what tools leave in a checkout; no part of the project.
const NOT_OURS: [&str; 5] = [".git", "target", ".belay", "node_modules", "proptest-regressions"];

/// Every file below `top`, ordered by path. Symbolic links are not followed.
pub(crate) fn read_all(top: &Path) -> anyhow::Result<Vec<File>> {
    let mut files = Vec::new();
    walk(top, "", &mut files)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn walk(top: &Path, below: &str, files: &mut Vec<File>) -> anyhow::Result<()> {
    let folder = top.join(below);
    let reading = || format!("reading {}", folder.display());
    for entry in std::fs::read_dir(&folder).with_context(reading)? {
        let entry = entry.with_context(reading)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if NOT_OURS.contains(&name.as_str()) {
            continue;
        }
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        let kind = entry.file_type().with_context(reading)?;
        if kind.is_dir() {
            walk(top, &path, files)?;
        } else if kind.is_file() {
            let bytes = std::fs::read(entry.path()).with_context(|| format!("reading {path}"))?;
            let text = String::from_utf8_lossy(&bytes).into_owned();
            files.push(File { path, text });
        }
    }
    Ok(())
}
