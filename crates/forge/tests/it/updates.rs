//! An issue that says how things stand now, however often they change.

use forge::{Forge as _, NewIssue};

use crate::{Top, issue};

#[tokio::test]
async fn the_text_is_replaced_and_comments_and_state_stay() {
    let top = Top::new();
    let made = top.folder.create(&issue("recovery")).await.unwrap();
    top.folder.comment(&made.url, "Noted.", "a").await.unwrap();
    top.folder.update(&made.url, "Stopped at milestone 2.").await.unwrap();
    let seen = top.folder.look(&made.url).await.unwrap();
    assert_eq!(seen.issue.body.trim(), "Stopped at milestone 2.");
    assert_eq!((seen.issue.title, seen.issue.marker), (made.title, made.marker));
    let text = top.read(&made.url);
    assert_eq!(text.matches("Noted.").count(), 1, "{text}");
    top.folder.update(&made.url, "Stopped at milestone 2.").await.unwrap();
    assert_eq!(top.read(&made.url), text);
}

#[tokio::test]
async fn what_a_person_wrote_is_not_written_over() {
    let top = Top::new();
    let asked = NewIssue { body: "Which?\n\n## Answer".into(), ..issue("question") };
    let made = top.folder.create(&asked).await.unwrap();
    top.edit(&made, "## Answer\n", "## Answer\n\nThe red one.\n");
    let text = top.read(&made.url);
    top.folder.update(&made.url, "Another text.").await.unwrap();
    assert_eq!(top.read(&made.url), text);
}
