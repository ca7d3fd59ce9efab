//! What the project's own commands may write and read. They run code that a
//! model wrote a minute ago: it must find no key, and change nothing of the
//! person's, whatever it tries.
//!
//! Folders that commands have to write are named, all else is not writable.
//! Folders and files where keys lie are named, all else is readable, since no
//! list of what a build may need could be complete.

mod caches;
mod git_config;

use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use subprocess::Confinement;

pub(crate) use caches::missing as missing_caches;

use crate::environment::Surroundings;

/// Where tools keep what can be made again, below the home.
const CACHES: &[&str] = &[
    ".npm",
    ".yarn",
    ".pnpm-store",
    ".local/share/pnpm",
    ".local/share/uv",
    ".bun/install/cache",
    ".gradle/caches",
    ".gradle/wrapper",
    ".gradle/daemon",
    ".m2/repository",
    ".nuget/packages",
    ".deno",
    "go/pkg",
    ".cabal/packages",
    ".stack",
    ".hex",
    ".mix",
    ".pub-cache",
    "Library/Caches",
];

/// The same, below the user's cache folder; belay's own is none of them.
const BELOW_CACHE: &[&str] = &[
    "pip",
    "uv",
    "pypoetry",
    "pdm",
    "pre-commit",
    "ruff",
    "mypy",
    "pnpm",
    "yarn",
    "node",
    "node-gyp",
    "deno",
    "bun",
    "typescript",
    "ms-playwright",
    "Cypress",
    "go-build",
    "golangci-lint",
    "sccache",
    "ccache",
    "zig",
    "bazel",
    "composer",
    "coursier",
    "electron",
    "prisma",
];

/// Variables that name such a folder.
const CACHE_VARIABLES: &[&str] =
    &["GOCACHE", "GOMODCACHE", "npm_config_cache", "PIP_CACHE_DIR", "UV_CACHE_DIR", "DENO_DIR"];

/// What cargo keeps that a build has to write; not its programs nor its config.
const OF_CARGO: &[&str] = &[".package-cache", ".package-cache-mutate"];

/// The same, in folders that cargo makes when it is first used.
const FOLDERS_OF_CARGO: &[&str] = &["registry", "git"];

/// Where keys lie, below the home.
const KEYS: &[&str] = &[
    ".ssh",
    ".gnupg",
    ".aws",
    ".azure",
    ".kube",
    ".docker",
    ".netrc",
    "_netrc",
    ".git-credentials",
    ".config/git/credentials",
    ".config/gh",
    ".config/hub",
    ".config/glab-cli",
    ".config/gcloud",
    ".config/op",
    ".config/sops",
    ".config/rclone",
    ".config/containers/auth.json",
    ".config/doctl",
    ".config/heroku",
    ".config/pypoetry/auth.toml",
    ".config/opencode",
    ".config/github-copilot",
    ".local/share/opencode",
    ".local/share/keyrings",
    ".codex",
    ".claude",
    ".claude.json",
    ".gemini",
    ".npmrc",
    ".yarnrc.yml",
    ".pypirc",
    ".gem/credentials",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".composer/auth.json",
    ".config/composer/auth.json",
    ".m2/settings.xml",
    ".m2/settings-security.xml",
    ".gradle/gradle.properties",
    ".terraform.d",
    ".fly",
    ".s3cfg",
    ".boto",
    ".pgpass",
    ".my.cnf",
    ".vault-token",
    ".password-store",
    ".env",
    ".bash_history",
    ".zsh_history",
    ".psql_history",
    ".mozilla",
    ".config/google-chrome",
    ".config/chromium",
    "Library/Keychains",
];

/// What gives whoever may write it the whole machine.
const SOCKETS: &[&str] = &["/var/run/docker.sock", "/run/docker.sock", "/run/podman/podman.sock"];

/// The same, and those who hand out keys or sign with them, below the folder of
/// what the person has running. The bus and systemd start commands without bounds.
const RUNNING: &[&str] = &[
    "gnupg",
    "keyring",
    "gcr",
    "ssh-agent.socket",
    "openssh_agent",
    "containers/auth.json",
    "docker.sock",
    "podman",
    "bus",
    "systemd",
];

/// The places that the bounds are drawn around.
pub(crate) struct Places<'a> {
    /// Of the main worktree, which is the person's.
    pub(crate) top: &'a Path,
    /// Shared by all worktrees.
    pub(crate) git_dir: &'a Path,
    /// Our own program, which restricts itself and becomes the command.
    pub(crate) launcher: Vec<String>,
    /// Where files of ours may be put that stand in for others.
    pub(crate) scratch: &'a Path,
}

/// The bounds of every command of the project.
pub(crate) fn of(surroundings: &Surroundings, places: &Places<'_>) -> std::io::Result<Confinement> {
    let home = surroundings.var("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    caches::make_room(surroundings)?;
    Ok(Confinement {
        launcher: places.launcher.clone(),
        writable: writable(surroundings, home.as_deref(), places),
        unreadable: unreadable(surroundings, home.as_deref(), places)?,
        replaced: git_config::stand_ins(surroundings, home.as_deref(), places)?,
    })
}

fn writable(surroundings: &Surroundings, home: Option<&Path>, places: &Places<'_>) -> Vec<PathBuf> {
    let below = |folder: Option<PathBuf>, names: &[&str]| -> Vec<PathBuf> {
        folder.iter().flat_map(|folder| names.iter().map(|name| folder.join(name))).collect()
    };
    let absolute =
        |name: &&str| surroundings.var(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let in_home = |name: &str| home.map(|home| home.join(name));
    let cache = absolute(&"XDG_CACHE_HOME").or_else(|| in_home(".cache"));
    let cargo = absolute(&"CARGO_HOME").or_else(|| in_home(".cargo"));
    let mut paths = below(home.map(Path::to_owned), CACHES);
    paths.extend(below(cache, BELOW_CACHE));
    paths.extend(below(cargo.clone(), OF_CARGO));
    // Only what is there: a missing one would be made, and a file as a folder.
    paths.retain(|path| path.exists());
    // These are folders, and whoever has such a tool has them made.
    paths.extend(below(cargo, FOLDERS_OF_CARGO));
    paths.extend(CACHE_VARIABLES.iter().filter_map(absolute));
    paths.extend(caches::missing(surroundings).into_iter().map(|(_, folder)| folder));
    // A repository in a temporary folder, or a home, is not temporary.
    let within = |folder: &Path| {
        places.top.starts_with(folder) || home.is_some_and(|home| home.starts_with(folder))
    };
    let temporary = ["/tmp", "/var/tmp"].map(PathBuf::from);
    paths.extend(temporary.into_iter().filter(|folder| folder.is_dir() && !within(folder)));
    // No list is a way to what is the person's.
    paths.retain(|path| !places.top.starts_with(path) && !places.git_dir.starts_with(path));
    paths
}

fn unreadable(
    surroundings: &Surroundings,
    home: Option<&Path>,
    places: &Places<'_>,
) -> std::io::Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> =
        home.iter().flat_map(|home| KEYS.iter().map(|name| home.join(name))).collect();
    let cargo = surroundings.var("CARGO_HOME").map(PathBuf::from);
    paths.extend(
        cargo
            .iter()
            .flat_map(|cargo| ["credentials", "credentials.toml"].map(|name| cargo.join(name))),
    );
    paths.extend(SOCKETS.iter().map(PathBuf::from));
    paths.extend(running(surroundings));
    paths.push(places.git_dir.join("belay"));
    // What is tracked lies in the worktree; what is not is nobody's business.
    let unlisted = |error: std::io::Error| {
        let top = places.top.display();
        std::io::Error::new(error.kind(), format!("{top} cannot be listed: {error}"))
    };
    for entry in std::fs::read_dir(places.top).map_err(unlisted)? {
        let path = entry.map_err(unlisted)?.path();
        if !places.git_dir.starts_with(&path) {
            paths.push(path);
        }
    }
    paths.retain(|path| path.symlink_metadata().is_ok());
    Ok(paths)
}

/// What the person has running that keeps keys.
fn running(surroundings: &Surroundings) -> Vec<PathBuf> {
    let absolute =
        |name: &str| surroundings.var(name).map(PathBuf::from).filter(|path| path.is_absolute());
    // The variable may name anything, and a folder would be hidden with all in it.
    let is_socket = |path: &PathBuf| path.metadata().is_ok_and(|at| at.file_type().is_socket());
    let agent = absolute("SSH_AUTH_SOCK").filter(is_socket);
    let below = |folder: PathBuf| RUNNING.iter().map(move |name| folder.join(name));
    agent.into_iter().chain(absolute("XDG_RUNTIME_DIR").into_iter().flat_map(below)).collect()
}

/// The error with the folder in the cache that it is about.
fn unwritable(folder: &Path, error: &std::io::Error) -> std::io::Error {
    let folder = folder.display();
    std::io::Error::new(
        error.kind(),
        format!("the cache folder {folder} cannot be written: {error}"),
    )
}

#[cfg(test)]
mod tests;
