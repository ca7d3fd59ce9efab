//! The project's checks: in order, compared with how they were, run once more
//! before anybody is blamed, and not run again on the same files.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use simulated_models::{Answers, Fault, FileAnswer, ModelScript, Script, Server, Step};

use crate::harness::{Bench, Ran, server};

const ROLES: &str = "roles:\n  planner: { chain: [a/plan] }\n  coder: { chain: [a/code] }\n  reviewer: { chain: [a/review] }\n";

fn answers(files: &[&[&str]]) -> Answers {
    let milestones: Vec<Value> = files
        .iter()
        .enumerate()
        .map(|(index, files)| {
            json!({
                "name": format!("Part {}", index + 1), "description": "", "read": [], "tests": [],
                "files": { "create": files, "modify": [], "delete": [] },
            })
        })
        .collect();
    let changes = files.iter().flat_map(|files| *files);
    Answers {
        plan: json!({ "milestones": milestones, "risks": [], "success_criteria": [], "confidence": 0.9 }),
        changes: changes.map(|file| ((*file).to_owned(), FileAnswer::create("N  = 1\n"))).collect(),
        ..Answers::default()
    }
}

fn bench(server: &Server, config: &str, files: &[(&str, &str)]) -> Bench {
    let idea = ("ideas/backlog/001-numbers.md", "# Numbers\n\nAdd them.\n");
    let bench = Bench::with_files(files.iter().copied().chain([idea]));
    bench.config(server, &format!("{ROLES}{config}"));
    bench
}

async fn run(bench: &Bench) -> Ran {
    bench.belay(&["run", "001", "--format", "json"]).await.exits(0)
}

fn status(ran: &Ran) -> Value {
    ran.named("run_finished")[0]["status"].clone()
}

/// Name and milestone of every check that was told, in order.
fn told(ran: &Ran, event: &str) -> Vec<(String, Value)> {
    let events = ran.named(event).into_iter();
    events
        .map(|event| {
            (event["check"].as_str().expect("a name").to_owned(), event["milestone"].clone())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_are_run_in_order_before_the_first_milestone_and_at_each() {
    let server = server(Script::default().with_answers(answers(&[&["one.py"]]))).await;
    let config = "run:\n  checks:\n    - { name: unit, run: \"true\", kind: test }\n    - { name: types, run: \"true\", kind: typecheck }\n    - { name: style, run: \"true\" }\n    - { name: tidy, run: \"sed -i 's/  */ /g' one.py\", kind: format }\n";
    let bench = bench(&server, config, &[]);
    let ran = run(&bench).await;
    assert_eq!(status(&ran), "completed", "{}", ran.stderr);
    let names = ["unit", "types", "style"];
    let expected: Vec<(String, Value)> = [Value::Null, json!(1)]
        .into_iter()
        .flat_map(|milestone| names.map(|name| (name.to_owned(), milestone.clone())))
        .collect();
    assert_eq!(told(&ran, "tests_passed"), expected);
    assert_eq!(bench.show("belay/001-numbers", "one.py"), "N = 1", "as the formatter has it");
    let diff = server.requests().into_iter().rfind(|one| one.schema.as_deref() == Some("review"));
    let diff = diff.expect("a review").body.to_string();
    assert!(diff.contains("+N = 1") && !diff.contains("+N  = 1"), "the reviewer sees it formatted");
    server.stop().await;
}

/// Red lint becomes work with its output, and the tests are not run before it is green.
#[tokio::test(flavor = "multi_thread")]
async fn a_red_check_becomes_work_and_the_later_ones_wait() {
    let mended = [("one.py".to_owned(), FileAnswer::modify("N = 2\n"))].into();
    let answers =
        Answers { changes_rounds: vec![BTreeMap::new(), mended], ..answers(&[&["one.py"]]) };
    let server = server(Script::default().with_answers(answers)).await;
    let config = "run:\n  test_command: \"true\"\n  checks:\n    - { name: style, run: \"! grep -n '  ' one.py\" }\n";
    let bench = bench(&server, config, &[("one.txt", "")]);
    let ran = run(&bench).await;
    assert_eq!(status(&ran), "completed", "{}", ran.stderr);
    assert_eq!(told(&ran, "tests_failed"), [("style".to_owned(), json!(1))]);
    let tests = told(&ran, "tests_passed").into_iter().filter(|(name, _)| name == "test").count();
    assert_eq!(tests, 2, "before any change, and once the style is green");
    let work = server.requests().into_iter().rfind(|one| one.schema.as_deref() == Some("changes"));
    assert!(work.expect("work").body.to_string().contains("1:N  = 1"), "the output is shown");
    server.stop().await;
}

/// A test that is red once and green alone is no reason to blame the change.
#[tokio::test(flavor = "multi_thread")]
async fn a_flaky_test_is_run_once_more_and_told() {
    let server = server(Script::default().with_answers(answers(&[&["one.py"]]))).await;
    // Green before any change, red once after it, green from then on.
    let script = "test -f one.py || exit 0\ntest -f \"$0.seen\" && exit 0\ntouch \"$0.seen\"\necho 'FAIL: test_weather (weather)'\nexit 1\n";
    let bench = bench(&server, "run: { test_command: \"sh check.sh\" }\n", &[("check.sh", script)]);
    let ran = run(&bench).await;
    assert_eq!(status(&ran), "completed", "{}", ran.stderr);
    assert!(ran.named("tests_failed").is_empty(), "{}", ran.stderr);
    let passed = ran.named("tests_passed");
    let note = passed[1]["note"].as_str().unwrap_or_default();
    assert!(note.contains("flaky") && note.contains("test_weather"), "{note}");
    server.stop().await;
}

/// A milestone that is tried again and comes to the same files is not checked again.
#[tokio::test(flavor = "multi_thread")]
async fn results_are_used_again_for_the_same_files() {
    let bad = ModelScript::steps([Step::path("two.py", Fault::WrongSchema)]);
    let script = Script::with_model("code", bad).with_answers(answers(&[&["one.py", "two.py"]]));
    let server = server(script).await;
    let script = "echo run >> \"$HOME/count\"\ntest -f one.py || exit 0\ntest -f two.py\n";
    let config = "run: { test_command: \"sh check.sh\", confine: off, fix_rounds: 0 }\n";
    let bench = bench(&server, config, &[("check.sh", script)]);
    let ran = run(&bench).await;
    assert_eq!(status(&ran), "blocked", "{}", ran.stderr);
    assert_eq!(ran.named("milestone_rolled_back").len(), 3, "two more tries, then the end");
    let notes: Vec<Value> =
        ran.named("tests_failed").iter().map(|event| event["note"].clone()).collect();
    let again = json!("as found before on the same files");
    assert_eq!(notes, [Value::Null, again.clone(), again]);
    let count = std::fs::read_to_string(bench.root().join("home/count")).expect("a count");
    assert_eq!(count.lines().count(), 3, "before any change, red, and red once more");
    server.stop().await;
}

/// A suite that is longer than a milestone is run once, at the end, and may blame any milestone.
#[tokio::test(flavor = "multi_thread")]
async fn slow_checks_may_wait_for_the_end() {
    let mended = [("one.py".to_owned(), FileAnswer::modify("N = 3\n"))].into();
    let mut answers = answers(&[&["one.py"], &["two.py"]]);
    answers.changes_rounds = vec![BTreeMap::new(), mended];
    let server = server(Script::default().with_answers(answers)).await;
    let script = "test -f one.py || exit 0\ngrep -q 3 one.py && exit 0\necho 'one.py:1: not three'\nexit 1\n";
    let config = "run: { test_command: \"sh check.sh\", gate: end }\n";
    let bench = bench(&server, config, &[("check.sh", script)]);
    let ran = run(&bench).await;
    assert_eq!(status(&ran), "completed", "{}", ran.stderr);
    assert_eq!(told(&ran, "tests_failed"), [("test".to_owned(), json!(2))], "{}", ran.stderr);
    let passed = told(&ran, "tests_passed");
    assert_eq!(passed.last(), Some(&("test".to_owned(), json!(2))));
    assert!(passed.iter().all(|(name, at)| name != "test" || *at != json!(1)), "{passed:?}");
    assert_eq!(bench.show("belay/001-numbers", "one.py"), "N = 3", "a file of the first milestone");
    server.stop().await;
}

/// What was red before any change is no fault of the change, also where it is found out last.
#[tokio::test(flavor = "multi_thread")]
async fn a_base_that_was_red_is_asked_at_the_end() {
    let server = server(Script::default().with_answers(answers(&[&["one.py"]]))).await;
    let script = "echo 'FAIL: test_old (old)'\nexit 1\n";
    let config = "run: { test_command: \"sh check.sh\", gate: end }\n";
    let bench = bench(&server, config, &[("check.sh", script)]);
    let ran = run(&bench).await;
    assert_eq!(status(&ran), "completed", "{}", ran.stderr);
    assert_eq!(told(&ran, "tests_failed"), [("test".to_owned(), Value::Null)]);
    server.stop().await;
}
