//! Bytes that are not text, sizes, and files that lost most of themselves.

use static_checks::{Change, Finding, Rule, Settings, check};

use crate::{found, place};

fn check_bytes(before: Option<&[u8]>, after: &[u8], limit: u64) -> Vec<Finding> {
    let change = Change { path: "a.rs", before, after: Some(after) };
    let settings = Settings { max_file_bytes: limit };
    check(&[change], &settings)
}

#[test]
fn bytes_that_are_not_text_are_high_and_alone() {
    for after in [&b"todo!()\0"[..], b"\xff\xfe", b"caf\xe9", b"\0"] {
        let findings = check_bytes(None, after, 1000);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].rule, Rule::Binary);
        assert_eq!(place(&findings[0]), "high");
    }
    assert_eq!(check_bytes(None, "// é 世界 \u{feff}".as_bytes(), 1000), []);
}

#[test]
fn a_file_over_the_limit_is_high_unless_it_was_and_did_not_grow() {
    let old = "x\n".repeat(60);
    let cases = [
        (None, 100, 0),
        (None, 101, 1),
        (Some(old.as_bytes()), 119, 0),
        (Some(old.as_bytes()), 121, 1),
    ];
    for (before, size, wanted) in cases {
        let after = "y".repeat(size);
        let findings = check_bytes(before, after.as_bytes(), 100);
        let oversized = findings.iter().filter(|f| f.rule == Rule::Oversized);
        assert_eq!(oversized.count(), wanted, "{size}");
    }
}

#[test]
fn nothing_is_found_in_what_did_not_change_or_is_gone() {
    let content = b"todo!()\n<<<<<<< HEAD\n\0";
    assert_eq!(check_bytes(Some(content), content, 1), []);
    let gone = Change { path: "a.rs", before: Some(b"todo!()"), after: None };
    assert_eq!(check(&[gone], &Settings::default()), []);
    assert_eq!(check(&[], &Settings::default()), []);
}

fn numbered(lines: std::ops::Range<usize>) -> String {
    lines.map(|number| format!("let a{number} = {number};\n")).collect()
}

#[test]
fn a_rewrite_that_drops_most_of_a_file_is_medium() {
    let before = numbered(0..100);
    let cases: [(&str, String, &[&str]); 6] = [
        ("a few lines are left", numbered(0..10), &["medium"]),
        ("all is new and short", numbered(200..220), &["medium"]),
        ("nothing is left", String::new(), &["medium"]),
        ("half is left", numbered(0..50), &[]),
        ("all is new and as long", numbered(200..300), &[]),
        ("re-indented", before.replace("let", "    let"), &[]),
    ];
    for (name, after, wanted) in cases {
        assert_eq!(found(Rule::Gutted, "a.rs", Some(&before), &after), wanted, "{name}");
    }
    assert_eq!(found(Rule::Gutted, "a.rs", Some(&numbered(0..30)), ""), [""; 0]);
}

#[test]
fn lines_that_moved_to_another_file_are_not_lost() {
    let before = numbered(0..100);
    let (kept, moved) = (numbered(0..5), numbered(5..100));
    let changes = [
        Change { path: "a.rs", before: Some(before.as_bytes()), after: Some(kept.as_bytes()) },
        Change { path: "b.rs", before: None, after: Some(moved.as_bytes()) },
    ];
    assert_eq!(check(&changes, &Settings::default()), []);
    assert_eq!(check(&changes[..1], &Settings::default()).len(), 1);
}
