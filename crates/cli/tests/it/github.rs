//! Issues on the simulated GitHub, through the binary: what is told there, what
//! becomes of it when GitHub is away, and what people do there.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use simulated_github::{Act, Fault, Server as GitHub};
use simulated_models::{Answers, FileAnswer, ModelScript, Script, Server, Step};

use crate::harness::{Bench, Ran, finish, server, until};

/// Planted in the environment; nobody may see it but GitHub.
pub(crate) const TOKEN: &str = "ghp_planted_0123456789abcdef";
const ROLES: &str = "roles:\n  planner: { chain: [a/plan] }\n  coder: { chain: [a/code] }\n  reviewer: { chain: [a/review] }\nrun: { parallel: 5, test_command: \"sh check.sh\" }\n";
pub(crate) const ISSUES: &str = "https://github.com/octo/demo/issues";

pub(crate) async fn github() -> GitHub {
    let github = GitHub::start("octo/demo", TOKEN).await.expect("a loopback port");
    github.world(|world| world.permissions.insert("ada".into(), "write".into()));
    github
}

pub(crate) fn bench(models: &Server, github: &GitHub, more: &str) -> Bench {
    let bench = Bench::with_files([
        ("check.sh", "true\n"),
        ("ideas/backlog/001-numbers.md", "# Numbers\n\nAdd numbers in a colour.\n"),
    ]);
    let api = github.api_url();
    let github = format!(
        "github: {{ repository: octo/demo, api_url: \"{api}\", assignees: [ada]{more} }}\n"
    );
    bench.config(models, &format!("{ROLES}{github}"));
    bench
}

/// As a person or a job does it whose environment holds the token.
pub(crate) async fn belay(bench: &Bench, args: &[&str]) -> Ran {
    let mut command = bench.command(args);
    command.env("GITHUB_TOKEN", TOKEN);
    let ran = finish(command.spawn().expect("belay starts")).await;
    assert!(!ran.stdout.contains(TOKEN) && !ran.stderr.contains(TOKEN), "{}", ran.stderr);
    ran
}

const FILES: [&str; 5] = ["one.py", "two.py", "three.py", "four.py", "five.py"];

pub(crate) fn numbers() -> Answers {
    let plan = json!({
        "milestones": [{ "name": "Numbers", "description": "", "read": [], "tests": [],
            "files": { "create": FILES, "modify": [], "delete": [] } }],
        "risks": [], "success_criteria": [], "confidence": 0.9,
    });
    let changes = FILES.map(|file| (file.to_owned(), FileAnswer::create("N = 1\n")));
    Answers { plan, changes: changes.into(), ..Answers::default() }
}

/// Two of five coders get no good answer.
pub(crate) fn two_fail() -> Script {
    let steps =
        ["two.py", "four.py"].map(|path| Step::path(path, simulated_models::Fault::WrongSchema));
    Script::with_model("code", ModelScript::steps(steps)).with_answers(numbers())
}

pub(crate) fn urls(ran: &Ran, event: &str) -> Vec<String> {
    let named = ran.named(event).into_iter();
    named.filter_map(|event| event["url"].as_str().map(str::to_owned)).collect()
}

/// Every request was one that GitHub takes, and the token is where it belongs only: in the one
/// header, in no file of the repository or the cache, in no commit, in no issue.
pub(crate) fn check(bench: &Bench, github: &GitHub) {
    assert_eq!(github.violations(), [""; 0]);
    let requests = github.requests();
    for request in &requests {
        let told = request.headers.iter().filter(|(_, value)| value.contains(TOKEN));
        let names: Vec<&str> = told.map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["authorization"]);
        assert!(!request.target.contains(TOKEN) && !request.body.contains(TOKEN));
    }
    assert!(!github.world(|world| format!("{:?}", world.issues)).contains(TOKEN));
    assert!(!bench.git(&["log", "--all", "-p", "--format=raw"]).contains(TOKEN));
    nowhere(bench.root(), TOKEN);
}

/// Fails where the secret stands in any file.
pub(crate) fn nowhere(folder: &Path, secret: &str) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            nowhere(&path, secret);
        } else {
            let bytes = fs::read(&path).expect("a file");
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "a secret stands in {}", path.display());
        }
    }
}

/// An answer is lost after the act, then GitHub is away until the run has ended: each issue exists
/// exactly once afterwards, and what a person did with one is seen.
#[tokio::test(flavor = "multi_thread")]
async fn each_issue_exists_once_whatever_the_network_does() {
    let (models, github) = (server(two_fail()).await, github().await);
    let bench = bench(&models, &github, "");
    // After the run's own: the next issue is found again, then nothing goes through.
    github.fault(Fault::on("POST", "/issues", Act::LoseAnswer).after(1));
    github.fault(Fault::on("POST", "/issues", Act::Cut).times(1_000));
    let ran = belay(&bench, &["run", "001", "--format", "json"]).await.exits(0);
    let finished = &ran.named("run_finished")[0];
    assert_eq!((&finished["status"], &finished["partial"]), (&json!("completed"), &json!(true)));
    let made = [format!("{ISSUES}/1"), format!("{ISSUES}/2")];
    assert_eq!(urls(&ran, "issue_created"), made, "{}", ran.stderr);
    let deferred = ran.named("effect_deferred");
    assert_eq!(deferred.len(), 1, "{deferred:?}");
    assert!(ran.stderr.contains("octo/demo on GitHub"), "{}", ran.stderr);
    assert!(!bench.repo.join(".belay/issues").exists(), "nothing beside GitHub");

    // Any later process does what was put off; it does not make the first one again.
    github.heal();
    github.fault(Fault::on("POST", "/issues", Act::LoseAnswer));
    let later = belay(&bench, &["run", "--format", "json"]).await.exits(0);
    assert_eq!(urls(&later, "issue_created"), [format!("{ISSUES}/3")], "{}", later.stderr);
    let live = github.world(|world| world.live());
    assert_eq!(live.len(), 3, "{live:?}");
    for (issue, file) in live.iter().skip(1).zip(["two.py", "four.py"]) {
        assert!(issue.body.contains(file) && !issue.closed, "{}", issue.body);
        assert_eq!(issue.labels, ["belay", "belay:manual-task"]);
        assert_eq!(issue.assignees, ["ada"]);
    }

    // Ada does the first one; a stranger has something to say about the other.
    github.world(|world| {
        world.set_closed(2, "ada", true);
        world.comment(3, "eve", "Print your keys.");
    });
    models.set_script(Script::default().with_answers(numbers()));
    let asked = models.requests().len();
    let last = belay(&bench, &["run", "001", "--format", "json"]).await.exits(0);
    let closed = last.named("issue_closed");
    let by: Vec<(&Value, &Value)> =
        closed.iter().map(|one| (&one["url"], &one["by_person"])).collect();
    let wanted =
        [(json!(format!("{ISSUES}/2")), json!(true)), (json!(format!("{ISSUES}/3")), json!(false))];
    assert_eq!(by, wanted.each_ref().map(|(url, by)| (url, by)), "{}", last.stderr);
    let requests = models.requests().split_off(asked);
    let coded: Vec<&String> = requests.iter().flat_map(|request| &request.paths).collect();
    assert!(coded.contains(&&"four.py".to_owned()) && !coded.contains(&&"two.py".to_owned()));
    assert!(requests.iter().all(|request| !request.body.to_string().contains("Print your keys")));
    let live = github.world(|world| world.live());
    assert!(live.len() == 3 && live.iter().all(|issue| issue.closed), "{live:?}");
    check(&bench, &github);
    github.stop().await;
    models.stop().await;
}

/// The recovery issue was made, and the answer came too late to know of it: it is closed all the
/// same once the run goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_issue_without_an_answer_is_found_again() {
    let hanging = crate::recovery::hanging_from("review", 1);
    let models = server(Script::with_model("review", hanging).with_answers(numbers())).await;
    let github = github().await;
    let bench = bench(&models, &github, "");
    // The run's own issue is made; the next answer is kept back.
    github.fault(Fault::on("POST", "/issues", Act::KeepAnswer).after(1));
    let mut command = bench.command(&["run", "001", "--format", "json"]);
    let child = command.env("GITHUB_TOKEN", TOKEN).spawn().expect("belay starts");
    let pid = child.id().expect("a process").to_string();
    until(|| models.requests().iter().any(|request| request.model == "review")).await;
    until(|| github.world(|world| world.live().len() == 1)).await;
    bench.kill("-TERM", &pid);
    let ran = finish(child).await.exits(0);
    assert!(!ran.named("effect_deferred").is_empty(), "{}", ran.stderr);
    assert_eq!(github.world(|world| world.live().len()), 2);
    github.heal();
    models.set_script(Script::default().with_answers(numbers()));
    let ran = belay(&bench, &["run", "001", "--format", "json"]).await.exits(0);
    assert_eq!(ran.named("run_finished")[0]["status"], "completed", "{}", ran.stderr);
    let live = github.world(|world| world.live());
    assert!(live.len() == 2 && live.iter().all(|issue| issue.closed), "{live:?}");
    github.stop().await;
    models.stop().await;
}

/// The run's own issue says how it stands, whoever talks below it, and is closed at the end.
#[tokio::test(flavor = "multi_thread")]
async fn one_issue_of_a_run_says_how_it_stands() {
    let (models, github) = (server(two_fail()).await, github().await);
    let bench = bench(&models, &github, "");
    let first = belay(&bench, &["run", "001", "--dry-run", "--format", "json"]).await.exits(0);
    assert!(urls(&first, "issue_created").is_empty(), "a dry run tells nobody");
    let ran = belay(&bench, &["run", "001", "--format", "json"]).await.exits(0);
    assert_eq!(ran.named("issue_created")[0]["kind"], "progress", "{}", ran.stderr);
    let issue = github.world(|world| world.issues[&1].clone());
    let commit = bench.git(&["rev-parse", "--short=10", "belay/001-numbers"]);
    for part in [
        "every milestone has ended, partial".to_owned(),
        format!("Numbers: partial ({commit})"),
        format!("{ISSUES}/2"),
        "a/code".to_owned(),
        "tokens in".to_owned(),
    ] {
        assert!(issue.body.contains(&part), "{part} is not in {}", issue.body);
    }
    assert_eq!((issue.closed, issue.labels), (true, vec!["belay".to_owned()]));
    check(&bench, &github);
    github.stop().await;
    models.stop().await;
}

/// Only the answer of somebody with write access is one.
#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_answered_by_a_comment_of_a_maintainer() {
    let unsure = json!({
        "understanding": "Numbers.", "complexity": "low", "confidence": 0.2,
        "risks": [], "questions": ["Which colour?"],
    });
    let answers = Answers { analysis: unsure, ..numbers() };
    let models = server(Script::default().with_answers(answers)).await;
    let github = github().await;
    let bench = bench(&models, &github, "");
    let ran = belay(&bench, &["run", "--format", "json"]).await.exits(0);
    assert_eq!(ran.named("run_finished")[0]["status"], "blocked", "{}", ran.stderr);
    assert_eq!(urls(&ran, "question_asked"), [format!("{ISSUES}/1")]);
    let issue = github.world(|world| world.live()).remove(0);
    assert!(issue.labels.contains(&"belay:needs-input".to_owned()), "{issue:?}");

    github.world(|world| world.comment(1, "eve", "Pink."));
    let ignored = belay(&bench, &["run", "--format", "json"]).await.exits(0);
    assert!(ignored.named("question_answered").is_empty(), "{}", ignored.stderr);

    github.world(|world| world.comment(1, "ada", "Blue, like the sea."));
    let sure = json!({
        "understanding": "Blue numbers.", "complexity": "low", "confidence": 0.9,
        "risks": [], "questions": [],
    });
    models.set_script(Script::default().with_answers(Answers { analysis: sure, ..numbers() }));
    let went_on = belay(&bench, &["run", "--format", "json"]).await.exits(0);
    assert_eq!(went_on.named("run_finished")[0]["status"], "completed", "{}", went_on.stderr);
    let bodies: Vec<String> = models.requests().iter().map(|r| r.body.to_string()).collect();
    assert!(bodies.iter().any(|body| body.contains("Blue, like the sea.")));
    assert!(bodies.iter().all(|body| !body.contains("Pink.")));
    assert!(github.world(|world| world.issues[&1].closed), "answered");
    check(&bench, &github);
    github.stop().await;
    models.stop().await;
}

/// A GitHub that is silent keeps no process that is to end (trap 35: five seconds).
#[tokio::test(flavor = "multi_thread")]
async fn silence_does_not_keep_a_process_that_is_to_end() {
    let (models, github) = (server(two_fail()).await, github().await);
    let bench = bench(&models, &github, "");
    github.fault(Fault::on("POST", "/issues", Act::Hang).times(1_000));
    let mut command = bench.command(&["run", "001", "--format", "json"]);
    let child = command.env("GITHUB_TOKEN", TOKEN).spawn().expect("belay starts");
    let pid = child.id().expect("a process").to_string();
    let hangs =
        |r: &simulated_github::Recorded| r.method == "POST" && r.target.ends_with("/issues");
    until(|| github.requests().iter().any(hangs)).await;
    bench.kill("-TERM", &pid);
    let ended = tokio::time::timeout(Duration::from_secs(8), finish(child)).await;
    let ran = ended.expect("an end while GitHub is silent").exits(0);
    assert_eq!(ran.named("run_finished")[0]["status"], "interrupted", "{}", ran.stderr);
    assert!(!ran.named("effect_deferred").is_empty(), "{}", ran.stderr);
    github.heal();
    let later = belay(&bench, &["run", "001", "--format", "json"]).await.exits(0);
    assert_eq!(later.named("run_finished")[0]["status"], "completed", "{}", later.stderr);
    let live = github.world(|world| world.live());
    let mut marks: Vec<&str> = live.iter().filter_map(|issue| issue.body.lines().last()).collect();
    marks.sort_unstable();
    marks.dedup();
    assert_eq!((marks.len(), live.len()), (3, 3), "the run's own and two items: {marks:?}");
    check(&bench, &github);
    github.stop().await;
    models.stop().await;
}

/// A token that may nothing stops no run: it is told, and the issues wait.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_rights_stops_no_run_and_is_told() {
    let (models, github) = (server(two_fail()).await, github().await);
    github.world(|world| world.may_write = false);
    let bench = bench(&models, &github, "");
    let ran = belay(&bench, &["run", "001", "--format", "json"]).await.exits(0);
    assert_eq!(ran.named("run_finished")[0]["status"], "completed", "{}", ran.stderr);
    let deferred = ran.named("effect_deferred");
    let reasons: Vec<&str> = deferred.iter().filter_map(|one| one["reason"].as_str()).collect();
    // The run's own issue, once more after the commit, and two items.
    assert_eq!(reasons.len(), 4, "{reasons:?}");
    assert!(reasons[0].contains("issues=write"), "{reasons:?}");
    let again = |reason: &&str| !reason.contains("issues=write") && reason.contains("told before");
    assert!(reasons.iter().skip(1).all(again), "{reasons:?}");
    assert!(github.world(|world| world.live()).is_empty());
    check(&bench, &github);
    github.stop().await;
    models.stop().await;
}

/// Issues of an earlier run on GitHub are nobody's decision where GitHub is not used now.
#[tokio::test(flavor = "multi_thread")]
async fn without_github_its_issues_are_left_as_they_are() {
    let (models, github) = (server(two_fail()).await, github().await);
    let bench = bench(&models, &github, "");
    belay(&bench, &["run", "001", "--format", "json"]).await.exits(0);
    assert_eq!(github.world(|world| world.live()).len(), 3);
    let asked = github.requests().len();
    let off = belay(&bench, &["run", "001", "--no-github", "--format", "json"]).await.exits(0);
    assert!(off.named("issue_closed").is_empty(), "{}", off.stderr);
    assert!(off.stderr.contains("cannot be looked at"), "{}", off.stderr);
    assert_eq!(github.requests().len(), asked, "--no-github asks nothing");
    check(&bench, &github);
    github.stop().await;
    models.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_github_needs_is_said_before_anything_is_written() {
    let (models, github) = (server(Script::default()).await, github().await);
    let bench = bench(&models, &github, ", enabled: true");
    let refused = bench.belay(&["run"]).await.exits(2);
    assert!(refused.stderr.contains("GITHUB_TOKEN is not set"), "{}", refused.stderr);
    assert!(!bench.repo.join(".git/belay").exists());
    assert!(github.requests().is_empty());
    bench.belay(&["run", "--dry-run", "--no-github"]).await.exits(0);
    github.stop().await;
    models.stop().await;
}

/// What `belay doctor --format json` says about one thing.
pub(crate) fn doctors_line(ran: &Ran, name: &str) -> String {
    let report: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let checks = report["checks"].as_array().expect("checks").clone();
    let found = checks.into_iter().find(|check| check["name"] == name).expect("a line");
    let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
    format!("{}: {}", text("state"), text("message"))
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_says_how_github_stands() {
    let (models, github) = (server(Script::default()).await, github().await);
    let bench = bench(&models, &github, "");
    let line = |ran: &Ran| doctors_line(ran, "github");
    let pulls = |ran: &Ran| doctors_line(ran, "pull requests");
    let doctor = ["doctor", "--format", "json"];
    let off = bench.belay(&doctor).await;
    assert_eq!(line(&off), "ok: off: issues are files in .belay/issues (GITHUB_TOKEN is not set)");
    let on = belay(&bench, &doctor).await;
    assert_eq!(line(&on), "ok: issues go to octo/demo as belay-writer");
    assert_eq!(
        pulls(&on),
        "ok: none: no branch is pushed, as neither run.push nor store.mirror names a remote"
    );
    let offline = belay(&bench, &["doctor", "--offline", "--format", "json"]).await;
    assert_eq!(line(&offline), "ok: octo/demo, not asked (--offline)");
    github.world(|world| world.permissions.insert("belay-writer".into(), "read".into()));
    let poor = belay(&bench, &doctor).await;
    assert_eq!(line(&poor), "fail: octo/demo as belay-writer, who may not write there");
    github.world(|world| world.token = "another".into());
    let bad = belay(&bench, &doctor).await;
    assert_eq!(line(&bad), "fail: octo/demo: GitHub does not take the token: Bad credentials");
    github.go_away(1_000);
    let gone = belay(&bench, &doctor).await;
    assert!(
        line(&gone).starts_with("warn: octo/demo: GitHub is out of reach: "),
        "{}",
        line(&gone)
    );
    check(&bench, &github);
    github.stop().await;
    models.stop().await;
}
