//! Commands within bounds: what the kernel really refuses them, and that
//! nothing of them is left. Each part of it is also tried alone. Where the
//! machine lacks a part, what is left of the bounds is asserted instead.

mod access;
mod ends;
mod routes;
mod tools;

use std::path::{Path, PathBuf};

use subprocess::{Command, Confinement, Output, run};
use tokio_util::sync::CancellationToken;

use crate::sh;

/// The parts of the launcher that can be switched off.
const NO_NAMESPACES: &str = "--without-namespaces";
const NO_LANDLOCK: &str = "--without-landlock";

/// Besides as whoever runs the tests, as a user who has no rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum User {
    This,
    Nobody,
}

/// Both, if this one may become another.
fn users() -> Vec<User> {
    #[expect(clippy::disallowed_methods, reason = "asked before anything is tested")]
    let mut become_nobody = std::process::Command::new(BECOME_NOBODY[0]);
    let status = become_nobody.args(&BECOME_NOBODY[1..]).arg("true").status();
    if status.is_ok_and(|status| status.success()) {
        return vec![User::This, User::Nobody];
    }
    println!("left out: as nobody, since this is not root or there is no setpriv");
    vec![User::This]
}

const BECOME_NOBODY: [&str; 5] =
    ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"];

/// Every user with each of these sets of options.
fn each<'a>(options: &[&'a [&'a str]]) -> Vec<(User, &'a [&'a str])> {
    users().into_iter().flat_map(|user| options.iter().map(move |&off| (user, off))).collect()
}

/// A folder with a place to work, a place of somebody else's, and a key.
struct Ground {
    _dir: tempfile::TempDir,
    top: PathBuf,
    bounds: Confinement,
}

impl Ground {
    fn new(user: User, switched_off: &[&str]) -> Self {
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
        let mut launcher = Vec::new();
        let mut program = PathBuf::from(env!("CARGO_BIN_EXE_confined"));
        if user == User::Nobody {
            // The build's folder may be out of another user's reach.
            std::fs::copy(&program, top.join("launcher")).unwrap();
            program = top.join("launcher");
            launcher.extend(BECOME_NOBODY.map(str::to_owned));
            give_away(&top);
        }
        launcher.push(program.to_str().unwrap().to_owned());
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
        sh(&script, &self.path("work"))
            .env([("MARK", self.top.to_str().unwrap())])
            .confinement(self.bounds.clone())
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

/// Everything in a folder belongs to nobody, so that its permissions refuse
/// nothing.
fn give_away(path: &Path) {
    std::os::unix::fs::chown(path, Some(65534), Some(65534)).unwrap();
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            give_away(&entry.unwrap().path());
        }
    }
}

/// The processes that have this text among their arguments or variables.
fn marked(mark: &Path) -> Vec<String> {
    let mark = mark.to_str().unwrap().as_bytes();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap() {
        let process = entry.unwrap();
        let name = process.file_name().into_string().unwrap();
        // A zombie has neither; nor has this process or one that is gone by now.
        let has = |file: &str| {
            std::fs::read(process.path().join(file))
                .is_ok_and(|text| text.windows(mark.len()).any(|part| part == mark))
        };
        if name.parse::<u32>().is_ok() && (has("cmdline") || has("environ")) {
            found.push(name);
        }
    }
    found
}

fn both(output: &Output) -> String {
    format!("{}{}", output.stdout.text(), output.stderr.text())
}

fn text(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}
