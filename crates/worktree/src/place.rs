//! What stands at the path of a linked worktree, judged before anything is
//! written there. A folder may be another's, half made, or damaged by the very
//! commands that were run in it: the first must stay as it is, and the others
//! must not make a run unfinishable.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::{Error, at};

/// The file in a worktree's administrative directory that says it is ours.
pub(crate) const MARK: &str = "belay";

/// The file in a worktree that leads to its administrative directory.
pub(crate) const LINK: &str = ".git";

/// The folder that holds nothing but worktrees of ours, each named after its
/// run.
const RESERVED: &str = "worktrees";

/// What a name beside the worktree's goes on with when the folder was moved
/// aside; a number follows.
const BROKEN: &str = ".broken-";

/// More of them than this means that something else is wrong.
const MOST_BROKEN: usize = 1000;

/// Absolute and without links, for a path whose last parts may not exist yet.
/// The last part itself is not followed.
pub(crate) fn canonical(path: &Path) -> Result<PathBuf, Error> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return path.canonicalize().map_err(at(path));
    };
    if parent.as_os_str().is_empty() {
        return Err(Error::Io {
            path: path.to_owned(),
            source: std::io::Error::other("the path is not absolute"),
        });
    }
    match parent.canonicalize() {
        Ok(parent) => Ok(parent.join(name)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Ok(canonical(parent)?.join(name))
        }
        Err(error) => Err(at(parent)(error)),
    }
}

pub(crate) fn not_ours(path: &Path, why: &str) -> Error {
    Error::NotOurs { path: path.to_owned(), why: why.to_owned() }
}

/// Whether the path is one that only we would make: `worktrees/ULID`, where
/// nobody keeps work of his own. Also there nothing is removed that could be
/// moved aside instead.
pub(crate) fn is_reserved(path: &Path) -> bool {
    let folder = path.parent().and_then(Path::file_name);
    let name = path.file_name().and_then(|name| name.to_str());
    folder.is_some_and(|folder| folder == RESERVED) && name.is_some_and(is_ulid)
}

pub(crate) fn is_ulid(name: &str) -> bool {
    let is_digit =
        |b: u8| b.is_ascii_alphanumeric() && !matches!(b, b'I' | b'L' | b'O' | b'U' | b'a'..=b'z');
    name.len() == 26 && name.bytes().all(is_digit) && name.as_bytes()[0] <= b'7'
}

/// Takes what stands at the path away from there without destroying it: moved
/// to a free name beside it, which is returned. A link is removed, what it
/// leads to is left alone; an empty folder may stay.
pub(crate) fn set_aside(path: &Path) -> Result<Option<PathBuf>, Error> {
    match path.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(at(path)(error)),
        Ok(facts) if facts.is_symlink() => {
            std::fs::remove_file(path).map_err(at(path))?;
            return Ok(None);
        }
        Ok(_) if is_empty_folder(path) => return Ok(None),
        Ok(_) => {}
    }
    let mut names = (1..=MOST_BROKEN).map(|number| beside(path, &format!("{BROKEN}{number}")));
    let full = || at(path)(std::io::Error::other("too much was moved aside from here already"));
    let name = names.find(|name| name.symlink_metadata().is_err()).ok_or_else(full)?;
    std::fs::rename(path, &name).map_err(at(path))?;
    Ok(Some(name))
}

/// Everything that `set_aside` moved away from this path.
pub(crate) fn all_set_aside(path: &Path) -> Vec<PathBuf> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Vec::new();
    };
    let beginning = format!("{}{BROKEN}", name.to_string_lossy());
    let Ok(entries) = std::fs::read_dir(parent) else {
        return Vec::new();
    };
    let is_aside = |entry: &std::fs::DirEntry| {
        entry.file_name().to_string_lossy().strip_prefix(&beginning).is_some_and(|number| {
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    entries.flatten().filter(is_aside).map(|entry| entry.path()).collect()
}

/// The path with something added to its last part.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path.as_os_str());
    name.push(suffix);
    PathBuf::from(name)
}

/// Whether belay made the registered worktree, and what lies at its path now
/// is still that: it bears our mark, or the process that was making it died
/// before anything was written into it.
pub(crate) fn is_ours(admin: &Path, path: &Path) -> bool {
    let is_empty = path.symlink_metadata().is_err() || is_bare(path);
    if admin.join(MARK).is_file() {
        is_empty || leads_to(path, admin)
    } else {
        is_empty && !admin.join("index").exists()
    }
}

/// Whether the registered worktree bears no mark of ours and has a branch
/// checked out.
pub(crate) fn is_anothers(admin: &Path) -> bool {
    let on_branch = std::fs::read_to_string(admin.join("HEAD"));
    !admin.join(MARK).exists() && on_branch.is_ok_and(|head| head.starts_with("ref: refs/heads/"))
}

/// Whether it is complete on both sides; what is not is made again.
pub(crate) fn is_whole(admin: &Path, path: &Path, git_dir: &Path) -> bool {
    is_whole_admin(admin, git_dir) && leads_to(path, admin)
}

/// Whether the administrative directory is complete and of this repository.
pub(crate) fn is_whole_admin(admin: &Path, git_dir: &Path) -> bool {
    let leads_home = std::fs::read_to_string(admin.join("commondir")).is_ok_and(|common| {
        admin.join(common.trim_end_matches('\n')).canonicalize().is_ok_and(|dir| dir == git_dir)
    });
    leads_home
        && admin.symlink_metadata().is_ok_and(|facts| facts.is_dir())
        && admin.join("HEAD").is_file()
        && admin.join(MARK).is_file()
}

/// Makes durable what git has written of a new worktree: it syncs none of it,
/// and where one of these files is empty no git in the repository can list
/// its worktrees.
pub(crate) fn sync_admin(admin: &Path) -> Result<(), Error> {
    for name in ["commondir", "gitdir", "HEAD", MARK] {
        let path = admin.join(name);
        std::fs::File::open(&path).and_then(|file| file.sync_all()).map_err(at(path))?;
    }
    Ok(())
}

/// Whether the folder's `.git` file names this administrative directory.
fn leads_to(path: &Path, admin: &Path) -> bool {
    let is_file = |path: &Path| path.symlink_metadata().is_ok_and(|facts| facts.is_file());
    let is_dir = path.symlink_metadata().is_ok_and(|facts| facts.is_dir());
    is_dir
        && is_file(&path.join(LINK))
        && std::fs::read_to_string(path.join(LINK)).is_ok_and(|link| {
            link.strip_prefix("gitdir: ")
                .and_then(|target| path.join(target.trim_end_matches('\n')).canonicalize().ok())
                .is_some_and(|target| target == admin)
        })
}

pub(crate) fn is_empty_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|facts| facts.is_dir())
        && std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

/// Whether nothing but the `.git` file was ever written there.
fn is_bare(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|facts| facts.is_dir())
        && std::fs::read_dir(path).is_ok_and(|entries| {
            entries.flatten().all(|entry| entry.file_name() == LINK && entry.path().is_file())
        })
}

/// Removes a folder with all in it, a file or a link; nothing there is fine.
pub(crate) async fn remove_all(path: &Path) -> Result<(), Error> {
    let result = match tokio::fs::symlink_metadata(path).await {
        Ok(facts) if facts.is_dir() => tokio::fs::remove_dir_all(path).await,
        Ok(_) => tokio::fs::remove_file(path).await,
        Err(error) => Err(error),
    };
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(at(path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_folder_named_after_a_run_among_worktrees_is_reserved() {
        let run = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
        assert!(is_reserved(Path::new(&format!("/cache/belay/worktrees/{run}"))));
        for other in [
            format!("/cache/belay/{run}"),
            format!("/ada/worktrees/{run}x"),
            format!("/ada/worktrees/{run}/src"),
            format!("/ada/worktrees/{}", run.replace('Z', "U")),
            format!("/ada/worktrees/8{}", &run[1..]),
            "/ada/worktrees/feature".to_owned(),
            "/ada/worktrees".to_owned(),
            "/".to_owned(),
        ] {
            assert!(!is_reserved(Path::new(&other)), "{other}");
        }
    }
}
