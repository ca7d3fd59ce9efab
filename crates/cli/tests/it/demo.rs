//! The demo as people start it, and its project killed again and again: what it
//! promises comes out, it stays in its folder, and no finished step is asked twice.

#[path = "../../src/demo/record.rs"]
mod record;
#[path = "../../src/demo/script.rs"]
mod script;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use checkpoint_store::{Entry, RunStore, SqliteStore};
use orchestrator::journal::parse;
use orchestrator::{Event, Status};
use serde_json::Value;
use simulated_models::Server;

use crate::dice::Dice;
use crate::harness::{Bench, Ran, finish, server};

/// Every path below a folder, with its size; what a cargo home holds is not ours.
fn listing(folder: &Path) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let size = fs::symlink_metadata(&path).expect("metadata").len();
            if path.is_dir() {
                open.push(path.clone());
            }
            found.insert(path.display().to_string(), size);
        }
    }
    found
}

/// What git prints in the demo's project.
fn git(bench: &Bench, args: &[&str]) -> String {
    let project = bench.root().join("demo/project").display().to_string();
    bench.git(&[&["-C", &project], args].concat())
}

/// Starts the demo in a folder of the bench's and looks at what it left.
async fn demo(bench: &Bench, more: &[&str]) -> Ran {
    let dir = bench.root().join("demo").display().to_string();
    let before = listing(&bench.root().join("home"));
    let here = bench.persons_things();
    let arguments = [&["demo", "--format", "json", "--dir", &dir], more].concat();
    let ran = bench.belay(&arguments).await.exits(0);

    assert_eq!(listing(&bench.root().join("home")), before, "nothing is written into a home");
    assert_eq!(bench.persons_things(), here, "nor where the person stands");
    assert!(!bench.root().join("cache").exists(), "nor into the person's cache");
    assert_eq!(
        git(bench, &["log", "--format=%s", "belay/001-word-report"]),
        "Milestone 3/3: Test and describe the report\nMilestone 2/3: Print the report\nMilestone 1/3: Count and rank words\nA project that counts words"
    );
    let files = git(bench, &["ls-tree", "-r", "--name-only", "belay/001-word-report"]);
    assert!(files.contains("tests/report.rs") && !files.contains(script::UNWRITABLE), "{files}");
    assert_eq!(git(bench, &["status", "--porcelain"]), "", "the checkout stays as it was");
    let opened = ran.named("breaker_opened");
    assert_eq!(
        (&opened[0]["model"], &opened[0]["state"]),
        (&"simulated/swift".into(), &"OPEN".into())
    );
    assert!(ran.named("fallback_used").iter().any(|event| event["role"] == "planner"));
    assert_eq!(ran.named("partial_accepted")[0]["percent"], 67);
    assert_eq!(ran.named("tests_passed").len(), 4, "before any change, and for each milestone");
    let issues = ran.named("issue_created");
    let url = issues[0]["url"].as_str().expect("a path");
    let issue = fs::read_to_string(bench.root().join("demo/project").join(url)).expect("an issue");
    assert!(issues.len() == 1 && issue.contains(script::UNWRITABLE), "{issue}");
    let events = ran.events();
    let gapless = events.iter().enumerate().all(|(index, event)| event["seq"] == index + 1);
    assert!(gapless, "every event once, whoever showed it");
    ran
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_shows_what_it_promises_and_stays_in_its_folder() {
    let bench = Bench::with_files([("a.txt", "a\n")]);
    let ran = demo(&bench, &[]).await;
    assert_eq!(ran.stderr.matches("  ok ").count(), 5, "{}", ran.stderr);

    // What it says at the end can be typed.
    let run = ran.events()[0]["run"].as_str().expect("a run").to_owned();
    let project = bench.root().join("demo/project").display().to_string();
    let shown = bench.belay(&["--repo", &project, "runs", "show", &run, "--format", "json"]).await;
    let shown: Value = serde_json::from_str(&shown.exits(0).stdout).expect("JSON");
    assert_eq!(shown["milestones"][1]["status"], "partial");

    let dir = bench.root().join("demo").display().to_string();
    let again = bench.belay(&["demo", "--dir", &dir]).await.exits(2);
    assert!(again.stderr.contains("is not empty"), "{}", again.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_that_kills_itself_asks_nothing_twice() {
    let bench = Bench::with_files([("a.txt", "a\n")]);
    let ran = demo(&bench, &["--kill"]).await;
    assert_eq!(ran.stderr.matches("  ok ").count(), 7, "{}", ran.stderr);
    assert!(ran.stderr.contains("[DEMO] what it left says: interrupted"), "{}", ran.stderr);
    assert_eq!(ran.named("run_resumed")[0]["after"], "interrupted");
}

/// The demo's project and models, with a test command that takes no time.
struct Killing {
    bench: Bench,
    server: Server,
}

impl Killing {
    async fn new() -> Self {
        let bench = Bench::with_fixture("demo-project");
        let server = server(script::script()).await;
        bench.write(
            "belay.yaml",
            &script::config(&server.base_url(), "250ms", "test -f Cargo.toml"),
        );
        Self { bench, server }
    }

    /// Works on the run until it ends or the time is over, which kills it.
    async fn work_for(&self, limit: Duration) -> Option<Ran> {
        let mut child = self.bench.command(&["run", script::IDEA]).spawn().expect("belay");
        match tokio::time::timeout(limit, child.wait()).await {
            Ok(_) => Some(finish(child).await),
            Err(_) => {
                child.kill().await.expect("killed");
                None
            }
        }
    }

    async fn journal(&self) -> Vec<Entry> {
        let dir = self.bench.repo.join(".git/belay");
        if !dir.join("state.db").exists() {
            return Vec::new();
        }
        let store = SqliteStore::open(&dir, "test").await.expect("a store");
        let runs = store.runs().await.expect("runs");
        assert!(runs.len() <= 1, "one idea, one run");
        match runs.first() {
            Some(head) => store.records(head.id, 0).await.expect("records"),
            None => Vec::new(),
        }
    }

    /// How many issues there are for people.
    fn issues(&self) -> usize {
        let entries = fs::read_dir(self.bench.repo.join(".belay/issues")).expect("issues");
        let names: Vec<_> = entries.map(|entry| entry.expect("an entry").file_name()).collect();
        names.iter().filter(|name| name.to_string_lossy().ends_with(".md")).count()
    }

    /// What an undisturbed run and a killed one must have alike.
    fn result(&self) -> (String, String) {
        let branch = format!("belay/{}", script::IDEA);
        let tree = self.bench.git(&["rev-parse", &format!("{branch}^{{tree}}")]);
        (tree, self.bench.git(&["log", "--format=%s", &format!("main..{branch}")]))
    }
}

fn has_ended(journal: &[Entry]) -> bool {
    let completed =
        |event: &Event| matches!(event, Event::RunFinished { status: Status::Completed, .. });
    journal.iter().filter_map(parse).any(|(event, _)| completed(&event))
}

/// One run, killed up to `kills` times; gives how often it really was.
async fn killed_run(
    dice: &mut Dice,
    kills: usize,
    span: Duration,
    wanted: &(String, String),
) -> usize {
    let killing = Killing::new().await;
    let mut at = Vec::new();
    let mut ended = false;
    for _ in 0..kills {
        let limit = dice.within(span);
        ended = killing.work_for(limit).await.is_some();
        let journal = killing.journal().await;
        // A kill in a process's last breath finds the run ended.
        ended |= has_ended(&journal);
        if ended {
            break;
        }
        at.push((limit, killing.server.requests().len(), record::finished(&journal)));
    }
    // One more run of an idea that has ended would try again what it lacks.
    if !ended {
        killing.bench.belay(&["run", script::IDEA]).await.exits(0);
    }
    assert_eq!(&killing.result(), wanted, "killed at {at:?}");
    let requests = killing.server.requests();
    for (limit, before, finished) in &at {
        let again = record::asked_again(&requests, *before, finished);
        assert_eq!(again, [], "asked again after the kill at {limit:?}");
    }
    assert_eq!(killing.issues(), 1, "an issue is made once; killed at {at:?}");
    killing.server.stop().await;
    at.len()
}

/// SIGKILL at random instants, up to three times a run. `BELAY_KILLS` says how
/// many (6), `BELAY_SEED` which (1).
#[tokio::test(flavor = "multi_thread")]
async fn runs_killed_at_random_instants_end_as_undisturbed_ones() {
    let number = |name: &str, default| {
        std::env::var(name).map_or(default, |text| text.parse().expect("a whole number"))
    };
    let (kills, seed) = (number("BELAY_KILLS", 6), number("BELAY_SEED", 1));
    let undisturbed = Killing::new().await;
    let begun = Instant::now();
    undisturbed.bench.belay(&["run", script::IDEA]).await.exits(0);
    let span = begun.elapsed();
    let wanted = undisturbed.result();
    // The record can tell every step apart: else it could not tell that one was asked again.
    let asked: BTreeSet<record::Asked> =
        undisturbed.server.requests().iter().map(record::of_request).collect();
    assert_eq!(asked, record::finished(&undisturbed.journal().await));

    let mut dice = Dice(seed);
    let mut done = 0;
    while done < kills {
        let most = usize::try_from(dice.roll() % 3).expect("small") + 1;
        let most = most.min(usize::try_from(kills - done).expect("small"));
        done += u64::try_from(killed_run(&mut dice, most, span, &wanted).await).expect("small");
    }
}
