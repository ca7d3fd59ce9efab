//! Each process costs the same few milliseconds whatever it does, and a run
//! waits for every one of git's. Their number is what can creep up unseen: it
//! is counted here, by git's own account (trace2), and not timed.

use serde_json::{Value, json};
use simulated_models::{Answers, FileAnswer, Script};

use crate::harness::{Bench, server};

/// For each milestone: eight in its own time, eight while its models are waited
/// for. (Two in both of the first and the last move the idea's file.)
const MOST_FOR_A_MILESTONE: usize = 16;

/// From the start of the process to the first milestone, and after the last.
const MOST_BESIDES: usize = 36;

#[tokio::test]
async fn a_milestone_takes_few_git_processes() {
    let (two, four) = (git_processes(2).await, git_processes(4).await);
    let (each, besides) = ((four - two) / 2, two - (four - two));
    assert!(each <= MOST_FOR_A_MILESTONE, "{each} for a milestone, {besides} besides");
    assert!(besides <= MOST_BESIDES, "{besides} besides those of the milestones");
}

/// How many a whole run with this number of milestones starts, of two files each.
async fn git_processes(milestones: usize) -> usize {
    let paths = |number: usize| [format!("parts/a{number}.sh"), format!("parts/b{number}.sh")];
    let planned = |number: usize| -> Value {
        json!({
            "name": format!("Part {number}"),
            "description": "",
            "files": { "create": paths(number), "modify": [], "delete": [] },
            "tests": [],
        })
    };
    let plan = (1..=milestones).map(planned).collect::<Vec<Value>>();
    let change = |path: String| (path.clone(), FileAnswer::create(format!("# {path}\n")));
    let answers = Answers {
        plan: json!({ "milestones": plan, "risks": [], "success_criteria": [], "confidence": 0.9 }),
        changes: (1..=milestones).flat_map(paths).map(change).collect(),
        ..Answers::default()
    };
    let server = server(Script::default().with_answers(answers)).await;
    let bench = Bench::with_files([
        ("test.sh", "exit 0\n"),
        ("ideas/backlog/001-parts.md", "# Parts\n\nMake the parts.\n"),
    ]);
    let chains = "roles:\n  planner: { chain: [a/x] }\n  coder: { chain: [a/x] }\n  reviewer: { chain: [a/x] }\nrun: { setup_command: none, test_command: \"sh test.sh\" }\n";
    bench.config(&server, chains);
    let traces = bench.root().join("traces");
    std::fs::create_dir(&traces).expect("a folder");
    let config = format!("[trace2]\n\teventTarget = {}\n", traces.display());
    std::fs::write(bench.root().join("home/.gitconfig"), config).expect("git's config");
    let ran = bench.belay(&["run", "--no-github", "--format", "json"]).await.exits(0);
    let finished = ran.named("run_finished");
    assert_eq!(finished[0]["status"], "completed");
    assert_eq!(finished[0]["commits"], milestones);
    std::fs::read_dir(traces).expect("a folder").count()
}
