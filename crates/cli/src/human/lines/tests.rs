//! The lines of single events; whole runs stand in `tests/it/terminal.rs`.

use model_providers::ModelId;

use super::*;

fn model() -> ModelId {
    "a/first".parse().expect("a model")
}

fn told(event: &Event) -> Vec<String> {
    lines(event).into_iter().map(|said| said.text).collect()
}

#[test]
fn a_line_says_which_item_it_is_about() {
    let started = Event::AttemptStarted {
        role: Role::Coder,
        model: model(),
        attempt: 1,
        position: 0,
        models: 3,
        milestone: Some(1),
        item: Some(2),
    };
    assert_eq!(
        told(&started),
        [
            "  item 2    [FAILOVER] Attempting coder with 3 fallback models",
            "  item 2    Try #1: a/first"
        ]
    );
    let degraded = Event::Degraded {
        role: Role::Coder,
        reason: "no model answered".to_owned(),
        milestone: Some(1),
        item: Some(2),
    };
    assert_eq!(told(&degraded), ["  item 2    Using degraded mode: no model answered"]);
}

#[test]
fn a_breaker_is_told_in_the_words_that_people_grep_for() {
    let role = Role::Planner;
    let monitoring =
        Event::BreakerMonitoring { role, model: model(), state: "MONITORING (2/5)".to_owned() };
    assert_eq!(told(&monitoring), ["  planner   Circuit breaker MONITORING (2/5): a/first"]);
    let state = "OPEN".to_owned();
    let opened = Event::BreakerOpened { role, model: model(), state, retry_in_ms: Some(60_000) };
    assert_eq!(
        told(&opened),
        ["  planner   Circuit breaker OPEN: a/first, next probe in 1 min 0 s"]
    );
}

#[test]
fn a_signal_is_not_told_twice_and_a_deadline_is_told() {
    let stop = |trigger: &str| told(&Event::ShutdownRequested { trigger: trigger.to_owned() });
    assert_eq!(stop("SIGTERM"), Vec::<String>::new());
    assert_eq!(stop("the time is up"), ["Stopping: the time is up"]);
}

#[test]
fn every_finding_stands_below_its_review() {
    let finding = Finding {
        severity: "high".to_owned(),
        file: "one.py".to_owned(),
        line: None,
        message: "a\nb".to_owned(),
    };
    let rejected = Event::ReviewRejected {
        milestone: 1,
        model: None,
        code_quality: 20,
        degraded: false,
        findings: vec![finding],
    };
    assert_eq!(told(&rejected), ["  reviewer  rejected", "            [high] one.py: a b"]);
}

#[test]
fn a_long_reason_is_cut_and_a_short_one_is_whole() {
    assert_eq!(cut("short"), "short");
    assert_eq!(cut(&"é".repeat(200)), format!("{}...", "é".repeat(120)));
}

#[test]
fn spans_are_told_as_people_read_them() {
    let table = [
        (999, "999 ms"),
        (1_250, "1.2 s"),
        (61_000, "1 min 1 s"),
        (7_260_000, "2 h 1 min"),
        (31_536_000_000, "the rest of this run"),
    ];
    for (millis, text) in table {
        assert_eq!(seconds(millis), text);
    }
}
