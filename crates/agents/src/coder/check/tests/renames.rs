//! Files that move: what becomes of the old one, what is compared, and what is no rename.

use super::*;

const OLD: &str = "fn old() {\r\n    // TODO: it was like this\r\n}\r\n";

/// An item that may move two texts and an image.
fn moving() -> ItemRules {
    let planned = [
        ("src/new.rs", Action::Create),
        ("img/new.png", Action::Create),
        ("src/other.rs", Action::Modify),
        ("old.rs", Action::Delete),
        ("logo.png", Action::Delete),
    ];
    ItemRules {
        files: planned.map(|(path, action)| PlannedFile { path: path.to_owned(), action }).to_vec(),
        before: [("old.rs", OLD), ("src/other.rs", "fn other() {}\n")]
            .map(|(path, text)| (path.to_owned(), text.to_owned()))
            .into(),
        ..rules(true)
    }
}

fn moved(path: &str, from: &str, content: Option<&str>, edits: &[(&str, &str)]) -> Value {
    let mut moved = entry(path, "rename", content, edits);
    moved["from"] = json!(from);
    moved
}

fn image() -> Value {
    moved("img/new.png", "logo.png", None, &[])
}

fn read(files: &[Value]) -> Result<Vec<ResolvedChange>, String> {
    match moving().read(&answer(files, "done"))? {
        Outcome::Done(set) => Ok(set.changes),
        Outcome::Needs(paths) => panic!("{paths:?}"),
    }
}

#[test]
fn a_rename_is_a_deletion_and_a_file_that_knows_its_origin() {
    for (entry, after) in [
        (moved("src/new.rs", "./old.rs", None, &[]), OLD.to_owned()),
        (moved("src/new.rs", "old.rs", Some(""), &[]), OLD.to_owned()),
        (
            moved("src/new.rs", "old.rs", None, &[("fn old() {\n", "fn new() {\n    a();\n")]),
            OLD.replace("fn old() {\r\n", "fn new() {\r\n    a();\r\n"),
        ),
        (
            moved("src/new.rs", "old.rs", Some("fn new() {\n    a();\n}\n"), &[]),
            "fn new() {\r\n    a();\r\n}\r\n".to_owned(),
        ),
    ] {
        let changes = read(&[entry, image()]).unwrap();
        let found: Vec<_> = changes
            .iter()
            .map(|change| {
                let from = change.from.as_deref();
                (change.path.as_str(), change.before.as_deref(), change.after.as_deref(), from)
            })
            .collect();
        assert_eq!(
            found,
            [
                ("old.rs", Some(OLD), None, None),
                ("src/new.rs", None, Some(after.as_str()), Some("old.rs")),
                ("logo.png", None, None, None),
                ("img/new.png", None, None, Some("logo.png")),
            ]
        );
    }
}

#[test]
fn the_deletion_may_be_said_too_and_edits_may_be_split() {
    for files in [
        [moved("src/new.rs", "old.rs", None, &[]), entry("old.rs", "delete", None, &[]), image()],
        [entry("old.rs", "delete", None, &[]), image(), moved("src/new.rs", "old.rs", None, &[])],
        [
            moved("src/new.rs", "old.rs", None, &[]),
            image(),
            entry("src/new.rs", "modify", None, &[("fn old", "fn old")]),
        ],
    ] {
        let changes = read(&files).unwrap();
        assert_eq!(changes.len(), 4, "{changes:?}");
        assert_eq!(changes.iter().filter(|change| change.path == "old.rs").count(), 1);
    }
}

/// What the old file had is not the coder's doing; what the rename adds is.
#[test]
fn a_renamed_file_is_checked_against_what_it_was() {
    assert!(read(&[moved("src/new.rs", "old.rs", None, &[("fn old", "fn new")]), image()]).is_ok());
    let stub =
        moved("src/new.rs", "old.rs", None, &[("fn old() {\n", "fn new() {\n    todo!();\n")]);
    let error = read(&[stub, image()]).unwrap_err();
    assert!(error.contains("src/new.rs:2: "), "{error}");
    let created = [
        entry("src/new.rs", "create", Some(OLD), &[]),
        entry("old.rs", "delete", None, &[]),
        image(),
    ];
    assert!(read(&created).unwrap_err().contains("src/new.rs:2: "), "a new file owns what it has");
}

#[test]
fn what_is_no_rename_is_refused_in_words_for_the_model() {
    let whole = || moved("src/new.rs", "old.rs", None, &[]);
    for (files, said) in [
        (vec![entry("src/new.rs", "rename", None, &[])], "from is missing"),
        (vec![moved("src/new.rs", "src/a.rs", None, &[])], "src/a.rs is not one of your files"),
        (vec![moved("src/new.rs", "src/other.rs", None, &[])], "which the plan deletes"),
        (vec![moved("src/new.rs", "../old.rs", None, &[])], "../old.rs is not one of your files"),
        (vec![moved("src/other.rs", "old.rs", None, &[])], "the plan does not create it"),
        (vec![moved("old.rs", "old.rs", None, &[])], "the plan does not create it"),
        (vec![whole(), moved("img/new.png", "old.rs", None, &[])], "decide for one"),
        (vec![moved("src/new.rs", "old.rs", Some("x"), &[("a", "b")])], "either content or edits"),
        (vec![moved("src/new.rs", "logo.png", Some("x"), &[])], "only be renamed as it is"),
        (vec![moved("src/new.rs", "logo.png", None, &[("a", "b")])], "only be renamed as it is"),
        (
            vec![moved("src/new.rs", "old.rs", None, &[("fn odl() {", "x")])],
            "src/new.rs: edits[0]: its search text does not occur",
        ),
        (vec![moved("src/new.rs", "old.rs", None, &[("l", "x")])], "more than once"),
        (vec![whole(), moved("src/new.rs", "logo.png", None, &[])], "more than one entry"),
        (vec![entry("old.rs", "modify", None, &[("old", "new")])], "the plan deletes this file"),
        (vec![whole()], "img/new.png (not there yet), logo.png (still there)"),
    ] {
        let error = read(&files).unwrap_err();
        assert!(error.contains(said), "{said}: {error}");
    }
}

#[test]
fn a_rename_survives_the_journal_and_older_records_have_none() {
    let changes = read(&[moved("src/new.rs", "old.rs", None, &[]), image()]).unwrap();
    let json = serde_json::to_value(&changes).unwrap();
    assert_eq!(serde_json::from_value::<Vec<ResolvedChange>>(json.clone()).unwrap(), changes);
    assert!(json[0].get("from").is_none() && json[1]["from"] == "old.rs");
}
