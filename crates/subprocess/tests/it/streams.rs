//! What goes in and comes out: environment, input, bounded output.

use subprocess::{Ended, Output, run, run_watched};
use tokio_util::sync::CancellationToken;

use crate::{limits, sh};

async fn output(script: &str, stdin: &[u8], kept: usize) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let command = limits(sh(script, dir.path()).stdin(stdin), |limits| {
        limits.output = kept;
    });
    run(&command, &CancellationToken::new()).await.unwrap()
}

#[tokio::test]
async fn the_child_sees_only_the_given_environment() {
    let dir = tempfile::tempdir().unwrap();
    let command = subprocess::Command::new("/usr/bin/env", dir.path())
        .env([("ONE", "1"), ("TWO", "two words")]);
    let output = run(&command, &CancellationToken::new()).await.unwrap();
    assert_eq!(output.stdout.text(), "ONE=1\nTWO=two words\n");
}

#[tokio::test]
async fn input_is_fed_while_output_is_read_and_then_closed() {
    // Larger than all pipe buffers together: one after the other would hang.
    let input: Vec<u8> = (0..4_000_000_u32).map(|i| (i % 251) as u8).collect();
    let output = output("cat; cat >&2", &input, 8_000_000).await;
    assert_eq!(output.ended, Ended::Exited(0));
    assert!(output.stdout.bytes == input);
    assert_eq!(output.stderr.bytes, b"");
}

#[tokio::test]
async fn a_child_that_does_not_read_its_input_is_no_error() {
    let output = output("echo done", &vec![b'x'; 1_000_000], 100).await;
    assert_eq!(output.ended, Ended::Exited(0));
    assert_eq!(output.stdout.text(), "done\n");
}

#[tokio::test]
async fn an_output_bomb_keeps_its_head_and_tail_only() {
    let script = "echo first; yes | head -c 200000000; echo last; echo apart >&2";
    let output = output(script, b"", 64 * 1024).await;
    assert_eq!(output.ended, Ended::Exited(0));
    assert_eq!(output.stdout.bytes.len(), 64 * 1024);
    assert_eq!(output.stdout.dropped, 200_000_000 + 11 - 64 * 1024);
    let text = output.stdout.text();
    assert!(text.starts_with("first\ny\n"));
    assert!(text.ends_with("y\nlast\n"));
    assert!(text.contains("bytes dropped"));
    assert_eq!(output.stderr.text(), "apart\n");
}

#[tokio::test]
async fn bytes_that_are_no_text_are_kept_as_they_are() {
    let output = output("printf '\\377\\376\\000ok'", b"", 100).await;
    assert_eq!(output.stdout.bytes, b"\xff\xfe\0ok");
    assert_eq!(output.stdout.text(), "\u{fffd}\u{fffd}\0ok");
}

#[tokio::test]
async fn the_end_of_a_pipeline_may_outlive_the_child_for_a_moment() {
    let output = output("(sleep 0.02; echo late) & echo early", b"", 100).await;
    assert_eq!(output.stdout.text(), "early\nlate\n");
}

/// And while it runs: the child waits for what its first line brings about.
#[tokio::test]
async fn each_line_is_shown_while_the_child_runs() {
    let dir = tempfile::tempdir().unwrap();
    let mut seen = Vec::new();
    let script = "echo one; while [ ! -e go ]; do sleep 0.01; done; echo two >&2; printf three";
    let mut watch = |line: &[u8]| {
        seen.push(String::from_utf8_lossy(line).into_owned());
        std::fs::write(dir.path().join("go"), "").unwrap();
    };
    let command = sh(script, dir.path());
    let output = run_watched(&command, &CancellationToken::new(), &mut watch).await.unwrap();
    assert_eq!(output.ended, Ended::Exited(0));
    assert_eq!(seen, ["one", "three"]);
    assert_eq!(output.stdout.text(), "one\nthree");
}

/// With all that it started, also while it floods its output.
#[tokio::test]
async fn a_watcher_ends_a_child_that_would_print_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let cancel = CancellationToken::new();
    let (mut steps, stop) = (0, cancel.clone());
    let mut watch = |line: &[u8]| {
        steps += usize::from(line == b"step");
        if steps == 1_000 {
            stop.cancel();
        }
    };
    let command = sh("sleep 1000 & yes step", dir.path());
    let output = run_watched(&command, &cancel, &mut watch).await.unwrap();
    assert_eq!(output.ended, Ended::Cancelled);
    assert!(output.elapsed < crate::LONG, "{:?}", output.elapsed);
    assert!(steps >= 1_000 && output.stdout.text().starts_with("step\n"));
}
