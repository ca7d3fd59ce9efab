//! Commits signed by the real programs with keys made here, and all that may
//! keep a program from signing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use subprocess::{Command, run};
use tokio_util::sync::CancellationToken;
use worktree::{CommitIntent, Error, Git, Repository};

use crate::cancelling::appears;
use crate::{Place, ada, env, git, head};

/// A program that makes keys; not every machine has it.
async fn tool(dir: &Path, program: &str, args: &[&str], home: &Path) {
    let command = Command::new(program, dir)
        .args(args.iter().copied())
        .env(env())
        .env([("GNUPGHOME", home.to_str().unwrap())]);
    let output = run(&command, &CancellationToken::new()).await.unwrap();
    assert!(output.success(), "{program} {args:?}: {}", output.stderr.text());
}

fn beside(place: &Place, name: &str) -> PathBuf {
    place.repo().parent().unwrap().join(name)
}

/// Makes an SSH key and has git sign with it.
async fn with_ssh_key(place: &Place, passphrase: &str) {
    let key = beside(place, "key");
    let name = key.to_str().unwrap();
    let args = ["-q", "-t", "ed25519", "-N", passphrase, "-C", "ada", "-f", name];
    tool(&place.repo(), "ssh-keygen", &args, Path::new("/nonexistent")).await;
    place.git("config gpg.format ssh").await;
    place.git(&format!("config user.signingKey {name}")).await;
    place.git("config commit.gpgSign true").await;
}

/// Has git sign with a script.
async fn signer(place: &Place, script: &str) {
    use std::os::unix::fs::PermissionsExt;
    let program = beside(place, "signer");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    place.git(&format!("config gpg.program {}", program.display())).await;
}

async fn intent(repository: &Repository) -> CommitIntent {
    let (parent, tree) = head(repository).await;
    CommitIntent {
        tree,
        parent,
        message: "Milestone 1/1: Sign\n\nBody.\n\nBelay-Run: x\n".to_owned(),
        author: ada(),
        at: "2026-01-02T03:04:05Z".parse().unwrap(),
        sign: true,
    }
}

#[tokio::test]
async fn an_ssh_key_signs_and_the_commit_is_known_again() {
    let place = Place::with(&[("a.txt", "a")]).await;
    assert!(!place.open().await.signs().await.unwrap());
    with_ssh_key(&place, "").await;
    let repository = place.open().await;
    assert!(repository.signs().await.unwrap());
    let intent = intent(&repository).await;
    let commit = repository.commit(&intent).await.unwrap();

    let public = std::fs::read_to_string(beside(&place, "key.pub")).unwrap();
    let allowed = beside(&place, "allowed");
    std::fs::write(&allowed, format!("ada@example.org {public}")).unwrap();
    place.git(&format!("config gpg.ssh.allowedSignersFile {}", allowed.display())).await;
    assert_eq!(place.git(&format!("log -1 --format=%G? {commit}")).await, "G");
    place.git(&format!("verify-commit {commit}")).await;

    assert!(repository.is_of(&commit, &intent).await.unwrap());
    let unsigned = CommitIntent { sign: false, ..intent.clone() };
    let plain = repository.commit(&unsigned).await.unwrap();
    assert_ne!(plain, commit);
    assert!(repository.is_of(&plain, &intent).await.unwrap());
    let message = CommitIntent { message: "another".to_owned(), ..intent.clone() };
    assert!(!repository.is_of(&commit, &message).await.unwrap());
    let parent = CommitIntent { parent: plain, ..intent.clone() };
    assert!(!repository.is_of(&commit, &parent).await.unwrap());
    let (first, _) = head(&repository).await;
    assert!(!repository.is_of(&first, &intent).await.unwrap(), "it has no parent");
}

#[tokio::test]
async fn an_open_pgp_key_signs_from_the_folder_that_the_environment_names() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::with(&[("a.txt", "a")]).await;
    let home = beside(&place, "gnupg");
    std::fs::create_dir(&home).unwrap();
    std::fs::set_permissions(&home, PermissionsExt::from_mode(0o700)).unwrap();
    let args = ["--batch", "--passphrase", "", "--quick-gen-key", "Ada <ada@example.org>"];
    tool(&place.repo(), "gpg", &args, &home).await;
    let mut env = env();
    env.push(("GNUPGHOME".to_owned(), home.to_str().unwrap().to_owned()));
    let repository = Repository::discover(&place.repo(), Git { env, ..git() }).await.unwrap();
    let intent = intent(&repository).await;
    let commit = repository.commit(&intent).await.unwrap();
    let text = place.git(&format!("cat-file commit {commit}")).await;
    assert!(text.contains("gpgsig -----BEGIN PGP SIGNATURE-----"), "{text}");
    assert!(repository.is_of(&commit, &intent).await.unwrap());

    // Without that folder there is no key.
    let unsigned = place.open().await.commit(&intent).await;
    assert!(matches!(unsigned, Err(Error::Unsigned { .. })), "{unsigned:?}");
}

/// Nobody is there to type it: it must not be waited for.
#[tokio::test]
async fn a_key_with_a_passphrase_is_not_asked_for_it() {
    let place = Place::with(&[("a.txt", "a")]).await;
    with_ssh_key(&place, "not to be guessed").await;
    let repository = place.open().await;
    let intent = intent(&repository).await;
    let unsigned = repository.commit(&intent).await;
    let Err(Error::Unsigned { reason }) = &unsigned else {
        panic!("{unsigned:?}");
    };
    assert!(!reason.is_empty() && !reason.contains("did not end"), "{reason}");
}

#[tokio::test]
async fn what_keeps_a_program_from_signing_is_told() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let repository = place.open().await;
    let intent = intent(&repository).await;
    for (script, told) in [
        ("echo no secret key >&2; exit 2", "no secret key"),
        ("exit 0", "failed"),
        ("kill -9 $$", "failed"),
    ] {
        signer(&place, script).await;
        let unsigned = repository.commit(&intent).await.unwrap_err();
        assert!(matches!(unsigned, Error::Unsigned { .. }), "{script}: {unsigned:?}");
        let shown = unsigned.to_string();
        assert!(shown.starts_with("the commit cannot be signed: "), "{shown}");
        assert!(shown.contains(told) && !shown.contains('\n'), "{script}: {shown}");
    }
    std::fs::remove_file(beside(&place, "signer")).unwrap();
    let unsigned = repository.commit(&intent).await;
    assert!(matches!(unsigned, Err(Error::Unsigned { .. })), "{unsigned:?}");

    // A tree that is missing is not the signing program's fault.
    let other = Place::with(&[("o.txt", "o")]).await;
    let (_, tree) = head(&other.open().await).await;
    signer(&place, "exit 1").await;
    let broken = repository.commit(&CommitIntent { tree, ..intent.clone() }).await;
    assert!(matches!(broken, Err(Error::Git { .. })), "{broken:?}");

    signer(&place, "sleep 1000").await;
    let hurried = Git { timeout: Duration::from_millis(500), ..git() };
    let hurried = Repository::discover(&place.repo(), hurried).await.unwrap();
    let unsigned = hurried.commit(&intent).await;
    let is_late = |reason: &str| reason.contains("did not end within 500ms");
    assert!(
        matches!(&unsigned, Err(Error::Unsigned { reason }) if is_late(reason)),
        "{unsigned:?}"
    );
}

/// A shutdown has seconds, a key that waits to be touched has a minute.
#[tokio::test]
async fn a_cancel_ends_a_signing_that_hangs_and_no_other_commit() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let cancel = CancellationToken::new();
    let repository = place.open().await.with_cancel(cancel.clone());
    let intent = intent(&repository).await;
    let began = beside(&place, "began");
    signer(&place, &format!("touch '{}'; sleep 1000", began.display())).await;
    let waiting = async {
        appears(&began).await;
        cancel.cancel();
    };
    let (ended, ()) = tokio::join!(repository.commit(&intent), waiting);
    assert!(matches!(ended, Err(Error::Cancelled)), "{ended:?}");
    repository.commit(&CommitIntent { sign: false, ..intent }).await.unwrap();
}

#[tokio::test]
async fn an_intent_that_was_stored_without_a_choice_is_unsigned() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let intent = intent(&place.open().await).await;
    let mut stored = serde_json::to_value(&intent).unwrap();
    stored.as_object_mut().unwrap().remove("sign").unwrap();
    let read: CommitIntent = serde_json::from_value(stored).unwrap();
    assert_eq!(read, CommitIntent { sign: false, ..intent });
}
