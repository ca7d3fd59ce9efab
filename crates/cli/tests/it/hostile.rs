//! A project whose tests attack whoever runs them, through the real binary: they
//! hunt for keys, write everywhere, flood, fork and hang. What a model wrote a
//! minute ago may do all of that. Where the machine lacks a part of the bounds,
//! that is printed, and what holds without it is asserted.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use simulated_models::{Answers, FileAnswer, Script};
use subprocess::Confinement;
use subprocess::confined::Support;

use crate::harness::{Bench, Ran, finish, server};

/// What every planted key begins with; the rest is in no file of the fixture.
const PLANTED: &str = "planted-";

/// The limit of the test command.
const LIMIT: Duration = Duration::from_secs(15);

const ROLES: &str = "roles:\n  planner: { chain: [a/plan] }\n  coder: { chain: [a/code] }\n  reviewer: { chain: [a/review] }\n";

const BECOME_NOBODY: [&str; 5] =
    ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"];

/// Folders and files in which a key is planted, below the bench's folder.
const PLACES: [&str; 10] = [
    "home/.gitconfig",
    "home/.git-credentials",
    "home/.netrc",
    "home/.npmrc",
    "home/.ssh/id_ed25519",
    "home/.aws/credentials",
    "home/.cargo/credentials.toml",
    "home/.config/gh/hosts.yml",
    "repo/.env",
    "repo/.git/config",
];

/// Variables of belay's own process that hold one.
const VARIABLES: [&str; 6] = [
    "KEY_A",
    "KEY_B",
    "GITHUB_TOKEN",
    "ACTIONS_RUNTIME_TOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    "ACTIONS_CACHE_URL",
];

struct Ground {
    bench: Bench,
    /// Different in each test, and what is looked for.
    key: String,
    /// How belay is started, and as whom.
    program: Vec<String>,
}

impl Ground {
    fn new(become_whom: &[&str]) -> Self {
        let bench = Bench::with_fixture("hostile-project");
        let nonce = bench.root().file_name().expect("a name").to_string_lossy().into_owned();
        let key = format!("{PLANTED}{}", nonce.trim_start_matches('.').to_lowercase());
        let mut program: Vec<String> = become_whom.iter().map(|word| (*word).to_owned()).collect();
        let mut binary = PathBuf::from(env!("CARGO_BIN_EXE_belay"));
        if !become_whom.is_empty() {
            // The build's folder may be out of another user's reach.
            let copy = bench.root().join("belay");
            fs::copy(&binary, &copy).expect("a copy");
            binary = copy;
        }
        program.push(binary.display().to_string());
        let ground = Self { bench, key, program };
        ground.plant();
        ground
    }

    fn home(&self, name: &str) -> PathBuf {
        self.bench.root().join("home").join(name)
    }

    fn plant(&self) {
        let key = |place: &str| format!("{}-{place}", self.key);
        let config = fs::read_to_string(self.bench.repo.join(".git/config")).expect("a config");
        let config = format!(
            "{config}[remote \"origin\"]\n\turl = https://ada:{}@example.org/numbers\n\
             [http \"https://example.org/\"]\n\textraheader = AUTHORIZATION: basic {}\n",
            key("url"),
            key("header"),
        );
        let of = |place: &str| match place {
            "repo/.git/config" => config.clone(),
            "home/.gitconfig" => format!(
                "[user]\n\tname = Ada\n\temail = ada@example.org\n[credential]\n\thelper = store\n\
                 [http]\n\textraheader = X-Key: {}\n",
                key("home")
            ),
            "home/.git-credentials" => format!("https://ada:{}@example.org\n", key("stored")),
            other => format!("token = {}\n", key(&other.replace('/', "-"))),
        };
        for place in PLACES {
            let path = self.bench.root().join(place);
            fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
            fs::write(path, of(place)).expect("a file");
        }
        for folder in [".cargo/bin", ".cargo/registry", ".cargo/git"] {
            fs::create_dir_all(self.home(folder)).expect("a folder");
        }
        for (name, content) in
            [(".cargo/bin/cargo", "#!/bin/sh\n"), (".bashrc", "# mine\n"), (".attack-me", "")]
        {
            fs::write(self.home(name), content).expect("a file");
        }
    }

    fn env(&self) -> BTreeMap<String, String> {
        let mut env = self.bench.env();
        env.insert("CARGO_HOME".into(), self.home(".cargo").display().to_string());
        env.extend(VARIABLES.iter().map(|name| {
            let value = format!("{}-{}", self.key, name.to_lowercase());
            ((*name).to_owned(), value)
        }));
        env
    }

    async fn belay(&self, args: &[&str]) -> Ran {
        let mut command = tokio::process::Command::new(&self.program[0]);
        command.args(&self.program[1..]).args(args).current_dir(&self.bench.repo);
        command.env_clear().envs(self.env()).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        finish(command.spawn().expect("belay starts")).await
    }

    /// What really restricts a command that this user starts here.
    async fn support(&self) -> Support {
        let mut launcher = self.program.clone();
        launcher.push("__confined".to_owned());
        let bounds = Confinement { launcher, ..Confinement::default() };
        let command = subprocess::Command::new("true", self.bench.root()).confinement(bounds);
        let command = command.env([("PATH", std::env::var("PATH").expect("a path"))]);
        let output = subprocess::run(&command, &tokio_util::sync::CancellationToken::new()).await;
        output.expect("a command").confined.expect("what restricted it")
    }

    /// Everything of the person's: files, links and modes, with their content.
    fn surroundings(&self) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        let mut found = BTreeMap::new();
        for top in [self.bench.root().join("home"), self.bench.repo.clone()] {
            everything(&top, &mut found);
        }
        // Belay's own, and objects of its commits, are added beside what is there.
        let ours =
            [".git/objects", ".git/belay", ".git/worktrees", ".git/refs", ".git/logs", ".belay"];
        found.retain(|path, _| {
            !ours.iter().any(|ours| path.starts_with(self.bench.repo.join(ours)))
        });
        found
    }

    /// The files below the bench's folder in which the key stands, but for those where it was planted.
    fn leaks(&self) -> Vec<PathBuf> {
        let mut files = BTreeMap::new();
        everything(self.bench.root(), &mut files);
        let turned = turned(&self.key);
        let has = |text: &[u8]| holds(text, &self.key) || holds(text, &turned);
        let leaks = files.into_iter().filter(|(path, (_, text))| {
            !PLACES.iter().any(|place| *path == self.bench.root().join(place)) && has(text)
        });
        leaks.map(|(path, _)| path).collect()
    }
}

/// As the script writes what it found a second time.
fn turned(text: &str) -> String {
    let turn = |letter: char| match letter {
        'a'..='m' => char::from(letter as u8 + 13),
        'n'..='z' => char::from(letter as u8 - 13),
        other => other,
    };
    text.chars().map(turn).collect()
}

fn holds(text: &[u8], part: &str) -> bool {
    text.windows(part.len()).any(|window| window == part.as_bytes())
}

fn everything(folder: &Path, found: &mut BTreeMap<PathBuf, (u32, Vec<u8>)>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.expect("an entry").path();
        let facts = path.symlink_metadata().expect("facts");
        if facts.is_dir() {
            found.insert(path.clone(), (facts.mode(), Vec::new()));
            everything(&path, found);
        } else {
            let content = if facts.is_symlink() {
                fs::read_link(&path).expect("a link").into_os_string().into_encoded_bytes()
            } else {
                fs::read(&path).expect("a file")
            };
            found.insert(path, (facts.mode(), content));
        }
    }
}

fn give_to_nobody(path: &Path) {
    std::os::unix::fs::lchown(path, Some(65534), Some(65534)).expect("another owner");
    if path.symlink_metadata().expect("facts").is_dir() {
        for entry in fs::read_dir(path).expect("a folder") {
            give_to_nobody(&entry.expect("an entry").path());
        }
    }
}

/// The processes that have this text among their arguments or variables.
fn processes_with(mark: &Path) -> Vec<String> {
    let mark = mark.to_str().expect("text");
    let mut found = Vec::new();
    for process in fs::read_dir("/proc").expect("processes").flatten() {
        let has =
            |file: &str| fs::read(process.path().join(file)).is_ok_and(|text| holds(&text, mark));
        let name = process.file_name().to_string_lossy().into_owned();
        if name.parse::<u32>().is_ok() && (has("cmdline") || has("environ")) {
            found.push(name);
        }
    }
    found
}

/// The first round floods, hunts and exits red; the second does all that and hangs.
fn answers(writes: bool) -> Answers {
    let write = if writes { " WRITE" } else { "" };
    let round =
        |content: String| [("one.py".to_owned(), FileAnswer::Content { content, action: None })];
    let first = format!("# ATTACK{write}\nN = 1\n");
    let second = format!("# ATTACK{write} HANG\nN = 1\n");
    let plan = json!({
        "milestones": [{
            "name": "Numbers", "description": "", "read": [], "tests": [],
            "files": { "create": ["one.py"], "modify": [], "delete": [] },
        }],
        "risks": [], "success_criteria": [], "confidence": 0.9,
    });
    let second = [("one.py".to_owned(), FileAnswer::modify(second))];
    Answers { plan, changes_rounds: vec![round(first).into(), second.into()], ..Answers::default() }
}

async fn attacked(become_whom: &[&str]) {
    let ground = Ground::new(become_whom);
    let bench = &ground.bench;
    if !become_whom.is_empty() {
        give_to_nobody(bench.root());
    }
    let support = ground.support().await;
    if !support.is_full() {
        eprintln!("left out: {support}");
    }
    let kept = support.landlock.is_some();
    let server = server(Script::default().with_answers(answers(kept))).await;
    let limit = LIMIT.as_secs();
    bench.config(&server, &format!("{ROLES}run: {{ test_command: \"sh attack.sh\", fix_rounds: 1, milestone_retries: 0, test_timeout: {limit}s }}\n"));
    if !become_whom.is_empty() {
        give_to_nobody(bench.root());
    }
    let before = ground.surroundings();
    let began = Instant::now();
    let ran = ground.belay(&["run", "001", "--format", "json"]).await.exits(0);
    let took = began.elapsed();

    reported(&ground, &ran);
    bounded(&ground, &server, took);
    let outputs: Vec<String> = said_by_the_attack(&server);
    if kept {
        assert!(!outputs.is_empty(), "the attack was told to the coder: {}", ran.stderr);
        assert_eq!(ground.surroundings(), before);
        let beside = bench.root().parent().expect("a folder above");
        assert!(!beside.join("owned-by-attack").exists(), "{}", beside.display());
        no_key_anywhere(&ground, &server, &ran);
    }
    if kept && support.mount_namespace {
        assert!(outputs.iter().all(|said| said.contains("git works")), "{outputs:?}");
        assert!(outputs.iter().all(|said| said.contains("found: 0")), "{outputs:?}");
    }
    server.stop().await;
}

/// The end of the run, the check and its end stand where a person looks.
fn reported(ground: &Ground, ran: &Ran) {
    let finished = &ran.named("run_finished")[0];
    assert_eq!(finished["status"], "blocked", "{}", ran.stderr);
    let failed = ran.named("tests_failed");
    let last = failed.last().expect("a red check");
    assert_eq!((&last["command"], &last["exit"]), (&json!("sh attack.sh"), &Value::Null), "{last}");
    let created = ran.named("issue_created");
    assert_eq!(created.len(), 1, "{created:?}");
    let url = created[0]["url"].as_str().expect("a place");
    let issue = fs::read_to_string(ground.bench.repo.join(url)).expect("an issue");
    assert!(issue.contains("sh attack.sh") && issue.contains("timed_out"), "{issue}");
    let branch = ground.bench.repo.join(".git/refs/heads/belay/001-numbers");
    let main = ground.bench.repo.join(".git/refs/heads/main");
    assert_eq!(fs::read(branch).expect("a branch"), fs::read(main).expect("a branch"));
}

/// The hang ended at its limit, the flood is cut, and nobody is left.
fn bounded(ground: &Ground, server: &simulated_models::Server, took: Duration) {
    assert!(took >= LIMIT, "it hung: {took:?}");
    // Twice red, once hung: three times the limit at most, and some time to end everybody.
    assert!(took < LIMIT * 5, "{took:?}");
    assert_eq!(processes_with(ground.bench.root()), [""; 0]);
    let largest = server.requests().iter().map(|request| request.body.to_string().len()).max();
    assert!(largest.expect("requests") < 1024 * 1024, "{largest:?}");
    let mut files = BTreeMap::new();
    everything(&ground.bench.repo.join(".git/belay"), &mut files);
    let state: usize = files.values().map(|(_, content)| content.len()).sum();
    assert!(state < 8 * 1024 * 1024, "{state} bytes of state and logs");
}

/// What the coder was told of the attack's own words.
fn said_by_the_attack(server: &simulated_models::Server) -> Vec<String> {
    let asked = server
        .requests()
        .into_iter()
        .filter(|request| request.schema.as_deref() == Some("changes"));
    asked.map(|request| request.body.to_string()).filter(|body| body.contains("found: ")).collect()
}

fn no_key_anywhere(ground: &Ground, server: &simulated_models::Server, ran: &Ran) {
    let turned = turned(&ground.key);
    let clean = |text: &str| !text.contains(&ground.key) && !text.contains(&turned);
    assert!(clean(&ran.stdout), "{}", ran.stdout);
    assert!(clean(&ran.stderr), "{}", ran.stderr);
    for request in server.requests() {
        assert!(clean(&request.body.to_string()), "{}", request.body);
    }
    let leaks = ground.leaks();
    assert!(leaks.is_empty(), "{leaks:?}");
}

/// Traps 31 and 39, all at once.
#[tokio::test(flavor = "multi_thread")]
async fn tests_that_attack_find_no_key_change_nothing_and_end_in_time() {
    attacked(&[]).await;
}

/// As a user without rights, for whom a system may refuse parts of the bounds.
#[tokio::test(flavor = "multi_thread")]
async fn tests_that_attack_are_bounded_for_a_user_without_rights_too() {
    let able =
        std::process::Command::new(BECOME_NOBODY[0]).args(&BECOME_NOBODY[1..]).arg("true").status();
    if !able.is_ok_and(|status| status.success()) {
        return eprintln!("left out: this is not root, or there is no setpriv");
    }
    attacked(&BECOME_NOBODY).await;
}

/// The hunt is a good one: out of bounds it finds keys, and even then nobody is left.
#[tokio::test(flavor = "multi_thread")]
async fn without_bounds_the_same_hunt_finds_keys() {
    let ground = Ground::new(&[]);
    let answers =
        Answers { changes_rounds: answers(false).changes_rounds[..1].to_vec(), ..answers(false) };
    let server = server(Script::default().with_answers(answers)).await;
    ground.bench.config(&server, &format!("{ROLES}run: {{ test_command: \"sh attack.sh\", fix_rounds: 0, milestone_retries: 0, confine: off }}\n"));
    let ran = ground.belay(&["run", "001", "--format", "json"]).await.exits(0);
    assert_eq!(ran.named("run_finished")[0]["status"], "blocked", "{}", ran.stderr);
    let leaks = ground.leaks();
    assert!(!leaks.is_empty(), "{}", ran.stderr);
    assert_eq!(processes_with(ground.bench.root()), [""; 0]);
    server.stop().await;
}
