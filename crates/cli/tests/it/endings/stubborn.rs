//! A project whose tests start what does not want to end: processes in groups
//! and sessions of their own that ignore every polite signal, one of which
//! holds standard output open.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use simulated_models::{Answers, FileAnswer, Script, Server};

use crate::harness::{Bench, Ran, server, until};

pub(super) const ROLES: &str = "roles:\n  planner: { chain: [a/plan] }\n  coder: { chain: [a/code] }\n  reviewer: { chain: [a/review] }\nrun: { test_command: \"sh check.sh\", deadline_reserve: 1s }\n";

/// Processes that the tests start, the shell beside them left out.
const STARTED: usize = 3;

pub(super) struct Stubborn {
    pub(super) server: Server,
    pub(super) bench: Bench,
    /// The fraction of a second that the processes sleep for: this test's own.
    token: String,
}

pub(super) fn answers() -> Answers {
    let milestone = |name: &str, file: &str| json!({ "name": name, "description": "", "files": { "create": [file], "modify": [], "delete": [] }, "read": [], "tests": [] });
    let plan = json!({
        "milestones": [milestone("One", "one.py"), milestone("Two", "two.py")],
        "risks": [], "success_criteria": [], "confidence": 0.9,
    });
    let changes = ["one.py", "two.py"]
        .map(|file| (file.to_owned(), FileAnswer::create(format!("# {file}\n"))));
    Answers { plan, changes: changes.into(), ..Answers::default() }
}

impl Stubborn {
    /// Its first milestone's tests hang until [`free`](Self::free). On a disk with a folder
    /// `small` beside the worktree they first fill most of it, with what git ignores.
    pub(super) async fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let token = format!("{}{number:03}", std::process::id());
        let check = format!(
            "if [ -f one.py ] && [ ! -f ../go ]; then\n\
             if [ -d ../small ]; then head -c 150M /dev/zero > ballast; fi\n\
             setsid sh -c 'trap \"\" TERM INT HUP; sleep 3000.{token}; :' &\n\
             setsid sh -c 'trap \"\" TERM INT HUP; sleep 3000.{token}; :' >/dev/null 2>&1 </dev/null &\n\
             trap '' TERM INT HUP\n\
             touch started\n\
             sleep 3001.{token}\n\
             fi\ntrue\n"
        );
        let server = server(Script::default().with_answers(answers())).await;
        let bench = Bench::with_files([
            ("check.sh", check.as_str()),
            (".gitignore", "ballast\n"),
            ("ideas/backlog/001-numbers.md", "# Numbers\n\nAdd numbers.\n"),
        ]);
        bench.config(&server, ROLES);
        Self { server, bench, token }
    }

    pub(super) fn command(&self) -> tokio::process::Command {
        self.bench.command(&["run", "001", "--format", "json"])
    }

    fn worktrees(&self) -> PathBuf {
        self.bench.root().join("cache/belay/worktrees")
    }

    /// Waits until the tests hang with all that they started.
    pub(super) async fn hang(&self) {
        until(|| self.living() >= STARTED).await;
    }

    /// How many of the sleeping processes there are.
    pub(super) fn living(&self) -> usize {
        self.sleeping("300").len()
    }

    /// The sleeping processes whose time begins like this.
    fn sleeping(&self, begins: &str) -> Vec<String> {
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let sleeps = |pid: &String| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let ends = format!(".{}\0", self.token).into_bytes();
            line.starts_with(format!("sleep\0{begins}").as_bytes()) && line.ends_with(&ends)
        };
        let pids = entries.filter_map(|entry| entry.file_name().into_string().ok());
        pids.filter(sleeps).collect()
    }

    /// The tests that hang pass now; what they left in the background stays.
    pub(super) fn pass(&self) {
        for foreground in self.sleeping("3001.") {
            self.bench.kill("-KILL", &foreground);
        }
    }

    /// The tests pass from now on.
    pub(super) fn free(&self) {
        std::fs::create_dir_all(self.worktrees()).expect("folders");
        std::fs::write(self.worktrees().join("go"), "").expect("a file");
    }

    /// What holds after every end of a run that may go on later.
    #[track_caller]
    pub(super) fn ended_well(&self, ran: &Ran, trigger: &str) {
        assert_eq!(self.living(), 0, "{trigger}: no process is left");
        let events = ran.events();
        let last = events.last().expect("events");
        let told = (&last["event"], &last["status"]);
        assert_eq!(told, (&json!("run_finished"), &json!("interrupted")), "{}", ran.stderr);
        let asked = ran.named("shutdown_requested");
        assert_eq!(asked.len(), 1, "{}", ran.stderr);
        let named = asked[0]["trigger"].as_str().expect("a trigger");
        assert!(named.starts_with(trigger), "{named}");
        assert!(ran.named("attempt_failed").iter().all(|event| event["class"] == "cancelled"));
        assert!(ran.named("tests_failed").is_empty(), "a stop is no red test: {}", ran.stdout);
        let run = last["run"].as_str().expect("a run");
        let command = format!("belay resume {run}");
        assert!(ran.stderr.contains("belay resume"), "{}", ran.stderr);
        let issues = recoveries(ran);
        assert_eq!(issues.len(), 1, "{}", ran.stdout);
        let issue = self.bench.repo.join(issues[0]["url"].as_str().expect("a url"));
        let issue = std::fs::read_to_string(issue).expect("an issue");
        assert!(issue.contains(&command) && issue.contains(named), "{issue}");
    }

    /// The next run does the rest, once, and closes the recovery issue.
    pub(super) async fn completes(&self) {
        self.free();
        let ran = self.bench.belay(&["run", "--format", "json"]).await.exits(0);
        assert_eq!(ran.named("run_finished")[0]["status"], "completed", "{}", ran.stderr);
        let subjects = self.bench.git(&["log", "--format=%s", "main..belay/001-numbers"]);
        assert_eq!(subjects, "Milestone 2/2: Two\nMilestone 1/2: One");
        assert!(recoveries(&ran).is_empty());
        assert_eq!(self.living(), 0);
    }
}

pub(super) fn recoveries(ran: &Ran) -> Vec<Value> {
    let created = ran.named("issue_created").into_iter();
    created.filter(|event| event["kind"] == "recovery").collect()
}
