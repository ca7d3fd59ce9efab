//! Rules about files that no compiler looks at: how they open, how long they are, what they are
//! called, and what must not stand in them.
//!
//! Each rule is a function from files to problems, with a test that it finds what it is for.

mod contents;
mod names;
mod tree;

use crate::code;
use crate::files::File;
use crate::problem::Problem;

/// A Rust file with its code apart from comments and strings, made once for all rules.
struct Source<'a> {
    path: &'a str,
    text: &'a str,
    code: String,
}

pub(crate) fn check(files: &[File]) -> Vec<Problem> {
    let rust = files.iter().filter(|file| file.path.ends_with(".rs"));
    let sources: Vec<Source<'_>> = rust
        .map(|file| Source { path: &file.path, text: &file.text, code: code::strip(&file.text) })
        .collect();
    let mut problems = tree::check(&sources);
    for source in &sources {
        problems.extend(contents::check(source));
        problems.extend(names::check(source));
    }
    for file in files {
        problems.extend(contents::machine_paths(file));
        problems.extend(contents::unlinted(file));
    }
    problems
}

/// What `check` finds in one file, for the tests of the rules.
#[cfg(test)]
fn found(path: &str, text: &str) -> Vec<String> {
    let file = File { path: path.to_owned(), text: text.to_owned() };
    check(&[file]).iter().map(ToString::to_string).collect()
}
