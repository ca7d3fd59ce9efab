//! What each command prints for people, after one small run: read here, and not changed unawares.

use simulated_models::Script;

use crate::harness::{Bench, server};
use crate::recovery::{ROLES, answers, bench};

/// The commands whose output has no test of its own.
const COMMANDS: [&[&str]; 9] = [
    &["runs", "list"],
    &["runs", "show", "RUN"],
    &["runs", "verify"],
    &["breaker", "list"],
    &["breaker", "reset"],
    &["idea", "list"],
    &["init"],
    &["resume"],
    &["run"],
];

/// What changes from run to run is named instead.
fn steady(bench: &Bench, run: &str, printed: &str) -> String {
    let root = bench.root().display().to_string();
    let text = printed.replace(run, "RUN").replace(&root, "ROOT");
    let lines = text.lines().map(|line| {
        if line.starts_with("Time ") {
            return "Time     SPAN".to_owned();
        }
        let words: Vec<String> = line.split(' ').map(word).collect();
        words.join(" ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Numbers that measure and names that git makes.
fn word(word: &str) -> String {
    let bare = word.trim_matches(|c: char| "(),:".contains(c));
    let is_commit = bare.len() >= 8 && bare.chars().all(|c| c.is_ascii_hexdigit());
    let is_stamp = bare.len() >= 10 && bare.starts_with("20") && bare.contains('-');
    let digits_and = |more: char| {
        bare.len() >= 2
            && bare.starts_with(|c: char| c.is_ascii_digit())
            && bare.chars().all(|c| c.is_ascii_digit() || c == more)
    };
    match () {
        () if is_commit => word.replace(bare, "COMMIT"),
        () if is_stamp => word.replace(bare, "STAMP"),
        () if digits_and('.') || digits_and(':') => word.replace(bare, "N"),
        () => word.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_command_prints_what_it_is_asked_for() {
    let server = server(Script::default().with_answers(answers())).await;
    let bench = bench();
    bench.config(&server, ROLES);
    let ran = bench.belay(&["run", "001", "--format", "json"]).await.exits(0);
    let run = ran.events()[0]["run"].as_str().expect("a run").to_owned();
    let mut shown = Vec::new();
    for args in COMMANDS {
        let given: Vec<&str> =
            args.iter().map(|arg| if *arg == "RUN" { &*run } else { *arg }).collect();
        let printed = bench.belay(&given).await.exits(0);
        shown.push(format!(
            "$ belay {}\n{}",
            args.join(" "),
            steady(&bench, &run, &printed.stdout)
        ));
    }
    let completions = bench.belay(&["completions", "bash"]).await.exits(0);
    assert!(completions.stdout.contains("_belay()") && completions.stdout.contains("chaos"));
    insta::assert_snapshot!(shown.join("\n\n"));
    server.stop().await;
}
