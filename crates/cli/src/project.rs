//! The repository with its config: what every command begins with.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use checkpoint_store::{RunId, SqliteStore};
use forge::Places;
use model_providers::{Health, ModelId, Providers};
use tokio::sync::OnceCell;
use worktree::{Git, Repository};

use crate::args::Global;
use crate::config::{self, Config, Environment, LocalServers, Role};
use crate::environment::Surroundings;
use crate::error::{Code, CommandError, fail};
use crate::logins;
use crate::printer::Printer;
use crate::records;
use crate::wiring;

/// One call to git may take this long; large repositories are slow to check out.
const GIT_TIMEOUT: Duration = Duration::from_secs(300);
/// More than any config may have; the rest is not read.
const MOST_CONFIG_BYTES: u64 = 1024 * 1024 + 1;

/// A repository, its config as meant, and the surroundings.
pub(crate) struct Project {
    pub(crate) surroundings: Surroundings,
    pub(crate) printer: Arc<Printer>,
    pub(crate) repository: Repository,
    pub(crate) config: Config,
    pub(crate) warnings: Vec<String>,
    /// The config file relative to the top, where it is in the repository.
    pub(crate) config_path: Option<String>,
    /// Runs that went on on another machine; none before the mirror was asked.
    pub(crate) elsewhere: OnceLock<BTreeSet<RunId>>,
    /// Where issues are kept, once that is known.
    pub(crate) forge: OnceCell<Arc<Places>>,
}

impl Project {
    /// Finds the repository and reads its config; changes nothing.
    pub(crate) async fn open(
        global: &Global,
        surroundings: Surroundings,
        printer: Arc<Printer>,
    ) -> Result<Self, CommandError> {
        let repository = repository(global, &surroundings).await?;
        // An empty name is what a workflow passes on for an input that was not given.
        let file = global.config.as_deref().filter(|file| !file.as_os_str().is_empty());
        let config_path =
            file.and_then(|file| inside(&surroundings.resolve(file), repository.top()));
        let text = config_text(file, repository.top(), &surroundings)?;
        let loaded = load(text.as_ref(), &surroundings, true).await?;
        let repository = match wiring::login(&loaded.config, &surroundings) {
            Some(login) => repository.with_login(login),
            None => repository,
        };
        Ok(Self {
            surroundings,
            printer,
            repository,
            config: loaded.config,
            warnings: loaded.warnings,
            config_path,
            elsewhere: OnceLock::new(),
            forge: OnceCell::new(),
        })
    }

    /// The top of the main worktree.
    pub(crate) fn top(&self) -> &Path {
        self.repository.top()
    }

    /// The folder of everything durable; outside the checkout, so that a
    /// `git clean` cannot lose it.
    pub(crate) fn state_dir(&self) -> PathBuf {
        self.config
            .store
            .path
            .as_ref()
            .map_or_else(|| self.repository.git_dir().join("belay"), |path| self.top().join(path))
    }

    /// Refuses a cache folder inside the repository: a worktree in there borrows
    /// the person's packages, and is found by their test runner.
    pub(crate) fn cache_is_outside(&self) -> Result<(), CommandError> {
        let cache = self.surroundings.cache();
        // The folder itself may not be there yet.
        let there = cache.ancestors().find_map(|folder| folder.canonicalize().ok());
        let (Some(there), Ok(top)) = (there, self.top().canonicalize()) else { return Ok(()) };
        if !there.starts_with(&top) {
            return Ok(());
        }
        Err(fail(
            Code::Cache,
            format!(
                "the cache folder {} is inside the repository {}: worktrees must be outside of it; set XDG_CACHE_HOME to another place",
                cache.display(),
                top.display()
            ),
        ))
    }

    /// Whether any run was ever made here.
    pub(crate) fn has_state(&self) -> bool {
        SqliteStore::is_there(&self.state_dir())
    }

    /// A path as a person finds it from the repository's top.
    pub(crate) fn shown(&self, path: &Path) -> String {
        path.strip_prefix(self.top()).unwrap_or(path).display().to_string()
    }

    /// The file of every run.
    pub(crate) fn state_file(&self) -> PathBuf {
        self.state_dir().join("state.db")
    }

    pub(crate) async fn open_store(&self) -> Result<SqliteStore, CommandError> {
        let opened = SqliteStore::open(&self.state_dir(), &self.surroundings.host).await;
        opened.map_err(|error| records::unopened(self, &error.into()))
    }

    /// The models, with what earlier processes learned of them.
    pub(crate) async fn providers(
        &self,
        store: Option<&SqliteStore>,
    ) -> Result<Arc<Providers>, CommandError> {
        let providers = Providers::new(self.config.provider_settings(self.top()))
            .map_err(|why| fail(Code::Config, why))?;
        if let Some(store) = store {
            match orchestrator::memory::load(store).await {
                Ok(memory) => providers.restore(&memory),
                Err(error) => self.printer.warn(&format!(
                    "what earlier runs learned of the models cannot be read: {error}"
                )),
            }
            if let Err(error) = orchestrator::spending::share(store, &providers).await {
                self.printer.warn(&format!("what was spent today cannot be read: {error}"));
            }
        }
        Ok(providers)
    }

    /// Each model of each role's chain in its order, with its place there and how it stands.
    pub(crate) fn standings<'a>(
        &'a self,
        providers: &'a Providers,
    ) -> impl Iterator<Item = (Role, usize, &'a ModelId, Health)> {
        Role::ALL.into_iter().flat_map(move |role| {
            let chain = self.config.chain(role).iter().enumerate();
            chain.map(move |(index, model)| (role, index, model, providers.health(model)))
        })
    }

    /// The models' state by role, as a run shows it at its start; with or without the time that is
    /// left of a rest.
    pub(crate) fn failover_status(&self, providers: &Providers, timed: bool) -> Vec<String> {
        let mut lines = vec!["Failover Status:".to_owned()];
        for role in Role::ALL {
            let of_role = self.standings(providers).filter(|(other, ..)| *other == role);
            let models = of_role.map(|(_, index, model, health)| {
                let wait = match (health.resting, health.status.retry_in) {
                    (Some(_), _) if !timed => " rests".to_owned(),
                    (None, Some(_)) if !timed => String::new(),
                    (Some(rest), _) => format!(" rests {} s", rest.as_secs()),
                    (None, Some(wait)) => format!(" next probe in {} s", wait.as_secs()),
                    (None, None) => String::new(),
                };
                format!("{}. {model} [{}]{wait}", index + 1, health.status)
            });
            let models: Vec<String> = models.collect();
            let models = if models.is_empty() {
                "no model: templates only".to_owned()
            } else {
                models.join("  ")
            };
            lines.push(format!("  {role}: {models}"));
        }
        lines
    }
}

/// The repository that was named, or that one stands in.
pub(crate) async fn repository(
    global: &Global,
    surroundings: &Surroundings,
) -> Result<Repository, CommandError> {
    let named = global.repo.as_ref().map(|dir| surroundings.resolve(dir));
    let from = named.unwrap_or_else(|| surroundings.here.clone());
    if !from.is_dir() {
        return Err(fail(Code::Folder, format!("{} is not a folder", from.display())));
    }
    let env = surroundings.for_git();
    let git = Git { program: "git".to_owned(), env, timeout: GIT_TIMEOUT };
    Ok(Repository::discover(&from, git).await?)
}

/// Refuses a path that leads through something that is no folder of the
/// repository: a symlink may lead out of it.
pub(crate) fn plain_folders(top: &Path, path: &str) -> Result<(), CommandError> {
    for (at, _) in path.match_indices('/') {
        let folder = &path[..at];
        let why = match fs::symlink_metadata(top.join(folder)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                return Err(fail(Code::InTheWay, format!("{folder} cannot be used: {error}")));
            }
            Ok(found) if found.is_dir() => continue,
            Ok(found) if found.is_symlink() => "a symbolic link",
            Ok(_) => "a file",
        };
        return Err(fail(
            Code::InTheWay,
            format!("{folder} is {why}, where a folder is to be; nothing is written"),
        ));
    }
    Ok(())
}

/// The path relative to the top, following no symlink out of it.
pub(crate) fn inside(path: &Path, top: &Path) -> Option<String> {
    let (path, top) = (path.canonicalize().ok()?, top.canonicalize().ok()?);
    Some(path.strip_prefix(top).ok()?.to_str()?.to_owned())
}

/// The config as meant; servers on this machine are looked for only where
/// `looking` allows it.
pub(crate) async fn load(
    text: Option<&(String, String)>,
    surroundings: &Surroundings,
    looking: bool,
) -> Result<config::Loaded, CommandError> {
    let environment = environment(text, surroundings, looking).await?;
    let text = text.map(|(name, text)| (name.as_str(), text.as_str()));
    config::load(text, &environment).map_err(|why| fail(Code::Config, why))
}

/// What a config is read against. Servers on this machine are in it only where it leaves room for
/// them.
pub(crate) async fn environment(
    text: Option<&(String, String)>,
    surroundings: &Surroundings,
    looking: bool,
) -> Result<Environment, CommandError> {
    let mut environment = Environment {
        vars: surroundings.vars.clone(),
        programs: surroundings.programs(),
        logins: logins::found(&surroundings.vars),
        local: LocalServers::default(),
    };
    let text = text.map(|(name, text)| (name.as_str(), text.as_str()));
    let loaded = config::load(text, &environment).map_err(|why| fail(Code::Config, why))?;
    if loaded.wants_local_servers && looking {
        environment.local = config::probe_local(&surroundings.vars).await;
    }
    Ok(environment)
}

/// The config's name for messages and its text; none where there is no file.
pub(crate) fn config_text(
    file: Option<&Path>,
    top: &Path,
    surroundings: &Surroundings,
) -> Result<Option<(String, String)>, CommandError> {
    let path = file.map_or_else(|| top.join("belay.yaml"), |file| surroundings.resolve(file));
    let name = path.strip_prefix(top).unwrap_or(&path).display().to_string();
    if file.is_none() && !path.exists() {
        return Ok(None);
    }
    let open = fs::File::open(&path)
        .map_err(|error| fail(Code::ConfigUnreadable, format!("{name} cannot be read: {error}")))?;
    let mut bytes = Vec::new();
    let read = open.take(MOST_CONFIG_BYTES).read_to_end(&mut bytes);
    read.map_err(|error| fail(Code::ConfigUnreadable, format!("{name} cannot be read: {error}")))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| fail(Code::ConfigUnreadable, format!("{name} is not UTF-8 text")))?;
    Ok(Some((name, text)))
}
