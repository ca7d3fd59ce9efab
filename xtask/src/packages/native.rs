//! The checkpoint store without its embedded database needs no C compiler.
//!
//! One dependency too many is enough to lose that, and only a team that has no compiler would see it.

use std::path::Path;

use anyhow::{Context as _, ensure};

use crate::cargo::Cargo;
use crate::problem::{Problem, none_of};

const LIBRARY: &str = "checkpoint-store";
/// Crates that build, or look for, what is not written in Rust.
const BUILDERS: [&str; 6] = ["bindgen", "cc", "cmake", "nasm-rs", "pkg-config", "vcpkg"];
/// Named like bindings of a C library, and only tables of the kernel's numbers.
const PURE: [&str; 1] = ["linux-raw-sys"];

pub(super) fn check(top: &Path) -> anyhow::Result<()> {
    // Seen to be seen: with the database there is C code, and this must say so.
    let with = problems(&tree(top, &[])?);
    ensure!(!with.is_empty(), "the check is blind: it finds no C code in SQLite");
    none_of(problems(&tree(top, &["--no-default-features"])?))
}

fn tree(top: &Path, features: &[&str]) -> anyhow::Result<String> {
    let manifest = top.join("Cargo.toml").to_string_lossy().into_owned();
    let fixed = ["tree", "--manifest-path", &manifest, "--package", LIBRARY];
    let form = ["--edges", "normal,build", "--prefix", "none"];
    let arguments = [&fixed[..], &form, features].concat();
    let output = Cargo::new(&arguments).read()?;
    String::from_utf8(output).context("cargo tree is not text")
}

/// Each line begins with a crate's name.
fn problems(tree: &str) -> Vec<Problem> {
    let mut names: Vec<&str> =
        tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    names.sort_unstable();
    names.dedup();
    let bindings = |name: &str| name.ends_with("-sys") && !PURE.contains(&name);
    names.retain(|name| BUILDERS.contains(name) || bindings(name));
    let message = |name| format!("without its features it needs {name}, which is for C code");
    names.into_iter().map(|name| Problem::new(LIBRARY, message(name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(tree: &str) -> Vec<String> {
        problems(tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_builds_c_code_is_found_once() {
        let tree = "checkpoint-store v0.1.0 (/x)\nlibsqlite3-sys v0.40.0\ncc v1.11.3\n\nccc v1.0.0\n\
                    cc v1.11.3 (*)\nlinux-raw-sys v0.12.1\n";
        let expected = [
            "checkpoint-store: without its features it needs cc, which is for C code",
            "checkpoint-store: without its features it needs libsqlite3-sys, which is for C code",
        ];
        assert_eq!(found(tree), expected);
    }

    #[test]
    fn pure_rust_passes() {
        assert_eq!(found("serde v1.0.229\nsys v1.0.0\nlibc v0.2.191\n"), [""; 0]);
    }
}
