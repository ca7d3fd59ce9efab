//! The project's own commands, run for real.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use worktree::{CommandOutcome, Error, ProjectCommand, Worktree, run_project_command, setup_key};

use crate::{Place, environment, worktree_at_head};

fn command(command: &str) -> ProjectCommand {
    ProjectCommand { command: command.to_owned(), dir: String::new(), source: "test".to_owned() }
}

async fn ran(worktree: &Worktree, script: &str, timeout: Duration) -> CommandOutcome {
    let cancel = CancellationToken::new();
    run_project_command(worktree, &command(script), &environment(), timeout, &cancel).await.unwrap()
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn only_an_exit_with_status_0_is_a_pass() {
    let place = Place::with(&[("sub/a.txt", "a")]).await;
    let worktree = worktree_at_head(&place, &place.open().await).await;
    let passed = ran(&worktree, "cat sub/a.txt; echo ' err' >&2; echo out", LONG).await;
    assert!(passed.passed);
    assert_eq!((passed.exit, passed.ended.as_str()), (Some(0), "exited"));
    assert_eq!(passed.output, "a err\nout\n");

    let failed = ran(&worktree, "echo no; exit 3", LONG).await;
    assert!(!failed.passed);
    assert_eq!((failed.exit, failed.ended.as_str()), (Some(3), "exited"));

    let missing = ran(&worktree, "belay-no-such-program", LONG).await;
    assert_eq!((missing.passed, missing.exit), (false, Some(127)));

    let killed = ran(&worktree, "kill -9 $$", LONG).await;
    assert_eq!((killed.exit, killed.ended.as_str()), (None, "signaled"));

    let slow = ran(&worktree, "echo begun; exec sleep 600", Duration::from_millis(300)).await;
    assert_eq!((slow.passed, slow.ended.as_str()), (false, "timed_out"));
    assert_eq!(slow.output, "begun\n");

    let cancel = CancellationToken::new();
    cancel.cancel();
    let never = run_project_command(&worktree, &command("true"), &environment(), LONG, &cancel)
        .await
        .unwrap();
    assert_eq!((never.passed, never.ended.as_str()), (false, "cancelled"));
}

#[tokio::test]
async fn output_is_bounded_and_keeps_both_ends() {
    let place = Place::with(&[("a", "a")]).await;
    let worktree = worktree_at_head(&place, &place.open().await).await;
    let script =
        "echo first; yes '\u{e9}\u{e9}\u{e9}' | head -c 3000000; printf '\\377\\377'; echo last";
    let outcome = ran(&worktree, script, LONG).await;
    assert!(outcome.output.len() <= 32 * 1024);
    assert!(outcome.output.contains("bytes dropped"));
    assert!(outcome.output.ends_with("last\n"));
}

#[tokio::test]
async fn a_command_sees_no_variable_but_those_given() {
    let place = Place::with(&[("a", "a")]).await;
    let worktree = worktree_at_head(&place, &place.open().await).await;
    let outcome = ran(&worktree, "env | cut -d= -f1 | sort", LONG).await;
    let names: Vec<&str> = outcome.output.lines().collect();
    // The last few are what sh itself sets.
    let expected =
        ["BELAY_ENVIRONMENT", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM", "HOME", "PATH", "TMPDIR"];
    for name in &names {
        assert!(
            expected.contains(name) || ["PWD", "OLDPWD", "SHLVL", "_"].contains(name),
            "{name}"
        );
    }
    assert!(expected.iter().all(|name| names.contains(name)));
}

#[tokio::test]
async fn a_command_runs_in_its_folder_and_in_none_outside() {
    let place = Place::with(&[("sub/a.txt", "a")]).await;
    let worktree = worktree_at_head(&place, &place.open().await).await;
    let cancel = CancellationToken::new();
    let inside = ProjectCommand { dir: "sub".to_owned(), ..command("ls") };
    let outcome =
        run_project_command(&worktree, &inside, &environment(), LONG, &cancel).await.unwrap();
    assert_eq!(outcome.output, "a.txt\n");
    for dir in ["..", "/", "sub/../..", "a\0b"] {
        let outside = ProjectCommand { dir: dir.to_owned(), ..command("ls") };
        let refused = run_project_command(&worktree, &outside, &environment(), LONG, &cancel).await;
        assert!(matches!(refused, Err(Error::Refused { .. })), "{dir:?}");
    }
}

fn contents(pairs: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
    pairs.iter().map(|(path, content)| ((*path).to_owned(), content.as_bytes().to_vec())).collect()
}

#[tokio::test]
async fn setup_runs_once_for_each_state_of_the_lockfiles() {
    let place = Place::with(&[("a", "a")]).await;
    let repository = place.open().await;
    let worktree = worktree_at_head(&place, &repository).await;
    let count = place.dir.path().join("count");
    let commands = [command(&format!("echo ran >> '{}'", count.display()))];
    let cancel = CancellationToken::new();
    let first = contents(&[("package-lock.json", "1"), ("README.md", "x")]);
    let same = contents(&[("package-lock.json", "1"), ("README.md", "y")]);
    let second = contents(&[("package-lock.json", "2")]);
    for (lock, expected) in [(&first, 1), (&first, 0), (&same, 0), (&second, 1), (&second, 0)] {
        let outcomes =
            worktree.setup(&commands, lock, &environment(), LONG, &cancel).await.unwrap();
        assert_eq!(outcomes.len(), expected);
    }
    assert_eq!(std::fs::read_to_string(&count).unwrap(), "ran\nran\n");
    worktree.remove().await.unwrap();
    let worktree = worktree_at_head(&place, &repository).await;
    let outcomes = worktree.setup(&commands, &second, &environment(), LONG, &cancel).await;
    assert_eq!(outcomes.unwrap().len(), 1, "a new worktree is set up again");
}

#[tokio::test]
async fn setup_stops_at_the_first_failure_and_tries_again() {
    let place = Place::with(&[("a", "a")]).await;
    let worktree = worktree_at_head(&place, &place.open().await).await;
    let cancel = CancellationToken::new();
    let commands = [command("true"), command("false"), command("true")];
    for _ in 0..2 {
        let outcomes = worktree
            .setup(&commands, &BTreeMap::new(), &environment(), LONG, &cancel)
            .await
            .unwrap();
        let passed: Vec<bool> = outcomes.iter().map(|outcome| outcome.passed).collect();
        assert_eq!(passed, [true, false]);
    }
}

#[tokio::test]
async fn what_setup_installed_comes_first_on_the_path_and_outlives_cleaning() {
    let place = Place::with(&[("a", "a")]).await;
    let repository = place.open().await;
    let (_, tree) = crate::head(&repository).await;
    let worktree = worktree_at_head(&place, &repository).await;
    let cancel = CancellationToken::new();
    let install = "mkdir -p \"$BELAY_ENVIRONMENT/bin\" && \
                   printf '#!/bin/sh\\necho installed' > \"$BELAY_ENVIRONMENT/bin/ls\" && \
                   chmod +x \"$BELAY_ENVIRONMENT/bin/ls\"";
    let outcomes = worktree
        .setup(&[command(install)], &BTreeMap::new(), &environment(), LONG, &cancel)
        .await
        .unwrap();
    assert!(outcomes[0].passed, "{}", outcomes[0].output);
    worktree.materialize(&tree).await.unwrap();
    let outcome = ran(&worktree, "ls; test -n \"$VIRTUAL_ENV\"", LONG).await;
    assert_eq!((outcome.output.as_str(), outcome.passed), ("installed\n", true));
    let program = worktree.path().with_file_name("work-env").join("bin/ls");
    assert_eq!(program.metadata().unwrap().permissions().mode() & 0o777, 0o755);
    worktree.remove().await.unwrap();
    assert!(!program.exists());
}

#[test]
fn the_key_changes_with_commands_and_lockfiles_only() {
    let commands = [command("npm ci")];
    let lock = contents(&[("package-lock.json", "1")]);
    let key = setup_key(&commands, &lock);
    assert_eq!(key.len(), 64);
    assert_eq!(key, setup_key(&commands, &lock));
    let more = contents(&[("package-lock.json", "1"), ("src/a.js", "x")]);
    assert_eq!(key, setup_key(&commands, &more));
    assert_ne!(key, setup_key(&commands, &contents(&[("package-lock.json", "2")])));
    assert_ne!(key, setup_key(&commands, &contents(&[("yarn.lock", "1")])));
    assert_ne!(key, setup_key(&[command("npm install")], &lock));
}
