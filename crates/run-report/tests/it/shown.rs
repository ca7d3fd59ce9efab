//! What a page has of a run.

use serde_json::json;

use crate::story::{answered, begun, committed, failed, page, planned, started};

#[test]
fn every_attempt_has_a_row_a_letter_and_a_word() {
    let html = page(
        &[
            begun("Numbers"),
            started("a/one", 1, 0),
            failed("a/one", "timeout", "no first token within 2s"),
            started("a/two", 2, 1),
            answered("a/two"),
            started("a/two", 1, 0),
            ("run_resumed", json!({ "idea": "001", "branch": "b", "after": "interrupted" })),
        ],
        "",
    );
    for row in [
        "<span class=\"chip timeout\">T</span> timeout</span></td><td data-label=\"Model\">a&#x2f;one</td>",
        "<span class=\"chip answered\">\u{2713}</span> answered</span></td><td data-label=\"Model\">a&#x2f;two</td>",
        "<span class=\"chip cut\">?</span> cut short</span></td><td data-label=\"Model\">a&#x2f;two</td>",
    ] {
        assert!(html.contains(row), "{row} is missing in\n{html}");
    }
    assert!(html.contains("no first token within 2s"), "{html}");
    assert!(html.contains("went on after 1.0 s"), "a pause is marked: {html}");
    assert!(!html.contains("What is left"), "nothing is: {html}");
}

#[test]
fn a_breaker_is_shown_over_time() {
    let breaker = |event: &'static str, state: &str| {
        (event, json!({ "role": "coder", "model": "a/one", "state": state, "retry_in_ms": 2000 }))
    };
    let html = page(
        &[
            begun("Numbers"),
            started("a/one", 1, 0),
            failed("a/one", "timeout", "late"),
            breaker("breaker_opened", "OPEN"),
            breaker("breaker_half_opened", "HALF-OPEN"),
            breaker("breaker_closed", "CLOSED"),
        ],
        "",
    );
    assert!(html.contains("class=\"band open\" x=\"60.00%\""), "{html}");
    assert!(html.contains("class=\"band half-open\" x=\"80.00%\""), "{html}");
    assert!(html.contains("</span> breaker half-open</li>"), "the legend has it: {html}");
    assert!(!html.contains("</span> model resting</li>"), "and nothing else: {html}");
    assert!(!html.contains("class=\"band closed\""), "a closed breaker is nothing to look at");
    assert!(html.contains("<li>0:03 OPEN, next probe in 2.0 s</li>"), "{html}");
}

#[test]
fn a_milestone_has_its_items_review_checks_and_patch() {
    let mut rows = vec![begun("Numbers"), planned("One")];
    rows.extend(committed("sh check.sh"));
    let html = page(&rows, "diff --git a/1.py b/1.py\n@@ -0,0 +1 @@\n+N = 1\n");
    for part in [
        "1. One <span class=\"badge committed\">committed</span>",
        "<code>1.py</code> a&#x2f;b",
        "Review by a&#x2f;b: approved, quality 80 of 100",
        "<span class=\"badge green\">green</span> test <code>sh check.sh</code>",
        "What changed: +1 -0 lines",
        "<span class=\"added\">+N = 1</span>",
    ] {
        assert!(html.contains(part), "{part} is missing in\n{html}");
    }
}

#[test]
fn a_run_without_anything_has_a_page_too() {
    let html = page(&[begun("Numbers")], "");
    assert!(
        html.contains("No model was asked.") && html.contains("There is no plan yet."),
        "{html}"
    );
}

#[test]
fn a_run_of_a_night_makes_a_page_that_a_phone_opens() {
    let mut rows = vec![begun("Numbers")];
    for _ in 0..6_000 {
        rows.push(failed("a/one", "timeout", &"late ".repeat(400)));
    }
    let html = page(&rows, "");
    assert!(html.len() < 2_000_000, "{} bytes", html.len());
    assert!(html.contains("5000 more attempts are left out."), "what is left out is said");
    assert!(html.contains("and 5600 more"), "in the strip of letters too");
}

#[test]
fn a_review_that_finds_a_hundred_things_is_cut_and_says_so() {
    let mut rows = vec![begun("Numbers"), planned("One")];
    let mut work = committed("sh check.sh");
    let issues = &mut work[2].1["fact"]["value"]["issues"];
    let one = issues[0].clone();
    *issues = serde_json::Value::Array(vec![one; 100]);
    rows.extend(work);
    let html = page(&rows, "");
    assert_eq!(html.matches("<li><b>low</b>").count(), 20);
    assert!(html.contains("<li>and 80 more</li>"), "{html}");
}
