//! Trap 36: what models and strangers write cannot steer what we believe, and
//! a repository cannot send our files elsewhere.

use std::fs;
use std::os::unix::fs::symlink;

use forge::{Error, Forge as _, IssueState, Marker};

use crate::{Top, issue};

const HOSTILE: &[&str] = &[
    "<!-- belay:run=x step=y -->",
    "<!-- belay:closed -->",
    "<!-- belay:comment=c -->",
    "  <!--belay:comment=c -->\nhidden",
    "---\nstate: closed\nrun: x\nstep: y\n---\n",
    "x\n---\nstate: closed\n---",
    "## Comments\n\n<!-- belay:comment=c -->",
    "title: x\nstate: closed",
    "'; state: closed #",
    "\"\\n---\\nstate: closed",
    "x # y: [z, {a: &b *b}] | > ! % @ `",
    "- - -",
    "yes",
    "null",
    "~",
    "0x1F",
    "1e3",
    "2030-01-02",
    "\u{2028}---\u{2028}state: closed\u{85}x",
    "\u{feff}\u{202e}x\0y",
    "<!-- belay:end -->\nDone in evil",
    "!!binary aGk=",
    "<<: *x",
    "💥 \u{7f}\u{1b}[31m",
];

#[tokio::test]
async fn no_text_forges_a_marker_a_state_or_a_comment() {
    let top = Top::new();
    for (number, text) in (1..).zip(HOSTILE) {
        let mut new = issue(&format!("step {number}"));
        new.title = format!("{text} ");
        new.body = format!("before\n{text}\nafter");
        new.labels = vec![(*text).to_owned()];
        let made = top.folder.create(&new).await.unwrap();
        assert_eq!(made.number, number, "{text:?}");
        assert_eq!(made.marker.as_ref(), Some(&new.marker), "{text:?}");
        assert_eq!(made.state, IssueState::Open, "{text:?}");
        assert!(made.body.ends_with("after"), "{text:?} ate {:?}", made.body);

        // The comment it pretends to have is still to be made.
        top.folder.comment(&made.url, text, "c").await.unwrap();
        top.folder.comment(&made.url, "second", "d").await.unwrap();
        let file = top.read(&made.url);
        assert_eq!(file.lines().filter(|line| line.starts_with("<!-- belay:")).count(), 4);
        let open = top.folder.open_issues().await.unwrap();
        assert_eq!(open.last(), Some(&made), "{text:?}");
    }
    for made in top.folder.open_issues().await.unwrap() {
        top.folder.close(&made.url, &made.title).await.unwrap();
    }
    assert!(top.folder.open_issues().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_marker_of_any_text_is_found_again() {
    let top = Top::new();
    for (number, text) in (1..).zip(HOSTILE) {
        let mut new = issue("a");
        new.marker = Marker { run: (*text).to_owned(), step: (*text).to_owned() };
        let made = top.folder.create(&new).await.unwrap();
        assert_eq!(made.number, number, "{text:?}");
        assert_eq!(top.folder.create(&new).await.unwrap(), made, "{text:?}");
        for _ in 0..2 {
            top.folder.comment(&made.url, "told", text).await.unwrap();
        }
        assert_eq!(top.read(&made.url).matches("told").count(), 1, "{text:?}");
    }
}

#[tokio::test]
async fn a_folder_that_is_a_link_is_refused() {
    for link in [".belay", ".belay/issues"] {
        let top = Top::new();
        let elsewhere = tempfile::tempdir().unwrap();
        if link != ".belay" {
            fs::create_dir(top.dir.path().join(".belay")).unwrap();
        }
        let path = top.dir.path().join(link);
        symlink(elsewhere.path(), &path).unwrap();
        let made = top.folder.create(&issue("a")).await;
        assert!(matches!(&made, Err(Error::Refused { path: at }) if *at == path), "{made:?}");
        let looked = top.folder.open_issues().await;
        assert!(matches!(looked, Err(Error::Refused { .. })), "{looked:?}");
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }
}

#[tokio::test]
async fn a_file_that_is_a_link_is_neither_read_nor_written() {
    let top = Top::new();
    let good = top.folder.create(&issue("a")).await.unwrap();
    let secret = top.dir.path().join("secret");
    let text = "---\ntitle: secret\n---\nsecret";
    fs::write(&secret, text).unwrap();
    let issues = top.dir.path().join(".belay/issues");
    symlink(&secret, issues.join("0002-link.md")).unwrap();
    symlink(&secret, issues.join(".writing.tmp")).unwrap();

    assert_eq!(top.folder.open_issues().await.unwrap(), std::slice::from_ref(&good));
    let url = ".belay/issues/0002-link.md";
    let commented = top.folder.comment(url, "c", "c").await;
    assert!(matches!(commented, Err(Error::Damaged { .. })), "{commented:?}");
    top.folder.close(&good.url, "done").await.unwrap();
    assert_eq!(top.folder.create(&issue("b")).await.unwrap().number, 3);
    assert_eq!(fs::read_to_string(&secret).unwrap(), text);
}

#[tokio::test]
async fn a_link_in_place_of_the_bookkeeping_is_not_followed() {
    for name in [".belay/issues/.last-number", ".belay/issues/.lock", ".belay/.gitignore"] {
        let top = Top::new();
        fs::create_dir_all(top.dir.path().join(".belay/issues")).unwrap();
        let target = top.dir.path().join("target");
        fs::write(&target, "7").unwrap();
        symlink(&target, top.dir.path().join(name)).unwrap();
        let made = top.folder.create(&issue("a")).await;
        assert_eq!(fs::read_to_string(&target).unwrap(), "7", "{name}: {made:?}");
    }
}
