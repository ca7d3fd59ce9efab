//! The same test command for a few tests only. A red test is run once more by
//! itself before a change is blamed for it, and a run of which the runner
//! understood no name would be green without having run anything. So every
//! command made here fails unless the runner names each of the tests as passed
//! or refuses names that it does not know.
//!
//! The names come from a program's output and go to a shell: one that holds
//! anything but the plainest characters gives no command at all.

use std::collections::{BTreeMap, BTreeSet};

use super::ProjectCommand;
use super::manifest::script;

/// More of them are no accident, and would not fit on a command line for ever.
const MOST_NAMES: usize = 50;
const LONGEST_NAME: usize = 200;

/// Flags of `cargo test` whose value is the next word.
const CARGO_VALUES: [&str; 16] = [
    "-p",
    "--package",
    "--exclude",
    "-F",
    "--features",
    "--manifest-path",
    "--target",
    "--profile",
    "--test",
    "--bin",
    "--example",
    "--bench",
    "-j",
    "--jobs",
    "--target-dir",
    "--config",
];

/// Flags of node whose value is the next word.
const NODE_VALUES: [&str; 5] = ["-r", "--require", "--import", "--loader", "--experimental-loader"];

const PYTEST: [&str; 5] =
    ["python3 -m pytest", "python -m pytest", "uv run pytest", "poetry run pytest", "pytest"];

const UNITTEST: [&str; 2] = ["python3 -m unittest", "python -m unittest"];

/// The command limited to these failing tests, whose names are as the runner
/// prints them: of `cargo test`, pytest, unittest, `node --test` and `go test`.
/// Green means that each of them passed by itself, and says nothing of others.
///
/// `None` where the runner is not known, the command is not plain (a pipe, a
/// filter of its own), or a name is not: then the whole command has to be run.
/// A script such as `npm test` is not looked into; see `script_behind`.
#[must_use]
pub fn rerun(command: &ProjectCommand, failing: &BTreeSet<String>) -> Option<ProjectCommand> {
    if failing.is_empty() || failing.len() > MOST_NAMES {
        return None;
    }
    if failing.iter().any(|name| name.is_empty() || name.len() > LONGEST_NAME) {
        return None;
    }
    let run = command.command.trim();
    let limited = cargo(run, failing)
        .or_else(|| pytest(run, failing))
        .or_else(|| unittest(run, failing))
        .or_else(|| node(run, failing))
        .or_else(|| go(run, failing))?;
    Some(ProjectCommand { command: limited, ..command.clone() })
}

/// What the `test` script of `package.json` runs, if the command is one that
/// runs this script and the script is one plain command without others before
/// or after it. For `rerun`, which cannot look into scripts.
#[must_use]
pub fn script_behind(
    command: &ProjectCommand,
    contents: &BTreeMap<String, Vec<u8>>,
) -> Option<ProjectCommand> {
    const RUNNERS: [&str; 8] = [
        "npm test",
        "npm run test",
        "pnpm test",
        "pnpm run test",
        "yarn test",
        "yarn run test",
        "bun run test",
        "npm t",
    ];
    if !command.dir.is_empty() || !RUNNERS.contains(&command.command.trim()) {
        return None;
    }
    let package = serde_json::from_slice(contents.get("package.json")?).ok()?;
    let around = ["pretest", "posttest"].iter().any(|name| script(&package, name).is_some());
    let test = script(&package, "test")?;
    (!around && words(test).is_some())
        .then(|| ProjectCommand { command: test.to_owned(), ..command.clone() })
}

/// The words of a command that means to a shell just what is written.
fn words(command: &str) -> Option<Vec<&str>> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_./=:,@+-".contains(c);
    let words: Vec<&str> = command.split_ascii_whitespace().collect();
    words.iter().all(|word| word.chars().all(is_plain)).then_some(words)
}

/// What follows a beginning of whole words.
fn after<'c>(command: &'c str, beginning: &str) -> Option<Vec<&'c str>> {
    let rest = command.strip_prefix(beginning)?;
    if !rest.is_empty() && !rest.starts_with(' ') {
        return None;
    }
    words(rest)
}

fn all(names: &BTreeSet<String>, is_safe: impl Fn(&str) -> bool) -> Option<Vec<&str>> {
    names.iter().all(|name| is_safe(name)).then(|| names.iter().map(String::as_str).collect())
}

/// Whether there is one that is neither a flag nor the value of one.
fn has_bare_word(words: &[&str], with_value: &[&str]) -> bool {
    let mut is_value = false;
    words.iter().any(|word| {
        let is_bare = !word.starts_with('-') && !is_value;
        is_value = with_value.contains(word);
        is_bare
    })
}

fn made_of(name: &str, others: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

/// Shows what the run prints, and asks for a line like each of these in it.
fn proven(run: &str, lines: impl Iterator<Item = String>) -> String {
    let proofs: Vec<String> = lines.map(|line| format!("grep -Eq '{line}' \"$log\"")).collect();
    format!(
        "log=$(mktemp) && {{ {run} > \"$log\"; status=$?; cat \"$log\"; \
         test \"$status\" -eq 0 && {}; }}",
        proofs.join(" && ")
    )
}

fn cargo(run: &str, failing: &BTreeSet<String>) -> Option<String> {
    let rest = after(run, "cargo test")?;
    // A filter or what follows `--` would be joined with the names.
    if rest.contains(&"--") || has_bare_word(&rest, &CARGO_VALUES) {
        return None;
    }
    let names = all(failing, |name| made_of(name, "_:"))?;
    let limited = format!("{run} -- --exact {}", names.join(" "));
    Some(proven(&limited, names.iter().map(|name| format!("^test {name} \\.\\.\\. ok$"))))
}

/// It refuses what it does not find.
fn pytest(run: &str, failing: &BTreeSet<String>) -> Option<String> {
    let rest = PYTEST.iter().find_map(|beginning| after(run, beginning))?;
    if rest.iter().any(|word| !word.starts_with('-') || *word == "--") {
        return None;
    }
    let names = all(failing, |name| {
        made_of(name, "_./:[],=+-")
            && name.contains("::")
            && !name.starts_with(['-', '/'])
            && !name.contains("..")
    })?;
    let quoted: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    Some(format!("{run} {}", quoted.join(" ")))
}

/// It refuses what it does not find. Its tests are found below a folder, but
/// are named from the path on which Python looks for modules.
fn unittest(run: &str, failing: &BTreeSet<String>) -> Option<String> {
    let beginning = UNITTEST.iter().find(|beginning| run.starts_with(*beginning))?;
    let names: Option<Vec<String>> = failing.iter().map(|name| unittest_id(name)).collect();
    let limited = format!("{beginning} {}", names?.join(" "));
    let rest = run.strip_prefix(beginning)?.trim();
    match rest.strip_prefix("discover").map(str::trim) {
        Some("") => Some(limited),
        None if rest.is_empty() => Some(limited),
        Some(rest) => {
            let folder = rest.strip_prefix("-s ")?.trim();
            let bare = folder.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
            let bare = bare.unwrap_or(folder);
            let is_plain = !bare.is_empty() && !bare.starts_with('-') && made_of(bare, "_./-");
            is_plain.then(|| format!("PYTHONPATH='{bare}'${{PYTHONPATH:+:$PYTHONPATH}} {limited}"))
        }
        None => None,
    }
}

/// From `test_up (pkg.test_a.Health.test_up)`, or without the last part as
/// before Python 3.11.
fn unittest_id(name: &str) -> Option<String> {
    let (method, rest) = name.split_once(" (")?;
    let place = rest.strip_suffix(')')?;
    let is_fit = method.starts_with("test")
        && made_of(method, "_")
        && made_of(place, "_.")
        && !place.starts_with('.')
        // A module that could not be loaded has no test of that name.
        && !place.contains("_FailedTest");
    let id = if place.ends_with(&format!(".{method}")) {
        place.to_owned()
    } else {
        format!("{place}.{method}")
    };
    is_fit.then_some(id)
}

/// Names of other tests are reported as passed but skipped, so the line of each
/// must end with the name.
fn node(run: &str, failing: &BTreeSet<String>) -> Option<String> {
    let rest = after(run, "node")?;
    let is_taken = |word: &&str| {
        word.starts_with("--test-name-pattern") || word.starts_with("--test-reporter")
    };
    if rest.iter().any(is_taken) {
        return None;
    }
    let at = rest.iter().position(|word| *word == "--test")?;
    // What stands after a file is an argument of that file.
    if has_bare_word(&rest[..at], &NODE_VALUES) {
        return None;
    }
    let names = all(failing, |name| made_of(name, " _:,-"))?;
    let (before, behind) = rest.split_at(at);
    let pattern = format!("--test-name-pattern='^({})$'", names.join("|"));
    let limited: Vec<&str> = std::iter::once("node")
        .chain(before.iter().copied())
        .chain(["--test", "--test-reporter=tap", &pattern])
        .chain(behind[1..].iter().copied())
        .collect();
    let lines = names.iter().map(|name| format!("^ *ok [0-9]+ - {name}$"));
    Some(proven(&limited.join(" "), lines))
}

/// Subtests are run with the test that they belong to.
fn go(run: &str, failing: &BTreeSet<String>) -> Option<String> {
    let rest = after(run, "go test")?;
    let is_taken = |word: &&str| {
        let flag = word.trim_start_matches('-');
        let name = flag.split('=').next().unwrap_or(flag);
        matches!(name, "run" | "v" | "json" | "list" | "bench" | "args" | "skip")
    };
    if rest.iter().any(is_taken) {
        return None;
    }
    let names: Option<BTreeSet<&str>> = failing
        .iter()
        .map(|name| {
            let top = name.split('/').next().unwrap_or(name);
            let is_fit = ["Test", "Example", "Fuzz"].iter().any(|kind| top.starts_with(kind));
            // The rest is not used, but what is strange is not guessed about.
            (is_fit && made_of(top, "_") && made_of(name, "_/.#:=,-")).then_some(top)
        })
        .collect();
    let names: Vec<&str> = names?.into_iter().collect();
    let limited: Vec<String> = ["go test -v -run".to_owned(), format!("'^({})$'", names.join("|"))]
        .into_iter()
        .chain(rest.iter().map(|word| (*word).to_owned()))
        .collect();
    let lines = names.iter().map(|name| format!("^--- PASS: {name} "));
    Some(proven(&limited.join(" "), lines))
}

#[cfg(test)]
mod tests;
