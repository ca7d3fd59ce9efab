//! The folder for what can be made again, made before anything is put there.
//! Below the temporary folder anybody may have made it first, and would then
//! own the worktrees that commands run in; and one that cannot be written
//! would end a run later, with an error that names no path.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use rustix::process::geteuid;

use super::Surroundings;
use crate::error::{Code, CommandError, fail};

/// Nobody else may look in, and nobody else may write.
const OURS_ALONE: u32 = 0o700;

impl Surroundings {
    /// The folder for what can be made again: worktrees, build results.
    pub(crate) fn cache(&self) -> PathBuf {
        self.cache_of_user().unwrap_or_else(|| below_temporary(&std::env::temp_dir()))
    }

    /// None where nothing says where the user's caches are.
    fn cache_of_user(&self) -> Option<PathBuf> {
        let set = |name: &str| self.var(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = || set("HOME").map(|home| home.join(".cache"));
        Some(set("XDG_CACHE_HOME").or_else(home)?.join("belay"))
    }

    /// Makes the cache folder; refuses one that is another user's or cannot be written.
    pub(crate) fn make_cache(&self) -> Result<(), CommandError> {
        match self.cache_of_user() {
            Some(folder) => make(&folder),
            None => make_alone(&self.cache()),
        }
    }
}

/// Each user has one: the temporary folder is everybody's.
fn below_temporary(temporary: &Path) -> PathBuf {
    temporary.join(format!("belay-{}", geteuid().as_raw()))
}

fn make(folder: &Path) -> Result<(), CommandError> {
    let made = fs::create_dir_all(folder);
    let rights = Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK;
    made.and_then(|()| Ok(access(folder, rights)?)).map_err(|error| unwritable(folder, &error))
}

/// Makes it for this user alone. One that was there is taken only if nobody
/// else can have put anything in it.
fn make_alone(folder: &Path) -> Result<(), CommandError> {
    match DirBuilder::new().mode(OURS_ALONE).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(unwritable(folder, &error));
        }
        _ => {}
    }
    // Not followed: a link's owner decides where it leads to.
    let facts = folder.symlink_metadata().map_err(|error| unwritable(folder, &error))?;
    let wrong = if !facts.is_dir() {
        "is not a folder".to_owned()
    } else if facts.uid() != geteuid().as_raw() {
        format!("belongs to another user ({})", facts.uid())
    } else if facts.mode() & 0o777 != OURS_ALONE {
        format!("is open to other users or closed to you (mode {:04o})", facts.mode() & 0o7777)
    } else {
        return make(folder);
    };
    Err(fail(
        Code::Cache,
        format!(
            "the cache folder {} {wrong}: remove it, or set HOME or XDG_CACHE_HOME",
            folder.display()
        ),
    ))
}

fn unwritable(folder: &Path, error: &io::Error) -> CommandError {
    let folder = folder.display();
    fail(
        Code::Cache,
        format!("the cache folder {folder} cannot be written: {error}; set XDG_CACHE_HOME"),
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn surroundings(pairs: &[(&str, &str)]) -> Surroundings {
        let vars =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Surroundings { vars, here: PathBuf::from("/"), host: "h".into() }
    }

    #[test]
    fn the_cache_is_the_users() {
        assert_eq!(surroundings(&[("HOME", "/h")]).cache(), PathBuf::from("/h/.cache/belay"));
        assert_eq!(
            surroundings(&[("XDG_CACHE_HOME", "/x"), ("HOME", "/h")]).cache(),
            PathBuf::from("/x/belay")
        );
        assert_eq!(
            surroundings(&[("XDG_CACHE_HOME", "relative"), ("HOME", "/h")]).cache(),
            PathBuf::from("/h/.cache/belay")
        );
    }

    #[test]
    fn without_a_home_each_user_has_another_cache() {
        let name = format!("belay-{}", geteuid().as_raw());
        assert!(surroundings(&[]).cache().ends_with(name));
    }

    #[test]
    fn a_cache_below_the_temporary_folder_is_made_for_one_user_and_taken_again() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = below_temporary(root.path());
        for _ in 0..2 {
            make_alone(&folder).expect("a folder of our own");
            assert_eq!(folder.metadata().expect("facts").mode() & 0o777, OURS_ALONE);
        }
    }

    #[test]
    fn a_cache_that_others_may_have_filled_is_refused() {
        let root = tempfile::tempdir().expect("a folder");
        let at = |name: &str| root.path().join(name);
        fs::create_dir(at("open")).expect("a folder");
        fs::set_permissions(at("open"), fs::Permissions::from_mode(0o777)).expect("a mode");
        make_alone(&at("mine")).expect("a folder of our own");
        symlink(at("mine"), at("link")).expect("a link");
        fs::write(at("file"), "").expect("a file");
        for (name, why) in
            [("open", "mode 0777"), ("link", "not a folder"), ("file", "not a folder")]
        {
            let line = make_alone(&at(name)).expect_err("refused").line();
            assert!(line.contains(why), "{line}");
            assert!(line.contains(&at(name).display().to_string()), "{line}");
        }
    }

    #[test]
    fn a_cache_of_another_user_is_refused() {
        // Whoever runs this, one of these is another's.
        let root = Path::new("/").metadata().expect("facts").uid();
        if geteuid().as_raw() == root {
            let folder = tempfile::tempdir().expect("a folder");
            let own = folder.path().join("own");
            DirBuilder::new().mode(OURS_ALONE).create(&own).expect("a folder");
            // Where a user namespace has no such user there is no other one to be kept from.
            if std::os::unix::fs::chown(&own, Some(1), None).is_err() {
                return;
            }
            let line = make_alone(&own).expect_err("refused").line();
            assert!(line.contains("another user (1)"), "{line}");
        } else {
            let line = make_alone(Path::new("/")).expect_err("refused").line();
            assert!(line.contains("another user"), "{line}");
        }
    }

    #[test]
    fn a_cache_that_cannot_be_made_is_named() {
        let root = tempfile::tempdir().expect("a folder");
        let file = root.path().join("file");
        fs::write(&file, "").expect("a file");
        let error = surroundings(&[("XDG_CACHE_HOME", &file.display().to_string())]).make_cache();
        let line = error.expect_err("a file is no folder").line();
        let expected = format!("the cache folder {}/belay cannot be written: ", file.display());
        assert!(line.starts_with(&expected), "{line}");
    }
}
