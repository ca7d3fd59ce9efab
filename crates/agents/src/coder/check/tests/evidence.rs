//! Answers that look like work and are none.

use super::*;

/// An item of one file to modify and one to create.
fn small() -> ItemRules {
    let planned = [("src/a.rs", Action::Modify), ("pkg/__init__.py", Action::Create)];
    ItemRules {
        files: planned.map(|(path, action)| PlannedFile { path: path.to_owned(), action }).to_vec(),
        ..rules(true)
    }
}

fn modify(content: &str) -> Value {
    entry("src/a.rs", "modify", Some(content), &[])
}

fn read(rules: &ItemRules, files: &[Value], notes: &str) -> Result<usize, String> {
    match rules.read(&answer(files, notes))? {
        Outcome::Done(set) => Ok(set.changes.len()),
        Outcome::Needs(paths) => panic!("{paths:?}"),
    }
}

/// Trap 43: files that come back as they were, in whichever way, are no change.
#[test]
fn what_comes_back_as_it_was_is_named() {
    let mut rules = small();
    rules.files.truncate(1);
    for files in [
        vec![modify("fn a() {}\nfn b() {}\n")],
        vec![modify("fn a() {}\r\nfn b() {}")],
        vec![entry("src/a.rs", "modify", None, &[("fn a", "fn a")])],
        vec![entry("src/a.rs", "modify", None, &[("fn a", "fn c"), ("fn c", "fn a")])],
        vec![
            entry("src/a.rs", "modify", None, &[("fn a", "fn c")]),
            entry("src/a.rs", "modify", None, &[("fn c", "fn a")]),
        ],
    ] {
        for notes in ["", "done", "nothing to do"] {
            let error = read(&rules, &files, notes).unwrap_err();
            assert!(
                error.contains("these files come back as they were: src/a.rs. Give"),
                "{error}"
            );
        }
        let said = "nothing to do: `a` and `b` are there already";
        assert_eq!(read(&rules, &files, said), Ok(0));
    }
}

/// Trap 43: a blank line more is an empty diff for everybody but a diff.
#[test]
fn white_space_alone_is_no_work_unless_it_is_what_was_asked_for() {
    let mut rules = small();
    rules.files.truncate(1);
    for content in ["fn a() {}\n\n\nfn b() {}\n", "fn a() {}  \nfn b() {}\n"] {
        let error = read(&rules, &[modify(content)], "tidied up").unwrap_err();
        assert!(error.contains("nothing but white space"), "{error}");
        let said = "Only white space: the milestone asks for a blank line between functions.";
        assert_eq!(read(&rules, &[modify(content)], said), Ok(1));
        let mending = ItemRules { mending: true, files: rules.files.clone(), ..small() };
        assert_eq!(read(&mending, &[modify(content)], "tidied up"), Ok(1));
    }
    let indented = modify("fn a() {}\n  fn b() {}\n");
    assert_eq!(read(&rules, &[indented], "done"), Ok(1), "an indentation may mean something");
}

#[test]
fn files_without_text_are_work_only_where_they_can_be_meant() {
    let init = || entry("pkg/__init__.py", "create", Some(""), &[]);
    let changed = || modify("fn a() {}\nfn c() {}\n");
    assert_eq!(read(&small(), &[init(), changed()], "done"), Ok(2));
    let mut rules = small();
    rules.files[1].path = "pkg/names.py".to_owned();
    let mut empty = entry("pkg/names.py", "create", Some(" \n"), &[]);
    let error = read(&rules, &[empty.clone(), changed()], "done").unwrap_err();
    assert!(error.contains("pkg/names.py has no text. Give its content"), "{error}");
    empty["explanation"] = json!("left empty, since the package only marks a namespace");
    assert_eq!(read(&rules, &[empty, changed()], "done"), Ok(2));
    let cut = entry("src/a.rs", "modify", None, &[("fn a() {}\nfn b() {}\n", "")]);
    let error = read(&small(), &[init(), cut], "done").unwrap_err();
    assert!(error.contains("src/a.rs: nothing is left of the file's text"), "{error}");
}

/// What a command of the project writes is neither demanded of a model nor taken from it.
#[test]
fn files_that_a_command_writes_are_refused_and_not_missed() {
    let mut rules = small();
    rules.files[1].path = "Cargo.lock".to_owned();
    rules.optional.insert("Cargo.lock".to_owned());
    rules.unwritable = Arc::new(|path| {
        (path == "Cargo.lock").then(|| format!("{path} is written by the project's own command"))
    });
    let changed = modify("fn a() {}\nfn c() {}\n");
    assert_eq!(read(&rules, std::slice::from_ref(&changed), "done"), Ok(1));
    let lock = entry("Cargo.lock", "create", Some("version = 4\n"), &[]);
    let error = read(&rules, &[changed, lock], "done").unwrap_err();
    assert_eq!(error, "Cargo.lock is written by the project's own command; leave it out");
}
