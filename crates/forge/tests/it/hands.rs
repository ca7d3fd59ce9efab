//! What people do to the files with an editor.

use std::fs;

use forge::{Error, Forge as _, IssueState};

use crate::{Top, issue};

#[tokio::test]
async fn closing_and_reopening_by_hand_counts() {
    let top = Top::new();
    let made = top.folder.create(&issue("a")).await.unwrap();
    top.edit(&made, "state: open", "state: Closed  # done by me");
    assert!(top.folder.open_issues().await.unwrap().is_empty());
    top.edit(&made, "state: Closed  # done by me", "state: open");
    let open = top.folder.open_issues().await.unwrap();
    assert_eq!(open[0].state, IssueState::Open);
}

#[tokio::test]
async fn what_people_added_to_the_file_survives_our_changes() {
    let top = Top::new();
    let made = top.folder.create(&issue("a")).await.unwrap();
    top.edit(&made, "state: open", "assignee: me   # mine\nstate:   open\nestimate: 3");
    top.edit(&made, "- [ ]", "- [x]");
    top.folder.comment(&made.url, "noted", "c").await.unwrap();
    top.folder.close(&made.url, "done").await.unwrap();
    let text = top.read(&made.url);
    for kept in ["assignee: me   # mine\nstate: closed\nestimate: 3\n", "- [x]", "noted"] {
        assert!(text.contains(kept), "{kept:?} is not in {text}");
    }
}

#[tokio::test]
async fn line_ends_and_byte_order_marks_of_other_editors_are_read() {
    let top = Top::new();
    let made = top.folder.create(&issue("a")).await.unwrap();
    top.folder.comment(&made.url, "kept", "c").await.unwrap();
    let text = format!("\u{feff}{}", top.read(&made.url).replace('\n', "\r\n"));
    top.write(&made.url, &text);
    assert_eq!(top.folder.open_issues().await.unwrap(), std::slice::from_ref(&made));
    assert_eq!(top.folder.create(&issue("a")).await.unwrap(), made);
    top.folder.comment(&made.url, "again", "c").await.unwrap();
    assert_eq!(top.read(&made.url), text, "the comment is there already");
    top.folder.close(&made.url, "done").await.unwrap();
    assert!(top.folder.open_issues().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_file_by_hand_with_next_to_nothing_is_an_issue() {
    let top = Top::new();
    top.folder.create(&issue("a")).await.unwrap();
    top.write(".belay/issues/7.md", "---\ntitle: 12\nlabels:\n---\nMine.\n");
    let open = top.folder.open_issues().await.unwrap();
    let mine = &open[1];
    assert_eq!((mine.number, mine.title.as_str()), (7, "12"));
    assert_eq!((mine.body.as_str(), &mine.marker), ("Mine.", &None));
    top.folder.close(&mine.url, "seen").await.unwrap();
    assert_eq!(top.folder.open_issues().await.unwrap().len(), 1);
    assert!(top.read(".belay/issues/7.md").starts_with("---\ntitle: 12\n"));
}

#[tokio::test]
async fn a_renamed_issue_is_found_by_its_number() {
    let top = Top::new();
    let made = top.folder.create(&issue("a")).await.unwrap();
    let renamed = ".belay/issues/0001-in-my-words.md";
    fs::rename(top.dir.path().join(&made.url), top.dir.path().join(renamed)).unwrap();
    assert_eq!(top.folder.create(&issue("a")).await.unwrap().url, renamed);
    top.folder.close(&made.url, "done").await.unwrap();
    assert!(top.read(renamed).contains("state: closed"));
}

/// One spoilt file neither hides the others nor is touched, nor is its issue
/// made a second time.
#[tokio::test]
async fn a_spoilt_file_is_passed_over_and_left_alone() {
    let top = Top::new();
    let spoilt = top.folder.create(&issue("a")).await.unwrap();
    let good = top.folder.create(&issue("b")).await.unwrap();
    for (from, to) in [
        ("state: open", "state: perhaps"),
        ("state: perhaps", "state: [open"),
        ("title: ", "title: Fix: this: "),
    ] {
        top.edit(&spoilt, from, to);
        let text = top.read(&spoilt.url);
        assert_eq!(top.folder.open_issues().await.unwrap(), std::slice::from_ref(&good));
        let found = top.folder.create(&issue("a")).await.unwrap();
        assert_eq!((found.number, &found.url), (1, &spoilt.url), "{to}");
        let closed = top.folder.close(&spoilt.url, "done").await;
        let Err(Error::Damaged { file, why }) = closed else {
            panic!("closed what cannot be read: {closed:?}");
        };
        assert_eq!(file, spoilt.url);
        assert!(!why.is_empty() && !why.contains('\n'), "{why:?}");
        assert_eq!(top.read(&spoilt.url), text);
    }
}

#[tokio::test]
async fn files_that_are_no_text_at_all_are_passed_over() {
    let top = Top::new();
    let good = top.folder.create(&issue("a")).await.unwrap();
    let issues = top.dir.path().join(".belay/issues");
    fs::write(issues.join("0002-bytes.md"), [0xff, 0xfe, 0]).unwrap();
    fs::write(issues.join("0003-empty.md"), "").unwrap();
    fs::write(issues.join("0004-large.md"), "x".repeat(2 << 20)).unwrap();
    fs::create_dir(issues.join("0005-folder.md")).unwrap();
    fs::write(issues.join("notes.md"), "just notes").unwrap();
    fs::write(issues.join("0006-unclosed.md"), "---\ntitle: x\n").unwrap();
    assert_eq!(top.folder.open_issues().await.unwrap(), [good]);
    assert_eq!(top.folder.create(&issue("b")).await.unwrap().number, 7);
}
