//! `belay status` while a run is worked on, and `--watch`: in a terminal and piped.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use simulated_models::{Fault, ModelScript};
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader,
};
use tokio::process::Child;

use crate::harness::{Bench, finish, installed, server};
use crate::metrics::{bench, script};

/// Longer than anything here takes, so that a hang fails instead of waiting.
const LIMIT: Duration = Duration::from_secs(120);

/// Reads until the text that was read has this in it; all of it.
async fn read_until(from: &mut (impl AsyncRead + Unpin), wanted: &str) -> String {
    let mut text = Vec::new();
    let read = async {
        while !String::from_utf8_lossy(&text).contains(wanted) {
            let mut some = [0; 4096];
            let number = from.read(&mut some).await.expect("output");
            assert!(number > 0, "it ended before {wanted}: {}", String::from_utf8_lossy(&text));
            text.extend_from_slice(&some[..number]);
        }
    };
    let in_time = tokio::time::timeout(LIMIT, read).await;
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(in_time.is_ok(), "no {wanted} in time: {text}");
    text
}

/// A run that waits for its coder's answer for as long as nobody stops it.
async fn waiting_for_a_coder(bench: &Bench) -> Child {
    let mut child = bench.command(&["run", "--format", "json"]).spawn().expect("belay starts");
    let mut lines = BufReader::new(child.stdout.as_mut().expect("a pipe")).lines();
    let asked = async {
        while let Some(line) = lines.next_line().await.expect("output") {
            let event: Value = serde_json::from_str(&line).expect("JSON");
            if event["event"] == "attempt_started" && event["role"] == "coder" {
                return true;
            }
        }
        false
    };
    assert!(tokio::time::timeout(LIMIT, asked).await.expect("in time"), "a coder is asked");
    child
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_in_progress_is_seen_from_outside() {
    let silent = || ModelScript::failing(Fault::Stall { after_chunks: 0 });
    let server = server(script("Numbers").and_model("first", silent())).await;
    let bench = bench(&server);
    let run = waiting_for_a_coder(&bench).await;
    let seen = bench.belay(&["status", "--format", "json"]).await.exits(0);
    let seen: Value = serde_json::from_str(&seen.stdout).expect("JSON");
    assert_eq!(seen["run"]["status"], "running");
    let working = &seen["working"];
    assert_eq!((&working["milestone"], &working["step"]), (&1.into(), &"implement".into()));
    assert_eq!(working["asking"][0]["model"], "a/first", "{working}");
    assert!(working["elapsed_ms"].is_u64() && working["step_ms"].is_u64(), "{working}");
    assert_eq!(seen["lights"]["primary"]["light"], "critical", "{seen}");
    let told = bench.belay(&["status"]).await.exits(0).stdout;
    for part in ["implementing for ", "milestone 1 of 2, Numbers", ".py: a/first (try 1), "] {
        assert!(told.contains(part), "{part} is missing in\n{told}");
    }
    bench.kill("-INT", &run.id().expect("a process").to_string());
    finish(run).await.exits(0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn piped_it_prints_a_frame_for_each_change() {
    let server = server(script("Numbers")).await;
    let bench = bench(&server);
    let mut watching = bench.command(&["status", "--watch"]).spawn().expect("belay starts");
    let mut out = watching.stdout.take().expect("a pipe");
    let first = read_until(&mut out, "\n\n").await;
    assert!(first.contains("No run is being worked on"), "{first}");
    bench.belay(&["run", "-q"]).await.exits(0);
    let rest = read_until(&mut out, "completed    001-numbers").await;
    assert!(!rest.contains('\u{1b}'), "{rest:?}");
    bench.kill("-INT", &watching.id().expect("a process").to_string());
    finish(watching).await.exits(0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_when_nobody_reads_any_more() {
    let server = server(script("Numbers")).await;
    let bench = bench(&server);
    let mut watching = bench.command(&["status", "--watch"]).spawn().expect("belay starts");
    let mut out = watching.stdout.take().expect("a pipe");
    read_until(&mut out, "\n\n").await;
    drop(out);
    bench.belay(&["run", "-q"]).await.exits(0);
    finish(watching).await.exits(0);
    server.stop().await;
}

/// Keys reach it as a person's do: through the terminal.
#[tokio::test(flavor = "multi_thread")]
async fn in_a_terminal_it_is_drawn_in_place_until_ctrl_c() {
    if !installed("script") {
        eprintln!("skipped: there is no `script` (util-linux) to make a pseudo-terminal");
        return;
    }
    let bench = Bench::with_files([("belay.yaml", "providers: {}\n")]);
    let belay = env!("CARGO_BIN_EXE_belay");
    let inside = format!("stty cols 80 rows 24; exec '{belay}' status --watch");
    let mut command = tokio::process::Command::new("script");
    command
        .args(["-qfec", &inside, "/dev/null"])
        .current_dir(&bench.repo)
        .env_clear()
        .envs(bench.env())
        .envs([("TERM", "xterm-256color"), ("SHELL", "/bin/sh")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut watching = command.spawn().expect("script starts");
    let mut out = watching.stdout.take().expect("a pipe");
    // The second frame begins by going up to where the first one began.
    let mut drawn = read_until(&mut out, "\u{1b}[6A").await;
    assert!(drawn.starts_with("\u{1b}[?25l"), "{drawn:?}");
    let mut keys = watching.stdin.take().expect("a pipe");
    keys.write_all(b"\x03").await.expect("a key");
    out.read_to_string(&mut drawn).await.expect("output");
    assert!(drawn.contains("belay status, Ctrl-C ends"), "{drawn:?}");
    assert!(drawn.trim_end().ends_with("\u{1b}[?25h"), "the cursor is back: {drawn:?}");
    finish(watching).await.exits(0);
}
