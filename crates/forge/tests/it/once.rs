//! Trap 33: looked for before it is made, made once, whoever else is making
//! the same.

use std::collections::BTreeSet;
use std::fs;

use forge::{Folder, Forge as _, IssueState};

use crate::{Top, issue};

#[tokio::test]
async fn the_same_marker_gives_the_same_issue() {
    let top = Top::new();
    let first = top.folder.create(&issue("a")).await.unwrap();
    let mut again = issue("a");
    again.title = "in other words".into();
    assert_eq!(top.folder.create(&again).await.unwrap(), first);
    let other = top.folder.create(&issue("b")).await.unwrap();
    assert_eq!(other.number, 2);
    let mut other_run = issue("a");
    other_run.marker.run = "01JZZZZZZZZZZZZZZZZZZZZZZZ".into();
    assert_eq!(top.folder.create(&other_run).await.unwrap().number, 3);
}

#[tokio::test]
async fn a_closed_issue_is_not_made_again() {
    let top = Top::new();
    let first = top.folder.create(&issue("a")).await.unwrap();
    top.folder.close(&first.url, "done").await.unwrap();
    let found = top.folder.create(&issue("a")).await.unwrap();
    assert_eq!((found.number, found.state), (1, IssueState::Closed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_make_one() {
    let top = Top::new();
    let mut making = tokio::task::JoinSet::new();
    for number in 0..24 {
        let folder = Folder::new(top.dir.path().to_owned());
        let new = issue(["a", "b", "c"][number % 3]);
        making.spawn(async move { folder.create(&new).await });
    }
    let made = making.join_all().await;
    let urls: BTreeSet<String> = made.into_iter().map(|made| made.unwrap().url).collect();
    assert_eq!(urls.len(), 3);
    let open = top.folder.open_issues().await.unwrap();
    let numbers: Vec<u64> = open.iter().map(|issue| issue.number).collect();
    assert_eq!(numbers, [1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn comments_made_at_once_are_all_there_once() {
    let top = Top::new();
    let made = top.folder.create(&issue("a")).await.unwrap();
    let mut making = tokio::task::JoinSet::new();
    for number in 0..24 {
        let (folder, url) = (top.folder.clone(), made.url.clone());
        let marker = format!("comment {}", number % 8);
        making.spawn(
            async move { folder.comment(&url, &format!("This is {marker}."), &marker).await },
        );
    }
    for commented in making.join_all().await {
        commented.unwrap();
    }
    let text = top.read(&made.url);
    for number in 0..8 {
        assert_eq!(text.matches(&format!("This is comment {number}.")).count(), 1);
    }
    assert_eq!(text.matches("## Comments").count(), 1);
}

#[tokio::test]
async fn a_comment_is_made_once_also_after_closing() {
    let top = Top::new();
    let made = top.folder.create(&issue("a")).await.unwrap();
    top.folder.comment(&made.url, "first", "c").await.unwrap();
    top.folder.close(&made.url, "done").await.unwrap();
    let before = top.read(&made.url);
    top.folder.comment(&made.url, "other words", "c").await.unwrap();
    top.folder.close(&made.url, "another reason").await.unwrap();
    assert_eq!(top.read(&made.url), before);
    // A marker that begins like another is another.
    top.folder.comment(&made.url, "second", "c 2").await.unwrap();
    assert!(top.read(&made.url).contains("second"));
}

#[tokio::test]
async fn the_number_of_a_deleted_issue_is_not_given_again() {
    let top = Top::new();
    top.folder.create(&issue("a")).await.unwrap();
    let second = top.folder.create(&issue("b")).await.unwrap();
    fs::remove_file(top.dir.path().join(&second.url)).unwrap();
    assert_eq!(top.folder.create(&issue("c")).await.unwrap().number, 3);
}

#[tokio::test]
async fn numbers_grow_past_what_people_add_or_lose() {
    let top = Top::new();
    top.folder.create(&issue("a")).await.unwrap();
    top.write(".belay/issues/0041-by-hand.md", "no front matter");
    top.write(".belay/issues/99999999999999999999-huge.md", "no number");
    top.write(".belay/issues/.last-number", "rubbish");
    assert_eq!(top.folder.create(&issue("b")).await.unwrap().number, 42);
    top.write(".belay/issues/9999-by-hand.md", "no front matter");
    let made = top.folder.create(&issue("c")).await.unwrap();
    assert!(made.url.starts_with(".belay/issues/10000-"), "{}", made.url);
}
