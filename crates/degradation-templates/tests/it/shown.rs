//! What each built-in template says, as a person or the next step reads it.

use std::collections::BTreeSet;

use degradation_templates::{
    DamagedStateFacts, IdeaFacts, IssueText, PullRequestFacts, QuestionFacts, ReviewFacts,
    Templates,
};
use serde_json::{Value, json};

use crate::sample::{all, ordinary};

fn templates() -> Templates {
    Templates::built_in().unwrap()
}

pub(crate) fn shown(issue: &IssueText) -> String {
    format!("TITLE: {}\n\n{}", issue.title, issue.body)
}

#[test]
fn analysis_is_cautious_and_asks_nothing() {
    insta::assert_json_snapshot!(templates().analysis(&ordinary().idea()).unwrap());
}

#[test]
fn plan_has_a_note_and_the_files_of_the_idea() {
    insta::assert_json_snapshot!(templates().plan(&ordinary().idea()).unwrap());
}

#[test]
fn plan_without_files_changes_none() {
    let idea = IdeaFacts { id: "idea-1".to_owned(), ..IdeaFacts::default() };
    insta::assert_json_snapshot!(templates().plan(&idea).unwrap());
}

#[test]
fn review_lists_what_was_found_gravest_first() {
    insta::assert_json_snapshot!(templates().review(&ordinary().review()).unwrap());
}

#[test]
fn review_without_findings_is_approved_below_a_real_one() {
    insta::assert_json_snapshot!(templates().review(&ReviewFacts::default()).unwrap());
}

#[test]
fn manual_task_says_what_was_tried_and_how_to_go_on() {
    insta::assert_snapshot!(shown(
        &templates().manual_task(&ordinary().manual_task(true)).unwrap()
    ));
}

#[test]
fn failed_item_names_the_files_left_as_they_were() {
    insta::assert_snapshot!(shown(
        &templates().failed_item(&ordinary().manual_task(false)).unwrap()
    ));
}

#[test]
fn blocked_shows_the_evidence() {
    insta::assert_snapshot!(shown(&templates().blocked(&ordinary().blocked()).unwrap()));
}

#[test]
fn progress_tells_plan_models_and_cost() {
    insta::assert_snapshot!(shown(&templates().progress(&ordinary().progress()).unwrap()), @r"
    TITLE: Progress: Export the report as CSV

    How this run stands; the text is brought up to date after each milestone. Nothing is asked here.

    - Idea: Export the report as CSV (`007-export`)
    - Standing: completed, partial
    - Run: `01JZX4Q0000000000000000000`
    - Branch: `belay/007-export`
    - Pull request: https://example.org/pull/4

    ## Plan

    - Read the report: committed
    - Document it: partial

    ## Waiting for a person

    - https://example.org/issues/3

    ## Models and cost

    - a/large
    - b/small

    1200 tokens in, 300 out; \$0.04.

    ## How to go on

    ```sh
    belay resume 01JZX4Q0000000000000000000
    ```
    ");
}

#[test]
fn pull_request_tells_what_it_brings_and_what_it_lacks() {
    let facts = ordinary().pull_request();
    insta::assert_snapshot!(shown(&templates().pull_request(&facts).unwrap()), @r"
    TITLE: Export the report as CSV

    Made by belay for the idea `007-export`. The run is completed, partial, degraded.

    > The report can be saved.
    >
    > Columns stay in their order.

    ## What was built

    - Read the report (0123456789)

    ## What is not there

    - Write the rows: src/csv_export.rs

    ## What no model has looked at

    A template answered in its place; look at these more closely.

    - the review of milestone 1

    ## Checks that are red, as they were before any change

    - lint

    ## Open tasks

    - https://example.org/issues/3

    ## Models and cost

    - a/large
    - b/small

    1200 tokens in, 300 out; \$0.04.

    Run `01JZX4Q0000000000000000000`, branch `belay/007-export`.
    ");
    let closes = PullRequestFacts { issue: Some(12), closes: true, ..facts.clone() };
    let body = templates().pull_request(&closes).unwrap().body;
    assert!(body.contains("\nCloses #12\n") && !body.contains("Columns stay"), "{body}");
    let part = PullRequestFacts { issue: Some(12), ..facts.clone() };
    let body = templates().pull_request(&part).unwrap().body;
    assert!(body.contains("\nPart of #12\n") && !body.contains("Closes"), "{body}");
    let whole = PullRequestFacts {
        missing: Vec::new(),
        degraded: Vec::new(),
        red_checks: Vec::new(),
        tasks: Vec::new(),
        ..facts
    };
    let body = templates().pull_request(&whole).unwrap().body;
    let headings: Vec<&str> = body.lines().filter(|line| line.starts_with('#')).collect();
    assert_eq!(headings, ["## What was built", "## Models and cost"]);
}

#[test]
fn recovery_lists_done_and_open() {
    insta::assert_snapshot!(shown(&templates().recovery(&ordinary().recovery()).unwrap()));
}

#[test]
fn degraded_review_asks_for_a_person() {
    insta::assert_snapshot!(shown(
        &templates().degraded_review(&ordinary().degraded_review()).unwrap()
    ));
}

#[test]
fn damaged_state_says_what_is_lost_and_what_to_check() {
    let facts = ordinary().damaged_state();
    insta::assert_snapshot!(shown(&templates().damaged_state(&facts).unwrap()));
    let file = DamagedStateFacts {
        damaged: "state.db".to_owned(),
        flaw: "the state file is corrupt".to_owned(),
        cut_after: None,
        lost: None,
        lost_runs: vec!["01JZX4Q0000000000000000001".to_owned()],
        set_aside: "set-aside/2-state.db".to_owned(),
        ..facts
    };
    insta::assert_snapshot!(shown(&templates().damaged_state(&file).unwrap()));
}

#[test]
fn question_says_what_is_asked_and_ends_in_the_line_for_the_answer() {
    insta::assert_snapshot!(shown(&templates().question(&ordinary().question()).unwrap()));
}

#[test]
fn question_without_questions_asks_whether_it_was_understood() {
    let facts =
        QuestionFacts { questions: Vec::new(), going_on: Vec::new(), ..ordinary().question() };
    insta::assert_snapshot!(shown(&templates().question(&facts).unwrap()));
    let nothing_known = QuestionFacts {
        idea: IdeaFacts { id: "007".to_owned(), ..IdeaFacts::default() },
        understanding: String::new(),
        ..facts
    };
    insta::assert_snapshot!(shown(&templates().question(&nothing_known).unwrap()));
}

#[test]
fn manual_task_with_nothing_known_still_reads_well() {
    let empty = all("");
    insta::assert_snapshot!(shown(
        &templates()
            .manual_task(&degradation_templates::ManualTaskFacts {
                milestone_name: "Write the rows".to_owned(),
                idea: IdeaFacts { id: "007".to_owned(), ..IdeaFacts::default() },
                attempts: Vec::new(),
                files: Vec::new(),
                tests: Vec::new(),
                later_milestones: Vec::new(),
                salvaged: Vec::new(),
                ..empty.manual_task(true)
            })
            .unwrap()
    ));
}

fn mark_of(severities: &[&str]) -> (Value, Value) {
    let facts = ReviewFacts {
        findings: severities.iter().map(|severity| ordinary().finding(severity, None)).collect(),
    };
    let review = templates().review(&facts).unwrap();
    (review["approved"].clone(), review["code_quality"].clone())
}

#[test]
fn review_is_approved_only_without_a_high_finding() {
    assert_eq!(mark_of(&[]), (json!(true), json!(70)));
    assert_eq!(mark_of(&["low"]), (json!(true), json!(68)));
    assert_eq!(mark_of(&["medium", "low"]), (json!(true), json!(58)));
    assert_eq!(mark_of(&["low", "high"]), (json!(false), json!(48)));
    assert_eq!(mark_of(&["high"; 9]), (json!(false), json!(0)));
}

#[test]
fn an_unknown_severity_counts_as_high() {
    assert_eq!(mark_of(&["fatal"]), (json!(false), json!(50)));
}

#[test]
fn a_high_finding_is_not_lost_behind_a_thousand_low_ones() {
    let mut severities = vec!["low"; 1000];
    severities.push("high");
    assert_eq!(mark_of(&severities).0, json!(false));
}

/// The page that says how to replace templates knows each of them, and each fact.
#[test]
fn the_page_names_every_template_and_every_fact() {
    let page = include_str!("../../../../docs/templates.md");
    let facts = ordinary();
    let every = json!([
        facts.review(),
        facts.manual_task(true),
        facts.blocked(),
        facts.recovery(),
        facts.progress(),
        facts.pull_request(),
        facts.degraded_review(),
        facts.question(),
        facts.damaged_state(),
    ]);
    let mut names = BTreeSet::from(["idea"].map(str::to_owned));
    names_in(&every, &mut names);
    assert!(names.len() > 30, "{names:?}");
    names.extend(Templates::names().iter().map(|name| (*name).to_owned()));
    for name in names {
        assert!(page.contains(&format!("`{name}`")), "{name} is not in docs/templates.md");
    }
}

fn names_in(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| names_in(item, names)),
        Value::Object(fields) => {
            names.extend(fields.keys().cloned());
            fields.values().for_each(|value| names_in(value, names));
        }
        _ => {}
    }
}
