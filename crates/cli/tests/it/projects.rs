//! The whole way on real projects: an idea becomes commits, reviewed and
//! tested, and nothing of the person's is touched.

use serde_json::{Value, json};
use simulated_models::{Answers, FileAnswer, Script};

use crate::harness::{Bench, installed, server};

const ROLES: &str = "roles:\n  planner: { chain: [a/plan, b/plan] }\n  coder: { chain: [a/code, b/code] }\n  reviewer: { chain: [a/review, b/review] }\n";

fn milestone(name: &str, create: &[&str], modify: &[&str]) -> Value {
    json!({
        "name": name, "description": format!("{name}."),
        "files": { "create": create, "modify": modify, "delete": [] },
        "read": [], "tests": ["the report"],
    })
}

fn plan(milestones: &[Value]) -> Value {
    json!({ "milestones": milestones, "risks": [], "success_criteria": ["the report is right"], "confidence": 0.9 })
}

fn answers(plan: Value, changes: &[(&str, FileAnswer)]) -> Answers {
    let changes =
        changes.iter().map(|(path, answer)| ((*path).to_owned(), answer.clone())).collect();
    Answers { plan, changes, ..Answers::default() }
}

struct Expected<'a> {
    test_command: &'a str,
    files: &'a [(&'a str, &'a str)],
}

/// Runs the idea and holds everything that it left against the contract.
async fn check(fixture: &str, answers: Answers, expected: Expected<'_>) {
    let server = server(Script::default().with_answers(answers)).await;
    let bench = Bench::with_fixture(fixture);
    bench.config(&server, ROLES);
    bench.write("README.md", "a change of the person that is not committed\n");
    let before = bench.persons_things();
    let ran =
        bench.belay(&["run", "ideas/backlog/001-health.md", "--format", "json"]).await.exits(0);

    assert_eq!(bench.persons_things(), before, "the person's checkout, index, stash and branches");
    let branch = "belay/001-health";
    let subjects = bench.git(&["log", "--format=%s", &format!("main..{branch}")]);
    assert_eq!(
        subjects,
        "Milestone 2/2: Test and describe the report\nMilestone 1/2: Add the report"
    );
    let trailers = bench.git(&["log", "--format=%(trailers:only)", &format!("main..{branch}")]);
    let run = ran.events()[0]["run"].as_str().expect("a run").to_owned();
    assert_eq!(trailers.matches(&format!("Belay-Run: {run}")).count(), 2);
    assert!(
        trailers.contains("Belay-Step: milestone-1")
            && trailers.contains("Belay-Step: milestone-2")
    );
    assert_eq!(trailers.matches("Belay-Model: a/code").count(), 2, "{trailers}");
    assert_eq!(trailers.matches("Belay-Model: a/review").count(), 2);
    assert!(!trailers.contains("Belay-Degraded"));
    for (path, part) in expected.files {
        assert!(bench.show(branch, path).contains(part), "{path}");
    }
    bench.show(&format!("{branch}~1"), "ideas/in-progress/001-health.md");
    bench.show(branch, "ideas/completed/001-health.md");
    assert!(!bench.git(&["ls-tree", "-r", "--name-only", branch]).contains("ideas/backlog/"));
    assert!(ran.stderr.contains("changes that are not committed"), "{}", ran.stderr);

    let tested = ran.named("tests_passed");
    assert_eq!(tested.len(), 3, "before any change and at each milestone");
    assert!(tested.iter().all(|event| event["command"] == expected.test_command));
    events_are_as_promised(&ran.events());

    let shown = bench.belay(&["runs", "show", &run, "--format", "json"]).await.exits(0);
    let shown: Value = serde_json::from_str(&shown.stdout).expect("JSON");
    assert_eq!((&shown["status"], &shown["phase"]), (&json!("completed"), &json!("done")));
    assert_eq!(
        (&shown["partial"], &shown["degraded"], &shown["resumable"]),
        (&json!(false), &json!(false), &json!(false))
    );
    assert_eq!(shown["fallback_attempts"], 0);
    assert_eq!(shown["models_used"], json!(["a/plan", "a/code", "a/review"]));
    let tip = bench.git(&["rev-parse", branch]);
    assert_eq!(shown["milestones"][1]["commit"], json!(tip));

    let worktrees = bench.root().join("cache/belay/worktrees");
    let left: Vec<_> = std::fs::read_dir(worktrees)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    assert!(left.is_empty(), "the worktree of a run that is done is cleared away: {left:?}");
    assert_eq!(bench.git(&["worktree", "list"]).lines().count(), 1);

    // Done and unchanged: the result again, nothing asked, nothing changed.
    let asked = server.request_count();
    let again = bench.belay(&["run", "001", "--format", "json"]).await.exits(0);
    let again: Value = serde_json::from_str(&again.stdout).expect("one object");
    assert_eq!((again["run"].as_str(), server.request_count()), (Some(run.as_str()), asked));
    assert_eq!(bench.git(&["rev-parse", branch]), tip);
    server.stop().await;
}

/// Gapless, in order, of one run, and with the names in the order of the way.
fn events_are_as_promised(events: &[Value]) {
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event["seq"], json!(index + 1));
        assert_eq!(event["run"], events[0]["run"]);
        assert!(event["time"].as_str().is_some_and(|time| time.parse::<jiff::Timestamp>().is_ok()));
    }
    let names: Vec<&str> = events.iter().filter_map(|event| event["event"].as_str()).collect();
    let way = [
        "run_started",
        "attempt_started",
        "attempt_succeeded",
        "item_succeeded",
        "review_approved",
        "tests_passed",
        "milestone_committed",
        "checkpoint_saved",
        "run_finished",
    ];
    let mut rest = names.iter();
    for wanted in way {
        assert!(rest.any(|name| *name == wanted), "{wanted} in its place among {names:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rust_project_gets_reviewed_and_tested_commits() {
    let plan = plan(&[
        milestone("Add the report", &["src/health.rs", "src/uptime.rs"], &["src/lib.rs"]),
        milestone("Test and describe the report", &["tests/health.rs"], &["README.md"]),
    ]);
    let uptime = "//! How long the greeter is up.\n\n/// Hours and minutes, or seconds where it is less than a minute.\npub fn text(seconds: u64) -> String {\n    match seconds {\n        0..60 => format!(\"{seconds} s\"),\n        _ => format!(\"{} h {} min\", seconds / 3600, seconds / 60 % 60),\n    }\n}\n";
    let health = "//! Tells how the greeter is.\n\n/// One line for operators.\npub fn report(seconds: u64) -> String {\n    format!(\"ok, up {}\", crate::uptime::text(seconds))\n}\n";
    let changes = [
        ("src/uptime.rs", FileAnswer::create(uptime)),
        ("src/health.rs", FileAnswer::create(health)),
        (
            "src/lib.rs",
            FileAnswer::edit(
                "//! Greets people by name.\n",
                "//! Greets people by name.\n\npub mod health;\npub mod uptime;\n",
            ),
        ),
        (
            "tests/health.rs",
            FileAnswer::create(
                "//! The report, from outside.\n\n#[test]\nfn reports_uptime() {\n    assert_eq!(greeter::health::report(0), \"ok, up 0 s\");\n    assert_eq!(greeter::health::report(3660), \"ok, up 1 h 1 min\");\n}\n",
            ),
        ),
        (
            "README.md",
            FileAnswer::edit(
                "Greets people by name.",
                "Greets people by name, and `health::report` says how it is.",
            ),
        ),
    ];
    let expected = Expected {
        test_command: "cargo test",
        files: &[
            ("src/lib.rs", "pub mod health;"),
            ("README.md", "says how it is"),
            ("tests/health.rs", "reports_uptime"),
        ],
    };
    check("rust-greeter", answers(plan, &changes), expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_python_project_gets_reviewed_and_tested_commits() {
    if !installed("python3") {
        return eprintln!("python3 is not installed: nothing to show here");
    }
    let plan = plan(&[
        milestone("Add the report", &["greeter/health.py"], &[]),
        milestone("Test and describe the report", &["tests/test_health.py"], &["README.md"]),
    ]);
    let health = "\"\"\"Tells how the greeter is.\"\"\"\n\n\ndef report(seconds):\n    \"\"\"One line for operators.\"\"\"\n    if seconds < 3600:\n        return f\"ok, up {seconds} s\"\n    return f\"ok, up {seconds // 3600} h {seconds // 60 % 60} min\"\n";
    let test = "import unittest\n\nfrom greeter import health\n\n\nclass Report(unittest.TestCase):\n    def test_uptime(self):\n        self.assertEqual(health.report(0), \"ok, up 0 s\")\n        self.assertEqual(health.report(3660), \"ok, up 1 h 1 min\")\n";
    let changes = [
        ("greeter/health.py", FileAnswer::create(health)),
        ("tests/test_health.py", FileAnswer::create(test)),
        (
            "README.md",
            FileAnswer::edit(
                "Greets people by name.",
                "Greets people by name, and `health.report` says how it is.",
            ),
        ),
    ];
    let expected = Expected {
        test_command: "python3 -m unittest discover",
        files: &[("README.md", "says how it is"), ("tests/test_health.py", "test_uptime")],
    };
    check("python-greeter", answers(plan, &changes), expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_javascript_project_gets_reviewed_and_tested_commits() {
    if !(installed("node") && installed("npm")) {
        return eprintln!("node is not installed: nothing to show here");
    }
    let plan = plan(&[
        milestone("Add the report", &["src/health.js"], &[]),
        milestone("Test and describe the report", &["test/health.test.js"], &["README.md"]),
    ]);
    let health = "/** One line for operators. */\nexport function report(seconds) {\n  if (seconds < 3600) return `ok, up ${seconds} s`;\n  return `ok, up ${Math.floor(seconds / 3600)} h ${Math.floor(seconds / 60) % 60} min`;\n}\n";
    let test = "import assert from \"node:assert\";\nimport { test } from \"node:test\";\nimport { report } from \"../src/health.js\";\n\ntest(\"reports uptime\", () => {\n  assert.equal(report(0), \"ok, up 0 s\");\n  assert.equal(report(3660), \"ok, up 1 h 1 min\");\n});\n";
    let changes = [
        ("src/health.js", FileAnswer::create(health)),
        ("test/health.test.js", FileAnswer::create(test)),
        (
            "README.md",
            FileAnswer::edit(
                "Greets people by name.",
                "Greets people by name, and `report` says how it is.",
            ),
        ),
    ];
    let expected = Expected {
        test_command: "npm test",
        files: &[("README.md", "says how it is"), ("test/health.test.js", "reports uptime")],
    };
    check("node-greeter", answers(plan, &changes), expected).await;
}
