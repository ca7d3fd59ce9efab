//! Trees: listed, read, written, compared.

use worktree::{Error, FileWrite, Mode};

use crate::{Place, delete, guard, head, write};

#[tokio::test]
async fn files_are_listed_with_mode_and_size_and_read_as_stored() {
    let place = Place::with(&[("a.txt", "abc"), ("ü/ö .txt", "\r\n")]).await;
    std::os::unix::fs::symlink("a.txt", place.repo().join("link")).unwrap();
    place.git("add link").await;
    place.git("update-index --add --chmod=+x a.txt").await;
    place.git("commit -q -m links").await;
    let repository = place.open().await;
    let (_, tree) = head(&repository).await;
    let files = repository.files(&tree).await.unwrap();
    let seen: Vec<_> =
        files.iter().map(|file| (file.path.as_str(), file.mode, file.size)).collect();
    assert_eq!(
        seen,
        [
            ("a.txt", Mode::Executable, 3),
            ("link", Mode::Symlink, 5),
            ("ü/ö .txt", Mode::Regular, 2),
        ]
    );
    let paths: Vec<String> =
        ["a.txt", "link", "ü/ö .txt", "missing", "ü"].map(str::to_owned).to_vec();
    let read = repository.read(&tree, &paths, 2).await.unwrap();
    assert_eq!(read.len(), 1, "links and larger files are absent: {read:?}");
    assert_eq!(read["ü/ö .txt"], b"\r\n");
    assert_eq!(repository.read(&tree, &paths, 3).await.unwrap().len(), 2);
}

#[tokio::test]
async fn many_files_are_read_in_one_go() {
    let files: Vec<(String, String)> =
        (0..300).map(|i| (format!("f/{i}.txt"), "\n".repeat(i))).collect();
    let borrowed: Vec<(&str, &str)> =
        files.iter().map(|(path, content)| (path.as_str(), content.as_str())).collect();
    let place = Place::with(&borrowed).await;
    let repository = place.open().await;
    let (_, tree) = head(&repository).await;
    let paths: Vec<String> = files.iter().map(|(path, _)| path.clone()).collect();
    let read = repository.read(&tree, &paths, 1000).await.unwrap();
    assert_eq!(read.len(), 300);
    assert_eq!(read["f/299.txt"].len(), 299);
    assert_eq!(read["f/0.txt"].len(), 0);
}

#[tokio::test]
async fn a_change_writes_creates_and_deletes_and_keeps_modes() {
    let place =
        Place::with(&[("run.sh", "#!/bin/sh\n"), ("old/gone.txt", "x"), ("stay", "s")]).await;
    place.git("update-index --chmod=+x run.sh").await;
    place.git("commit -q -m mode").await;
    let repository = place.open().await;
    let (_, tree) = head(&repository).await;
    let changed = repository
        .write_tree(
            &tree,
            &[
                write("run.sh", "echo no shebang any more\n"),
                write("new/deep/file.rs", "fn main() {}\r\n"),
                write("tool", "#!/usr/bin/env python3\n"),
                delete("old/gone.txt"),
            ],
            &guard(),
        )
        .await
        .unwrap();
    let files = repository.files(&changed).await.unwrap();
    let seen: Vec<_> = files.iter().map(|file| (file.path.as_str(), file.mode)).collect();
    assert_eq!(
        seen,
        [
            ("new/deep/file.rs", Mode::Regular),
            ("run.sh", Mode::Executable),
            ("stay", Mode::Regular),
            ("tool", Mode::Executable),
        ]
    );
    let read = repository.read(&changed, &["new/deep/file.rs".to_owned()], 100).await.unwrap();
    assert_eq!(read["new/deep/file.rs"], b"fn main() {}\r\n");
}

#[tokio::test]
async fn content_is_stored_byte_for_byte_whatever_the_attributes_say() {
    let attributes = "* text eol=lf\n*.wide working-tree-encoding=UTF-16\n";
    let place = Place::with(&[(".gitattributes", attributes)]).await;
    let repository = place.open().await;
    let (_, tree) = head(&repository).await;
    let writes = [write("a.txt", "one\r\ntwo\r\n"), write("b.wide", "kept")];
    let changed = repository.write_tree(&tree, &writes, &guard()).await.unwrap();
    let paths = ["a.txt".to_owned(), "b.wide".to_owned()];
    let read = repository.read(&changed, &paths, 100).await.unwrap();
    assert_eq!(read["a.txt"], b"one\r\ntwo\r\n");
    assert_eq!(read["b.wide"], b"kept");
}

#[tokio::test]
async fn the_same_writes_give_the_same_tree_and_none_give_the_old_one() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let repository = place.open().await;
    let (_, tree) = head(&repository).await;
    let writes = [write("b.txt", "b")];
    let first = repository.write_tree(&tree, &writes, &guard()).await.unwrap();
    let again = repository.write_tree(&tree, &writes, &guard()).await.unwrap();
    assert_eq!(first, again);
    assert_eq!(repository.write_tree(&tree, &[], &guard()).await.unwrap(), tree);
    let same = [write("a.txt", "a")];
    assert_eq!(repository.write_tree(&tree, &same, &guard()).await.unwrap(), tree);
}

#[tokio::test]
async fn what_a_killed_process_left_is_swept_away() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let repository = place.open().await;
    let (_, tree) = head(&repository).await;
    let scratch = place.repo().join(".git/belay/scratch");
    for (name, is_old) in [("index-old", true), ("index-new", false)] {
        crate::put(&scratch, &format!("{name}/index"), "x");
        if is_old {
            let folder = std::fs::File::open(scratch.join(name)).unwrap();
            folder.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        }
    }
    repository.write_tree(&tree, &[write("b", "b")], &guard()).await.unwrap();
    assert!(!scratch.join("index-old").exists());
    assert!(scratch.join("index-new").exists(), "it may be in use");
}

/// Trap 28: of a change of several files either all is there or nothing.
#[tokio::test]
async fn one_refused_file_refuses_the_whole_change() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let repository = place.open().await;
    let (_, tree) = head(&repository).await;
    let before = place.git("count-objects -v").await;
    let writes = [write("a.txt", "changed"), write("../b.txt", "b")];
    let refused = repository.write_tree(&tree, &writes, &guard()).await;
    assert!(
        matches!(&refused, Err(Error::Refused { path, .. }) if path == "../b.txt"),
        "{refused:?}"
    );
    assert_eq!(place.git("count-objects -v").await, before);
    assert_eq!(place.git("status --porcelain").await, "");
}

#[tokio::test]
async fn a_change_made_for_another_content_is_refused() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let repository = place.open().await;
    let (_, tree) = head(&repository).await;
    for (path, before, fits) in
        [("a.txt", "a", true), ("a.txt", "b", false), ("a.txt", "", false), ("new.txt", "", false)]
    {
        let change = FileWrite { before: Some(before.as_bytes().to_vec()), ..write(path, "new") };
        let result = repository.write_tree(&tree, &[change], &guard()).await;
        assert_eq!(result.is_ok(), fits, "{path} {before:?}: {result:?}");
    }
}

#[tokio::test]
async fn a_file_is_moved_with_its_content_and_mode() {
    let place = Place::with(&[("ideas/backlog/1.md", "idea"), ("ideas/done/2.md", "x")]).await;
    let repository = place.open().await;
    let (_, tree) = head(&repository).await;
    let moved =
        repository.move_file(&tree, "ideas/backlog/1.md", "ideas/in-progress/1.md").await.unwrap();
    let paths: Vec<String> =
        repository.files(&moved).await.unwrap().into_iter().map(|file| file.path).collect();
    assert_eq!(paths, ["ideas/done/2.md", "ideas/in-progress/1.md"]);
    for (from, to) in [
        ("ideas/backlog/9.md", "x.md"),
        ("ideas/backlog/1.md", "ideas/done/2.md"),
        ("ideas/backlog/1.md", "../1.md"),
        ("ideas/backlog/1.md", ".git/1.md"),
        ("ideas/backlog/1.md", "ideas"),
    ] {
        let refused = repository.move_file(&tree, from, to).await;
        assert!(matches!(refused, Err(Error::Refused { .. })), "{from} {to}");
    }
}

#[tokio::test]
async fn a_difference_is_a_patch_and_is_bounded() {
    let place = Place::with(&[("a.txt", "one\n"), ("moved.txt", "1\n2\n3\n4\n5\n")]).await;
    place.git("config diff.external false").await;
    place.git("config diff.noprefix true").await;
    let repository = place.open().await;
    let (_, tree) = head(&repository).await;
    let writes = [write("a.txt", "two\n")];
    let changed = repository.write_tree(&tree, &writes, &guard()).await.unwrap();
    let changed = repository.move_file(&changed, "moved.txt", "to.txt").await.unwrap();
    let diff = repository.diff(&tree, &changed, 10_000).await.unwrap();
    insta::assert_snapshot!(diff, @r"
    diff --git a/a.txt b/a.txt
    index 5626abf..f719efd 100644
    --- a/a.txt
    +++ b/a.txt
    @@ -1 +1 @@
    -one
    +two
    diff --git a/moved.txt b/to.txt
    similarity index 100%
    rename from moved.txt
    rename to to.txt
    ");
    let short = repository.diff(&tree, &changed, 60).await.unwrap();
    assert!(short.contains("bytes dropped"));
    assert!(short.len() < 120);
    assert_eq!(repository.diff(&tree, &tree, 100).await.unwrap(), "");
}
