//! Programs as models, through the whole of a run: a chain of two fake agents, and the script that
//! the docs show.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::harness::{Bench, Ran, finish, until};

/// Answers by the schema that stands in the question, and notes what it sees.
pub(crate) const GOOD: &str = r#"#!/bin/sh
env >> "$SEEN"
schema=$(sed -n '/fits this JSON Schema/{n;p;q;}' "$1")
case "$schema" in
*'"code_quality"'*) cat ANSWERS/review ;;
*'"success_criteria"'*) cat ANSWERS/plan ;;
*'"edits"'*) cat ANSWERS/changes ;;
*) cat ANSWERS/analysis ;;
esac
"#;

/// Its quota is used up, which it says in its lines, and it ends well all the same.
const LIMITED: &str = r#"#!/bin/sh
cat > /dev/null
echo '{"type": "text", "text": "{\"understanding\""}'
echo '{"type": "error", "status": 429, "message": "limit reached", "retry_after": 3600}'
"#;

pub(crate) fn answers() -> [(&'static str, Value); 4] {
    [
        (
            "analysis",
            json!({ "understanding": "a number", "complexity": "low", "confidence": 0.9, "risks": [], "questions": [] }),
        ),
        (
            "plan",
            json!({
                "milestones": [{ "name": "One", "description": "", "files": { "create": ["one.py"], "modify": [], "delete": [] }, "read": [], "tests": [] }],
                "risks": [], "success_criteria": [], "confidence": 0.9,
            }),
        ),
        (
            "changes",
            json!({ "files": [{ "path": "one.py", "action": "create", "content": "ONE = 1\n", "edits": null, "explanation": "" }], "notes": "" }),
        ),
        (
            "review",
            json!({ "approved": true, "code_quality": 90, "issues": [], "strengths": [], "next_steps": [] }),
        ),
    ]
}

pub(crate) fn script(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
    fs::write(path, text).expect("a script");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("executable");
}

fn bench(providers: &str, chain: &str) -> Bench {
    let bench = Bench::with_files([(
        "ideas/backlog/001-numbers.md",
        "# Numbers\n\nAdd one.py with a number.\n",
    )]);
    let folder = bench.root().join("answers");
    fs::create_dir_all(&folder).expect("a folder");
    for (name, answer) in answers() {
        fs::write(folder.join(name), answer.to_string()).expect("an answer");
    }
    let good = GOOD.replace("ANSWERS", &folder.display().to_string());
    script(&bench.repo.join("agents/good.sh"), &good);
    script(&bench.repo.join("agents/limited.sh"), LIMITED);
    let roles = ["planner", "coder", "reviewer"]
        .map(|role| format!("  {role}: {{ chain: {chain}, timeout: 60s }}\n"));
    let text = format!(
        "providers:\n{providers}roles:\n{}run: {{ test_command: \"true\" }}\n",
        roles.concat()
    );
    bench.write("belay.yaml", &text);
    fs::write(bench.repo.join(".git/info/exclude"), "belay.yaml\nagents/\n").expect("excludes");
    bench
}

async fn run(bench: &Bench, more: &[(&str, &str)]) -> Ran {
    let mut command = bench.command(&["run", "--format", "json"]);
    command.env("SEEN", bench.root().join("seen")).envs(more.iter().copied());
    finish(command.spawn().expect("belay starts")).await.exits(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_agent_completes_what_the_first_is_too_limited_for() {
    let bench = bench(
        "  fake: { kind: command, command: [./agents/limited.sh], output: events, api_key_env: KEY_A }\n  other: { kind: command, command: [./agents/good.sh, \"{file}\"], env: [SEEN], api_key_env: KEY_B }\n",
        "[fake/a, other/b]",
    );
    let ran = run(&bench, &[]).await;
    let finished = ran.named("run_finished");
    assert_eq!(finished[0]["status"], "completed", "{}", ran.stderr);
    assert_eq!(finished[0]["degraded"], json!(false));
    assert_eq!(bench.show("belay/001-numbers", "one.py"), "ONE = 1");
    let failed = ran.named("attempt_failed");
    assert!(failed.iter().all(|event| event["class"] == "rate_limited"), "{failed:?}");
    // The limit is remembered: the first program is started once.
    assert_eq!(failed.len(), 1, "{failed:?}");
    let seen = fs::read_to_string(bench.root().join("seen")).expect("what the agent saw");
    assert!(seen.contains("KEY_B=key-b"), "{seen}");
    assert!(!seen.contains("key-a") && !seen.contains("KEY_A"), "{seen}");
    assert!(!ran.stdout.contains("key-b") && !ran.stderr.contains("key-b"));
}

/// The ten lines of `docs/coding-agents.md`, with a local model that is none.
#[tokio::test(flavor = "multi_thread")]
async fn the_script_of_the_docs_works_as_a_command() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/coding-agents.md");
    let docs = fs::read_to_string(docs).expect("the docs");
    let (_, from) = docs.split_once("```sh\n").expect("a script");
    let (shown, _) = from.split_once("```").expect("its end");
    let bench = bench(
        "  mine: { kind: command, command: [\"./my-agent.sh\", \"{model}\", \"{file}\"], env: [SEEN] }\n",
        "[mine/qwen3]",
    );
    fs::write(bench.repo.join(".git/info/exclude"), "belay.yaml\nagents/\nmy-agent.sh\n")
        .expect("excludes");
    script(&bench.repo.join("my-agent.sh"), shown);
    let good = bench.repo.join("agents/good.sh");
    let ollama =
        format!("#!/bin/sh\n[ \"$1 $2\" = \"run qwen3\" ] && exec {} /dev/stdin\n", good.display());
    script(&bench.root().join("bin/ollama"), &ollama);
    let path = bench.env().remove("PATH").expect("a path");
    let path = format!("{}:{path}", bench.root().join("bin").display());
    let ran = run(&bench, &[("PATH", &path)]).await;
    assert_eq!(ran.named("run_finished")[0]["status"], "completed", "{}", ran.stderr);
    assert_eq!(ran.named("attempt_failed").len(), 0, "{}", ran.stdout);
    assert_eq!(bench.show("belay/001-numbers", "one.py"), "ONE = 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_finds_programs_and_says_which_are_not_there() {
    let bench = bench(
        "  codex: { kind: command, preset: codex }\n  gone: { kind: command, command: [./agents/gone.sh] }\n  mine: { kind: command, command: [./agents/good.sh, \"{file}\"] }\n  opencode: { kind: command, preset: opencode }\n",
        "[codex/a, mine/b]",
    );
    script(&bench.root().join("bin/codex"), "#!/bin/sh\necho codex-cli 9.9.9\n");
    let bin = bench.root().join("bin").display().to_string();
    let mut command = bench.command(&["doctor", "--offline"]);
    command.env("PATH", bin);
    let ran = finish(command.spawn().expect("belay starts")).await.exits(1);
    let lines: Vec<&str> = ran.stdout.lines().filter(|line| line.contains("program ")).collect();
    let has = |start: &str, part: &str| {
        lines.iter().any(|line| line.trim_start().starts_with(start) && line.contains(part))
    };
    assert!(has("ok", "program codex: codex is there: codex-cli 9.9.9"), "{lines:#?}");
    assert!(has("fail", "program gone: "), "{lines:#?}");
    assert!(has("ok", "program mine: "), "{lines:#?}");
    assert!(has("fail", "program opencode: opencode is not there"), "{lines:#?}");
    assert!(!bench.root().join("seen").exists(), "a command of one's own was started");
}

/// Hangs the first time it is asked, and is good after that.
const HANGS_ONCE: &str = r#"#!/bin/sh
if [ ! -e "$SEEN" ]; then
    setsid sleep 600 &
    echo "$$ $!" > "$SEEN.new" && mv "$SEEN.new" "$SEEN"
    exec sleep 600
fi
exec "$(dirname "$0")/good.sh" "$@"
"#;

/// Neither the program nor what it started in a session of its own works on beside the next run.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_in_mid_question_the_next_start_leaves_no_program() {
    let bench = bench(
        "  mine: { kind: command, command: [./agents/hangs-once.sh, \"{file}\"], env: [SEEN] }\n",
        "[mine/a]",
    );
    script(&bench.repo.join("agents/hangs-once.sh"), HANGS_ONCE);
    let (seen, temporary) = (bench.root().join("seen"), bench.root().join("tmp"));
    fs::create_dir_all(temporary.join("belay-model-old/work")).expect("a folder");
    let old = fs::File::open(temporary.join("belay-model-old")).expect("a folder");
    let long_ago = SystemTime::now() - Duration::from_secs(3 * 24 * 60 * 60);
    old.set_modified(long_ago).expect("a stamp");
    let folders = || fs::read_dir(&temporary).expect("a folder").count();
    let mut command = bench.command(&["run", "--format", "json"]);
    let mut belay =
        command.env("SEEN", &seen).env("TMPDIR", &temporary).spawn().expect("belay starts");
    until(|| seen.exists()).await;
    belay.kill().await.expect("SIGKILL");
    let pids = fs::read_to_string(&seen).expect("two ids");
    let pids: Vec<&str> = pids.split_whitespace().collect();
    assert!(pids.len() == 2 && pids.iter().any(|pid| is_alive(pid)), "{pids:?}");
    assert_eq!(folders(), 2);
    let ran = run(&bench, &[("TMPDIR", &temporary.display().to_string())]).await;
    assert_eq!(ran.named("run_finished")[0]["status"], "completed", "{}", ran.stderr);
    // The old one went; the other might be another process's.
    assert_eq!(folders(), 1);
    until(|| !pids.iter().any(|pid| is_alive(pid))).await;
}

#[cfg(target_os = "linux")]
pub(crate) fn is_alive(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}
