//! Which branches stand in the way of a new one: git says so only when the
//! branch is made, and by then a run has been begun for it.

use std::fs;
use std::path::Path;

/// Folders looked into; deeper ones hold no branch that anybody made by hand.
const DEEPEST: usize = 20;

/// A branch whose name begins with `branch` and a slash, if there is one.
///
/// Read from git's files, loose and packed. What cannot be read is not there:
/// git has the last word when the branch is made.
pub(crate) fn below(git_dir: &Path, branch: &str) -> Option<String> {
    loose(&git_dir.join("refs/heads").join(branch), branch, DEEPEST)
        .or_else(|| packed(&git_dir.join("packed-refs"), branch))
}

/// An empty folder, as a deleted branch leaves it, is in nobody's way.
fn loose(folder: &Path, name: &str, depth: usize) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    let mut entries: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    entries.iter().find_map(|entry| {
        let name = format!("{name}/{}", entry.file_name().to_string_lossy());
        let path = entry.path();
        if path.is_dir() { loose(&path, &name, depth) } else { Some(name) }
    })
}

fn packed(file: &Path, branch: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let prefix = format!("{branch}/");
    let names = text.lines().filter_map(|line| line.split_once(" refs/heads/"));
    names.map(|(_, name)| name).find(|name| name.starts_with(&prefix)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_loose_and_packed_branches_and_no_empty_folder() {
        let dir = tempfile::tempdir().expect("a folder");
        let heads = dir.path().join("refs/heads");
        fs::create_dir_all(heads.join("feature/empty")).expect("folders");
        assert_eq!(below(dir.path(), "feature"), None);
        fs::write(heads.join("feature/x"), "").expect("a branch");
        assert_eq!(below(dir.path(), "feature").as_deref(), Some("feature/x"));
        assert_eq!(below(dir.path(), "feat"), None);
        let packed = "# pack-refs with: peeled\n1234 refs/heads/old/a/b\n5678 refs/tags/new/x\n";
        fs::write(dir.path().join("packed-refs"), packed).expect("packed");
        assert_eq!(below(dir.path(), "old").as_deref(), Some("old/a/b"));
        assert_eq!(below(dir.path(), "new"), None);
    }
}
