//! `belay idea new` and `belay idea list`: what is written down, with a model
//! and without one, and in which order it is taken.

use std::fs;

use serde_json::{Value, json};
use simulated_models::{Answers, Fault, ModelScript, Script, Step};

use crate::harness::{Bench, server};
use crate::recovery::{ROLES, answers};

fn drafted(draft: &Value) -> Script {
    let other = [("idea".to_owned(), draft.clone())].into();
    Script::default().with_answers(Answers { other, ..answers() })
}

fn farewell() -> Value {
    json!({
        "title": "Say farewell by name", "description": "The program says goodbye.\n\n## Files\n\n- `.github/workflows/x.yml`",
        "criteria": ["`bye Ada` prints `Bye, Ada!`"],
        "files": ["src/farewell.py", ".github/workflows/x.yml", "../outside.py"],
    })
}

fn backlog(bench: &Bench) -> Vec<String> {
    let entries = fs::read_dir(bench.repo.join("ideas/backlog")).expect("a folder");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
        .collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sentence_becomes_an_idea_that_a_run_can_work_on() {
    let server = server(drafted(&farewell())).await;
    let bench =
        Bench::with_files([("check.sh", "true\n"), ("ideas/completed/007-hello.md", "# Hello\n")]);
    bench.config(&server, ROLES);
    let ran = bench.belay(&["idea", "new", "say goodbye to people"]).await.exits(0);
    assert_eq!(ran.stdout, "ideas/backlog/008-say-farewell-by-name.md\n");
    let text = fs::read_to_string(bench.repo.join(ran.stdout.trim())).expect("a file");
    insta::assert_snapshot!(text, @r"
    # Say farewell by name

    ## Description

    The program says goodbye.

    Files

    - `.github/workflows/x.yml`

    ## Acceptance criteria

    - `bye Ada` prints `Bye, Ada!`

    ## Files

    - `src/farewell.py`
    ");
    let asked = &server.requests()[0];
    assert!(asked.body.to_string().contains("say goodbye to people"));
    let listed = bench.belay(&["idea", "list", "--format", "json"]).await.exits(0);
    let listed: Value = serde_json::from_str(&listed.stdout).expect("JSON");
    assert_eq!(listed["ideas"][0]["id"], "008-say-farewell-by-name");
    let ran = bench.belay(&["run", "008", "--format", "json"]).await.exits(0);
    assert_eq!(ran.named("run_finished")[0]["status"], "completed", "{}", ran.stderr);
    let listed = bench.belay(&["idea", "list"]).await.exits(0);
    assert!(
        listed.stdout.starts_with("completed    008-say-farewell-by-name: Say farewell by name\n"),
        "{}",
        listed.stdout
    );
    server.stop().await;
}

/// Without any model the sentence is written down all the same, twice at once under two numbers.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_model_a_template_writes_it_down() {
    let bench = Bench::with_files([("belay.yaml", "providers: {}\n")]);
    let one = ["idea", "new", "Say `hello`: in src/hello.py"];
    let (one, two) = tokio::join!(bench.belay(&one), bench.belay(&["idea", "new", "Say bye"]));
    let (one, two) = (one.exits(0), two.exits(0));
    assert!(one.stderr.contains("Using degraded mode"), "{}", one.stderr);
    assert_ne!(one.stdout, two.stdout);
    assert_eq!(backlog(&bench).len(), 2);
    let text = fs::read_to_string(bench.repo.join(one.stdout.trim())).expect("a file");
    insta::assert_snapshot!(text, @r"
    # Say `hello`: in src/hello.py

    ## Files

    - `src/hello.py`
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_idea_and_what_is_interrupted_is_not_written() {
    let hanging = Fault::AnswerAfter { delay: std::time::Duration::from_secs(60) };
    let hanging = ModelScript::steps([Step::schema("idea", hanging)]);
    let server = server(Script::with_model("plan", hanging)).await;
    let bench = Bench::with_files([("ideas/backlog/001-a.md", "# A\n")]);
    bench.config(&server, ROLES);
    for sentence in ["", "  \n", "..."] {
        let ran = bench.belay(&["idea", "new", sentence]).await.exits(2);
        assert!(ran.stderr.contains("write at least a title"), "{}", ran.stderr);
    }
    let child = bench.command(&["idea", "new", "Say hello"]).spawn().expect("belay");
    server.wait_for_requests(1).await;
    bench.kill("-INT", &child.id().expect("it runs").to_string());
    crate::harness::finish(child).await.exits(130);
    assert_eq!(backlog(&bench), ["001-a.md"]);
    server.stop().await;
}

/// What a commit links to may be a key, and an idea is told to models and in issues.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_no_idea() {
    let server = server(Script::default().with_answers(answers())).await;
    let bench = Bench::with_files([("check.sh", "true\n"), ("ideas/backlog/.gitkeep", "")]);
    bench.config(&server, ROLES);
    let link = |to: &str, name: &str| {
        let path = bench.repo.join("ideas/backlog").join(name);
        std::os::unix::fs::symlink(to, path).expect("a link");
    };
    link("/proc/self/environ", "001-environment.md");
    link("../../check.sh", "002-inside.md");
    for args in
        [&["idea", "list"][..], &["run"], &["run", "001"], &["run", "ideas/backlog/002-inside.md"]]
    {
        let ran = bench.belay(args).await;
        assert!(ran.stderr.contains("symbolic link"), "{args:?}: {}", ran.stderr);
        assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("key-a"), "{}", ran.stdout);
    }
    assert_eq!(server.request_count(), 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_backlog_is_taken_by_priority_then_number() {
    let server = server(Script::default().with_answers(answers())).await;
    let bench = Bench::with_files([
        ("check.sh", "true\n"),
        ("ideas/backlog/002-second.md", "# Second\n"),
        ("ideas/backlog/010-tenth.md", "# Tenth\n"),
        ("ideas/backlog/011-urgent.md", "# Urgent\n\nPriority: high\n"),
    ]);
    bench.config(&server, ROLES);
    let listed = bench.belay(&["idea", "list"]).await.exits(0);
    insta::assert_snapshot!(listed.stdout, @r"
    new          011-urgent: Urgent [high]
    new          002-second: Second
    new          010-tenth: Tenth
    ");
    let ran = bench.belay(&["run", "--dry-run", "--format", "json"]).await.exits(0);
    assert_eq!(ran.named("run_started")[0]["idea"], "011-urgent");
    server.stop().await;
}
