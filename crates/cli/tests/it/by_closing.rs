//! An idea for which nothing could be planned is a person's: closing its issue
//! ends the run of it.

use std::fs;

use crate::harness::Bench;

#[tokio::test(flavor = "multi_thread")]
async fn an_idea_without_files_and_models_is_done_when_a_person_says_so() {
    let bench = Bench::with_files([
        ("belay.yaml", "providers: {}\n"),
        ("ideas/backlog/001-better.md", "# Make it better\n"),
    ]);
    let ran = bench.belay(&["run", "--format", "json"]).await.exits(0);
    assert_eq!(ran.named("run_finished")[0]["status"], "degraded", "{}", ran.stderr);
    let url = ran.named("issue_created")[0]["url"].as_str().expect("an issue").to_owned();
    let file = bench.repo.join(url);
    let text = fs::read_to_string(&file).expect("the issue's file");
    assert!(text.contains("it names no files") && !text.contains("Done in"), "{text}");
    fs::write(&file, text.replace("state: open", "state: closed")).expect("closed");
    let ran = bench.belay(&["run", "--format", "json"]).await.exits(0);
    let finished = &ran.named("run_finished")[0];
    assert_eq!(finished["status"], "completed", "{}", ran.stderr);
    let ran = bench.belay(&["run"]).await.exits(0);
    assert!(ran.stderr.contains("Nothing to do"), "{}", ran.stderr);
}
