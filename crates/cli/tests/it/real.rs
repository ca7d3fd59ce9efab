//! Repositories as people have them, through the real binary: with package
//! managers, environments, hooks, signatures, large files and modules. Each is a
//! run with its outcome, since each has ended other tools in a way of its own.

mod hooks;
mod odd;
mod rust;
mod scripted;
mod signing;

use std::path::Path;

use serde_json::{Value, json};
use simulated_models::{Answers, FileAnswer, Script, Server};

use crate::harness::{Bench, Ran, server};

const ROLES: &str = "roles:\n  planner: { chain: [a/plan] }\n  coder: { chain: [a/code] }\n  reviewer: { chain: [a/review] }\n";

/// For repositories in which only git is of interest.
const NUMBERS: &str = "run: { test_command: \"test -f start.txt\" }\n";

/// A plan of one milestone.
fn plan(create: &[&str], modify: &[&str]) -> Value {
    json!({
        "milestones": [{
            "name": "Add the report", "description": "", "read": [], "tests": [],
            "files": { "create": create, "modify": modify, "delete": [] },
        }],
        "risks": [], "success_criteria": [], "confidence": 0.9,
    })
}

/// One round of answers after the other.
fn rounds(plan: Value, rounds: &[&[(&str, FileAnswer)]]) -> Answers {
    let round = |round: &&[(&str, FileAnswer)]| {
        round.iter().map(|(path, answer)| ((*path).to_owned(), answer.clone())).collect()
    };
    Answers { plan, changes_rounds: rounds.iter().map(round).collect(), ..Answers::default() }
}

/// A repository with one file beside the idea.
fn plain() -> Bench {
    Bench::with_files([
        ("start.txt", "start\n"),
        ("ideas/backlog/001-health.md", "# Report\n\nAdd `report.txt`.\n"),
    ])
}

/// A milestone that writes `report.txt` as these contents, one a round.
fn reports(contents: &[&str]) -> Answers {
    let rounds: Vec<_> = contents
        .iter()
        .enumerate()
        .map(|(round, content)| {
            let answer = if round == 0 { FileAnswer::create } else { FileAnswer::modify };
            [("report.txt".to_owned(), answer((*content).to_owned()))].into()
        })
        .collect();
    Answers { plan: plan(&["report.txt"], &[]), changes_rounds: rounds, ..Answers::default() }
}

async fn started(bench: &Bench, answers: Answers, config: &str) -> Server {
    let server = server(Script::default().with_answers(answers)).await;
    bench.config(&server, &format!("{ROLES}{config}"));
    server
}

const BRANCH: &str = "belay/001-health";

/// Runs the idea, which must leave what is the person's as it is.
async fn run(bench: &Bench) -> Ran {
    let before = bench.persons_things();
    let ran = bench.belay(&["run", "001", "--format", "json"]).await.exits(0);
    // Names only: what differs may be a whole package.
    let after = bench.persons_things();
    let differs: Vec<&String> = before
        .keys()
        .chain(after.keys())
        .filter(|path| before.get(*path) != after.get(*path))
        .collect();
    assert!(differs.is_empty(), "the person's checkout, index and branches: {differs:?}");
    ran
}

/// The run has this status, and its words if not.
#[track_caller]
fn ends(ran: &Ran, status: &str) -> Value {
    let finished = ran.named("run_finished").remove(0);
    let told = format!("{finished}\n{:?}\n{}", ran.named("tests_failed"), ran.stderr);
    assert_eq!(finished["status"], status, "{told}");
    finished
}

/// The paths that the branch has changed, but for the idea's file.
fn changed(bench: &Bench) -> Vec<String> {
    let paths = bench.git(&["diff", "--name-only", "main", BRANCH]);
    paths.lines().filter(|path| !path.starts_with("ideas/")).map(str::to_owned).collect()
}

/// Nothing landed, and the only issue has these words.
#[track_caller]
fn blocked_over(bench: &Bench, ran: &Ran, words: &[&str]) {
    ends(ran, "blocked");
    assert_eq!(bench.git(&["rev-parse", BRANCH]), bench.git(&["rev-parse", "main"]));
    let created = ran.named("issue_created");
    assert_eq!(created.len(), 1, "{created:?}");
    let url = created[0]["url"].as_str().expect("a place");
    let issue = std::fs::read_to_string(bench.repo.join(url)).expect("an issue");
    for word in words {
        assert!(issue.contains(word), "{word:?} in {issue}");
    }
}

/// The names of the checks that were red, in order.
fn red(ran: &Ran) -> Vec<String> {
    let failed = ran.named("tests_failed");
    failed.iter().filter_map(|event| event["check"].as_str().map(str::to_owned)).collect()
}

fn executable(path: &Path, content: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
    std::fs::write(path, content).expect("a file");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("a mode");
}
