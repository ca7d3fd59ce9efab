//! Which crate may use which: the manifests against `[workspace.metadata.layers]`, and the same
//! table printed into `docs/architecture.md`, so that the picture people read is the one that holds.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context as _, ensure};

use crate::metadata::{Package, Workspace};
use crate::problem::Problem;

pub(crate) const PAGE: &str = "docs/architecture.md";
const BEGIN: &str = "<!-- layers: begin, written by `cargo xtask layers --write` -->\n";
const END: &str = "<!-- layers: end -->";

/// Every crate may test against what is simulated.
const FOR_EVERYONES_TESTS: [&str; 2] = ["simulated-github", "simulated-models"];

/// Dependencies from outside that one layer owns: a crate that must not know SQL cannot if the
/// SQL library is not there.
const OWNED: [(&str, &[&str]); 7] = [
    ("anyhow", &["cli", "xtask"]),
    ("clap", &["cli", "xtask"]),
    ("octocrab", &["forge"]),
    ("reqwest", &["cli", "forge", "model-providers"]),
    ("rusqlite", &["checkpoint-store"]),
    ("serde_yaml", &["agents", "cli", "degradation-templates", "forge", "static-checks"]),
    ("tracing-subscriber", &["cli"]),
];

pub(crate) fn check(workspace: &Workspace) -> Vec<Problem> {
    let table: BTreeMap<&str, &[String]> =
        workspace.layers.iter().map(|(name, uses)| (name.as_str(), uses.as_slice())).collect();
    let mut problems = unknown_names(workspace, &table);
    for package in &workspace.packages {
        if package.folder != package.name {
            let message = format!("the folder's name must be the crate's, {}", package.name);
            problems.push(Problem::new(&package.folder, message));
        }
        match table.get(package.name.as_str()) {
            Some(allowed) => problems.extend(arrows(package, allowed, workspace)),
            None => problems.push(Problem::new(&package.name, "not in the table of layers")),
        }
        problems.extend(owned(package));
    }
    problems
}

fn unknown_names(workspace: &Workspace, table: &BTreeMap<&str, &[String]>) -> Vec<Problem> {
    let listed = table.iter().flat_map(|(name, uses)| {
        let uses = uses.iter().map(String::as_str);
        std::iter::once(*name).chain(uses).map(move |one| (*name, one))
    });
    let unknown = listed.filter(|(_, one)| !is_ours(workspace, one));
    let message = |one| format!("the table of layers names {one}, which is no crate here");
    unknown.map(|(name, one)| Problem::new(name, message(one))).collect()
}

fn arrows(package: &Package, allowed: &[String], workspace: &Workspace) -> Vec<Problem> {
    let ours = package.dependencies.iter();
    let ours = ours.filter(|dependency| is_ours(workspace, &dependency.name));
    let broken = ours.filter(|dependency| {
        let for_tests =
            dependency.for_tests && FOR_EVERYONES_TESTS.contains(&dependency.name.as_str());
        !for_tests && !allowed.contains(&dependency.name)
    });
    let message =
        |name: &str| format!("must not use {name}: the table of layers has no such arrow");
    broken.map(|dependency| Problem::new(&package.name, message(&dependency.name))).collect()
}

fn owned(package: &Package) -> Vec<Problem> {
    let outside = package.dependencies.iter().filter(|one| !one.for_tests);
    let broken = outside.filter_map(|dependency| {
        let (name, owners) = OWNED.iter().find(|(name, _)| *name == dependency.name)?;
        let message = format!("must not use {name}, which is for {}", owners.join(", "));
        let mine = owners.contains(&package.name.as_str());
        (!mine).then(|| Problem::new(&package.name, message))
    });
    broken.collect()
}

fn is_ours(workspace: &Workspace, name: &str) -> bool {
    workspace.packages.iter().any(|package| package.name == name)
}

/// The table as it stands in the page.
fn table(workspace: &Workspace) -> String {
    let mut table = String::from("\n| crate | may use |\n| --- | --- |\n");
    for (name, uses) in &workspace.layers {
        let uses = if uses.is_empty() { "nothing of ours".to_owned() } else { uses.join(", ") };
        // Writing to a String cannot fail.
        let _ = writeln!(table, "| {name} | {uses} |");
    }
    table.push('\n');
    table
}

/// The page with the table between its two marks renewed.
pub(crate) fn renew(page: &str, workspace: &Workspace) -> anyhow::Result<String> {
    let marks = || format!("{PAGE} lacks the marks {} and {END}", BEGIN.trim_end());
    let (before, rest) = page.split_once(BEGIN).with_context(marks)?;
    let (_, after) = rest.split_once(END).with_context(marks)?;
    ensure!(!after.contains(BEGIN), "{PAGE} has two tables of layers");
    Ok(format!("{before}{BEGIN}{}{END}{after}", table(workspace)))
}

pub(crate) fn check_page(page: &str, workspace: &Workspace) -> anyhow::Result<Vec<Problem>> {
    let message = "the table of layers is out of date: `cargo xtask layers --write` renews it";
    let stale = renew(page, workspace)? != page;
    Ok(stale.then(|| Problem::new(PAGE, message)).into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Dependency;

    fn package(name: &str, uses: &[&str], in_tests: &[&str]) -> Package {
        let dependency =
            |for_tests| move |name: &&str| Dependency { name: (*name).to_owned(), for_tests };
        let in_tests = in_tests.iter().map(dependency(true));
        Package {
            dependencies: uses.iter().map(dependency(false)).chain(in_tests).collect(),
            ..Package::named(name)
        }
    }

    fn workspace(packages: &[Package], layers: &[(&str, &[&str])]) -> Workspace {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let layers = layers.iter().map(|(name, uses)| ((*name).to_owned(), owned(uses)));
        Workspace {
            top: "/".into(),
            target: "/target".into(),
            packages: packages.to_vec(),
            layers: layers.collect(),
        }
    }

    #[track_caller]
    fn finds(packages: &[Package], layers: &[(&str, &[&str])], expected: &[&str]) {
        let problems = check(&workspace(packages, layers));
        let found: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn arrows_of_the_table_are_fine() {
        let packages = [
            package("agents", &["engine", "serde"], &["simulated-models"]),
            package("engine", &["serde"], &["simulated-models"]),
            package("simulated-models", &[], &[]),
        ];
        let layers: [(&str, &[&str]); 3] =
            [("agents", &["engine"]), ("engine", &[]), ("simulated-models", &[])];
        finds(&packages, &layers, &[]);
    }

    #[test]
    fn an_arrow_that_is_not_in_the_table_is_found() {
        let packages = [package("a", &["b"], &[]), package("b", &[], &[])];
        let expected = ["a: must not use b: the table of layers has no such arrow"];
        finds(&packages, &[("a", &[]), ("b", &["a"])], &expected);
    }

    #[test]
    fn a_dependency_of_tests_is_an_arrow_too() {
        let packages = [package("a", &[], &["b"]), package("b", &[], &[])];
        let expected = ["a: must not use b: the table of layers has no such arrow"];
        finds(&packages, &[("a", &[]), ("b", &[])], &expected);
    }

    #[test]
    fn the_simulated_models_are_for_tests_only() {
        let packages =
            [package("a", &["simulated-models"], &[]), package("simulated-models", &[], &[])];
        let expected = ["a: must not use simulated-models: the table of layers has no such arrow"];
        finds(&packages, &[("a", &[]), ("simulated-models", &[])], &expected);
    }

    #[test]
    fn a_crate_outside_the_table_is_found() {
        let expected = ["a: not in the table of layers"];
        finds(&[package("a", &[], &[])], &[], &expected);
    }

    #[test]
    fn a_name_in_the_table_that_is_no_crate_is_found() {
        let expected = [
            "a: the table of layers names gone, which is no crate here",
            "old: the table of layers names old, which is no crate here",
        ];
        let layers: [(&str, &[&str]); 2] = [("a", &["gone"]), ("old", &[])];
        finds(&[package("a", &[], &[])], &layers, &expected);
    }

    #[test]
    fn a_library_that_one_layer_owns_is_not_for_others() {
        let packages = [
            package("checkpoint-store", &["rusqlite"], &["serde_yaml"]),
            package("a", &["rusqlite"], &[]),
        ];
        let expected = ["a: must not use rusqlite, which is for checkpoint-store"];
        finds(&packages, &[("a", &[]), ("checkpoint-store", &[])], &expected);
    }

    #[test]
    fn a_folder_with_another_name_is_found() {
        let mut wrong = package("a", &[], &[]);
        wrong.folder = "old".to_owned();
        let expected = ["old: the folder's name must be the crate's, a"];
        finds(&[wrong], &[("a", &[])], &expected);
    }

    #[test]
    fn the_page_is_out_of_date_when_the_table_changes() {
        let before = workspace(&[], &[("a", &["b"]), ("b", &[])]);
        let after = workspace(&[], &[("a", &[]), ("b", &[])]);
        let blank = format!("# Top\n\n{BEGIN}{END}\n\nRest.\n");
        let page = renew(&blank, &before).unwrap();
        let table = "\n| crate | may use |\n| --- | --- |\n| a | b |\n| b | nothing of ours |\n\n";
        assert_eq!(page, format!("# Top\n\n{BEGIN}{table}{END}\n\nRest.\n"));
        assert!(check_page(&page, &before).unwrap().is_empty());
        assert_eq!(check_page(&page, &after).unwrap().len(), 1);
        assert_eq!(check_page(&blank, &before).unwrap().len(), 1);
    }

    #[test]
    fn a_page_without_its_marks_is_an_error() {
        let workspace = workspace(&[], &[]);
        assert!(renew("# Top\n", &workspace).is_err());
        assert!(renew(BEGIN, &workspace).is_err());
        let twice = format!("{BEGIN}{END}{BEGIN}{END}");
        assert!(renew(&twice, &workspace).is_err());
    }
}
