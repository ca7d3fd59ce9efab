//! What manifests and settings of a project say, as far as finding its commands
//! needs it. Only section headers, key names and scripts are read, so that a
//! file which a full parser would refuse still tells what it can, and a strange
//! one never stops a run.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use super::detect::Top;
use crate::objects::TreeFile;

/// A project's files at the top, and the content of those that were read.
pub(super) struct Project<'a> {
    pub(super) top: Top<'a>,
    contents: &'a BTreeMap<String, Vec<u8>>,
}

impl<'a> Project<'a> {
    pub(super) fn of(files: &'a [TreeFile], contents: &'a BTreeMap<String, Vec<u8>>) -> Self {
        Self { top: Top::of(files), contents }
    }

    /// The first of these files that is there.
    pub(super) fn first<'p>(&self, paths: &[&'p str]) -> Option<&'p str> {
        paths.iter().copied().find(|path| self.top.has(path))
    }

    /// A file's content; empty if it is not there or was not read.
    pub(super) fn text(&self, path: &str) -> Cow<'a, str> {
        self.contents.get(path).map(|bytes| String::from_utf8_lossy(bytes)).unwrap_or_default()
    }

    /// Whether a file of sections (TOML or ini) has one that is meant.
    pub(super) fn has_section(&self, path: &str, is_meant: impl Fn(&str) -> bool) -> bool {
        self.top.has(path) && entries(&self.text(path)).any(|(section, _)| is_meant(section))
    }

    /// `package.json`; null if it is not there or is no JSON.
    pub(super) fn package(&self) -> Value {
        serde_json::from_str(&self.text("package.json")).unwrap_or_default()
    }
}

/// The lines of a file of sections, each with its section's name; the header's
/// own line is empty.
pub(super) fn entries(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut section = "";
    text.lines().map(str::trim).map(move |line| {
        if line.starts_with('[') {
            // A comment may follow the header.
            let name = line.split('#').next().unwrap_or(line);
            section = name.trim().trim_matches(['[', ']']).trim();
            return (section, "");
        }
        (section, line)
    })
}

/// Whether a section is this one or below it: `tool.ruff.lint` is in
/// `tool.ruff`.
pub(super) fn is_within(section: &str, above: &str) -> bool {
    section.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// A script of `package.json` that does something and comes to an end.
pub(super) fn script<'v>(package: &'v Value, name: &str) -> Option<&'v str> {
    let script = package.get("scripts")?.get(name)?.as_str()?.trim();
    (!script.is_empty() && !watches(script)).then_some(script)
}

/// `-w` writes for prettier and chooses a workspace for npm.
fn watches(script: &str) -> bool {
    let words = || script.split_ascii_whitespace();
    let is_builder =
        |word| matches!(word, "tsc" | "vite" | "rollup" | "webpack" | "tsup" | "esbuild");
    words().any(|word| {
        matches!(word, "--watch" | "--watchAll" | "watch") || word.starts_with("--watch=")
    }) || words().any(|word| word == "-w") && words().any(is_builder)
}

/// Whether `package.json` names a package that its project needs.
pub(super) fn depends_on(package: &Value, name: &str) -> bool {
    ["devDependencies", "dependencies"]
        .iter()
        .any(|kind| package.get(kind).is_some_and(|packages| packages.get(name).is_some()))
}

/// Who installs packages and runs scripts, told by the lockfile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manager {
    Npm,
    Pnpm,
    Yarn,
    Bun,
}

impl Manager {
    pub(super) fn of(top: &Top<'_>) -> Self {
        let by_lock = [
            ("pnpm-lock.yaml", Self::Pnpm),
            ("yarn.lock", Self::Yarn),
            ("bun.lock", Self::Bun),
            ("bun.lockb", Self::Bun),
        ];
        by_lock.into_iter().find(|(lock, _)| top.has(lock)).map_or(Self::Npm, |(_, found)| found)
    }

    /// Runs the `test` script.
    pub(super) fn test(self) -> &'static str {
        match self {
            Self::Npm => "npm test",
            Self::Pnpm => "pnpm test",
            Self::Yarn => "yarn test",
            // `bun test` is a test runner of its own.
            Self::Bun => "bun run test",
        }
    }

    /// Runs a script; the name must need no quoting.
    pub(super) fn script(self, name: &str) -> String {
        match self {
            Self::Npm => format!("npm run {name}"),
            Self::Pnpm => format!("pnpm run {name}"),
            Self::Yarn => format!("yarn run {name}"),
            Self::Bun => format!("bun run {name}"),
        }
    }

    /// Runs a program that an installed package brings; never installs one.
    pub(super) fn program(self, words: &str) -> String {
        match self {
            Self::Npm => format!("npx --no-install {words}"),
            Self::Pnpm => format!("pnpm exec {words}"),
            Self::Yarn => format!("yarn run {words}"),
            Self::Bun => format!("bun run {words}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_belong_to_the_section_above_them() {
        let text = "a = 1\n[tool.ruff] # ours\nb = 2\n\n[[bin]]\n name = 'x'\n[ mypy ]\n";
        let found: Vec<_> = entries(text).collect();
        let expected = [
            ("", "a = 1"),
            ("tool.ruff", ""),
            ("tool.ruff", "b = 2"),
            ("tool.ruff", ""),
            ("bin", ""),
            ("bin", "name = 'x'"),
            ("mypy", ""),
        ];
        assert_eq!(found, expected);
        assert!(is_within("tool.ruff.lint", "tool.ruff") && is_within("tool.ruff", "tool.ruff"));
        assert!(!is_within("tool.ruffle", "tool.ruff") && !is_within("tool", "tool.ruff"));
    }

    #[test]
    fn a_script_that_watches_or_says_nothing_is_none() {
        let package = serde_json::json!({"scripts": {
            "build": "tsc -p .", "dev": "tsc --watch", "w": "vite build -w", "write": "prettier -w .", "empty": " ", "no": 1
        }});
        assert_eq!(script(&package, "build"), Some("tsc -p ."));
        assert_eq!(script(&package, "write"), Some("prettier -w ."));
        for name in ["dev", "w", "empty", "no", "missing"] {
            assert_eq!(script(&package, name), None, "{name}");
        }
        assert_eq!(script(&Value::Null, "build"), None);
    }
}
