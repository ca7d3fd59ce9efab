//! Code that parses, and code that does not.

use static_checks::{Change, Finding, Rule, Settings, check};

use crate::found;

const VALID: [(&str, &str); 7] = [
    ("src/queue.rs", include_str!("code/queue.rs.txt")),
    ("jobs/worker.py", include_str!("code/worker.py.txt")),
    ("src/cart.js", include_str!("code/cart.js.txt")),
    ("src/List.jsx", include_str!("code/List.jsx.txt")),
    ("src/router.ts", include_str!("code/router.ts.txt")),
    ("src/Table.tsx", include_str!("code/Table.tsx.txt")),
    ("cache/cache.go", include_str!("code/cache.go.txt")),
];

fn syntax(path: &str, before: Option<&str>, after: &str) -> Vec<Finding> {
    let change = Change { path, before: before.map(str::as_bytes), after: Some(after.as_bytes()) };
    let mut found = check(&[change], &Settings::default());
    found.retain(|finding| finding.rule == Rule::Syntax);
    found
}

#[test]
fn real_files_of_every_language_have_no_finding() {
    for (path, text) in VALID {
        let change = Change { path, before: None, after: Some(text.as_bytes()) };
        assert_eq!(check(&[change], &Settings::default()), [], "{path}");
    }
}

/// Brackets and quotes of every file, each taken out alone. One within a string
/// or a pattern is no loss; the bracket that stays open may stand far from where
/// its other half was.
#[test]
fn a_lost_bracket_or_quote_is_found_near_its_line() {
    for (path, text) in VALID {
        let (mut lost, mut seen, mut near) = (0, 0, 0);
        let marks = text.bytes().enumerate().filter(|(_, byte)| b"{}()[]\"".contains(byte));
        for (at, _) in marks.step_by(4) {
            let line = 1 + text[..at].bytes().filter(|byte| *byte == b'\n').count();
            let broken = format!("{}{}", &text[..at], &text[at + 1..]);
            let found = syntax(path, Some(text), &broken);
            lost += 1;
            if let [finding] = found.as_slice() {
                seen += 1;
                near += usize::from(finding.line.unwrap().abs_diff(line as u32) <= 3);
            }
        }
        assert!(lost >= 15 && seen * 100 >= lost * 80, "{path}: {seen} of {lost} found");
        assert!(near * 100 >= seen * 75, "{path}: {near} of {seen} near");
    }
}

#[test]
fn broken_code_is_high_with_its_line() {
    let cases = [
        ("a.rs", "fn a() {}\n\nfn b() -> {\n    1\n}\n", "high 3"),
        ("a.rs", "fn a() {\n    if b() {\n        c();\n}\n\nfn d() {}\n", "high 2"),
        ("a.rs", "fn a() {\n    let b = ;\n}\n", "high 2"),
        ("a.rs", "```rust\nfn a() {}\n```\n", "high 1"),
        ("a.py", "def a():\n    return 1\n\ndef b()\n    return 2\n", "high 4"),
        ("a.py", "x = [1,\n  2\n\ndef b():\n    return 2\n", "high 1"),
        ("a.py", "Here is the file:\n\ndef b():\n    return 2\n", "high 1"),
        ("a.js", "const a = {\n  b: 1,\n  c: function( {}\n};\n", "high 3"),
        ("a.jsx", "const a = () => (\n  <ul>\n    <li>one</li>\n);\n", "high 1"),
        ("a.ts", "type A = {\n  b: string\n\nconst c = 1;\n", "high 1"),
        ("a.tsx", "const a = <b>{c</b>;\n", "high 1"),
        ("a.go", "package a\n\nfunc b() int {\n\treturn 1 +\n}\n", "high 4"),
        ("a.go", "package a\n\nfunc b( {\n}\n", "high 3"),
        ("tests/fixtures/a.py", "def (:\n", "low 1"),
    ];
    for (path, after, wanted) in cases {
        assert_eq!(found(Rule::Syntax, path, None, after), [wanted], "{path}: {after}");
    }
}

/// Trap of every grammar: it knows the language of last year.
#[test]
fn what_grammars_cannot_read_is_never_high() {
    let cases: [(&str, &str, &[&str]); 13] = [
        ("a.rs", "extern \"C\" {\n    pub type A;\n}\n", &["medium 2"]),
        ("a.rs", "m!(a $ b @ ~ 'c);\n", &["medium 1"]),
        ("a.ts", "interface A<in T, out R> {}\n", &["medium 1"]),
        ("a.py", "print 'two', x\nexec code in scope\n", &[]),
        ("a.py", "#!/usr/bin/env bash\nif [ -n \"$A\" ]; then b; fi\n", &[]),
        ("a.py", "{% if a %}\nimport b\n{% endif %}\n", &[]),
        ("a.js", "/* @flow */\nfunction a(b: ?number): void {}\n", &[]),
        ("a.js", "{% for a in b %}\nf(\n{% endfor %}\n", &[]),
        ("a.d.ts", "declare module 'a' {\n  export const b: unique symbol;\n}\n", &[]),
        ("a.vue", "<template><a></template>\n<script>(</script>\n", &[]),
        ("a.java", "class A {\n", &[]),
        ("a.go", "", &[]),
        ("a.py", "\u{feff}x = 1\r\n", &[]),
    ];
    for (path, after, wanted) in cases {
        assert_eq!(found(Rule::Syntax, path, None, after), wanted, "{path}: {after}");
    }
}

#[test]
fn a_change_is_blamed_only_for_what_it_broke() {
    let broken = "fn a() {\n    let b = ;\n}\n";
    let cases: [(&str, &str, &[&str]); 6] = [
        (broken, "fn a() {\n    let b = ;\n    let c = ;\n}\n", &[]),
        (broken, "fn a() {\n    let b = 1;\n}\n", &[]),
        (broken, "fn a() {\n    let b = ;\n", &["medium 1"]),
        ("fn a() {}\n", "fn a() {\n", &["high 1"]),
        ("extern \"C\" {\n    pub type A;\n}\n", "extern \"C\" {\n    pub type B;\n}\n", &[]),
        ("fn a() {", "fn a() { (", &[]),
    ];
    for (before, after, wanted) in cases {
        assert_eq!(found(Rule::Syntax, "a.rs", Some(before), after), wanted, "{after}");
    }
}

#[test]
fn hostile_input_is_bounded() {
    let pieces =
        ["(", "[", "{", "<a>", "f(", "a::", "a<", "x => {", "f\"{", "a,", "\"", "-", "`${"];
    for path in ["a.rs", "a.py", "a.jsx", "a.ts", "a.tsx", "a.go"] {
        for piece in pieces {
            let after = piece.repeat(8_000 / piece.len());
            assert!(found(Rule::Syntax, path, None, &after).len() <= 1, "{path}: {piece}");
        }
        let wide = format!("{}{}", " ".repeat(100_000), "()".repeat(5_000));
        assert!(found(Rule::Syntax, path, None, &wide).len() <= 1, "{path}");
        let deep = "(".repeat(60_000);
        assert_eq!(found(Rule::Syntax, path, None, &deep), ["medium"], "{path}");
        assert_eq!(found(Rule::Syntax, path, Some(&deep), &format!("{deep})")), [""; 0]);
        assert_eq!(found(Rule::Syntax, path, None, &"(".repeat(1 << 20)), ["low"], "{path}");
    }
}

#[test]
fn the_message_names_the_place_in_one_clean_line() {
    let key = format!("{}_{}", "ghp", "q7Zk2LmX9vB4nT8wR3yC6dF1hJ5sG0pAeUiO");
    let long = format!("fn a() {{\n    let \u{1b}[31m= {};\n}}\n", "x".repeat(500));
    let secret = format!("fn a() {{\n    let {key} + ;\n}}\n");
    for after in [long, secret] {
        let found = syntax("a.rs", None, &after);
        assert_eq!(found.len(), 1);
        let message = &found[0].message;
        assert!(message.len() < 200 && !message.contains(char::is_control), "{message}");
        assert!(!message.contains(&key), "{message}");
    }
    let found = syntax("a.py", None, "def a():\n    return 1 +\n\nb = 2\n");
    insta::assert_debug_snapshot!(found, @r#"
    [
        Finding {
            path: "a.py",
            line: Some(
                2,
            ),
            severity: High,
            rule: Syntax,
            message: "Not valid Python: unexpected `return 1 +`.",
            suggestion: "Correct the code there and just before, so that the whole file is valid Python.",
        },
    ]
    "#);
}

/// A grammar may recover from a flaw that was there in another way once lines follow.
#[test]
fn a_blank_end_breaks_nothing() {
    let before = "${/*\n}";
    assert_eq!(syntax("a.rs", Some(before), &format!("{before}\n\n\n")), []);
}
