//! Every named error of `docs/errors.md`, reached as a person reaches it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use crate::harness::{Bench, Ran, finish, until};
use crate::mending::make_newer;
use crate::programs::script;

const IDEA: &str = "# Numbers\n\nAdd one.py.\n";

/// What is done before the command, in the repository.
type Prepare = fn(&Bench);

/// A name, what is prepared, the variables and the command.
type Case =
    (&'static str, Prepare, &'static [(&'static str, &'static str)], &'static [&'static str]);

fn bench() -> Bench {
    Bench::with_files([
        ("ideas/backlog/001-numbers.md", IDEA),
        ("ideas/backlog/002-empty.md", "\n"),
        ("ideas/backlog/003-twice-a.md", IDEA),
        ("ideas/backlog/003-twice-b.md", IDEA),
        ("ideas/backlog/004-other.md", "# Other\n\nAdd two.py.\n"),
    ])
}

fn nothing(_: &Bench) {}

fn config(bench: &Bench, text: &str) {
    bench.write("belay.yaml", text);
}

const CASES: &[Case] = &[
    ("bad-flag", nothing, &[], &["run", "001", "--timeout", "5"]),
    ("config-unreadable", nothing, &[], &["status", "--config", "nothing.yaml"]),
    ("config", |bench| config(bench, "ru: {}\n"), &[], &["status"]),
    (
        "templates",
        |bench| config(bench, "degradation: { templates: nowhere }\n"),
        &[],
        &["run", "001"],
    ),
    ("github", |bench| config(bench, "github: { enabled: true }\n"), &[], &["run", "001"]),
    ("remote", nothing, &[], &["run", "001", "--mirror", "nowhere"]),
    ("base", |bench| config(bench, "run: { base: nowhere }\n"), &[], &["run", "001"]),
    ("idea-unknown", nothing, &[], &["run", "009"]),
    ("idea-ambiguous", nothing, &[], &["run", "003"]),
    ("idea-unreadable", nothing, &[], &["run", "002"]),
    (
        "idea-out-of-reach",
        |bench| {
            let text = "github: { enabled: true, repository: ada/numbers, api_url: \"http://127.0.0.1:1/\" }\n";
            config(bench, text);
        },
        &[("GITHUB_TOKEN", "token-of-nobody")],
        &["run", "#12"],
    ),
    ("run-unknown", nothing, &[], &["runs", "show", "NOPE"]),
    ("model-unknown", nothing, &[], &["breaker", "reset", "nobody/knows"]),
    ("branch", |bench| drop(bench.git(&["branch", "belay/001-numbers"])), &[], &["run", "001"]),
    (
        "repository",
        |bench| fs::create_dir(bench.root().join("plain")).expect("a folder"),
        &[],
        &["status", "--repo", "../plain"],
    ),
    ("folder", nothing, &[], &["status", "--repo", "ideas/backlog/001-numbers.md"]),
    (
        "in-the-way",
        |bench| {
            fs::remove_dir_all(bench.repo.join("ideas")).expect("the folder goes");
            bench.write("ideas", "a file");
        },
        &[],
        &["init"],
    ),
    ("cache", nothing, &[("XDG_CACHE_HOME", "/dev/null")], &["run", "001"]),
    ("program-missing", nothing, &[("PATH", "/nowhere")], &["status"]),
    (
        "state-damaged",
        |bench| {
            fs::create_dir_all(bench.repo.join(".git/belay")).expect("a folder");
            fs::write(
                bench.repo.join(".git/belay/state.db"),
                "no database, but long enough to look like one".repeat(100),
            )
            .expect("a file");
        },
        &[],
        &["runs", "list"],
    ),
    (
        "state",
        |bench| fs::write(bench.repo.join(".git/belay"), "a file").expect("a file"),
        &[],
        &["run", "001"],
    ),
    ("run", |bench| config(bench, "degradation: { enabled: false }\n"), &[], &["run", "001"]),
];

async fn ran(bench: &Bench, env: &[(&str, &str)], args: &[&str]) -> Ran {
    let mut command = bench.command(args);
    command.envs(env.iter().copied());
    finish(command.spawn().expect("belay starts")).await
}

/// The name in the one line that says what happened, and whether the exit state is the page's.
#[track_caller]
fn name_of(ran: &Ran) -> String {
    let line = ran.stderr.lines().find(|line| line.starts_with("error"));
    let line = line.expect(&ran.stderr);
    let name = line.split_once("error[").and_then(|(_, rest)| rest.split_once("]: "));
    let name = name.expect(line).0.to_owned();
    let exit = format!("Exit {}.", ran.code.expect("an exit state"));
    assert!(section(&name).contains(&exit), "{name}: {exit}");
    name
}

fn page() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors.md");
    fs::read_to_string(page).expect("the page")
}

fn section(name: &str) -> String {
    let page = page();
    let (_, from) = page.split_once(&format!("## `{name}`\n")).expect(name);
    from.split("\n## ").next().expect("its end").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_named_error_is_reached() {
    let mut reached = BTreeSet::new();
    for (name, prepare, env, args) in CASES {
        let bench = bench();
        prepare(&bench);
        let ran = ran(&bench, env, args).await;
        assert_eq!(name_of(&ran), *name, "{}", ran.stderr);
        reached.insert((*name).to_owned());
    }
    reached.insert(no_folder_to_stand_in().await);
    reached.insert(two_runs().await);
    reached.insert(changed_idea().await);
    reached.insert(held().await);
    reached.insert(newer_state().await);
    reached.insert(git_that_fails().await);
    reached.insert(demo_that_is_stopped().await);
    let page = page();
    let named = page.lines().filter_map(|line| line.strip_prefix("## `")?.strip_suffix('`'));
    let named: BTreeSet<String> = named.map(str::to_owned).collect();
    assert_eq!(reached, named);
}

/// The folder that the shell stands in is gone.
async fn no_folder_to_stand_in() -> String {
    let bench = bench();
    let gone = "mkdir gone; cd gone; rmdir ../gone; exec \"$0\" status";
    let mut command = tokio::process::Command::new("/bin/sh");
    command.args(["-c", gone, env!("CARGO_BIN_EXE_belay")]).current_dir(bench.root());
    command.env_clear().envs(bench.env());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    name_of(&finish(command.spawn().expect("sh starts")).await)
}

async fn two_runs() -> String {
    let bench = bench();
    for idea in ["001", "004"] {
        bench.belay(&["run", idea, "--dry-run"]).await.exits(0);
    }
    name_of(&bench.belay(&["runs", "show", "0"]).await)
}

async fn changed_idea() -> String {
    let bench = bench();
    bench.belay(&["run", "001", "--dry-run"]).await.exits(0);
    bench.write("other/001-numbers.md", "# Numbers\n\nAdd three.py.\n");
    name_of(&bench.belay(&["run", "other/001-numbers.md"]).await)
}

async fn held() -> String {
    let bench = bench();
    script(&bench.root().join("waits.sh"), "#!/bin/sh\n: > \"$0.up\"\nexec sleep 600\n");
    let waits = bench.root().join("waits.sh").display().to_string();
    let chain = "{ chain: [slow/m] }";
    config(
        &bench,
        &format!(
            "providers: {{ slow: {{ kind: command, command: [{waits}] }} }}\nroles: {{ planner: {chain}, coder: {chain}, reviewer: {chain} }}\n"
        ),
    );
    let mut belay = bench.command(&["run", "001"]).spawn().expect("belay starts");
    until(|| bench.root().join("waits.sh.up").exists()).await;
    let name = name_of(&bench.belay(&["resume"]).await);
    belay.kill().await.expect("SIGKILL");
    name
}

/// git is there and ends with an error.
async fn git_that_fails() -> String {
    let bench = bench();
    let real = std::env::var("PATH").unwrap_or_default();
    let real =
        std::env::split_paths(&real).map(|folder| folder.join("git")).find(|git| git.is_file());
    let real = real.expect("git").display().to_string();
    let fails = bench.root().join("bin/git");
    script(
        &fails,
        &format!(
            "#!/bin/sh\ncase \"$*\" in *update-ref*) echo 'fatal: broken' >&2; exit 128;; esac\nexec {real} \"$@\"\n"
        ),
    );
    assert!(fails.metadata().expect("it").permissions().mode() & 0o111 != 0);
    let path = format!(
        "{}:{}",
        bench.root().join("bin").display(),
        std::env::var("PATH").unwrap_or_default()
    );
    name_of(&ran(&bench, &[("PATH", &path)], &["run", "001"]).await)
}

async fn newer_state() -> String {
    let bench = bench();
    bench.belay(&["run", "001", "--dry-run"]).await.exits(0);
    make_newer(&bench, 2);
    let runs = bench.belay(&["runs", "list", "--format", "json"]).await;
    let runs: serde_json::Value = serde_json::from_str(&runs.stdout).expect("JSON");
    let run = runs["runs"][0]["run"].as_str().expect("an id");
    name_of(&bench.belay(&["runs", "show", run]).await)
}

async fn demo_that_is_stopped() -> String {
    let bench = bench();
    let folder = bench.root().join("demo");
    let args = ["demo", "--kill", "--dir", &folder.display().to_string()];
    let mut command = bench.command(&args);
    let belay = command.current_dir(bench.root()).spawn().expect("belay starts");
    until(|| folder.join("project/.git/belay/state.db").exists()).await;
    bench.kill("-INT", &belay.id().expect("an id").to_string());
    name_of(&finish(belay).await)
}
