//! Hostile and mistaken paths. Each of them stands for a way out of the
//! repository, into git's own files, or into a tree that cannot be checked out.

use worktree::{Error, Guard};

use crate::{Place, delete, guard, head, write};

#[test]
fn no_path_leads_outside_or_into_a_git_directory() {
    let long_name = "n".repeat(256);
    let long_path = "d/".repeat(600) + "f";
    let hostile = [
        "",
        "/",
        "/etc/passwd",
        "//server/share",
        "..",
        "../outside",
        "a/../../outside",
        "a/..",
        "a/../b",
        "./a",
        "a/./b",
        ".",
        "a//b",
        "a/",
        "a\\b",
        "..\\outside",
        "\\\\server\\share",
        "C:/windows/system32",
        "c:evil",
        ".git",
        ".git/config",
        ".git/hooks/pre-commit",
        ".GIT/config",
        ".Git/hooks/post-checkout",
        "sub/.git/config",
        "sub/.gIt",
        ".git./config",
        ".git /config",
        ".git../config",
        ".git::$INDEX_ALLOCATION/config",
        ".git:stream",
        "git~1/config",
        "GIT~2/hooks/pre-push",
        ".g\u{200c}it/config",
        ".git\u{200d}/config",
        "\u{feff}.git/config",
        ".gi\u{2060}t/config",
        ".g\u{ad}it/config",
        "a\0b",
        "a\nb",
        "a\rb",
        "a\tb",
        "a\u{1b}[31mb",
        "a\u{7f}",
        "safe\u{202e}txt.exe",
        "a\u{fffd}b",
        "name ",
        " name",
        "name.",
        "dir./file",
        "dir /file",
        "...",
        &long_name,
        &long_path,
    ];
    let guard = guard();
    for path in hostile {
        assert!(guard.check_path(path).is_err(), "{path:?} was let through");
    }
}

#[test]
fn ordinary_paths_are_let_through() {
    let ordinary = [
        "a",
        "src/main.rs",
        ".gitignore",
        ".gitattributes",
        "docs/.gitkeep",
        ".github/dependabot.yml",
        "git/config",
        "git~x",
        "a b/c d.txt",
        "ünïcödé/日本語.md",
        "-rf",
        "--option",
        "a..b",
        "..a",
        ".env.example",
        "file:with:colons",
        "$HOME/`x`;|&*?[]{}",
        ":(glob)x",
    ];
    let guard = guard();
    for path in ordinary {
        assert_eq!(guard.check_path(path), Ok(()), "{path}");
    }
}

#[test]
fn denied_patterns_hold_in_any_case_and_at_any_depth() {
    let deny = [
        ".git/**",
        ".github/workflows/**",
        ".husky/**",
        ".gitmodules",
        "**/CODEOWNERS",
        "**/.npmrc",
        "**/.env",
        "*.pem",
    ];
    let guard = Guard::new(&deny.map(str::to_owned), 100).unwrap();
    for path in [
        ".github/workflows/ci.yml",
        ".GitHub/Workflows/deep/ci.yml",
        ".github/workflows",
        ".husky/pre-commit",
        ".gitmodules",
        ".GITMODULES",
        "CODEOWNERS",
        "docs/codeowners",
        "packages/a/.npmrc",
        ".env",
        "app/.ENV",
        "app/.env/file",
        "key.pem",
    ] {
        let refusal = guard.check_path(path).unwrap_err();
        assert!(refusal.why.contains("denied"), "{refusal}");
    }
    for path in
        [".github/dependabot.yml", "sub/.gitmodules", ".env.example", "sub/key.pem", "npmrc"]
    {
        assert_eq!(guard.check_path(path), Ok(()), "{path}");
    }
}

#[test]
fn a_pattern_that_is_no_glob_is_named() {
    let bad = Guard::new(&["a[".to_owned()], 1);
    assert!(matches!(bad, Err(Error::BadPattern { pattern, .. }) if pattern == "a["));
}

/// A repository with one of everything that a path can run into.
async fn full_place() -> Place {
    let place = Place::with(&[
        ("src/main.rs", "fn main() {}"),
        ("README.md", "read me"),
        ("dir/inner/file.txt", "x"),
    ])
    .await;
    let repo = place.repo();
    std::os::unix::fs::symlink("/etc", repo.join("etc")).unwrap();
    std::os::unix::fs::symlink("src/main.rs", repo.join("dir/link")).unwrap();
    place.git("add -A").await;
    let head = place.git("rev-parse HEAD").await;
    place.git(&format!("update-index --add --cacheinfo 160000,{head},sub")).await;
    place.git("commit -q -m everything").await;
    place
}

#[tokio::test]
async fn what_the_tree_holds_decides_too() {
    let place = full_place().await;
    let repository = place.open().await;
    let (_, tree) = head(&repository).await;
    let small = Guard::new(&["secret/**".to_owned()], 10).unwrap();
    for (why, writes) in [
        ("is a symbolic link", vec![write("etc", "x")]),
        ("is a symbolic link", vec![delete("etc")]),
        ("is a symbolic link", vec![write("dir/link", "x")]),
        ("leads through the link etc", vec![write("etc/passwd", "x")]),
        ("leads through the link dir/link", vec![write("dir/link/x", "x")]),
        ("leads through the link etc", vec![write("a", "x"), write("etc/cron.d/job", "x")]),
        ("is a submodule", vec![write("sub", "x")]),
        ("lies in the submodule sub", vec![write("sub/x", "x")]),
        ("is a folder", vec![write("src", "x")]),
        ("is a folder", vec![write("dir/inner", "x")]),
        ("needs README.md to be a folder", vec![write("README.md/x", "x")]),
        ("needs src/main.rs to be a folder", vec![write("src/main.rs/a/b", "x")]),
        ("differs from README.md only in case", vec![write("readme.md", "x")]),
        ("differs from src only in case", vec![write("SRC/other.rs", "x")]),
        ("differs from dir/inner only in case", vec![write("dir/Inner/x", "x")]),
        ("differs from etc only in case", vec![write("ETC/x", "x")]),
        ("is named twice", vec![write("a", "x"), write("a", "y")]),
        (
            "is named twice in one change, the other time as a",
            vec![write("a", "x"), write("A", "y")],
        ),
        ("is named twice", vec![write("README.md", "x"), delete("README.md")]),
        ("needs a to be a folder", vec![write("a", "x"), write("a/b", "y")]),
        ("is a folder", vec![write("a/b", "y"), write("a", "x")]),
        ("only in case", vec![write("new/x", "x"), write("NEW/y", "y")]),
        ("does not exist", vec![delete("missing")]),
        ("does not exist", vec![delete("src")]),
        ("denied", vec![write("secret/key", "x")]),
        ("would have 11 bytes", vec![write("big", "12345678901")]),
    ] {
        let refused = repository.write_tree(&tree, &writes, &small).await;
        let Err(Error::Refused { path, why: found }) = refused else {
            panic!("{writes:?}: {refused:?}");
        };
        assert!(found.contains(why), "{path}: {found} instead of {why}");
    }
}

#[tokio::test]
async fn one_change_may_turn_a_file_into_a_folder_and_back() {
    let place = full_place().await;
    let repository = place.open().await;
    let (_, tree) = head(&repository).await;
    let writes = [
        write("README.md/part.md", "x"),
        delete("README.md"),
        delete("dir/inner/file.txt"),
        write("dir/inner", "now a file"),
    ];
    let changed = repository.write_tree(&tree, &writes, &guard()).await.unwrap();
    let files = repository.files(&changed).await.unwrap();
    let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["README.md/part.md", "dir/inner", "dir/link", "etc", "src/main.rs", "sub"]);
}

#[tokio::test]
async fn paths_that_look_like_options_or_patterns_are_plain_names() {
    let place = Place::with(&[("a", "a")]).await;
    let repository = place.open().await;
    let (_, tree) = head(&repository).await;
    let names = ["-rf", "--version", ":(glob)*", "*", "a b\u{e9}", "\"quoted\""];
    let writes: Vec<_> = names.iter().map(|name| write(name, name)).collect();
    let changed = repository.write_tree(&tree, &writes, &guard()).await.unwrap();
    let paths: Vec<String> = names.map(str::to_owned).to_vec();
    let read = repository.read(&changed, &paths, 100).await.unwrap();
    assert_eq!(read.len(), names.len());
    for (path, content) in read {
        assert_eq!(path.as_bytes(), content);
    }
}
