//! A run on a repository of its own, worked on by processes that are told to die.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use checkpoint_store::{Entry, RunStore, SqliteStore};
use orchestrator::journal::parse;
use orchestrator::{Event, Status};
use simulated_models::Server;

use super::record::{self, Asked};
use super::script;
use super::shim;
use crate::harness::{Bench, Ran, finish, server, until};

pub(crate) struct Scene {
    pub(crate) bench: Bench,
    pub(crate) server: Server,
    pub(crate) before: BTreeMap<String, Vec<u8>>,
}

/// The answers that were written down when a process died.
pub(crate) struct Known {
    pub(crate) requests: usize,
    pub(crate) finished: BTreeSet<Asked>,
    /// Whether the run had its end by then.
    pub(crate) ended: bool,
}

impl Known {
    /// A run that had its end is taken up again: it tries once more what it lacks.
    pub(crate) fn forget_the_rest(&mut self) {
        self.finished.retain(|asked| *asked != Asked::Files(vec![script::UNWRITABLE.to_owned()]));
    }
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let bench = Bench::with_files(script::FILES);
        let server = server(script::script()).await;
        bench.config(&server, script::ROLES);
        let remote = bench.root().join("remote.git");
        let remote = remote.to_str().expect("a path");
        bench.git(&["init", "-q", "--bare", remote]);
        bench.git(&["remote", "add", "origin", remote]);
        let before = bench.persons_things();
        Self { bench, server, before }
    }

    /// Works on the run, with the library in between and told this.
    pub(crate) async fn work(&self, orders: &[(&str, String)]) -> Ran {
        finish(self.start(orders)).await
    }

    /// Works on the run for so long at most; then it is killed.
    pub(crate) async fn work_for(&self, limit: Duration) -> Ran {
        let child = self.start(&[]);
        let pid = child.id().expect("a process").to_string();
        let end = finish(child);
        tokio::pin!(end);
        if let Ok(ran) = tokio::time::timeout(limit, &mut end).await {
            return ran;
        }
        self.bench.kill("-KILL", &pid);
        end.await
    }

    fn start(&self, orders: &[(&str, String)]) -> tokio::process::Child {
        let mut command = self.bench.command(&["run", script::IDEA, "--format", "json"]);
        command.env("PATH", self.path());
        if !orders.is_empty() {
            command
                .env("LD_PRELOAD", shim::library().expect("a library"))
                .env("SHIM_ROOT", self.bench.root())
                .envs(orders.iter().map(|(name, value)| (*name, value)));
        }
        command.spawn().expect("belay starts")
    }

    /// A git of this bench's own comes first, if there is one.
    fn path(&self) -> String {
        let path = std::env::var("PATH").unwrap_or_default();
        format!("{}:{path}", self.bench.root().join("bin").display())
    }

    /// The journal, read from a copy: what a killed process left is for belay itself to find.
    pub(crate) async fn journal(&self) -> Vec<Entry> {
        let state = self.bench.repo.join(".git/belay");
        if !state.join("state.db").exists() {
            return Vec::new();
        }
        let copy = tempfile::tempdir().expect("a folder");
        for name in ["state.db", "state.db-wal"] {
            if let Err(error) = fs::copy(state.join(name), copy.path().join(name)) {
                assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error}");
            }
        }
        let store = SqliteStore::open(copy.path(), "test").await.expect("a store");
        let runs = store.runs().await.expect("runs");
        assert!(runs.len() <= 1, "one idea, one run");
        match runs.first() {
            Some(head) => store.records(head.id, 0).await.expect("records"),
            None => Vec::new(),
        }
    }

    /// What is known at this moment.
    pub(crate) async fn known(&self) -> Known {
        let requests = self.server.requests().len();
        let journal = self.journal().await;
        let is_end =
            |event: &Event| matches!(event, Event::RunFinished { status: Status::Completed, .. });
        let ended = journal.iter().filter_map(parse).any(|(event, _)| is_end(&event));
        Known { requests, finished: record::finished(&journal), ended }
    }

    /// Kills what is left, as when the power goes.
    pub(crate) async fn end_all(&self) {
        for (pid, _) in self.processes() {
            // It may have ended by itself since.
            let kill = std::process::Command::new("kill")
                .args(["-KILL", &pid.to_string()])
                .stderr(std::process::Stdio::null())
                .status();
            kill.expect("kill");
        }
        until(|| self.processes().is_empty()).await;
    }

    /// Living processes that work in this bench's folder or know of it.
    pub(crate) fn processes(&self) -> Vec<(u32, String)> {
        let root = self.bench.root();
        let numbers = fs::read_dir("/proc").expect("/proc").flatten();
        let pids = numbers.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter_map(|pid: u32| Some((pid, of_ours(pid, root)?))).collect()
    }
}

/// The command line of a process that knows of this folder.
fn of_ours(pid: u32, root: &Path) -> Option<String> {
    let proc = PathBuf::from(format!("/proc/{pid}"));
    let root = root.to_str().expect("a path");
    let text = |name: &str| {
        String::from_utf8_lossy(&fs::read(proc.join(name)).unwrap_or_default()).into_owned()
    };
    let cwd = fs::read_link(proc.join("cwd")).unwrap_or_default();
    let command = text("cmdline").replace('\0', " ");
    let is_ours = cwd.starts_with(root) || command.contains(root) || text("environ").contains(root);
    // A zombie is over; it is its reaper's.
    let is_over = text("stat").rsplit(')').next().is_none_or(|rest| rest.starts_with(" Z"));
    (is_ours && !is_over && pid != std::process::id()).then_some(command)
}
