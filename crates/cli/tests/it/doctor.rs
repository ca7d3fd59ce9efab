//! `belay doctor`: what it says of what is well and what is not, and that it
//! leaves nothing behind.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;
use simulated_models::{ModelScript, Script, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::harness::{Bench, Ran, finish, server};

const ROLES: &str = "roles:\n  planner: { chain: [a/plan, b/plan] }\n  coder: { chain: [a/code, b/code] }\n  reviewer: { chain: [b/review, a/plan] }\n";

fn bench() -> Bench {
    Bench::with_files([("README.md", "a project\n")])
}

async fn models() -> Server {
    let script = Script::with_model("plan", ModelScript::default())
        .and_model("code", ModelScript::default())
        .and_model("review", ModelScript::default());
    server(script).await
}

/// Runs it, and compares every file there is.
async fn doctor(bench: &Bench, args: &[&str]) -> Ran {
    let before = everything(bench);
    let mut all = vec!["doctor"];
    all.extend(args);
    let ran = bench.belay(&all).await;
    assert_eq!(everything(bench), before, "looking changes nothing");
    ran
}

/// Every file that there is, also those of git and of the cache.
fn everything(bench: &Bench) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![bench.root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && !path.is_symlink() {
                folders.push(path.clone());
                files.insert(path, Vec::new());
            } else {
                let content = std::fs::read(&path).expect("a file");
                files.insert(path, content);
            }
        }
    }
    files
}

/// The report without what is this machine's: paths, ports, room, versions.
fn report(bench: &Bench, server: Option<&Server>, text: &str) -> String {
    let root = bench.root().canonicalize().expect("a path").display().to_string();
    let mut text = text.replace(&root, "ROOT").replace(&bench.root().display().to_string(), "ROOT");
    if let Some(server) = server {
        text = text.replace(&server.base_url(), "http://SERVER/v1");
    }
    let mut lines = Vec::new();
    let mut skipping = false;
    for line in text.lines() {
        // What this machine can confine is told by the tests of that.
        if line.contains(" tests: ") {
            lines.push("  ...       tests: ...".to_owned());
            skipping = true;
            continue;
        }
        if skipping && line.starts_with("            ") {
            continue;
        }
        skipping = false;
        lines.push(masked(masked(line.to_owned(), "git version "), ": "));
    }
    // The count depends on what this machine can confine, too.
    lines.pop();
    lines.join("\n")
}

/// Room and versions are numbers of the machine's own.
fn masked(line: String, before: &str) -> String {
    let Some((head, tail)) = line.split_once(before) else { return line };
    let numbers =
        tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
    let is_room =
        tail[numbers..].starts_with(" GiB free") || tail[numbers..].starts_with(" MiB free");
    if before == "git version " || is_room {
        return format!("{head}{before}N{}", &tail[numbers..]);
    }
    line
}

fn checks(ran: &Ran) -> Vec<Value> {
    let report: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    report["checks"].as_array().expect("checks").clone()
}

fn named<'a>(checks: &'a [Value], name: &str) -> &'a Value {
    checks.iter().find(|check| check["name"] == name).expect(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn all_is_well() {
    let server = models().await;
    let bench = bench();
    bench.config(&server, ROLES);
    let ran = doctor(&bench, &[]).await.exits(0);
    assert_eq!(ran.stderr, "");
    insta::assert_snapshot!(report(&bench, Some(&server), &ran.stdout));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_check_is_an_object_for_scripts() {
    let server = models().await;
    let bench = bench();
    bench.config(&server, ROLES);
    let ran = doctor(&bench, &["--format", "json"]).await.exits(0);
    assert_eq!(ran.stdout.lines().count(), 1);
    let checks = checks(&ran);
    for check in &checks {
        let fields = check.as_object().expect("an object");
        let names: Vec<&str> = fields.keys().map(String::as_str).collect();
        assert_eq!(names, ["name", "state", "message", "mend"], "{check}");
        assert!(["ok", "warn", "fail"].contains(&check["state"].as_str().expect("text")));
        assert_eq!(check["mend"].is_null(), check["state"] == "ok", "{check}");
    }
    let names: Vec<&str> = checks.iter().filter_map(|check| check["name"].as_str()).collect();
    insta::assert_snapshot!(names.join("\n"));
    server.stop().await;
}

/// A server that answers every request alike, and what it was asked.
async fn refusing(status: &'static str) -> (String, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a request");
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            asked.push(stream.read_u8().await.expect("a byte"));
        }
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.expect("written");
        String::from_utf8(asked).expect("text")
    });
    (url, serving)
}

/// An address where nobody listens.
async fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    format!("http://{}/v1", listener.local_addr().expect("an address"))
}

/// Trap 39: a key is told by its variable's name, never by its value, nor is an
/// address's query.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_with_its_mend() {
    let server = models().await;
    let (refused, serving) = refusing("401 Unauthorized").await;
    let (broken, breaking) = refusing("503 Service Unavailable").await;
    let down = nowhere().await;
    let bench = bench();
    let url = server.base_url();
    bench.write(
        "belay.yaml",
        &format!(
            "providers:\n  good: {{ kind: openai, base_url: \"{url}\", api_key_env: KEY_A }}\n  refused: {{ kind: openai, base_url: \"{refused}?token=secret-query\", api_key_env: KEY_B }}\n  trouble: {{ kind: openai, base_url: \"{broken}\" }}\n  down: {{ kind: openai, base_url: \"{down}\" }}\n  unset: {{ kind: openai, base_url: \"{down}\", api_key_env: KEY_C }}\nroles:\n  planner: {{ chain: [good/plan, unset/plan] }}\n  coder: {{ chain: [good/coed, down/code] }}\n  reviewer: {{ chain: [refused/x, good/plan] }}\ndegradation: {{ templates: own }}\n"
        ),
    );
    bench.write("own/blocked.md.j2", "# Help\n\n{{ reson }}\n");
    bench.write("own/plans.yaml.j2", "");
    bench.git(&["config", "--unset", "user.name"]);
    let ran = doctor(&bench, &[]).await.exits(1);
    let asked = serving.await.expect("asked");
    assert!(asked.starts_with("GET /v1/models?token=secret-query HTTP/1.1"), "{asked}");
    assert!(asked.contains("authorization: Bearer key-b"), "{asked}");
    breaking.await.expect("asked");
    for secret in ["key-a", "key-b", "secret-query"] {
        assert!(!ran.stdout.contains(secret), "{}", ran.stdout);
    }
    let text = [(refused, "REFUSED"), (broken, "TROUBLE"), (down, "DOWN")]
        .iter()
        .fold(ran.stdout.clone(), |text, (url, name)| text.replace(url, &format!("http://{name}")));
    insta::assert_snapshot!(report(&bench, Some(&server), &text));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn offline_nobody_is_asked() {
    let bench = bench();
    let down = nowhere().await;
    bench.write(
        "belay.yaml",
        &format!("providers:\n  a: {{ kind: openai, base_url: \"{down}\" }}\nroles:\n  planner: {{ chain: [a/x] }}\n  coder: {{ chain: [a/x] }}\n  reviewer: {{ chain: [a/x] }}\n"),
    );
    doctor(&bench, &[]).await.exits(1);
    let ran = doctor(&bench, &["--offline", "--format", "json"]).await.exits(0);
    let checks = checks(&ran);
    assert_eq!(named(&checks, "endpoints")["message"], "not asked (--offline)");
}

/// A server that takes the connection and says nothing has five seconds.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_endpoint_is_given_up() {
    let bench = bench();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    bench.write(
        "belay.yaml",
        &format!("providers:\n  a: {{ kind: openai, base_url: \"http://{address}/v1\" }}\n  b: {{ kind: openai, base_url: \"http://{address}/v1\" }}\nroles:\n  planner: {{ chain: [a/x] }}\n  coder: {{ chain: [a/x] }}\n  reviewer: {{ chain: [b/x] }}\n"),
    );
    let ran = doctor(&bench, &["--format", "json"]).await.exits(1);
    for name in ["endpoint a", "endpoint b"] {
        let checks = checks(&ran);
        let check = named(&checks, name);
        let wanted = format!("http://{address}/v1 does not answer within 5 s");
        assert_eq!((&check["state"], &check["message"]), (&"fail".into(), &wanted.into()));
    }
    drop(listener);
}

/// The name is one that never exists. A machine whose resolver is out of reach
/// may take longer to say so than a connection has.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_cannot_be_resolved_is_told_as_such() {
    let bench = bench();
    bench.write(
        "belay.yaml",
        "providers:\n  a: { kind: openai, base_url: \"http://no-such-host.invalid/v1\" }\nroles:\n  planner: { chain: [a/x] }\n  coder: { chain: [a/x] }\n  reviewer: { chain: [a/x] }\n",
    );
    let ran = doctor(&bench, &["--format", "json"]).await.exits(1);
    let checks = checks(&ran);
    let message = named(&checks, "endpoint a")["message"].as_str().expect("text");
    let told = [
        "the name no-such-host.invalid cannot be resolved (DNS)",
        "no connection to http://no-such-host.invalid/v1 within 3 s",
    ];
    assert!(told.contains(&message), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_config_that_cannot_be_used_hides_nothing_else() {
    let bench = bench();
    bench.write("belay.yaml", "roles:\n  planner: { chian: [a/b] }\n");
    let ran = doctor(&bench, &["--offline"]).await.exits(1);
    assert_eq!(ran.stderr, "");
    insta::assert_snapshot!(report(&bench, None, &ran.stdout));
    let ran = doctor(&bench, &["--offline", "--config", "gone.yaml", "--format", "json"]).await;
    let checks = checks(&ran.exits(1));
    let check = named(&checks, "config");
    assert_eq!(check["state"], "fail", "{check}");
    assert!(check["message"].as_str().expect("text").contains("gone.yaml"), "{check}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_works_where_no_run_could() {
    let bench = bench();
    bench.git(&["init", "-q", "../fresh"]);
    std::fs::create_dir(bench.root().join("plain")).expect("a folder");
    let mut reports = Vec::new();
    for place in ["fresh", "plain"] {
        let path = bench.root().join(place).display().to_string();
        let ran = doctor(&bench, &["--offline", "--repo", &path]).await.exits(1);
        reports.push(report(&bench, None, &ran.stdout));
    }
    insta::assert_snapshot!(reports.join("\n\n"));
    let ran = doctor(&bench, &["--repo", "missing"]).await.exits(2);
    assert!(ran.stderr.contains("missing is not a folder"), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_git_it_says_so() {
    let bench = bench();
    let empty = bench.root().join("empty");
    std::fs::create_dir(&empty).expect("a folder");
    let mut command = bench.command(&["doctor", "--offline", "--format", "json"]);
    command.env("PATH", &empty);
    let ran = finish(command.spawn().expect("belay starts")).await.exits(1);
    let checks = checks(&ran);
    let check = named(&checks, "git");
    assert_eq!(check["message"], "program not found: git");
    assert_eq!(check["mend"], "install git 2.36 or newer, on the PATH of this process");
    assert_eq!(named(&checks, "repository")["state"], "fail");
}

/// A state that is there is read, and says the same as before.
#[tokio::test(flavor = "multi_thread")]
async fn the_state_is_read_without_a_lease() {
    let server = models().await;
    let bench = bench();
    bench.config(&server, ROLES);
    bench.write("ideas/backlog/001-a.md", "# A\n\nDo it.\n");
    bench.belay(&["run", "--dry-run"]).await.exits(0);
    let args = ["doctor", "--offline", "--format", "json"];
    let list = ["runs", "list", "--format", "json"];
    let before = (bench.persons_things(), bench.belay(&list).await.exits(0).stdout);
    let ran = bench.belay(&args).await.exits(0);
    assert_eq!(named(&checks(&ran), "state")["message"], "runs so far: 1");
    assert_eq!((bench.persons_things(), bench.belay(&list).await.exits(0).stdout), before);

    let state = bench.repo.join(".git/belay");
    for name in ["state.db-wal", "state.db-shm"] {
        // They are there only where the last process did not tidy up.
        let _gone = std::fs::remove_file(state.join(name));
    }
    std::fs::write(state.join("state.db"), "not a database\n".repeat(400)).expect("a file");
    let ran = bench.belay(&args).await.exits(1);
    let checks = checks(&ran);
    let check = named(&checks, "state");
    assert_eq!(check["state"], "fail");
    assert!(check["message"].as_str().expect("text").contains("state.db"), "{check}");
    server.stop().await;
}
