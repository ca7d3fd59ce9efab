//! The programs that are asked as models: whether each is there, which version it says it is, and
//! which login its files tell of. No question is put to them, so nothing is spent; a command of
//! one's own need not know `--version`, and is only looked for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use model_providers::{Endpoint, Program};
use subprocess::{Command, Error, Limits};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Check, Patient};
use crate::config::{Config, Login};
use crate::logins;

/// A program of a language that starts slowly, on a busy machine, needs some seconds to say it.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Of what it says, this much is shown.
const SHOWN: usize = 80;

/// All at once.
pub(super) async fn checks(config: &Config, patient: &Patient) -> Vec<Check> {
    let settings = config.provider_settings(&patient.top);
    let logins = logins::found(&patient.surroundings.vars);
    let mut looking = JoinSet::new();
    let mut checks = Vec::new();
    for (name, endpoint) in settings.endpoints {
        checks.extend(login(&name, &endpoint, &logins));
        if let Some(program) = endpoint.program {
            let here = patient.top.clone();
            looking.spawn(async move {
                let command = version_of(&program, here);
                if program.preset.is_none() {
                    return own(&name, &command);
                }
                let ran = subprocess::run(&command, &CancellationToken::new()).await;
                judge(&name, &command.program, ran)
            });
        }
    }
    checks.extend(looking.join_all().await);
    checks.sort_by(|a, b| a.name.cmp(&b.name));
    checks
}

/// What a known program is logged in to, if it is asked with that and not with a key.
fn login(name: &str, endpoint: &Endpoint, logins: &BTreeMap<String, Login>) -> Option<Check> {
    let program = endpoint.program.as_ref().filter(|program| !program.isolate_home)?;
    let preset = program.preset.filter(|_| endpoint.api_key.is_none())?;
    let check = format!("login {name}");
    let Some(login) = logins.get(preset) else {
        let mend = format!(
            "log in with it, or name the variable of a key in providers.{name}.api_key_env"
        );
        return Some(Check::warn(&check, "none can be seen in its files", mend));
    };
    let id = login.id.as_ref().filter(|_| login.sources.is_empty());
    let id = id.map_or_else(String::new, |id| format!(", {id}"));
    Some(Check::ok(&check, format!("{}{id}", login.kind)))
}

fn version_of(program: &Program, here: PathBuf) -> Command {
    let limits = Limits { total: TIMEOUT, output: 4096, ..Limits::default() };
    Command::new(program.command.first().cloned().unwrap_or_default(), here)
        .args(["--version"])
        .env(program.env.clone())
        .limits(limits)
}

/// Whether a command of one's own is there.
fn own(name: &str, command: &Command) -> Check {
    let check = format!("program {name}");
    let program = &command.program;
    let path = command.env.iter().find(|(name, _)| name == "PATH");
    let path = path.map_or("", |(_, path)| path.as_str());
    match is_there(program, path) {
        true => Check::ok(&check, format!("{program} is there")),
        false => {
            let mend = format!("make it executable, or correct providers.{name}.command");
            Check::fail(&check, format!("{program} is no program here"), mend)
        }
    }
}

/// Whether a program can be found, by its path or on this `PATH`.
pub(super) fn is_there(program: &str, path: &str) -> bool {
    if program.contains('/') {
        return is_program(Path::new(program));
    }
    std::env::split_paths(path).any(|dir| is_program(&dir.join(program)))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

fn judge(name: &str, program: &str, ran: Result<subprocess::Output, Error>) -> Check {
    let check = format!("program {name}");
    match ran {
        Ok(output) if output.success() => {
            let said = output.stdout.text();
            let first = said.lines().map(str::trim).find(|line| !line.is_empty());
            let first: String = first.unwrap_or_default().chars().take(SHOWN).collect();
            let first = first.replace(char::is_control, " ");
            let said = if first.is_empty() { String::new() } else { format!(": {first}") };
            Check::ok(&check, format!("{program} is there{said}"))
        }
        Ok(output) => {
            let said =
                format!("{program} is there, but does not tell its version ({:?})", output.ended);
            Check::warn(&check, said, format!("see that it works here: {program} --version"))
        }
        Err(Error::NotFound { .. }) => {
            let mend = format!(
                "install it on the PATH of this process, or correct providers.{name} in the config"
            );
            Check::fail(&check, format!("{program} is not there"), mend)
        }
        Err(error) => {
            let mend = format!("see that it can be started: {program} --version");
            Check::fail(&check, error.to_string(), mend)
        }
    }
}
