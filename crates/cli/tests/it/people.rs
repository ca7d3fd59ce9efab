//! What is left for people: partial milestones, manual tasks, findings that
//! stay, and tests that stay red.

use serde_json::{Value, json};
use simulated_models::{Answers, Fault, FileAnswer, ModelScript, Script, Server, Step};

use crate::harness::{Bench, Ran, server};

const ROLES: &str = "roles:\n  planner: { chain: [a/plan] }\n  coder: { chain: [a/code, b/code] }\n  reviewer: { chain: [a/review] }\nrun: { test_command: \"sh check.sh\" }\n";

fn plan(milestones: &[(&str, &[&str])]) -> Value {
    let milestones: Vec<Value> = milestones
        .iter()
        .map(|(name, files)| json!({ "name": name, "description": "", "files": { "create": files, "modify": [], "delete": [] }, "read": [], "tests": [] }))
        .collect();
    json!({ "milestones": milestones, "risks": [], "success_criteria": [], "confidence": 0.9 })
}

fn answers(milestones: &[(&str, &[&str])]) -> Answers {
    let changes = milestones
        .iter()
        .flat_map(|(_, files)| *files)
        .map(|file| ((*file).to_owned(), FileAnswer::create("N = 1\n")))
        .collect();
    Answers { plan: plan(milestones), changes, ..Answers::default() }
}

fn bench(server: &Server, config: &str) -> Bench {
    let bench = Bench::with_files([
        ("check.sh", "! grep -rq BROKEN --include=*.py .\n"),
        (
            "ideas/backlog/001-numbers.md",
            "# Numbers\n\n## Acceptance criteria\n\n- numbers are there\n\n## Files\n\n- `one.py`\n",
        ),
    ]);
    bench.config(server, config);
    bench
}

async fn run(bench: &Bench) -> Ran {
    bench.belay(&["run", "001", "--format", "json"]).await
}

async fn show(bench: &Bench, ran: &Ran) -> Value {
    let run = ran.events()[0]["run"].as_str().expect("a run").to_owned();
    let shown = bench.belay(&["runs", "show", &run, "--format", "json"]).await.exits(0);
    serde_json::from_str(&shown.stdout).expect("JSON")
}

/// One of three coders gets no good answer: two thirds are committed, the rest is an issue.
#[tokio::test(flavor = "multi_thread")]
async fn what_most_coders_did_is_committed_and_the_rest_is_an_issue() {
    let bad = || ModelScript::steps([Step::path("two.py", Fault::WrongSchema)]);
    let script = Script::with_model("code", bad())
        .with_answers(answers(&[("Numbers", &["one.py", "two.py", "three.py"])]));
    let server = server(script).await;
    let bench = bench(&server, ROLES);
    let ran = run(&bench).await.exits(0);
    assert!(ran.stderr.contains("Accepting partial results (67% success)"), "{}", ran.stderr);
    let shown = show(&bench, &ran).await;
    assert_eq!((&shown["status"], &shown["partial"]), (&json!("completed"), &json!(true)));
    assert_eq!(shown["milestones"][0]["status"], "partial");
    let files = bench.git(&["ls-tree", "-r", "--name-only", "belay/001-numbers"]);
    assert!(
        files.contains("one.py") && files.contains("three.py") && !files.contains("two.py"),
        "{files}"
    );
    let url = shown["issues"][0].as_str().expect("an issue");
    let issue = std::fs::read_to_string(bench.repo.join(url)).expect("the issue's file");
    assert!(
        issue.contains("two.py") && issue.contains("numbers are there") && issue.contains("a/code"),
        "{issue}"
    );
    assert_eq!(shown["issues"].as_array().map(Vec::len), Some(1));
    let strict = bench.belay(&["run", "001", "--strict"]).await;
    assert_eq!(strict.code, Some(10), "{}", strict.stderr);
    server.stop().await;
}

/// With partial success off it is all or nothing.
#[tokio::test(flavor = "multi_thread")]
async fn without_partial_success_one_failure_rolls_the_milestone_back() {
    let bad = ModelScript::steps([Step::path("two.py", Fault::WrongSchema)]);
    let script = Script::with_model("code", bad).with_answers(answers(&[
        ("Numbers", &["one.py", "two.py", "three.py"]),
        ("More", &["four.py"]),
    ]));
    let server = server(script).await;
    let bench = bench(&server, &format!("{ROLES}partial_success: {{ enabled: false }}\n"));
    let ran = run(&bench).await.exits(0);
    let rolled_back = ran.named("milestone_rolled_back");
    assert_eq!(rolled_back.len(), 3, "two more tries, then the end: {rolled_back:?}");
    let shown = show(&bench, &ran).await;
    assert_eq!(shown["status"], "blocked");
    assert_eq!(shown["milestones"][0]["status"], "rolled_back");
    assert_eq!(shown["milestones"][1]["status"], "pending");
    assert_eq!(bench.git(&["rev-parse", "belay/001-numbers"]), bench.git(&["rev-parse", "main"]));
    let issue =
        std::fs::read_to_string(bench.repo.join(shown["issues"][0].as_str().expect("an issue")))
            .expect("a file");
    assert!(issue.contains("More"), "milestones that are not begun are named: {issue}");
    server.stop().await;
}

/// No model at all: a template plan, manual tasks, nothing committed; later, with models, it is done.
#[tokio::test(flavor = "multi_thread")]
async fn without_any_model_the_run_is_degraded_and_completed_later() {
    let server = server(
        Script::all_failing(Fault::status(503)).with_answers(answers(&[("Numbers", &["one.py"])])),
    )
    .await;
    let bench = bench(&server, ROLES);
    let ran = run(&bench).await.exits(0);
    let shown = show(&bench, &ran).await;
    assert_eq!((&shown["status"], &shown["degraded"]), (&json!("degraded"), &json!(true)));
    let names: Vec<&str> = shown["milestones"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|milestone| milestone["name"].as_str())
        .collect();
    assert_eq!(names, ["Analyze requirements", "Implement changes"]);
    assert_eq!(
        (&shown["milestones"][0]["status"], &shown["milestones"][1]["status"]),
        (&json!("note"), &json!("manual"))
    );
    assert!(ran.stderr.contains("Using degraded mode"), "{}", ran.stderr);
    assert_eq!(bench.git(&["rev-parse", "belay/001-numbers"]), bench.git(&["rev-parse", "main"]));
    let url = shown["issues"][0].as_str().expect("an issue").to_owned();
    let issue = std::fs::read_to_string(bench.repo.join(&url)).expect("a file");
    assert!(
        issue.contains("state: open")
            && issue.contains("belay:manual-task")
            && issue.contains("one.py"),
        "{issue}"
    );

    let status = bench.belay(&["status", "--format", "json"]).await.exits(0);
    let status: Value = serde_json::from_str(&status.stdout).expect("JSON");
    assert_eq!(
        (&status["run"], &status["waiting"][0]["kind"]),
        (&json!(null), &json!("manual_task"))
    );
    assert_eq!(status["waiting"][0]["url"], json!(url));
    assert_eq!(status["breakers"][0]["role"], "planner");

    server.set_script(Script::default().with_answers(answers(&[("Numbers", &["one.py"])])));
    bench.belay(&["breaker", "reset"]).await.exits(0);
    let again = bench.belay(&["run", "--format", "json"]).await.exits(0);
    let shown = show(&bench, &again).await;
    assert_eq!(
        (&shown["status"], &shown["degraded"]),
        (&json!("completed"), &json!(false)),
        "{}",
        again.stderr
    );
    assert_eq!(bench.show("belay/001-numbers", "one.py"), "N = 1");
    assert_eq!(shown["issues"], json!([]));
    let issue = std::fs::read_to_string(bench.repo.join(&url)).expect("a file");
    assert!(issue.contains("state: closed"), "{issue}");
    seqs_go_on(&ran, &again);
    server.stop().await;
}

fn seqs_go_on(first: &Ran, second: &Ran) {
    let seqs: Vec<u64> = first
        .events()
        .iter()
        .chain(&second.events())
        .filter_map(|event| event["seq"].as_u64())
        .collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn with_degradation_off_a_run_without_models_fails() {
    let server = server(Script::all_failing(Fault::status(503))).await;
    let bench = bench(&server, &format!("{ROLES}degradation: {{ enabled: false }}\n"));
    let ran = run(&bench).await.exits(1);
    let shown = show(&bench, &ran).await;
    assert_eq!((&shown["status"], &shown["resumable"]), (&json!("failed"), &json!(true)));
    server.stop().await;
}

/// A review's finding is mended by a coder who is told of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_review_becomes_new_work() {
    let review = |approved: bool, issues: Value| json!({ "approved": approved, "code_quality": 60, "issues": issues, "strengths": [], "next_steps": [] });
    let finding = json!([{ "severity": "high", "file": "one.py", "line": 1, "issue": "N must be 2", "suggestion": "Set it to 2." }]);
    let mut answers = answers(&[("Numbers", &["one.py"])]);
    answers.reviews = vec![review(false, finding), review(true, json!([]))];
    answers.changes_rounds = vec![
        [("one.py".to_owned(), FileAnswer::create("N = 1\n"))].into(),
        [("one.py".to_owned(), FileAnswer::modify("N = 2\n"))].into(),
    ];
    let server = server(Script::default().with_answers(answers)).await;
    let bench = bench(&server, ROLES);
    let ran = run(&bench).await.exits(0);
    assert_eq!(
        (ran.named("review_rejected").len(), ran.named("review_approved").len()),
        (1, 1),
        "{}",
        ran.stderr
    );
    assert_eq!(bench.show("belay/001-numbers", "one.py"), "N = 2");
    let second = server
        .requests()
        .into_iter()
        .filter(|request| request.schema.as_deref() == Some("changes"))
        .nth(1)
        .expect("a second round");
    assert!(second.body.to_string().contains("N must be 2"), "the coder is told of the finding");
    server.stop().await;
}

/// Tests that stay red: nothing lands, and a person is told what failed.
#[tokio::test(flavor = "multi_thread")]
async fn tests_that_stay_red_keep_the_milestone_off_the_branch() {
    let mut answers = answers(&[("Numbers", &["one.py"])]);
    answers.changes = [("one.py".to_owned(), FileAnswer::create("N = 'BROKEN'\n"))].into();
    answers.changes_rounds = vec![
        answers.changes.clone(),
        [("one.py".to_owned(), FileAnswer::modify("N = 'BROKEN 2'\n"))].into(),
        [("one.py".to_owned(), FileAnswer::modify("N = 'BROKEN 3'\n"))].into(),
    ];
    let server = server(Script::default().with_answers(answers)).await;
    let bench = bench(&server, ROLES);
    let ran = run(&bench).await.exits(0);
    assert_eq!(ran.named("tests_failed").len(), 3, "{}", ran.stderr);
    let shown = show(&bench, &ran).await;
    assert_eq!(
        (&shown["status"], &shown["milestones"][0]["status"]),
        (&json!("blocked"), &json!("rolled_back"))
    );
    assert_eq!(bench.git(&["rev-parse", "belay/001-numbers"]), bench.git(&["rev-parse", "main"]));
    let issue =
        std::fs::read_to_string(bench.repo.join(shown["issues"][0].as_str().expect("an issue")))
            .expect("a file");
    assert!(issue.contains("sh check.sh"), "{issue}");
    // What was made is not thrown away: the issue says where it is.
    let kept = bench.git(&["for-each-ref", "--format=%(objectname)", "refs/belay/salvage"]);
    assert!(issue.contains(&format!("git show {kept};")), "{kept}: {issue}");
    assert_eq!(bench.show(&kept, "one.py"), "N = 'BROKEN 3'");
    assert_eq!(bench.belay(&["resume", "--strict", "--dry-run"]).await.code, Some(75));
    server.stop().await;
}

/// A suite that was red before is no reason to stop, and no cover for new failures.
#[tokio::test(flavor = "multi_thread")]
async fn a_suite_that_is_red_before_is_compared_with() {
    let server = server(Script::default().with_answers(answers(&[("Numbers", &["one.py"])]))).await;
    let bench = Bench::with_files([
        (
            "check.sh",
            "echo 'test old ... FAILED'; grep -rq 'N = 1' --include=*.py . && echo 'test new ... FAILED'; exit 1\n",
        ),
        ("ideas/backlog/001-numbers.md", "# Numbers\n\nAdd one.py.\n"),
    ]);
    bench.config(
        &server,
        &format!("{}\n", ROLES.replace("sh check.sh\" }", "sh check.sh\", fix_rounds: 0 }")),
    );
    let ran = run(&bench).await.exits(0);
    let failed = ran.named("tests_failed");
    assert_eq!(
        (failed[0]["milestone"].clone(), failed[0]["failing"].clone()),
        (json!(null), json!(["old"]))
    );
    assert_eq!(failed[1]["failing"], json!(["new", "old"]));
    assert_eq!(show(&bench, &ran).await["status"], "blocked");

    bench.write("check.sh", "echo 'test old ... FAILED'; exit 1\n");
    bench.git(&["commit", "-qam", "only old"]);
    let ran = bench.belay(&["run", "001", "--fresh", "--format", "json"]).await.exits(0);
    assert_eq!(ran.named("run_finished")[0]["status"], "completed", "{}", ran.stderr);
    assert_eq!(ran.events()[0]["branch"], "belay/001-numbers-2");
    assert_eq!(ran.named("tests_passed")[0]["red"], true, "green and still red are told apart");
    assert_eq!(show(&bench, &ran).await["red_checks"], json!(["test"]));
    server.stop().await;
}

/// No provider at all (and none looked for on this machine): belay still says what is to be done, and by whom.
#[tokio::test(flavor = "multi_thread")]
async fn without_any_provider_the_idea_becomes_a_task_for_people() {
    let idea =
        "# Numbers\n\nThere should be numbers.\n\n## Acceptance criteria\n\n- numbers are there\n";
    let bench = Bench::with_files([
        ("README.md", "numbers\n"),
        ("ideas/backlog/001-numbers.md", idea),
        ("belay.yaml", "providers: {}\n"),
    ]);
    let before = bench.persons_things();
    let ran = run(&bench).await.exits(0);
    assert!(ran.stderr.contains("planner: no model: templates only"), "{}", ran.stderr);
    let shown = show(&bench, &ran).await;
    assert_eq!((&shown["status"], &shown["attempts_total"]), (&json!("degraded"), &json!(0)));
    assert_eq!(shown["issues"].as_array().map(Vec::len), Some(1));
    let issue =
        std::fs::read_to_string(bench.repo.join(shown["issues"][0].as_str().expect("an issue")))
            .expect("a file");
    assert!(issue.contains("numbers are there") && issue.contains("belay resume"), "{issue}");
    assert_eq!(bench.git(&["rev-parse", "belay/001-numbers"]), bench.git(&["rev-parse", "main"]));
    assert_eq!(bench.persons_things(), before);
    // Tried again by itself, and nothing is made twice.
    let again = bench.belay(&["run", "--strict", "--format", "json"]).await.exits(11);
    assert!(again.named("issue_created").is_empty(), "{}", again.stderr);
}

/// The reviewer is out of reach: static checks judge, and the commit says so.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_reviewer_static_checks_judge_and_the_commit_says_so() {
    let script = Script::with_model("review", ModelScript::failing(Fault::status(503)));
    let server = server(script.with_answers(answers(&[("Numbers", &["one.py"])]))).await;
    let bench = bench(&server, ROLES);
    let ran = run(&bench).await.exits(0);
    let shown = show(&bench, &ran).await;
    assert_eq!((&shown["status"], &shown["degraded"]), (&json!("completed"), &json!(true)));
    let message = bench.git(&["log", "-1", "--format=%B", "belay/001-numbers"]);
    assert!(message.contains("Belay-Degraded: true"), "{message}");
    assert_eq!(ran.named("review_approved")[0]["degraded"], true);
    assert_eq!(
        shown["issues"].as_array().map(Vec::len),
        Some(1),
        "one issue asks for a person's look"
    );
    assert_eq!(bench.belay(&["run", "001", "--strict"]).await.code, Some(11));
    server.stop().await;
}

/// What decides where keys go, what the next run does and what a shell runs is
/// no model's to write, whatever `guard.deny` says.
#[tokio::test(flavor = "multi_thread")]
async fn some_paths_are_no_models_whatever_the_config_says() {
    let paths =
        ["belay.yaml", "ideas/backlog/002-more.md", ".belay/issues/1.md", ".envrc", "conf/my.yaml"];
    for path in paths {
        let server = server(Script::default().with_answers(answers(&[("Numbers", &[path])]))).await;
        let bench = bench(&server, &format!("{ROLES}guard: {{ deny: [] }}\n"));
        let config = std::fs::read_to_string(bench.repo.join("belay.yaml")).expect("a config");
        bench.write("conf/my.yaml", &config);
        let args = ["run", "001", "--config", "conf/my.yaml", "--dry-run", "--format", "json"];
        let ran = bench.belay(&args).await.exits(0);
        let refused = ran.named("attempt_failed");
        let why = refused.first().map(|event| event["message"].to_string()).unwrap_or_default();
        assert!(why.contains(path) && why.contains("denied"), "{path}: {refused:?}");
        server.stop().await;
    }
}

/// What an idea or a model has in its words turns no line round and hides nothing.
#[tokio::test(flavor = "multi_thread")]
async fn invisible_characters_reach_nobody() {
    let server =
        server(Script::default().with_answers(answers(&[("Num\u{202e}bers", &["one.py"])]))).await;
    let bench = bench(&server, ROLES);
    bench.write(
        "ideas/backlog/001-numbers.md",
        "# Num\u{202e}\u{200b}bers\u{2066}\n\nAdd one.py.\n",
    );
    let mut said = String::new();
    for args in [
        ["run", "001", "-vv"],
        ["run", "001", "-vv"],
        ["runs", "list", "-v"],
        ["runs", "show", "01"],
        ["status", "-v", "-v"],
    ] {
        let ran = bench.belay(&args).await.exits(0);
        said.push_str(&ran.stdout);
        said.push_str(&ran.stderr);
    }
    assert!(said.contains("Numbers"), "{said}");
    let hidden: Vec<char> =
        said.chars().filter(|c| "\u{202e}\u{200b}\u{2066}".contains(*c)).collect();
    assert!(hidden.is_empty(), "{hidden:?}");
    server.stop().await;
}

/// A test command that cannot be run proves nothing: a person is told before any coder is asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_test_command_that_cannot_be_run_is_not_taken_for_tests() {
    let server = server(Script::default().with_answers(answers(&[("Numbers", &["one.py"])]))).await;
    let config = ROLES.replace("sh check.sh", "nosuchcommand --all");
    let bench = bench(&server, &config);
    let ran = run(&bench).await.exits(0);
    let finished = &ran.named("run_finished")[0];
    assert_eq!(finished["status"], "blocked", "{}", ran.stderr);
    assert!(
        finished["reason"].as_str().is_some_and(|reason| reason.contains("nosuchcommand")),
        "{finished}"
    );
    assert!(server.requests().iter().all(|request| request.schema.as_deref() != Some("changes")));
    assert_eq!(ran.named("issue_created").len(), 1);
    bench.config(&server, ROLES);
    let ran = bench.belay(&["resume", "--format", "json"]).await.exits(0);
    assert_eq!(ran.named("run_finished")[0]["status"], "completed", "{}", ran.stderr);
    server.stop().await;
}

/// A model that does not exist is no model: the next run tries again by itself, and
/// the reason is told where a person looks.
#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_does_not_exist_is_a_want_of_a_model() {
    let missing = Fault::Status {
        status: 404,
        retry_after: None,
        body: Some(
            r#"{"error":{"message":"The model does not exist","code":"model_not_found"}}"#.into(),
        ),
    };
    let good = || answers(&[("Numbers", &["one.py"])]);
    let server =
        server(Script::with_model("code", ModelScript::failing(missing)).with_answers(good()))
            .await;
    let bench = bench(&server, ROLES);
    let ran = run(&bench).await.exits(0);
    let finished = &ran.named("run_finished")[0];
    assert_eq!(finished["status"], "degraded", "{}", ran.stderr);
    assert!(
        finished["reason"].as_str().is_some_and(|reason| reason.contains("does not exist")),
        "{finished}"
    );
    server.set_script(Script::default().with_answers(good()));
    let ran = bench.belay(&["run", "--format", "json"]).await.exits(0);
    assert_eq!(ran.named("run_finished")[0]["status"], "completed", "{}", ran.stderr);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_shows_the_plan_and_makes_no_branch() {
    let server =
        server(Script::default().with_answers(answers(&[("Numbers", &["one.py", "two.py"])])))
            .await;
    let bench = bench(&server, ROLES);
    let ran = bench.belay(&["run", "001", "--dry-run"]).await.exits(0);
    assert!(
        ran.stdout.contains("1. Numbers (pending)")
            && ran.stdout.contains("create: one.py, two.py"),
        "{}",
        ran.stdout
    );
    assert_eq!(bench.git(&["branch", "--format=%(refname:short)"]), "main");
    server.stop().await;
}

/// A person is the last link of the chain: what they did and closed is not asked of a model again,
/// and a run of which nothing else is left is done.
#[tokio::test(flavor = "multi_thread")]
async fn what_people_did_by_hand_is_done() {
    let server = server(Script::all_failing(Fault::status(503))).await;
    let bench = bench(&server, ROLES);
    let ran = run(&bench).await.exits(0);
    let url = show(&bench, &ran).await["issues"][0].as_str().expect("an issue").to_owned();
    let tree = bench.root().join("by-hand");
    let tree = tree.to_str().expect("a path");
    bench.git(&["worktree", "add", "-q", tree, "belay/001-numbers"]);
    std::fs::write(format!("{tree}/one.py"), "N = 1\n").expect("a file");
    bench.git(&["-C", tree, "add", "-A"]);
    bench.git(&["-C", tree, "commit", "-q", "-m", "By hand"]);
    bench.git(&["worktree", "remove", tree]);
    let file = bench.repo.join(&url);
    let issue = std::fs::read_to_string(&file).expect("the issue");
    std::fs::write(&file, issue.replace("state: open", "state: closed")).expect("closed");
    let ran = run(&bench).await.exits(0);
    assert!(ran.named("item_failed").is_empty(), "{}", ran.stderr);
    let shown = show(&bench, &ran).await;
    assert_eq!(shown["status"], "completed", "{}", ran.stderr);
    assert_eq!(shown["milestones"][1]["status"], "manual");
    assert_eq!(shown["issues"], json!([]));
    server.stop().await;
}
