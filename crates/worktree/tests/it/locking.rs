//! Lockfiles brought up to date by the project's own commands, with the package
//! managers that this machine has and without a network. One that is missing is
//! passed over.

use std::collections::BTreeMap;

use worktree::{Mode, TreeFile, lock_commands};

use crate::rerunning::{command, ran};
use crate::{Place, put, worktree_at_head};

/// Changes a manifest, runs what is to be run then, and returns the lockfile.
async fn locked(
    probe: &str,
    files: &[(&str, &str)],
    (manifest, content): (&str, &str),
    lock: &str,
) -> Option<String> {
    let place = Place::with(files).await;
    let worktree = worktree_at_head(&place, &place.open().await).await;
    if !ran(&worktree, &command(probe)).await.passed {
        return None;
    }
    put(worktree.path(), manifest, content);
    let file = |(path, _): &(&str, &str)| TreeFile {
        path: (*path).to_owned(),
        mode: Mode::Regular,
        size: 1,
    };
    let tree: Vec<TreeFile> = files.iter().map(file).collect();
    let found = lock_commands(&tree, &BTreeMap::new(), &[manifest.to_owned()]);
    assert_eq!(found.len(), 1, "{found:?}");
    let outcome = ran(&worktree, &found[0].command).await;
    assert!(outcome.passed, "{}: {}", outcome.command, outcome.output);
    for installed in ["installed", "node_modules"] {
        assert!(!worktree.path().join(installed).exists(), "{installed}");
    }
    let mut contents = worktree.contents(&found[0].locks, 1 << 20).await.unwrap();
    Some(String::from_utf8(contents.remove(lock).flatten().unwrap()).unwrap())
}

#[tokio::test]
async fn cargo_writes_a_new_dependency_into_its_lockfile() {
    let manifest = "[package]\nname = 'a'\nversion = '0.1.0'\nedition = '2024'\n";
    let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"0.1.0\"\n";
    let files = [
        ("Cargo.toml", manifest),
        ("Cargo.lock", lock),
        ("src/lib.rs", ""),
        ("b/Cargo.toml", "[package]\nname = 'b'\nversion = '0.2.0'\nedition = '2024'\n"),
        ("b/src/lib.rs", ""),
    ];
    let changed = format!("{manifest}[dependencies]\nb = {{ path = 'b' }}\n");
    let found = locked("cargo --version", &files, ("Cargo.toml", &changed), "Cargo.lock").await;
    if let Some(found) = found {
        assert!(found.contains("name = \"b\"\nversion = \"0.2.0\""), "{found}");
    }
}

#[tokio::test]
async fn npm_writes_a_new_dependency_into_its_lockfile_and_installs_nothing() {
    let files = [
        ("package.json", r#"{"name": "a", "version": "1.0.0"}"#),
        (
            "package-lock.json",
            r#"{"name": "a", "version": "1.0.0", "lockfileVersion": 3, "requires": true,
                "packages": {"": {"name": "a", "version": "1.0.0"}}}"#,
        ),
        (
            "b/package.json",
            r#"{"name": "b", "version": "2.0.0", "scripts": {"install": "touch ../installed"}}"#,
        ),
    ];
    let changed = r#"{"name": "a", "version": "1.0.0", "scripts": {"install": "touch installed"},
        "dependencies": {"b": "file:./b"}}"#;
    let found =
        locked("npm --version", &files, ("package.json", changed), "package-lock.json").await;
    if let Some(found) = found {
        assert!(found.contains("\"version\": \"2.0.0\""), "{found}");
    }
}
