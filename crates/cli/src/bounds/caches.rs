//! Package managers on a machine where they were never used: their caches do
//! not exist yet, and may not be made in the home, so every install would fail.
//! Each gets one in belay's own cache until the person has one.

use std::path::{Path, PathBuf};

use super::unwritable;
use crate::environment::Surroundings;

/// Where a manager keeps its cache unless its variable says otherwise.
enum Usual {
    BelowHome(&'static str),
    BelowCache(&'static str),
}

/// The variable that names it, and its usual place.
const MANAGERS: [(&str, Usual); 9] = [
    ("npm_config_cache", Usual::BelowHome(".npm")),
    ("BUN_INSTALL_CACHE_DIR", Usual::BelowHome(".bun/install/cache")),
    ("GOMODCACHE", Usual::BelowHome("go/pkg")),
    ("GOCACHE", Usual::BelowCache("go-build")),
    ("DENO_DIR", Usual::BelowCache("deno")),
    ("PIP_CACHE_DIR", Usual::BelowCache("pip")),
    ("UV_CACHE_DIR", Usual::BelowCache("uv")),
    ("POETRY_CACHE_DIR", Usual::BelowCache("pypoetry")),
    ("PRE_COMMIT_HOME", Usual::BelowCache("pre-commit")),
];

/// The variables to be set for the project's commands, with a folder each.
pub(crate) fn missing(surroundings: &Surroundings) -> Vec<(String, PathBuf)> {
    let absolute =
        |name: &str| surroundings.var(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = absolute("HOME");
    let cache =
        absolute("XDG_CACHE_HOME").or_else(|| home.as_ref().map(|home| home.join(".cache")));
    let usual = |place: &Usual| match place {
        Usual::BelowHome(name) => home.as_ref().map(|home| home.join(name)),
        Usual::BelowCache(name) => cache.as_ref().map(|cache| cache.join(name)),
    };
    let ours = ours(surroundings);
    MANAGERS
        .iter()
        .filter(|(name, _)| surroundings.var(name).is_none())
        // Go's modules lie elsewhere then.
        .filter(|(name, _)| *name != "GOMODCACHE" || surroundings.var("GOPATH").is_none())
        .filter(|(_, place)| !usual(place).is_some_and(|folder| folder.exists()))
        .map(|(name, _)| ((*name).to_owned(), ours.join(name.to_ascii_lowercase())))
        .collect()
}

/// Makes the folder in which the launcher makes those that are missing.
pub(super) fn make_room(surroundings: &Surroundings) -> std::io::Result<()> {
    let ours = ours(surroundings);
    std::fs::create_dir_all(&ours).map_err(|error| unwritable(&ours, &error))
}

fn ours(surroundings: &Surroundings) -> PathBuf {
    surroundings.cache().join(Path::new("packages"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_cache_that_is_not_there_is_put_elsewhere() {
        let root = tempfile::tempdir().expect("a folder");
        let home = root.path();
        std::fs::create_dir_all(home.join(".npm")).expect("a folder");
        let vars = [
            ("HOME", home.display().to_string()),
            ("GOCACHE", "/elsewhere".to_owned()),
            ("GOPATH", "/go".to_owned()),
        ];
        let vars = vars.map(|(name, value)| (name.to_owned(), value)).into();
        let surroundings = Surroundings { vars, here: home.to_owned(), host: String::new() };
        let missing = missing(&surroundings);
        let names: Vec<&str> = missing.iter().map(|(name, _)| name.as_str()).collect();
        let expected = [
            "BUN_INSTALL_CACHE_DIR",
            "DENO_DIR",
            "PIP_CACHE_DIR",
            "UV_CACHE_DIR",
            "POETRY_CACHE_DIR",
            "PRE_COMMIT_HOME",
        ];
        assert_eq!(names, expected);
        assert_eq!(missing[1].1, home.join(".cache/belay/packages/deno_dir"));
    }
}
