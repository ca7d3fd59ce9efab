//! Making a workspace: a repository of plain files, since git's own ways of
//! making one run templates, copy objects or leave a remote behind, and the
//! files of a tree in it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rustix::fs::CWD;

use super::look::{self, Stamp};
use crate::edit::utf8;
use crate::error::{Error, at};
use crate::git::Call;
use crate::listing::Listing;
use crate::objects::{Mode, TreeId};
use crate::place::LINK;
use crate::refs::commit_id;
use crate::repository::Repository;

/// Who the one commit is by, and what is committed in there, if git is not told
/// otherwise.
const NAME: &str = "belay";
const EMAIL: &str = "belay@localhost";

/// The branch that is checked out.
const BRANCH: &str = "refs/heads/work";

/// No prompt for a key, no hooks of the person's, nothing in the background.
const SETTINGS: &str = "\tbare = false
\tfilemode = true
\tlogallrefupdates = true
\tautocrlf = false
\thooksPath = /dev/null
\tfsmonitor = false
[commit]
\tgpgSign = false
[tag]
\tgpgSign = false
[gc]
\tauto = 0
[maintenance]
\tauto = false
[submodule]
\trecurse = false
";

/// Before every attribute of the tree: content as it is stored, whatever is
/// configured on this machine.
const ATTRIBUTES: &str = "* -text -ident -filter !working-tree-encoding\n";

/// What is in there can be made again.
const UNSYNCED: [&str; 1] = ["core.fsync=none"];

/// Stores of objects that borrow from each other; git itself follows five
/// steps.
const MOST_STORES: usize = 64;

/// A file of git's that is a list, of stores or of patterns, has no more.
const LONGEST_LIST: u64 = 1024 * 1024;

/// A workspace that is being made at a path where nothing stands.
pub(super) struct Making<'a> {
    pub(super) repository: &'a Repository,
    pub(super) path: &'a Path,
    pub(super) tree: &'a TreeId,
}

impl Making<'_> {
    pub(super) async fn repository_of_its_own(&self) -> Result<(), Error> {
        let git_dir = self.path.join(LINK);
        for folder in ["objects/info", "objects/pack", "refs/heads", "refs/tags", "info"] {
            let folder = git_dir.join(folder);
            std::fs::create_dir_all(&folder).map_err(at(folder))?;
        }
        let is_sha1 = self.tree.as_str().len() == 40;
        let config = config(is_sha1);
        let stores = stores(&self.objects().await?);
        let stores: String = stores.iter().map(|store| format!("{}\n", store.display())).collect();
        for (name, content) in [
            ("HEAD", format!("ref: {BRANCH}\n").as_str()),
            ("config", &config),
            ("info/attributes", ATTRIBUTES),
            ("objects/info/alternates", &stores),
        ] {
            let file = git_dir.join(name);
            std::fs::write(&file, content).map_err(at(file))?;
        }
        let exclude = self.repository.git_dir().join("info").join("exclude");
        if exclude.metadata().is_ok_and(|facts| is_list(&facts)) {
            let copy = git_dir.join("info").join("exclude");
            std::fs::copy(&exclude, &copy).map_err(at(copy))?;
        }
        self.commit(&git_dir).await
    }

    async fn commit(&self, git_dir: &Path) -> Result<(), Error> {
        let date = "@0 +0000";
        let args = ["commit-tree", self.tree.as_str(), "-m", "What is there"];
        let commit = self
            .call(&args)?
            .env("GIT_AUTHOR_NAME", NAME)
            .env("GIT_AUTHOR_EMAIL", EMAIL)
            .env("GIT_AUTHOR_DATE", date)
            .env("GIT_COMMITTER_NAME", NAME)
            .env("GIT_COMMITTER_EMAIL", EMAIL)
            .env("GIT_COMMITTER_DATE", date);
        let commit = self.repository.caller().line(&commit).await?;
        let commit = commit_id("commit-tree", &commit)?;
        let branch = git_dir.join(BRANCH);
        std::fs::write(&branch, format!("{commit}\n")).map_err(at(branch))
    }

    pub(super) async fn fill(&self) -> Result<(), Error> {
        let caller = self.repository.caller();
        caller.run(&self.call(&["read-tree", self.tree.as_str()])?).await?;
        // Also notes in the index how each file looks.
        caller.run(&self.call(&["checkout-index", "-a", "-f", "-u", "-q"])?).await.map(drop)
    }

    fn call<'a>(&'a self, args: &[&'a str]) -> Result<Call<'a>, Error> {
        Ok(Call::new(args)
            .options(&UNSYNCED)
            .dir(self.path)
            .env("GIT_DIR", utf8(&self.path.join(LINK))?)
            .env("GIT_WORK_TREE", utf8(self.path)?))
    }

    /// Where the repository keeps its objects.
    async fn objects(&self) -> Result<PathBuf, Error> {
        let args = ["rev-parse", "--path-format=absolute", "--git-path", "objects"];
        Ok(PathBuf::from(self.repository.caller().line(&Call::new(&args)).await?))
    }
}

fn config(is_sha1: bool) -> String {
    let (version, format) =
        if is_sha1 { ("0", "") } else { ("1", "[extensions]\n\tobjectformat = sha256\n") };
    format!(
        "{format}[core]\n\trepositoryformatversion = {version}\n{SETTINGS}[user]\n\tname = \
         {NAME}\n\temail = {EMAIL}\n"
    )
}

fn is_list(facts: &std::fs::Metadata) -> bool {
    facts.is_file() && facts.len() <= LONGEST_LIST
}

/// The folder of objects and those that it borrows from, all in full, since git
/// takes relative ones of the first only.
fn stores(objects: &Path) -> Vec<PathBuf> {
    let mut found = vec![objects.to_owned()];
    let mut next = 0;
    while let Some(store) = found.get(next).cloned() {
        next += 1;
        let list = store.join("info").join("alternates");
        if !list.metadata().is_ok_and(|facts| is_list(&facts)) {
            continue;
        }
        let text = std::fs::read_to_string(&list).unwrap_or_default();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let borrowed = store.join(line);
            let borrowed = borrowed.canonicalize().unwrap_or(borrowed);
            if !found.contains(&borrowed) && found.len() < MOST_STORES {
                found.push(borrowed);
            }
        }
    }
    found
}

/// How all files look that were just written.
pub(super) fn stamps(
    path: &Path,
    listing: &Listing,
) -> impl FnOnce() -> std::io::Result<BTreeMap<String, Stamp>> + use<> {
    let path = path.to_owned();
    let files = listing.iter().filter(|(_, entry)| entry.mode != Mode::Submodule);
    let files: BTreeSet<String> = files.map(|(path, _)| path.clone()).collect();
    move || {
        let top = look::open_forcibly(CWD, path.as_os_str())?;
        let stamped = |file: String| match look::stamp(&top, &file) {
            Ok(stamp) => Ok((file, stamp)),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let said = format!("{file} is not there after it was written");
                Err(std::io::Error::new(ErrorKind::NotFound, said))
            }
            Err(error) => Err(error),
        };
        files.into_iter().map(stamped).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_that_borrow_are_followed_by_their_full_paths_and_in_no_circle() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        for (store, list) in [("a", "../b\n# no\n\n"), ("b", "../c\n/nowhere\n"), ("c", "../a\n")] {
            std::fs::create_dir_all(dir.join(store).join("info")).unwrap();
            std::fs::write(dir.join(store).join("info/alternates"), list).unwrap();
        }
        let found = stores(&dir.join("a"));
        let wanted = [dir.join("a"), dir.join("b"), dir.join("c"), PathBuf::from("/nowhere")];
        assert_eq!(found, wanted);
    }
}
