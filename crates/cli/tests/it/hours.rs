//! The hourly workflow as a runner does it: its own command under bash, each
//! hour in a fresh clone with a fresh home, stopped by the signals of a runner
//! at an instant by chance.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use simulated_github::{Act, Fault, Server as GitHub};
use simulated_models::{Answers, FileAnswer, Script, Server};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::dice::{Dice, number};
use crate::harness::{Bench, server};

const TOKEN: &str = "ghp_planted_0123456789abcdef";
const BRANCH: &str = "belay/001-numbers";
const MILESTONES: usize = 5;
/// What a runner leaves between SIGINT, SIGTERM and SIGKILL.
const UNTIL_TERM: Duration = Duration::from_millis(7_500);
const UNTIL_KILL: Duration = Duration::from_millis(2_500);
/// Longer than any hour of a test.
const LIMIT: Duration = Duration::from_secs(120);

/// A repository on GitHub with an idea and the files of `belay init`.
struct World {
    models: Server,
    github: GitHub,
    bench: Bench,
    workflow: Value,
}

impl World {
    async fn new() -> Self {
        let models = server(Script::default().with_answers(answers())).await;
        let github = GitHub::start("octo/demo", TOKEN).await.expect("a loopback port");
        let bench = Bench::with_files([
            ("check.sh", "true\n"),
            ("ideas/backlog/001-numbers.md", "# Numbers\n\nAdd numbers.\n"),
            ("belay.yaml", &config(&models, &github)),
        ]);
        bench.belay(&["init"]).await.exits(0);
        let remote = bench.root().join("remote.git");
        let remote = remote.to_str().expect("a path");
        bench.git(&["add", "-A"]);
        bench.git(&["commit", "-q", "-m", "belay init"]);
        bench.git(&["init", "-q", "--bare", "-b", "main", remote]);
        bench.git(&["push", "-q", remote, "main"]);
        let path = bench.root().join("remote.git");
        github.world(|world| world.remote = Some(path));
        let text = bench.show("main", ".github/workflows/belay.yml");
        let workflow = serde_yaml::from_str(&text).expect("YAML");
        Self { models, github, bench, workflow }
    }

    /// What git says in the bare remote.
    fn remote(&self, args: &[&str]) -> String {
        let remote = self.bench.root().join("remote.git");
        let args: Vec<&str> = ["-C", remote.to_str().expect("a path")]
            .into_iter()
            .chain(args.iter().copied())
            .collect();
        self.bench.git(&args)
    }

    /// Where the branch stands on the remote, if it is there.
    fn tip(&self) -> Option<String> {
        let found = self.remote(&[
            "for-each-ref",
            "--format=%(objectname)",
            &format!("refs/heads/{BRANCH}"),
        ]);
        (!found.is_empty()).then_some(found)
    }

    async fn stop(self) {
        self.github.stop().await;
        self.models.stop().await;
    }
}

fn config(models: &Server, github: &GitHub) -> String {
    format!(
        "providers:\n  a: {{ kind: openai, base_url: \"{}\", api_key_env: OPENAI_API_KEY }}\n\
         roles:\n  planner: {{ chain: [a/plan] }}\n  coder: {{ chain: [a/code] }}\n  reviewer: {{ chain: [a/review] }}\n\
         run: {{ test_command: \"sh check.sh\" }}\n\
         github: {{ repository: octo/demo, api_url: \"{}\" }}\n",
        models.base_url(),
        github.api_url()
    )
}

fn answers() -> Answers {
    let files = |n: usize| [format!("a{n}.py"), format!("b{n}.py")];
    let milestones = (1..=MILESTONES).map(|n| json!({ "name": format!("Part {n}"), "description": "", "read": [], "tests": [], "files": { "create": files(n), "modify": [], "delete": [] } }));
    let plan = json!({
        "milestones": milestones.collect::<Vec<_>>(),
        "risks": [], "success_criteria": [], "confidence": 0.9,
    });
    let changes = (1..=MILESTONES)
        .flat_map(files)
        .map(|file| (file.clone(), FileAnswer::create(format!("# {file}\n"))));
    Answers { plan, changes: changes.collect(), ..Answers::default() }
}

/// A throw-away machine with a clone.
struct Machine {
    root: TempDir,
}

impl Machine {
    fn new(world: &World) -> Self {
        let root = tempfile::tempdir().expect("a folder");
        fs::create_dir(root.path().join("home")).expect("a home");
        let remote = format!("file://{}", world.bench.root().join("remote.git").display());
        let checkout = root.path().join("work");
        world.bench.git(&["clone", "-q", &remote, checkout.to_str().expect("a path")]);
        Self { root }
    }

    /// Begins the last step of the workflow, as a runner does it.
    fn begin(&self, world: &World, inputs: &[(&str, &str)]) -> Child {
        let steps = world.workflow["jobs"]["belay"]["steps"].as_array().expect("steps");
        let step = steps.last().expect("a step");
        assert_eq!(step["shell"], "bash");
        let script = self.root.path().join("step.sh");
        fs::write(&script, step["run"].as_str().expect("a script")).expect("written");
        let mut command = Command::new("bash");
        command
            .args(["--noprofile", "--norc", "-e", "-o", "pipefail"])
            .arg(&script)
            .current_dir(self.root.path().join("work"))
            .env_clear()
            .envs(self.env(world, step, inputs))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command.spawn().expect("bash starts")
    }

    fn env(
        &self,
        world: &World,
        step: &Value,
        inputs: &[(&str, &str)],
    ) -> BTreeMap<String, String> {
        let mut env = world.bench.env();
        env.retain(|name, _| !name.starts_with("KEY_"));
        let folder = |name: &str| self.root.path().join(name).display().to_string();
        let belay = Path::new(env!("CARGO_BIN_EXE_belay")).parent().expect("a folder").display();
        let path = format!("{belay}:{}", env["PATH"]);
        let own = [
            ("HOME", folder("home")),
            ("XDG_CACHE_HOME", folder("home/.cache")),
            ("PATH", path),
            ("CI", "true".to_owned()),
            ("GITHUB_ACTIONS", "true".to_owned()),
            ("GITHUB_OUTPUT", folder("outputs")),
            ("GITHUB_STEP_SUMMARY", folder("summary.md")),
        ];
        env.extend(own.map(|(name, value)| (name.to_owned(), value)));
        let given = step["env"].as_object().expect("an environment").iter();
        env.extend(
            given.map(|(name, value)| {
                (name.clone(), evaluated(value.as_str().expect("text"), inputs))
            }),
        );
        env
    }

    fn outputs(&self) -> String {
        fs::read_to_string(self.root.path().join("outputs")).unwrap_or_default()
    }
}

/// The expressions that the workflow has, for a repository with one key.
fn evaluated(text: &str, inputs: &[(&str, &str)]) -> String {
    let inner = text.strip_prefix("${{ ").and_then(|text| text.strip_suffix(" }}"));
    match inner.expect("an expression") {
        "secrets.BELAY_TOKEN || github.token" => TOKEN.to_owned(),
        "secrets.OPENAI_API_KEY" => "key-0123456789".to_owned(),
        secret if secret.starts_with("secrets.") => String::new(),
        input => {
            let name = input.strip_prefix("inputs.").expect("an input");
            let given = inputs.iter().find(|(given, _)| *given == name);
            given.map(|(_, value)| (*value).to_owned()).unwrap_or_default()
        }
    }
}

/// The end of an hour: all that was printed.
async fn end(child: Child) -> String {
    let output = tokio::time::timeout(LIMIT, child.wait_with_output()).await;
    let output = output.expect("an end in time").expect("output");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}{}", output.status, text(&output.stderr), text(&output.stdout))
}

/// Stops a step as a runner does; whether it had to be killed.
async fn stop(world: &World, child: &mut Child) -> bool {
    let Some(pid) = child.id().map(|pid| pid.to_string()) else { return false };
    for (signal, patience) in [("-INT", UNTIL_TERM), ("-TERM", UNTIL_KILL)] {
        world.bench.kill(signal, &pid);
        if tokio::time::timeout(patience, child.wait()).await.is_ok() {
            return false;
        }
    }
    world.bench.kill("-KILL", &pid);
    true
}

/// One hour that is stopped after some more requests, or ends before.
async fn hour(world: &World, dice: &mut Dice) -> String {
    let machine = Machine::new(world);
    let before = usize::try_from(world.models.request_count()).expect("few");
    let mut child = machine.begin(world, &[]);
    let until = before + dice.up_to(6);
    let instant = dice.within(Duration::from_millis(150));
    let ended = tokio::select! {
        () = world.models.wait_for_requests(until) => {
            tokio::time::timeout(instant, child.wait()).await.is_ok()
        }
        ended = child.wait() => ended.is_ok(),
    };
    let killed = !ended && stop(world, &mut child).await;
    assert!(!killed, "belay did not end by itself");
    end(child).await
}

/// `BELAY_HOURS` says for how many seeds (1), `BELAY_SEED` from which (1).
#[tokio::test(flavor = "multi_thread")]
async fn an_idea_is_completed_over_hours_that_are_each_stopped() {
    let first = number("BELAY_SEED", 1) as u64;
    for seed in first..first + number("BELAY_HOURS", 1) as u64 {
        let world = World::new().await;
        let mut dice = Dice(seed);
        let mut logs = Vec::new();
        let mut tip: Option<String> = None;
        for _ in 0..6 {
            logs.push(hour(&world, &mut dice).await);
            let now = world.tip();
            if let (Some(before), Some(now)) = (&tip, &now) {
                // Fails where the older one is no part of the newer one.
                world.remote(&["merge-base", "--is-ancestor", before, now]);
            }
            assert!(tip.is_none() || now.is_some(), "seed {seed}: the branch is gone");
            tip = now;
        }
        let machine = Machine::new(&world);
        logs.push(end(machine.begin(&world, &[])).await);
        completed(&world, seed, &logs.join("\n--- the next hour\n"));
        // Whatever hour comes now has nothing to do, and asks nobody.
        let asked = world.models.request_count();
        let last = end(Machine::new(&world).begin(&world, &[])).await;
        assert!(last.contains("Nothing to do"), "seed {seed}: {last}");
        assert_eq!(world.models.request_count(), asked, "seed {seed}");
        world.stop().await;
    }
}

/// Every milestone once, in order, and nothing that a person would find twice.
fn completed(world: &World, seed: u64, log: &str) {
    let subjects = world.remote(&["log", "--reverse", "--format=%s", &format!("main..{BRANCH}")]);
    let wanted: Vec<String> =
        (1..=MILESTONES).map(|n| format!("Milestone {n}/{MILESTONES}: Part {n}")).collect();
    assert_eq!(subjects, wanted.join("\n"), "seed {seed}: {log}");
    let mut issues = world.github.world(|world| world.live());
    issues.retain(|issue| !issue.pull_request);
    let titles: Vec<(&str, bool)> =
        issues.iter().map(|issue| (issue.title.as_str(), issue.closed)).collect();
    let mut once = titles.clone();
    once.dedup_by_key(|(title, _)| *title);
    assert_eq!(titles, once, "seed {seed}: an issue is there twice");
    assert!(titles.iter().all(|(_, closed)| *closed), "seed {seed}: {titles:?}");
    let pulls = world.github.world(|world| world.live_pulls());
    assert_eq!(pulls.len(), 1, "seed {seed}: {pulls:?}, {log}");
    let (pull, about) = &pulls[0];
    assert_eq!((pull.closed, about.head.as_str(), about.base.as_str()), (false, BRANCH, "main"));
    assert_eq!(world.github.violations(), [""; 0]);
    assert!(!log.contains(TOKEN), "seed {seed}");
}

/// What GitHub did not take in one hour, the next does on another machine: it knows from the state
/// that came along what is owed.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_hour_put_off_the_next_one_does() {
    let world = World::new().await;
    for way in ["/pulls", "/comments"] {
        world.github.fault(Fault::on("POST", way, Act::Cut).times(1_000));
    }
    let log = end(Machine::new(&world).begin(&world, &[])).await;
    assert!(log.contains("put off"), "{log}");
    assert!(world.github.world(|world| world.live_pulls()).is_empty());
    world.github.heal();
    let asked = world.models.request_count();
    let next = end(Machine::new(&world).begin(&world, &[])).await;
    completed(&world, 0, &format!("{log}\n{next}"));
    let last = end(Machine::new(&world).begin(&world, &[])).await;
    completed(&world, 0, &last);
    assert_eq!(world.models.request_count(), asked);
    world.stop().await;
}

/// A sentence typed into the form of the workflow becomes an idea, and the next hour, which knows
/// nothing of the form, goes on with it before it looks at the backlog.
#[tokio::test(flavor = "multi_thread")]
async fn a_sentence_becomes_an_idea_that_the_next_hour_goes_on_with() {
    let world = World::new().await;
    let vibe = [("vibe", "Add \"numbers\"; $(touch pwned)"), ("force_new", "false")];
    let machine = Machine::new(&world);
    let mut child = machine.begin(&world, &vibe);
    world.models.wait_for_requests(4).await;
    assert!(!stop(&world, &mut child).await);
    let log = end(child).await;
    assert!(machine.outputs().contains("status=interrupted\n"), "{log}");
    assert!(!machine.root.path().join("work/pwned").exists());
    let next = Machine::new(&world);
    let log = end(next.begin(&world, &[])).await;
    let outputs = next.outputs();
    assert!(outputs.contains("status=completed\n"), "{log}");
    let branch = outputs.lines().find_map(|line| line.strip_prefix("branch=belay/add-numbers-"));
    assert!(branch.is_some(), "{outputs}");
    // A new run of a named idea, though one is there.
    let fresh = Machine::new(&world);
    let named = [("idea_id", "001"), ("force_new", "true")];
    let log = end(fresh.begin(&world, &named)).await;
    assert!(fresh.outputs().contains(&format!("branch={BRANCH}\n")), "{log}");
    world.stop().await;
}

/// What the workflow must have whatever else is changed in it.
#[tokio::test(flavor = "multi_thread")]
async fn the_workflow_is_as_the_runner_and_its_owner_need_it() {
    let world = World::new().await;
    let workflow = &world.workflow;
    let cron = workflow["on"]["schedule"][0]["cron"].as_str().expect("a time");
    let (minute, rest) = cron.split_once(' ').expect("fields");
    assert!((1..60).contains(&minute.parse::<u8>().expect("a minute")) && rest == "* * * *");
    let inputs = workflow["on"]["workflow_dispatch"]["inputs"].as_object().expect("inputs");
    assert!(inputs.keys().eq(["idea_id", "vibe", "force_new"]));
    assert_eq!(workflow["concurrency"]["cancel-in-progress"], false);
    assert_eq!(workflow["permissions"], json!({}));
    let job = &workflow["jobs"]["belay"];
    let rights = json!({ "contents": "write", "issues": "write", "pull-requests": "write" });
    assert_eq!(job["permissions"], rights);
    assert!(job["timeout-minutes"].as_u64().expect("minutes") > 23);
    let steps = job["steps"].as_array().expect("steps");
    assert_eq!(steps[0]["with"]["persist-credentials"], false);
    let script = steps.last().expect("a step")["run"].as_str().expect("a script");
    assert!(
        script
            .lines()
            .filter(|line| line.contains("belay run"))
            .all(|line| line.trim_start().starts_with("exec "))
    );
    // What people type reaches the shell as variables only.
    assert!(!script.contains("${{"), "{script}");
    world.stop().await;
}
