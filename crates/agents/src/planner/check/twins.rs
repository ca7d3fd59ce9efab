//! Names of a plan that some machines take for one.
//!
//! A tree with `README.md` and `readme.md`, or with `D/a.txt` and `d/b.txt`, cannot be checked out
//! where cases are not told apart, so the worktree refuses it: by then every coder of the milestone
//! has worked for nothing. Here it is found while the planner can still choose another name.

use std::collections::{BTreeMap, BTreeSet};

use crate::answers::{Files, Milestone};
use crate::source::Known;

use super::folders;

/// Refuses a milestone after which names would be there that differ only in case. Twins that were
/// there before are the person's own affair; that one spelling goes as another comes is a renaming.
///
/// The milestones are those that will be worked on, in that order.
pub(super) fn check(known: &Known, milestones: &[Milestone]) -> Result<(), String> {
    let mut tree: BTreeSet<&str> = known.paths().collect();
    for (index, milestone) in milestones.iter().enumerate() {
        let files = &milestone.files;
        for path in &files.delete {
            tree.remove(path.as_str());
        }
        check_new(known, &tree, files)
            .and_then(|()| check_changed(files))
            .map_err(|why| format!("milestone {} ({}): {why}", index + 1, milestone.name))?;
        tree.extend(files.create.iter().chain(&files.modify).map(String::as_str));
    }
    Ok(())
}

/// A spelling, and a file that needs it: the file itself or one in that folder.
type Taken<'a> = (&'a str, &'a str);

/// New files against what is in the tree and each other, folders included.
fn check_new(known: &Known, tree: &BTreeSet<&str>, files: &Files) -> Result<(), String> {
    if files.create.is_empty() {
        return Ok(());
    }
    // Only what the new files could clash with is kept: repositories are large, plans are not.
    let mut taken: BTreeMap<String, Option<Taken<'_>>> =
        files.create.iter().flat_map(|path| names(path)).map(|name| (fold(name), None)).collect();
    for path in tree {
        for name in names(path) {
            if let Some(first) = taken.get_mut(&fold(name)) {
                first.get_or_insert((name, path));
            }
        }
    }
    for path in &files.create {
        for name in names(path) {
            let first = taken.entry(fold(name)).or_default();
            let &mut (spelling, other) = first.get_or_insert((name, path));
            if spelling != name {
                return Err(clash(known, files, (name, path), (spelling, other)));
            }
        }
    }
    Ok(())
}

/// Two files that were twins before can both be changed, but not in one commit.
fn check_changed(files: &Files) -> Result<(), String> {
    let mut changed: BTreeMap<String, &str> = BTreeMap::new();
    for path in &files.modify {
        if let Some(other) = changed.insert(fold(path), path) {
            return Err(format!(
                "{path} and {other} differ only in letter case; modify them in different milestones"
            ));
        }
    }
    Ok(())
}

fn clash(known: &Known, files: &Files, new: Taken<'_>, first: Taken<'_>) -> String {
    let ((name, path), (spelling, file)) = (new, first);
    // Of a file that may not be shown only the folder is named.
    let other = if known.is_denied(file) { spelling } else { file };
    let mut why = format!("{path} and {other} cannot both exist, since ");
    if name == path && spelling == other {
        why.push_str("they");
    } else {
        why.push_str(&format!("{name} and {spelling}"));
    }
    why.push_str(" differ only in letter case, which many machines do not tell apart; ");
    if (name == path) != (spelling == file) {
        // One is a file and the other a folder, so the same spelling would not do either.
        why.push_str(&format!("give {path} another name"));
    } else if files.create.iter().any(|created| created == file) {
        why.push_str("keep to one spelling");
    } else if spelling == file {
        why.push_str(&format!(
            "name it {spelling}, or, to rename it, delete {spelling} in the same milestone"
        ));
    } else {
        why.push_str(&format!(
            "write {spelling}, or, to rename it, delete every file in {spelling} in the same milestone"
        ));
    }
    why
}

/// A path's folders and the path itself.
fn names(path: &str) -> impl Iterator<Item = &str> {
    folders(path).chain([path])
}

/// What two spellings have in common; the worktree compares in the same way.
fn fold(name: &str) -> String {
    name.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{milestone, plan_of, read, rules};
    use crate::asking::Giver;
    use serde_json::{Value, json};

    fn error(milestones: &[Value]) -> String {
        read(milestones).unwrap_err()
    }

    #[test]
    fn new_files_that_differ_only_in_case_are_refused_with_both_names() {
        assert_eq!(
            error(&[milestone(&["Readme.md", "README.md"], &[], &[])]),
            "milestone 1 (Do it): README.md and Readme.md cannot both exist, since they differ only \
             in letter case, which many machines do not tell apart; keep to one spelling"
        );
        assert_eq!(
            error(&[milestone(&["D/a.txt", "d/b.txt"], &[], &[])]),
            "milestone 1 (Do it): d/b.txt and D/a.txt cannot both exist, since d and D differ only \
             in letter case, which many machines do not tell apart; keep to one spelling"
        );
        for (create, said) in [
            (["d", "D/b.txt"], "D/b.txt and d cannot both exist, since D and d differ"),
            (["D/b.txt", "d"], "d and D/b.txt cannot both exist, since d and D differ"),
            (["a/É.txt", "a/é.txt"], "a/é.txt and a/É.txt cannot both exist, since they differ"),
            (["a/B/c", "a/b/d"], "a/b/d and a/B/c cannot both exist, since a/b and a/B differ"),
        ] {
            let error = error(&[milestone(&create, &[], &[])]);
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn what_exists_is_not_created_in_another_case() {
        for (create, modify, said) in [
            (
                vec!["src/A.rs"],
                vec![],
                "src/A.rs and src/a.rs cannot both exist, since they differ only in letter case, \
                 which many machines do not tell apart; name it src/a.rs, or, to rename it, delete \
                 src/a.rs in the same milestone",
            ),
            // Named as if it were there, it would be created too.
            (
                vec![],
                vec!["SRC/a.rs"],
                "SRC/a.rs and src/a.rs cannot both exist, since SRC and src",
            ),
            (
                vec!["Src"],
                vec![],
                "Src and src/a.rs cannot both exist, since Src and src differ only in letter case, \
                 which many machines do not tell apart; give Src another name",
            ),
            (
                vec!["Src/new.rs"],
                vec![],
                "write src, or, to rename it, delete every file in src in the same milestone",
            ),
        ] {
            let error = error(&[milestone(&create, &modify, &[])]);
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn earlier_milestones_count_as_done() {
        let first = || milestone(&["docs/One.md"], &[], &["src/b.rs"]);
        for (create, said) in [
            ("docs/one.md", "milestone 2 (Do it): docs/one.md and docs/One.md cannot both exist"),
            ("Docs/two.md", "milestone 2 (Do it): Docs/two.md and docs/One.md cannot both exist"),
        ] {
            let error = error(&[first(), milestone(&[create], &[], &[])]);
            assert!(error.contains(said), "{error}");
        }
        read(&[first(), milestone(&["src/B.rs", "docs/two.md"], &["docs/One.md"], &[])]).unwrap();
        let late = [milestone(&["src/B.rs"], &[], &[]), milestone(&[], &[], &["src/b.rs"])];
        assert!(error(&late).starts_with("milestone 1 (Do it): src/B.rs and src/b.rs"));
    }

    /// A milestone that waits for an answer comes last, whatever stood after it.
    #[test]
    fn the_order_of_work_decides() {
        let mut waits = milestone(&[], &[], &["src/b.rs"]);
        waits["waits_for_answer"] = json!(true);
        let plan = plan_of(&[waits, milestone(&["src/B.rs"], &[], &[])]);
        rules().read(&plan, Giver::Model).unwrap();
        let asked = super::super::PlanRules { asked: true, ..rules() };
        assert!(asked.read(&plan, Giver::Model).unwrap_err().contains("src/B.rs and src/b.rs"));
    }

    #[test]
    fn the_old_spelling_may_go_as_the_new_one_comes() {
        let plan = read(&[
            milestone(&["src/A.rs"], &[], &["src/a.rs"]),
            milestone(&["Src/A.rs", "Src/b.rs"], &[], &["src/A.rs", "src/b.rs"]),
        ])
        .unwrap();
        assert_eq!(plan.milestones[1].files.create, ["Src/A.rs", "Src/b.rs"]);
        let half = [milestone(&["Src/a.rs"], &[], &["src/a.rs"])];
        assert!(
            error(&half).contains("Src/a.rs and src/b.rs cannot both exist, since Src and src")
        );
    }

    #[test]
    fn twins_that_were_there_are_left_alone_but_not_changed_at_once() {
        let rules = super::super::tests::rules_with(&["Old.md", "old.md"]);
        let both = |milestones: &[Value]| rules.read(&plan_of(milestones), Giver::Model);
        both(&[milestone(&["new.md"], &["Old.md"], &[]), milestone(&[], &["old.md"], &[])])
            .unwrap();
        let error = both(&[milestone(&[], &["Old.md", "old.md"], &[])]).unwrap_err();
        assert!(error.contains("old.md and Old.md differ only in letter case; modify"), "{error}");
    }

    #[test]
    fn a_file_that_may_not_be_shown_is_not_named() {
        let rules = super::super::tests::rules_with(&["Deploy/.env"]);
        let plan = plan_of(&[milestone(&["deploy/run.sh"], &[], &[])]);
        let error = rules.read(&plan, Giver::Model).unwrap_err();
        assert!(error.contains("deploy/run.sh and Deploy cannot both exist"), "{error}");
        assert!(!error.contains(".env"), "{error}");
    }
}
