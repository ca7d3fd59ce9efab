//! One place for what every test needs: a folder of its own, a repository, a
//! home without anybody's settings, and the binary.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use simulated_models::{Script, Server};
use tempfile::TempDir;

/// Longer than any run of a test takes, so that a hang fails instead of waiting.
const LIMIT: Duration = Duration::from_secs(180);

pub(crate) struct Bench {
    root: TempDir,
    pub(crate) repo: PathBuf,
}

/// What a `belay` process left.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// The events of a run with `--format json`.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// The events of one name.
    pub(crate) fn named(&self, name: &str) -> Vec<Value> {
        self.events().into_iter().filter(|event| event["event"] == name).collect()
    }

    /// Fails with everything that was printed unless the exit state is this.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

impl Bench {
    /// A repository with these files in one commit.
    pub(crate) fn with_files<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let bench = Self::empty();
        for (path, content) in files {
            bench.write(path, content);
        }
        bench.commit_all();
        bench
    }

    /// A repository with a fixture project in one commit.
    pub(crate) fn with_fixture(name: &str) -> Self {
        let bench = Self::empty();
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name);
        copy(&fixtures, &bench.repo);
        bench.commit_all();
        bench
    }

    /// A shallow clone, as a hosted runner makes it, with a home of its own.
    pub(crate) fn cloned(remote: &Path) -> Self {
        let bench = Self::empty();
        fs::remove_dir_all(&bench.repo).expect("an empty repository goes");
        let url = format!("file://{}", remote.display());
        fs::create_dir(&bench.repo).expect("a folder");
        bench.git(&["clone", "-q", "--depth", "1", &url, "."]);
        bench.git(&["config", "user.name", "Ada"]);
        bench.git(&["config", "user.email", "ada@example.org"]);
        bench
    }

    fn empty() -> Self {
        let root = tempfile::tempdir().expect("a temporary folder");
        let repo = root.path().join("repo");
        fs::create_dir_all(root.path().join("home")).expect("a home");
        fs::create_dir_all(&repo).expect("a folder for the repository");
        let bench = Self { root, repo };
        bench.git(&["init", "-q", "-b", "main"]);
        bench.git(&["config", "user.name", "Ada"]);
        bench.git(&["config", "user.email", "ada@example.org"]);
        bench
    }

    fn commit_all(&self) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "start"]);
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    pub(crate) fn write(&self, path: &str, content: &str) {
        let path = self.repo.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        fs::write(path, content).expect("a file");
    }

    /// What git prints, without its last line end.
    #[track_caller]
    pub(crate) fn git(&self, args: &[&str]) -> String {
        self.git_with(&[], args)
    }

    /// As [`Self::git`], with more in its environment.
    #[track_caller]
    pub(crate) fn git_with(&self, env: &[(&str, &str)], args: &[&str]) -> String {
        let mut command = std::process::Command::new("git");
        command
            .args(args)
            .current_dir(&self.repo)
            .env_clear()
            .envs(self.env())
            .envs(env.iter().copied())
            .stdin(Stdio::null());
        let output = command.output().expect("git");
        assert!(
            output.status.success(),
            "git {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
    }

    /// Sends a signal to a process of ours.
    #[track_caller]
    pub(crate) fn kill(&self, signal: &str, pid: &str) {
        let status = std::process::Command::new("kill").args([signal, pid]).status();
        assert!(status.expect("kill").success());
    }

    /// A file as a revision has it.
    pub(crate) fn show(&self, rev: &str, path: &str) -> String {
        self.git(&["show", &format!("{rev}:{path}")])
    }

    /// The environment of every process: toolchains, and a home of the test's own.
    pub(crate) fn env(&self) -> BTreeMap<String, String> {
        let mut env = BTreeMap::new();
        let home = std::env::var("HOME").unwrap_or_default();
        let toolchain = |name: &str, folder: &str| {
            std::env::var(name).unwrap_or_else(|_| format!("{home}/{folder}"))
        };
        env.insert("RUSTUP_HOME".into(), toolchain("RUSTUP_HOME", ".rustup"));
        env.insert("CARGO_HOME".into(), toolchain("CARGO_HOME", ".cargo"));
        // The tests' own toolchain: without it every child asks rustup for another one.
        if let Ok(toolchain) = std::env::var("RUSTUP_TOOLCHAIN") {
            env.insert("RUSTUP_TOOLCHAIN".into(), toolchain);
        }
        env.insert("PATH".into(), std::env::var("PATH").unwrap_or_default());
        env.insert("HOME".into(), self.root.path().join("home").display().to_string());
        env.insert("XDG_CACHE_HOME".into(), self.root.path().join("cache").display().to_string());
        env.insert("GIT_CONFIG_NOSYSTEM".into(), "1".into());
        env.insert("KEY_A".into(), "key-a".into());
        env.insert("KEY_B".into(), "key-b".into());
        env
    }

    /// The binary, ready to run in the repository.
    pub(crate) fn command(&self, args: &[&str]) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_belay"));
        command.args(args).current_dir(&self.repo).env_clear().envs(self.env());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs the binary to its end.
    pub(crate) async fn belay(&self, args: &[&str]) -> Ran {
        finish(self.command(args).spawn().expect("belay starts")).await
    }

    /// Two providers with a key each on one server: `a/...` and `b/...`.
    pub(crate) fn config(&self, server: &Server, rest: &str) {
        let url = server.base_url();
        self.write(
            "belay.yaml",
            &format!(
                "providers:\n  a: {{ kind: openai, base_url: \"{url}\", api_key_env: KEY_A }}\n  b: {{ kind: openai, base_url: \"{url}\", api_key_env: KEY_B }}\n{rest}"
            ),
        );
        // The config is the person's: kept out of what the tests compare.
        let exclude = self.repo.join(".git/info/exclude");
        fs::write(exclude, "belay.yaml\n").expect("an exclude file");
    }

    /// Every file of the checkout and of `.git` that is a person's, with its content.
    pub(crate) fn persons_things(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(&self.repo, &self.repo, &mut files);
        // Objects, the linked worktree and belay's own state are added beside what is there.
        let ours = [
            ".git/objects/",
            ".git/belay/",
            ".git/worktrees/",
            ".git/refs/belay/",
            ".git/refs/heads/belay/",
            ".git/logs/refs/heads/belay/",
            // A push notes where it left the branch.
            ".git/refs/remotes/origin/belay/",
            ".git/logs/refs/remotes/origin/belay/",
            ".belay/",
        ];
        files.retain(|path, _| !ours.iter().any(|prefix| path.starts_with(prefix)));
        files
    }
}

/// Waits for a process of ours and takes what it printed.
pub(crate) async fn finish(child: tokio::process::Child) -> Ran {
    let output: Output = tokio::time::timeout(LIMIT, child.wait_with_output())
        .await
        .expect("an end in time")
        .expect("output");
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Waits for something that shows in no channel of ours, such as a file.
pub(crate) async fn until(holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, wait).await.expect("in time");
}

/// A server with this script.
pub(crate) async fn server(script: Script) -> Server {
    Server::start(script).await.expect("a loopback port")
}

/// Whether a program is installed here.
pub(crate) fn installed(program: &str) -> bool {
    let found = std::process::Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    found.is_ok_and(|status| status.success())
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a fixture") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            // What a tool left in the fixture is not part of it.
            if entry.file_name() != "target" && entry.file_name() != "__pycache__" {
                fs::create_dir_all(&target).expect("a folder");
                copy(&entry.path(), &target);
            }
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

fn collect(top: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(top, &path, files);
        } else {
            let name = path.strip_prefix(top).expect("inside").display().to_string();
            files.insert(name, fs::read(&path).expect("a file"));
        }
    }
}
