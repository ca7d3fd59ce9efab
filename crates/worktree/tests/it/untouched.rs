//! The promise that matters most: whatever a run does, the person's checkout,
//! index, stash, HEAD and branches stay byte for byte as they are.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use worktree::{CommitIntent, ProjectCommand, run_project_command};

use crate::{Place, ada, delete, environment, guard, head, worktree_at_head, write};

/// Every file with its content and time stamp; links by their target.
fn snapshot(dir: &Path, skip: &dyn Fn(&Path) -> bool) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut open = vec![dir.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if skip(&path) {
                continue;
            }
            let facts = path.symlink_metadata().unwrap();
            if facts.is_dir() {
                open.push(path);
            } else {
                let content = if facts.is_symlink() {
                    path.read_link().unwrap().into_os_string().into_encoded_bytes()
                } else {
                    std::fs::read(&path).unwrap()
                };
                let modified = facts.modified().unwrap();
                files.insert(path.display().to_string(), format!("{modified:?} {content:?}"));
            }
        }
    }
    files
}

/// Traps 28 and 29.
#[tokio::test]
async fn nothing_of_the_persons_changes_over_a_whole_run() {
    let place =
        Place::with(&[("a.txt", "a\n"), ("b.txt", "b\n"), (".gitignore", "ignored\n")]).await;
    place.git("branch other").await;
    place.put("a.txt", "stashed\n");
    place.git("stash -q").await;
    place.put("a.txt", "staged\n");
    place.git("add a.txt").await;
    place.put("a.txt", "edited\n");
    place.put("untracked.txt", "untracked");
    place.put("ignored", "ignored");
    std::fs::remove_file(place.repo().join("b.txt")).unwrap();

    // New objects, our branch and our own folders are what may come; the
    // person's own worktree list grows and shrinks again.
    let git_dir = place.repo().join(".git");
    let ours = [
        "objects",
        "belay",
        "worktrees",
        "refs/belay",
        "refs/heads/belay",
        "logs/refs/heads/belay",
    ]
    .map(|part| git_dir.join(part));
    let skip = move |path: &Path| ours.iter().any(|own| own == path);
    let before = snapshot(&place.repo(), &skip);
    let status = place.git("--no-optional-locks status --porcelain=v2").await;

    let repository = place.open().await;
    assert!(repository.is_dirty().await.unwrap());
    let (parent, tree) = head(&repository).await;
    repository.move_branch("belay/1", &parent, None).await.unwrap();
    let worktree = worktree_at_head(&place, &repository).await;
    let writes = [write("a.txt", "new\n"), delete("b.txt"), write("c/d.txt", "d\n")];
    let tree = repository.write_tree(&tree, &writes, &guard()).await.unwrap();
    worktree.materialize(&tree).await.unwrap();
    let command = ProjectCommand {
        command:
            "echo tested > a.txt; rm c/d.txt; echo x > new; git add -A; git commit -qm sneaked"
                .to_owned(),
        dir: String::new(),
        source: "test".to_owned(),
    };
    run_project_command(
        &worktree,
        &command,
        &environment(),
        Duration::from_secs(60),
        &CancellationToken::new(),
    )
    .await
    .unwrap();
    worktree.materialize(&tree).await.unwrap();
    repository.diff(&tree, &tree, 100).await.unwrap();
    let intent = CommitIntent {
        tree,
        parent: parent.clone(),
        message: "m".to_owned(),
        author: ada(),
        at: jiff::Timestamp::UNIX_EPOCH,
        sign: false,
    };
    let commit = repository.commit(&intent).await.unwrap();
    repository.move_branch("belay/1", &commit, Some(&parent)).await.unwrap();
    worktree.remove().await.unwrap();

    assert_eq!(place.git("--no-optional-locks status --porcelain=v2").await, status);
    let after = snapshot(&place.repo(), &skip);
    let changed: Vec<&String> = after
        .iter()
        .filter(|(path, facts)| before.get(*path) != Some(facts))
        .map(|(path, _)| path)
        .chain(before.keys().filter(|path| !after.contains_key(*path)))
        .collect();
    assert!(changed.is_empty(), "{changed:?}");
    assert!(!place.repo().join(".git/worktrees").join("work").exists());
    assert_eq!(std::fs::read_dir(place.repo().join(".git/belay/scratch")).unwrap().count(), 0);
}
