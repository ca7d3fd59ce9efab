//! The action's script: what it installs, and what it refuses to run. The
//! releases are a folder.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::harness::installed;

/// A release of a program that is called belay, and a runner's folders.
struct Release {
    root: TempDir,
}

impl Release {
    fn new(target: &str) -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let release = Self { root };
        for folder in ["releases/download/v0.1.0", "temp", "pack"] {
            fs::create_dir_all(release.path(folder)).expect("a folder");
        }
        fs::write(release.path("pack/belay"), "#!/bin/sh\necho belay 0.1.0\n").expect("written");
        release.sh("chmod +x pack/belay");
        release.sh(&format!(
            "tar -czf releases/download/v0.1.0/belay-{target}.tar.gz -C pack belay && cd releases/download/v0.1.0 && sha256sum belay-*.tar.gz > SHA256SUMS"
        ));
        release
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.root.path().join(name)
    }

    fn sh(&self, script: &str) {
        let status =
            Command::new("sh").args(["-ec", script]).current_dir(self.root.path()).status();
        assert!(status.expect("sh").success(), "{script}");
    }

    fn install(&self, env: &[(&str, &str)]) -> Output {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.github/install.sh");
        Command::new("bash")
            .arg(script)
            .env_clear()
            .env("PATH", std::env::var("PATH").expect("a path"))
            .env("RELEASES", format!("file://{}", self.path("releases").display()))
            .env("RUNNER_TEMP", self.path("temp"))
            .env("GITHUB_PATH", self.path("path"))
            .env("GITHUB_OUTPUT", self.path("output"))
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .output()
            .expect("bash")
    }
}

fn target() -> Option<&'static str> {
    let here = match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => "x86_64-unknown-linux-gnu",
        ("linux", "aarch64") => "aarch64-unknown-linux-gnu",
        _ => return None,
    };
    if !installed("curl") {
        eprintln!("curl is not installed here: not tested");
        return None;
    }
    Some(here)
}

#[test]
fn the_release_of_the_actions_tag_is_installed_for_the_steps_that_follow() {
    let Some(target) = target() else { return };
    let release = Release::new(target);
    let output = release.install(&[("ACTION_REF", "v0.1.0")]);
    assert!(output.status.success(), "{output:?}");
    let folder = fs::read_to_string(release.path("path")).expect("a folder is added");
    assert!(Path::new(folder.trim()).join("belay").is_file(), "{folder}");
    let told = fs::read_to_string(release.path("output")).expect("an output");
    assert_eq!(told, "version=belay 0.1.0\n");
}

#[test]
fn what_is_not_as_the_checksums_say_is_not_run() {
    let Some(target) = target() else { return };
    let release = Release::new(target);
    release.sh("echo 'touch \"$0.ran\"' >> pack/belay");
    release.sh(&format!("tar -czf releases/download/v0.1.0/belay-{target}.tar.gz -C pack belay"));
    let output = release.install(&[("VERSION", "v0.1.0")]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && said.contains("checksums"), "{output:?}");
    assert!(!release.path("path").exists());
    // Another name's sum is no sum of this one.
    let release = Release::new(target);
    release.sh("sed -i 's/belay-/not-belay-/' releases/download/v0.1.0/SHA256SUMS");
    let output = release.install(&[("VERSION", "v0.1.0")]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("does not name"), "{output:?}");
}

#[test]
fn a_version_is_a_version() {
    if target().is_none() {
        return;
    }
    let release = Release::new("x86_64-unknown-linux-gnu");
    let output = release.install(&[("VERSION", "v0.1.0/../../elsewhere")]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && said.contains("must look like"), "{output:?}");
}
