//! Conflict markers, and the headings that look like them.

use static_checks::Rule;

use crate::found;

fn markers(path: &str, after: &str) -> Vec<String> {
    found(Rule::ConflictMarker, path, None, after)
}

const CONFLICT: &str = "a\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> other\n";

#[test]
fn all_three_kinds_are_found_in_every_kind_of_file() {
    for path in ["a.rs", "a.py", "a.md", "a.txt", "a.yaml", "Makefile"] {
        assert_eq!(markers(path, CONFLICT), ["high 2", "high 4", "high 6"], "{path}");
    }
}

#[test]
fn single_markers_are_found() {
    let cases: [(&str, &str, &[&str]); 8] = [
        ("a.rs", "<<<<<<< SEARCH\n", &["high 1"]),
        ("a.rs", "fn a() {}\n=======\n", &["high 2"]),
        ("a.rs", ">>>>>>> REPLACE\r\n", &["high 1"]),
        (
            "a.rs",
            "<<<<<<<\n||||||| base\n=======\n>>>>>>>\n",
            &["high 1", "high 2", "high 3", "high 4"],
        ),
        ("a.md", "text\n>>>>>>> abc123\n", &["high 2"]),
        (
            "a.md",
            "```\n<<<<<<< HEAD\n=======\n>>>>>>> x\n```\n",
            &["medium 2", "medium 3", "medium 4"],
        ),
        ("a.ts", "/*\n<<<<<<< HEAD\n*/\n", &["high 2"]),
        ("a.py", "'''\n<<<<<<< HEAD\n=======\n'''\n", &["high 2", "high 3"]),
    ];
    for (path, after, wanted) in cases {
        assert_eq!(markers(path, after), wanted, "{path}: {after}");
    }
}

#[test]
fn headings_and_operators_are_left_alone() {
    let cases = [
        ("a.md", "Heading\n=======\n\ntext\n"),
        ("a.rst", "Heading\n=======\n"),
        ("a.txt", "Title\n=======\n"),
        ("a.py", "\"\"\"Heading\n=======\n\"\"\"\n"),
        ("a.rs", "/*\nHeading\n=======\n*/\n"),
        ("a.rs", "// =======\nlet a = b << 7;\n"),
        ("a.sh", "<<<<<<<<<< EOF\n"),
        ("a.rs", "    <<<<<<< indented is a quotation\n"),
        ("a.md", "========\n<<<<<<\n>>>>>>>>\n> > > > > > > quoted\n"),
        ("a.sql", "-------\n|||||||\n"),
    ];
    for (path, after) in cases {
        assert_eq!(markers(path, after), [""; 0], "{path}: {after}");
    }
}

#[test]
fn markers_that_were_there_before_do_not_count() {
    let after = format!("new\n{CONFLICT}new\n");
    assert_eq!(found(Rule::ConflictMarker, "a.rs", Some(CONFLICT), &after), [""; 0]);
}
