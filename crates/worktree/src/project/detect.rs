//! Which commands a project has, told from its files at the top alone. A wrong
//! guess runs nothing and reports success, or runs for ever, so a command is
//! named only where a file says so plainly; `test_command` in the config is for
//! the rest.
//!
//! For tests the first kind that is found counts, in this order: Cargo, the
//! `test` script of `package.json`, `node --test`, pytest, unittest, Go, a
//! Makefile's `test` target.

use std::collections::BTreeMap;

use serde_json::Value;

use super::manifest::Manager;
use super::{ProjectCommand, setup};
use crate::guard::folders;
use crate::objects::TreeFile;

/// Files at the top whose presence or content decides something.
const LOCKS: [&str; 7] = [
    "package-lock.json",
    "npm-shrinkwrap.json",
    "pnpm-lock.yaml",
    "yarn.lock",
    "bun.lock",
    "bun.lockb",
    "uv.lock",
];
const REQUIREMENTS: [&str; 6] = [
    "requirements.txt",
    "requirements-dev.txt",
    "requirements-test.txt",
    "dev-requirements.txt",
    "test-requirements.txt",
    "requirements_dev.txt",
];
const MANIFESTS: [&str; 16] = [
    "Cargo.toml",
    ".cargo/config.toml",
    ".cargo/config",
    "package.json",
    "pyproject.toml",
    "pytest.ini",
    "setup.cfg",
    "tox.ini",
    "ruff.toml",
    ".ruff.toml",
    "mypy.ini",
    ".mypy.ini",
    "go.mod",
    "GNUmakefile",
    "makefile",
    "Makefile",
];

/// What npm writes into a new `package.json`; it always fails.
const NO_TEST: &str = "no test specified";

/// The paths whose content the other functions want to see, of those that are
/// there.
#[must_use]
pub fn wanted_for_detection(files: &[TreeFile]) -> Vec<String> {
    files
        .iter()
        .filter(|file| file.mode.is_file())
        .map(|file| file.path.as_str())
        .filter(|path| MANIFESTS.contains(path) || decides_setup(path))
        .map(str::to_owned)
        .collect()
}

/// Whether setup has to be done again when this file changes.
pub(super) fn decides_setup(path: &str) -> bool {
    LOCKS.contains(&path)
        || REQUIREMENTS.contains(&path)
        || matches!(path, "package.json" | "pyproject.toml")
}

/// The commands that install what the project's tests need, by lockfile where
/// there is one. Cargo and Go install by themselves. Whether there are any
/// dependencies is decided when setup is run, from the files' content.
#[must_use]
pub fn detect_setup(files: &[TreeFile]) -> Vec<ProjectCommand> {
    let top = Top::of(files);
    top.node_setup().into_iter().chain(top.python_setup()).collect()
}

/// The command that runs the project's tests, if a file says which; `read` is
/// the content of what `wanted_for_detection` named.
#[must_use]
pub fn detect_test(files: &[TreeFile], read: &BTreeMap<String, Vec<u8>>) -> Option<ProjectCommand> {
    let top = Top::of(files);
    let text = |path: &str| {
        read.get(path).map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
    };
    if top.has("Cargo.toml") {
        return Some(command("cargo test", "Cargo.toml"));
    }
    top.node_test(&text("package.json"))
        .or_else(|| top.python_test(&text))
        .or_else(|| top.has("go.mod").then(|| command("go test ./...", "go.mod")))
        .or_else(|| {
            ["GNUmakefile", "makefile", "Makefile"]
                .into_iter()
                .find(|makefile| has_test_target(&text(makefile)))
                .map(|makefile| command("make test", makefile))
        })
}

pub(super) fn command(command: &str, source: &str) -> ProjectCommand {
    ProjectCommand { command: command.to_owned(), dir: String::new(), source: source.to_owned() }
}

/// Whether the contents leave anything for a setup command to install. What is
/// not among them is not known, so the command is needed then.
pub(super) fn is_needed(command: &ProjectCommand, contents: &BTreeMap<String, Vec<u8>>) -> bool {
    let says = |path: &str, test: fn(&str) -> bool| {
        contents.get(path).map(|content| test(&String::from_utf8_lossy(content)))
    };
    match command.source.as_str() {
        "uv.lock" => true,
        "pyproject.toml" => says("pyproject.toml", has_python_dependencies).unwrap_or(true),
        source if REQUIREMENTS.contains(&source) => REQUIREMENTS
            .into_iter()
            .filter(|file| command.command.contains(&format!("-r {file}")))
            .any(|file| says(file, has_requirements).unwrap_or(true)),
        source if source == "package.json" || LOCKS.contains(&source) => {
            says("package.json", has_node_dependencies).unwrap_or(true)
        }
        _ => true,
    }
}

fn has_requirements(file: &str) -> bool {
    file.lines().map(str::trim).any(|line| !line.is_empty() && !line.starts_with('#'))
}

fn has_node_dependencies(manifest: &str) -> bool {
    let manifest: Value = serde_json::from_str(manifest).unwrap_or_default();
    ["dependencies", "devDependencies", "optionalDependencies"]
        .iter()
        .filter_map(|key| manifest.get(key)?.as_object())
        .any(|packages| !packages.is_empty())
        || manifest.get("workspaces").is_some()
}

fn has_python_dependencies(manifest: &str) -> bool {
    let mut section = "";
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']);
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let key = key.trim();
        let value: String = value.split_whitespace().collect();
        let listed = match section {
            "project" => key == "dependencies" && value != "[]",
            "project.optional-dependencies" => value != "[]",
            "tool.poetry.dependencies" => key != "python",
            other => other.starts_with("tool.poetry.") && other.ends_with("dependencies"),
        };
        if listed {
            return true;
        }
    }
    false
}

pub(super) struct Top<'a> {
    files: &'a [TreeFile],
}

impl<'a> Top<'a> {
    pub(super) fn of(files: &'a [TreeFile]) -> Self {
        Self { files }
    }

    fn paths(&self) -> impl Iterator<Item = &'a str> {
        self.files.iter().filter(|file| file.mode.is_file()).map(|file| file.path.as_str())
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.paths().any(|other| other == path)
    }

    fn node_setup(&self) -> Option<ProjectCommand> {
        if !self.has("package.json") {
            return None;
        }
        let by_lock = [
            ("pnpm-lock.yaml", "pnpm install --frozen-lockfile"),
            ("yarn.lock", "yarn install --frozen-lockfile"),
            ("bun.lock", "bun install --frozen-lockfile"),
            ("bun.lockb", "bun install --frozen-lockfile"),
            ("npm-shrinkwrap.json", "npm ci --no-audit --no-fund"),
            ("package-lock.json", "npm ci --no-audit --no-fund"),
        ];
        let found = by_lock.into_iter().find(|(lock, _)| self.has(lock));
        Some(found.map_or_else(
            || command("npm install --no-audit --no-fund", "package.json"),
            |(lock, install)| command(install, lock),
        ))
    }

    fn python_setup(&self) -> Option<ProjectCommand> {
        let place = format!("\"${}\"", setup::ENVIRONMENT);
        if self.has("uv.lock") {
            let sync = format!("UV_PROJECT_ENVIRONMENT={place} uv sync --frozen");
            return Some(command(&sync, "uv.lock"));
        }
        let found: Vec<&str> = REQUIREMENTS.into_iter().filter(|file| self.has(file)).collect();
        let (source, what) = match found.first() {
            Some(first) => {
                let files: Vec<String> = found.iter().map(|file| format!("-r {file}")).collect();
                (*first, files.join(" "))
            }
            None if self.has("pyproject.toml") => ("pyproject.toml", "-e '.[dev,test]'".to_owned()),
            None => return None,
        };
        // The system's packages stay in sight: a test runner is seldom among
        // a project's own requirements.
        let install = format!(
            "test -x {place}/bin/python || python3 -m venv --system-site-packages {place} && \
             {place}/bin/python -m pip install --quiet --no-input \
             --disable-pip-version-check {what}"
        );
        Some(command(&install, source))
    }

    fn node_test(&self, manifest: &str) -> Option<ProjectCommand> {
        if !self.has("package.json") {
            return None;
        }
        let manifest: Value = serde_json::from_str(manifest).unwrap_or_default();
        let script = manifest.pointer("/scripts/test").and_then(Value::as_str);
        if script.is_some_and(|script| !script.trim().is_empty() && !script.contains(NO_TEST)) {
            return Some(command(Manager::of(self).test(), "package.json"));
        }
        let endings = [".test.js", ".test.mjs", ".test.cjs"];
        self.paths()
            .find(|path| endings.iter().any(|ending| path.ends_with(ending)))
            .map(|path| command("node --test", path))
    }

    fn python_test(&self, text: &impl Fn(&str) -> String) -> Option<ProjectCommand> {
        let says_pytest = |path: &str| {
            let content = text(path);
            match path {
                "pytest.ini" => true,
                "pyproject.toml" => content.contains("pytest"),
                "setup.cfg" => content.contains("[tool:pytest]") || content.contains("pytest"),
                "tox.ini" => content.contains("pytest"),
                _ => content.lines().any(|line| line.trim_start().starts_with("pytest")),
            }
        };
        let configs = ["pytest.ini", "pyproject.toml", "setup.cfg", "tox.ini"];
        let source = configs
            .into_iter()
            .chain(REQUIREMENTS)
            .find(|path| self.has(path) && says_pytest(path));
        if let Some(source) = source {
            return Some(command("python3 -m pytest", source));
        }
        self.unittest()
    }

    /// unittest finds tests only in folders that are packages, unless it is
    /// told to start in the folder itself.
    fn unittest(&self) -> Option<ProjectCommand> {
        let found = self
            .paths()
            .filter(|path| is_python_test(path))
            .min_by_key(|path| (path.matches('/').count(), *path))?;
        let is_package = |folder: &str| self.has(&format!("{folder}/__init__.py"));
        if folders(found).all(is_package) {
            return Some(command("python3 -m unittest discover", found));
        }
        let folder = found.rsplit_once('/').map_or("", |(folder, _)| folder);
        let start = format!("python3 -m unittest discover -s {}", quoted(folder));
        Some(command(&start, found))
    }
}

fn is_python_test(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.starts_with("test") && name.ends_with(".py")
}

/// For `sh`.
pub(super) fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

fn has_test_target(makefile: &str) -> bool {
    makefile.lines().any(|line| {
        line.split_once(':').is_some_and(|(targets, rest)| {
            !rest.starts_with('=')
                && targets.split_ascii_whitespace().any(|name| name == "test")
                && !line.starts_with(['\t', '#'])
        })
    })
}

#[cfg(test)]
mod tests;
