//! What a trial left behind that it must not: processes, and changes outside of belay's own places.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

use crate::process;

/// A process that was ended needs a moment to be gone.
const LONGEST: Duration = Duration::from_secs(5);
const STEP: Duration = Duration::from_millis(50);

/// The names of processes whose home is this one. Each of a trial's has it, as belay passes it on.
pub(super) fn processes(home: &Path) -> Vec<String> {
    let until = process::now() + LONGEST;
    loop {
        let found = alive(home);
        if found.is_empty() || process::now() >= until {
            return found;
        }
        std::thread::sleep(STEP);
    }
}

fn alive(home: &Path) -> Vec<String> {
    let wanted = format!("HOME={}", home.display());
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let of_home = entries.filter(|entry| {
        let surrounding = fs::read(entry.path().join("environ")).unwrap_or_default();
        surrounding.split(|byte| *byte == 0).any(|pair| pair == wanted.as_bytes())
    });
    let name = |entry: fs::DirEntry| fs::read_to_string(entry.path().join("comm")).ok();
    of_home.filter_map(name).map(|name| format!("process {}", name.trim())).collect()
}

/// What differs in the person's checkout, and anything new beside it.
pub(super) fn changes(folder: &Path) -> anyhow::Result<Vec<String>> {
    let repository = folder.join("repository");
    let mut found = Vec::new();
    for (what, arguments) in [
        ("change", &["status", "--porcelain"][..]),
        ("stash", &["stash", "list"]),
        // One commit was there from the start.
        ("commit", &["log", "--oneline", "--skip=1", "main"]),
    ] {
        let mut git = process::command("git", &repository);
        let said = process::said(git.args(arguments))?.context("git does not answer")?;
        found.extend(said.lines().map(|line| format!("{what} {line}")));
    }
    let known = ["home", "repository", "script.json", "belay.log", "models.log"];
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !known.contains(&name.as_str()) {
            found.push(format!("file {name}"));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_found_by_its_home_until_it_is_gone() {
        let home = std::env::temp_dir().join(format!("xtask-home-{}", std::process::id()));
        let mut command = process::command("sleep", Path::new("/"));
        let mut child = command.arg("600").env("HOME", &home).spawn().expect("starts");
        assert_eq!(alive(&home), ["process sleep"]);
        child.kill().expect("is ended");
        child.wait().expect("is gone");
        assert_eq!(processes(&home), Vec::<String>::new());
    }
}
