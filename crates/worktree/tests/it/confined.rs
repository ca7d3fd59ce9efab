//! What a command is run with besides its script: a temporary folder of its
//! own, and bounds. Whether the system keeps the bounds is tried elsewhere; a
//! launcher that only writes down what it was told stands in for it here.

use std::path::PathBuf;
use std::time::Duration;

use subprocess::Confinement;
use tokio_util::sync::CancellationToken;
use worktree::{CommandOutcome, ProjectCommand, ProjectEnvironment, Worktree, run_project_command};

use crate::{Place, env, put, worktree_at_head};

const LONG: Duration = Duration::from_secs(60);

async fn ran(
    worktree: &Worktree,
    script: &str,
    environment: &ProjectEnvironment,
) -> CommandOutcome {
    let command = ProjectCommand {
        command: script.to_owned(),
        dir: String::new(),
        source: "test".to_owned(),
    };
    let cancel = CancellationToken::new();
    run_project_command(worktree, &command, environment, LONG, &cancel).await.unwrap()
}

#[tokio::test]
async fn the_temporary_folder_is_new_and_gone_afterwards() {
    let place = Place::with(&[("a", "a")]).await;
    let worktree = worktree_at_head(&place, &place.open().await).await;
    let root = place.dir.path().join("tmp");
    std::fs::create_dir(&root).unwrap();
    let mut environment = ProjectEnvironment::unconfined(env());
    environment.env.push(("TMPDIR".to_owned(), root.to_str().unwrap().to_owned()));
    let script = "ls -A \"$TMPDIR\" | wc -l; echo \"$TMPDIR\"; mkdir \"$TMPDIR/x\"; \
                  echo x > \"$TMPDIR/x/y\"; test -w \"$TMPDIR/x/y\"";
    let mut folders = Vec::new();
    for _ in 0..2 {
        let outcome = ran(&worktree, script, &environment).await;
        assert!(outcome.passed, "{}", outcome.output);
        let (count, folder) = outcome.output.trim_end().split_once('\n').unwrap();
        assert_eq!(count.trim(), "0");
        folders.push(PathBuf::from(folder));
    }
    assert!(folders.iter().all(|folder| folder.starts_with(&root) && !folder.exists()));
    assert_ne!(folders[0], folders[1]);
    assert_eq!(std::fs::read_dir(&root).unwrap().count(), 0);

    let gone = place.dir.path().join("gone").display().to_string();
    environment.env.push(("TMPDIR".to_owned(), gone));
    assert!(ran(&worktree, "test -d \"$TMPDIR\"", &environment).await.passed);
}

#[tokio::test]
async fn a_command_may_write_its_own_folders_and_not_what_git_keeps() {
    let place = Place::with(&[("a", "a")]).await;
    let worktree = worktree_at_head(&place, &place.open().await).await;
    let told = place.dir.path().join("told");
    put(
        place.dir.path(),
        "launcher",
        "printf '%s\\n' \"$@\" > \"$TOLD\"\nwhile [ \"$1\" != -- ]; do shift; done\nshift\nexec \"$@\"\n",
    );
    let launcher = place.dir.path().join("launcher").display().to_string();
    let mut environment = ProjectEnvironment::unconfined(env());
    environment.env.push(("TOLD".to_owned(), told.display().to_string()));
    environment.confinement = Some(Confinement {
        launcher: vec!["/bin/sh".to_owned(), launcher],
        writable: vec![PathBuf::from("/caches")],
        unreadable: vec![PathBuf::from("/keys")],
        replaced: Vec::new(),
    });
    let outcome = ran(&worktree, "echo \"$TMPDIR\"", &environment).await;
    assert!(outcome.passed, "{}", outcome.output);
    let told = std::fs::read_to_string(told).unwrap();
    let words: Vec<&str> = told.lines().collect();
    let after = |option: &str| -> Vec<&str> {
        let pairs = words.windows(2).filter(|pair| pair[0] == option);
        pairs.map(|pair| pair[1]).collect()
    };
    let work = worktree.path().to_str().unwrap();
    let installed = format!("{work}-env");
    let own = [work, &installed, outcome.output.trim_end()];
    let expected: Vec<&str> = ["/caches"].into_iter().chain(own).collect();
    assert_eq!(after("--writable"), expected);
    assert_eq!(after("--unreadable"), ["/keys"]);
}
