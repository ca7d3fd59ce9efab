//! Five fake coding agents, each as the first link of the coders' chain before a good one: what they
//! do wrong never reaches the branch, is kept, and is remembered; also when belay is killed while
//! they work. `cargo xtask agents test` prints what came of them as a table.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::harness::{Bench, Ran, finish, until};
use crate::programs::{GOOD, answers, is_alive, script};

/// What all of them do first: the file that is left, and, while `SLOW` is set, a wait in which belay
/// can be killed. What they start in a session of its own must not outlive it.
const BEGIN: &str = r#"#!/bin/sh
cat > /dev/null
printf 'ONE = ' > one.py
echo at work
if [ -n "$SLOW" ]; then
    setsid sleep 600 &
    echo "$$ $!" > "$WORKING.new" && mv "$WORKING.new" "$WORKING"
    exec sleep 600
fi
"#;

/// How it is called, and what it does.
const FAKES: [(&str, &str); 5] = [
    ("half a file, then exit 1", "exit 1"),
    (
        "a stub, exit 0",
        "printf 'def one():\\n    raise NotImplementedError  # TODO: implement\\n' > one.py; printf 'TWO = 2\\n' > two.py; echo all is done",
    ),
    ("a hang", "setsid sleep 600 & exec sleep 600"),
    ("a 429 on standard error", "echo 'Error 429: too many requests, come back later' >&2; exit 1"),
    ("a good one", WORKS),
];

const WORKS: &str = "printf 'ONE = 1\\n' > one.py; printf 'TWO = 2\\n' > two.py; echo done";

struct Scene {
    bench: Bench,
    things: std::collections::BTreeMap<String, Vec<u8>>,
}

/// What is told of a run, a line of the table.
struct Told {
    ran: Ran,
}

impl Scene {
    /// Coders are `first/m` and `second/m`, one a script that ends so; planner and reviewer answer.
    fn new(first: &str, second: &str, reviewers: &str) -> Self {
        let bench = Bench::with_files([
            (".env", "KEY=hunter2\n"),
            (
                "ideas/backlog/001-numbers.md",
                "# Numbers\n\nAdd one.py and two.py with a number each.\n",
            ),
        ]);
        let folder = bench.root().join("answers");
        fs::create_dir_all(&folder).expect("a folder");
        for (name, mut answer) in answers() {
            if name == "plan" {
                answer["milestones"][0]["files"]["create"] = json!(["one.py", "two.py"]);
            }
            fs::write(folder.join(name), answer.to_string()).expect("an answer");
        }
        let good = GOOD.replace("ANSWERS", &folder.display().to_string());
        script(&bench.repo.join("agents/answers.sh"), &good);
        script(&bench.repo.join("agents/limited.sh"), &format!("#!/bin/sh\n{}\n", FAKES[3].1));
        for (name, does) in [("first", first), ("second", second)] {
            script(&bench.repo.join(format!("agents/{name}.sh")), &format!("{BEGIN}{does}\n"));
        }
        let worker = |name: &str| {
            format!(
                "  {name}: {{ kind: command, command: [./agents/{name}.sh], mode: workspace, env: [WORKING, SLOW, MY_TOKEN], errors: {{ \"Error 429\": rate_limited }} }}\n"
            )
        };
        let text = format!(
            "providers:\n  says: {{ kind: command, command: [./agents/answers.sh, \"{{file}}\"], env: [SEEN] }}\n  \
             tired: {{ kind: command, command: [./agents/limited.sh], errors: {{ \"Error 429\": rate_limited }} }}\n{}{}\
             roles:\n  planner: {{ chain: [says/m], timeout: 60s }}\n  coder: {{ chain: [first/m, second/m], timeout: 120s }}\n  \
             reviewer: {{ chain: {reviewers}, timeout: 60s }}\n\
             failover: {{ idle_timeout: 2s, first_token_timeout: 2s, max_wait: 0s }}\n\
             run: {{ test_command: \"true\", parallel: 1 }}\n",
            worker("first"),
            worker("second"),
        );
        bench.write("belay.yaml", &text);
        fs::write(bench.repo.join(".git/info/exclude"), "belay.yaml\nagents/\n").expect("excludes");
        let things = bench.persons_things();
        Self { bench, things }
    }

    fn working(&self) -> PathBuf {
        self.bench.root().join("working")
    }

    fn command(&self, slow: bool) -> tokio::process::Command {
        let mut command = self.bench.command(&["run", "--format", "json"]);
        command.env("SEEN", self.bench.root().join("seen")).env("WORKING", self.working());
        command.env("MY_TOKEN", "tok-of-nobody-1234");
        if slow {
            command.env("SLOW", "1");
        }
        command
    }

    async fn run(&self) -> Told {
        let ran = finish(self.command(false).spawn().expect("belay starts")).await.exits(0);
        Told { ran }
    }

    /// Ends belay once the first fake has begun its work, and gives what was alive then.
    async fn ended_by(&self, signal: &str) -> Vec<String> {
        let belay = self.command(true).spawn().expect("belay starts");
        until(|| self.working().exists()).await;
        let ids = fs::read_to_string(self.working()).expect("two ids");
        assert!(ids.split_whitespace().any(is_alive), "{ids}");
        self.bench.kill(signal, &belay.id().expect("an id").to_string());
        finish(belay).await;
        let pids = fs::read_to_string(self.working()).expect("two ids");
        let pids: Vec<String> = pids.split_whitespace().map(str::to_owned).collect();
        assert_eq!(pids.len(), 2);
        fs::remove_file(self.working()).expect("the file goes");
        pids
    }

    /// Nothing half-done is on the branch, nothing of the person's has changed, no folder is left.
    #[track_caller]
    fn is_clean(&self) {
        let log = self.bench.git(&["log", "-p", "main..belay/001-numbers"]);
        assert!(!log.contains("ONE = \n") && !log.contains("NotImplementedError"), "{log}");
        assert_eq!(self.bench.persons_things(), self.things);
        let cache = self.bench.root().join("cache");
        let mut folders = vec![cache];
        while let Some(folder) = folders.pop() {
            assert!(
                !folder.ends_with("workspaces")
                    || fs::read_dir(&folder).expect("a folder").count() == 0,
                "{}",
                folder.display()
            );
            let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
            folders.extend(entries.map(|entry| entry.path()).filter(|path| path.is_dir()));
        }
    }

    fn kept(&self) -> Vec<String> {
        let refs = self.bench.git(&["for-each-ref", "--format=%(refname)", "refs/belay/salvage/"]);
        refs.lines().map(str::to_owned).collect()
    }
}

impl Told {
    fn finished(&self) -> Value {
        self.ran.named("run_finished")[0].clone()
    }

    fn classes(&self) -> Vec<String> {
        let failed = self.ran.named("attempt_failed");
        failed.iter().map(|event| event["class"].as_str().expect("a class").to_owned()).collect()
    }

    fn salvaged(&self) -> Vec<Value> {
        self.ran.named("work_salvaged")
    }

    fn by(&self) -> String {
        let done = self.ran.named("item_succeeded");
        done.first()
            .map_or("nobody".to_owned(), |event| event["model"].as_str().unwrap_or("").to_owned())
    }

    /// A row for the table, where one is wanted.
    fn row(&self, name: &str) {
        let Ok(path) = std::env::var("BELAY_AGENTS_TABLE") else { return };
        let finished = self.finished();
        let status = finished["status"].as_str().expect("a status").to_owned();
        let degraded = if finished["degraded"] == json!(true) { ", degraded" } else { "" };
        let failed = match self.classes() {
            classes if classes.is_empty() => "-".to_owned(),
            classes => classes.join(", "),
        };
        let (by, kept) = (self.by(), self.salvaged().len());
        let row = format!("| {name} | {failed} | {by} | {kept} | {status}{degraded} |\n");
        let mut file = fs::File::options().append(true).create(true).open(path).expect("the table");
        file.write_all(row.as_bytes()).expect("a row");
    }
}

/// Traps 43 to 46: each says what it likes, and the good one does the work.
#[tokio::test(flavor = "multi_thread")]
async fn each_fake_before_the_good_one() {
    let classes: [&[&str]; 5] = [
        &["unavailable", "unavailable"],
        &["invalid_output", "invalid_output"],
        &["timeout"],
        &["rate_limited"],
        &[],
    ];
    for ((name, does), expected) in FAKES.into_iter().zip(classes) {
        let scene = Scene::new(does, WORKS, "[says/m]");
        let told = scene.run().await;
        let finished = told.finished();
        assert_eq!(finished["status"], "completed", "{name}: {}", told.ran.stderr);
        assert_eq!(finished["degraded"], json!(false), "{name}");
        assert_eq!(told.classes(), expected, "{name}: {}", told.ran.stdout);
        assert_eq!(told.salvaged().len(), expected.len(), "{name}: {}", told.ran.stdout);
        assert_eq!(told.by(), if expected.is_empty() { "first/m" } else { "second/m" }, "{name}");
        assert_eq!(scene.bench.show("belay/001-numbers", "one.py"), "ONE = 1", "{name}");
        scene.is_clean();
        // The run has ended, and with it what was kept for its sake.
        assert_eq!(scene.kept(), [""; 0], "{name}");
        told.row(name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fake_killed_with_belay_in_mid_work() {
    for (name, does) in FAKES {
        let told = ended_in_mid_work("-KILL", name, does).await;
        told.row(&format!("{name}, killed with belay"));
    }
}

/// The end that was asked for is a clean one, and what was being done is not lost either.
#[tokio::test(flavor = "multi_thread")]
async fn a_fake_ended_with_belay_in_mid_work() {
    let (name, does) = FAKES[0];
    let told = ended_in_mid_work("-TERM", name, does).await;
    told.row(&format!("{name}, ended with belay by SIGTERM"));
}

async fn ended_in_mid_work(signal: &str, name: &str, does: &str) -> Told {
    let scene = Scene::new(does, WORKS, "[says/m]");
    let pids = scene.ended_by(signal).await;
    let told = scene.run().await;
    assert_eq!(told.finished()["status"], "completed", "{name}: {}", told.ran.stderr);
    // What stood there when belay was ended is kept before anything else.
    let salvaged = told.salvaged();
    assert_eq!(salvaged[0]["model"], Value::Null, "{name}: {salvaged:?}");
    assert_eq!(salvaged[0]["item"], json!(1), "{name}");
    assert_eq!(scene.bench.show("belay/001-numbers", "two.py"), "TWO = 2", "{name}");
    until(|| !pids.iter().any(|pid| is_alive(pid))).await;
    scene.is_clean();
    told
}

/// Does its work and, besides, all that would change the person's repository in a linked worktree.
const MEDDLES: &str = r#"{ cat .env; git show HEAD:.env; git log --all -p; } > "$WORKING" 2>&1
git add -A; git commit -qm mine; git stash; git checkout -q -b mine; git branch -f main
git config user.name evil; git config core.hooksPath /; git update-ref refs/heads/belay/001-numbers HEAD
echo 'exit 1' > .git/hooks/pre-commit; git gc -q; git worktree prune; git remote add origin /
rm -rf .git; git init -q .; printf 'ONE = 1\n' > one.py; printf 'TWO = 2\n' > two.py; echo done"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_program_does_to_its_copy_stays_there_and_what_no_model_sees_is_not_in_it() {
    let scene = Scene::new(MEDDLES, WORKS, "[says/m]");
    let told = scene.run().await;
    assert_eq!(told.finished()["status"], "completed", "{}", told.ran.stderr);
    assert_eq!((told.by(), told.classes().len()), ("first/m".to_owned(), 0), "{}", told.ran.stdout);
    let seen = fs::read_to_string(scene.working()).expect("what it saw");
    assert!(!seen.contains("hunter2") && seen.contains("001-numbers"), "{seen}");
    assert_eq!(scene.bench.show("belay/001-numbers", ".env"), "KEY=hunter2");
    let paths = scene.bench.git(&["diff", "--name-only", "main", "belay/001-numbers"]);
    let paths: Vec<&str> = paths.lines().filter(|path| !path.starts_with("ideas/")).collect();
    assert_eq!(paths, ["one.py", "two.py"]);
    scene.is_clean();
}

/// Nobody has looked at what a failed program left: it may hold a secret.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_program_left_is_not_pushed() {
    let scene = Scene::new(FAKES[0].1, FAKES[0].1, "[says/m]");
    scene.bench.git(&["init", "-q", "--bare", "../remote.git"]);
    scene.bench.git(&["remote", "add", "origin", "../remote.git"]);
    let mut command = scene.command(false);
    command.args(["--mirror", "origin"]);
    let ran = finish(command.spawn().expect("belay starts")).await.exits(0);
    assert!(!ran.named("work_salvaged").is_empty() && !scene.kept().is_empty(), "{}", ran.stdout);
    let there = scene.bench.git(&["ls-remote", "origin"]);
    assert!(there.contains("refs/belay/runs/") && !there.contains("salvage"), "{there}");
}

/// Each of these was refused after the chain once, where nobody could mend it or go on: now the
/// program may, and then the next one.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_repository_refuses_goes_to_the_next_one() {
    let key = "printf '%s' \"$MY_TOKEN\" > one.py; printf 'TWO = 2\\n' > two.py; echo done";
    let scene = Scene::new(key, WORKS, "[says/m]");
    let told = scene.run().await;
    assert_eq!(told.finished()["status"], "completed", "{}", told.ran.stderr);
    assert_eq!(
        (told.classes(), told.by()),
        (vec!["invalid_output".to_owned(); 2], "second/m".to_owned())
    );
    assert!(!told.ran.stdout.contains("nobody-1234"), "{}", told.ran.stdout);
    scene.is_clean();
}

/// A key that is cut in two would not be known again as one.
#[tokio::test(flavor = "multi_thread")]
async fn half_a_key_at_the_end_of_what_was_printed_is_told_nobody() {
    let prints = "printf 'A%s' \"$MY_TOKEN\" >&2; head -c 387 /dev/zero | tr '\\0' z >&2; exit 1";
    let scene = Scene::new(prints, WORKS, "[says/m]");
    let told = scene.run().await;
    assert_eq!(told.by(), "second/m");
    for said in [&told.ran.stdout, &told.ran.stderr] {
        assert!(!said.contains("nobody-1234"), "{said}");
    }
}

/// A program that puts another folder in the place of its own is not started there to mend it.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_moves_its_folder_away_gets_no_second_turn_in_what_is_there_now() {
    let moves = "mv \"$PWD\" \"$PWD-gone\"; ln -s \"$(dirname \"$WORKING\")/repo\" \"$PWD\"; echo x >> \"$WORKING.starts\"; echo done";
    let scene = Scene::new(moves, WORKS, "[says/m]");
    let told = scene.run().await;
    assert_eq!(told.finished()["status"], "completed", "{}", told.ran.stderr);
    assert_eq!(told.by(), "second/m");
    let starts = scene.bench.root().join("working.starts");
    assert_eq!(fs::read_to_string(starts).expect("starts"), "x\n");
    scene.is_clean();
}

/// What was printed by one that changed nothing goes with the run too; and what it took is not zero,
/// but not known.
#[tokio::test(flavor = "multi_thread")]
async fn a_completed_run_keeps_no_transcript_and_makes_up_no_cost() {
    let scene = Scene::new("rm one.py; exit 1", WORKS, "[says/m]");
    let told = scene.run().await;
    assert_eq!(told.finished()["status"], "completed", "{}", told.ran.stderr);
    assert_eq!((told.by(), told.salvaged().len()), ("second/m".to_owned(), 0));
    let printed = scene.bench.repo.join(".git/belay/logs/programs");
    assert_eq!(fs::read_dir(printed).map_or(0, Iterator::count), 0);
    let shown = scene.bench.belay(&["runs", "list", "--format", "json"]).await.exits(0);
    let shown: Value = serde_json::from_str(&shown.stdout).expect("JSON");
    assert_eq!(shown["runs"][0]["usd"], Value::Null);
}

/// Trap 47: reviewers have a chain too, and a template after it.
#[tokio::test(flavor = "multi_thread")]
async fn two_limited_reviewers_do_not_block_what_is_done() {
    let scene = Scene::new(WORKS, WORKS, "[tired/a, tired/b]");
    let told = scene.run().await;
    let finished = told.finished();
    assert_eq!(finished["status"], "completed", "{}", told.ran.stderr);
    assert_eq!(finished["degraded"], json!(true));
    assert_eq!(told.by(), "first/m");
    scene.is_clean();
    told.row("good, two limited reviewers");
}

/// Traps 48, 51 and 52: nobody can work, which is said; the next run knows it, and asks nobody.
#[tokio::test(flavor = "multi_thread")]
async fn where_all_rest_the_run_is_degraded_and_the_next_one_knows() {
    let limited = FAKES[3].1;
    let scene = Scene::new(limited, limited, "[says/m]");
    let told = scene.run().await;
    assert_eq!(told.finished()["status"], "degraded", "{}", told.ran.stderr);
    assert_eq!(told.classes(), ["rate_limited", "rate_limited"]);
    let log = scene.bench.git(&["log", "--format=%s", "main..belay/001-numbers"]);
    assert_eq!(log, "");
    // What they left, which is the same, is kept for as long as the run has not ended well, and told
    // in the issue.
    let kept = scene.kept();
    assert_eq!((told.salvaged().len(), kept.len()), (2, 1), "{kept:?}");
    let issues: Vec<PathBuf> = fs::read_dir(scene.bench.repo.join(".belay/issues"))
        .expect("issues")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    let texts: Vec<String> =
        issues.iter().filter_map(|path| fs::read_to_string(path).ok()).collect();
    assert!(kept.iter().all(|name| texts.iter().any(|text| text.contains(name))), "{texts:?}");
    let left = scene.bench.show(&kept[0], "one.py");
    assert_eq!(left, "ONE =");
    let texts = told.salvaged();
    let transcript = texts[0]["transcript"].as_str().expect("a transcript");
    let mode = fs::metadata(transcript).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "nobody else reads it");
    told.row("all limited");
    let again = scene.run().await;
    assert_eq!(again.classes(), [""; 0], "{}", again.ran.stdout);
    assert_eq!(again.finished()["status"], "degraded");
    again.row("all limited, the next run");
}
