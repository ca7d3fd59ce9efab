//! The whole command line in one snapshot: what `-h` says of every command.

use crate::harness::Bench;

#[tokio::test(flavor = "multi_thread")]
async fn every_command_explains_itself() {
    let bench = Bench::with_files([("README.md", "help\n")]);
    let commands: &[&[&str]] = &[
        &[],
        &["run"],
        &["resume"],
        &["runs"],
        &["runs", "list"],
        &["runs", "show"],
        &["runs", "report"],
        &["runs", "verify"],
        &["status"],
        &["metrics"],
        &["breaker"],
        &["breaker", "list"],
        &["breaker", "reset"],
        &["idea"],
        &["idea", "new"],
        &["idea", "list"],
        &["init"],
        &["config"],
        &["config", "show"],
        &["doctor"],
        &["demo"],
        &["chaos"],
        &["completions"],
    ];
    let mut pages = Vec::new();
    for command in commands {
        let mut args = command.to_vec();
        args.push("-h");
        let ran = bench.belay(&args).await.exits(0);
        assert_eq!(ran.stderr, "");
        pages.push(format!("$ belay {}\n{}", args.join(" "), ran.stdout));
    }
    insta::assert_snapshot!(pages.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn init_writes_what_is_missing_and_overwrites_nothing() {
    let bench = Bench::with_files([("ideas/README.md", "mine\n")]);
    let ran = bench.belay(&["init"]).await.exits(0);
    assert_eq!(
        ran.stdout,
        "belay.yaml: written\nideas/README.md: there already\nideas/backlog/.gitkeep: written\n.github/workflows/belay.yml: written\n"
    );
    assert_eq!(
        std::fs::read_to_string(bench.repo.join("ideas/README.md")).expect("a file"),
        "mine\n"
    );
    // What it wrote loads, and means what no file means.
    bench.belay(&["runs", "list"]).await.exits(0);
    let schema = bench.belay(&["init", "--schema"]).await.exits(0);
    let schema: serde_json::Value = serde_json::from_str(&schema.stdout).expect("JSON");
    assert!(schema["properties"]["roles"].is_object(), "{schema}");
}

#[tokio::test(flavor = "multi_thread")]
async fn status_of_a_repository_without_runs() {
    let bench = Bench::with_files([("belay.yaml", "providers: {}\n")]);
    let ran = bench.belay(&["status", "--format", "json"]).await.exits(0);
    insta::assert_snapshot!(ran.stdout, @r#"{"run":null,"breakers":[],"runs":[],"waiting":[],"working":null,"lights":{"primary":{"percent":null,"light":null},"fallback":{"percent":null,"light":null},"degraded":{"percent":null,"light":null}}}"#);
    assert!(!bench.repo.join(".git/belay").exists(), "looking makes no state");
}
