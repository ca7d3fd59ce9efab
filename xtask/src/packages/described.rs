//! What a stranger reads before anything else: a library's readme and the lines of its manifest.

use std::path::Path;

use crate::metadata::Package;
use crate::packages::examples;
use crate::problem::Problem;

/// What the registry takes at most.
const MAX_KEYWORDS: usize = 5;

pub(super) fn check(libraries: &[&Package], top: &Path) -> Vec<Problem> {
    let readme = |library: &Package| {
        let name = library.readme.as_ref()?;
        std::fs::read_to_string(top.join("crates").join(&library.folder).join(name)).ok()
    };
    libraries.iter().flat_map(|library| lacks(library, readme(library).as_deref())).collect()
}

fn lacks(library: &Package, readme: Option<&str>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut need = |is_there: bool, what: &str| {
        if !is_there {
            problems.push(Problem::new(&library.name, format!("has no {what}")));
        }
    };
    need(library.description.is_some(), "description");
    need((1..=MAX_KEYWORDS).contains(&library.keywords), "one to five keywords");
    need(library.categories > 0, "categories");
    need(readme.is_some(), "readme");
    if let Some(text) = readme {
        need(text.starts_with(&format!("# {}\n", library.name)), "readme with its name as heading");
        need(text.contains("```rust\n"), "example in its readme");
        need(!examples::named(text).is_empty(), "program in its readme to begin with");
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(library: &Package, readme: Option<&str>) -> Vec<String> {
        lacks(library, readme).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn everything_that_is_missing_is_named() {
        let library = Package::named("forge");
        let expected = ["forge: has no description", "forge: has no one to five keywords"];
        assert_eq!(found(&library, None)[..2], expected);
        assert_eq!(found(&library, None).len(), 4);
        assert_eq!(found(&library, Some("# Forge\n")).len(), 6);
    }

    #[test]
    fn a_whole_description_passes() {
        let library = Package {
            description: Some("Issues".to_owned()),
            keywords: 2,
            categories: 1,
            ..Package::named("forge")
        };
        let readme = "# forge\n```rust\n```\n`cargo run -p forge --example issues`\n";
        assert_eq!(found(&library, Some(readme)), [""; 0]);
    }
}
