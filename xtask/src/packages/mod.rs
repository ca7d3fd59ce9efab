//! The libraries as another team gets them: packed, unpacked far from the workspace, and used there.
//!
//! A crate that compiles beside its siblings may still lack a file, a version or a feature once it
//! stands alone, and nobody here would notice.

mod described;
mod examples;
mod native;

use std::path::Path;

use anyhow::{Context as _, bail, ensure};

use crate::cargo::{Cargo, say};
use crate::files;
use crate::metadata::{Package, Workspace};
use crate::problem::{Problem, none_of};
use crate::process;

/// What is built from the packages; no part of the workspace.
const CONSUMER: &str = "xtask/consumer";
/// Its programs. Two, as features of one build are joined: the first must do without SQLite.
const PROGRAMS: [&str; 2] = ["services", "runs"];

pub(crate) fn check(workspace: &Workspace) -> anyhow::Result<()> {
    let libraries: Vec<&Package> = workspace.libraries().collect();
    ensure!(!libraries.is_empty(), "no library was found");
    none_of(described::check(&libraries, &workspace.top)?).context("manifests")?;
    native::check(&workspace.top).context("C code")?;
    examples::run(&libraries, workspace).context("examples")?;
    let place = tempfile::Builder::new().prefix("belay-packages-").tempdir();
    let place = place.context("making a folder for the packages")?;
    pack(&libraries, workspace)?;
    for library in &libraries {
        unpack(library, workspace, place.path())?;
    }
    consume(workspace, place.path()).context("consumer")?;
    none_of(from_elsewhere(&libraries, &read(&place.path().join("Cargo.lock"))?)?)?;
    say(&format!("packages: {} libraries packed, unpacked and used", libraries.len()));
    Ok(())
}

/// Not built by cargo itself, which would look for a library's siblings in a registry.
fn pack(libraries: &[&Package], workspace: &Workspace) -> anyhow::Result<()> {
    let mut arguments = vec!["package", "--no-verify", "--allow-dirty", "--exclude-lockfile"];
    arguments.push("--quiet");
    for library in libraries {
        arguments.extend(["--package", &library.name]);
    }
    Cargo::new(&arguments).run(&workspace.top)
}

/// Into a folder of its name. Files get the time of now: those of the package are years old, and
/// cargo would take what it built of an earlier package for up to date.
fn unpack(library: &Package, workspace: &Workspace, place: &Path) -> anyhow::Result<()> {
    let file = format!("{}-{}.crate", library.name, library.version);
    let folder = place.join("packages").join(&library.name);
    std::fs::create_dir_all(&folder).with_context(|| format!("making a folder for {file}"))?;
    let mut tar = process::command("tar", &folder);
    tar.args(["--extract", "--gzip", "--touch", "--strip-components=1", "--file"]);
    tar.arg(workspace.target.join("package").join(&file));
    let status = tar.status().context("tar cannot be started")?;
    ensure!(status.success(), "tar cannot unpack {file}: {status}");
    Ok(())
}

/// With the workspace's own versions of everything else, and into its target folder, where those
/// are built already.
fn consume(workspace: &Workspace, place: &Path) -> anyhow::Result<()> {
    for file in files::read_all(&workspace.top.join(CONSUMER))? {
        let path = place.join(&file.path);
        let folder = path.parent().context("a file lies in a folder")?;
        let written =
            std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, file.text));
        written.with_context(|| format!("writing {}", path.display()))?;
    }
    let lock = read(&workspace.top.join("Cargo.lock"))?;
    std::fs::write(place.join("Cargo.lock"), lock).context("writing Cargo.lock")?;
    let manifest = place.join("Cargo.toml").to_string_lossy().into_owned();
    for program in PROGRAMS {
        let arguments = ["run", "--quiet", "--manifest-path", &manifest, "--package", program];
        let target = workspace.target.to_string_lossy();
        Cargo::new(&arguments).env("CARGO_TARGET_DIR", target).run(&workspace.top)?;
    }
    Ok(())
}

/// Libraries that the consumer did not take from their packages. A registry may know another crate
/// of the same name, which would be built in its place.
fn from_elsewhere(libraries: &[&Package], lock: &str) -> anyhow::Result<Vec<Problem>> {
    let lock: toml::Table = lock.parse().context("the consumer's Cargo.lock is not TOML")?;
    let Some(packages) = lock.get("package").and_then(toml::Value::as_array) else {
        bail!("the consumer's Cargo.lock names no package");
    };
    let mut problems = Vec::new();
    for library in libraries {
        let is_it = |one: &&toml::Value| {
            one.get("name").and_then(toml::Value::as_str) == Some(library.name.as_str())
        };
        let found: Vec<&toml::Value> = packages.iter().filter(is_it).collect();
        if found.is_empty() {
            problems.push(Problem::new(CONSUMER, format!("does not use {}", library.name)));
        }
        if found.iter().any(|one| one.get("source").is_some()) {
            let message = format!("took {} from elsewhere than its package", library.name);
            problems.push(Problem::new(CONSUMER, message));
        }
    }
    Ok(problems)
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_was_not_taken_from_its_package_is_found() {
        let libraries = ["forge", "agents", "worktree"].map(Package::named);
        let libraries: Vec<&Package> = libraries.iter().collect();
        let lock = r#"
            [[package]]
            name = "forge"
            version = "0.1.0"

            [[package]]
            name = "agents"
            version = "0.1.0"
            source = "registry+https://example.org/index"
        "#;
        let problems = from_elsewhere(&libraries, lock).unwrap();
        let found: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let expected = [
            "xtask/consumer: took agents from elsewhere than its package",
            "xtask/consumer: does not use worktree",
        ];
        assert_eq!(found, expected);
        assert!(from_elsewhere(&libraries, "version = 4").is_err());
    }
}
