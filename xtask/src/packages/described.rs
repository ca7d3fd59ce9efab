//! What a stranger reads before anything else: a library's readme, the lines of its manifest, and
//! the page that says which library to take.

use std::path::Path;

use anyhow::Context as _;

use crate::metadata::Package;
use crate::packages::examples;
use crate::problem::Problem;

/// What the registry takes at most.
const MAX_KEYWORDS: usize = 5;

/// The page with every library on it.
const PAGE: &str = "docs/crates.md";

pub(super) fn check(libraries: &[&Package], top: &Path) -> anyhow::Result<Vec<Problem>> {
    let page = std::fs::read_to_string(top.join(PAGE));
    let page = page.with_context(|| format!("reading {PAGE}"))?;
    let readme = |library: &Package| {
        let name = library.readme.as_ref()?;
        std::fs::read_to_string(top.join("crates").join(&library.folder).join(name)).ok()
    };
    let mut problems = Vec::new();
    for library in libraries {
        let readme = readme(library);
        problems.extend(lacks(library, readme.as_deref()));
        problems.extend(unlisted(library, &readme.unwrap_or_default(), &page));
    }
    Ok(problems)
}

/// A library that the page does not lead to, or leads to another way than its readme.
fn unlisted(library: &Package, readme: &str, page: &str) -> Vec<Problem> {
    let link = format!("crates/{}/README.md", library.folder);
    let commands = examples::named(readme).into_iter();
    let commands = commands.map(|name| format!("cargo run -p {} --example {name}", library.name));
    let wanted = std::iter::once(link).chain(commands);
    let missing = wanted.filter(|text| !page.contains(text.as_str()));
    missing.map(|text| Problem::new(PAGE, format!("does not name {text}"))).collect()
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
    fn a_library_that_the_page_does_not_lead_to_is_found() {
        let library = Package::named("forge");
        let readme = "`cargo run -p forge --example issues`";
        let expected = [
            "docs/crates.md: does not name crates/forge/README.md",
            "docs/crates.md: does not name cargo run -p forge --example issues",
        ];
        let problems = unlisted(&library, readme, "");
        let found: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
        let page = format!("[forge](../crates/forge/README.md) {readme}");
        assert!(unlisted(&library, readme, &page).is_empty());
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
