//! Everything but a few paths, as a list of what may be read. The kernel's
//! rules only ever allow, with all that is beneath; so whoever wants to leave
//! out one file must list its neighbours, and those of every folder above it.

use std::fs;
use std::path::{Path, PathBuf};

/// Neighbours listed at most. A folder with more is one of data, and each entry
/// costs a rule.
const MOST: usize = 20_000;

/// What may be read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Readable {
    /// With all that is beneath. No symbolic links: a rule would mean where
    /// they lead, and what lies there has its own.
    pub(super) paths: Vec<PathBuf>,
    /// In words what was left out besides.
    pub(super) notes: Vec<String>,
}

/// All that is beneath `top` but these, as it is now: what is made later beside
/// an entry left out is not among it. All of them resolved paths.
pub(super) fn all_but(top: &Path, left_out: &[PathBuf]) -> Readable {
    all_but_within(top, left_out, MOST)
}

fn all_but_within(top: &Path, left_out: &[PathBuf], most: usize) -> Readable {
    let mut readable = Readable::default();
    let mut open = vec![top.to_path_buf()];
    let mut listed = 0;
    while let Some(path) = open.pop() {
        if left_out.iter().any(|out| path.starts_with(out)) {
            continue;
        }
        if !left_out.iter().any(|out| out.starts_with(&path)) {
            readable.paths.push(path);
            continue;
        }
        match fs::read_dir(&path) {
            Ok(entries) => {
                for entry in entries.flatten() {
                    if entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
                        continue;
                    }
                    listed += 1;
                    if listed > most {
                        let path = path.display();
                        let note = format!("{path} has too many entries: not all can be read");
                        readable.notes.push(note);
                        break;
                    }
                    open.push(entry.path());
                }
            }
            Err(error) => {
                let note = format!("{} cannot be listed or read: {error}", path.display());
                readable.notes.push(note);
            }
        }
    }
    readable.paths.sort();
    readable
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn tree() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let top = fs::canonicalize(dir.path()).unwrap();
        for file in ["home/.ssh/id", "home/.config/gh/hosts", "home/.config/git", "home/work/a"] {
            let path = top.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        symlink(top.join("home/.ssh"), top.join("home/link")).unwrap();
        symlink("link", top.join("home/second")).unwrap();
        (dir, top)
    }

    fn names(top: &Path, readable: &Readable) -> Vec<String> {
        let name = |path: &PathBuf| path.strip_prefix(top).unwrap().display().to_string();
        readable.paths.iter().map(name).collect()
    }

    #[test]
    fn the_neighbours_are_listed_and_links_are_not() {
        let (_dir, top) = tree();
        let out = [top.join("home/.ssh"), top.join("home/.config/gh/hosts")];
        let readable = all_but(&top, &out);
        assert_eq!(names(&top, &readable), ["home/.config/git", "home/work"]);
        assert!(readable.notes.is_empty());
    }

    #[test]
    fn nothing_left_out_is_one_rule_and_everything_left_out_is_none() {
        let (_dir, top) = tree();
        for out in [&[][..], &[PathBuf::from("/no-such")]] {
            assert_eq!(all_but(&top, out).paths, std::slice::from_ref(&top));
        }
        assert!(all_but(&top, std::slice::from_ref(&top)).paths.is_empty());
        assert!(all_but(&top, &[PathBuf::from("/")]).paths.is_empty());
    }

    #[test]
    fn a_name_that_begins_alike_is_another() {
        let (_dir, top) = tree();
        fs::write(top.join("home/.ssh-not"), "").unwrap();
        let readable = all_but(&top.join("home"), &[top.join("home/.ssh")]);
        assert!(names(&top, &readable).contains(&"home/.ssh-not".to_owned()));
    }

    #[test]
    fn too_many_entries_are_said_and_not_read() {
        let (_dir, top) = tree();
        for i in 0..10 {
            fs::write(top.join(format!("home/work/{i}")), "").unwrap();
        }
        let readable = all_but_within(&top.join("home/work"), &[top.join("home/work/a")], 5);
        assert!(readable.paths.len() <= 5);
        assert!(readable.notes[0].ends_with("not all can be read"), "{:?}", readable.notes);
    }
}
