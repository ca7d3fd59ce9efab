//! Ideas as people write them.

use super::*;
use proptest::prelude::*;

fn parse(text: &str) -> Idea {
    Idea::parse("001", text).unwrap()
}

#[test]
fn reads_known_headings() {
    let idea = parse(
        "# Title\nAdd a login form\n\n# Description\nPeople must log in.\n\n```sh\n# Files\nnot a heading\n```\n\n\
         ## Acceptance Criteria\n- [ ] a form is shown\n- [x] errors are\n  shown too\n\n## Files to modify\n\
         - `src/login.rs` (new)\n- src/lib.rs - wiring\n- src/\n\n## Priority\nHigh\n\n## Complexity: Medium\n",
    );
    assert_eq!(idea.title, "Add a login form");
    assert_eq!(idea.description, "People must log in.\n\n```sh\n# Files\nnot a heading\n```");
    assert_eq!(idea.criteria, ["a form is shown", "errors are shown too"]);
    assert_eq!(idea.files, ["src/login.rs", "src/lib.rs"]);
    assert_eq!(idea.priority.as_deref(), Some("High"));
    assert_eq!(idea.complexity.as_deref(), Some("Medium"));
}

#[test]
fn the_first_free_heading_is_the_title_and_later_ones_stay_in_the_description() {
    let idea = parse(
        "# Add a *cache*\nIntro.\n\n## Background\nIt is slow.\n\n**Priority:** low\nMore text.\n",
    );
    assert_eq!(idea.title, "Add a *cache*");
    assert_eq!(idea.description, "Intro.\n\n## Background\nIt is slow.\n\nMore text.");
    assert_eq!(idea.priority.as_deref(), Some("low"));
}

#[test]
fn reads_front_matter() {
    let idea = parse(
        "---\ntitle: Add a cache\npriority: 1\nfiles: [src/a.rs, 'src/b.rs']\nacceptance_criteria:\n  - fast\n  - small\n\
         unknown: {a: 1}\n---\nBody text.\n",
    );
    assert_eq!((idea.title.as_str(), idea.description.as_str()), ("Add a cache", "Body text."));
    assert_eq!(idea.files, ["src/a.rs", "src/b.rs"]);
    assert_eq!(idea.criteria, ["fast", "small"]);
    assert_eq!(idea.priority.as_deref(), Some("1"));
}

#[test]
fn front_matter_that_is_no_yaml_is_text() {
    let idea = parse("---\n: [ : nonsense\n---\nHello there\n");
    assert!(idea.text.contains("nonsense") && !idea.title.is_empty());
}

#[test]
fn titles_come_from_wherever_they_stand() {
    for (text, title, description) in [
        ("Add a cache", "Add a cache", "Add a cache"),
        ("Add a cache\nIt is slow.", "Add a cache", "It is slow."),
        ("- [ ] Add a cache", "Add a cache", "- [ ] Add a cache"),
        ("Title: Add a cache\nDescription: It is slow.", "Add a cache", "It is slow."),
        ("# Idea: Add a cache\nIt is slow.", "Add a cache", "It is slow."),
        ("Add a cache\n===========\nIt is slow.", "Add a cache", "It is slow."),
        ("## Description\nAdd a cache\nIt is slow.", "Add a cache", "It is slow."),
        (
            "\u{feff}# Delete unused files\r\nAll of them.\r\n",
            "Delete unused files",
            "All of them.",
        ),
        ("# About C#\nIt is sharp.", "About C#", "It is sharp."),
        ("# Add a cache\nName: the cache's name", "Add a cache", "Name: the cache's name"),
        (
            "**Title**\n\nAdd a cache\n\n**Description**\n\nIt is slow.",
            "Add a cache",
            "It is slow.",
        ),
        ("## Acceptance criteria\n- it is fast", "it is fast", ""),
    ] {
        let idea = parse(text);
        assert_eq!(
            (idea.title.as_str(), idea.description.as_str()),
            (title, description),
            "{text}"
        );
    }
}

#[test]
fn a_labelled_bullet_in_the_criteria_is_a_criterion() {
    let idea = parse("# T\n## Done when\n1. Size: at most 10\n2) Files: none left\n");
    assert_eq!(idea.criteria, ["Size: at most 10", "Files: none left"]);
    assert_eq!(idea.complexity, None);
}

#[test]
fn files_are_taken_from_running_text_only_when_they_look_like_nothing_else() {
    let idea = parse(
        "# T\nUse Node.js and/or `Config::new()` and `serde_json::Value` in `src/app/[id]/page.tsx`, src/main.rs and \
         `README.md`. See https://example.org/a.html, `/etc/passwd`, `../up.rs`, `self.name`.\n",
    );
    assert_eq!(idea.files, ["src/app/[id]/page.tsx", "README.md", "src/main.rs"]);
}

#[test]
fn a_list_of_files_is_read_in_any_form() {
    for (list, files) in [
        ("- create: src/a.rs", vec!["src/a.rs"]),
        ("src/a.rs, src/b.rs", vec!["src/a.rs", "src/b.rs"]),
        ("* `./src/a.rs`: what for", vec!["src/a.rs"]),
        ("- Makefile\n- bin/tool", vec!["Makefile", "bin/tool"]),
        ("- the parser", vec![]),
        ("- /abs/a.rs\n- a/../b.rs\n- src/*.rs", vec![]),
    ] {
        assert_eq!(parse(&format!("# T\n## Files\n{list}\n")).files, files, "{list}");
    }
}

#[test]
fn refuses_what_says_nothing() {
    for text in ["", " \n\t\n", "\u{feff}", "# \n---\n- [ ]\n", "***"] {
        assert_eq!(Idea::parse("001", text), Err(IdeaError::Empty), "{text:?}");
    }
}

#[test]
fn refuses_what_is_too_large_and_bounds_the_rest() {
    let huge = "a".repeat(MAX_IDEA_BYTES + 1);
    assert_eq!(Idea::parse("001", &huge), Err(IdeaError::TooLarge { bytes: MAX_IDEA_BYTES + 1 }));
    let criteria: String =
        (0..5000).map(|number| format!("- c{number} {}\n", "x".repeat(20))).collect();
    let files: String = (0..3000).map(|number| format!("- f{number}.rs\n")).collect();
    let idea = parse(&format!("# {}\n## Criteria\n{criteria}## Files\n{files}", "t".repeat(5000)));
    assert_eq!((idea.criteria.len(), idea.files.len()), (MAX_CRITERIA, MAX_FILES));
    assert_eq!(idea.title.chars().count(), TITLE_CHARS + 1);
}

#[test]
fn the_digest_follows_the_text() {
    assert_eq!(
        parse("a").digest(),
        "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    );
    assert_ne!(parse("a").digest(), parse("b").digest());
}

proptest! {
    #[test]
    fn any_text_is_an_idea_or_empty(text in "(#|-|:|`|\\*|=|\n| |[a-z]|Files|Title|é|\\[ \\]|---\n){0,60}") {
        match Idea::parse("x", &text) {
            Ok(idea) => {
                prop_assert!(!idea.title.trim().is_empty());
                prop_assert!(!idea.title.contains('\n'));
                prop_assert_eq!(idea.text, text);
            }
            Err(error) => prop_assert_eq!(error, IdeaError::Empty),
        }
    }
}
