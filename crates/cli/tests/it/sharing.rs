//! Programs that work side by side and change a file that neither was given: brought together by git
//! where they do not touch, and the later one's failure where they do.

use std::fs;

use serde_json::json;

use crate::harness::{Bench, Ran, finish};
use crate::programs::{GOOD, answers, script};

/// Does its own file, and changes one line of the notes, which line by its own file.
const WORKS: &str = r#"#!/bin/sh
asked=$(cat)
case "$asked" in
*"create one.py"*) name=one line=FIRST ;;
*) name=two line=SECOND ;;
esac
echo "NUMBER = '$name'" > $name.py
sed -i "${line}s/.*/changed for $name/" NOTES.md
echo done
"#;

const NOTES: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n";

async fn run(first: &str, second: &str, agents: &str) -> (Bench, Ran) {
    run_with(WORKS, first, second, agents).await
}

async fn run_with(works: &str, first: &str, second: &str, agents: &str) -> (Bench, Ran) {
    let bench = Bench::with_files([
        ("NOTES.md", NOTES),
        ("ideas/backlog/001-numbers.md", "# Numbers\n\nAdd one.py and two.py.\n"),
    ]);
    let folder = bench.root().join("answers");
    fs::create_dir_all(&folder).expect("a folder");
    for (name, mut answer) in answers() {
        if name == "plan" {
            answer["milestones"][0]["files"]["create"] = json!(["one.py", "two.py"]);
        }
        fs::write(folder.join(name), answer.to_string()).expect("an answer");
    }
    let good = GOOD.replace("ANSWERS", &folder.display().to_string());
    script(&bench.repo.join("agents/answers.sh"), &good);
    let works = works.replace("FIRST", first).replace("SECOND", second);
    script(&bench.repo.join("agents/works.sh"), &works);
    let text = format!(
        "providers:\n  says: {{ kind: command, command: [./agents/answers.sh, \"{{file}}\"], env: [SEEN] }}\n  \
         works: {{ kind: command, command: [./agents/works.sh], mode: workspace }}\n\
         roles:\n  planner: {{ chain: [says/m] }}\n  coder: {{ chain: [works/m] }}\n  reviewer: {{ chain: [says/m] }}\n\
         agents: {agents}\nrun: {{ test_command: \"true\", parallel: 2 }}\n"
    );
    bench.write("belay.yaml", &text);
    fs::write(bench.repo.join(".git/info/exclude"), "belay.yaml\nagents/\n").expect("excludes");
    let mut command = bench.command(&["run", "--format", "json"]);
    command.env("SEEN", bench.root().join("seen"));
    let ran = finish(command.spawn().expect("belay starts")).await.exits(0);
    (bench, ran)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_changes_to_one_file_are_merged() {
    let (bench, ran) = run("2", "9", "{ allow_outside: true }").await;
    assert_eq!(ran.named("item_succeeded").len(), 2, "{}", ran.stdout);
    assert_eq!(ran.named("run_finished")[0]["status"], "completed", "{}", ran.stderr);
    let notes = bench.show("belay/001-numbers", "NOTES.md");
    assert_eq!(notes, "1\nchanged for one\n3\n4\n5\n6\n7\n8\nchanged for two\n10");
    assert_eq!(fs::read_to_string(bench.repo.join("NOTES.md")).expect("the person's"), NOTES);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_fails_the_later_item_and_not_the_milestone() {
    let (bench, ran) = run("5", "5", "{ allow_outside: true }").await;
    let (done, failed) = (ran.named("item_succeeded"), ran.named("item_failed"));
    // The other one is tried once more at the end of the run, upon what the first one made.
    assert!(!done.is_empty() && !failed.is_empty(), "{}", ran.stdout);
    let message = failed[0]["message"].as_str().expect("a message");
    assert_eq!(message, "NOTES.md was changed by another item too, in the same place");
    assert_eq!(ran.named("partial_accepted").len(), 1, "{}", ran.stdout);
    let notes = bench.show("belay/001-numbers", "NOTES.md");
    assert!(notes.contains("changed for") && !notes.contains("<<<<"), "{notes}");
}

/// On some disks the two are one file.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_names_that_differ_in_case_alone_the_later_item_fails() {
    let twins = WORKS.replace(
        "echo done",
        "case $name in one) echo x > Twin.txt ;; *) echo y > twin.txt ;; esac\necho done",
    );
    let (bench, ran) = run_with(&twins, "2", "9", "{ allow_outside: true }").await;
    assert!(!ran.named("item_succeeded").is_empty(), "{}", ran.stdout);
    let failed = ran.named("item_failed");
    assert!(failed[0]["message"].as_str().expect("why").contains("named twice"), "{failed:?}");
    assert_ne!(ran.named("run_finished")[0]["status"], "blocked", "{}", ran.stdout);
    assert!(bench.show("belay/001-numbers", "NOTES.md").contains("changed for"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_leave_what_nobody_was_given_is_refused() {
    let (bench, ran) = run("2", "9", "{ allow_outside: false }").await;
    assert_eq!(ran.named("item_succeeded").len(), 0, "{}", ran.stdout);
    let failed = ran.named("attempt_failed");
    assert!(
        failed[0]["message"].as_str().expect("why").contains("NOTES.md is not one of your files"),
        "{failed:?}"
    );
    assert_eq!(bench.git(&["log", "--format=%s", "main..belay/001-numbers"]), "");
}
