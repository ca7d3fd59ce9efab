//! Two changes to one text, joined by git.

use crate::Place;

const BEFORE: &str = "one\ntwo\nthree\nfour\nfive\nsix\n";

async fn merged(before: &str, ours: &str, theirs: &str) -> Option<String> {
    let place = Place::with(&[("a.txt", "a")]).await;
    // Another style finds other conflicts.
    place.git("config merge.conflictStyle diff3").await;
    let repository = place.open().await;
    let merged = repository.merge_texts(before, ours, theirs).await.unwrap();
    let swapped = repository.merge_texts(before, theirs, ours).await.unwrap();
    assert_eq!(merged, swapped);
    merged
}

#[tokio::test]
async fn changes_apart_from_each_other_are_joined_and_others_are_a_conflict() {
    let (first, last) = (BEFORE.replace("one", "1"), BEFORE.replace("six", "6"));
    let both = first.replace("six", "6");
    assert_eq!(merged(BEFORE, &first, &last).await.as_deref(), Some(both.as_str()));
    assert_eq!(merged(BEFORE, &first, BEFORE).await.as_deref(), Some(first.as_str()));
    assert_eq!(merged(BEFORE, &both, &both).await.as_deref(), Some(both.as_str()));
    assert_eq!(merged(BEFORE, &first, &BEFORE.replace("one", "uno")).await, None);
    assert_eq!(merged(BEFORE, "", &last).await, None);
}

#[tokio::test]
async fn line_ends_and_missing_ones_stay_as_they_are() {
    let before = BEFORE.replace('\n', "\r\n");
    let (first, last) = (before.replace("one", "ü"), before.replace("six\r\n", "6"));
    let both = first.replace("six\r\n", "6");
    assert_eq!(merged(&before, &first, &last).await.as_deref(), Some(both.as_str()));
}

#[tokio::test]
async fn what_is_no_text_and_two_new_files_conflict() {
    assert_eq!(merged("a\0b", "a\0c", "a\0d").await, None);
    assert_eq!(merged("", "new\n", "other\n").await, None);
    assert_eq!(merged("", "new\n", "new\n").await.as_deref(), Some("new\n"));
}
