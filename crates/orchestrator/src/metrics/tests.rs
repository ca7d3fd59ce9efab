//! What rows come to, told as the journal has them.

use checkpoint_store::{Entry, RunId};
use serde_json::{Value, json};

use super::*;

/// A second passes between two rows; `run_resumed` comes a minute after what was before.
fn entries(rows: &[(&str, Value)]) -> Vec<Entry> {
    let run = RunId::generate();
    let mut at = jiff::Timestamp::UNIX_EPOCH;
    let entry = |(index, (kind, body)): (usize, &(&str, Value))| {
        at += Duration::from_secs(if *kind == "run_resumed" { 60 } else { 1 });
        Entry {
            run,
            seq: index as u64 + 1,
            epoch: 1,
            at,
            kind: (*kind).to_owned(),
            body: body.clone(),
            version: 1,
            min_reader: 1,
        }
    };
    rows.iter().enumerate().map(entry).collect()
}

fn told(rows: &[(&str, Value)]) -> Metrics {
    let entries = entries(rows);
    let lines: Vec<Line> = entries.iter().filter_map(Line::read).collect();
    assert_eq!(lines.len(), rows.len(), "every row is an event");
    Metrics::of(&lines, &State::fold(&entries))
}

fn started(
    role: &str,
    item: Option<usize>,
    attempt: u32,
    position: usize,
) -> (&'static str, Value) {
    let model = format!("a/{position}");
    (
        "attempt_started",
        json!({ "role": role, "model": model, "attempt": attempt, "position": position, "models": 3, "milestone": item.map(|_| 1), "item": item }),
    )
}

fn failed(role: &str, item: Option<usize>, position: usize, class: &str) -> (&'static str, Value) {
    let model = format!("a/{position}");
    (
        "attempt_failed",
        json!({ "role": role, "model": model, "class": class, "attempt": 1, "position": position, "latency_ms": 5, "tokens": { "input": 10, "output": 1 }, "usd": 0.5, "milestone": item.map(|_| 1), "item": item }),
    )
}

fn succeeded(role: &str, item: Option<usize>, position: usize) -> (&'static str, Value) {
    let model = format!("a/{position}");
    (
        "attempt_succeeded",
        json!({ "role": role, "model": model, "attempt": 1, "position": position, "latency_ms": 5, "tokens": { "input": 100, "output": 10 }, "usd": 1.0, "milestone": item.map(|_| 1), "item": item }),
    )
}

fn degraded(role: &str, item: Option<usize>) -> (&'static str, Value) {
    (
        "degraded",
        json!({ "role": role, "reason": "all down", "milestone": item.map(|_| 1), "item": item }),
    )
}

fn item_failed(item: usize, want: bool) -> (&'static str, Value) {
    (
        "item_failed",
        json!({ "milestone": 1, "item": item, "files": [], "class": null, "message": "", "for_want_of_a_model": want, "attempts": 1, "fact": { "kind": "attempts", "value": [] } }),
    )
}

#[test]
fn each_request_counts_once_however_many_tries_it_took() {
    let metrics = told(&[
        started("planner", None, 1, 0),
        succeeded("planner", None, 0),
        started("planner", None, 1, 0),
        failed("planner", None, 0, "unavailable"),
        started("planner", None, 2, 0),
        failed("planner", None, 0, "timeout"),
        started("planner", None, 3, 1),
        succeeded("planner", None, 1),
    ]);
    let requests =
        Requests { by_primary: 1, by_fallback: 1, fallback_used: 1, ..Requests::default() };
    assert_eq!(metrics.requests, requests);
    assert_eq!((metrics.attempts.succeeded, metrics.attempts.total()), (2, 4));
    assert_eq!(metrics.primary(), Rate { part: 1, of: 2 });
}

#[test]
fn items_side_by_side_are_told_apart() {
    let metrics = told(&[
        started("coder", Some(1), 1, 0),
        started("coder", Some(2), 1, 0),
        started("coder", Some(3), 1, 0),
        failed("coder", Some(2), 0, "invalid_output"),
        started("coder", Some(2), 2, 1),
        succeeded("coder", Some(1), 0),
        failed("coder", Some(2), 1, "invalid_output"),
        failed("coder", Some(3), 0, "unavailable"),
        item_failed(2, false),
        degraded("coder", Some(3)),
        item_failed(3, true),
    ]);
    let requests =
        Requests { by_primary: 1, by_fallback: 0, degraded: 1, failed: 1, fallback_used: 1 };
    assert_eq!(metrics.requests, requests);
    assert_eq!(metrics.degraded(), Rate { part: 1, of: 3 });
}

#[test]
fn a_template_that_answers_without_a_try_is_a_request_too() {
    let metrics = told(&[degraded("planner", None)]);
    assert_eq!((metrics.requests.degraded, metrics.requests.ended()), (1, 1));
}

#[test]
fn what_a_kill_cut_short_is_asked_again_and_counted_once() {
    let metrics = told(&[
        started("reviewer", None, 1, 0),
        started("reviewer", None, 2, 1),
        ("run_resumed", json!({ "idea": "1", "branch": "b", "after": "interrupted" })),
        started("reviewer", None, 1, 0),
        succeeded("reviewer", None, 0),
    ]);
    assert_eq!(metrics.requests, Requests { by_primary: 1, ..Requests::default() });
    assert_eq!(metrics.worked, Duration::from_secs(3), "less the minute in which nobody did");
    assert_eq!(metrics.people.retries, 0, "going on after a kill is no second try");
}

/// A milestone with a coder's change, an approval and a check, up to its commit.
fn committed(checks: &[(&str, bool)]) -> Vec<(&'static str, Value)> {
    let tree = "3".repeat(40);
    let milestone = json!({ "name": "One", "description": "", "files": { "create": ["1.py"], "modify": [], "delete": [] }, "read": [], "tests": [] });
    let plan = json!({ "milestones": [milestone], "risks": [], "success_criteria": [], "confidence": 0.9 });
    let item = json!({ "files": [{ "path": "1.py", "action": "create" }], "read": [] });
    let review = json!({ "approved": true, "code_quality": 80, "issues": [], "strengths": [], "next_steps": [] });
    let mut rows = vec![
        succeeded("planner", None, 0),
        (
            "step_finished",
            json!({ "step": "plan", "milestone": null, "model": "a/0", "degraded": false, "summary": null, "fact": { "kind": "plan", "value": plan } }),
        ),
        (
            "step_started",
            json!({ "step": "implement", "milestone": 1, "name": null, "items": 1, "fact": { "kind": "round", "value": { "cause": "plan", "items": [item], "findings": [] } } }),
        ),
        failed("coder", Some(1), 0, "timeout"),
        succeeded("coder", Some(1), 1),
        (
            "item_succeeded",
            json!({ "milestone": 1, "item": 1, "files": ["1.py"], "model": "a/1", "attempts": 2, "fact": { "kind": "changes", "value": { "changes": [], "notes": "" } } }),
        ),
        succeeded("reviewer", None, 2),
        (
            "review_approved",
            json!({ "milestone": 1, "model": "a/2", "code_quality": 80, "degraded": false, "findings": [], "fact": { "kind": "review", "value": review } }),
        ),
    ];
    for (name, passed) in checks {
        let outcome = json!({ "command": name, "passed": passed, "exit": 0, "ended": "exited", "output": "", "elapsed_ms": 1 });
        rows.push(("tests_passed", json!({ "milestone": 1, "check": name, "command": name, "latency_ms": 1, "note": null, "red": !passed, "fact": { "kind": "checked", "value": { "name": name, "tree": tree, "outcome": outcome } } })));
    }
    rows.push(("milestone_committed", json!({ "milestone": 1, "total": 1, "name": "One", "commit": "1".repeat(40), "models": ["a/1", "a/2"], "partial": true, "degraded": false })));
    rows
}

#[test]
fn a_green_commit_is_its_authors_and_they_bear_the_cost() {
    let metrics = told(&committed(&[("lint", true), ("test", true)]));
    let milestones = Milestones { committed: 1, partial: 1, green: 1, rolled_back: 0 };
    assert_eq!(metrics.milestones, milestones);
    let spent = |role, model: &str| metrics.spent[&(role, model.parse().unwrap())];
    use crate::event::Role::{Coder, Planner, Reviewer};
    assert_eq!(spent(Planner, "a/0").usd_per_green(), Some(1.0));
    assert_eq!(spent(Coder, "a/0").usd_per_green(), None, "it cost, and nothing stands for it");
    assert_eq!(spent(Coder, "a/1").tokens_per_green(), Some(110));
    assert_eq!(spent(Reviewer, "a/2").green_milestones, 1);
    assert_eq!((metrics.usd(), metrics.tokens().total()), (Some(3.5), 341));
}

#[test]
fn a_commit_with_a_red_check_or_with_none_is_not_green() {
    assert_eq!(told(&committed(&[("lint", true), ("test", false)])).milestones.green, 0);
    assert_eq!(told(&committed(&[])).milestones.green, 0);
}

#[test]
fn a_price_that_is_not_known_makes_the_sum_unknown() {
    let (kind, mut body) = succeeded("coder", Some(1), 0);
    body["usd"] = Value::Null;
    let metrics = told(&[(kind, body), succeeded("coder", Some(1), 1)]);
    assert_eq!(metrics.usd(), None);
}

#[test]
fn runs_add_up() {
    let rows = committed(&[("test", true)]);
    let one = told(&rows);
    let mut both = one.clone();
    both += &one;
    assert_eq!(both.primary(), Rate { part: 2, of: 2 * one.primary().of });
    assert_eq!(both.milestones.green, 2);
    assert_eq!(both.usd(), Some(7.0));
    assert_eq!(both.attempts.total(), 2 * one.attempts.total());
}

#[test]
fn people_are_asked_for_answers_and_for_work() {
    let issue = |kind: &str| {
        (
            "issue_created",
            json!({ "kind": kind, "url": "u", "title": "t", "milestone": null, "item": null, "marker": kind }),
        )
    };
    let metrics = told(&[
        issue("question"),
        issue("blocked"),
        issue("manual_task"),
        issue("progress"),
        ("run_resumed", json!({ "idea": "1", "branch": "b", "after": "blocked" })),
        (
            "breaker_opened",
            json!({ "role": "coder", "model": "a/0", "state": "OPEN", "retry_in_ms": 5 }),
        ),
    ]);
    assert_eq!(metrics.people, People { questions: 2, manual_tasks: 1, retries: 1 });
    assert_eq!(metrics.breaker_openings.values().sum::<usize>(), 1);
}

#[test]
fn nothing_costs_nothing() {
    let metrics = Metrics::of(&[], &State::default());
    assert_eq!(metrics.usd().map(f64::to_bits), Some(0.0_f64.to_bits()));
}
