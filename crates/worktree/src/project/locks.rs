//! Lockfiles: which files they are, and the project's own commands that bring
//! them up to date. A lockfile written by a model names versions and checksums
//! that do not exist, and the first honest install fails on them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::ProjectCommand;
use crate::objects::TreeFile;

/// In lower case. Not all of them have a command here; none is a model's.
const NAMES: [&str; 30] = [
    "cargo.lock",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "pnpm-lock.yaml",
    "yarn.lock",
    "bun.lock",
    "bun.lockb",
    "deno.lock",
    "poetry.lock",
    "uv.lock",
    "pdm.lock",
    "pixi.lock",
    "pipfile.lock",
    "pylock.toml",
    "go.sum",
    "go.work.sum",
    "composer.lock",
    "gemfile.lock",
    "mix.lock",
    "rebar.lock",
    "pubspec.lock",
    "packages.lock.json",
    "package.resolved",
    "podfile.lock",
    "cartfile.resolved",
    "gradle.lockfile",
    "flake.lock",
    "shard.lock",
    "conan.lock",
    ".terraform.lock.hcl",
];

/// Whether the file's name is that of a lockfile, in any case and folder: a
/// command makes it, so a model may not write it.
#[must_use]
pub fn is_lockfile(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
    NAMES.contains(&name.as_str())
}

/// A command of the project that brings lockfiles up to date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockCommand {
    /// To be run in the worktree, as every command of the project.
    pub command: ProjectCommand,
    /// The tracked files that it may rewrite: its lockfiles, and for Go also
    /// `go.mod`, which has to fit `go.sum`.
    pub locks: Vec<String>,
}

/// Lockfiles of one kind: the manifest that they follow, and how.
struct Kind {
    manifest: &'static str,
    /// The first that is there is the one that counts.
    locks: &'static [&'static str],
    run: fn(&Beside<'_>) -> String,
}

/// What may be asked about the folder of a lockfile.
struct Beside<'a> {
    folder: &'a str,
    tracked: &'a BTreeSet<&'a str>,
    contents: &'a BTreeMap<String, Vec<u8>>,
}

const KINDS: [Kind; 8] = [
    Kind {
        manifest: "Cargo.toml",
        locks: &["Cargo.lock"],
        // Without the network if what is needed was fetched before.
        run: |_| {
            "cargo metadata --format-version 1 --offline > /dev/null 2>&1 \
             || cargo update --workspace"
                .to_owned()
        },
    },
    Kind {
        manifest: "package.json",
        locks: &["pnpm-lock.yaml"],
        run: |_| "pnpm install --lockfile-only --ignore-scripts --no-frozen-lockfile".to_owned(),
    },
    Kind { manifest: "package.json", locks: &["yarn.lock"], run: yarn },
    Kind {
        manifest: "package.json",
        locks: &["bun.lock", "bun.lockb"],
        run: |_| "bun install --lockfile-only --ignore-scripts".to_owned(),
    },
    Kind {
        manifest: "package.json",
        locks: &["npm-shrinkwrap.json", "package-lock.json"],
        run: |_| "npm install --package-lock-only --ignore-scripts --no-audit --no-fund".to_owned(),
    },
    Kind {
        manifest: "pyproject.toml",
        locks: &["poetry.lock"],
        // The second version knows no such flag, and updates nothing by itself.
        run: |_| "poetry lock --no-update 2> /dev/null || poetry lock".to_owned(),
    },
    Kind { manifest: "pyproject.toml", locks: &["uv.lock"], run: |_| "uv lock".to_owned() },
    Kind { manifest: "go.mod", locks: &["go.sum"], run: |_| "go mod tidy".to_owned() },
];

/// The project's own commands that bring lockfiles of the tree up to date after
/// `changed` paths, one for each lockfile that is tracked and whose manifest is
/// among them: the manifest beside it, or one below it that has no lockfile
/// nearer, as in a workspace. `files` is the tree after the change, `contents`
/// what `wanted_for_detection` named.
#[must_use]
pub fn lock_commands(
    files: &[TreeFile],
    contents: &BTreeMap<String, Vec<u8>>,
    changed: &[String],
) -> Vec<LockCommand> {
    let tracked: BTreeSet<&str> =
        files.iter().filter(|file| file.mode.is_file()).map(|file| file.path.as_str()).collect();
    KINDS.iter().flat_map(|kind| kind.commands(&tracked, contents, changed)).collect()
}

impl Kind {
    fn commands(
        &self,
        tracked: &BTreeSet<&str>,
        contents: &BTreeMap<String, Vec<u8>>,
        changed: &[String],
    ) -> Vec<LockCommand> {
        let folders: BTreeSet<&str> = changed
            .iter()
            .filter_map(|path| {
                let (folder, name) = split(path);
                (name == self.manifest).then_some(folder)
            })
            .filter_map(|folder| {
                upwards(folder).find(|folder| self.lock(tracked, folder).is_some())
            })
            // What has lost its manifest has nothing to lock any more.
            .filter(|folder| tracked.contains(join(folder, self.manifest).as_str()))
            .collect();
        let command = |folder: &str| {
            let lock = self.lock(tracked, folder)?;
            let run = (self.run)(&Beside { folder, tracked, contents });
            let dir = folder.to_owned();
            let command = ProjectCommand { command: run, dir, source: lock.clone() };
            let mut locks = vec![lock];
            if self.manifest == "go.mod" {
                locks.push(join(folder, self.manifest));
            }
            Some(LockCommand { command, locks })
        };
        folders.into_iter().filter_map(command).collect()
    }

    /// The path of the lockfile in this folder.
    fn lock(&self, tracked: &BTreeSet<&str>, folder: &str) -> Option<String> {
        self.locks
            .iter()
            .map(|lock| join(folder, lock))
            .find(|lock| tracked.contains(lock.as_str()))
    }
}

/// Berry, as versions from 2 on are called, refuses to change its lockfile
/// where it takes the machine for a build server.
fn yarn(beside: &Beside<'_>) -> String {
    let text = |name: &str| {
        let content = beside.contents.get(&join(beside.folder, name));
        content.map(|bytes| String::from_utf8_lossy(bytes)).unwrap_or_default()
    };
    let package: Value = serde_json::from_str(&text("package.json")).unwrap_or_default();
    let version = package.get("packageManager").and_then(Value::as_str).unwrap_or_default();
    let is_berry = match version.strip_prefix("yarn@") {
        Some(version) => !version.starts_with("1.") && version != "1",
        None => {
            text("yarn.lock").lines().any(|line| line.starts_with("__metadata:"))
                || beside.tracked.contains(join(beside.folder, ".yarnrc.yml").as_str())
        }
    };
    if is_berry {
        "YARN_ENABLE_IMMUTABLE_INSTALLS=false yarn install --mode=update-lockfile".to_owned()
    } else {
        "yarn install --ignore-scripts --non-interactive".to_owned()
    }
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// The folder and those above it, up to the top, which is empty.
fn upwards(folder: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(folder), |folder| (!folder.is_empty()).then(|| split(folder).0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::Mode;

    fn commands(spec: &[(&str, &str)], changed: &[&str]) -> String {
        let file = |(path, content): &(&str, &str)| TreeFile {
            path: (*path).to_owned(),
            mode: Mode::Regular,
            size: content.len() as u64,
        };
        let files: Vec<TreeFile> = spec.iter().map(file).collect();
        let contents = spec
            .iter()
            .map(|(path, content)| ((*path).to_owned(), content.as_bytes().to_vec()))
            .collect();
        let changed: Vec<String> = changed.iter().map(|path| (*path).to_owned()).collect();
        let line = |found: &LockCommand| {
            let ProjectCommand { command, dir, source } = &found.command;
            format!("{dir}: {command} ({source}) -> {}", found.locks.join(" "))
        };
        lock_commands(&files, &contents, &changed).iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn lockfiles_are_told_by_their_name() {
        for path in
            ["Cargo.lock", "a/b/yarn.lock", "go.sum", "web/PNPM-LOCK.yaml", "x/.terraform.lock.hcl"]
        {
            assert!(is_lockfile(path), "{path}");
        }
        for path in ["Cargo.toml", "src/lock.rs", "yarn.lock/x", "my-Cargo.lock", "a.lock", ""] {
            assert!(!is_lockfile(path), "{path}");
        }
        let known = KINDS.iter().flat_map(|kind| kind.locks);
        assert!(known.into_iter().all(|lock| is_lockfile(lock)));
    }

    #[test]
    fn each_kind_of_lockfile_has_its_command() {
        let one = |manifest, lock| commands(&[(manifest, "{}"), (lock, "")], &[manifest]);
        let shown = [
            one("Cargo.toml", "Cargo.lock"),
            one("package.json", "package-lock.json"),
            one("package.json", "npm-shrinkwrap.json"),
            one("package.json", "pnpm-lock.yaml"),
            one("package.json", "yarn.lock"),
            one("package.json", "bun.lock"),
            one("package.json", "bun.lockb"),
            one("pyproject.toml", "poetry.lock"),
            one("pyproject.toml", "uv.lock"),
            one("go.mod", "go.sum"),
        ];
        insta::assert_snapshot!(shown.join("\n"), @r"
        : cargo metadata --format-version 1 --offline > /dev/null 2>&1 || cargo update --workspace (Cargo.lock) -> Cargo.lock
        : npm install --package-lock-only --ignore-scripts --no-audit --no-fund (package-lock.json) -> package-lock.json
        : npm install --package-lock-only --ignore-scripts --no-audit --no-fund (npm-shrinkwrap.json) -> npm-shrinkwrap.json
        : pnpm install --lockfile-only --ignore-scripts --no-frozen-lockfile (pnpm-lock.yaml) -> pnpm-lock.yaml
        : yarn install --ignore-scripts --non-interactive (yarn.lock) -> yarn.lock
        : bun install --lockfile-only --ignore-scripts (bun.lock) -> bun.lock
        : bun install --lockfile-only --ignore-scripts (bun.lockb) -> bun.lockb
        : poetry lock --no-update 2> /dev/null || poetry lock (poetry.lock) -> poetry.lock
        : uv lock (uv.lock) -> uv.lock
        : go mod tidy (go.sum) -> go.sum go.mod
        ");
    }

    #[test]
    fn without_a_changed_manifest_or_a_tracked_lockfile_there_is_no_command() {
        let cargo = [("Cargo.toml", ""), ("Cargo.lock", ""), ("src/lib.rs", "")];
        assert_eq!(commands(&cargo, &["src/lib.rs", "Cargo.lock"]), "");
        assert_eq!(commands(&cargo, &[]), "");
        assert_eq!(commands(&[("Cargo.toml", "")], &["Cargo.toml"]), "");
        assert_eq!(commands(&[("Cargo.lock", "")], &["Cargo.toml"]), "", "the manifest is gone");
        assert_eq!(commands(&[("package.json", ""), ("Cargo.lock", "")], &["package.json"]), "");
    }

    #[test]
    fn a_member_of_a_workspace_is_locked_at_the_nearest_lockfile_once() {
        let files = [
            ("Cargo.toml", ""),
            ("Cargo.lock", ""),
            ("a/Cargo.toml", ""),
            ("b/Cargo.toml", ""),
            ("own/Cargo.toml", ""),
            ("own/Cargo.lock", ""),
            ("own/x/Cargo.toml", ""),
        ];
        let found = commands(&files, &["a/Cargo.toml", "b/Cargo.toml"]);
        assert!(found.starts_with(": cargo metadata") && found.lines().count() == 1, "{found}");
        let found = commands(&files, &["own/x/Cargo.toml"]);
        assert!(found.starts_with("own: cargo") && found.ends_with("-> own/Cargo.lock"), "{found}");
        let gone = commands(&files, &["c/Cargo.toml"]);
        assert!(
            gone.ends_with("-> Cargo.lock"),
            "a member that is gone leaves the lockfile: {gone}"
        );
    }

    #[test]
    fn the_version_of_yarn_is_told_by_its_files() {
        let berry = "update-lockfile";
        for (package, lock, rc, expected) in [
            ("{}", "# yarn lockfile v1\n", None, "--non-interactive"),
            ("{}", "__metadata:\n  version: 8\n", None, berry),
            ("{}", "", Some(".yarnrc.yml"), berry),
            (r#"{"packageManager": "yarn@4.1.0"}"#, "", None, berry),
            (r#"{"packageManager": "yarn@1.22.0"}"#, "", Some(".yarnrc.yml"), "--non-interactive"),
        ] {
            let mut files = vec![("package.json", package), ("yarn.lock", lock)];
            files.extend(rc.map(|rc| (rc, "")));
            let found = commands(&files, &["package.json"]);
            assert!(found.contains(expected), "{package} {lock}: {found}");
        }
    }
}
