//! Dividing a milestone's files among coders.
//!
//! Two coders that write the same file destroy each other's work, a test written apart from its
//! subject tests something else, and a file that moves needs its old path and its new one in one
//! hand. So the items are disjoint, a test stays with the file it tests and a deletion with the
//! creation that it may be renamed to, and the same milestone is always divided alike: a resumed
//! run must find its items again.

mod moves;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::answers::Milestone;

/// What a file counts that does not exist yet, in bytes.
const NEW_FILE_BYTES: u64 = 4096;
/// What any file counts at least, in bytes: each one costs a coder something.
const FILE_BYTES: u64 = 512;

/// The part of a milestone that one coder does.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct WorkItem {
    /// The files that this item, and no other of the milestone, may change; never empty.
    pub files: Vec<PlannedFile>,
    /// Further files that the coder sees.
    pub read: Vec<String>,
}

/// One file of a work item.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct PlannedFile {
    /// The path from the repository's top.
    pub path: String,
    /// What the plan says happens to it.
    pub action: Action,
}

/// What happens to a file.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It is made.
    Create,
    /// Its text changes.
    Modify,
    /// It goes.
    Delete,
}

impl Action {
    /// The word of the contract: `create`, `modify` or `delete`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Modify => "modify",
            Self::Delete => "delete",
        }
    }
}

/// Divides a milestone into at most `parallel` items (0 counts as 1), none of them empty, about
/// even by size. `sizes` are the bytes of the existing files. A note gives no item.
#[must_use]
pub fn divide(
    milestone: &Milestone,
    sizes: &BTreeMap<String, u64>,
    parallel: usize,
) -> Vec<WorkItem> {
    let files = planned(milestone);
    let mut groups = pair(&files);
    let weigh =
        |group: &Vec<usize>| group.iter().map(|index| weight(&files[*index], sizes)).sum::<u64>();
    // The largest first, each to the coder who has least: even enough, and the same every time.
    groups.sort_by_key(|group| (std::cmp::Reverse(weigh(group)), group.first().copied()));
    let mut bins: Vec<(u64, Vec<usize>)> = vec![(0, Vec::new()); parallel.max(1).min(groups.len())];
    for group in &groups {
        if let Some((load, bin)) = bins.iter_mut().min_by_key(|(load, _)| *load) {
            *load = load.saturating_add(weigh(group));
            bin.extend(group);
        }
    }
    for (_, bin) in &mut bins {
        bin.sort_unstable();
    }
    bins.sort_by(|one, other| one.1.cmp(&other.1));
    bins.into_iter().map(|(_, bin)| item(milestone, &files, &bin)).collect()
}

fn item(milestone: &Milestone, files: &[PlannedFile], chosen: &[usize]) -> WorkItem {
    let files: Vec<PlannedFile> = chosen.iter().map(|index| files[*index].clone()).collect();
    let own = |path: &String| files.iter().any(|file| file.path == *path);
    let read = milestone.read.iter().filter(|path| !own(path)).cloned().collect();
    WorkItem { files, read }
}

/// The milestone's files in the plan's order; of a path that stands twice the first counts.
fn planned(milestone: &Milestone) -> Vec<PlannedFile> {
    let lists = [
        (&milestone.files.create, Action::Create),
        (&milestone.files.modify, Action::Modify),
        (&milestone.files.delete, Action::Delete),
    ];
    let mut seen = std::collections::BTreeSet::new();
    let all =
        lists.iter().flat_map(|(paths, action)| paths.iter().map(move |path| (path, *action)));
    all.filter(|(path, _)| seen.insert(*path))
        .map(|(path, action)| PlannedFile { path: path.clone(), action })
        .collect()
}

fn weight(file: &PlannedFile, sizes: &BTreeMap<String, u64>) -> u64 {
    match file.action {
        Action::Delete => FILE_BYTES,
        Action::Create => NEW_FILE_BYTES,
        Action::Modify => sizes.get(&file.path).copied().unwrap_or(NEW_FILE_BYTES).max(FILE_BYTES),
    }
}

/// Groups of indices: each subject with its tests, each deletion with the creation that may be the
/// same file under another name, everything else alone.
fn pair(files: &[PlannedFile]) -> Vec<Vec<usize>> {
    let kinds: Vec<Kind> = files.iter().map(|file| Kind::of(&file.path)).collect();
    let mut homes: Vec<usize> = (0..files.len())
        .map(
            |index| {
                if kinds[index].test { subject(index, &kinds).unwrap_or(index) } else { index }
            },
        )
        .collect();
    for (old, new) in moves::likely(files) {
        let (one, other) = (homes[old].min(homes[new]), homes[old].max(homes[new]));
        homes.iter_mut().filter(|home| **home == other).for_each(|home| *home = one);
    }
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, home) in homes.into_iter().enumerate() {
        groups.entry(home).or_default().push(index);
    }
    groups.into_values().collect()
}

/// The file that a test tests: the same stem, rather in the same language, rather nearby.
fn subject(test: usize, kinds: &[Kind]) -> Option<usize> {
    let candidates =
        kinds.iter().enumerate().filter(|(_, kind)| !kind.test && kind.stem == kinds[test].stem);
    let nearness = |kind: &Kind| {
        let shared = kind
            .folders
            .iter()
            .zip(&kinds[test].folders)
            .take_while(|(one, other)| one == other)
            .count();
        (kind.ending == kinds[test].ending, shared)
    };
    // The first of equals: `max_by_key` would take the last.
    candidates.rev().max_by_key(|(_, kind)| nearness(kind)).map(|(index, _)| index)
}

/// What a path says about a file: its stem without test marks, and whether it is a test.
struct Kind {
    stem: String,
    ending: String,
    folders: Vec<String>,
    test: bool,
}

impl Kind {
    fn of(path: &str) -> Self {
        let mut folders: Vec<String> = path.split('/').map(str::to_owned).collect();
        let name = folders.pop().unwrap_or_default();
        let (stem, ending) =
            name.split_once('.').filter(|(stem, _)| !stem.is_empty()).unwrap_or((&name, ""));
        let (marks, ending) = ending.rsplit_once('.').unwrap_or(("", ending));
        let marked = marks.split('.').any(|mark| matches!(mark, "test" | "tests" | "spec"));
        let (bare, affixed) = without_test_affix(stem);
        let is_test_folder = |folder: &String| {
            matches!(
                folder.to_lowercase().as_str(),
                "test" | "tests" | "__tests__" | "spec" | "specs" | "testing"
            )
        };
        let foldered = folders.iter().any(is_test_folder);
        folders.retain(|folder| !is_test_folder(folder));
        Self { stem: bare, ending: ending.to_owned(), folders, test: marked || affixed || foldered }
    }
}

fn without_test_affix(stem: &str) -> (String, bool) {
    let lower = stem.to_lowercase();
    for affix in ["test_", "tests_", "test-"] {
        if let Some(bare) = lower.strip_prefix(affix).filter(|bare| !bare.is_empty()) {
            return (bare.to_owned(), true);
        }
    }
    for affix in ["_test", "_tests", "-test", "-tests", "_spec", "-spec"] {
        if let Some(bare) = lower.strip_suffix(affix).filter(|bare| !bare.is_empty()) {
            return (bare.to_owned(), true);
        }
    }
    // `LoginTest.java`, but not `contest.rs`: the mark begins with a capital.
    for affix in ["Test", "Tests", "Spec"] {
        if let Some(bare) = stem.strip_suffix(affix).filter(|bare| !bare.is_empty()) {
            return (bare.to_lowercase(), true);
        }
    }
    (lower, false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::Files;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn milestone(create: &[&str], modify: &[&str]) -> Milestone {
        let own = |list: &[&str]| list.iter().map(|path| (*path).to_owned()).collect();
        Milestone {
            files: Files { create: own(create), modify: own(modify), delete: vec![] },
            read: own(&["docs/a.md", "src/foo.rs"]),
            ..Milestone::default()
        }
    }

    fn shown(items: &[WorkItem]) -> Vec<Vec<&str>> {
        items
            .iter()
            .map(|item| item.files.iter().map(|file| file.path.as_str()).collect())
            .collect()
    }

    #[test]
    fn a_test_stays_with_its_subject_in_every_spelling() {
        for (subject, test) in [
            ("src/foo.rs", "src/foo_test.rs"),
            ("src/foo.rs", "tests/foo.rs"),
            ("app/foo.py", "tests/test_foo.py"),
            ("web/foo.js", "web/foo.test.js"),
            ("web/foo.ts", "web/__tests__/foo.spec.ts"),
            ("web/Foo.tsx", "web/Foo.test.tsx"),
            ("pkg/foo.go", "pkg/foo_test.go"),
            ("src/main/java/Foo.java", "src/test/java/FooTest.java"),
            ("lib/foo.rb", "spec/foo_spec.rb"),
        ] {
            let items = divide(
                &milestone(&[test, "other/bar.rs", "other/baz.rs"], &[subject]),
                &BTreeMap::new(),
                3,
            );
            assert_eq!(items.len(), 3, "{subject}");
            let together = items.iter().any(|item| {
                let paths: Vec<_> = item.files.iter().map(|file| file.path.as_str()).collect();
                paths.contains(&subject) && paths.contains(&test)
            });
            assert!(together, "{subject} and {test}: {items:?}");
        }
    }

    #[test]
    fn a_word_that_ends_like_a_test_is_none() {
        let items = divide(&milestone(&["src/contest.rs", "src/con.rs"], &[]), &BTreeMap::new(), 2);
        assert_eq!(shown(&items), [vec!["src/contest.rs"], vec!["src/con.rs"]]);
    }

    #[test]
    fn of_several_subjects_the_nearest_of_the_same_language_counts() {
        let files = milestone(&["tests/a/mod_test.rs"], &["b/mod.rs", "a/mod.rs", "a/mod.py"]);
        let items = divide(&files, &BTreeMap::new(), 3);
        assert!(shown(&items).contains(&vec!["tests/a/mod_test.rs", "a/mod.rs"]), "{items:?}");
    }

    #[test]
    fn items_are_even_by_size() {
        let sizes = BTreeMap::from([
            ("big.rs".to_owned(), 90_000),
            ("b.rs".to_owned(), 30_000),
            ("c.rs".to_owned(), 50_000),
        ]);
        let items = divide(&milestone(&["new.rs"], &["big.rs", "b.rs", "c.rs"]), &sizes, 2);
        assert_eq!(shown(&items), [vec!["new.rs", "b.rs", "c.rs"], vec!["big.rs"]]);
    }

    #[test]
    fn an_item_does_not_read_what_it_writes_and_a_note_has_no_item() {
        let items = divide(&milestone(&[], &["src/foo.rs"]), &BTreeMap::new(), 0);
        assert_eq!(items[0].read, ["docs/a.md"]);
        assert!(divide(&milestone(&[], &[]), &BTreeMap::new(), 3).is_empty());
    }

    fn paths() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec("(src|tests|web)/(test_)?[a-d](_test)?\\.(rs|py)", 0..12)
    }

    #[test]
    fn a_deletion_stays_with_what_it_may_be_renamed_to() {
        let own = |list: &[&str]| list.iter().map(|path| (*path).to_owned()).collect();
        let files = Files {
            create: own(&[
                "web/z.js",
                "src/mail/send.rs",
                "tests/test_letters.py",
                "app/letters.py",
            ]),
            modify: vec![],
            delete: own(&["src/send.rs", "app/post.py", "tests/test_post.py", "a.md"]),
        };
        let milestone = Milestone { files, ..Milestone::default() };
        let items = divide(&milestone, &BTreeMap::new(), 8);
        let expected = [
            vec!["web/z.js"],
            vec!["src/mail/send.rs", "src/send.rs"],
            vec!["tests/test_letters.py", "app/letters.py", "app/post.py", "tests/test_post.py"],
            vec!["a.md"],
        ];
        assert_eq!(shown(&items), expected);
    }

    proptest! {
        #[test]
        fn items_partition_the_files(create in paths(), modify in paths(), delete in paths(), size in 0u64..100_000, parallel in 0usize..6) {
            let files = Files { create, modify, delete };
            let all: BTreeSet<String> = files.iter().cloned().collect();
            let sizes = files.modify.iter().map(|path| (path.clone(), size)).collect();
            let milestone = Milestone { files, ..Milestone::default() };
            let items = divide(&milestone, &sizes, parallel);
            prop_assert!(items.len() <= parallel.max(1));
            prop_assert!(items.iter().all(|item| !item.files.is_empty()));
            let given: Vec<&String> = items.iter().flat_map(|item| item.files.iter().map(|file| &file.path)).collect();
            prop_assert_eq!(given.len(), all.len());
            prop_assert_eq!(given.into_iter().cloned().collect::<BTreeSet<_>>(), all);
            prop_assert_eq!(&items, &divide(&milestone, &sizes, parallel));
            for item in &items {
                for file in item.files.iter().filter(|file| file.path.contains("_test.rs")) {
                    let subject = file.path.replace("_test.rs", ".rs");
                    let elsewhere = items.iter().filter(|other| *other != item);
                    let split = elsewhere.flat_map(|other| &other.files).any(|other| {
                        other.path == subject && other.path.starts_with("src/")  && !other.path.contains("test_")
                    });
                    prop_assert!(!split, "{:?}", items);
                }
            }
        }
    }
}
