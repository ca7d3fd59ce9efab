//! The pages that name a test for each thing they say: every test that they name is there.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut String) {
    let entries = fs::read_dir(folder).expect("tests").map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<PathBuf> = entries.collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push_str(&fs::read_to_string(&path).expect("a source"));
        }
    }
}

/// What stands between backticks and looks like `module::a_test`.
fn tests_of(page: &str) -> Vec<&str> {
    let spans = page.split('`').skip(1).step_by(2);
    spans.filter(|span| span.contains("::") && !span.contains(['(', '<', ' '])).collect()
}

#[test]
fn every_test_that_a_page_names_is_there() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut all = String::new();
    for entry in fs::read_dir(top.join("crates")).expect("crates") {
        let tests = entry.expect("a crate").path().join("tests");
        if tests.is_dir() {
            sources(&tests, &mut all);
        }
    }
    let page = fs::read_to_string(top.join("docs/edge-cases.md")).expect("the page");
    let named = tests_of(&page);
    assert!(named.len() >= 40, "{} edge cases", named.len());
    for test in named {
        let name = test.rsplit("::").next().expect("a name");
        assert!(all.contains(&format!("fn {name}(")), "{test}");
    }
}
