//! `belay doctor`: everything that a run needs, looked at one by one, each with
//! its mend. Changes nothing, and shows all it can also where config, commit or
//! network are wrong.

mod drill;
mod endpoints;
mod git;
mod github;
mod models;
mod places;
mod probe;
mod programs;
mod remotes;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use serde::Serialize;
use serde_json::json;
use tokio::sync::OnceCell;
use worktree::Repository;

use crate::args::{DoctorArgs, Global};
use crate::config::{Config, Loaded};
use crate::environment::Surroundings;
use crate::error::{Code, CommandResult, fail};
use crate::exit::Exit;
use crate::printer::{Printer, labelled};
use crate::project::{self, Project};

/// How a check came out.
#[derive(Serialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Grade {
    Ok,
    /// Runs go on, with less than there could be.
    Warn,
    /// Runs do not begin, or lack what the config promises them.
    Fail,
}

impl Grade {
    const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One line of the report.
#[derive(Serialize, Clone, Debug)]
struct Check {
    name: String,
    state: Grade,
    message: String,
    /// What to do about it; nothing where nothing is to do.
    mend: Option<String>,
}

impl Check {
    fn ok(name: &str, message: impl Into<String>) -> Self {
        Self { name: name.to_owned(), state: Grade::Ok, message: message.into(), mend: None }
    }

    fn warn(name: &str, message: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { state: Grade::Warn, mend: Some(mend.into()), ..Self::ok(name, message) }
    }

    fn fail(name: &str, message: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { state: Grade::Fail, ..Self::warn(name, message, mend) }
    }
}

/// What there is to look at, as far as it could be found.
struct Patient {
    surroundings: Surroundings,
    printer: Arc<Printer>,
    /// Where paths of the config begin.
    top: PathBuf,
    /// None where git finds none, or one without a commit.
    repository: Option<Repository>,
    /// None where it cannot be read.
    config: Option<Config>,
    offline: bool,
}

/// Runs the command. Ends with 1 if a check failed.
pub(crate) async fn run(
    global: &Global,
    surroundings: Surroundings,
    printer: Arc<Printer>,
    args: DoctorArgs,
) -> CommandResult {
    let here = &surroundings.here;
    let from = global.repo.as_ref().map_or_else(|| here.clone(), |dir| surroundings.resolve(dir));
    if !from.is_dir() {
        return Err(fail(Code::Folder, format!("{} is not a folder", from.display())));
    }
    let found = git::find(&from, &surroundings).await;
    let file = global.config.as_deref().filter(|file| !file.as_os_str().is_empty());
    let text = project::config_text(file, &found.top, &surroundings);
    let name = text.as_ref().ok().and_then(Option::as_ref).map(|(name, _)| name.clone());
    let loaded = match text {
        Ok(text) => project::load(text.as_ref(), &surroundings, !args.offline).await,
        Err(error) => Err(error),
    };
    let mut checks = match &loaded {
        Ok(loaded) => configured(name.as_deref(), loaded),
        Err(error) => vec![Check::fail(
            "config",
            error.line(),
            "correct the file; docs/config.md has every key, `belay init --schema` their types",
        )],
    };
    let patient = Patient {
        surroundings,
        printer,
        top: found.top,
        repository: found.repository,
        config: loaded.ok().map(|loaded| loaded.config),
        offline: args.offline,
    };
    if args.drill {
        checks.extend(drill::checks(&patient).await);
        return Ok(told(&patient.printer, &checks));
    }
    checks.extend(models::checks(&patient).await);
    if args.probe {
        checks.extend(probe::checks(&patient).await?);
    }
    checks.extend(found.checks);
    checks.extend(git::of_commits(&patient).await);
    checks.extend(remotes::checks(&patient).await);
    checks.extend(places::checks(&patient).await);
    checks.extend(github::checks(&patient).await);
    Ok(told(&patient.printer, &checks))
}

/// Prints the report; what failed fixes the exit state.
fn told(printer: &Printer, checks: &[Check]) -> Exit {
    print(printer, checks);
    let failed = checks.iter().any(|check| check.state == Grade::Fail);
    if failed { Exit::Failure } else { Exit::Success }
}

impl Patient {
    /// As every other command has it, where there is a repository. A config
    /// that cannot be used counts as none.
    fn project(&self) -> Option<Project> {
        Some(Project {
            surroundings: self.surroundings.clone(),
            printer: Arc::clone(&self.printer),
            repository: self.repository.clone()?,
            config: self.config.clone().unwrap_or_default(),
            warnings: Vec::new(),
            config_path: None,
            elsewhere: OnceLock::new(),
            forge: OnceCell::new(),
        })
    }
}

fn configured(file: Option<&str>, loaded: &Loaded) -> Vec<Check> {
    let found = file.map_or_else(
        || "no belay.yaml: what is found around the process counts".to_owned(),
        |file| format!("{file} can be used"),
    );
    // Each says its own mend. What is about no file is about the models, and told there.
    let of_file = |warning: &&String| file.is_some_and(|file| warning.starts_with(file));
    let warned = loaded.warnings.iter().filter(of_file);
    let warned =
        warned.map(|warning| Check { state: Grade::Warn, ..Check::ok("config", warning.clone()) });
    std::iter::once(Check::ok("config", found)).chain(warned).collect()
}

fn print(printer: &Printer, checks: &[Check]) {
    if printer.json() {
        printer.data(&json!({ "checks": checks }));
        return;
    }
    for check in checks {
        let text = format!("{}: {}", check.name, check.message);
        printer.out(&labelled(check.state.name(), &text));
        if let Some(mend) = &check.mend {
            printer.out(&labelled("", &format!("mend: {mend}")));
        }
    }
    let of = |grade: Grade| checks.iter().filter(|check| check.state == grade).count();
    let (ok, warned, failed) = (of(Grade::Ok), of(Grade::Warn), of(Grade::Fail));
    printer.out(&format!("{ok} ok, {warned} warn, {failed} fail"));
}
