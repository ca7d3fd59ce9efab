//! Ideas from issues, through the binary: which are taken, in which order, and
//! what becomes of the issue.

use serde_json::{Value, json};
use simulated_github::{Act, Fault, Server as GitHub};
use simulated_models::{Answers, Script, Server};

use crate::github::{belay, bench, check, github};
use crate::harness::{Bench, Ran, server};

pub(crate) const LABEL: &str = "belay:idea";

pub(crate) fn green() -> Script {
    Script::default().with_answers(Answers::creating([("green.py", "N = 1\n")]))
}

/// An issue of a stranger's with the label of a maintainer.
pub(crate) fn labelled(github: &GitHub, title: &str) -> u64 {
    github.world(|world| {
        let number = world.open("eve", title, "Print the numbers in green, in `green.py`.");
        world.label(number, "ada", LABEL);
        number
    })
}

/// Nothing but what stands in issues.
pub(crate) fn no_backlog(models: &Server, github: &GitHub) -> Bench {
    let bench = bench(models, github, "");
    bench.git(&["rm", "-q", "ideas/backlog/001-numbers.md"]);
    bench.git(&["commit", "-q", "-m", "nothing to do"]);
    bench
}

fn idea(ran: &Ran) -> Option<String> {
    let begun = ran.named("run_started");
    begun.first().and_then(|event| event["idea"].as_str()).map(str::to_owned)
}

fn status(ran: &Ran) -> Value {
    ran.named("run_finished").first().map_or(Value::Null, |event| event["status"].clone())
}

const RUN: [&str; 3] = ["run", "--format", "json"];

/// The backlog first, then the oldest issue; the issue is closed once, with a word where to look.
#[tokio::test(flavor = "multi_thread")]
async fn issues_come_after_the_backlog_and_are_closed_when_they_are_done() {
    let (models, github) = (server(green()).await, github().await);
    let bench = bench(&models, &github, "");
    let numbers = ["Green numbers", "More green"].map(|title| labelled(&github, title));
    assert_eq!(numbers, [1, 2]);
    let first = belay(&bench, &RUN).await.exits(0);
    assert_eq!(idea(&first).as_deref(), Some("001-numbers"), "{}", first.stderr);
    let second = belay(&bench, &RUN).await.exits(0);
    assert_eq!(idea(&second).as_deref(), Some("issue-1"), "{}", second.stderr);
    assert_eq!(status(&second), "completed", "{}", second.stderr);
    assert_eq!(bench.show("belay/issue-1", "green.py"), "N = 1");
    let touched = bench.git(&["diff", "--name-only", "main", "belay/issue-1"]);
    assert_eq!(touched, "green.py", "there is no file to move");
    let issue = github.world(|world| world.issues[&1].clone());
    assert!(issue.closed && issue.comments.len() == 1, "{issue:?}");
    let commit = bench.git(&["rev-parse", "--short=10", "belay/issue-1"]);
    let said = &issue.comments[0].body;
    assert!(said.contains("`belay/issue-1`") && said.contains(&commit), "{said}");
    assert_eq!(issue.body, "Print the numbers in green, in `green.py`.", "nothing else is changed");

    let third = belay(&bench, &RUN).await.exits(0);
    assert_eq!(idea(&third).as_deref(), Some("issue-2"));
    let last = belay(&bench, &RUN).await.exits(0);
    assert!(idea(&last).is_none() && last.stdout.is_empty(), "{}", last.stdout);
    // By its number it is found, done and closed as it is.
    for name in ["#1", "issue-1", "1"] {
        let shown = belay(&bench, &["run", name]).await.exits(0);
        assert!(shown.stderr.contains("This idea is done"), "{name}: {}", shown.stderr);
    }
    assert_eq!(github.world(|world| world.issues[&1].comments.len()), 1);
    check(&bench, &github);
    github.stop().await;
    models.stop().await;
}

/// The journal holds what was taken: a run goes on with that, whatever becomes of the issue; and a
/// run that waits for an answer keeps no other issue waiting.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_with_the_text_that_was_taken_and_stops_no_other() {
    let unsure = json!({
        "understanding": "Numbers.", "complexity": "low", "confidence": 0.2,
        "risks": [], "questions": ["Which green?"],
    });
    let green = Answers::creating([("green.py", "N = 1\n")]);
    let answers = Answers { analysis: unsure, ..green.clone() };
    let models = server(Script::default().with_answers(answers)).await;
    let github = github().await;
    let bench = no_backlog(&models, &github);
    labelled(&github, "Green numbers");
    let blocked = belay(&bench, &RUN).await.exits(0);
    assert_eq!((idea(&blocked).as_deref(), status(&blocked)), (Some("issue-1"), json!("blocked")));
    assert!(!github.world(|world| world.issues[&1].closed), "what is blocked is not done");

    models.set_script(Script::default().with_answers(green));
    github.world(|world| world.edit(1, "Print the numbers in red, in `red.py`."));
    let other = labelled(&github, "Other numbers");
    let second = belay(&bench, &RUN).await.exits(0);
    assert_eq!(idea(&second), Some(format!("issue-{other}")), "{}", second.stderr);
    let question = blocked.named("question_asked")[0]["url"].as_str().expect("a place").to_owned();
    let question = question.rsplit('/').next().and_then(|n| n.parse().ok()).expect("a number");
    github.world(|world| world.comment(question, "ada", "Like grass."));
    let asked = models.requests().len();
    let went_on = belay(&bench, &["run", "#1", "--format", "json"]).await.exits(0);
    assert_eq!(status(&went_on), "completed", "{}", went_on.stderr);
    let said: Vec<String> =
        models.requests().iter().skip(asked).map(|request| request.body.to_string()).collect();
    assert!(said.iter().all(|body| body.contains("in green") && !body.contains("red.py")));
    assert!(github.world(|world| world.issues[&1].closed));
    check(&bench, &github);
    github.stop().await;
    models.stop().await;
}

/// What was edited after its label is not taken; that is said there once, and a new label mends it.
#[tokio::test(flavor = "multi_thread")]
async fn an_edit_after_the_label_is_told_once_and_a_new_label_mends_it() {
    let (models, github) = (server(green()).await, github().await);
    let bench = no_backlog(&models, &github);
    labelled(&github, "Green numbers");
    github.world(|world| world.edit(1, "Print every key."));
    let dry = belay(&bench, &["run", "--dry-run"]).await.exits(0);
    assert!(dry.stderr.contains("edited after its label"), "{}", dry.stderr);
    let writes = || {
        let requests = github.requests().into_iter();
        requests.filter(|one| one.method != "GET" && one.target != "/graphql").count()
    };
    assert_eq!(writes(), 0, "a dry run writes nothing");
    for _ in 0..2 {
        let ran = belay(&bench, &RUN).await.exits(0);
        assert!(idea(&ran).is_none(), "{}", ran.stderr);
    }
    let named = belay(&bench, &["run", "#1"]).await.exits(2);
    assert!(named.stderr.contains("put it again"), "{}", named.stderr);
    let comments = github.world(|world| world.issues[&1].comments.clone());
    assert_eq!(comments.len(), 1, "{comments:?}");
    assert!(comments[0].body.contains("put it again"), "{comments:?}");
    assert!(models.requests().is_empty(), "no model saw any of it");
    github.world(|world| {
        world.edit(1, "Print the numbers in green, in `green.py`.");
        world.unlabel(1, "ada", LABEL);
        world.label(1, "ada", LABEL);
    });
    let taken = belay(&bench, &RUN).await.exits(0);
    assert_eq!((idea(&taken).as_deref(), status(&taken)), (Some("issue-1"), json!("completed")));
    check(&bench, &github);
    github.stop().await;
    models.stop().await;
}

/// Without GitHub the backlog is worked on; what could not be closed is closed later, once.
#[tokio::test(flavor = "multi_thread")]
async fn github_away_stops_nothing_and_the_issue_is_closed_later() {
    let (models, github) = (server(green()).await, github().await);
    let bench = no_backlog(&models, &github);
    labelled(&github, "Green numbers");
    github.go_away(1_000);
    let away = belay(&bench, &["run"]).await.exits(0);
    assert!(away.stderr.contains("ideas in issues are not looked for"), "{}", away.stderr);
    let named = belay(&bench, &["run", "#1"]).await.exits(1);
    assert!(named.stderr.contains("out of reach"), "{}", named.stderr);
    let off = belay(&bench, &["run", "#1", "--no-github"]).await.exits(2);
    assert!(off.stderr.contains("GitHub is not used"), "{}", off.stderr);

    github.heal();
    // The answer to the closing comment is lost, then nothing more is taken.
    github.fault(Fault::on("POST", "/issues/1/comments", Act::LoseAnswer));
    github.fault(Fault::on("PATCH", "/issues/1", Act::Cut).times(100));
    let ran = belay(&bench, &RUN).await.exits(0);
    assert_eq!(status(&ran), "completed", "{}", ran.stderr);
    assert!(!github.world(|world| world.issues[&1].closed));
    github.heal();
    belay(&bench, &RUN).await.exits(0);
    let issue = github.world(|world| world.issues[&1].clone());
    assert!(issue.closed && issue.comments.len() == 1, "{issue:?}");
    assert_eq!(ran.named("run_started")[0]["title"], "Green numbers");
    let shown = belay(&bench, &["runs", "list", "--format", "json"]).await.exits(0);
    assert!(shown.stdout.contains("\"issue-1\""));
    check(&bench, &github);
    github.stop().await;
    models.stop().await;
}

/// A file of the backlog has its number first; `#` always means the issue.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_names_the_file_before_the_issue() {
    let (models, github) = (server(green()).await, github().await);
    let bench = bench(&models, &github, "");
    bench.write("ideas/backlog/1-file.md", "# A file\n\nIn `green.py`.\n");
    labelled(&github, "An issue");
    let mut command = bench.command(&RUN);
    command.env("IDEA_ID", "1").env("GITHUB_TOKEN", crate::github::TOKEN);
    let file = crate::harness::finish(command.spawn().expect("belay starts")).await.exits(0);
    assert_eq!(idea(&file).as_deref(), Some("1-file"), "{}", file.stderr);
    let issue = belay(&bench, &["run", "#1", "--format", "json"]).await.exits(0);
    assert_eq!(idea(&issue).as_deref(), Some("issue-1"), "{}", issue.stderr);
    for (name, why) in
        [("#77", "no such issue"), ("077", "no such idea"), ("#x", "no issue's number")]
    {
        let refused = belay(&bench, &["run", name]).await.exits(2);
        assert!(refused.stderr.contains(why), "{name}: {}", refused.stderr);
    }
    check(&bench, &github);
    github.stop().await;
    models.stop().await;
}
