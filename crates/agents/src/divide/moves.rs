//! Which deletions and creations of a milestone are probably one file that moves.
//!
//! A plan has no word for a rename: it deletes one path and creates another. With two coders the
//! one who writes the new file never saw the old one, and its history is cut off.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::{Action, PlannedFile};

/// Deletion and creation, as indices; each index stands in one pair at most, and the likeliest
/// pairs are taken first: the same name in another folder, nearby rather than far away, then the
/// same kind of file in the same folder, by how alike the names are.
pub(super) fn likely(files: &[PlannedFile]) -> Vec<(usize, usize)> {
    let of =
        |action: Action| files.iter().enumerate().filter(move |(_, file)| file.action == action);
    let mut pairs: Vec<_> = of(Action::Delete)
        .flat_map(|(old, gone)| {
            of(Action::Create).filter_map(move |(new, made)| {
                Some((Reverse(likeness(&gone.path, &made.path)?), old, new))
            })
        })
        .collect();
    pairs.sort_unstable();
    let mut taken = BTreeSet::new();
    pairs.retain(|(_, old, new)| {
        let free = !taken.contains(old) && !taken.contains(new);
        if free {
            taken.extend([*old, *new]);
        }
        free
    });
    pairs.into_iter().map(|(_, old, new)| (old, new)).collect()
}

/// How likely one path became the other, larger for likelier; `None` for strangers.
fn likeness(old: &str, new: &str) -> Option<(bool, usize)> {
    let ((old_folder, old_name), (new_folder, new_name)) = (split(old), split(new));
    if old_name == new_name {
        return Some((true, shared(old_folder.split('/'), new_folder.split('/'))));
    }
    let ending = |name: &str| name.rsplit_once('.').map(|(_, ending)| ending.to_owned());
    if old_folder != new_folder
        || ending(old_name).is_none()
        || ending(old_name) != ending(new_name)
    {
        return None;
    }
    let head = shared(old_name.chars(), new_name.chars());
    Some((false, head + shared(old_name.chars().rev(), new_name.chars().rev())))
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// How many leading items two sequences share.
fn shared<T: PartialEq>(one: impl Iterator<Item = T>, other: impl Iterator<Item = T>) -> usize {
    one.zip(other).take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(delete: &[&str], create: &[&str]) -> Vec<(String, String)> {
        let planned =
            |action: Action| move |path: &&str| PlannedFile { path: (*path).to_owned(), action };
        let files: Vec<PlannedFile> = create
            .iter()
            .map(planned(Action::Create))
            .chain(delete.iter().map(planned(Action::Delete)))
            .collect();
        let path = |index: usize| files[index].path.clone();
        likely(&files).into_iter().map(|(old, new)| (path(old), path(new))).collect()
    }

    #[test]
    fn the_same_name_elsewhere_or_the_same_kind_here() {
        for (delete, create, expected) in [
            (vec!["a/x.rs"], vec!["b/x.rs"], vec![("a/x.rs", "b/x.rs")]),
            (vec!["a/x.rs"], vec!["a/y.rs"], vec![("a/x.rs", "a/y.rs")]),
            (vec!["x.rs"], vec!["y.rs"], vec![("x.rs", "y.rs")]),
            (vec!["a/x.rs"], vec!["b/y.rs", "a/x.py"], vec![]),
            (vec!["LICENSE"], vec!["NOTICE"], vec![]),
            (vec!["a/Makefile"], vec!["Makefile"], vec![("a/Makefile", "Makefile")]),
            // The name outweighs the folder, and a near folder a far one.
            (vec!["a/x.rs"], vec!["a/y.rs", "q/x.rs", "a/b/x.rs"], vec![("a/x.rs", "a/b/x.rs")]),
            (
                vec!["a/mail_form.rs", "a/user.rs"],
                vec!["a/users.rs", "a/letter_form.rs"],
                vec![("a/mail_form.rs", "a/letter_form.rs"), ("a/user.rs", "a/users.rs")],
            ),
        ] {
            let expected: Vec<(String, String)> =
                expected.into_iter().map(|(old, new)| (old.to_owned(), new.to_owned())).collect();
            let mut found = pairs(&delete, &create);
            found.sort();
            assert_eq!(found, expected, "{delete:?} {create:?}");
        }
    }

    #[test]
    fn no_file_stands_in_two_pairs() {
        assert_eq!(pairs(&["a/x.rs", "a/y.rs"], &["a/z.rs"]).len(), 1);
        assert_eq!(pairs(&["a/x.rs"], &["b/x.rs", "c/x.rs", "a/z.rs"]).len(), 1);
    }
}
