//! The commands in the blocks of README.md and docs/ are run, each page in a repository of its own
//! with simulated models under the names that the pages use.

use std::time::Duration;

use serde_json::json;
use simulated_models::{Answers, Script, Server};
use tokio::io::AsyncReadExt as _;

use crate::harness::{Bench, Ran, finish, server};
use crate::markdown::{Written, commands, pages};

/// The models of the pages.
const ROLES: &str = r#"roles:
  planner: { chain: [openai/gpt-5.4, openai/gpt-5.5, openai/gpt-5.4-mini] }
  coder: { chain: [openai/gpt-5.4, openai/gpt-5.4-mini, openai/gpt-5.5] }
  reviewer: { chain: [openai/gpt-5.4-mini, openai/gpt-5.4] }
run: { test_command: "sh check.sh" }
"#;
/// Longer than a busy machine needs to show the first line.
const FIRST_SIGHT: Duration = Duration::from_secs(60);
/// Pages that a person follows line by line.
const FOLLOWED: [&str; 2] = ["docs/quickstart.md", "docs/guide.md"];

fn answers() -> Answers {
    let plan = json!({
        "milestones": [{
            "name": "Say goodbye", "description": "",
            "files": { "create": ["farewell.py"], "modify": [], "delete": [] },
            "read": [], "tests": [],
        }],
        "risks": [], "success_criteria": [], "confidence": 0.9,
    });
    let changes = Answers::creating([("farewell.py", "BYE = 'Goodbye'\n")]).changes;
    Answers { plan, changes, ..Answers::default() }
}

/// A project with an idea, as the pages begin.
fn bench(server: &Server) -> Bench {
    let config = format!(
        "providers:\n  openai: {{ kind: openai, base_url: \"{}\", api_key_env: KEY_A }}\n{ROLES}",
        server.base_url()
    );
    Bench::with_files([
        ("check.sh", "true\n"),
        ("ideas/backlog/001-farewell.md", "# Say goodbye\n\nSay it in farewell.py.\n"),
        ("belay.yaml", &config),
    ])
}

/// What stands for a run on a page is the newest one; there is one from the first use on.
async fn with_runs_named(bench: &Bench, words: &[String]) -> Vec<String> {
    let is_run = |word: &String| ["ID", "RUN", "01M"].contains(&word.as_str());
    if !words.iter().any(is_run) {
        return words.to_vec();
    }
    let list = bench.belay(&["runs", "list"]).await.exits(0);
    let newest = list.stdout.split_whitespace().next().filter(|word| word.len() == 26);
    let newest = match newest {
        Some(run) => run.to_owned(),
        None => {
            bench.belay(&["run"]).await.exits(0);
            let list = bench.belay(&["runs", "list"]).await.exits(0);
            list.stdout.split_whitespace().next().expect("a run").to_owned()
        }
    };
    words.iter().map(|word| if is_run(word) { newest.clone() } else { word.clone() }).collect()
}

async fn ran(bench: &Bench, written: &Written) -> Ran {
    let words = with_runs_named(bench, &written.words).await;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if !words.contains(&"--watch") {
        return bench.belay(&words).await;
    }
    // It goes on until somebody ends it, as a reader would once there is something to see.
    let mut child = bench.command(&words).spawn().expect("belay starts");
    let mut first = [0];
    let output = child.stdout.as_mut().expect("a pipe");
    let seen = tokio::time::timeout(FIRST_SIGHT, output.read_exact(&mut first)).await;
    bench.kill("-INT", &child.id().expect("it runs").to_string());
    let ran = finish(child).await;
    seen.expect("something in time").expect("something to see");
    ran
}

/// Whether a command did what a reader may expect of it here. Looking may find something wrong.
fn went_well(written: &Written, ran: &Ran) -> bool {
    let looks = written.words.first().is_some_and(|word| word == "doctor");
    ran.code == Some(0) || (looks && ran.code == Some(1))
}

/// What went wrong on a page, and how many commands of it were run.
async fn follow(page: &str, text: &str) -> (Vec<String>, usize) {
    let written = commands(text).into_iter().filter(|one| one.in_block && one.not_run.is_none());
    let written: Vec<Written> = written.collect();
    if written.is_empty() {
        return (Vec::new(), 0);
    }
    let server = server(Script::default().with_answers(answers())).await;
    let bench = bench(&server);
    let mut wrong = Vec::new();
    for one in &written {
        let ran = ran(&bench, one).await;
        if !went_well(one, &ran) {
            let call = one.words.join(" ");
            let (code, said) = (ran.code, &ran.stderr);
            wrong.push(format!("{page}:{}: belay {call}: {code:?}\n{said}", one.line));
        }
    }
    server.stop().await;
    (wrong, written.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_every_page_can_be_run() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for (page, text) in pages() {
        let (failed, of_page) = follow(&page, &text).await;
        assert!(of_page > 0 || !FOLLOWED.contains(&page.as_str()), "{page} shows no command");
        wrong.extend(failed);
        count += of_page;
    }
    assert!(count >= 10, "only {count} were run");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_fails_is_told_with_its_line() {
    let page = "```sh\nbelay status\nbelay breaker reset nobody/knows\n```\n";
    let (wrong, count) = follow("page", page).await;
    assert_eq!((wrong.len(), count), (1, 2), "{wrong:?}");
    assert!(wrong[0].starts_with("page:3: belay breaker reset nobody/knows: Some(2)"), "{wrong:?}");
}
