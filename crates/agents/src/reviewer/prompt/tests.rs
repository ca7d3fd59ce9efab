//! What the reviewer really reads, and that no long diff pushes out another.

use super::*;
use crate::answers::{Files, Plan};
use crate::idea::Idea;
use crate::source::deny_set;
use model_providers::{Prompt, estimate_tokens};
use static_checks::{Rule, Severity};

fn plan() -> Plan {
    let milestone = Milestone {
        name: "Reset passwords".to_owned(),
        description: "Write the reset.".to_owned(),
        files: Files {
            create: vec!["src/a.rs".to_owned()],
            modify: vec!["src/b.rs".to_owned(), "src/c.rs".to_owned()],
            delete: vec![],
        },
        read: vec![],
        waits_for_answer: None,
        tests: vec!["a mail is sent".to_owned()],
    };
    let later = Milestone { name: "Show the form".to_owned(), ..Milestone::default() };
    Plan {
        milestones: vec![milestone, later],
        risks: vec![],
        success_criteria: vec!["users can log in again".to_owned()],
        confidence: 0.9,
    }
}

fn file_diff(path: &str, lines: usize) -> String {
    let added: String = (1..=lines).map(|line| format!("+{path} {line}\n")).collect();
    format!(
        "diff --git a/{path} b/{path}\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1,{lines} @@\n{added}"
    )
}

fn sheet(diff: &str, findings: &[Finding], missing: &[String]) -> Sheet {
    let idea =
        Idea::parse("001", "# Reset a password\nBy mail.\n## Criteria\n- it is safe\n").unwrap();
    let earlier =
        ["Milestone 0 \"Send mail\": src/mail.rs; still missing: src/queue.rs".to_owned()];
    let plan = plan();
    let input = ReviewInput {
        idea: &idea,
        plan: &plan,
        milestone: 0,
        diff,
        earlier: &earlier,
        findings,
        missing,
    };
    review(&input, &deny_set(&["**/.env".to_owned()]).unwrap())
}

fn render(sheet: &Sheet, window: u64) -> String {
    let messages = sheet.messages(Some(window)).unwrap();
    let tokens: u64 = messages.iter().map(|message| estimate_tokens(&message.content)).sum();
    assert!(tokens <= window, "{tokens} > {window}");
    messages.iter().map(|message| format!("{:?}:\n{}\n", message.role, message.content)).collect()
}

#[test]
fn the_prompt_reads_well() {
    let finding = |severity, line| Finding {
        path: "src/a.rs".to_owned(),
        line,
        severity,
        rule: Rule::Placeholder,
        message: "a stub".to_owned(),
        suggestion: "write it".to_owned(),
    };
    let findings = [finding(Severity::Low, None), finding(Severity::Medium, Some(2))];
    let diff = file_diff("src/a.rs", 2) + &file_diff("deploy/.env", 1);
    let text = render(&sheet(&diff, &findings, &["src/c.rs".to_owned()]), 8000);
    assert!(!text.contains("deploy/.env"));
    insta::assert_snapshot!(text);
}

#[test]
fn a_long_diff_leaves_room_for_the_others_and_what_is_missing_is_named() {
    let diff = file_diff("src/long.rs", 20_000)
        + &file_diff("src/short.rs", 20)
        + &file_diff("src/mid.rs", 1000);
    let sheet = sheet(&diff, &[], &[]);
    for window in [3000, 6000, 20_000] {
        let text = render(&sheet, window);
        assert!(
            text.contains("+src/short.rs 20\n") && text.contains("+src/long.rs 1\n"),
            "{window}: {text}"
        );
        assert!(text.contains("bytes are left out here"));
    }
    let tiny = render(&sheet, 1800);
    assert!(tiny.contains("left out for want of room"), "{tiny}");
    assert!(render(&sheet, 400_000).contains("+src/long.rs 10000\n"));
}

#[test]
fn a_diff_is_cut_at_its_files() {
    let diff = file_diff("a b/c.rs", 1) + "+diff --git a/x b/x\n" + &file_diff("d.rs", 1);
    let files = by_file(&diff);
    assert_eq!(
        files.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(),
        ["a b/c.rs", "d.rs"]
    );
    assert_eq!(files.iter().map(|(_, text)| text.as_str()).collect::<String>(), diff);
    assert_eq!(by_file("no header\n+x\n")[0].0, "the changes");
    assert!(render(&sheet("", &[], &[]), 4000).contains("The diff is empty."));
}
