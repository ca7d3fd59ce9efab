//! Files that nobody compiles: forgotten in the tree of modules, their tests never run and look
//! as if they did.

use std::collections::BTreeMap;

use crate::code::words;
use crate::problem::Problem;
use crate::tidy::Source;

/// Files that cargo finds by itself.
const ROOTS: [&str; 3] = ["lib.rs", "main.rs", "build.rs"];

pub(super) fn check(sources: &[Source<'_>]) -> Vec<Problem> {
    let code: BTreeMap<&str, &str> =
        sources.iter().map(|source| (source.path, source.code.as_str())).collect();
    let members = sources.iter().filter(|source| is_member(source.path));
    let mut problems: Vec<Problem> = members
        .filter(|source| {
            let (folder, name) = split(source.path);
            let parents = parents(folder, name);
            let mut texts = parents.iter().filter_map(|parent| code.get(parent.as_str()));
            !texts.any(|text| declares(text, module(folder, name)))
        })
        .map(|source| Problem::new(source.path, "no module declares this file"))
        .collect();
    let second = sources.iter().filter(|source| is_second_binary(source.path));
    let message = "integration tests have one binary a crate: tests/it/main.rs";
    problems.extend(second.map(|source| Problem::new(source.path, message)));
    problems
}

/// Whether a file must be declared by another: below `src` or `tests`, and no root.
fn is_member(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let place = parts.iter().position(|part| *part == "src" || *part == "tests");
    let below = place.map_or(&[][..], |place| parts.get(place + 1..).unwrap_or_default());
    match below {
        [] | ["bin", _] => false,
        [_] if parts.contains(&"tests") => false,
        [.., name] => !ROOTS.contains(name),
    }
}

fn is_second_binary(path: &str) -> bool {
    let below = path.split_once("/tests/").map(|(before, below)| (before.contains("/src"), below));
    match below {
        Some((false, below)) => !below.starts_with("it/"),
        _ => false,
    }
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// The name that a file's module is declared by.
fn module<'a>(folder: &'a str, name: &'a str) -> &'a str {
    if name == "mod.rs" { split(folder).1 } else { name.trim_end_matches(".rs") }
}

/// The files that may declare it.
fn parents(folder: &str, name: &str) -> Vec<String> {
    let folder = if name == "mod.rs" { split(folder).0 } else { folder };
    let inside = ["mod.rs", "lib.rs", "main.rs"].map(|parent| format!("{folder}/{parent}"));
    let beside = format!("{folder}.rs");
    inside.into_iter().chain([beside]).collect()
}

fn declares(code: &str, module: &str) -> bool {
    let mut found = words(code, "mod");
    found.any(|at| {
        let rest = code.get(at + 3..).unwrap_or_default().trim_start();
        let after = rest.strip_prefix(module).map(str::trim_start);
        after.is_some_and(|after| after.starts_with(';'))
    })
}

#[cfg(test)]
mod tests {
    use crate::files::File;
    use crate::tidy;

    #[track_caller]
    fn finds(files: &[(&str, &str)], expected: &[&str]) {
        let file = |(path, code): &(&str, &str)| File {
            path: (*path).to_owned(),
            text: format!("//! Why.\n{code}"),
        };
        let files: Vec<File> = files.iter().map(file).collect();
        let found: Vec<String> = tidy::check(&files).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn declared_files_are_fine() {
        let files = [
            ("crates/x/src/lib.rs", "mod a;\npub mod b ;\n#[cfg(test)]\nmod tests;"),
            ("crates/x/src/a.rs", "mod deep;"),
            ("crates/x/src/a/deep.rs", ""),
            ("crates/x/src/b/mod.rs", "pub(crate) mod c;"),
            ("crates/x/src/b/c.rs", ""),
            ("crates/x/src/tests.rs", ""),
            ("crates/x/src/bin/y.rs", ""),
            ("crates/x/tests/it/main.rs", "mod d;"),
            ("crates/x/tests/it/d.rs", ""),
            ("crates/x/build.rs", ""),
        ];
        finds(&files, &[]);
    }

    #[test]
    fn a_forgotten_file_is_found() {
        let files = [
            ("crates/x/src/lib.rs", "// mod a;\nmod bb;\nmod c {}"),
            ("crates/x/src/a.rs", ""),
            ("crates/x/src/b/mod.rs", ""),
            ("crates/x/src/bb.rs", ""),
            ("crates/x/tests/it/main.rs", ""),
            ("crates/x/tests/it/d.rs", ""),
        ];
        let expected = [
            "crates/x/src/a.rs: no module declares this file",
            "crates/x/src/b/mod.rs: no module declares this file",
            "crates/x/tests/it/d.rs: no module declares this file",
        ];
        finds(&files, &expected);
    }

    #[test]
    fn a_second_binary_of_integration_tests_is_found() {
        let expected =
            ["crates/x/tests/more.rs: integration tests have one binary a crate: tests/it/main.rs"];
        finds(&[("crates/x/tests/more.rs", "")], &expected);
    }
}
