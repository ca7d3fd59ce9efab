//! One repository in memory, one idea, and chains of models on a loopback server.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agents::{Asking, Idea, Settings, Source, SourceError, SourceFile};
use async_trait::async_trait;
use degradation_templates::Templates;
use model_providers::{Chain, Endpoint, Facts, Kind, ModelId, Providers};
use simulated_models::{Script, Server};
use tokio_util::sync::CancellationToken;

/// Files in memory, and which of them were read.
pub(crate) struct Files {
    listed: Vec<SourceFile>,
    texts: BTreeMap<String, String>,
    pub(crate) read: Mutex<Vec<String>>,
}

impl Files {
    pub(crate) fn of<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let texts: BTreeMap<String, String> =
            texts.into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
        let file = |(path, text): (&String, &String)| SourceFile {
            path: path.clone(),
            size: text.len() as u64,
        };
        Self { listed: texts.iter().map(file).collect(), texts, read: Mutex::default() }
    }
}

#[async_trait]
impl Source for Files {
    fn files(&self) -> &[SourceFile] {
        &self.listed
    }

    async fn read(&self, paths: &[String]) -> Result<BTreeMap<String, String>, SourceError> {
        self.read.lock().unwrap().extend_from_slice(paths);
        let known =
            paths.iter().filter_map(|path| Some((path.clone(), self.texts.get(path)?.clone())));
        Ok(known.collect())
    }
}

/// A source that fails, or never answers.
pub(crate) struct Broken {
    pub(crate) listed: Vec<SourceFile>,
    pub(crate) hangs: bool,
}

#[async_trait]
impl Source for Broken {
    fn files(&self) -> &[SourceFile] {
        &self.listed
    }

    async fn read(&self, _: &[String]) -> Result<BTreeMap<String, String>, SourceError> {
        if self.hangs {
            std::future::pending::<()>().await;
        }
        Err(SourceError::new("disk on fire"))
    }
}

pub(crate) fn files() -> Files {
    Files::of([
        ("AGENTS.md", "Use short names.\n"),
        ("README.md", "A greeter.\n"),
        ("src/lib.rs", "pub mod greet;\n"),
        ("src/greet.rs", "pub fn greet() -> &'static str {\n    \"hello\"\n}\n"),
        ("src/far.rs", "pub fn far_away() {}\n"),
        (".env", "KEY=hunter2-do-not-show\n"),
    ])
}

pub(crate) fn idea() -> Idea {
    let text = "# Greet by name\nLet `greet` take a name.\n## Acceptance criteria\n- [ ] a name is greeted\n\
                ## Files\n- `src/greet.rs`\n- `src/names.rs`\n- `.env`\n- `.git/hooks/run.sh`\n";
    Idea::parse("001", text).unwrap()
}

pub(crate) fn settings() -> Settings {
    Settings {
        context_files: vec!["AGENTS.md".to_owned(), ".env".to_owned()],
        deny: vec!["**/.env".to_owned()],
        rounds: 2,
        max_milestones: 5,
        max_file_bytes: 1 << 20,
        max_questions: 3,
        unwritable: Arc::new(|_| None),
        path_guard: Arc::new(|path: &str| {
            if path.starts_with('/') || path.split('/').any(|part| part == ".." || part == ".git") {
                return Err("it may not be written".to_owned());
            }
            Ok(())
        }),
        work: agents::WorkRules::default(),
    }
}

pub(crate) fn model(name: &str) -> ModelId {
    ModelId { provider: "sim".to_owned(), name: name.to_owned() }
}

/// A chain of these models at this address; a window of 0 is unknown.
pub(crate) fn chain_at(base_url: &str, models: &[(&str, u64)]) -> Chain {
    let endpoint = Endpoint::new(Kind::OpenAi, base_url.parse().unwrap());
    let facts =
        |window: u64| Facts { context_window: (window > 0).then_some(window), ..Facts::default() };
    let settings = model_providers::Settings {
        endpoints: BTreeMap::from([("sim".to_owned(), endpoint)]),
        models: models.iter().map(|(name, window)| (model(name), facts(*window))).collect(),
        ..model_providers::Settings::default()
    };
    let ids: Vec<ModelId> = models.iter().map(|(name, _)| model(name)).collect();
    Providers::new(settings).unwrap().chain(&ids, Duration::from_secs(30)).unwrap()
}

pub(crate) struct Scene {
    pub(crate) server: Server,
    pub(crate) chain: Chain,
    pub(crate) templates: Templates,
    pub(crate) cancel: CancellationToken,
}

impl Scene {
    pub(crate) async fn new(script: Script, models: &[(&str, u64)]) -> Self {
        let server = Server::start(script).await.unwrap();
        let chain = chain_at(&server.base_url(), models);
        Self {
            server,
            chain,
            templates: Templates::built_in().unwrap(),
            cancel: CancellationToken::new(),
        }
    }

    pub(crate) fn asking(&self) -> Asking<'_> {
        Asking {
            chain: &self.chain,
            deadline: None,
            cancel: &self.cancel,
            observer: &(),
            degradation: Some(&self.templates),
        }
    }

    /// Everything that was ever sent to a model.
    pub(crate) fn sent(&self) -> String {
        self.server.requests().iter().map(|request| request.body.to_string()).collect()
    }
}
