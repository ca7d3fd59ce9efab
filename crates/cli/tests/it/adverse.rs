//! What may be wrong around a run: records that are damaged, output that nobody
//! reads, a program that hangs. None of it takes other runs or the time limit along.

use std::time::Duration;

use serde_json::{Value, json};
use simulated_models::{Answers, Script};

use crate::harness::{Bench, finish, server};
use crate::recovery::{ROLES, answers, bench, hanging_from};

/// Changes the first record of every run behind the store's back.
fn damage(bench: &Bench) {
    let state =
        rusqlite::Connection::open(bench.repo.join(".git/belay/state.db")).expect("a state");
    let changed = state.execute("UPDATE records SET body = '{}' WHERE seq = 1", []);
    assert_eq!(changed, Ok(1));
}

/// One run that cannot be read hides no other, and looking mends nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_run_does_not_hide_the_others() {
    let server = server(Script::default().with_answers(answers())).await;
    let bench = bench();
    bench.config(&server, ROLES);
    let begun = bench.belay(&["run", "001", "--dry-run", "--format", "json"]).await.exits(0);
    let run = begun.events()[0]["run"].as_str().expect("a run").to_owned();
    damage(&bench);
    bench.write("ideas/backlog/002-letters.md", "# Letters\n\nAdd letters.\n");
    bench.belay(&["run", "002", "--dry-run"]).await.exits(0);
    let listed = bench.belay(&["runs", "list", "--format", "json"]).await.exits(0);
    let listed: Value = serde_json::from_str(&listed.stdout).expect("JSON");
    let damaged = &listed["runs"][1];
    assert_eq!(
        (&damaged["status"], &damaged["branch"]),
        (&json!("interrupted"), &json!("belay/001-numbers"))
    );
    assert!(
        damaged["reason"].as_str().is_some_and(|why| why.starts_with("its records are damaged: "))
    );
    bench.belay(&["status"]).await.exits(0);
    let shown = bench.belay(&["runs", "show", &run]).await.exits(1);
    let told = shown.stderr.contains("damaged") && shown.stderr.contains(".git/belay/state.db");
    assert!(told && shown.stderr.lines().count() == 1, "{}", shown.stderr);
    bench.belay(&["runs", "verify", &run]).await.exits(1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_is_garbage_is_told_with_its_file_and_its_mend() {
    let bench = bench();
    bench.write(".git/belay/state.db", &"garbage ".repeat(1000));
    let ran = bench.belay(&["runs", "list"]).await.exits(1);
    let told =
        ran.stderr.contains(".git/belay/state.db") && ran.stderr.contains("belay run` sets it");
    assert!(told && ran.stderr.lines().count() == 1, "{}", ran.stderr);
}

/// A pipe that is full and stays so, as one that nobody reads.
fn unread() -> (std::io::PipeReader, std::process::Stdio) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut filler = writer.try_clone().expect("a clone");
    std::thread::spawn(move || {
        // Ends when the test drops the reader.
        let _ended = std::io::Write::write_all(&mut filler, &[b' '; 1 << 22]);
    });
    (reader, writer.into())
}

/// Output that nobody reads holds up neither the time limit nor a signal.
#[tokio::test(flavor = "multi_thread")]
async fn output_that_nobody_reads_holds_nothing_up() {
    let server =
        server(Script::with_model("code", hanging_from("changes", 1)).with_answers(answers()))
            .await;
    for signal in [None, Some("-TERM")] {
        let bench = bench();
        bench.config(&server, ROLES);
        let (_out, stdout) = unread();
        let (_err, stderr) = unread();
        let timeout = if signal.is_some() { "10m" } else { "4s" };
        let args = ["run", "001", "--format", "json", "-vv", "--strict", "--timeout", timeout];
        let asked = server.requests().len();
        let mut child = bench.command(&args).stdout(stdout).stderr(stderr).spawn().expect("belay");
        server.wait_for_requests(asked + 3).await;
        if let Some(signal) = signal {
            bench.kill(signal, &child.id().expect("a pid").to_string());
        }
        let ended = tokio::time::timeout(Duration::from_secs(20), child.wait()).await;
        assert_eq!(ended.expect("an end in time").expect("a state").code(), Some(75), "{signal:?}");
        let heads = bench.belay(&["runs", "list", "--format", "json"]).await.exits(0);
        let heads: Value = serde_json::from_str(&heads.stdout).expect("JSON");
        assert_eq!(heads["runs"][0]["status"], "interrupted", "{signal:?}");
    }
    server.stop().await;
}

/// Whatever hangs, the process has ended soon after its time, with what it started.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn the_process_ends_in_time_whatever_hangs() {
    use std::os::unix::fs::PermissionsExt;
    let bench = bench();
    let bin = bench.root().join("bin");
    std::fs::create_dir_all(&bin).expect("a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    let script = format!(
        "#!/bin/sh\nfor word; do [ \"$word\" = status ] && echo $$ > {}/pid && exec sleep 100; done\nPATH='{path}' exec git \"$@\"\n",
        bin.display()
    );
    std::fs::write(bin.join("git"), script).expect("a program");
    std::fs::set_permissions(bin.join("git"), PermissionsExt::from_mode(0o755)).expect("a mode");
    for (args, code) in
        [(["run", "--timeout", "1s", "-q"], 0), (["run", "--timeout", "1s", "--strict"], 75)]
    {
        let mut command = bench.command(&args);
        command.env("PATH", format!("{}:{path}", bin.display()));
        let child = command.spawn().expect("belay");
        let ran = tokio::time::timeout(Duration::from_secs(20), finish(child)).await;
        let ran = ran.expect("an end in time").exits(code);
        assert!(ran.stderr.contains("something hangs"), "{}", ran.stderr);
        let pid = std::fs::read_to_string(bin.join("pid")).expect("git was asked");
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
        assert!(
            stat.is_ok_and(|stat| stat.contains(") Z "))
                || !std::path::Path::new(&format!("/proc/{}", pid.trim())).exists()
        );
    }
}

/// A key that a model has got hold of is neither committed nor shown.
#[tokio::test(flavor = "multi_thread")]
async fn the_value_of_a_key_is_not_committed() {
    let leaking = Answers {
        analysis: json!({
            "understanding": "It is planted-key-0001.", "complexity": "low", "confidence": 0.9,
            "risks": [], "questions": [],
        }),
        ..Answers::creating([("one.py", "TOKEN = 'planted-key-0001'\n")])
    };
    let server = server(Script::default().with_answers(leaking)).await;
    let bench = bench();
    bench.config(&server, ROLES);
    let mut command = bench.command(&["run", "001", "--format", "json"]);
    command.env("KEY_A", "planted-key-0001");
    let ran = finish(command.spawn().expect("belay")).await.exits(0);
    assert_eq!(ran.named("run_finished")[0]["status"], "blocked", "{}", ran.stderr);
    assert!(ran.named("item_failed")[0]["message"].to_string().contains("a secret"));
    assert!(!ran.stdout.contains("planted-key-0001"), "{}", ran.stdout);
    assert!(!ran.stderr.contains("planted-key-0001"), "{}", ran.stderr);
    assert_eq!(bench.git(&["rev-list", "--count", "main..belay/001-numbers"]), "0");
    server.stop().await;
}
