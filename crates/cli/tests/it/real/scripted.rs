//! TypeScript and Python projects with packages of their own: installed in the
//! worktree, not borrowed from the person's checkout (trap 38).

use simulated_models::FileAnswer;

use super::{BRANCH, changed, ends, executable, plan, red, rounds, run, started};
use crate::harness::{Bench, installed};

/// What people say of a second.
fn health_ts(seconds: &str) -> FileAnswer {
    FileAnswer::create(format!(
        "import {{ count }} from \"words\";\n\n/** One line for operators. */\nexport function report(seconds: number): string {{\n  return `ok, up ${{count({seconds}, \"second\")}}`;\n}}\n"
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_typescript_project_is_built_and_checked_with_its_own_packages() {
    if !(installed("node") && installed("npm")) {
        return eprintln!("left out: there is no npm");
    }
    let bench = Bench::with_fixture("typescript-greeter");
    let mut install = std::process::Command::new("npm");
    install.args(["ci", "--no-audit", "--no-fund", "--fetch-retries=0", "--fetch-timeout=20000"]);
    let install = install.current_dir(&bench.repo).env_clear().envs(bench.env()).output();
    let install = install.expect("npm");
    if !install.status.success() {
        let said = String::from_utf8_lossy(&install.stderr).into_owned();
        return eprintln!("left out: the compiler cannot be fetched here: {said}");
    }
    // As on a machine on which no package manager was ever used.
    std::fs::remove_dir_all(bench.root().join("home/.npm")).expect("npm's cache");
    // What is in the person's checkout would fail.
    let theirs = bench.repo.join("node_modules/.bin/tsc");
    std::fs::remove_file(&theirs).expect("a compiler");
    executable(&theirs, "#!/bin/sh\necho borrowed; exit 1\n");
    let plan = plan(&["src/health.ts", "test/health.test.ts"], &[]);
    let test = "import assert from \"node:assert\";\nimport { test } from \"node:test\";\nimport { report } from \"../src/health.js\";\n\ntest(\"reports uptime\", () => {\n  assert.equal(report(0), \"ok, up 0 seconds\");\n  assert.equal(report(1), \"ok, up 1 second\");\n});\n";
    let wrong = health_ts("`${seconds}`");
    let FileAnswer::Content { content, .. } = health_ts("seconds") else {
        unreachable!("a whole file")
    };
    let answers = rounds(
        plan,
        &[
            &[("src/health.ts", wrong), ("test/health.test.ts", FileAnswer::create(test))],
            &[("src/health.ts", FileAnswer::modify(content))],
        ],
    );
    let server = started(&bench, answers, "").await;
    let ran = run(&bench).await;
    ends(&ran, "completed");
    // The compiler's finding, with the name of the file, went to its coder alone.
    assert_eq!(red(&ran), ["npm run typecheck"]);
    assert_eq!(changed(&bench), ["src/health.ts", "test/health.test.ts"]);
    let passed = ran.named("tests_passed");
    assert!(passed.iter().any(|event| event["command"] == "npm test"), "{passed:?}");
    server.stop().await;
}

/// A machine on which no package manager was ever used.
#[tokio::test(flavor = "multi_thread")]
async fn packages_are_installed_where_nobody_installed_any_before() {
    if !(installed("node") && installed("npm")) {
        return eprintln!("left out: there is no npm");
    }
    let bench = Bench::with_files([
        (".gitignore", "node_modules/\n"),
        (
            "package.json",
            "{ \"name\": \"greeter\", \"private\": true, \"type\": \"module\",\n  \"scripts\": { \"test\": \"node --test\" },\n  \"dependencies\": { \"words\": \"file:vendor/words\" } }\n",
        ),
        (
            "package-lock.json",
            "{ \"name\": \"greeter\", \"lockfileVersion\": 3, \"requires\": true, \"packages\": {\n  \"\": { \"name\": \"greeter\", \"dependencies\": { \"words\": \"file:vendor/words\" } },\n  \"node_modules/words\": { \"resolved\": \"vendor/words\", \"link\": true },\n  \"vendor/words\": { \"version\": \"1.0.0\" } } }\n",
        ),
        (
            "vendor/words/package.json",
            "{ \"name\": \"words\", \"version\": \"1.0.0\", \"type\": \"module\", \"main\": \"index.js\" }\n",
        ),
        ("vendor/words/index.js", "export const up = \"up\";\n"),
        (
            "words.test.js",
            "import assert from \"node:assert\";\nimport { test } from \"node:test\";\nimport { up } from \"words\";\n\ntest(\"is up\", () => assert.equal(up, \"up\"));\n",
        ),
        ("ideas/backlog/001-health.md", "# Report\n\nAdd `report.txt`.\n"),
    ]);
    let server = started(&bench, super::reports(&["up\n"]), "").await;
    let ran = run(&bench).await;
    ends(&ran, "completed");
    assert_eq!(red(&ran), [""; 0]);
    assert!(!ran.stderr.contains("failed"), "{}", ran.stderr);
    server.stop().await;
}

const HEALTH: &str = "\"\"\"Tells how the greeter is.\"\"\"\n\nimport units\nimport words\n\n\ndef report(seconds):\n    \"\"\"One line for operators.\"\"\"\n    return f\"ok, up {words.count(seconds, units.SECOND)}\"\n";
const TEST: &str = "import unittest\n\nfrom greeter import health\n\n\nclass Report(unittest.TestCase):\n    def test_uptime(self):\n        self.assertEqual(health.report(0), \"ok, up 0 seconds\")\n        self.assertEqual(health.report(1), \"ok, up 1 second\")\n";

/// The milestone brings a package, so the environment is made again before its tests.
#[tokio::test(flavor = "multi_thread")]
async fn a_python_project_has_an_environment_that_follows_its_requirements() {
    let able =
        std::process::Command::new("python3").args(["-c", "import venv, ensurepip"]).output();
    if !able.is_ok_and(|output| output.status.success()) {
        return eprintln!("left out: there is no python3 that makes environments");
    }
    let bench = Bench::with_fixture("python-packaged");
    let create = [
        "greeter/health.py",
        "tests/test_health.py",
        "vendor/units/pyproject.toml",
        "vendor/units/build.py",
        "vendor/units/units.py",
    ];
    let build = bench.show("main", "vendor/words/build.py");
    let manifest = bench.show("main", "vendor/words/pyproject.toml");
    let answers = rounds(
        plan(&create, &["requirements.txt"]),
        &[&[
            (create[0], FileAnswer::create(HEALTH)),
            (create[1], FileAnswer::create(TEST)),
            (create[2], FileAnswer::create(format!("{manifest}\n"))),
            (create[3], FileAnswer::create(format!("{build}\n"))),
            (create[4], FileAnswer::create("\"\"\"Names of units.\"\"\"\n\nSECOND = \"second\"\n")),
            (
                "requirements.txt",
                FileAnswer::edit("./vendor/words\n", "./vendor/words\n./vendor/units\n"),
            ),
        ]],
    );
    let server = started(&bench, answers, "").await;
    let ran = run(&bench).await;
    ends(&ran, "completed");
    assert_eq!(red(&ran), [""; 0]);
    let passed = ran.named("tests_passed");
    assert_eq!(passed.len(), 2, "before and at the milestone: {passed:?}");
    let mut expected: Vec<String> = create.iter().map(|path| (*path).to_owned()).collect();
    expected.insert(1, "requirements.txt".to_owned());
    expected.sort();
    assert_eq!(changed(&bench), expected);
    assert_eq!(bench.show(BRANCH, "greeter/health.py"), HEALTH.trim_end());
    server.stop().await;
}
