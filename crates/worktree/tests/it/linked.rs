//! The linked worktree: made, taken over, filled, and kept apart from what is
//! not ours.

use std::path::Path;

use worktree::Error;

use crate::{Place, delete, git_in, guard, head, put, worktree_at_head, write};

fn read(dir: &Path, path: &str) -> Option<String> {
    std::fs::read_to_string(dir.join(path)).ok()
}

#[tokio::test]
async fn it_holds_the_tree_and_follows_it() {
    let place = Place::with(&[("a.txt", "a"), ("dir/b.txt", "b")]).await;
    let repository = place.open().await;
    let (commit, tree) = head(&repository).await;
    let worktree = worktree_at_head(&place, &repository).await;
    let path = worktree.path();
    assert_eq!(path, place.aside());
    assert_eq!(read(path, "a.txt").as_deref(), Some("a"));
    assert_eq!(git_in(path, "status --porcelain").await, "");
    assert_eq!(git_in(path, "rev-parse HEAD").await, commit.as_str());
    assert_eq!(git_in(path, "branch --show-current").await, "");

    let writes = [write("a.txt", "changed"), delete("dir/b.txt"), write("c/d", "new")];
    let changed = repository.write_tree(&tree, &writes, &guard()).await.unwrap();
    worktree.materialize(&changed).await.unwrap();
    assert_eq!(read(path, "a.txt").as_deref(), Some("changed"));
    assert_eq!(read(path, "c/d").as_deref(), Some("new"));
    assert!(!path.join("dir").exists());

    worktree.materialize(&tree).await.unwrap();
    assert_eq!(read(path, "a.txt").as_deref(), Some("a"));
    assert!(!path.join("c").exists());
}

#[tokio::test]
async fn what_commands_left_is_undone_but_ignored_folders_stay() {
    let place = Place::with(&[
        (".gitignore", "target/\n"),
        ("a.txt", "a"),
        ("b.txt", "b"),
        ("dir/c.txt", "c"),
        ("dir/d.txt", "d"),
    ])
    .await;
    let repository = place.open().await;
    let (_, tree) = head(&repository).await;
    let worktree = worktree_at_head(&place, &repository).await;
    let path = worktree.path();

    put(path, "target/debug/built", "slow to make");
    put(path, "node_modules/x/index.js", "slow to fetch");
    put(path, "left/over.txt", "x");
    put(path, "nested/.git/HEAD", "ref: refs/heads/main\n");
    git_in(&path.join("left"), "init -q deeper").await;
    put(path, "a.txt", "tampered");
    std::fs::remove_file(path.join("b.txt")).unwrap();
    put(path, "b.txt/now/a/folder", "x");
    std::fs::remove_dir_all(path.join("dir")).unwrap();
    std::os::unix::fs::symlink(place.repo().join("dir"), path.join("dir")).unwrap();
    git_in(path, "add -A -- a.txt").await;
    git_in(path, "checkout -q -b stray").await;
    std::fs::write(place.repo().join(".git/worktrees/work/index.lock"), "").unwrap();

    worktree.materialize(&tree).await.unwrap();
    assert_eq!(git_in(path, "status --porcelain").await, "?? node_modules/");
    assert_eq!(read(path, "a.txt").as_deref(), Some("a"));
    assert_eq!(read(path, "b.txt").as_deref(), Some("b"));
    assert!(!path.join("dir").symlink_metadata().unwrap().is_symlink());
    assert!(!path.join("left").exists());
    assert!(!path.join("nested").exists());
    assert_eq!(read(path, "target/debug/built").as_deref(), Some("slow to make"));
    assert!(path.join("node_modules/x/index.js").exists());
    assert_eq!(read(&place.repo(), "dir/c.txt").as_deref(), Some("c"));
}

#[tokio::test]
async fn an_edit_that_hides_behind_its_time_stamp_is_undone() {
    let place = Place::with(&[("a.txt", "aaaa")]).await;
    place.git("config core.trustctime false").await;
    place.git("config core.checkStat minimal").await;
    let repository = place.open().await;
    let (_, tree) = head(&repository).await;
    let worktree = worktree_at_head(&place, &repository).await;
    let file = worktree.path().join("a.txt");
    let modified = file.metadata().unwrap().modified().unwrap();
    std::fs::write(&file, "bbbb").unwrap();
    let handle = std::fs::File::options().write(true).open(&file).unwrap();
    handle.set_modified(modified).unwrap();
    worktree.materialize(&tree).await.unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "aaaa");
}

#[tokio::test]
async fn edits_that_git_promised_not_to_look_at_are_undone() {
    let place = Place::with(&[("a.txt", "a"), ("b.txt", "b")]).await;
    let repository = place.open().await;
    let (_, tree) = head(&repository).await;
    let worktree = worktree_at_head(&place, &repository).await;
    git_in(worktree.path(), "update-index --assume-unchanged a.txt").await;
    git_in(worktree.path(), "update-index --skip-worktree a.txt b.txt").await;
    put(worktree.path(), "a.txt", "tampered");
    put(worktree.path(), "b.txt", "tampered");
    worktree.materialize(&tree).await.unwrap();
    assert_eq!(read(worktree.path(), "a.txt").as_deref(), Some("a"));
    assert_eq!(read(worktree.path(), "b.txt").as_deref(), Some("b"));
    let flags = git_in(worktree.path(), "ls-files -v").await;
    assert_eq!(flags, "H a.txt\nH b.txt");
}

/// A command of the project may lead git astray from inside the worktree; it
/// must not lead us into the person's checkout.
#[tokio::test]
async fn a_command_cannot_point_us_at_the_persons_checkout() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let repository = place.open().await;
    let (_, tree) = head(&repository).await;
    let worktree = worktree_at_head(&place, &repository).await;
    place.put("a.txt", "the person's edit");
    place.put("untracked.txt", "the person's file");
    let link = worktree.path().join(".git");
    let good = std::fs::read_to_string(&link).unwrap();

    std::fs::write(&link, format!("gitdir: {}\n", place.repo().join(".git").display())).unwrap();
    worktree.materialize(&tree).await.unwrap();
    assert_eq!(std::fs::read_to_string(&link).unwrap(), good);

    std::fs::remove_file(&link).unwrap();
    git_in(worktree.path(), "init -q").await;
    worktree.materialize(&tree).await.unwrap();
    assert_eq!(std::fs::read_to_string(&link).unwrap(), good);

    std::fs::remove_dir_all(worktree.path()).unwrap();
    std::os::unix::fs::symlink(place.repo(), worktree.path()).unwrap();
    let replaced = worktree.materialize(&tree).await;
    assert!(matches!(replaced, Err(Error::NotOurs { .. })), "{replaced:?}");
    assert_eq!(read(&place.repo(), "a.txt").unwrap(), "the person's edit");
    assert_eq!(read(&place.repo(), "untracked.txt").unwrap(), "the person's file");
}

#[tokio::test]
async fn a_later_process_takes_it_over_with_its_build_folders() {
    let place = Place::with(&[(".gitignore", "target\n"), ("a.txt", "a")]).await;
    let repository = place.open().await;
    let worktree = worktree_at_head(&place, &repository).await;
    put(worktree.path(), "target/built", "x");
    put(worktree.path(), "a.txt", "half written");
    git_in(worktree.path(), "checkout -q -b stray").await;
    drop(worktree);

    place.git("commit -q --allow-empty -m second").await;
    let repository = place.open().await;
    let (commit, tree) = head(&repository).await;
    let worktree = repository.worktree(&place.aside(), &commit).await.unwrap();
    worktree.materialize(&tree).await.unwrap();
    assert_eq!(read(worktree.path(), "target/built").as_deref(), Some("x"));
    assert_eq!(read(worktree.path(), "a.txt").as_deref(), Some("a"));
    assert_eq!(git_in(worktree.path(), "rev-parse HEAD").await, commit.as_str());
    assert_eq!(git_in(worktree.path(), "branch --show-current").await, "");
}

#[tokio::test]
async fn one_that_lost_its_folder_or_was_never_finished_is_made_again() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let repository = place.open().await;
    let (commit, tree) = head(&repository).await;
    let admin = place.repo().join(".git/worktrees/work");

    drop(worktree_at_head(&place, &repository).await);
    std::fs::remove_dir_all(place.aside()).unwrap();
    let worktree = worktree_at_head(&place, &repository).await;
    assert_eq!(read(worktree.path(), "a.txt").as_deref(), Some("a"));
    worktree.remove().await.unwrap();

    // As left by a git that was killed while adding.
    let add =
        format!("worktree add -q --lock --detach --no-checkout {} HEAD", place.aside().display());
    place.git(&add).await;
    std::fs::remove_file(admin.join("HEAD")).unwrap();
    let worktree = repository.worktree(&place.aside(), &commit).await.unwrap();
    worktree.materialize(&tree).await.unwrap();
    worktree.remove().await.unwrap();

    std::fs::create_dir_all(place.aside()).unwrap();
    let worktree = worktree_at_head(&place, &repository).await;
    assert_eq!(read(worktree.path(), "a.txt").as_deref(), Some("a"));
}

#[tokio::test]
async fn what_is_not_ours_is_left_alone() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let repository = place.open().await;
    let (commit, _) = head(&repository).await;
    let beside = place.repo().parent().unwrap().to_owned();
    put(&beside, "folder/precious.txt", "x");
    put(&beside, "file", "x");
    std::os::unix::fs::symlink(&beside, beside.join("link")).unwrap();
    place.git("worktree add -q -b theirs ../theirs").await;
    place.git("worktree add -q --detach ../moved").await;
    std::fs::rename(beside.join("moved"), beside.join("away")).unwrap();
    let other = Place::with(&[("o.txt", "o")]).await;
    drop(worktree_at_head(&other, &other.open().await).await);

    for path in [
        beside.join("folder"),
        beside.join("file"),
        beside.join("link"),
        beside.join("theirs"),
        beside.join("moved"),
        place.repo(),
        other.aside(),
    ] {
        let made = repository.worktree(&path, &commit).await;
        assert!(matches!(made, Err(Error::NotOurs { .. })), "{}: {made:?}", path.display());
    }
    // A folder of the person where ours was before.
    drop(worktree_at_head(&place, &repository).await);
    std::fs::remove_dir_all(place.aside()).unwrap();
    put(&place.aside(), "precious.txt", "x");
    let made = repository.worktree(&place.aside(), &commit).await;
    assert!(matches!(made, Err(Error::NotOurs { .. })), "{made:?}");

    for kept in [
        beside.join("folder/precious.txt"),
        beside.join("file"),
        beside.join("theirs/a.txt"),
        beside.join("away/a.txt"),
        other.aside().join("o.txt"),
        place.aside().join("precious.txt"),
    ] {
        assert!(kept.is_file(), "{}", kept.display());
    }
}

/// Trap 30: one repository, several worktrees at the same moment; git by itself
/// fails now and then when it meets another's half-made one.
#[tokio::test]
async fn several_are_made_at_once() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let repository = place.open().await;
    let (commit, tree) = head(&repository).await;
    let make = |i: usize| {
        let path = place.aside().join(i.to_string()).join("same-name");
        let (repository, commit, tree) = (repository.clone(), commit.clone(), tree.clone());
        async move {
            // Another handle, so that the two do not share a lock.
            let repository = repository::fresh(&repository).await;
            let worktree = repository.worktree(&path, &commit).await.unwrap();
            worktree.materialize(&tree).await.unwrap();
            worktree
        }
    };
    let made = tokio::join!(make(0), make(1), make(2), make(3), make(4), make(5));
    for worktree in [made.0, made.1, made.2, made.3, made.4, made.5] {
        assert_eq!(read(worktree.path(), "a.txt").as_deref(), Some("a"));
        worktree.remove().await.unwrap();
    }
    assert_eq!(place.git("worktree list").await.lines().count(), 1);
}

mod repository {
    use worktree::Repository;

    pub(super) async fn fresh(known: &Repository) -> Repository {
        Repository::discover(known.top(), crate::git()).await.unwrap()
    }
}

#[tokio::test]
async fn large_file_pointers_and_sparse_checkouts_do_not_matter() {
    let pointer = "version https://git-lfs.github.com/spec/v1\n";
    let place = Place::with(&[("big.bin", pointer), ("a/b.txt", "b"), ("c/d.txt", "d")]).await;
    place.put(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n");
    place.git("add .gitattributes").await;
    place.git("commit -q -m lfs").await;
    place.git("sparse-checkout set --no-cone /a/").await;
    place.git("config filter.lfs.smudge false").await;
    place.git("config filter.lfs.process false").await;
    place.git("config filter.lfs.required true").await;
    let repository = place.open().await;
    let worktree = worktree_at_head(&place, &repository).await;
    assert_eq!(read(worktree.path(), "big.bin").as_deref(), Some(pointer));
    assert_eq!(read(worktree.path(), "c/d.txt").as_deref(), Some("d"));
}
