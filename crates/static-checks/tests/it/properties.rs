//! What holds for every input.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use static_checks::{Change, Rule, Settings, check};

const PATHS: [&str; 17] = [
    "a.rs",
    "test_a.py",
    "a.test.ts",
    "a.vue",
    "a_test.go",
    "A.java",
    "a.sh",
    "a.sql",
    "a.css",
    "a.html",
    "a.jsx",
    "a.d.ts",
    "a.tsx",
    "a.md",
    "a.json",
    "a.toml",
    "a.yaml",
];

/// Pieces that the checks react to, so that random texts reach their corners.
const PIECES: [&str; 32] = [
    "\n",
    "\n",
    "\n",
    " ",
    "\"",
    "'",
    "`",
    "${",
    "}",
    "{",
    "/*",
    "*/",
    "//",
    "#",
    "r#\"",
    "\\",
    "todo!()",
    "// ... rest of the code",
    "raise NotImplementedError",
    "TODO",
    "<<<<<<< HEAD",
    "=======",
    ">>>>>>> x",
    "assert True",
    "#[test]",
    "#[ignore]",
    "def test_a(",
    "é",
    "\r\n",
    "class A(ABC):",
    "<!--",
    "sk-q7Zk2LmX9vB4nT8wR3yC6dF1hJ5sG0pAeUi",
];

fn text() -> impl Strategy<Value = String> {
    vec(select(&PIECES[..]), 0..60).prop_map(|pieces| pieces.concat())
}

fn is_about_lines(rule: Rule) -> bool {
    matches!(rule, Rule::ConflictMarker | Rule::Placeholder | Rule::Secret)
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(
        path in select(&PATHS[..]),
        before in proptest::option::of(vec(any::<u8>(), 0..400)),
        after in proptest::option::of(vec(any::<u8>(), 0..400)),
    ) {
        let change = Change { path, before: before.as_deref(), after: after.as_deref() };
        let findings = check(&[change], &Settings::default());
        prop_assert!(findings.iter().all(|finding| finding.path == path));
    }

    #[test]
    fn arbitrary_text_never_panics(path in ".{0,40}", before in "\\PC{0,200}", after in "\\PC{0,200}") {
        let change = Change { path: &path, before: Some(before.as_bytes()), after: Some(after.as_bytes()) };
        let findings = check(&[change], &Settings::default());
        prop_assert!(findings.iter().all(|finding| finding.path == path));
    }

    #[test]
    fn findings_are_about_added_lines(path in select(&PATHS[..]), before in text(), after in text()) {
        let change = Change { path, before: Some(before.as_bytes()), after: Some(after.as_bytes()) };
        let old: Vec<&str> = before.split('\n').map(str::trim).collect();
        let new: Vec<&str> = after.split('\n').map(str::trim).collect();
        for finding in check(&[change], &Settings::default()) {
            let Some(line) = finding.line else { continue };
            prop_assert!(line >= 1 && line as usize <= new.len() + 1, "{finding:?}");
            if is_about_lines(finding.rule) {
                let text = new[line as usize - 1];
                let had = old.iter().filter(|line| **line == text).count();
                let has = new.iter().filter(|line| **line == text).count();
                prop_assert!(has > had, "{finding:?} is about an old line");
            }
        }
    }

    #[test]
    fn an_unchanged_file_has_no_finding(path in select(&PATHS[..]), content in text()) {
        let bytes = content.as_bytes();
        let change = Change { path, before: Some(bytes), after: Some(bytes) };
        prop_assert_eq!(check(&[change], &Settings::default()), []);
    }

    #[test]
    fn adding_blank_lines_adds_no_finding(path in select(&PATHS[..6]), content in text()) {
        let after = format!("{content}\n\n\n");
        let change = Change { path, before: Some(content.as_bytes()), after: Some(after.as_bytes()) };
        prop_assert_eq!(check(&[change], &Settings::default()), []);
    }
}
