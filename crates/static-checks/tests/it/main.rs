//! Tables of files and what is found in them: what must be found, and what
//! looks like it and must not be.

mod code;
mod content;
mod markers;
mod placeholders;
mod properties;
mod secrets;
mod syntax;
mod weakened;

use static_checks::{Change, Finding, Rule, Settings, Severity, check};

/// What is found in one file, as `severity line` for each finding of the rule.
fn found(rule: Rule, path: &str, before: Option<&str>, after: &str) -> Vec<String> {
    let change = Change { path, before: before.map(str::as_bytes), after: Some(after.as_bytes()) };
    check(&[change], &Settings::default())
        .iter()
        .filter(|finding| finding.rule == rule)
        .map(place)
        .collect()
}

fn place(finding: &Finding) -> String {
    match finding.line {
        Some(line) => format!("{} {line}", finding.severity),
        None => finding.severity.to_string(),
    }
}

#[test]
fn words_in_json_are_the_agreed_ones() {
    let finding = Finding {
        path: "a.rs".to_owned(),
        line: Some(3),
        severity: Severity::High,
        rule: Rule::ConflictMarker,
        message: "m".to_owned(),
        suggestion: "s".to_owned(),
    };
    insta::assert_snapshot!(serde_json::to_string(&finding).unwrap(), @r#"{"path":"a.rs","line":3,"severity":"high","rule":"conflict_marker","message":"m","suggestion":"s"}"#);
    let rules = [
        Rule::Placeholder,
        Rule::Syntax,
        Rule::Secret,
        Rule::Binary,
        Rule::Oversized,
        Rule::Gutted,
        Rule::WeakenedTest,
    ];
    insta::assert_snapshot!(serde_json::to_string(&rules).unwrap(), @r#"["placeholder","syntax","secret","binary","oversized","gutted","weakened_test"]"#);
    assert!(Severity::Low < Severity::Medium && Severity::Medium < Severity::High);
}
