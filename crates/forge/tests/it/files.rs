//! The files as people see them.

use forge::{Error, Forge as _, IssueState, MAX_BODY_BYTES};

use crate::{Top, issue};

#[tokio::test]
async fn an_issue_is_a_file_that_a_person_can_read() {
    let top = Top::new();
    let made = top.folder.create(&issue("manual/2")).await.unwrap();
    assert_eq!(made.url, ".belay/issues/0001-milestone-2-needs-a-person-manual-2.md");
    insta::assert_snapshot!(top.read(&made.url), @r#"
    ---
    number: 1
    title: "Milestone 2 needs a person: manual/2"
    state: open
    labels:
    - belay
    - manual task
    run: 01JABCDEFGHJKMNPQRSTVWXYZ0
    step: manual/2
    ---

    Nobody answered.

    ## What to do

    - [ ] write `src/a.rs`
    "#);
    assert_eq!(top.read(".belay/.gitignore"), "*\n");
}

/// Killed between making the file and writing it, or without power before it was synced.
#[tokio::test]
async fn a_folder_that_ignores_nothing_yet_is_made_to_ignore_itself() {
    for (left, expected) in [("", "*\n"), ("# mine\n", "# mine\n")] {
        let top = Top::new();
        let belay = top.dir.path().join(".belay");
        std::fs::create_dir(&belay).unwrap();
        std::fs::write(belay.join(".gitignore"), left).unwrap();
        top.folder.create(&issue("a")).await.unwrap();
        assert_eq!(top.read(".belay/.gitignore"), expected);
    }
}

#[tokio::test]
async fn comments_and_the_reason_for_closing_stand_below() {
    let top = Top::new();
    let made = top.folder.create(&issue("manual/2")).await.unwrap();
    let comment = |body, marker| top.folder.comment(&made.url, body, marker);
    comment("Tried again: **no answer**.", "try 1").await.unwrap();
    comment("And again.", "try 2").await.unwrap();
    top.folder.close(&made.url, "The models are back.").await.unwrap();
    insta::assert_snapshot!(top.read(&made.url), @r#"
    ---
    number: 1
    title: "Milestone 2 needs a person: manual/2"
    state: closed
    labels:
    - belay
    - manual task
    run: 01JABCDEFGHJKMNPQRSTVWXYZ0
    step: manual/2
    ---

    Nobody answered.

    ## What to do

    - [ ] write `src/a.rs`

    ## Comments

    <!-- belay:comment=try%201 -->
    Tried again: **no answer**.
    <!-- belay:end -->

    <!-- belay:comment=try%202 -->
    And again.
    <!-- belay:end -->

    <!-- belay:closed -->
    Closed: The models are back.
    <!-- belay:end -->
    "#);
}

#[tokio::test]
async fn what_was_written_is_read_back() {
    let top = Top::new();
    let new = issue("manual/2");
    let made = top.folder.create(&new).await.unwrap();
    assert_eq!((made.number, made.state), (1, IssueState::Open));
    assert_eq!((&made.title, &made.body), (&new.title, &new.body));
    assert_eq!(made.labels, new.labels);
    assert_eq!(made.marker.as_ref(), Some(&new.marker));
    assert_eq!(top.folder.open_issues().await.unwrap(), std::slice::from_ref(&made));

    top.folder.comment(&made.url, "a comment", "c").await.unwrap();
    assert_eq!(top.folder.open_issues().await.unwrap(), std::slice::from_ref(&made));
    top.folder.close(&made.url, "done").await.unwrap();
    assert!(top.folder.open_issues().await.unwrap().is_empty());
}

#[tokio::test]
async fn looking_leaves_no_trace() {
    let top = Top::new();
    assert!(top.folder.open_issues().await.unwrap().is_empty());
    assert!(top.names("").is_empty());
}

#[tokio::test]
async fn nothing_but_issues_and_their_bookkeeping_is_left() {
    let top = Top::new();
    let made = top.folder.create(&issue("a")).await.unwrap();
    top.folder.comment(&made.url, "c", "c").await.unwrap();
    top.folder.close(&made.url, "done").await.unwrap();
    assert_eq!(top.names(""), [".belay"]);
    assert_eq!(top.names(".belay"), [".gitignore", "issues"]);
    let name = made.url.rsplit('/').next().unwrap();
    assert_eq!(top.names(".belay/issues"), [".last-number", ".lock", name]);
}

#[tokio::test]
async fn what_a_killed_writer_left_is_swept_and_never_read() {
    let top = Top::new();
    top.folder.create(&issue("a")).await.unwrap();
    top.write(".belay/issues/.writing.tmp", "---\ntit");
    assert_eq!(top.folder.open_issues().await.unwrap().len(), 1);
    let second = top.folder.create(&issue("b")).await.unwrap();
    assert_eq!(second.number, 2);
    assert!(!top.names(".belay/issues").contains(&".writing.tmp".into()));
}

#[tokio::test]
async fn an_address_that_is_none_is_refused() {
    let top = Top::new();
    let unknown = |outcome| matches!(outcome, Err(Error::UnknownIssue { .. }));
    let missing = ".belay/issues/0001-a.md";
    assert!(unknown(top.folder.comment(missing, "c", "c").await));
    top.folder.create(&issue("a")).await.unwrap();
    top.write("0001-a.md", "outside");
    for url in [
        "",
        "0001-a.md",
        ".belay/issues/../../0001-a.md",
        ".belay/issues/0002-a.md",
        ".belay/issues/.lock",
        ".belay/issues",
        "/.belay/issues/0001-a.md",
        "https://example.org/issues/1",
    ] {
        assert!(unknown(top.folder.close(url, "r").await), "{url:?}");
        assert!(unknown(top.folder.comment(url, "c", "c").await), "{url:?}");
    }
    assert_eq!(top.read("0001-a.md"), "outside");
}

#[tokio::test]
async fn an_issue_takes_comments_until_it_is_full() {
    let top = Top::new();
    let made = top.folder.create(&issue("a")).await.unwrap();
    let long = "x".repeat(MAX_BODY_BYTES);
    let mut taken = 0;
    let full = loop {
        let marker = taken.to_string();
        match top.folder.comment(&made.url, &long, &marker).await {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, Error::TooLarge { .. }), "{full:?}");
    assert_eq!(taken, 17);
    assert_eq!(top.folder.open_issues().await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_issue_needs_a_title_and_a_marker() {
    let top = Top::new();
    let mut nameless = issue("a");
    nameless.title = "\n".into();
    let refused = top.folder.create(&nameless).await;
    assert!(matches!(refused, Err(Error::Invalid(_))));
    let refused = top.folder.create(&issue("")).await;
    assert!(matches!(refused, Err(Error::Invalid(_))));
    assert!(top.names("").is_empty(), "nothing was made");
}
