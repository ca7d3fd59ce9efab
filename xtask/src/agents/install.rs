//! `cargo xtask agents install`: the programs at the versions that the presets were held against.
//!
//! The list of them and of all that they bring along stands in `xtask/agents`, with a hash of each
//! package and without the address of a registry: npm asks the one that it is set up for. No
//! package's install script is run; what such a script would put in place is linked here.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::{PROGRAMS, Program, commands};
use crate::cargo::say;
use crate::process;

const LISTS: [&str; 2] = ["package.json", "package-lock.json"];
const ARGUMENTS: [&str; 6] =
    ["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"];

pub(super) fn install(lists: &Path, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    for list in LISTS {
        let from = lists.join(list);
        fs::copy(&from, folder.join(list))
            .with_context(|| format!("copying {}", from.display()))?;
    }
    npm(folder)?;
    let bin = commands(folder);
    fs::create_dir_all(&bin).with_context(|| format!("making {}", bin.display()))?;
    for program in &PROGRAMS {
        let version = put_in_place(program, folder, &bin)?;
        say(&format!("agents: {} is {version}", program.preset));
    }
    say(&format!("agents: installed; their commands are in {}", bin.display()));
    Ok(())
}

fn npm(folder: &Path) -> anyhow::Result<()> {
    say(&format!("$ npm {} (in {})", ARGUMENTS.join(" "), folder.display()));
    match process::command("npm", folder).args(ARGUMENTS).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => bail!(
            "npm: {status}. If it speaks of the network above, the registry that npm is set up for \
             cannot be reached from here; nothing else needs these programs"
        ),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!("there is no npm on this machine: install Node.js 20 or newer")
        }
        Err(error) => Err(error).context("npm cannot be started"),
    }
}

/// Links the command and asks it for its version.
fn put_in_place(program: &Program, folder: &Path, bin: &Path) -> anyhow::Result<String> {
    let found = find(&folder.join("node_modules"), program.executable)?;
    let Some(executable) = found.into_iter().next() else {
        bail!("{} brought no program for this machine", program.preset);
    };
    let mode = fs::metadata(&executable)?.permissions().mode();
    fs::set_permissions(&executable, fs::Permissions::from_mode(mode | 0o111))?;
    let link = bin.join(program.command);
    match fs::remove_file(&link) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => symlink(&executable, &link)?,
    }
    // Each makes folders in its home, even for this.
    let home = folder.join("home");
    fs::create_dir_all(&home)?;
    let mut asked = process::command(&link, &home);
    let version = process::said(asked.arg("--version").env("HOME", &home))?;
    version.with_context(|| format!("{} does not start", program.preset))
}

/// The files that fit a path in which `*` stands for a part of a name, in order.
fn find(folder: &Path, pattern: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = vec![folder.to_owned()];
    for part in pattern.split('/') {
        let mut next = Vec::new();
        for folder in found {
            match part.split_once('*') {
                None => next.push(folder.join(part)),
                Some((begin, end)) => {
                    let fits = |name: &str| {
                        name.len() >= part.len() && name.starts_with(begin) && name.ends_with(end)
                    };
                    next.extend(entries(&folder)?.into_iter().filter(|path| {
                        path.file_name().and_then(|name| name.to_str()).is_some_and(fits)
                    }));
                }
            }
        }
        found = next;
        found.retain(|path| path.exists());
    }
    // A shorter name is the usual build, a longer one that for older processors.
    found.sort_by_key(|path| (path.as_os_str().len(), path.clone()));
    Ok(found)
}

fn entries(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_are_those_of_the_presets_and_no_registry_is_named() {
        let list: serde_json::Value =
            serde_json::from_str(include_str!("../../agents/package.json")).expect("is JSON");
        let data = include_str!("../../../crates/model-providers/data/programs.json");
        let data: serde_json::Value = serde_json::from_str(data).expect("is JSON");
        let pinned = list["dependencies"].as_object().expect("is a list");
        assert_eq!(pinned.len(), PROGRAMS.len());
        for preset in data["presets"].as_array().expect("is a list") {
            let name = preset["name"].as_str().expect("has a name");
            let packages = pinned.iter().filter(|(package, _)| package.contains(name));
            let versions: Vec<_> = packages.map(|(_, version)| version).collect();
            assert_eq!(versions, [&preset["seen"]], "{name}");
            assert!(PROGRAMS.iter().any(|program| program.preset == name), "{name}");
        }
        let lock = include_str!("../../agents/package-lock.json");
        assert!(lock.contains("\"integrity\"") && !lock.contains("://"));
    }

    #[test]
    fn a_pattern_finds_the_usual_build_first() {
        let folder = std::env::temp_dir().join(format!("xtask-find-{}", std::process::id()));
        for path in ["p-linux-x64-baseline/bin/p", "p-linux-x64/bin/p", "p/bin/p", "q/bin/p"] {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().expect("has one")).expect("is made");
            fs::write(path, "").expect("is written");
        }
        let found = find(&folder, "p-*/bin/p").expect("reads");
        let names = ["p-linux-x64/bin/p", "p-linux-x64-baseline/bin/p"].map(|one| folder.join(one));
        fs::remove_dir_all(&folder).expect("goes");
        assert_eq!(found, names);
    }
}
