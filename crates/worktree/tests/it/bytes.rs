//! What a change does not mean to change stays as it is to the byte: line ends,
//! encodings, marks, missing ends, modes, in repositories that convert text.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use worktree::{FileWrite, Mode};

use crate::{Place, guard, head, write};

/// Lines of every kind that files are found with.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        &b"line"[..],
        b"\n",
        b"\r\n",
        b"\r",
        b"\xef\xbb\xbf",
        b"caf\xe9",
        b"\xff\xfea\0b\0",
        b"\t \n",
        b"\0",
        b"$Id$",
        "ü🦀".as_bytes(),
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// What a repository may say about text.
const CONVERSIONS: [(&str, &str); 4] = [
    ("", "false"),
    ("", "true"),
    ("* text=auto eol=crlf\n", "input"),
    ("* text eol=lf\n*.a -text\n*.b ident\n", "true"),
];

#[test]
fn a_change_of_one_file_leaves_every_byte_of_the_others() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = Config { cases: 12, failure_persistence: None, ..Config::default() };
    let files = prop::collection::vec((content(), any::<bool>()), 1..6);
    let strategy = (files, content(), 0..CONVERSIONS.len());
    let outcome = TestRunner::new_with_rng(config, deterministic()).run(&strategy, |case| {
        let (files, new, conversion) = case;
        runtime.block_on(check(&files, &new, CONVERSIONS[conversion]));
        Ok(())
    });
    outcome.unwrap();
}

fn deterministic() -> proptest::test_runner::TestRng {
    proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha)
}

async fn check(files: &[(Vec<u8>, bool)], new: &[u8], (attributes, autocrlf): (&str, &str)) {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::empty().await;
    let name = |i: usize| format!("f{i}.{}", ["a", "b", "c"][i % 3]);
    for (i, (content, is_executable)) in files.iter().enumerate() {
        let path = place.repo().join(name(i));
        std::fs::write(&path, content).unwrap();
        let mode = if *is_executable { 0o755 } else { 0o644 };
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    }
    // Stored as they are; the conversions come afterwards, as in old projects.
    place.git("add -A").await;
    place.git("commit -q --allow-empty -m first").await;
    place.put(".gitattributes", attributes);
    place.git("add -A .gitattributes").await;
    place.git("commit -q --allow-empty -m attributes").await;
    place.git(&format!("config core.autocrlf {autocrlf}")).await;
    let repository = place.open().await;
    let (commit, tree) = head(&repository).await;
    let change = FileWrite {
        content: Some(new.to_vec()),
        before: Some(files[0].0.clone()),
        ..write(&name(0), "")
    };
    let changed = repository.write_tree(&tree, &[change], &guard()).await.unwrap();
    let paths: Vec<String> = (0..files.len()).map(name).collect();
    let found = repository.read(&changed, &paths, 1 << 20).await.unwrap();
    let modes = repository.files(&changed).await.unwrap();
    for (i, (content, is_executable)) in files.iter().enumerate() {
        let expected = if i == 0 { new } else { content };
        assert_eq!(found[&name(i)], expected, "{attributes:?} {autocrlf}");
        let mode = modes.iter().find(|file| file.path == name(i)).unwrap().mode;
        assert_eq!(mode == Mode::Executable, *is_executable);
    }
    // It can be put on disk too, and a second time finds nothing to do.
    let worktree = repository.worktree(&place.reserved(), &commit).await.unwrap();
    worktree.materialize(&changed).await.unwrap();
    worktree.materialize(&tree).await.unwrap();
}

#[tokio::test]
async fn text_is_stored_as_the_tree_has_it_and_shown_as_the_repository_wants_it() {
    for (attributes, autocrlf) in [("* text=auto eol=crlf\n", "false"), ("", "true")] {
        let place = Place::with(&[("a.txt", "one\ntwo\n"), ("b.txt", "b\n")]).await;
        place.put(".gitattributes", attributes);
        place.git("add -A").await;
        place.git("commit -q --allow-empty -m attributes").await;
        place.git(&format!("config core.autocrlf {autocrlf}")).await;
        let repository = place.open().await;
        let (commit, tree) = head(&repository).await;
        let writes = [write("a.txt", "one\nthree\n")];
        let changed = repository.write_tree(&tree, &writes, &guard()).await.unwrap();
        let read = repository.read(&changed, &["a.txt".to_owned()], 100).await.unwrap();
        assert_eq!(read["a.txt"], b"one\nthree\n");
        let worktree = repository.worktree(&place.reserved(), &commit).await.unwrap();
        worktree.materialize(&changed).await.unwrap();
        let shown = std::fs::read(worktree.path().join("a.txt")).unwrap();
        assert_eq!(shown, b"one\r\nthree\r\n", "{attributes:?} {autocrlf}");
        let diff = repository.diff(&tree, &changed, 10_000).await.unwrap();
        assert!(diff.contains("-two\n+three\n") && !diff.contains("b.txt"), "{diff}");
    }
}
