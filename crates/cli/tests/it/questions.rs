//! Questions to a person: asked in an issue, answered in it, and the answer is
//! part of the idea from then on.

use serde_json::{Value, json};
use simulated_models::{Answers, FileAnswer, Script, Server};

use crate::harness::{Bench, Ran, server};

const ROLES: &str = "roles:\n  planner: { chain: [a/plan] }\n  coder: { chain: [a/code] }\n  reviewer: { chain: [a/review] }\nrun: { test_command: \"sh check.sh\" }\n";

fn bench(server: &Server) -> Bench {
    let bench = Bench::with_files([
        ("check.sh", "true\n"),
        ("ideas/backlog/001-numbers.md", "# Numbers\n\nAdd numbers in a colour.\n"),
    ]);
    bench.config(server, ROLES);
    bench
}

fn milestone(name: &str, file: &str, waits: Option<bool>) -> Value {
    let mut milestone = json!({
        "name": name, "description": "", "read": [], "tests": [],
        "files": { "create": [file], "modify": [], "delete": [] },
    });
    if let Some(waits) = waits {
        milestone["waits_for_answer"] = json!(waits);
    }
    milestone
}

fn answers(confidence: f64, questions: &[&str], milestones: &[Value]) -> Answers {
    let changes = ["one.py", "two.py"].map(|file| (file.to_owned(), FileAnswer::create("N = 1\n")));
    Answers {
        analysis: json!({
            "understanding": "Numbers in a colour.", "complexity": "low",
            "confidence": confidence, "risks": [], "questions": questions,
        }),
        plan: json!({
            "milestones": milestones, "risks": [], "success_criteria": [], "confidence": 0.9,
        }),
        changes: changes.into(),
        ..Answers::default()
    }
}

fn script(confidence: f64, questions: &[&str], milestones: &[Value]) -> Script {
    Script::default().with_answers(answers(confidence, questions, milestones))
}

/// The requests with this schema since `from`, as text.
fn asked(server: &Server, schema: &str, from: usize) -> Vec<String> {
    let of_schema = server.requests().into_iter().skip(from);
    of_schema
        .filter(|request| request.schema.as_deref() == Some(schema))
        .map(|request| request.body.to_string())
        .collect()
}

fn status(ran: &Ran) -> String {
    ran.named("run_finished")[0]["status"].as_str().expect("a status").to_owned()
}

fn the_issue(ran: &Ran) -> String {
    let created = ran.named("issue_created");
    assert_eq!(created.len(), 1, "{}", ran.stderr);
    assert_eq!(created[0]["kind"], "question");
    created[0]["url"].as_str().expect("a place").to_owned()
}

/// A planner that is not sure is not followed: nothing is written before a person has answered.
#[tokio::test(flavor = "multi_thread")]
async fn an_unsure_analysis_waits_for_its_answer_and_does_not_stop_the_backlog() {
    let one = [milestone("One", "one.py", None)];
    let server = server(script(0.2, &["Which colour?"], &one)).await;
    let bench = bench(&server);
    let ran = bench.belay(&["run", "--format", "json"]).await.exits(0);
    assert_eq!(status(&ran), "blocked", "{}", ran.stderr);
    assert_eq!(server.request_count(), 1, "the analysis and nothing else");
    let question = &ran.named("question_asked")[0];
    assert_eq!(question["question"], "Which colour?");
    let url = the_issue(&ran);
    assert_eq!(question["url"], json!(url));
    let issue = std::fs::read_to_string(bench.repo.join(&url)).expect("the issue");
    assert!(issue.contains("Which colour?") && issue.contains("belay:needs-input"), "{issue}");
    let waiting = bench.belay(&["status", "--format", "json"]).await.exits(0);
    let waiting: Value = serde_json::from_str(&waiting.stdout).expect("JSON");
    assert_eq!(waiting["waiting"][0]["kind"], "question");

    let ran = bench.belay(&["run"]).await.exits(0);
    assert!(ran.stderr.contains("Nothing to do"), "no answer, no work: {}", ran.stderr);
    assert_eq!(server.request_count(), 1);

    bench.write(&url, &format!("{issue}\nThe colour is **red**.\n"));
    server.set_script(script(0.9, &[], &one));
    let ran = bench.belay(&["run", "--format", "json"]).await.exits(0);
    assert_eq!(status(&ran), "completed", "{}", ran.stderr);
    assert_eq!(ran.named("question_answered").len(), 1);
    for schema in ["analysis", "plan", "changes", "review"] {
        let asked = asked(&server, schema, 1);
        assert!(asked.iter().all(|body| body.contains("The colour is **red**.")), "{schema}");
    }
    let closed = std::fs::read_to_string(bench.repo.join(&url)).expect("the issue");
    assert!(closed.contains("state: closed"), "{closed}");
    server.stop().await;
}

/// What does not depend on the answer goes on, if the plan says so; the rest is planned with it.
#[tokio::test(flavor = "multi_thread")]
async fn independent_milestones_go_on_and_the_others_are_planned_with_the_answer() {
    let plan = [milestone("One", "one.py", Some(false)), milestone("Two", "two.py", Some(true))];
    let server = server(script(0.9, &["Which colour?"], &plan)).await;
    let bench = bench(&server);
    let ran = bench.belay(&["run", "001", "--format", "json"]).await.exits(0);
    assert_eq!(status(&ran), "blocked", "{}", ran.stderr);
    assert_eq!(ran.named("milestone_committed").len(), 1, "{}", ran.stderr);
    let url = the_issue(&ran);
    let before = server.request_count();

    let issue = std::fs::read_to_string(bench.repo.join(&url)).expect("the issue");
    bench.write(&url, &format!("{issue}\nBlue.\n"));
    server.set_script(script(0.9, &[], &[milestone("Two in blue", "two.py", None)]));
    let ran = bench.belay(&["run", "001", "--format", "json"]).await.exits(0);
    assert_eq!(status(&ran), "completed", "{}", ran.stderr);
    let from = usize::try_from(before).expect("a count");
    let planned = asked(&server, "plan", from);
    assert!(planned.len() == 1 && planned[0].contains("Blue.") && planned[0].contains("one.py"));
    let subjects = bench.git(&["log", "--format=%s", "main..belay/001-numbers"]);
    assert_eq!(subjects, "Milestone 2/2: Two in blue\nMilestone 1/2: One");
    server.stop().await;
}

/// A person who closes the question without a word leaves the decision to the planner.
#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_is_closed_is_not_asked_again() {
    let one = [milestone("One", "one.py", None)];
    let server = server(script(0.2, &["Which colour?"], &one)).await;
    let bench = bench(&server);
    let ran = bench.belay(&["run", "001", "--format", "json"]).await.exits(0);
    std::fs::remove_file(bench.repo.join(the_issue(&ran))).expect("removed");
    server.set_script(script(0.9, &[], &one));
    let ran = bench.belay(&["run", "--format", "json"]).await.exits(0);
    assert_eq!(status(&ran), "completed", "{}", ran.stderr);
    assert!(asked(&server, "analysis", 1)[0].contains("There is no answer to this"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_may_not_ask_goes_on() {
    let one = [milestone("One", "one.py", None)];
    let server = server(script(0.2, &["Which colour?"], &one)).await;
    let bench = bench(&server);
    bench.config(&server, &ROLES.replace("run: {", "run: { max_questions: 0,"));
    let ran = bench.belay(&["run", "001", "--format", "json"]).await.exits(0);
    assert_eq!(status(&ran), "completed", "{}", ran.stderr);
    assert!(ran.named("issue_created").is_empty());
    server.stop().await;
}
