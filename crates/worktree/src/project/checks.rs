//! Which checks besides the tests a project clearly uses. A check that the
//! project itself does not keep to is red whatever a run does, and a formatter
//! that it does not use buries a change under others; so one is named only
//! where a file of the project asks for it, or a look shows that it is kept to.

mod node;
mod python;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ProjectCommand;
use super::detect::command;
use super::manifest::{Project, entries, is_within};
use crate::objects::TreeFile;

/// What a check looks at; in the order in which checks are run.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// Rewrites files to the project's form.
    Format,
    /// Finds faults of style and likely errors.
    Lint,
    /// Checks types.
    Typecheck,
    /// Builds.
    Build,
    /// Runs tests.
    Test,
}

/// A check of the project, found or configured.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What people call it; no two checks of a list have the same.
    pub name: String,
    /// What it looks at.
    pub kind: CheckKind,
    /// Green if it exits with status 0. Of kind `Format` it rewrites files.
    pub command: ProjectCommand,
    /// For kind `Format`: the command that only looks. If it is red before any
    /// change, the project does not use this formatter. `None`: it does, a
    /// file of it says so.
    #[serde(default)]
    pub look: Option<ProjectCommand>,
    /// The longest that it may take, in milliseconds; `None` leaves it to the
    /// caller.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
}

impl Check {
    fn new(name: &str, kind: CheckKind, run: &str, source: &str) -> Self {
        let command = command(run, source);
        Self { name: name.to_owned(), kind, command, look: None, timeout_ms: None }
    }

    /// Only if this command says that the files are in that form already.
    fn if_kept_to(mut self, look: &str) -> Self {
        let source = self.command.source.clone();
        self.look = Some(command(look, &source));
        self
    }
}

/// The checks that the project clearly uses, of all kinds but `Test`, in the
/// order in which they are run; `contents` is the content of what
/// `wanted_for_detection` named.
#[must_use]
pub fn detect_checks(files: &[TreeFile], contents: &BTreeMap<String, Vec<u8>>) -> Vec<Check> {
    let project = Project::of(files, contents);
    let mut checks = rust(&project);
    checks.extend(node::checks(&project));
    checks.extend(python::checks(&project));
    checks.extend(go(&project));
    checks.sort_by_key(|check| check.kind);
    checks
}

fn rust(project: &Project<'_>) -> Vec<Check> {
    const MANIFEST: &str = "Cargo.toml";
    if !project.top.has(MANIFEST) {
        return Vec::new();
    }
    let configured = project.first(&["rustfmt.toml", ".rustfmt.toml"]);
    let source = configured.unwrap_or(MANIFEST);
    let format = Check::new("cargo fmt", CheckKind::Format, "cargo fmt --all", source);
    let format = match configured {
        Some(_) => format,
        None => format.if_kept_to("cargo fmt --all --check"),
    };
    let lint = clippy_source(project).map(|source| {
        Check::new("cargo clippy", CheckKind::Lint, "cargo clippy --all-targets", source)
    });
    [Some(format), lint].into_iter().flatten().collect()
}

/// The file that says that clippy is used.
fn clippy_source(project: &Project<'_>) -> Option<&'static str> {
    if let Some(settings) = project.first(&["clippy.toml", ".clippy.toml"]) {
        return Some(settings);
    }
    let lints = entries(&project.text("Cargo.toml")).any(|(section, line)| {
        let section = section.strip_prefix("workspace.").unwrap_or(section);
        is_within(section, "lints.clippy") || section == "lints" && line.starts_with("clippy")
    });
    if lints {
        return Some("Cargo.toml");
    }
    [".cargo/config.toml", ".cargo/config"].into_iter().find(|path| {
        entries(&project.text(path))
            .any(|(section, line)| section == "alias" && line.contains("clippy"))
    })
}

/// Listing prints nothing and succeeds also where the program is missing, so
/// its own status counts too.
const GOFMT_LOOK: &str =
    "files=$(gofmt -l .) && { test -z \"$files\" || { echo \"$files\"; false; }; }";

fn go(project: &Project<'_>) -> Vec<Check> {
    const MANIFEST: &str = "go.mod";
    if !project.top.has(MANIFEST) {
        return Vec::new();
    }
    vec![
        Check::new("gofmt", CheckKind::Format, "gofmt -w .", MANIFEST).if_kept_to(GOFMT_LOOK),
        Check::new("go vet", CheckKind::Lint, "go vet ./...", MANIFEST),
    ]
}

#[cfg(test)]
mod tests;
