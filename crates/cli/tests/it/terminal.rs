//! What a person sees of a run: in a terminal, and piped into a file.

use std::time::Duration;

use serde_json::{Value, json};
use simulated_models::{Answers, Fault, FileAnswer, ModelScript, Script, Server, Step};
use unicode_width::UnicodeWidthStr;

use crate::harness::{Bench, Ran, finish, installed, server};

const ROLES: &str = "roles:\n  planner: { chain: [a/large, b/small] }\n  coder: { chain: [a/first, b/second, b/third] }\n  reviewer: { chain: [a/large, b/small] }\nrun: { test_command: \"sh check.sh\" }\n";

/// What contract.md promises to those who grep.
const PHRASES: &[&str] = &[
    "Failover Status:",
    "1. a/large [CLOSED]",
    "[FAILOVER] Attempting coder with 3 fallback models",
    "Try #2: a/large",
    "Circuit breaker MONITORING (2/5)",
    "Circuit breaker OPEN",
    "Using degraded mode",
    "Accepting partial results (67% success)",
];

fn milestone(name: &str, files: &[&str]) -> Value {
    json!({ "name": name, "description": "", "files": { "create": files, "modify": [], "delete": [] }, "read": [], "tests": [] })
}

/// Three milestones: of the first one file is written by nobody, and the last
/// is reviewed by nobody.
fn answers() -> Answers {
    let files = ["one.py", "two.py", "three.py", "four.py", "five.py"];
    let plan = json!({
        "milestones": [
            milestone("Numbers", &["one.py", "two.py", "three.py"]),
            milestone("More numbers", &["four.py"]),
            milestone("The last number", &["five.py"]),
        ],
        "risks": [], "success_criteria": [], "confidence": 0.9,
    });
    let change = |file: &str| (file.to_owned(), FileAnswer::create("N = 1\n"));
    Answers { plan, changes: files.map(change).into(), ..Answers::default() }
}

/// The first planner and reviewer is down, which opens its breaker at the third
/// review; the second is down for that one too. No coder can write `two.py`.
fn script(delay: Duration) -> Script {
    let slow = || Step::always(Fault::AnswerAfter { delay });
    let coder = || ModelScript::steps([Step::path("two.py", Fault::WrongSchema), slow()]);
    let small = [Step::schema("review", Fault::status(503)).in_calls(3..), slow()];
    Script::with_model("large", ModelScript::failing(Fault::status(503)))
        .and_model("small", ModelScript::steps(small))
        .and_model("first", coder())
        .and_model("second", coder())
        .and_model("third", coder())
        .with_answers(answers())
}

fn bench(server: &Server) -> Bench {
    let bench = Bench::with_files([
        ("check.sh", "! grep -rq BROKEN --include=*.py .\n"),
        ("ideas/backlog/001-numbers.md", "# Numbers\n\nFive files with a number each.\n"),
    ]);
    bench.config(server, ROLES);
    bench
}

/// Runs the binary in a pseudo-terminal of that many columns; nothing where
/// there is no `script` to make one.
async fn in_terminal(bench: &Bench, columns: usize, args: &str) -> Option<String> {
    if !installed("script") {
        eprintln!("skipped: there is no `script` (util-linux) to make a pseudo-terminal");
        return None;
    }
    let belay = env!("CARGO_BIN_EXE_belay");
    let inside = format!("stty cols {columns} rows 40; exec '{belay}' {args}");
    let mut command = tokio::process::Command::new("script");
    command
        .args(["-qfec", &inside, "/dev/null"])
        .current_dir(&bench.repo)
        .env_clear()
        .envs(bench.env())
        .envs([("TERM", "xterm-256color"), ("SHELL", "/bin/sh")])
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .kill_on_drop(true);
    let ran = finish(command.spawn().expect("script starts")).await.exits(0);
    Some(ran.stdout)
}

/// The text as it was drawn, one piece for each start at the left margin. Live
/// lines fill the width instead of ending, so several are drawn in one go.
fn drawn(output: &str, columns: usize) -> Vec<String> {
    let mut text = String::new();
    let mut rest = output.chars();
    while let Some(c) = rest.next() {
        if c != '\u{1b}' {
            text.push(c);
            continue;
        }
        let last = rest.by_ref().skip(1).find(|c| ('\u{40}'..='\u{7e}').contains(c));
        // Colour stays within a line; everything else moves or clears.
        if last != Some('m') {
            text.push('\r');
        }
    }
    let pieces = text.split(['\n', '\r']).flat_map(|piece| {
        let letters: Vec<char> = piece.chars().collect();
        let most = if is_live(piece) { columns } else { letters.len().max(1) };
        letters.chunks(most).map(|line| line.iter().collect::<String>()).collect::<Vec<_>>()
    });
    pieces.map(|piece| piece.trim_end().to_owned()).filter(|piece| !piece.is_empty()).collect()
}

fn unwrapped(lines: &[String]) -> String {
    lines.iter().flat_map(|line| line.split_whitespace()).collect::<Vec<_>>().join(" ")
}

/// A line of what is under way: minutes, seconds, and what they are spent on.
fn is_live(line: &str) -> bool {
    let time = line.split_whitespace().next().unwrap_or_default();
    let clock = time.split_once(':').is_some_and(|(minutes, seconds)| {
        minutes.parse::<u32>().is_ok() && seconds.len() == 2 && seconds.parse::<u32>().is_ok()
    });
    clock && line.starts_with("   ")
}

async fn shows_a_run_in(columns: usize) {
    let server = server(script(Duration::from_millis(700))).await;
    let bench = bench(&server);
    let Some(output) = in_terminal(&bench, columns, "run").await else { return };
    let lines = drawn(&output, columns);
    let wide: Vec<&String> = lines.iter().filter(|line| line.width() > columns).collect();
    assert!(wide.is_empty(), "wider than {columns}: {wide:#?}");
    let text = unwrapped(&lines);
    for phrase in PHRASES {
        assert!(text.contains(phrase), "{phrase} is missing in {columns} columns:\n{output}");
    }
    let live: Vec<&String> = lines.iter().filter(|line| is_live(line)).collect();
    for under_way in
        ["planner   b/small (try 3)", "item 1    coder a/first", "item 3    coder a/first"]
    {
        assert!(live.iter().any(|line| line.contains(under_way)), "{under_way}: {live:#?}");
    }
    assert!(output.contains("\u{1b}[33m"), "colours stand in a terminal");
    let end = lines.iter().rposition(|line| is_live(line)).expect("a live line");
    let summary = lines[end..].iter().any(|line| line == "Run completed, partial, degraded");
    assert!(summary, "the summary stands below all that was live: {text}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_fits_a_terminal_of_80_columns() {
    shows_a_run_in(80).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_fits_a_terminal_of_50_columns() {
    shows_a_run_in(50).await;
}

/// What a model names things is not what the terminal does.
/// A coding agent that wants a password would be stopped by the system, and never be heard of.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_asks_on_the_terminal_is_left_at_once() {
    let bench = Bench::with_files([("ideas/backlog/001-numbers.md", "# Numbers\n\nAdd one.py.\n")]);
    let asks = "#!/bin/sh\ncat > /dev/null\necho 'Password for agent:'\nread password < /dev/tty\necho '{}'\n";
    crate::programs::script(&bench.root().join("asks.sh"), asks);
    let chain = "{ chain: [asks/m] }";
    let text = format!(
        "providers: {{ asks: {{ kind: command, command: [{}] }} }}\nroles: {{ planner: {chain}, coder: {chain}, reviewer: {chain} }}\n",
        bench.root().join("asks.sh").display()
    );
    bench.write("belay.yaml", &text);
    let Some(drawn) = in_terminal(&bench, 200, "run 001").await else { return };
    let said = drawn.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.contains("it asks on the terminal, where nobody answers: Password for agent:"),
        "{drawn}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_cannot_steer_the_terminal() {
    let hostile = "x\u{1b}[2J\u{1b}]0;owned\u{7}\u{202e}y\u{200b}z\nforged";
    let mut answers = answers();
    answers.plan["milestones"] = json!([milestone(hostile, &["one.py"])]);
    answers.analysis["understanding"] = json!(hostile);
    answers.review["issues"] = json!([{ "severity": "low", "file": "one.py", "line": 1, "issue": hostile, "suggestion": "" }]);
    let server = server(Script::default().with_answers(answers)).await;
    let bench = bench(&server);
    let Some(output) = in_terminal(&bench, 80, "run").await else { return };
    for steering in ["\u{1b}[2J", "\u{1b}]", "\u{202e}", "\u{200b}"] {
        assert!(!output.contains(steering), "{steering:?} reached the terminal:\n{output:?}");
    }
    let lines = drawn(&output, 80);
    assert!(!lines.iter().any(|line| line.starts_with("forged")), "{lines:#?}");
    assert!(unwrapped(&lines).contains("yz forged"), "the text itself is shown: {lines:#?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn colours_are_left_out_where_they_are_not_wanted() {
    let server = server(Script::default().with_answers(answers())).await;
    let bench = bench(&server);
    let Some(output) = in_terminal(&bench, 80, "--color never run").await else { return };
    assert!(!output.contains("\u{1b}[3") && !output.contains("\u{1b}[1m"), "{output:?}");
    server.stop().await;
}

async fn piped(args: &[&str], script: Script) -> Ran {
    let server = server(script).await;
    let bench = bench(&server);
    let ran = bench.belay(args).await.exits(0);
    server.stop().await;
    ran
}

/// What differs from run to run: ids, commits, times, tokens.
const FILTERS: &[(&str, &str)] = &[
    (r"\b[0-9A-HJKMNP-TV-Z]{26}\b", "[run]"),
    (r"\b[0-9a-f]{10}\b", "[commit]"),
    (r"\b\d+ ms\b|\b\d+\.\d s\b|\b\d+ min \d+ s\b", "[time]"),
    (r"\d+ tokens in, \d+ out", "[tokens]"),
    (r"http://127\.0\.0\.1:\d+", "[server]"),
];

/// Coders work side by side; within a part of the transcript each one's lines
/// keep their order, and stand together.
fn by_item(transcript: &str) -> String {
    let parts = transcript.split("\n\n").map(|part| {
        let mut lines: Vec<&str> = part.lines().collect();
        let item = |line: &&str| {
            let label = line.get(..11).filter(|label| label.starts_with("  item "));
            label.unwrap_or_default().to_owned()
        };
        let first = lines.iter().position(|line| !item(line).is_empty());
        let last = lines.iter().rposition(|line| !item(line).is_empty());
        if let (Some(first), Some(last)) = (first, last) {
            lines[first..=last].sort_by_key(item);
        }
        lines.join("\n")
    });
    parts.collect::<Vec<_>>().join("\n\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_piped_run_is_plain_lines() {
    let ran = piped(&["run"], script(Duration::ZERO)).await;
    let text = format!("{}{}", ran.stderr, ran.stdout);
    assert!(!text.contains(['\u{1b}', '\r']), "{text:?}");
    for phrase in PHRASES {
        assert!(text.contains(phrase), "{phrase} is missing:\n{text}");
    }
    insta::with_settings!({ filters => FILTERS.iter().copied() }, {
        insta::assert_snapshot!("transcript", by_item(&ran.stderr));
        insta::assert_snapshot!("summary", ran.stdout);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn quiet_leaves_the_summary_only() {
    let ran = piped(&["run", "-q"], script(Duration::ZERO)).await;
    assert_eq!(ran.stderr, "");
    assert!(ran.stdout.contains("Run completed, partial, degraded"), "{}", ran.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn colours_may_be_asked_for_without_a_terminal() {
    let ran = piped(&["run", "--color", "always"], script(Duration::ZERO)).await;
    assert!(
        ran.stderr.contains("\u{1b}[33m") && !ran.stderr.contains("\u{1b}[2K"),
        "{}",
        ran.stderr
    );
    assert!(!ran.stdout.contains('\u{1b}'), "{}", ran.stdout);
}
