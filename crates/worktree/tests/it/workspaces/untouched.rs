//! What nobody touched comes back as the very same tree, whatever git would do
//! to it between a tree and a checkout.

use subprocess::{Command, run};
use tokio_util::sync::CancellationToken;
use worktree::Repository;

use super::{Scene, folder, left_out, limits, sh};
use crate::{Place, env, git, git_in};

const POINTER: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";

/// One of everything.
async fn fill(place: &Place) {
    for (path, content) in [
        ("crlf.txt", "a\r\nb\r\n"),
        ("mixed.txt", "a\r\nb\n"),
        ("unix.bat", "a\nb\n"),
        ("big.bin", POINTER),
        ("wide.txt", "not in UTF-16\n"),
        ("keyword.txt", "$Id$ $Id: expanded $\n"),
        ("empty", ""),
        ("tracked.o", "tracked though ignored\n"),
        ("dir/ü ñ/名.txt", "x\n"),
        ("new\nline", "x"),
        (".gitignore", "*.o\nbuild/\n"),
    ] {
        place.put(path, content);
    }
    sh(
        &place.repo(),
        "printf '#!/bin/sh\\n' > run; chmod +x run
         ln -s crlf.txt link; ln -s nowhere dangling; ln -s dir to-folder; ln -s /etc absolute
         printf x > \"$(printf 'caf\\351')\"
         git -c core.autocrlf=false add -A; git add -f tracked.o
         git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),modules/one",
    )
    .await;
    // In the end, so that git itself changed nothing on the way in.
    place.put(
        ".gitattributes",
        "* text=auto\n*.bat text eol=crlf\n*.bin filter=lfs diff=lfs merge=lfs -text\n\
         wide.txt working-tree-encoding=UTF-16\nkeyword.txt ident\n*.sh filter=own\n",
    );
    place.git("-c core.autocrlf=false add .gitattributes").await;
    place.git("commit -q -m everything").await;
    for setting in [
        "core.autocrlf true",
        "core.safecrlf true",
        "core.fileMode false",
        "core.symlinks false",
        "filter.lfs.smudge false",
        "filter.lfs.clean false",
        "filter.lfs.required true",
        "filter.own.clean false",
        "filter.own.required true",
    ] {
        place.git(&format!("config {setting}")).await;
    }
}

async fn check(scene: &Scene) {
    let dir = scene.workspace.path();
    assert_eq!(std::fs::read(dir.join("crlf.txt")).unwrap(), b"a\r\nb\r\n");
    assert_eq!(std::fs::read(dir.join("unix.bat")).unwrap(), b"a\nb\n");
    assert_eq!(std::fs::read(dir.join("big.bin")).unwrap(), POINTER.as_bytes());
    assert!(dir.join("modules/one").is_dir());
    assert_eq!(git_in(dir, "status --porcelain").await, "");
    let snapshot = scene.snapshot().await;
    assert_eq!((&snapshot.tree, left_out(&snapshot)), (&scene.tree, vec![]));
    // Touched, and still the same; read in full.
    sh(dir, "find . -path ./.git -prune -o -type f -exec touch {} +; git add -A").await;
    assert_eq!(scene.snapshot().await.tree, scene.tree);
    assert_eq!(git_in(dir, "write-tree").await, scene.tree.as_str(), "git in there agrees");
    // As another process sees it, which knows nothing of how files looked.
    let repository = Repository::discover(scene.repository.top(), git()).await.unwrap();
    let left = repository.left_workspaces(&folder(&scene.place)).await.unwrap();
    let snapshot = left[0].snapshot(&limits()).await.unwrap();
    assert_eq!((&snapshot.tree, left_out(&snapshot)), (&scene.tree, vec![]));
}

#[tokio::test]
async fn everything_comes_back_as_it_is() {
    let place = Place::with(&[("a.txt", "a")]).await;
    fill(&place).await;
    check(&Scene::of(place).await).await;
}

#[tokio::test]
async fn also_in_a_repository_of_the_longer_hash_that_borrows_objects() {
    let dir = tempfile::tempdir().unwrap();
    let lender = dir.path().canonicalize().unwrap().join("lender");
    std::fs::create_dir(&lender).unwrap();
    let init = Command::new("git", &lender).args(["init", "-q", "--object-format=sha256"]);
    let init = init.env(env());
    if !run(&init, &CancellationToken::new()).await.unwrap().success() {
        println!("skipped: this git knows no SHA-256");
        return;
    }
    crate::put(&lender, "lent.txt", "lent\n");
    sh(&lender, "git add -A; git -c user.name=A -c user.email=a@b commit -qm lent").await;
    let place = Place { dir: tempfile::tempdir().unwrap() };
    git_in(place.dir.path(), &format!("clone -q --shared {} repo", lender.display())).await;
    place.git("config user.name Ada").await;
    place.git("config user.email ada@example.org").await;
    fill(&place).await;
    let scene = Scene::of(place).await;
    assert_eq!(scene.tree.as_str().len(), 64);
    assert_eq!(git_in(scene.workspace.path(), "show HEAD:lent.txt").await, "lent");
    check(&scene).await;
}

/// A promise of the index that nothing changed, as a tool may make it to spare
/// itself work, hides nothing.
#[tokio::test]
async fn a_change_of_the_same_size_and_time_is_seen() {
    let scene = Scene::of(Place::with(&[("a.txt", "one\n"), ("b.txt", "b\n")]).await).await;
    scene
        .sh("touch -r a.txt ../time; printf 'two\\n' > a.txt; touch -r ../time a.txt
             git update-index --assume-unchanged a.txt; git update-index --skip-worktree b.txt
             rm b.txt")
        .await;
    let snapshot = scene.snapshot().await;
    assert_eq!(scene.place.git(&format!("show {}:a.txt", snapshot.tree)).await, "two");
    assert_eq!(scene.changes(&snapshot.tree).await, "M 100644 a.txt\nD 000000 b.txt");
}
