//! The bounds as they are drawn around a home and a repository.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::net::UnixListener;

use super::*;

fn surroundings(home: &Path) -> Surroundings {
    let vars = BTreeMap::from([("HOME".to_owned(), home.display().to_string())]);
    Surroundings { vars, here: home.to_owned(), host: String::new() }
}

#[test]
fn keys_and_the_checkout_are_out_of_reach_and_caches_may_be_written() {
    let root = tempfile::tempdir().expect("a folder");
    let (home, top) = (root.path().join("home"), root.path().join("repo"));
    for folder in
        ["home/.ssh", "home/.npm", "home/.cargo/registry", "home/.cargo/bin", "repo/.git/belay"]
    {
        fs::create_dir_all(root.path().join(folder)).expect("folders");
    }
    fs::write(home.join(".netrc"), "machine x").expect("a file");
    fs::write(top.join(".env"), "KEY=1").expect("a file");
    fs::write(top.join(".git/config"), "[http]\n\textraheader = secret\n[core]\n").expect("a file");
    let (git_dir, scratch) = (top.join(".git"), root.path().join("scratch"));
    let places = Places {
        top: &top,
        git_dir: &git_dir,
        launcher: vec!["belay".to_owned()],
        scratch: &scratch,
    };
    let bounds = of(&surroundings(&home), &places).expect("bounds");
    for path in [home.join(".ssh"), home.join(".netrc"), top.join(".env"), git_dir.join("belay")] {
        assert!(bounds.unreadable.contains(&path), "{}", path.display());
    }
    assert!(!bounds.unreadable.contains(&git_dir), "git has to work in there");
    for path in [home.join(".npm"), home.join(".cargo/registry")] {
        assert!(bounds.writable.contains(&path), "{}", path.display());
    }
    let leads_to = |path: &Path| bounds.writable.iter().any(|writable| path.starts_with(writable));
    for path in [&home, &top, &git_dir, &home.join(".cargo/bin/cargo"), &home.join(".ssh/x")] {
        assert!(!leads_to(path), "{}", path.display());
    }
    // The machine's own config may be among them.
    let config = bounds.replaced.iter().find(|(file, _)| *file == git_dir.join("config"));
    let (_, stand_in) = config.expect("a stand-in");
    assert_eq!(fs::read_to_string(stand_in).expect("a file"), "[http]\n[core]\n");
}

/// The bounds around an empty repository beside the home, with these variables besides `HOME`.
fn drawn(root: &Path, more: &[(&str, &Path)]) -> Confinement {
    let (home, top) = (root.join("home"), root.join("repo"));
    let git_dir = top.join(".git");
    for folder in [&home, &git_dir] {
        fs::create_dir_all(folder).expect("folders");
    }
    let mut surroundings = surroundings(&home);
    let more = more.iter().map(|(name, path)| ((*name).to_owned(), path.display().to_string()));
    surroundings.vars.extend(more);
    let places = Places {
        top: &top,
        git_dir: &git_dir,
        launcher: vec!["belay".to_owned()],
        scratch: &root.join("scratch"),
    };
    of(&surroundings, &places).expect("bounds")
}

#[test]
fn who_hands_out_keys_is_out_of_reach() {
    let root = tempfile::tempdir().expect("a folder");
    let (agent, running) = (root.path().join("agent"), root.path().join("running"));
    let _listens = UnixListener::bind(&agent).expect("a socket");
    for folder in ["gnupg", "keyring", "podman", "dconf"] {
        fs::create_dir_all(running.join(folder)).expect("folders");
    }
    let vars = [("SSH_AUTH_SOCK", agent.as_path()), ("XDG_RUNTIME_DIR", running.as_path())];
    let bounds = drawn(root.path(), &vars);
    for path in [agent, running.join("gnupg"), running.join("keyring"), running.join("podman")] {
        assert!(bounds.unreadable.contains(&path), "{}", path.display());
    }
    for path in [running.join("dconf"), running.join("gcr"), running] {
        assert!(!bounds.unreadable.contains(&path), "{}", path.display());
    }
}

#[test]
fn an_agent_that_is_no_socket_hides_nothing() {
    let root = tempfile::tempdir().expect("a folder");
    let bounds = drawn(root.path(), &[("SSH_AUTH_SOCK", root.path())]);
    assert!(!bounds.unreadable.iter().any(|path| path == root.path()));
}

#[test]
fn logins_of_databases_registries_and_clouds_are_out_of_reach() {
    let root = tempfile::tempdir().expect("a folder");
    let files = [
        ".config/containers/auth.json",
        ".config/pypoetry/auth.toml",
        ".pgpass",
        ".my.cnf",
        ".fly",
        ".psql_history",
        ".config/doctl",
        ".config/heroku",
        ".s3cfg",
        ".boto",
    ];
    let files = files.map(|file| root.path().join("home").join(file));
    for file in &files {
        fs::create_dir_all(file.parent().expect("a folder")).expect("folders");
        fs::write(file, "key").expect("a file");
    }
    let bounds = drawn(root.path(), &[]);
    for file in &files {
        assert!(bounds.unreadable.contains(file), "{}", file.display());
    }
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let root = tempfile::tempdir().expect("a folder");
    let file = root.path().join("file");
    fs::write(&file, "").expect("a file");
    let mut surroundings = surroundings(root.path());
    surroundings.vars.insert("XDG_CACHE_HOME".to_owned(), file.display().to_string());
    let places = Places {
        top: root.path(),
        git_dir: &root.path().join(".git"),
        launcher: vec!["belay".to_owned()],
        scratch: &root.path().join("scratch"),
    };
    let error = of(&surroundings, &places).expect_err("a file is no folder").to_string();
    let expected = format!("the cache folder {}/belay/packages cannot be", file.display());
    assert!(error.starts_with(&expected), "{error}");
}
