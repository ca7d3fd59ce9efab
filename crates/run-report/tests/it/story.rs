//! A run told as rows, made into a page.

use std::collections::BTreeMap;
use std::time::Duration;

use checkpoint_store::{Entry, RunHead, RunId};
use orchestrator::metrics::{Metrics, MetricsView};
use orchestrator::{Line, RunView, State};
use serde_json::{Value, json};

pub(crate) type Row = (&'static str, Value);

/// The page of these rows, a second apart; a commit's patch is what `patch` says.
pub(crate) fn page(rows: &[Row], patch: &str) -> String {
    let run: RunId = "01M8CG36HFY28TXHEP0V5JD9VE".parse().unwrap();
    let start = jiff::Timestamp::UNIX_EPOCH;
    let entry = |(index, (kind, body)): (usize, &Row)| Entry {
        run,
        seq: index as u64 + 1,
        epoch: 1,
        at: start + Duration::from_secs(index as u64),
        kind: (*kind).to_owned(),
        body: body.clone(),
        version: 1,
        min_reader: 1,
    };
    let entries: Vec<Entry> = rows.iter().enumerate().map(entry).collect();
    let lines: Vec<Line> = entries.iter().filter_map(Line::read).collect();
    assert_eq!(lines.len(), rows.len(), "every row is an event");
    let state = State::fold(&entries);
    let head = RunHead {
        id: run,
        subject: "001".to_owned(),
        attributes: Value::Null,
        created_at: start,
        updated_at: start,
        finished: Some("completed".to_owned()),
        holder: None,
    };
    let view = RunView::new(&head, &state);
    let metrics = Metrics::of(&lines, &state);
    let metrics = MetricsView::new(&metrics, Some(view.run.clone()), 1, 1);
    let patches: BTreeMap<String, String> = [("1".repeat(40), patch.to_owned())].into();
    let hide = |text: &str| text.replace("hunter2", "***");
    run_report::html(&run_report::Told {
        lines: &lines,
        state: &state,
        view: &view,
        metrics: &metrics,
        patches: &patches,
        hide: &hide,
    })
    .expect("a page")
}

pub(crate) fn begun(title: &str) -> Row {
    let idea = json!({ "id": "001", "title": title, "text": title, "files": [] });
    let base = "0".repeat(40);
    (
        "run_started",
        json!({ "idea": "001", "title": title, "branch": "belay/001", "base": base, "fact": { "kind": "started", "value": { "idea": idea, "idea_path": null, "base": base, "branch": "belay/001" } } }),
    )
}

pub(crate) fn planned(name: &str) -> Row {
    let milestone = json!({ "name": name, "description": name, "files": { "create": ["1.py"], "modify": [], "delete": [] }, "read": [], "tests": [] });
    let plan = json!({ "milestones": [milestone], "risks": [], "success_criteria": [], "confidence": 0.9 });
    (
        "step_finished",
        json!({ "step": "plan", "milestone": null, "model": "a/b", "degraded": false, "summary": null, "fact": { "kind": "plan", "value": plan } }),
    )
}

/// The milestone is written, judged with one finding, checked and committed.
pub(crate) fn committed(text: &str) -> Vec<Row> {
    let item = json!({ "files": [{ "path": "1.py", "action": "create" }], "read": [] });
    let finding =
        json!({ "severity": "low", "file": text, "line": 3, "issue": text, "suggestion": text });
    let review = json!({ "approved": true, "code_quality": 80, "issues": [finding], "strengths": [], "next_steps": [] });
    let outcome = json!({ "command": text, "passed": true, "exit": 0, "ended": "exited", "output": "", "elapsed_ms": 1 });
    let checked = json!({ "name": "test", "tree": "3".repeat(40), "outcome": outcome });
    vec![
        (
            "step_started",
            json!({ "step": "implement", "milestone": 1, "name": null, "items": 1, "fact": { "kind": "round", "value": { "cause": "plan", "items": [item], "findings": [] } } }),
        ),
        (
            "item_succeeded",
            json!({ "milestone": 1, "item": 1, "files": ["1.py"], "model": "a/b", "attempts": 1, "fact": { "kind": "changes", "value": { "changes": [], "notes": "" } } }),
        ),
        (
            "review_approved",
            json!({ "milestone": 1, "model": "a/b", "code_quality": 80, "degraded": false, "findings": [], "fact": { "kind": "review", "value": review } }),
        ),
        (
            "tests_passed",
            json!({ "milestone": 1, "check": "test", "command": text, "latency_ms": 1, "note": null, "fact": { "kind": "checked", "value": checked } }),
        ),
        (
            "milestone_committed",
            json!({ "milestone": 1, "total": 1, "name": text, "commit": "1".repeat(40), "models": ["a/b"], "partial": false, "degraded": false }),
        ),
    ]
}

pub(crate) fn started(model: &str, attempt: u32, position: usize) -> Row {
    (
        "attempt_started",
        json!({ "role": "coder", "model": model, "attempt": attempt, "position": position, "models": 2, "milestone": 1, "item": 1 }),
    )
}

pub(crate) fn failed(model: &str, class: &str, message: &str) -> Row {
    (
        "attempt_failed",
        json!({ "role": "coder", "model": model, "class": class, "attempt": 1, "position": 0, "latency_ms": 500, "message": message, "milestone": 1, "item": 1 }),
    )
}

pub(crate) fn answered(model: &str) -> Row {
    (
        "attempt_succeeded",
        json!({ "role": "coder", "model": model, "attempt": 2, "position": 1, "latency_ms": 800, "tokens": { "input": 10, "output": 2 }, "usd": 0.25, "milestone": 1, "item": 1 }),
    )
}
