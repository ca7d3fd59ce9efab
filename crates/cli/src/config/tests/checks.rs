//! The project's checks, and what its commands may see and do.

use std::time::Duration;

use insta::assert_snapshot;
use worktree::CheckKind;

use super::super::meant::{Check, Checks, Choice, Confine, Gate};
use super::*;

fn run(text: &str) -> super::super::meant::Run {
    loaded(text, &Environment::default()).config.run
}

#[test]
fn checks_are_found_switched_off_or_listed() {
    for text in ["run: {checks: auto}\n", "run: {checks: null}\n", "run: {}\n"] {
        assert_eq!(run(text).checks, Checks::Auto, "{text}");
    }
    assert_eq!(run("run: {checks: []}\n").checks, Checks::Given(Vec::new()));
    let text = "
run:
  checks:
    - {name: form, run: make format, kind: format}
    - name: \" types \"
      run: |
        make a
        make b
      kind: typecheck
      timeout: 90s
      gate: end
    - {name: words, run: make spell}
";
    let check = |name: &str, kind, command: &str| Check {
        name: name.to_owned(),
        kind,
        command: command.to_owned(),
        timeout: None,
        gate: None,
    };
    let types = Check {
        timeout: Some(Duration::from_secs(90)),
        gate: Some(Gate::End),
        ..check("types", CheckKind::Typecheck, "make a\nmake b")
    };
    assert_eq!(
        run(text).checks,
        Checks::Given(vec![
            check("form", CheckKind::Format, "make format"),
            types,
            check("words", CheckKind::Lint, "make spell"),
        ])
    );
}

#[test]
fn lists_of_checks_are_refused_with_the_place_of_the_slip() {
    assert_snapshot!(refusals(&[
        "run: {checks: none}\n",
        "run: {checks: atuo}\n",
        "run: {checks: true}\n",
        "run: {checks: 3}\n",
        "run: {checks: {lint: make}}\n",
        "run: {checks: [make lint]}\n",
        "run: {checks: [{name: lint}]}\n",
        "run: {checks: [{run: make}]}\n",
        "run:\n  checks:\n    -\n",
        "run:\n  checks:\n    - {name: a, run: make}\n    - {name: b, command: make}\n",
        "run:\n  checks:\n    - name: a\n      run: make\n      kind: linting\n",
        "run:\n  checks:\n    - {name: a, run: make, kind: security}\n",
        "run:\n  checks:\n    - {name: a, run: make, gate: start}\n",
        "run:\n  checks:\n    - {name: a, run: make, timeout: 30}\n",
        "run:\n  checks:\n    - {name: a, run: make, timeout: 0s}\n",
        "run:\n  checks:\n    - {name: a, run: make, timeout: 25h}\n",
        "run:\n  checks:\n    - {name: \" \", run: make}\n",
        "run:\n  checks:\n    - {name: \"a\\nb\", run: make}\n",
        "run:\n  checks:\n    - {name: a, run: \" \"}\n",
        "run:\n  checks:\n    - {name: a, run: \"a\\0\"}\n",
        "run:\n  checks:\n    - {name: a, run: [make]}\n",
        "run:\n  checks:\n    - {name: a, run: x, run: y}\n",
        "run:\n  checks:\n    - {name: a, run: x}\n    - {name: b, run: x}\n    - {name: \"a \", run: y}\n",
        &format!("run: {{checks: [{}]}}\n", "{name: a, run: x}, ".repeat(51)),
    ]), @r"
    belay.yaml:1:15: run.checks: `none` is not a choice here, expected `auto` or a list of checks, which may be empty
    belay.yaml:1:15: run.checks: `atuo` is not a choice here, did you mean `auto`?
    belay.yaml:1:15: run.checks: expected `auto` or a list of checks, which may be empty
    belay.yaml:1:15: run.checks: expected `auto` or a list of checks, which may be empty
    belay.yaml:1:15: run.checks: expected `auto` or a list of checks, which may be empty
    belay.yaml:1:16: run.checks[0]: must be a mapping of keys to values
    belay.yaml:1:16: run.checks[0]: `run` is missing, for example `npm run lint`
    belay.yaml:1:16: run.checks[0]: `name` is missing, for example `lint`
    belay.yaml:3:6: run.checks[0]: `name` is missing, for example `lint`
    belay.yaml:4:17: run.checks[1].command: unknown key, expected one of `name`, `run`, `kind`, `timeout`, `gate`
    belay.yaml:5:13: run.checks[0].kind: `linting` is not a choice here, did you mean `lint`?
    belay.yaml:3:34: run.checks[0].kind: `security` is not a choice here, expected one of `format`, `lint`, `typecheck`, `build`, `test`
    belay.yaml:3:34: run.checks[0].gate: `start` is not a choice here, expected one of `milestone`, `end`
    belay.yaml:3:37: run.checks[0].timeout: `30` is not a duration: the unit after `30` is missing; write for example `30s`, `5m` or `1m30s`
    belay.yaml:3:37: run.checks[0].timeout: must be from 1ms to 1d, is 0s
    belay.yaml:3:37: run.checks[0].timeout: must be from 1ms to 1d, is 25h
    belay.yaml:3:14: run.checks[0].name: must not be empty
    belay.yaml:3:14: run.checks[0].name: must be one line without control characters
    belay.yaml:3:22: run.checks[0].run: must be a command without NUL characters
    belay.yaml:3:22: run.checks[0].run: must be a command without NUL characters
    belay.yaml:3:22: run.checks[0].run: must be one value, not a list or a mapping
    belay.yaml:3:25: run.checks[0].run: this key is written twice
    belay.yaml:5:14: run.checks[2].name: `a` is the name of an earlier check already
    belay.yaml:1:15: run.checks: must have at most 50 checks, has 51
    ");
}

#[test]
fn other_words_about_commands_are_checked() {
    assert_snapshot!(refusals(&[
        "run: {gate: never}\n",
        "run: {gates: end}\n",
        "run: {confine: on}\n",
        "run: {confine: false}\n",
        "run: {test_env: DATABASE_URL}\n",
        "run: {test_env: [DATABASE_URL, \"A=b\"]}\n",
        "run: {test_env: [3]}\n",
        "run: {test_env: [\"sk-hunter2\"]}\n",
        "commit: {hooks: sometimes}\n",
        "commit: {hook: false}\n",
        "commit: {sign: always}\n",
    ]), @r"
    belay.yaml:1:13: run.gate: `never` is not a choice here, expected one of `milestone`, `end`
    belay.yaml:1:7: run.gates: unknown key, did you mean `gate`?
    belay.yaml:1:16: run.confine: `on` is not a choice here, expected one of `auto`, `off`
    belay.yaml:1:16: run.confine: `false` is not a choice here, expected one of `auto`, `off`
    belay.yaml:1:17: run.test_env: must be a list
    belay.yaml:1:32: run.test_env[1]: must be the name of an environment variable (letters, digits, `_`), never the key itself
    belay.yaml:1:18: run.test_env[0]: must be the name of an environment variable (letters, digits, `_`), never the key itself
    belay.yaml:1:18: run.test_env[0]: must be the name of an environment variable (letters, digits, `_`), never the key itself
    belay.yaml:1:17: commit.hooks: must be true or false
    belay.yaml:1:10: commit.hook: unknown key, did you mean `hooks`?
    belay.yaml:1:16: commit.sign: `always` is not a choice here, expected one of `auto`, `true`, `false`
    ");
}

#[test]
fn signing_hooks_gate_and_bounds_are_taken_as_written() {
    for (text, expected) in [
        ("commit: {sign: auto}\n", Choice::Auto),
        ("commit: {sign: true}\n", Choice::Always),
        ("commit: {sign: false}\n", Choice::Never),
    ] {
        let commit = loaded(text, &Environment::default()).config.commit;
        assert_eq!((commit.sign, commit.hooks), (expected, true), "{text}");
    }
    assert!(!loaded("commit: {hooks: false}\n", &Environment::default()).config.commit.hooks);
    assert_eq!(run("run: {gate: end}\n").gate, Gate::End);
    assert_eq!(run("run: {gate: milestone}\n").gate, Gate::Milestone);
    assert_eq!(run("run: {confine: off}\n").confine, Confine::Off);
    assert_eq!(run("run: {confine: auto}\n").confine, Confine::Auto);
}

#[test]
fn a_variable_that_looks_like_a_secret_is_passed_on_with_a_warning() {
    let text = "run:\n  test_env:\n    - DATABASE_URL\n    - NPM_TOKEN\n    - TEST_DB_PASSWORD\n";
    let loaded = loaded(text, &with_keys(&["OPENAI_API_KEY", "NPM_TOKEN"]));
    assert_eq!(loaded.config.run.test_env, ["DATABASE_URL", "NPM_TOKEN", "TEST_DB_PASSWORD"]);
    assert_snapshot!(loaded.warnings.join("\n"), @r"
    belay.yaml:4:7: run.test_env[1]: NPM_TOKEN looks like a secret, and every command of the project will see it
    belay.yaml:5:7: run.test_env[2]: TEST_DB_PASSWORD looks like a secret, and every command of the project will see it
    ");
}
