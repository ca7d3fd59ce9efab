//! Test commands limited to failing tests, with the runners that this machine
//! has. A runner that is missing is passed over, which the machines that build
//! releases do not do.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use worktree::{
    CommandOutcome, ProjectCommand, ProjectEnvironment, Worktree, rerun, run_project_command,
};

use crate::{Place, put, worktree_at_head};

const LONG: Duration = Duration::from_secs(300);

/// Toolchains lie where the person who runs the tests has them.
fn environment() -> ProjectEnvironment {
    #[expect(clippy::disallowed_methods, reason = "a test that runs the machine's toolchains")]
    let given = std::env::vars();
    let names = ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "PYENV_ROOT"];
    ProjectEnvironment::unconfined(
        given.filter(|(name, _)| names.contains(&name.as_str())).collect(),
    )
}

pub(crate) async fn ran(worktree: &Worktree, command: &ProjectCommand) -> CommandOutcome {
    let cancel = CancellationToken::new();
    run_project_command(worktree, command, &environment(), LONG, &cancel).await.unwrap()
}

pub(crate) fn command(run: &str) -> ProjectCommand {
    ProjectCommand { command: run.to_owned(), dir: String::new(), source: String::new() }
}

struct Project<'a> {
    files: &'a [(&'a str, &'a str)],
    /// What mends the failing test.
    mended: (&'a str, &'a str),
    /// Answers whether the runner is there.
    probe: &'a str,
    run: &'a str,
    failing: &'a [&'a str],
    /// A test that is there and green, and one that is not there.
    green: &'a str,
    unknown: &'a str,
}

async fn check(project: &Project<'_>) {
    let place = Place::with(project.files).await;
    let worktree = worktree_at_head(&place, &place.open().await).await;
    if !ran(&worktree, &command(project.probe)).await.passed {
        return;
    }
    let limited = |names: &[&str]| {
        let names: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
        rerun(&command(project.run), &names).unwrap()
    };
    let all = ran(&worktree, &command(project.run)).await;
    assert!(!all.passed, "{}", all.output);
    let alone = ran(&worktree, &limited(project.failing)).await;
    assert!(!alone.passed, "{}: {}", alone.command, alone.output);
    let green = ran(&worktree, &limited(&[project.green])).await;
    assert!(green.passed, "{}: {}", green.command, green.output);
    let unknown = ran(&worktree, &limited(&[project.green, project.unknown])).await;
    assert!(!unknown.passed, "{}: {}", unknown.command, unknown.output);
    put(worktree.path(), project.mended.0, project.mended.1);
    let mended = ran(&worktree, &limited(project.failing)).await;
    assert!(mended.passed, "{}: {}", mended.command, mended.output);
}

const RUST: &str = "
    #[cfg(test)]
    mod tests {
        #[test] fn green() {}
        #[test] fn red() { assert!(cfg!(any())); }
    }
";

#[tokio::test]
async fn cargo_runs_what_it_is_told_and_is_red_without_it() {
    let mended = RUST.replace("cfg!(any())", "cfg!(all())");
    check(&Project {
        files: &[
            ("Cargo.toml", "[package]\nname = 'x'\nversion = '0.1.0'\nedition = '2024'\n"),
            ("src/lib.rs", RUST),
        ],
        mended: ("src/lib.rs", &mended),
        probe: "cargo --version",
        run: "cargo test --offline",
        failing: &["tests::red"],
        green: "tests::green",
        unknown: "tests::gone",
    })
    .await;
}

const NODE: &str = "
    const {test, describe, it} = require('node:test');
    test('green one', () => {});
    test('red one', () => { throw new Error('no'); });
    describe('a suite', () => { it('inner red', () => { throw new Error('no'); }); });
";

#[tokio::test]
async fn node_runs_what_it_is_told_and_is_red_without_it() {
    let mended = NODE.replace("throw new Error('no');", "");
    check(&Project {
        files: &[("package.json", "{}"), ("a.test.js", NODE)],
        mended: ("a.test.js", &mended),
        probe: "node --version",
        run: "node --test",
        failing: &["red one", "a suite", "inner red"],
        green: "green one",
        unknown: "gone",
    })
    .await;
}

const PYTHON: &str = "
import unittest
class A(unittest.TestCase):
    def test_green(self): pass
    def test_red(self): self.fail()
";

#[tokio::test]
async fn unittest_runs_what_it_is_told_and_is_red_without_it() {
    let mended = PYTHON.replace("self.fail()", "pass");
    for (folder, run) in [
        ("", "python3 -m unittest discover"),
        ("pkg/tests/", "python3 -m unittest discover -s 'pkg/tests'"),
    ] {
        let file = format!("{folder}test_a.py");
        check(&Project {
            files: &[(&file, PYTHON)],
            mended: (&file, &mended),
            probe: "python3 --version",
            run,
            failing: &["test_red (test_a.A.test_red)"],
            green: "test_green (test_a.A)",
            unknown: "test_gone (test_a.A)",
        })
        .await;
    }
}

#[tokio::test]
async fn pytest_runs_what_it_is_told_and_is_red_without_it() {
    let mended = PYTHON.replace("self.fail()", "pass");
    check(&Project {
        files: &[("tests/test_a.py", PYTHON), ("pytest.ini", "[pytest]\n")],
        mended: ("tests/test_a.py", &mended),
        probe: "python3 -m pytest --version",
        run: "python3 -m pytest -q",
        failing: &["tests/test_a.py::A::test_red"],
        green: "tests/test_a.py::A::test_green",
        unknown: "tests/test_a.py::A::test_gone",
    })
    .await;
}

const GO: &str = "package x
import \"testing\"
func TestGreen(t *testing.T) {}
func TestRed(t *testing.T) { t.Run(\"sub\", func(t *testing.T) { t.Fatal() }) }
";

#[tokio::test]
async fn go_runs_what_it_is_told_and_is_red_without_it() {
    let mended = GO.replace("t.Fatal()", "");
    check(&Project {
        files: &[("go.mod", "module x\n\ngo 1.21\n"), ("a_test.go", GO)],
        mended: ("a_test.go", &mended),
        probe: "go version",
        run: "go test ./...",
        failing: &["TestRed", "TestRed/sub"],
        green: "TestGreen",
        unknown: "TestGone",
    })
    .await;
}
