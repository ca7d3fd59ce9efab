//! The repository's own hooks: what they refuse does not land.

use super::{
    BRANCH, NUMBERS, blocked_over, changed, ends, executable, plain, red, reports, run, started,
};
use crate::harness::Bench;

const NO_DEBUG: &str = "#!/bin/sh\nif git diff --cached | grep '^+.*DEBUG'; then\n  echo 'take DEBUG out of' $(git diff --cached --name-only --diff-filter=A -- '*.txt')\n  exit 1\nfi\n";

fn hooked(name: &str, content: &str) -> Bench {
    let bench = plain();
    executable(&bench.repo.join(".git/hooks").join(name), content);
    bench
}

/// Trap 41: a commit that is made from a tree runs no hook by itself.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_pre_commit_hook_refuses_is_mended_by_the_coder() {
    let bench = hooked("pre-commit", NO_DEBUG);
    let server = started(&bench, reports(&["DEBUG up\n", "up\n"]), NUMBERS).await;
    let ran = run(&bench).await;
    ends(&ran, "completed");
    assert_eq!(red(&ran), ["pre-commit"]);
    assert_eq!(
        (bench.show(BRANCH, "report.txt"), changed(&bench)),
        ("up".into(), vec!["report.txt".to_owned()])
    );
    let asked = server.requests();
    let told = asked.iter().filter(|request| request.schema.as_deref() == Some("changes")).nth(1);
    let told = told.expect("a second round").body.to_string();
    assert!(told.contains("take DEBUG out of report.txt"), "{told}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_pre_commit_hook_refuses_for_ever_does_not_land() {
    let bench = hooked("pre-commit", NO_DEBUG);
    let server =
        started(&bench, reports(&["DEBUG 1\n", "DEBUG 2\n", "DEBUG 3\n", "DEBUG 4\n"]), NUMBERS)
            .await;
    let ran = run(&bench).await;
    assert_eq!(red(&ran), ["pre-commit"; 3], "{}", ran.stderr);
    blocked_over(&bench, &ran, &["pre-commit", "take DEBUG out of report.txt"]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_the_hook_refuses_blocks_the_run_and_names_the_hook() {
    let bench = hooked(
        "commit-msg",
        "#!/bin/sh\nhead -n 1 \"$1\" | grep -q '^feat: ' || { echo 'no conventional subject'; exit 1; }\n",
    );
    let server = started(&bench, reports(&["up\n"]), NUMBERS).await;
    let ran = run(&bench).await;
    blocked_over(&bench, &ran, &["commit-msg", "no conventional subject"]);
    // As the reason says, a person mends it by the template of the subject.
    let config = format!("{NUMBERS}commit: {{ subject: \"feat: {{name}}\" }}\n");
    bench.config(&server, &format!("{}{config}", super::ROLES));
    let ran = bench.belay(&["resume", "--format", "json"]).await.exits(0);
    ends(&ran, "completed");
    assert_eq!(bench.git(&["log", "-1", "--format=%s", BRANCH]), "feat: Add the report");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hook_adds_to_the_message_is_in_the_commit() {
    let bench = hooked(
        "commit-msg",
        "#!/bin/sh\ngit interpret-trailers --in-place --trailer \"Change-Id: I$(git hash-object \"$1\")\" \"$1\"\n",
    );
    let server = started(&bench, reports(&["up\n"]), NUMBERS).await;
    let ran = run(&bench).await;
    ends(&ran, "completed");
    let trailers = bench.git(&["log", "-1", "--format=%(trailers:only)", BRANCH]);
    assert!(
        trailers.contains("Change-Id: I") && trailers.contains("Belay-Step: milestone-1"),
        "{trailers}"
    );
    server.stop().await;
}
