//! Which commands are limited to which tests; whether runners do as told is
//! tried with real ones elsewhere.

use proptest::prelude::*;

use super::*;

fn command(command: &str) -> ProjectCommand {
    ProjectCommand { command: command.to_owned(), dir: "sub".to_owned(), source: "s".to_owned() }
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn limited(run: &str, failing: &[&str]) -> Option<String> {
    let found = rerun(&command(run), &names(failing))?;
    assert_eq!((found.dir.as_str(), found.source.as_str()), ("sub", "s"));
    Some(found.command)
}

#[test]
fn each_known_runner_is_given_the_names_in_its_own_way() {
    let shown: Vec<String> = [
        ("cargo test --workspace -p a", &["a::b", "c"][..]),
        ("python3 -m pytest -q", &["tests/test_a.py::T::test_b[1-x]"]),
        ("python3 -m unittest discover", &["test_up (test_a.Health.test_up)"]),
        ("python3 -m unittest discover -s 'pkg/tests'", &["test_up (test_a.Health)"]),
        ("node --import tsx --test", &["adds numbers"]),
        ("node --test test/a.js", &["adds numbers", "b"]),
        ("go test ./...", &["TestUp", "TestUp/when_down"]),
    ]
    .into_iter()
    .map(|(run, failing)| limited(run, failing).unwrap_or_else(|| format!("none for {run}")))
    .collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    log=$(mktemp) && { cargo test --workspace -p a -- --exact a::b c > "$log"; status=$?; cat "$log"; test "$status" -eq 0 && grep -Eq '^test a::b \.\.\. ok$' "$log" && grep -Eq '^test c \.\.\. ok$' "$log"; }
    python3 -m pytest -q 'tests/test_a.py::T::test_b[1-x]'
    python3 -m unittest test_a.Health.test_up
    PYTHONPATH='pkg/tests'${PYTHONPATH:+:$PYTHONPATH} python3 -m unittest test_a.Health.test_up
    log=$(mktemp) && { node --import tsx --test --test-reporter=tap --test-name-pattern='^(adds numbers)$' > "$log"; status=$?; cat "$log"; test "$status" -eq 0 && grep -Eq '^ *ok [0-9]+ - adds numbers$' "$log"; }
    log=$(mktemp) && { node --test --test-reporter=tap --test-name-pattern='^(adds numbers|b)$' test/a.js > "$log"; status=$?; cat "$log"; test "$status" -eq 0 && grep -Eq '^ *ok [0-9]+ - adds numbers$' "$log" && grep -Eq '^ *ok [0-9]+ - b$' "$log"; }
    log=$(mktemp) && { go test -v -run '^(TestUp)$' ./... > "$log"; status=$?; cat "$log"; test "$status" -eq 0 && grep -Eq '^--- PASS: TestUp ' "$log"; }
    "#);
}

#[test]
fn commands_that_are_not_plain_are_left_alone() {
    for run in [
        "make test",
        "npm test",
        "cargo test | tee log",
        "cargo test && true",
        "cargo test some_filter",
        "cargo test -- --nocapture",
        "cargo testing",
        "cargo nextest run",
        "pytest tests",
        "pytest -k fast",
        "python3 -m unittest tests.test_a",
        "python3 -m unittest discover -s 'it'\\''s'",
        "python3 -m unittest discover -s a -p x",
        "node --test --test-name-pattern=x",
        "node run.js --test",
        "node test.js",
        "go test -run TestA ./...",
        "go test ./... -args -v",
        "",
    ] {
        for failing in ["a", "t.py::a", "test_a (m.A.test_a)", "TestA"] {
            assert_eq!(limited(run, &[failing]), None, "{run} {failing}");
        }
    }
}

#[test]
fn names_that_are_not_plain_give_no_command() {
    let long = "a".repeat(LONGEST_NAME + 1);
    for (run, failing) in [
        ("cargo test", "src/lib.rs"),
        ("cargo test", "a; rm -rf x"),
        ("cargo test", "--help"),
        ("cargo test", "$(x)"),
        ("cargo test", "a b"),
        ("cargo test", ""),
        ("cargo test", &long),
        ("pytest", "test_a"),
        ("pytest", "--pdb::x"),
        ("pytest", "/etc/x.py::a"),
        ("pytest", "../x.py::a"),
        ("pytest", "t.py::a['x']"),
        ("python3 -m unittest", "test_a (a.B.test_a) (i=1)"),
        ("python3 -m unittest", "setUpClass (a.B)"),
        ("python3 -m unittest", "test_a (unittest.loader._FailedTest.test_a)"),
        ("python3 -m unittest", "test_a (a;b)"),
        ("node --test", "it's"),
        ("node --test", "a.b"),
        ("node --test", "/tmp/a.test.js"),
        ("node --test", "a|b"),
        ("go test ./...", "pkg"),
        ("go test ./...", "TestA/it's"),
    ] {
        assert_eq!(limited(run, &[failing]), None, "{run} {failing}");
        // One that is not plain spoils the plain ones.
        assert_eq!(limited(run, &["a", "t.py::a", "TestA", failing]), None, "{run} {failing}");
    }
    assert_eq!(limited("cargo test", &[]), None);
    let many: Vec<String> = (0..=MOST_NAMES).map(|number| format!("t{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(limited("cargo test", &many), None);
    assert!(limited("cargo test", &many[1..]).is_some());
}

#[test]
fn a_script_is_looked_into_only_where_it_is_all_that_is_run() {
    let behind = |run: &str, package: &str| {
        let contents = BTreeMap::from([("package.json".to_owned(), package.as_bytes().to_vec())]);
        let command = ProjectCommand { dir: String::new(), ..command(run) };
        script_behind(&command, &contents).map(|found| found.command)
    };
    let plain = r#"{"scripts": {"test": "node --test"}}"#;
    assert_eq!(behind("npm test", plain).as_deref(), Some("node --test"));
    assert_eq!(behind("pnpm test", plain).as_deref(), Some("node --test"));
    for (run, package) in [
        ("make test", plain),
        ("npm test", r#"{"scripts": {"test": "node --test && x"}}"#),
        ("npm test", r#"{"scripts": {"test": "node --test", "pretest": "tsc"}}"#),
        ("npm test", "{}"),
        ("npm test", "no json"),
    ] {
        assert_eq!(behind(run, package), None, "{run} {package}");
    }
}

proptest! {
    /// Whatever a program prints, the shell is given nothing but a list of words.
    #[test]
    fn no_name_leaves_its_place(
        run in prop::sample::select(vec![
            "cargo test", "pytest", "python3 -m unittest", "node --test", "go test ./...",
        ]),
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "a", "::", "TestA", "test_a", " (m.", ")", "'", "\"", "$(x)", "`", ";", "\n", "|",
                "&", " ", "-", "\\", "*", "é", ".py::", "\0", "#", ">", "~", "!", "{", "}",
            ]),
            0..6,
        )
    ) {
        let name = parts.concat();
        if let Some(found) = limited(run, &[&name]) {
            prop_assert!(made_of(&name, "_./:[],=+- ()"), "{name:?} {found}");
        }
    }
}
