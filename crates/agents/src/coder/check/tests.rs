//! Answers of coders: what counts, what is put right, what is refused and with which words.

mod evidence;
mod renames;

use super::*;
use crate::asking::Settings;
use crate::divide::Action;
use crate::source::SourceFile;
use serde_json::json;

fn rules(rounds: bool) -> ItemRules {
    let settings = Settings {
        context_files: vec![],
        deny: vec!["**/.env".to_owned()],
        rounds: 0,
        max_milestones: 3,
        max_file_bytes: 10_000,
        max_questions: 3,
        unwritable: Arc::new(|_| None),
        path_guard: Arc::new(|_| Ok(())),
        work: crate::WorkRules::default(),
    };
    let files: Vec<SourceFile> = ["src/a.rs", "old.rs", "logo.png", "src/other.rs", ".env"]
        .map(|path| SourceFile { path: path.to_owned(), size: 10 })
        .to_vec();
    let planned = [
        ("src/a.rs", Action::Modify),
        ("src/new.rs", Action::Create),
        ("old.rs", Action::Delete),
        ("logo.png", Action::Modify),
    ];
    let before = [("src/a.rs", "fn a() {}\r\nfn b() {}\r\n"), ("old.rs", "fn old() {}\n")];
    ItemRules {
        known: Arc::new(Known::new(&files, &settings).unwrap()),
        files: planned.map(|(path, action)| PlannedFile { path: path.to_owned(), action }).to_vec(),
        before: before.map(|(path, text)| (path.to_owned(), text.to_owned())).into(),
        optional: BTreeSet::new(),
        unwritable: settings.unwritable,
        mending: false,
        outside: None,
        shown: rounds.then(|| BTreeSet::from(["src/a.rs".to_owned(), "old.rs".to_owned()])),
    }
}

fn entry(path: &str, action: &str, content: Option<&str>, edits: &[(&str, &str)]) -> Value {
    let edits: Vec<Value> = edits
        .iter()
        .map(|(search, replace)| json!({"search": search, "replace": replace}))
        .collect();
    json!({"path": path, "action": action, "content": content, "edits": edits, "explanation": "why"})
}

fn answer(files: &[Value], notes: &str) -> Value {
    json!({"files": files, "notes": notes})
}

/// With the files that every answer must have, where the case is not about them.
fn whole(files: &[Value]) -> Vec<Value> {
    let rest = [
        entry("src/new.rs", "create", Some("fn new() {}\n"), &[]),
        entry("old.rs", "delete", None, &[]),
    ];
    let missing =
        rest.into_iter().filter(|rest| files.iter().all(|file| file["path"] != rest["path"]));
    files.iter().cloned().chain(missing).collect()
}

fn done(files: &[Value]) -> ChangeSet {
    match rules(true).read(&answer(&whole(files), "done")) {
        Ok(Outcome::Done(set)) => set,
        other => panic!("{other:?}"),
    }
}

fn refused(files: &[Value]) -> String {
    rules(true).read(&answer(files, "done")).unwrap_err()
}

/// Later work counts on files that were planned: to leave one out is not done.
#[test]
fn a_file_that_is_left_out_in_silence_is_refused() {
    let edit = || entry("src/a.rs", "modify", None, &[("fn a", "fn c")]);
    let create = || entry("src/new.rs", "create", Some("fn new() {}\n"), &[]);
    let read = |files: &[Value], notes: &str| rules(true).read(&answer(files, notes));
    let message = read(&[edit(), create()], "done").unwrap_err();
    assert!(message.contains("left out: old.rs (still there)."), "{message}");
    let message = read(&[edit()], "done").unwrap_err();
    assert!(message.contains("src/new.rs (not there yet), old.rs (still there)."), "{message}");
    assert!(read(&whole(&[]), "done").is_ok(), "a file to be modified may need no change");
}

/// Trap 43: what is missing cannot be done already, whatever the notes say.
#[test]
fn nothing_to_do_does_not_excuse_what_is_plainly_not_done() {
    let said = "Nothing to do: everything is there already.";
    for (action, path, expected) in [
        (Action::Create, "src/new.rs", Some("src/new.rs (not there yet)")),
        (Action::Modify, "src/new.rs", Some("src/new.rs (not there yet)")),
        (Action::Delete, "old.rs", Some("old.rs (still there)")),
        (Action::Create, "src/other.rs", None),
        (Action::Modify, "src/other.rs", None),
        (Action::Delete, "gone.rs", None),
    ] {
        let files = vec![PlannedFile { path: path.to_owned(), action }];
        let alone = ItemRules { files, ..rules(true) };
        match (alone.read(&answer(&[], said)), expected) {
            (Err(message), Some(expected)) => assert!(message.contains(expected), "{message}"),
            (Ok(Outcome::Done(set)), None) => assert!(set.changes.is_empty()),
            other => panic!("{action:?} {path}: {other:?}"),
        }
    }
    let edit = entry("src/a.rs", "modify", None, &[("fn a", "fn c")]);
    assert!(rules(true).read(&answer(&[edit], said)).unwrap_err().contains("src/new.rs (not"));
}

#[test]
fn a_file_that_is_there_already_is_left_out_only_with_a_word() {
    let files = ["src/a.rs", "src/other.rs"].map(|path| PlannedFile {
        path: path.to_owned(),
        action: if path == "src/a.rs" { Action::Modify } else { Action::Create },
    });
    let rules = ItemRules { files: files.to_vec(), ..rules(true) };
    let edit = || entry("src/a.rs", "modify", None, &[("fn a", "fn c")]);
    let message = rules.read(&answer(&[edit()], "done")).unwrap_err();
    assert!(message.contains("left out: src/other.rs."), "{message}");
    assert!(rules.read(&answer(&[edit()], "Nothing to do for src/other.rs: it is there.")).is_ok());
}

#[test]
fn contents_edits_and_deletions_become_changes() {
    let set = done(&[
        entry("./src/a.rs", "modify", None, &[("fn a() {}\n", "fn a() { b() }\n")]),
        entry("src/new.rs", "modify", Some("fn new() {}\n"), &[]),
        entry("old.rs", "delete", None, &[]),
    ]);
    let changed: Vec<_> = set
        .changes
        .iter()
        .map(|change| (change.path.as_str(), change.before.is_some(), change.after.as_deref()))
        .collect();
    assert_eq!(
        changed,
        [
            ("src/a.rs", true, Some("fn a() { b() }\r\nfn b() {}\r\n")),
            ("src/new.rs", false, Some("fn new() {}\n")),
            ("old.rs", true, None)
        ]
    );
    assert_eq!((set.notes.as_str(), set.changes[0].explanation.as_str()), ("done", "why"));
}

#[test]
fn edits_that_are_split_over_entries_are_joined() {
    let set = done(&[
        entry("src/a.rs", "modify", None, &[("fn a", "fn c")]),
        entry("src/a.rs", "modify", None, &[("fn c() {}", "fn c() { b() }")]),
    ]);
    assert_eq!(set.changes.iter().filter(|change| change.path == "src/a.rs").count(), 1);
    assert_eq!(set.changes[0].after.as_deref(), Some("fn c() { b() }\r\nfn b() {}\r\n"));
}

#[test]
fn what_does_not_fit_the_item_is_refused_in_words_for_the_model() {
    for (files, said) in [
        (
            vec![entry("src/other.rs", "modify", Some("x"), &[])],
            "is not one of your files; you may change only src/a.rs, ",
        ),
        (vec![entry("src/a.rs", "delete", None, &[])], "does not delete this file"),
        (vec![entry("src/a.rs", "modify", Some("x"), &[("fn a", "y")])], "either content or edits"),
        (vec![entry("src/a.rs", "modify", None, &[])], "neither content nor edits"),
        (vec![entry("src/a.rs", "modify", Some(" \n"), &[])], "would lose the file's text"),
        (vec![entry("src/a.rs", "modify", None, &[("fn", "x")])], "more than once, at lines 1, 2"),
        (vec![entry("src/a.rs", "modify", None, &[("fn a(){}", "x")])], "    1| fn a() {}"),
        (vec![entry("src/new.rs", "modify", None, &[("a", "b")])], "does not exist yet"),
        (vec![entry("logo.png", "modify", Some("x"), &[])], "is no text that can be shown"),
        (
            vec![
                entry("src/new.rs", "create", Some("x"), &[]),
                entry("src/new.rs", "create", Some("y"), &[]),
            ],
            "more than one entry",
        ),
        (
            vec![
                entry("old.rs", "delete", None, &[]),
                entry("old.rs", "modify", None, &[("a", "b")]),
            ],
            "more than one entry",
        ),
        (vec![entry("src/new.rs", "create", Some("x"), &[]); 401], "401 entries"),
    ] {
        let error = refused(&files);
        assert!(error.contains(said), "{said}: {error}");
    }
}

#[test]
fn notes_and_explanations_hold_nothing_that_cannot_be_seen() {
    let mut edit = entry("src/a.rs", "modify", None, &[("fn a", "fn c")]);
    edit["explanation"] = json!("w\u{1b}[2Jh\0y\u{202e}");
    match rules(true).read(&answer(&whole(&[edit]), "d\u{7}one\u{200b}")) {
        Ok(Outcome::Done(set)) => {
            assert_eq!((set.notes.as_str(), set.changes[0].explanation.as_str()), ("done", "why"));
        }
        other => panic!("{other:?}"),
    }
}

/// Trap 45: a stub with a clean exit is no work.
#[test]
fn placeholder_code_is_refused() {
    let error = refused(&whole(&[entry(
        "src/new.rs",
        "create",
        Some("fn new() {\n    todo!()\n}\n"),
        &[],
    )]));
    assert!(error.starts_with("the changes cannot be accepted:\nsrc/new.rs:2: "), "{error}");
}

/// Trap 43: an empty change set is a failure, unless the coder says that nothing is to do.
#[test]
fn changing_nothing_counts_only_when_it_is_said() {
    let same = entry("src/a.rs", "modify", Some("fn a() {}\nfn b() {}\n"), &[]);
    let mut rules = rules(true);
    rules.files.retain(|file| file.action == Action::Modify);
    for files in [vec![], vec![same]] {
        let message = rules.read(&answer(&files, "done")).unwrap_err();
        assert!(message.contains("the answer changes nothing"), "{message}");
        let said = rules.read(&answer(&files, "Nothing to do: b is there already."));
        assert!(matches!(said, Ok(Outcome::Done(set)) if set.changes.is_empty()));
    }
}

#[test]
fn further_files_are_given_only_if_they_can_be_had() {
    let ask = |paths: &[&str], rounds| {
        rules(rounds).read(&json!({"files": [], "notes": "", "needs_files": paths}))
    };
    match ask(&["./src/other.rs", ".env", "nowhere.rs", "src/a.rs", "src/other.rs"], true) {
        Ok(Outcome::Needs(paths)) => assert_eq!(paths, ["src/other.rs"]),
        other => panic!("{other:?}"),
    }
    assert!(
        ask(&[".env", "src/a.rs"], true).unwrap_err().contains("none of needs_files can be had")
    );
    assert!(ask(&["src/other.rs"], false).unwrap_err().contains("no more files can be had"));
    let both = json!({"files": whole(&[]), "notes": "", "needs_files": ["src/other.rs"]});
    assert!(matches!(rules(true).read(&both), Ok(Outcome::Done(_))));
    let null = json!({"files": whole(&[]), "notes": "", "needs_files": null});
    assert!(matches!(rules(true).read(&null), Ok(Outcome::Done(_))));
}

#[test]
fn what_is_no_such_answer_is_refused() {
    for value in [
        json!(null),
        json!([]),
        json!({"files": 1, "notes": ""}),
        json!({"files": [{"path": "a"}], "notes": ""}),
    ] {
        assert!(rules(true).read(&value).unwrap_err().contains("does not fit its schema"));
    }
}
