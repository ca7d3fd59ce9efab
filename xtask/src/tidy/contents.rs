//! What must not stand in a file, and what must stand at its head.

use crate::code::{attributes, line_of, test_ranges, words};
use crate::files::File;
use crate::problem::Problem;
use crate::tidy::Source;

/// A file must have fewer lines than this.
const LINES: usize = 500;

pub(super) fn check(source: &Source<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !source.text.starts_with("//! ") {
        let message = "must open with `//!`: why it exists, which failure it prevents";
        problems.push(Problem::at(source.path, 1, message));
    }
    let lines = source.text.lines().count();
    if lines >= LINES {
        let message = format!("has {lines} lines, must have fewer than {LINES}");
        problems.push(Problem::new(source.path, message));
    }
    problems.extend(stand_ins(source));
    problems.extend(refused_attributes(source));
    problems.extend(sleeps(source));
    problems
}

fn stand_ins(source: &Source<'_>) -> Vec<Problem> {
    let macros = ["todo", "unimplemented", "dbg"];
    let calls = macros.iter().flat_map(|name| {
        let called = words(&source.code, name).filter(|at| {
            let rest = source.code.get(at + name.len()..);
            rest.is_some_and(|rest| rest.starts_with('!'))
        });
        called.map(move |at| problem(source, at, format!("`{name}!` must not stay")))
    });
    calls.collect()
}

fn refused_attributes(source: &Source<'_>) -> Vec<Problem> {
    let refused = attributes(&source.code).into_iter().filter_map(|attribute| {
        let has = |word| words(attribute.text, word).next().is_some();
        let message = if has("allow") {
            "`allow` hides a lint for ever: use `expect` with a reason"
        } else if has("ignore") {
            "an ignored test tests nothing"
        } else if has("disallowed_methods") && !may_use_ambient(source.path) {
            "time, environment and processes are for clock.rs, cli, subprocess and tests"
        } else {
            return None;
        };
        Some(problem(source, attribute.at, message))
    });
    refused.collect()
}

/// Where the methods that clippy.toml bans may be used, with a reason.
fn may_use_ambient(path: &str) -> bool {
    let crates = ["crates/cli/", "crates/subprocess/", "xtask/"];
    path.ends_with("/clock.rs") || in_tests(path) || crates.iter().any(|one| path.starts_with(one))
}

fn in_tests(path: &str) -> bool {
    path.split('/').any(|part| part == "tests") || path.ends_with("/tests.rs")
}

/// A test that sleeps is slow where it passes and flaky where it does not,
/// unless the clock is tokio's and stands still (`start_paused`).
fn sleeps(source: &Source<'_>) -> Vec<Problem> {
    let ranges = test_ranges(&source.code);
    let tested = |at: usize| in_tests(source.path) || ranges.iter().any(|one| one.contains(&at));
    let names = ["sleep", "sleep_until", "sleep_ms"];
    let calls = names.iter().flat_map(|name| {
        words(&source.code, name).filter(|at| {
            let rest = source.code.get(at + name.len()..);
            rest.is_some_and(|rest| rest.starts_with('('))
        })
    });
    let message = "a test must wait for an event, not sleep";
    let held = source.text.contains("start_paused");
    let of_a_held_clock = |at: &usize| {
        held && source.code.get(..*at).is_some_and(|before| !before.ends_with("thread::"))
    };
    let calls = calls.filter(|at| tested(*at) && !of_a_held_clock(at));
    calls.map(|at| problem(source, at, message)).collect()
}

fn problem(source: &Source<'_>, at: usize, message: impl Into<String>) -> Problem {
    Problem::at(source.path, line_of(&source.code, at), message)
}

/// Absolute paths of somebody's machine, in any file.
pub(super) fn machine_paths(file: &File) -> Vec<Problem> {
    let tops = ["work", "home", "root", "Users"];
    let found = tops.iter().flat_map(|top| {
        let path = format!("/{top}/");
        let places = file.text.match_indices(&path).map(|(at, _)| at);
        let places: Vec<usize> = places.filter(|at| begins(&file.text, *at)).collect();
        let message = format!("a path of one machine: {path}");
        let lines = places.into_iter().map(|at| line_of(&file.text, at));
        lines.map(move |line| Problem::at(&file.path, line, message.clone()))
    });
    found.collect()
}

/// Whether a path begins here, rather than going on from something before the slash.
fn begins(text: &str, at: usize) -> bool {
    let before = text.get(..at).and_then(|text| text.chars().next_back());
    before.is_none_or(|one| !one.is_alphanumeric() && !"._-~}>)$*".contains(one))
}

/// A crate that does not inherit the lints of the workspace has none. One with a workspace of its
/// own, as a benchmark beside peers has, is not ours to lint.
pub(super) fn unlinted(file: &File) -> Option<Problem> {
    let is_crate = file.path.ends_with("/Cargo.toml") && !file.path.starts_with("fixtures/");
    let manifest = file.text.parse::<toml::Table>();
    let inherits = manifest.is_ok_and(|manifest| {
        if manifest.contains_key("workspace") {
            return true;
        }
        let lints = manifest.get("lints").and_then(|lints| lints.get("workspace"));
        lints.and_then(toml::Value::as_bool) == Some(true)
    });
    let message = "must inherit the lints: `[lints] workspace = true`";
    (is_crate && !inherits).then(|| Problem::new(&file.path, message))
}

#[cfg(test)]
mod tests {
    use crate::tidy::found;

    const OPENING: &str = "//! Why.\n";
    const FILE: &str = "crates/a/src/lib.rs";

    /// What is found in a library file with this code.
    fn in_code(code: &str) -> Vec<String> {
        found(FILE, &format!("{OPENING}{code}"))
    }

    #[test]
    fn a_file_in_order_has_no_problem() {
        let code = "#[cfg(test)]\nmod tests {}\n// allow, sleep( and /x/home/ are words here\n";
        assert_eq!(in_code(code), [""; 0]);
    }

    #[test]
    fn a_file_without_an_opening_is_found() {
        let expected =
            "crates/a/src/lib.rs:1: must open with `//!`: why it exists, which failure it prevents";
        assert_eq!(found(FILE, "fn a() {}\n"), [expected]);
        assert_eq!(found(FILE, ""), [expected]);
    }

    #[test]
    fn a_long_file_is_found() {
        let of = |lines: usize| format!("{OPENING}{}", "\n".repeat(lines - 1));
        assert_eq!(found(FILE, &of(499)), [""; 0]);
        let expected = "crates/a/src/lib.rs: has 500 lines, must have fewer than 500";
        assert_eq!(found(FILE, &of(500)), [expected]);
    }

    #[test]
    fn stand_ins_for_code_are_found() {
        for name in ["todo", "unimplemented", "dbg"] {
            let expected = format!("crates/a/src/lib.rs:2: `{name}!` must not stay");
            assert_eq!(in_code(&format!("fn a() {{ {name}!(1) }}")), [expected]);
            assert_eq!(in_code(&format!("let a = \"{name}!()\"; my_{name}!();")), [""; 0]);
        }
    }

    #[test]
    fn attributes_that_hide_are_found() {
        let allow = "`allow` hides a lint for ever: use `expect` with a reason";
        let expected = [format!("crates/a/src/lib.rs:2: {allow}")];
        assert_eq!(in_code("#[allow(dead_code)]"), expected);
        assert_eq!(in_code("#![allow(dead_code, reason = \"a\")]"), expected);
        assert_eq!(in_code("#[cfg_attr(unix, allow(dead_code))]"), expected);
        assert_eq!(in_code("guard.allow(1);"), [""; 0]);
        let expected = ["crates/a/src/lib.rs:2: an ignored test tests nothing"];
        assert_eq!(in_code("#[ignore]"), expected);
        assert_eq!(in_code("#[ignore = \"slow\"]"), expected);
    }

    #[test]
    fn ambient_calls_are_for_few_places() {
        let text = "//! Why.\n#[expect(clippy::disallowed_methods, reason = \"a\")]\n";
        let count = |path| {
            let problems = found(path, text);
            problems.iter().filter(|one| one.contains("are for clock.rs")).count()
        };
        assert_eq!(count("crates/a/src/lib.rs"), 1);
        assert_eq!(count("crates/a/src/clock.rs"), 0);
        assert_eq!(count("crates/a/tests/it/main.rs"), 0);
        assert_eq!(count("crates/subprocess/src/child.rs"), 0);
    }

    #[test]
    fn a_test_that_sleeps_is_found() {
        let expected = |path| format!("{path}:2: a test must wait for an event, not sleep");
        let inside = "#[cfg(test)] mod tests { fn a() { std::thread::sleep(b) } }";
        assert_eq!(in_code(inside), [expected(FILE)]);
        let until = "#[cfg(test)] mod tests { fn a() { tokio::time::sleep_until(b) } }";
        assert_eq!(in_code(until), [expected(FILE)]);
        let file = "crates/a/tests/it/main.rs";
        assert_eq!(found(file, "//! Why.\ntokio::time::sleep(a).await;"), [expected(file)]);
        assert_eq!(in_code("fn a() { tokio::time::sleep(b) }"), [""; 0]);
        let held = "//! Why.\n#[tokio::test(start_paused = true)]\n";
        let file = "crates/a/tests/it/main.rs";
        assert_eq!(found(file, &format!("{held}tokio::time::sleep(a).await;")), [""; 0]);
        assert_eq!(found(file, &format!("{held}std::thread::sleep(a);")).len(), 1);
        assert_eq!(in_code("#[cfg(test)] mod tests { const A: &str = \"sleep(1)\"; }"), [""; 0]);
    }

    #[test]
    fn paths_of_one_machine_are_found_in_any_file() {
        for top in ["work", "home", "root", "Users"] {
            let path = format!("/{top}/");
            let expected = format!("docs/a.md:2: a path of one machine: {path}");
            assert_eq!(found("docs/a.md", &format!("a\n`{path}me`")), [expected]);
            let longer = format!("https://example.org{path}x ~{path} {{a}}{path}");
            assert_eq!(found("docs/a.md", &longer), [""; 0]);
        }
    }

    #[test]
    fn a_crate_without_the_lints_is_found() {
        let path = "crates/a/Cargo.toml";
        let expected = ["crates/a/Cargo.toml: must inherit the lints: `[lints] workspace = true`"];
        assert_eq!(found(path, "[package]\n"), expected);
        assert_eq!(found(path, "[lints]\nworkspace = false\n"), expected);
        assert_eq!(found(path, "not toml"), expected);
        assert_eq!(found(path, "[lints]\nworkspace = true\n"), [""; 0]);
        assert_eq!(found("Cargo.toml", "[workspace]\n"), [""; 0]);
    }
}
