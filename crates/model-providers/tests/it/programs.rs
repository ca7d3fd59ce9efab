//! Small agents written by the test, as a chain meets them: what each does wrong costs one bounded
//! attempt, and nothing of it is alive afterwards.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use model_providers::{
    Answer, Class, Endpoint, EventLines, Kind, ModelId, Output, Program, Providers, Secret,
    Settings, Unanswered,
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::bench::{by, classes, request};

pub(super) const GOOD: &str = "printf '%s' '{\"understanding\": \"all\"}'";

pub(super) struct Agents {
    folder: TempDir,
    pub(super) settings: Settings,
}

impl Agents {
    pub(super) fn new() -> Self {
        let mut settings = Settings::default();
        settings.failover.repair_attempts = 0;
        settings.failover.max_wait = Duration::ZERO;
        Self { folder: tempfile::tempdir().unwrap(), settings }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A provider whose program is this shell script.
    pub(super) fn add(&mut self, name: &str, output: Output, script: &str) -> &mut Program {
        let file = self.path(&format!("{name}.sh"));
        std::fs::write(&file, script).unwrap();
        let runs = self.path("runs");
        std::fs::create_dir_all(&runs).unwrap();
        let mut command = vec!["/bin/sh".to_owned(), file.display().to_string()];
        command.push("{model}".to_owned());
        let mut program = Program::new(command);
        program.output = output;
        program.env = BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
        program.folders = runs;
        let url = format!("command:{name}").parse().unwrap();
        let endpoint =
            Endpoint { program: Some(Arc::new(program)), ..Endpoint::new(Kind::Command, url) };
        self.settings.endpoints.insert(name.to_owned(), endpoint);
        let endpoint = self.settings.endpoints.get_mut(name).unwrap();
        Arc::get_mut(endpoint.program.as_mut().unwrap()).unwrap()
    }

    /// As above, with the short silence that the test waits for.
    fn impatient(&mut self) {
        let span = Duration::from_millis(1_500);
        self.settings.failover.idle_timeout = span;
        self.settings.failover.first_token_timeout = Some(span);
    }

    pub(super) async fn ask(&self, timeout: Duration) -> Result<Answer, Unanswered> {
        let providers = Providers::new(self.settings.clone()).unwrap();
        let names = self.settings.endpoints.keys();
        let models: Vec<ModelId> = names.map(|name| format!("{name}/m").parse().unwrap()).collect();
        let chain = providers.chain(&models, timeout).unwrap();
        chain.ask(&request(), None, &CancellationToken::new(), &()).await
    }

    /// Its folders are gone with it.
    #[track_caller]
    pub(super) fn left_nothing(&self) {
        assert_eq!(std::fs::read_dir(self.path("runs")).unwrap().count(), 0);
    }
}

pub(super) const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_good_program_answers_in_an_empty_folder_with_the_question_on_its_input() {
    let mut agents = Agents::new();
    let said = agents.path("said");
    let script = format!("{{ cat; echo \"model $1\"; ls -A; env; }} > {}\n{GOOD}", said.display());
    let program = agents.add("a", Output::Text, &script);
    program.isolate_home = true;
    program.key_variable = Some("MY_KEY".to_owned());
    let endpoint = agents.settings.endpoints.get_mut("a").unwrap();
    endpoint.api_key = Some(Secret::new("sk-of-the-program".to_owned()));
    let outcome = agents.ask(LONG).await;
    assert_eq!(by(&outcome), "a/m");
    agents.left_nothing();
    let said = std::fs::read_to_string(said).unwrap();
    let (question, rest) = said.split_once("model m\n").unwrap();
    assert!(question.contains("What is to be done?") && question.contains("JSON Schema"));
    let mut names: Vec<&str> = rest.lines().filter_map(|l| Some(l.split_once('=')?.0)).collect();
    names.retain(|name| !["PWD", "OLDPWD", "SHLVL", "_", "BELAY_MARK"].contains(name));
    names.sort_unstable();
    assert_eq!(names, ["HOME", "MY_KEY", "PATH", "TMPDIR"], "{rest}");
}

/// Each fault as the first link, a good program as the second.
#[tokio::test]
async fn each_fault_costs_one_link_of_the_chain() {
    let events = || Output::Events(EventLines::plain());
    let limited =
        r#"echo '{"type":"error","status":429,"message":"slow down","retry_after":3600}'"#;
    for (name, output, script, expected) in [
        ("half, then exit 1", Output::Text, format!("{GOOD}; exit 1"), "unavailable"),
        ("nothing", Output::Text, String::new(), "unavailable"),
        ("a limit in its error field", events(), format!("{limited}; exit 1"), "rate_limited"),
        ("success after an error", events(), limited.to_owned(), "rate_limited"),
        ("prose", Output::Text, "echo I could not do it".to_owned(), "invalid_output"),
        (
            "a text and no end",
            events(),
            r#"echo '{"type":"text","text":"{\"understanding\": 1}"}'"#.to_owned(),
            "unavailable",
        ),
    ] {
        let mut agents = Agents::new();
        agents.add("a", output, &script);
        agents.add("b", Output::Text, GOOD);
        let outcome = agents.ask(LONG).await;
        assert_eq!(by(&outcome), "b/m", "{name}");
        assert_eq!(classes(&outcome).first().map(String::as_str), Some(expected), "{name}");
        agents.left_nothing();
    }
}

#[tokio::test]
async fn an_exit_state_has_the_class_that_was_given_to_it() {
    let mut agents = Agents::new();
    agents.add("a", Output::Text, "exit 3").exits.insert(3, Class::Auth);
    agents.add("b", Output::Text, GOOD);
    assert_eq!(classes(&agents.ask(LONG).await), ["auth", "ok"]);
}

/// What it says it cost is what the attempt cost; a limit in dollars is kept without a price.
#[tokio::test]
async fn a_told_cost_is_booked_and_limits_what_follows() {
    let mut agents = Agents::new();
    let line = r#"{"type":"result","subtype":"success","is_error":false,"result":"{\"understanding\":\"all\"}","stop_reason":"end_turn","total_cost_usd":0.6,"usage":{"input_tokens":20,"output_tokens":5}}"#;
    let known = Program::preset("claude-code").unwrap();
    let program = agents.add("a", known.output, &format!("echo '{line}'"));
    program.preset = known.preset;
    agents.settings.budget.max_usd = Some(1.0);
    let providers = Providers::new(agents.settings.clone()).unwrap();
    let chain = providers.chain(&["a/m".parse().unwrap()], LONG).unwrap();
    let (request, cancel) = (request(), CancellationToken::new());
    let answer = chain.ask(&request, None, &cancel, &()).await.unwrap();
    assert_eq!(answer.attempts[0].usd, Some(0.6));
    assert_eq!(providers.spent().usd, Some(0.6));
    let unanswered = chain.ask(&request, None, &cancel, &()).await.unwrap_err();
    assert_eq!(unanswered.reason, model_providers::Reason::BudgetExhausted);
    agents.add("b", Output::Text, GOOD);
    let providers = Providers::new(agents.settings.clone()).unwrap();
    assert!(providers.chain(&["b/m".parse().unwrap()], LONG).is_err(), "it tells no cost");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_left_at_once() {
    let mut agents = Agents::new();
    agents.add("a", Output::Text, "").command = vec!["no-such-program-anywhere".to_owned()];
    agents.add("b", Output::Text, GOOD);
    let outcome = agents.ask(LONG).await;
    assert_eq!(classes(&outcome), ["unavailable", "ok"]);
    let message = outcome.unwrap().attempts[0].message.clone().unwrap();
    assert!(message.contains("program not found"), "{message}");
}

#[tokio::test]
async fn silence_is_a_timeout_and_no_second_try() {
    let mut agents = Agents::new();
    agents.impatient();
    agents.add("a", Output::Text, "exec sleep 600");
    agents.add("b", Output::Text, GOOD).silence = Some(LONG);
    assert_eq!(classes(&agents.ask(LONG).await), ["timeout", "ok"]);
    agents.left_nothing();
}

#[tokio::test]
async fn endless_output_ends_at_its_bound_and_not_with_the_time() {
    let mut agents = Agents::new();
    agents.settings.max_response_bytes = 64 * 1024;
    agents.add("a", Output::Text, "exec yes '{}'");
    agents.add("b", Output::Text, GOOD);
    let outcome = agents.ask(LONG).await;
    assert_eq!(classes(&outcome), ["unavailable", "ok"]);
    let message = outcome.unwrap().attempts[0].message.clone().unwrap();
    assert_eq!(message, "its output is longer than 65536 bytes");
    agents.left_nothing();
}

#[tokio::test]
async fn a_long_answer_beyond_the_bound_is_no_answer() {
    let mut agents = Agents::new();
    agents.settings.max_response_bytes = 1024;
    agents.add("a", Output::Text, "head -c 5000 /dev/zero | tr '\\0' x");
    agents.add("b", Output::Text, GOOD);
    assert_eq!(classes(&agents.ask(LONG).await)[0], "unavailable");
}

/// The ids that a script wrote, once both are there.
pub(super) async fn ids(file: &Path) -> Vec<i32> {
    let reading = async {
        loop {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            let ids: Vec<i32> = text.lines().filter_map(|id| id.parse().ok()).collect();
            if ids.len() == 2 && text.ends_with('\n') {
                return ids;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, reading).await.unwrap()
}

/// Gone, or a corpse that its parent has not looked at.
#[cfg(target_os = "linux")]
pub(super) async fn gone(ids: &[i32]) {
    let alive = |id: &i32| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
    };
    let waiting = async {
        while ids.iter().any(alive) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, waiting).await.unwrap();
}

/// It ignores the polite request, and its child lives in a process group of its own.
#[cfg(target_os = "linux")]
fn stubborn(file: &Path) -> String {
    format!(
        "trap '' TERM\nsetsid sh -c 'trap \"\" TERM; echo $$ >> {0}; while :; do sleep 1; done' &\necho $$ >> {0}\nwhile :; do sleep 1; done",
        file.display()
    )
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_limit_ends_who_ignores_the_request_and_its_grandchildren() {
    let mut agents = Agents::new();
    agents.impatient();
    let file = agents.path("ids");
    agents.add("a", Output::Text, &stubborn(&file));
    agents.add("b", Output::Text, GOOD).silence = Some(LONG);
    let asking = agents.ask(LONG);
    let (outcome, ids) = tokio::join!(asking, ids(&file));
    assert_eq!(classes(&outcome), ["timeout", "ok"]);
    gone(&ids).await;
    agents.left_nothing();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_cancel_ends_the_program_with_its_grandchildren() {
    let mut agents = Agents::new();
    let file = agents.path("ids");
    agents.add("a", Output::Text, &stubborn(&file));
    let providers = Providers::new(agents.settings.clone()).unwrap();
    let chain = providers.chain(&["a/m".parse().unwrap()], LONG).unwrap();
    let cancel = CancellationToken::new();
    let (request, none) = (request(), ());
    let asking = chain.ask(&request, None, &cancel, &none);
    let stopping = async {
        let ids = ids(&file).await;
        cancel.cancel();
        ids
    };
    let (outcome, ids) = tokio::join!(asking, stopping);
    assert!(outcome.is_err());
    gone(&ids).await;
}
