//! Renamed files keep what they were: mode and content, whatever that is, and
//! nothing is lost on the way when the rename cannot be.

use worktree::{Error, FileWrite, Mode};

use crate::{Place, delete, guard, head, write};

fn renamed(from: &str, to: &str) -> FileWrite {
    FileWrite { path: to.to_owned(), from: Some(from.to_owned()), ..FileWrite::default() }
}

fn rewritten(from: &str, to: &str, content: &str) -> FileWrite {
    FileWrite { content: Some(content.as_bytes().to_vec()), ..renamed(from, to) }
}

#[tokio::test]
async fn a_renamed_file_keeps_mode_and_content() {
    let place = Place::with(&[("tool", "no shebang"), ("old/b.txt", "b\n"), ("stay", "s")]).await;
    let binary: Vec<u8> = (0..=255).collect();
    std::fs::write(place.repo().join("raw.bin"), &binary).unwrap();
    place.git("add -A").await;
    place.git("update-index --chmod=+x tool").await;
    place.git("commit -q -m binary").await;
    let repository = place.open().await;
    let (_, tree) = head(&repository).await;
    let writes = [
        renamed("tool", "bin/tool"),
        delete("tool"),
        delete("raw.bin"),
        renamed("raw.bin", "assets/raw.bin"),
        delete("old/b.txt"),
        rewritten("old/b.txt", "new/c.txt", "c\n"),
    ];
    // Larger than any content may be: what is only moved is not written.
    let small = worktree::Guard::new(&[], 4).unwrap();
    let changed = repository.write_tree(&tree, &writes, &small).await.unwrap();
    let files = repository.files(&changed).await.unwrap();
    let seen: Vec<_> = files.iter().map(|file| (file.path.as_str(), file.mode)).collect();
    assert_eq!(
        seen,
        [
            ("assets/raw.bin", Mode::Regular),
            ("bin/tool", Mode::Executable),
            ("new/c.txt", Mode::Regular),
            ("stay", Mode::Regular),
        ]
    );
    let paths: Vec<String> = files.into_iter().map(|file| file.path).collect();
    let read = repository.read(&changed, &paths, 1000).await.unwrap();
    assert_eq!(read["assets/raw.bin"], binary);
    assert_eq!(read["new/c.txt"], b"c\n");
}

#[tokio::test]
async fn a_rewritten_executable_stays_executable_and_a_plain_file_plain() {
    let place = Place::with(&[("tool", "x"), ("plain", "y")]).await;
    place.git("update-index --chmod=+x tool").await;
    place.git("commit -q -m mode").await;
    let repository = place.open().await;
    let (_, tree) = head(&repository).await;
    let writes = [
        delete("tool"),
        rewritten("tool", "tool2", "no shebang"),
        delete("plain"),
        rewritten("plain", "plain2", "#!/bin/sh\n"),
    ];
    let changed = repository.write_tree(&tree, &writes, &guard()).await.unwrap();
    let modes: Vec<Mode> =
        repository.files(&changed).await.unwrap().iter().map(|file| file.mode).collect();
    assert_eq!(modes, [Mode::Regular, Mode::Executable]);
}

#[tokio::test]
async fn a_name_may_get_another_case() {
    let place = Place::with(&[("Readme.md", "r"), ("Src/a.rs", "a"), ("Src/b.rs", "b")]).await;
    let repository = place.open().await;
    let (_, tree) = head(&repository).await;
    let writes = [delete("Readme.md"), renamed("Readme.md", "README.md")];
    let changed = repository.write_tree(&tree, &writes, &guard()).await.unwrap();
    let paths: Vec<String> =
        repository.files(&changed).await.unwrap().into_iter().map(|file| file.path).collect();
    assert_eq!(paths, ["README.md", "Src/a.rs", "Src/b.rs"]);

    // A folder only with all that is in it.
    let one = [delete("Src/a.rs"), renamed("Src/a.rs", "src/a.rs")];
    let refused = repository.write_tree(&tree, &one, &guard()).await;
    assert!(
        matches!(&refused, Err(Error::Refused { path, .. }) if path == "src/a.rs"),
        "{refused:?}"
    );
    let all = [one.as_slice(), &[delete("Src/b.rs"), renamed("Src/b.rs", "src/b.rs")]].concat();
    repository.write_tree(&tree, &all, &guard()).await.unwrap();
}

#[tokio::test]
async fn renames_that_would_lose_something_are_refused() {
    let place = Place::with(&[("a", "a"), ("b", "b"), ("dir/c", "c")]).await;
    std::os::unix::fs::symlink("a", place.repo().join("link")).unwrap();
    place.git("add link").await;
    let commit = place.git("rev-parse HEAD").await;
    place.git(&format!("update-index --add --cacheinfo 160000,{commit},sub")).await;
    place.git("commit -q -m more").await;
    let repository = place.open().await;
    let (_, tree) = head(&repository).await;
    for (named, why, writes) in [
        ("new", "does not delete", vec![renamed("a", "new")]),
        ("new", "does not delete", vec![write("a", "x"), renamed("a", "new")]),
        ("new", "does not delete", vec![renamed("missing", "new")]),
        ("missing", "does not exist", vec![delete("missing"), renamed("missing", "new")]),
        ("b", "exists already", vec![delete("a"), renamed("a", "b")]),
        ("b", "exists already", vec![delete("a"), rewritten("a", "b", "x")]),
        ("b", "named twice", vec![delete("a"), delete("b"), renamed("a", "b")]),
        ("dir", "is a folder", vec![delete("a"), renamed("a", "dir")]),
        ("a", "does not delete", vec![renamed("a", "a")]),
        ("two", "another file is too", vec![delete("a"), renamed("a", "one"), renamed("a", "two")]),
        ("link", "symbolic link", vec![delete("link"), renamed("link", "new")]),
        ("sub", "submodule", vec![delete("sub"), renamed("sub", "new")]),
        ("link/x", "through the link", vec![delete("a"), renamed("a", "link/x")]),
        ("../x", "component", vec![delete("a"), renamed("a", "../x")]),
        ("x", "does not delete", vec![delete("a"), renamed("../a", "x")]),
    ] {
        let refused = repository.write_tree(&tree, &writes, &guard()).await;
        let Err(Error::Refused { path, why: found }) = refused else {
            panic!("{writes:?}: {refused:?}");
        };
        assert_eq!(path, named, "{found}");
        assert!(found.contains(why), "{path}: {found} instead of {why}");
    }
}
