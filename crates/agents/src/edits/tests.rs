//! Edits that match, edits that do not, and what the model is told.

use super::*;
use proptest::prelude::*;

fn edit(search: &str, replace: &str) -> Edit {
    Edit { search: search.to_owned(), replace: replace.to_owned() }
}

fn refusal(text: &str, edits: &[Edit]) -> String {
    apply("a.rs", text, edits).unwrap_err()
}

#[test]
fn edits_are_applied_in_order() {
    let edits = [edit("one", "two"), edit("two\nthree", "four")];
    assert_eq!(apply("a.rs", "one\nthree\n", &edits).unwrap(), "four\n");
}

#[test]
fn a_file_with_crlf_keeps_it() {
    let text = "one\r\ntwo\r\nthree";
    let edited = apply("a.rs", text, &[edit("two\nthree", "2\n3\n")]).unwrap();
    assert_eq!(edited, "one\r\n2\r\n3\r\n");
    assert_eq!(whole(text, "x\ny\r\n"), "x\r\ny\r\n");
    assert_eq!(whole("a\nb\n", "x\r\ny"), "x\ny");
    assert_eq!(whole("\u{feff}a\n", "b\n"), "\u{feff}b\n");
}

#[test]
fn what_is_not_matched_stays_byte_for_byte() {
    let text = "a\r\nb\nc\r\nd\n\re";
    assert_eq!(apply("a.rs", text, &[edit("b", "B")]).unwrap(), "a\r\nB\nc\r\nd\n\re");
    assert_eq!(apply("a.rs", "a\nend", &[edit("a", "b")]).unwrap(), "b\nend");
}

/// What a model cannot see is not its to change: a mark, an ending, a newline that is not there.
#[test]
fn whole_texts_keep_what_the_file_has() {
    for (before, content, expected) in [
        ("a\r\nb\r\n", "a\nc\n", "a\r\nc\r\n"),
        ("a\nb\n", "a\r\nc\r\n", "a\nc\n"),
        ("a\r\nb\nc\r\n", "a\nb\nc\nd\n", "a\r\nb\nc\r\nd\r\n"),
        ("a\nb", "x\nb\n", "x\nb"),
        ("a\r\nb", "x\nb\n", "x\r\nb"),
        ("a\nb\n", "x\nb", "x\nb\n"),
        ("a\nb", "a\nc\n", "a\nc\n"),
        ("\u{feff}a\r\n", "b\n", "\u{feff}b\r\n"),
        ("\u{feff}a\n", "\u{feff}b\n", "\u{feff}b\n"),
        ("a\n", "\u{feff}b\n", "b\n"),
        ("", "b\n", "b\n"),
        ("one line", "one line\n", "one line"),
    ] {
        assert_eq!(whole(before, content), expected, "{before:?} {content:?}");
    }
}

#[test]
fn edits_keep_what_the_file_has() {
    for (before, search, replace, expected) in [
        ("\u{feff}a\r\nb\r\n", "a\n", "x\ny\n", "\u{feff}x\r\ny\r\nb\r\n"),
        ("\u{feff}a\nb\n", "\u{feff}a", "x", "\u{feff}x\nb\n"),
        ("\u{feff}a\nb\n", "b", "\u{feff}x", "\u{feff}a\nx\n"),
        // The lines around the one that changes are in the search, and stay.
        ("a\r\nb\nc\r\nd\n", "a\nb\nc\n", "a\nB\nc\n", "a\r\nB\nc\r\nd\n"),
        ("x\ny\na\r\n", "a\n", "b\nc\n", "x\ny\nb\r\nc\r\n"),
        // The search ends the file's last line, which does not end.
        ("a\nb", "a\nb\n", "a\nc\n", "a\nc"),
        ("a\r\nb", "b\n", "c\nd\n", "a\r\nc\r\nd"),
        ("a\nb", "a\n", "c\n", "c\nb"),
        ("a\nb", "b\n", "", "a\n"),
    ] {
        let edited = apply("a.rs", before, &[edit(search, replace)]).unwrap();
        assert_eq!(edited, expected, "{before:?} {search:?} {replace:?}");
    }
    assert!(refusal("ab\nb", &[edit("b\n", "c")]).contains("more than once, at lines 1, 2"));
}

#[test]
fn a_search_that_occurs_twice_is_refused_with_its_places() {
    insta::assert_snapshot!(refusal("x = 1\ny\nx = 1\n", &[edit("x = 1", "x = 2")]), @"a.rs: edits[0]: its search text occurs more than once, at lines 1, 3; add neighbouring lines until it occurs once");
    assert!(refusal("aaa", &[edit("aa", "b")]).contains("more than once"));
    assert!(refusal("ééé", &[edit("éé", "b")]).contains("more than once"));
}

#[test]
fn a_search_that_occurs_nowhere_is_refused_with_the_nearest_lines() {
    let text = "fn a() {\n    one();\n}\n\nfn b() {\n\ttwo(1, 2);\n}\n";
    insta::assert_snapshot!(refusal(text, &[edit("one", "1"), edit("fn b() {\n    two(1, 2);\n}", "")]), @"
    a.rs: edits[1] (after the edits before it): its search text does not occur in the file. The nearest lines are (without the numbers):
    <<< lines of the file 1a9c885d57a1874d
        5| fn b() {
        6| 	two(1, 2);
        7| }
    >>> 1a9c885d57a1874d
    Copy the search text exactly from the file, with its white space
    ");
    assert!(refusal(text, &[edit("tow(1, 2)", "")]).contains("6| \ttwo(1, 2);"));
    assert!(refusal(text, &[edit("zebra quagga", "")]).contains("nothing like it"));
    assert!(refusal(text, &[edit("", "x")]).contains("empty"));
    assert!(refusal("", &[edit("x", "y")]).contains("does not occur"));
}

#[test]
fn the_search_for_near_lines_is_bounded() {
    let text = "    some_call(with, arguments);\n".repeat(40_000);
    let search = "    some_call(with, argument);\n".repeat(3000);
    let said = refusal(&text, &[edit(&search, "")]);
    assert!(said.len() < 8000);
}

proptest! {
    #[test]
    fn an_edit_equals_a_plain_replacement(before in "[ab\n]{0,20}", after in "[ab\n]{0,20}", crlf: bool) {
        let ending = if crlf { "\r\n" } else { "\n" };
        let text = format!("{before}\nNEEDLE\n{after}").replace('\n', ending);
        let edited = apply("a", &text, &[edit("NEEDLE\n", "x\ny\n")]).unwrap();
        prop_assert_eq!(edited, text.replace(&format!("NEEDLE{ending}"), &format!("x{ending}y{ending}")));
    }
}
