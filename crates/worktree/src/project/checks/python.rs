//! Checks of Python projects, each only where its own settings stand. Programs
//! are called by name: what setup installed comes first on the path.

use super::{Check, CheckKind};
use crate::project::manifest::{Project, entries, is_within};

const PYPROJECT: &str = "pyproject.toml";
const RUFF: [&str; 2] = ["ruff.toml", ".ruff.toml"];

pub(super) fn checks(project: &Project<'_>) -> Vec<Check> {
    let black = black(project);
    let mut checks = ruff(project, black.is_some());
    checks.extend(black);
    checks.extend(mypy(project));
    checks.extend(pyright(project));
    checks
}

fn black(project: &Project<'_>) -> Option<Check> {
    project
        .has_section(PYPROJECT, |section| section == "tool.black")
        .then(|| Check::new("black", CheckKind::Format, "black --quiet .", PYPROJECT))
}

/// Its settings may be for its linter, its formatter, or both.
fn ruff(project: &Project<'_>, has_black: bool) -> Vec<Check> {
    let own = project.first(&RUFF);
    let (source, prefix) = match own {
        Some(path) => (path, ""),
        None if project.has_section(PYPROJECT, |section| is_within(section, "tool.ruff")) => {
            (PYPROJECT, "tool.ruff.")
        }
        None => return Vec::new(),
    };
    let formats = |section: &str| is_within(section, &format!("{prefix}format"));
    let within = |section: &str| own.is_some() || is_within(section, "tool.ruff");
    let is_formatter = project.has_section(source, formats);
    let only_formatter = is_formatter
        && entries(&project.text(source)).all(|(section, line)| {
            line.is_empty() || line.starts_with('#') || !within(section) || formats(section)
        });
    let mut checks = Vec::new();
    let format = Check::new("ruff format", CheckKind::Format, "ruff format .", source);
    if is_formatter {
        checks.push(format);
    } else if !has_black {
        checks.push(format.if_kept_to("ruff format --check ."));
    }
    if !only_formatter {
        checks.push(Check::new("ruff check", CheckKind::Lint, "ruff check .", source));
    }
    checks
}

fn mypy(project: &Project<'_>) -> Option<Check> {
    let (source, section) = [
        ("mypy.ini", "mypy"),
        (".mypy.ini", "mypy"),
        (PYPROJECT, "tool.mypy"),
        ("setup.cfg", "mypy"),
    ]
    .into_iter()
    .find(|(path, section)| project.has_section(path, |found| found == *section))?;
    let names_targets = entries(&project.text(source)).any(|(found, line)| {
        let key = line.split('=').next().unwrap_or_default().trim();
        found == section && matches!(key, "files" | "packages" | "modules")
    });
    let run = if names_targets { "mypy" } else { "mypy ." };
    Some(Check::new("mypy", CheckKind::Typecheck, run, source))
}

fn pyright(project: &Project<'_>) -> Option<Check> {
    let in_pyproject = || {
        project
            .has_section(PYPROJECT, |section| is_within(section, "tool.pyright"))
            .then_some(PYPROJECT)
    };
    let source = project.first(&["pyrightconfig.json"]).or_else(in_pyproject)?;
    Some(Check::new("pyright", CheckKind::Typecheck, "pyright", source))
}
