//! Commands within bounds: what the kernel really refuses them, and that
//! nothing of them is left. Each part of it is also tried alone. Where the
//! machine lacks a part, what is left of the bounds is asserted instead.

mod access;

use std::path::{Path, PathBuf};

use subprocess::{Command, Confinement, Output, run};
use tokio_util::sync::CancellationToken;

use crate::sh;

/// The parts of the launcher that can be switched off.
const NO_NAMESPACES: &str = "--without-namespaces";
const NO_LANDLOCK: &str = "--without-landlock";

/// A folder with a place to work, a place of somebody else's, and a key.
struct Ground {
    _dir: tempfile::TempDir,
    top: PathBuf,
    bounds: Confinement,
}

impl Ground {
    fn new(switched_off: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap();
        for folder in ["work", "cache", "home/.ssh"] {
            std::fs::create_dir_all(top.join(folder)).unwrap();
        }
        std::fs::write(top.join("home/.ssh/id"), SECRET).unwrap();
        std::fs::write(top.join("home/token"), SECRET).unwrap();
        std::fs::write(top.join("home/plain"), "plain").unwrap();
        std::fs::write(top.join("home/shown"), SECRET).unwrap();
        std::fs::write(top.join("instead"), "instead").unwrap();
        let mut launcher = vec![env!("CARGO_BIN_EXE_confined").to_owned()];
        launcher.extend(switched_off.iter().map(|&option| option.to_owned()));
        let bounds = Confinement {
            launcher,
            writable: vec![top.join("work"), top.join("cache")],
            unreadable: vec![top.join("home/.ssh"), top.join("home/token")],
            replaced: vec![(top.join("home/shown"), top.join("instead"))],
        };
        Self { _dir: dir, top, bounds }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.top.join(name)
    }

    fn command(&self, script: &str) -> Command {
        let script = format!("top={}\n{script}", self.top.display());
        sh(&script, &self.path("work")).confinement(self.bounds.clone())
    }

    async fn run(&self, script: &str) -> Output {
        run(&self.command(script), &CancellationToken::new()).await.unwrap()
    }
}

const SECRET: &str = "planted-key-7f3a";

/// Whether the kernel restricts a command here; says so if it does not.
fn restricted(output: &Output) -> bool {
    let support = output.confined.clone().unwrap();
    if support.landlock.is_none() {
        println!("left out: {support}");
    }
    support.landlock.is_some()
}

/// Whether files can be covered here; says so if not.
fn mounts(output: &Output) -> bool {
    let support = output.confined.clone().unwrap();
    if !support.mount_namespace {
        println!("left out: {support}");
    }
    support.mount_namespace
}

fn both(output: &Output) -> String {
    format!("{}{}", output.stdout.text(), output.stderr.text())
}

fn text(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}
