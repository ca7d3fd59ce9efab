//! `belay doctor --probe`, and programs that are found with their logins: what a person sees before
//! the first run.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::json;
use simulated_models::{Fault, ModelScript, Script};

use crate::harness::{Bench, Ran, finish, server};

/// It prints what a model of codex said, as `codex exec --json` does, and notes that it was asked.
const CODEX: &str = r#"#!/bin/sh
[ "$1" = --version ] && { echo codex-cli 9.9.9; exit; }
cat > /dev/null
echo asked >> NOTES
cat ANSWER
"#;

fn script(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
    fs::write(path, text).expect("a script");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("executable");
}

/// A machine on which codex is there, and answers this.
fn bench(answer: &str) -> Bench {
    let bench = Bench::with_files([("README.md", "a project\n")]);
    let (notes, file) = (bench.root().join("notes"), bench.root().join("answer"));
    let item =
        json!({ "type": "item.completed", "item": { "type": "agent_message", "text": answer } });
    let usage = json!({ "type": "turn.completed", "usage": { "input_tokens": 1000, "output_tokens": 100 } });
    fs::write(&file, format!("{item}\n{usage}\n")).expect("an answer");
    let text = CODEX.replace("NOTES", &notes.display().to_string());
    let text = text.replace("ANSWER", &file.display().to_string());
    script(&bench.root().join("bin/codex"), &text);
    bench
}

fn log_in(bench: &Bench) {
    let folder = bench.root().join("home/.codex");
    fs::create_dir_all(&folder).expect("a folder");
    let auth = json!({ "tokens": { "access_token": "secret-token", "account_id": "acc-1" } });
    fs::write(folder.join("auth.json"), auth.to_string()).expect("a login");
}

async fn doctor(bench: &Bench, args: &[&str]) -> Ran {
    let path = bench.env().remove("PATH").expect("a path");
    let mut command = bench.command(&[&["doctor"], args].concat());
    command.env("PATH", format!("{}:{path}", bench.root().join("bin").display()));
    // What else is installed on this machine has no login in the test's home.
    finish(command.spawn().expect("belay starts")).await
}

/// The lines about models, without what differs from run to run.
fn lines(ran: &Ran) -> String {
    let about = ["models: ", "program codex", "login ", "probe "];
    let lines = ran.stdout.lines().filter(|line| about.iter().any(|part| line.contains(part)));
    let masked = lines.map(|line| match line.split_once(" in ") {
        Some((before, after)) => match after.split_once(" s") {
            Some((span, rest)) if span.parse::<f64>().is_ok() => format!("{before} in N s{rest}"),
            _ => line.to_owned(),
        },
        None => line.to_owned(),
    });
    masked.map(|line| line.trim_start().to_owned()).collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_with_a_login_is_found_and_probed() {
    let bench = bench(r#"{"sum": 5}"#);
    log_in(&bench);
    // A server on this machine would come after it.
    bench.write("belay.yaml", "failover: { max_models: 1 }\n");
    let ran = doctor(&bench, &["--probe"]).await;
    assert!(!ran.stdout.contains("secret-token"), "{}", ran.stdout);
    insta::assert_snapshot!(lines(&ran), @r#"
    ok        models: 1 for the planner, 1 for the coder, 1 for the reviewer
    ok        login codex: a ChatGPT account, acc-1
    ok        program codex: codex is there: codex-cli 9.9.9
    ok        probe codex/gpt-5.4: answers in N s, 1100 tokens, 0.0040 USD
    ok        probe codex/gpt-5.4-mini: answers in N s, 1100 tokens, 0.0012 USD
    "#);
    let asked = fs::read_to_string(bench.root().join("notes")).expect("asked");
    assert_eq!(asked.lines().count(), 2, "each model once");
}

/// Its installation alone changes nothing, and nobody is asked unasked.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_without_a_login_is_left_out() {
    let bench = bench(r#"{"sum": 5}"#);
    let ran = doctor(&bench, &["--offline"]).await;
    insta::assert_snapshot!(lines(&ran), @"warn      models: none for the planner, none for the coder, none for the reviewer; templates answer for the rest (local servers were not looked for)");
    assert!(!bench.root().join("notes").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_model_of_the_chains_is_asked_once_and_says_how_it_is() {
    let models = Script::with_model("plan", ModelScript::good())
        .and_model("code", ModelScript::failing(Fault::status(401)))
        .and_model("review", ModelScript::failing(Fault::rate_limited("60")));
    let server = server(models).await;
    let bench = bench("I would rather not");
    let url = server.base_url();
    bench.write(
        "belay.yaml",
        &format!(
            "providers:\n  a: {{ kind: openai, base_url: \"{url}\", api_key_env: KEY_A }}\n  codex: {{ kind: command, preset: codex, api_key_env: KEY_B }}\nmodels:\n  a/plan: {{ usd_per_million_input: 100, usd_per_million_output: 100 }}\nroles:\n  planner: {{ chain: [a/plan, a/code] }}\n  coder: {{ chain: [a/code, codex/gpt-5.4] }}\n  reviewer: {{ chain: [a/review, a/plan] }}\n"
        ),
    );
    let ran = doctor(&bench, &["--probe"]).await.exits(1);
    for secret in ["key-a", "key-b"] {
        assert!(!ran.stdout.contains(secret), "{}", ran.stdout);
    }
    insta::assert_snapshot!(lines(&ran), @r#"
    ok        models: 2 for the planner, 2 for the coder, 2 for the reviewer
    ok        program codex: codex is there: codex-cli 9.9.9
    fail      probe a/code: auth in N s: status 401: Incorrect API key provided.
    fail      probe a/plan: invalid_output in N s, 15 tokens, 0.0015 USD: does not fit the schema: at "": "sum" is a required property
    warn      probe a/review: rate_limited in N s: status 429: Rate limit reached for requests.
    fail      probe codex/gpt-5.4: invalid_output in N s, 1100 tokens, 0.0040 USD: the answer is not JSON: expected value at line 1 column 1
    "#);
    // Runs learn nothing of it.
    assert!(!bench.repo.join(".git/belay/state.db").exists());
    server.stop().await;
}
