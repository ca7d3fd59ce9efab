//! The bounds as they are drawn around a home and a repository.

use std::collections::BTreeMap;
use std::fs;

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
