//! The process's surroundings, read once and handed down.
//!
//! No library of ours reads the environment; what it may know of it comes
//! from here, and what the project's own commands may see is named here.

mod cache;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What every program sees: who somebody is, where programs are, and how things are written.
pub(crate) const EVERYWHERE: &[&str] =
    &["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ"];

/// The way to other machines; may hold a password.
pub(crate) const PROXIES: &[&str] = &[
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
];

/// What the project's own commands and git see besides, and no more: certificates and toolchain
/// folders. No key, no token, no proxy password.
const PASSED_ON: &[&str] = &[
    "TMPDIR",
    "TERM",
    "RUSTUP_HOME",
    "CARGO_HOME",
    "RUSTUP_TOOLCHAIN",
    "GOPATH",
    "GOROOT",
    "GOCACHE",
    "GOMODCACHE",
    "GOFLAGS",
    "JAVA_HOME",
    "PYENV_ROOT",
    "NVM_DIR",
    "VOLTA_HOME",
    "DENO_DIR",
    "BUN_INSTALL",
    "PNPM_HOME",
    "npm_config_cache",
    "PIP_CACHE_DIR",
    "UV_CACHE_DIR",
    "XDG_CACHE_HOME",
    "XDG_DATA_HOME",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "PIP_CERT",
    "GIT_SSL_CAINFO",
    "CI",
];

/// What git sees besides that and the proxies: where its own configuration, and what signs for
/// it, stands, and how it reaches a remote.
const GIT_TOO: &[&str] = &[
    "XDG_CONFIG_HOME",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_SYSTEM",
    "GNUPGHOME",
    "SSH_AUTH_SOCK",
    "XDG_RUNTIME_DIR",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
];

/// What a variable's name says that holds a secret.
const SECRET_WORDS: &[&str] =
    &["KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL", "AUTH", "AUTHORIZATION"];

/// A shorter value is found in texts that have nothing to do with it.
pub(crate) const SHORTEST_SECRET: usize = 8;

/// Coding-agent programs that may be models.
const PROGRAMS: &[&str] = &["opencode", "claude", "codex", "gemini"];

/// The surroundings as they were when the process began.
#[derive(Clone)]
pub(crate) struct Surroundings {
    /// Every variable that is valid text.
    pub(crate) vars: BTreeMap<String, String>,
    /// Where the person stands.
    pub(crate) here: PathBuf,
    /// The machine's name.
    pub(crate) host: String,
}

impl Surroundings {
    /// Reads the process's environment. Called once.
    pub(crate) fn read() -> std::io::Result<Self> {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the one place that reads the environment"
        )]
        let (vars, here) = (std::env::vars_os(), std::env::current_dir()?);
        let text = vars.filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Ok(Self { vars: text.collect(), here, host: host() })
    }

    /// A variable that is set and not empty.
    pub(crate) fn var(&self, name: &str) -> Option<&str> {
        self.vars.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The whole environment of the project's own commands; `more` names variables besides the
    /// usual ones.
    pub(crate) fn for_project(&self, more: &[String]) -> Vec<(String, String)> {
        let named = |name: &str| {
            EVERYWHERE.contains(&name)
                || PASSED_ON.contains(&name)
                || name.starts_with("LC_")
                || more.iter().any(|more| more == name)
        };
        self.vars
            .iter()
            .filter(|(name, _)| named(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// The whole environment of git.
    pub(crate) fn for_git(&self) -> Vec<(String, String)> {
        let mut env = self.for_project(&[]);
        let for_git = |name: &str| GIT_TOO.contains(&name) || PROXIES.contains(&name);
        let more = self.vars.iter().filter(|(name, _)| for_git(name));
        env.extend(more.map(|(name, value)| (name.clone(), value.clone())));
        env
    }

    /// The values that must be shown to nobody, as far as the variables' names
    /// tell. Short ones are left out: they would be found in every text.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let secret = self.vars.iter().filter(|(name, _)| looks_secret(name));
        secret
            .map(|(_, value)| value.trim().to_owned())
            .filter(|value| value.len() >= SHORTEST_SECRET)
            .collect()
    }

    /// The coding-agent programs on the path.
    pub(crate) fn programs(&self) -> Vec<String> {
        let path = self.var("PATH").unwrap_or_default().to_owned();
        let on_path =
            |name: &&&str| std::env::split_paths(&path).any(|dir| dir.join(name).is_file());
        PROGRAMS.iter().filter(on_path).map(|name| (*name).to_owned()).collect()
    }

    /// A path as the person meant it from where they stand.
    pub(crate) fn resolve(&self, path: &Path) -> PathBuf {
        self.here.join(path)
    }
}

/// Whether a part of the name ends with a word for a secret: `OPENAI_APIKEY`
/// does, `GIT_AUTHOR_NAME` and `KEYBOARD` do not.
pub(crate) fn looks_secret(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let mut parts = upper.split(|c: char| !c.is_ascii_alphanumeric());
    parts.any(|part| {
        let one = part.strip_suffix('S').unwrap_or(part);
        SECRET_WORDS.iter().any(|word| part.ends_with(word) || one.ends_with(word))
    })
}

/// Keeps what this process knows from those that it starts: a child may read
/// its parent's environment and memory where the platform lets it (trap 39).
pub(crate) fn seal() {
    #[cfg(target_os = "linux")]
    if let Err(error) =
        rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
    {
        tracing::warn!(%error, "the project's commands may read this process's environment");
    }
}

fn host() -> String {
    let read = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| std::fs::read_to_string("/etc/hostname"));
    let name = read.unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "localhost".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surroundings(pairs: &[(&str, &str)]) -> Surroundings {
        let vars =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Surroundings { vars, here: PathBuf::from("/"), host: "h".into() }
    }

    #[test]
    fn no_key_reaches_the_projects_commands() {
        let all = surroundings(&[
            ("PATH", "/bin"),
            ("OPENAI_API_KEY", "k"),
            ("GITHUB_TOKEN", "t"),
            ("LC_ALL", "C"),
            ("CARGO_HOME", "/c"),
        ]);
        let names: Vec<String> = all.for_project(&[]).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["CARGO_HOME", "LC_ALL", "PATH"]);
    }

    #[test]
    fn values_are_secret_by_the_names_of_their_variables() {
        let all = surroundings(&[
            ("OPENAI_API_KEY", "sk-12345678"),
            ("GITHUB_TOKEN", "ghp-12345678\n"),
            ("DB_PASSWORDS", "pa55word1"),
            ("pgpasswd", "pa55word2"),
            ("GIT_AUTHOR_NAME", "Ada Lovelace"),
            ("KEYBOARD", "somewhere"),
            ("SHORT_KEY", "1234567"),
            ("PATH", "/usr/bin:/bin"),
        ]);
        assert_eq!(all.secrets(), ["pa55word1", "ghp-12345678", "sk-12345678", "pa55word2"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_sealed_process_is_not_readable() {
        seal();
        let behavior = rustix::process::dumpable_behavior().expect("an answer");
        assert_eq!(behavior, rustix::process::DumpableBehavior::NotDumpable);
    }
}
