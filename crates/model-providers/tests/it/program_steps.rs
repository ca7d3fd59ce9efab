//! A program that goes round in circles is ended by the steps that it tells of, and not by the time.

use model_providers::{EventLines, Output, Program};

use crate::bench::{by, classes};
use crate::programs::{Agents, GOOD, LONG};

/// The first attempt's message.
fn message(outcome: &Result<model_providers::Answer, model_providers::Unanswered>) -> String {
    outcome.as_ref().unwrap().attempts[0].message.clone().unwrap()
}

const STEP: &str = r#"echo '{"type":"step"}'"#;

#[cfg(target_os = "linux")]
#[tokio::test]
async fn endless_steps_end_the_program_with_all_that_it_started() {
    let mut agents = Agents::new();
    let file = agents.path("ids");
    // A child of its own holds on; the loop goes on after the polite request.
    let script = format!(
        "trap '' TERM\nsetsid sh -c 'echo $$ >> {0}; exec sleep 1000' &\necho $$ >> {0}\nwhile [ \"$(wc -l < {0})\" != 2 ]; do :; done\nwhile :; do {STEP}; done",
        file.display()
    );
    agents.add("a", Output::Events(EventLines::plain()), &script).max_steps = Some(50);
    agents.add("b", Output::Text, GOOD);
    let (outcome, ids) = tokio::join!(agents.ask(LONG), crate::programs::ids(&file));
    assert_eq!(classes(&outcome), ["unavailable", "ok"], "and it is not asked twice");
    assert_eq!(message(&outcome), "stopped: more than 50 steps");
    crate::programs::gone(&ids).await;
    agents.left_nothing();
}

/// As recorded: opencode asks again and again where a stream ends without a finish reason.
#[tokio::test]
async fn the_loop_of_opencode_is_seen_at_once() {
    let lines = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/fixtures/agent-lines/opencode-1.18.33-cut-loop.jsonl"
    );
    let known = Program::preset("opencode").unwrap();
    let mut agents = Agents::new();
    agents.add("a", known.output, &format!("while :; do cat {lines}; sleep 0.1; done"));
    agents.add("b", Output::Text, GOOD);
    let outcome = agents.ask(LONG).await;
    assert_eq!(by(&outcome), "b/m");
    assert_eq!(message(&outcome), "stopped: more than 3 steps without an end");
}

#[tokio::test]
async fn as_many_steps_as_are_allowed_are_no_failure() {
    let mut agents = Agents::new();
    let answer =
        r#"echo '{"type":"text","text":"{\"understanding\":\"all\"}"}'; echo '{"type":"done"}'"#;
    let steps = format!("{STEP}; {STEP}; {STEP}; {answer}");
    agents.add("a", Output::Events(EventLines::plain()), &steps).max_steps = Some(3);
    assert_eq!(by(&agents.ask(LONG).await), "a/m");
    let mut agents = Agents::new();
    agents.add("a", Output::Events(EventLines::plain()), &steps).max_steps = Some(2);
    assert!(agents.ask(LONG).await.is_err());
}
