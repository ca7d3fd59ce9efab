//! Names that say nothing, or that mean something else to each reader.
//!
//! A module called after no idea becomes the place where everything ends up.

use crate::code::{is_word, line_of, words};
use crate::problem::Problem;
use crate::tidy::Source;

const REFUSED: [&str; 12] = [
    "session",
    "thread",
    "turn",
    "task",
    "conversation",
    "manager",
    "helper",
    "util",
    "common",
    "core",
    "base",
    "misc",
];

pub(super) fn check(source: &Source<'_>) -> Vec<Problem> {
    let path = source.path.trim_end_matches(".rs");
    let of_path = path.split('/').filter_map(refused);
    let of_path = of_path.map(|word| Problem::new(source.path, message(word)));
    let of_modules = modules(&source.code).filter_map(|(at, name)| {
        let word = refused(name)?;
        let line = line_of(&source.code, at);
        Some(Problem::at(source.path, line, message(word)))
    });
    of_path.chain(of_modules).collect()
}

fn message(word: &str) -> String {
    format!("`{word}` in a name says nothing: name the idea")
}

/// The refused word in a name, in singular or plural; a manual task is an idea of its own.
fn refused(name: &str) -> Option<&'static str> {
    let mut before = "";
    for word in name.split(['_', '-', '.']) {
        let singular = word.strip_suffix('s').unwrap_or(word);
        let found = REFUSED.iter().find(|refused| [word, singular].contains(*refused));
        let manual_task = before == "manual" && singular == "task";
        if let Some(found) = found.filter(|_| !manual_task) {
            return Some(found);
        }
        before = word;
    }
    None
}

/// Modules written out in the file; those in files of their own are found by their path.
fn modules(code: &str) -> impl Iterator<Item = (usize, &str)> {
    words(code, "mod").filter_map(|at| {
        let rest = code.get(at + 3..)?.trim_start();
        let length = rest.bytes().take_while(|byte| is_word(*byte)).count();
        let name = rest.get(..length)?;
        let written_out = rest.get(length..)?.trim_start().starts_with('{');
        written_out.then_some((at, name))
    })
}

#[cfg(test)]
mod tests {
    use crate::tidy::found;

    fn names(path: &str, code: &str) -> Vec<String> {
        let mut problems = found(path, &format!("//! Why.\n{code}"));
        problems.retain(|one| one.contains("in a name"));
        problems
    }

    #[test]
    fn a_name_that_says_nothing_is_found_wherever_it_stands() {
        for path in ["src/utils.rs", "src/git_helper.rs", "session/src/lib.rs", "src/base/mod.rs"] {
            assert_eq!(names(path, "").len(), 1, "{path}");
        }
        let expected = "src/a.rs:2: `common` in a name says nothing: name the idea";
        assert_eq!(names("src/a.rs", "mod common { }"), [expected]);
    }

    #[test]
    fn names_of_ideas_are_fine() {
        let paths = ["src/manual_task.rs", "src/return_path.rs", "src/baseline.rs", "src/score.rs"];
        for path in paths {
            assert_eq!(names(path, "mod tests {}").len(), 0, "{path}");
        }
    }
}
