//! Checks of JavaScript and TypeScript projects: their own scripts first, since
//! these know the flags; a tool by itself only where it is both installed and
//! configured.

use serde_json::Value;

use super::{Check, CheckKind};
use crate::project::manifest::{Manager, Project, depends_on, script};

const MANIFEST: &str = "package.json";

/// Names under which projects keep a script, and what it checks.
const SCRIPTS: [(CheckKind, &[&str]); 4] = [
    (CheckKind::Format, &["format", "fmt"]),
    (CheckKind::Lint, &["lint"]),
    (CheckKind::Typecheck, &["typecheck", "type-check"]),
    (CheckKind::Build, &["build"]),
];

/// Where prettier's settings may stand, besides `package.json`.
const PRETTIER: [&str; 12] = [
    ".prettierrc",
    ".prettierrc.json",
    ".prettierrc.json5",
    ".prettierrc.yaml",
    ".prettierrc.yml",
    ".prettierrc.toml",
    ".prettierrc.js",
    ".prettierrc.mjs",
    ".prettierrc.cjs",
    "prettier.config.js",
    "prettier.config.mjs",
    "prettier.config.cjs",
];

pub(super) fn checks(project: &Project<'_>) -> Vec<Check> {
    if !project.top.has(MANIFEST) {
        return Vec::new();
    }
    let package = project.package();
    let manager = Manager::of(&project.top);
    let mut checks: Vec<Check> = SCRIPTS
        .iter()
        .filter_map(|(kind, names)| of_script(&package, manager, *kind, names))
        .collect();
    let lacks = |kind| {
        !SCRIPTS
            .iter()
            .filter(|(other, _)| *other == kind)
            .any(|(_, names)| names.iter().any(|name| package["scripts"].get(name).is_some()))
    };
    if lacks(CheckKind::Format) {
        checks.extend(prettier(project, &package, manager));
    }
    if lacks(CheckKind::Typecheck) {
        checks.extend(types(project, &package, manager));
    }
    checks
}

fn of_script(package: &Value, manager: Manager, kind: CheckKind, names: &[&str]) -> Option<Check> {
    let (name, text) = names.iter().find_map(|name| Some((*name, script(package, name)?)))?;
    let run = manager.script(name);
    // A `format` script that only looks finds faults and mends none.
    let kind = if kind == CheckKind::Format && only_looks(text) { CheckKind::Lint } else { kind };
    Some(Check::new(&run, kind, &run, MANIFEST))
}

fn only_looks(script: &str) -> bool {
    let words = || script.split_ascii_whitespace();
    words().any(|word| matches!(word, "--check" | "--list-different" | "--dry-run"))
        || words().any(|word| matches!(word, "-c" | "-l")) && words().any(|word| word == "prettier")
}

fn prettier(project: &Project<'_>, package: &Value, manager: Manager) -> Option<Check> {
    let in_manifest = package.get("prettier").map(|_| MANIFEST);
    let source = project.first(&PRETTIER).or(in_manifest)?;
    let run = manager.program("prettier --write .");
    depends_on(package, "prettier").then(|| Check::new("prettier", CheckKind::Format, &run, source))
}

fn types(project: &Project<'_>, package: &Value, manager: Manager) -> Option<Check> {
    const SETTINGS: &str = "tsconfig.json";
    let run = manager.program("tsc --noEmit");
    (project.top.has(SETTINGS) && depends_on(package, "typescript"))
        .then(|| Check::new("tsc", CheckKind::Typecheck, &run, SETTINGS))
}
