//! Repositories whose commits must be signed.

use std::path::{Path, PathBuf};

use super::{BRANCH, NUMBERS, ROLES, blocked_over, ends, executable, plain, reports, run, started};
use crate::harness::{Bench, finish, installed};

/// A repository that signs with a key made here; none where such keys cannot be made.
fn signed() -> Option<Bench> {
    let bench = plain();
    let key = bench.root().join("key");
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "ada", "-f"])
        .arg(&key)
        .status();
    if !made.is_ok_and(|status| status.success()) || !installed("git") {
        eprintln!("left out: there is no ssh-keygen");
        return None;
    }
    let public = std::fs::read_to_string(key.with_extension("pub")).expect("a public key");
    let allowed = bench.root().join("allowed");
    std::fs::write(&allowed, format!("ada@example.org {public}")).expect("a file");
    sign_with(&bench, &key);
    bench.git(&["config", "gpg.ssh.allowedSignersFile", allowed.to_str().expect("text")]);
    Some(bench)
}

fn sign_with(bench: &Bench, key: &Path) {
    bench.git(&["config", "gpg.format", "ssh"]);
    bench.git(&["config", "user.signingKey", key.to_str().expect("text")]);
    bench.git(&["config", "commit.gpgSign", "true"]);
}

/// The commits of the branch, each of them verified.
fn verified(bench: &Bench) -> Vec<String> {
    let commits = bench.git(&["rev-list", &format!("main..{BRANCH}")]);
    for commit in commits.lines() {
        bench.git(&["verify-commit", commit]);
    }
    commits.lines().map(str::to_owned).collect()
}

/// A git that kills belay once: at its first `update-ref` after a commit, before or
/// after the branch is moved.
fn deadly_git(bench: &Bench, after_the_move: bool) -> PathBuf {
    let bin = bench.root().join("bin");
    let path = std::env::var("PATH").expect("a path");
    let flag = bench.root().join("made");
    let (before, after) =
        if after_the_move { ("", "kill -9 $PPID") } else { ("kill -9 $PPID; exit 1", ":") };
    let script = format!(
        "#!/bin/sh\nPATH='{path}'\nfor word; do\n  case \"$word\" in\n  commit-tree) test -e '{0}' || : > '{0}' ;;\n  \
         update-ref) if test -e '{0}' && ! test -s '{0}'; then\n    echo once > '{0}'; {before}\n    git \"$@\"; {after}; exit 1\n  fi ;;\n  esac\ndone\nexec git \"$@\"\n",
        flag.display()
    );
    executable(&bin.join("git"), &script);
    bin
}

#[tokio::test(flavor = "multi_thread")]
async fn every_commit_is_signed_and_there_is_one_a_milestone_wherever_it_is_killed() {
    for after_the_move in [false, true] {
        let Some(bench) = signed() else {
            return;
        };
        let server = started(&bench, reports(&["up\n"]), NUMBERS).await;
        let bin = deadly_git(&bench, after_the_move);
        let mut command = bench.command(&["run", "001", "-q"]);
        command
            .env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").expect("a path")));
        let killed = finish(command.spawn().expect("belay")).await;
        assert_eq!(killed.code, None, "killed: {}", killed.stderr);
        let landed = verified(&bench);
        assert_eq!(landed.len(), usize::from(after_the_move), "where it was killed");

        let ran = bench.belay(&["resume", "--format", "json"]).await.exits(0);
        ends(&ran, "completed");
        let commits = verified(&bench);
        assert_eq!(commits.len(), 1, "{commits:?}");
        assert!(landed.is_empty() || landed == commits, "the commit that landed stays");
        assert_eq!(ran.named("milestone_committed")[0]["commit"], commits[0]);
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_be_used_blocks_the_run_with_the_reason() {
    let bench = plain();
    let missing = bench.root().join("no-such-key");
    sign_with(&bench, &missing);
    let server = started(&bench, reports(&["up\n"]), NUMBERS).await;
    let ran = run(&bench).await;
    blocked_over(&bench, &ran, &["cannot be signed", "no-such-key"]);

    let config = format!("{NUMBERS}commit: {{ sign: false }}\n");
    bench.config(&server, &format!("{ROLES}{config}"));
    let ran = bench.belay(&["resume", "--format", "json"]).await.exits(0);
    ends(&ran, "completed");
    assert_eq!(bench.git(&["rev-list", "--count", &format!("main..{BRANCH}")]), "1");
    server.stop().await;
}
