//! Files swapped for links at the worst moment, by a process that a test
//! command left behind: between the look at a folder and the writing into it.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use tokio::time::timeout;
use worktree::TreeId;

use crate::{Place, delete, guard, head, put, write};

const FILES: usize = 60;

/// Swaps two names for each other until it is told to stop.
fn swap(stop: &AtomicBool, one: &Path, other: &Path) -> u64 {
    let mut swaps = 0;
    while !stop.load(Ordering::Relaxed) {
        if renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).is_ok() {
            swaps += 1;
        }
        std::thread::yield_now();
    }
    swaps
}

fn contents(dir: &Path) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(dir).unwrap().map(Result::unwrap);
    let mut all: Vec<_> = entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read_to_string(entry.path()).unwrap())
        })
        .collect();
    all.sort();
    all
}

/// Three trees: files in the folder, others in it, and none.
async fn trees(repository: &worktree::Repository) -> Vec<TreeId> {
    let (_, tree) = head(repository).await;
    let name = |i: usize| format!("dir/f{i}");
    let rewritten: Vec<_> = (0..FILES).map(|i| write(&name(i), "new")).collect();
    let gone: Vec<_> = (0..FILES).map(|i| delete(&name(i))).collect();
    let rewritten = repository.write_tree(&tree, &rewritten, &guard()).await.unwrap();
    let gone = repository.write_tree(&tree, &gone, &guard()).await.unwrap();
    vec![tree, rewritten, gone]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_outside_changes_while_folders_are_swapped_for_links() {
    let files: Vec<(String, String)> =
        (0..FILES).map(|i| (format!("dir/f{i}"), "old".to_owned())).collect();
    let mut files: Vec<(&str, &str)> =
        files.iter().map(|(path, content)| (path.as_str(), content.as_str())).collect();
    files.push(("stay", "s"));
    let place = Place::with(&files).await;
    let repository = place.open().await;
    let (commit, tree) = head(&repository).await;
    let trees = trees(&repository).await;
    let worktree = repository.worktree(&place.reserved(), &commit).await.unwrap();
    worktree.materialize(&tree).await.unwrap();

    let victim = place.repo().parent().unwrap().join("victim");
    for i in 0..FILES / 2 {
        put(&victim, &format!("f{i}"), "precious");
    }
    put(&victim, "of-another-name", "precious");
    let before = contents(&victim);
    let link = victim.with_extension("link");
    std::os::unix::fs::symlink(&victim, &link).unwrap();

    let stop = AtomicBool::new(false);
    let folder = worktree.path().join("dir");
    let swaps = std::thread::scope(|scope| {
        let hostile = scope.spawn(|| swap(&stop, &folder, &link));
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                for tree in trees.iter().cycle().take(24) {
                    // What is left of the worktree is the loop's affair.
                    let filled = worktree.materialize(tree);
                    let filled = timeout(Duration::from_secs(60), filled).await.unwrap();
                    drop(filled);
                    put_back(worktree.path(), &folder);
                }
            });
        });
        stop.store(true, Ordering::Relaxed);
        hostile.join().unwrap()
    });
    assert!(swaps > 100, "{swaps}");
    assert_eq!(contents(&victim), before);

    std::fs::remove_file(&folder).or_else(|_| std::fs::remove_dir_all(&folder)).ok();
    worktree.materialize(&tree).await.unwrap();
    assert_eq!(std::fs::read_to_string(folder.join("f0")).unwrap(), "old");
    assert_eq!(contents(&victim), before);
}

/// So that the loop has something to swap again, if a tree took it away.
fn put_back(top: &Path, folder: &Path) {
    if top.is_dir() && folder.symlink_metadata().is_err() {
        std::fs::create_dir(folder).ok();
    }
}

/// The same at one chosen moment: while git has looked at the folder and still
/// writes into it.
#[tokio::test]
async fn a_folder_that_becomes_a_link_halfway_leads_nothing_outside() {
    let names: Vec<String> = (0..20).map(|i| format!("dir/f{i:02}")).collect();
    let mut files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "old")).collect();
    files.push((".gitattributes", "dir/f05 filter=swap\n"));
    let place = Place::with(&files).await;
    let repository = place.open().await;
    let (commit, tree) = head(&repository).await;
    let worktree = repository.worktree(&place.reserved(), &commit).await.unwrap();
    let victim = place.repo().parent().unwrap().join("victim");
    for i in [7, 8, 12, 29] {
        put(&victim, &format!("f{i:02}"), "precious");
    }
    let before = contents(&victim);
    let script = place.repo().parent().unwrap().join("swap");
    let swapping = format!(
        "cd '{}'; mv dir away; rm -rf away; ln -s '{}' dir; cat\n",
        worktree.path().display(),
        victim.display()
    );
    std::fs::write(&script, swapping).unwrap();

    let filter = [("clean", "cat".to_owned()), ("smudge", format!("sh {}", script.display()))];
    let config = place.repo().join(".git/config");
    let mut text = std::fs::read_to_string(&config).unwrap();
    text.push_str("[filter \"swap\"]\n");
    for (key, value) in filter {
        text.push_str(&format!("\t{key} = {value}\n"));
    }
    std::fs::write(&config, text).unwrap();
    // Files that are new, files that are there, and files that go.
    worktree.materialize(&tree).await.ok();
    assert_eq!(contents(&victim), before);
    let new: Vec<_> = names.iter().map(|name| write(name, "new")).collect();
    let new: Vec<_> = new.into_iter().filter(|write| write.path != "dir/f05").collect();
    let changed = repository.write_tree(&tree, &new, &guard()).await.unwrap();
    worktree.materialize(&changed).await.ok();
    assert_eq!(contents(&victim), before);
    worktree.materialize(&tree).await.ok();
    assert_eq!(contents(&victim), before);
}
