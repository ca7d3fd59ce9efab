//! JSON, TOML and YAML that parse, and that do not.

use static_checks::{Change, Rule, Settings, check};

use crate::found;

#[test]
fn broken_files_are_high_with_their_line() {
    let cases = [
        ("a.json", "{\n  \"a\": 1,\n}\n", "high 3"),
        ("package.json", "{\n  // no\n  \"a\": 1\n}\n", "high 2"),
        ("a.json", "", "high 1"),
        ("a.json", "{} {}", "high 1"),
        ("a.toml", "a = 1\nb = \n", "high 2"),
        ("Cargo.toml", "[a]\nx = 1\n[a]\n", "high 3"),
        ("a.yaml", "a: 1\nb: [1, 2\n", "high 2"),
        ("a.yml", "a: 1\n b: 2\n", "high 2"),
        ("a.yaml", "a: 1\n---\nb: \"x\n", "high 3"),
        ("a.yaml", "a: 1\na: 2\n", "high 2"),
        (".github/workflows/ci.yml", "on: push\n\tjobs: {}\n", "high 1"),
        ("tests/fixtures/a.json", "{", "low 1"),
    ];
    for (path, after, wanted) in cases {
        let found = found(Rule::Syntax, path, None, after);
        assert_eq!(found, [wanted], "{path}: {after:?}");
    }
}

#[test]
fn good_files_and_dialects_are_left_alone() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let cases = [
        ("a.json", "{\"a\": [1, null, \"\\u00e9\"]}\n"),
        ("a.json", "\u{feff}{}"),
        ("deep.json", deep.as_str()),
        ("tsconfig.json", "{\n  // comments\n  \"a\": 1,\n}\n"),
        ("packages/a/tsconfig.build.json", "{ /* c */ }"),
        (".vscode/settings.json", "{ // c\n}"),
        ("a.jsonc", "{ // c\n}"),
        ("a.json5", "{a: 1}"),
        ("a.jsonl", "{}\n{}\n"),
        ("a.toml", "[a]\nb = 1979-05-27T07:32:00Z\n"),
        ("a.yaml", "a: 1\n---\nb: 2\n---\n# nothing\n"),
        ("a.yaml", ""),
        ("a.yaml", "# only a comment\n"),
        ("a.yaml", "base: &b {x: 1}\nc:\n  <<: *b\n  y: 2\n"),
        ("template.yaml", "Resources:\n  A: !Ref B\n  C: !Sub '${X}'\n  D: !GetAtt [E, F]\n"),
        (".github/workflows/ci.yml", "on: [push]\njobs:\n  a:\n    if: ${{ x == 'y' }}\n"),
        ("a.yaml", "a: .nan\nb: .inf\nc: 0o17\nd: 1_000\ne: 2001-12-14\n"),
        ("a.yaml", "1: a\ntrue: b\n? [x, y]\n: c\n"),
        ("charts/a/templates/b.yaml", "{{- if .Values.a }}\na: {{ .Values.a }}\n{{- end }}\n"),
        ("a.txt", "{ not json"),
        ("json", "{"),
    ];
    for (path, after) in cases {
        let found = found(Rule::Syntax, path, None, after);
        let start: String = after.chars().take(60).collect();
        assert_eq!(found, [""; 0], "{path}: {start:?}");
    }
}

#[test]
fn a_file_that_was_never_valid_is_a_dialect() {
    let before = "{ // our tool reads comments\n}";
    let after = "{ // our tool reads comments\n\"a\": 1 }";
    assert_eq!(found(Rule::Syntax, "a.json", Some(before), after), [""; 0]);
}

#[test]
fn nesting_without_end_is_no_harm() {
    let open = "[".repeat(200_000);
    for path in ["a.json", "a.toml", "a.yaml"] {
        let after = if path == "a.toml" { format!("a = {open}") } else { open.clone() };
        assert!(found(Rule::Syntax, path, None, &after).len() <= 1, "{path}");
    }
}

#[test]
fn the_message_quotes_no_credential() {
    let key = format!("{}_{}", "ghp", "q7Zk2LmX9vB4nT8wR3yC6dF1hJ5sG0pAeUiO");
    let cases = [
        ("a.yaml", format!("{key}: 1\n{key}: 2\n")),
        ("a.toml", format!("{key} = 1\n{key} = 2\n")),
        ("a.toml", format!("a = {key}\n")),
        ("a.json", format!("{{\"a\": {key}}}")),
    ];
    for (path, after) in cases {
        let change = Change { path, before: None, after: Some(after.as_bytes()) };
        let findings = check(&[change], &Settings::default());
        assert!(findings.iter().any(|finding| finding.rule == Rule::Syntax), "{path}");
        for finding in findings {
            assert!(!finding.message.contains(&key), "{}", finding.message);
        }
    }
}

#[test]
fn the_message_is_one_short_line() {
    let after = format!("{} = ", "x".repeat(10_000));
    let change = Change { path: "a.toml", before: None, after: Some(after.as_bytes()) };
    for finding in check(&[change], &Settings::default()) {
        assert!(finding.message.len() < 300, "{}", finding.message);
        assert!(!finding.message.contains('\n'));
    }
}
