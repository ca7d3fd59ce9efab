//! Reading what lies in the worktree after commands that may have changed it.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};

use worktree::{Error, Worktree};

use crate::{Place, put, worktree_at_head};

const MOST: u64 = 1000;

async fn read(worktree: &Worktree, paths: &[&str]) -> BTreeMap<String, Option<String>> {
    let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
    let found = worktree.contents(&paths, MOST).await.unwrap();
    let text = |content: Option<Vec<u8>>| content.map(|bytes| String::from_utf8(bytes).unwrap());
    found.into_iter().map(|(path, content)| (path, text(content))).collect()
}

#[tokio::test]
async fn only_plain_files_of_the_worktree_are_read() {
    let place = Place::with(&[("a.txt", "a"), ("sub/b.txt", "b")]).await;
    let worktree = worktree_at_head(&place, &place.open().await).await;
    let top = worktree.path();
    let secret = place.dir.path().join("secret");
    std::fs::write(&secret, "secret").unwrap();
    put(top, "a.txt", "changed");
    put(top, "large", &"x".repeat(1001));
    put(top, "fits", &"x".repeat(1000));
    symlink(&secret, top.join("link")).unwrap();
    symlink("a.txt", top.join("inner")).unwrap();
    symlink(place.dir.path(), top.join("out")).unwrap();
    symlink("sub", top.join("also")).unwrap();
    std::fs::hard_link(&secret, top.join("twin")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, top.join("pipe"), rustix::fs::Mode::RWXU).unwrap();

    let found = read(&worktree, &["a.txt", "sub/b.txt", "fits"]).await;
    assert_eq!(found["a.txt"].as_deref(), Some("changed"));
    assert_eq!(found["sub/b.txt"].as_deref(), Some("b"));
    assert_eq!(found["fits"].as_ref().map(String::len), Some(1000));
    let none = [
        "missing",
        "sub",
        "sub/missing",
        "a.txt/x",
        "large",
        "link",
        "inner",
        "out/secret",
        "also/b.txt",
        "twin",
        "pipe",
    ];
    for (path, content) in read(&worktree, &none).await {
        assert_eq!(content, None, "{path}");
    }
}

#[tokio::test]
async fn a_path_that_is_not_inside_is_refused() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let worktree = worktree_at_head(&place, &place.open().await).await;
    for path in ["../secret", "/etc/passwd", "sub/../../x", "", "a//b", "./a.txt", "a\0b"] {
        let refused = worktree.contents(&[path.to_owned()], MOST).await;
        assert!(matches!(refused, Err(Error::Refused { .. })), "{path:?}");
    }
}

#[tokio::test]
async fn a_worktree_that_was_replaced_by_a_link_is_not_read() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let worktree = worktree_at_head(&place, &place.open().await).await;
    let aside = worktree.path().with_file_name("moved");
    std::fs::rename(worktree.path(), &aside).unwrap();
    symlink(&aside, worktree.path()).unwrap();
    let refused = worktree.contents(&["a.txt".to_owned()], MOST).await;
    assert!(matches!(refused, Err(Error::Io { .. })));
}

/// A file, and the folder that it lies in, are exchanged for links to another
/// place as fast as the machine can, while they are read. Whatever is seen is
/// the worktree's own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_swapped_for_a_link_while_it_is_read_does_not_leak() {
    let place = Place::with(&[("a.txt", "own"), ("sub/b.txt", "own")]).await;
    let worktree = worktree_at_head(&place, &place.open().await).await;
    let outside = place.dir.path().join("outside");
    put(&outside, "a.txt", "secret");
    put(&outside, "b.txt", "secret");
    let top = worktree.path().to_owned();
    symlink(outside.join("a.txt"), top.join("a.link")).unwrap();
    symlink(&outside, top.join("sub.link")).unwrap();

    let done = AtomicBool::new(false);
    let swap = |one: &str, other: &str| {
        let flags = rustix::fs::RenameFlags::EXCHANGE;
        let cwd = rustix::fs::CWD;
        rustix::fs::renameat_with(cwd, top.join(one), cwd, top.join(other), flags).unwrap();
    };
    let (mut own, mut others) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                swap("a.txt", "a.link");
                swap("sub", "sub.link");
            }
        });
        let runtime = tokio::runtime::Handle::current();
        tokio::task::block_in_place(|| {
            // Both sides of the swap have to be met, else nothing was tried.
            for _ in 0..200_000 {
                let found = runtime.block_on(read(&worktree, &["a.txt", "sub/b.txt"]));
                for content in found.into_values() {
                    match content.as_deref() {
                        Some("own") => own += 1,
                        None => others += 1,
                        Some(leaked) => panic!("{leaked}"),
                    }
                }
                if own > 500 && others > 500 {
                    break;
                }
            }
        });
        done.store(true, Ordering::Relaxed);
    });
    assert!(own > 0 && others > 0, "{own} {others}");
}
