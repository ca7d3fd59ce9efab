//! Filling the worktree from a tree. git would do it by itself, but it writes
//! and deletes by path, and a process that a test left behind may swap a folder
//! for a link in the middle of it: then git writes into the person's files. So
//! git says what differs and writes that into a folder that only we know, and
//! it is moved from there.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::below::Below;
use crate::edit::utf8;
use crate::error::{Error, at};
use crate::git::{Call, POINTERS};
use crate::linked::Worktree;
use crate::listing::Listing;
use crate::objects::{Mode, TreeId};
use crate::place::{LINK, remove_all};
use crate::repository::{empty_tree, tree_id};

/// What tests install there takes long and is not ignored by every project.
const MODULES: &str = "--exclude=node_modules/";

/// Notes in the index which files hold what it says; status 1 where one does
/// not, which is no failure.
const REFRESH: [&str; 3] = ["update-index", "--ignore-submodules", "--really-refresh"];

/// The files that differ from the index, as far as it is known there.
const CHANGED: [&str; 4] = ["diff-files", "--name-only", "-z", "--ignore-submodules=all"];

/// Everything that is neither tracked nor ignored, and the same with folders of
/// such things as one.
const OTHERS: [&str; 5] = ["ls-files", "-o", "-z", "--exclude-standard", MODULES];
const FOLDERS: [&str; 6] = ["ls-files", "-o", "-z", "--directory", "--exclude-standard", MODULES];

/// As git shows content when no attribute and no config says anything: a file
/// that holds what the tree does, byte for byte, is no change, though no
/// check-in would have made it so.
const PLAIN: [&str; 2] = ["core.autocrlf=false", "core.eol=lf"];

/// How much of what nobody reads is kept.
const MOST_SAID: usize = 1024;

/// Paths as git gives them, each ended by NUL.
struct Paths(Vec<u8>);

impl Paths {
    fn each(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|&byte| byte == 0).filter(|path| !path.is_empty())
    }
}

/// What the index held and the tree does not. A path that is not UTF-8 is in no
/// listing: its file is removed here and written again.
fn gone(before: &Paths, listing: &Listing) -> Paths {
    let paths = before.each().map(|line| line.get(2..).unwrap_or_default());
    let is_listed =
        |path: &[u8]| std::str::from_utf8(path).is_ok_and(|path| listing.contains_key(path));
    let gone = paths.filter(|path| !is_listed(path));
    Paths(gone.flat_map(|path| path.iter().copied().chain([0])).collect())
}

/// Whether the line is one of a file that git was made to promise not to look
/// at; `H` is an ordinary file, `M` one that was being merged.
fn is_promised(line: &[u8]) -> bool {
    !line.starts_with(b"H ") && !line.starts_with(b"M ")
}

impl Worktree {
    pub(crate) async fn fill(&self, tree: &TreeId) -> Result<(), Error> {
        self.check_folder()?;
        self.restore_link()?;
        self.clear_locks()?;
        let listing = self.repository().listing(tree).await?;
        let before = self.paths(&["ls-files", "-v", "-z"]).await?;
        self.git(&["read-tree", "--reset", tree.as_str()]).await?;
        self.remove_each(gone(&before, &listing)).await?;
        if before.each().any(is_promised) {
            self.forget_promises().await?;
        }
        let mut changed = self.paths(&CHANGED).await?;
        if self.is_any_there(&changed) {
            // Touched perhaps, and still the same.
            self.refresh(self.call(&REFRESH)?).await?;
            changed = self.paths(&CHANGED).await?;
        }
        if !changed.0.is_empty() {
            self.place(changed).await?;
            if !self.refresh(self.call(&REFRESH)?).await? {
                let plain = [POINTERS.as_slice(), &PLAIN].concat();
                let call = self.call(&REFRESH)?.options(&plain);
                self.refresh(call.env("GIT_ATTR_SOURCE", empty_tree(tree))).await?;
            }
        }
        self.make_folders_of_submodules(&listing).await?;
        if !self.paths(&FOLDERS).await?.0.is_empty() {
            self.remove_each(self.paths(&OTHERS).await?).await?;
            let folders = self.paths(&FOLDERS).await?;
            self.below(move |below| folders.each().try_for_each(|path| below.remove_empty(path)))
                .await?;
        }
        let result = self.git(&["write-tree"]).await?;
        if tree_id("write-tree", &result)? != *tree {
            return Err(Error::Git {
                command: "read-tree".to_owned(),
                message: format!("the worktree holds {result} instead of {tree}"),
            });
        }
        Ok(())
    }

    async fn remove_each(&self, paths: Paths) -> Result<(), Error> {
        // The link to the repository is no file of the tree, whatever a list says.
        let is_link = |path: &[u8]| path.strip_suffix(b"/").unwrap_or(path) == LINK.as_bytes();
        self.below(move |below| {
            paths.each().filter(|path| !is_link(path)).try_for_each(|path| below.remove(path))
        })
        .await
    }

    /// Writes the files of the index that differ from it, by way of a folder
    /// beside the worktree.
    async fn place(&self, changed: Paths) -> Result<(), Error> {
        let staged = self.staged();
        remove_all(&staged).await?;
        std::fs::create_dir(&staged).map_err(at(&staged))?;
        let call = Call::new(&["checkout-index", "-f", "-z", "--stdin"])
            .options(&POINTERS)
            .dir(&staged)
            .env("GIT_DIR", utf8(&self.admin())?)
            .env("GIT_WORK_TREE", utf8(&staged)?)
            .stdin(changed.0);
        self.repository().caller().run(&call).await?;
        let from = Below::open(&staged).map_err(at(&staged))?;
        self.below(move |below| below.take(&from)).await?;
        remove_all(&staged).await
    }

    /// git makes folders for modules without filling them.
    async fn make_folders_of_submodules(&self, listing: &Listing) -> Result<(), Error> {
        let modules = listing.iter().filter(|(_, entry)| entry.mode == Mode::Submodule);
        let modules: Vec<String> = modules.map(|(path, _)| path.clone()).collect();
        self.below(move |below| modules.iter().try_for_each(|path| below.make_folder(path))).await
    }

    /// A command may have had git promise not to look at files, behind which
    /// its edits would stay.
    async fn forget_promises(&self) -> Result<(), Error> {
        let all = self.paths(&["ls-files", "-v", "-z"]).await?;
        let promised = all.each().filter(|line| is_promised(line));
        let promised: Vec<u8> = promised
            .flat_map(|line| line.get(2..).unwrap_or_default().iter().copied().chain([0]))
            .collect();
        if promised.is_empty() {
            return Ok(());
        }
        for flag in ["--no-assume-unchanged", "--no-skip-worktree"] {
            let args = ["update-index", flag, "-z", "--stdin"];
            let call = self.call(&args)?.stdin(promised.clone());
            self.repository().caller().run(&call).await?;
        }
        Ok(())
    }

    /// Whether something is where one of these files belongs; what is only
    /// reached through a link counts too.
    fn is_any_there(&self, paths: &Paths) -> bool {
        let path = |path: &[u8]| self.path().join(OsStr::from_bytes(path));
        paths.each().any(|name| path(name).symlink_metadata().is_ok())
    }

    /// Has git note which files hold what the tree does, so that it need not
    /// look into them again: whether all of them do.
    async fn refresh(&self, call: Call<'_>) -> Result<bool, Error> {
        // Of each that does not it says so, which is told by the status too.
        let said = self.repository().caller().ask(&call.keep(MOST_SAID)).await?;
        Ok(said.is_some())
    }

    async fn paths(&self, args: &[&str]) -> Result<Paths, Error> {
        Ok(Paths(self.repository().caller().bytes(&self.call(args)?).await?))
    }

    /// Does something to the worktree's files, away from the others' work.
    async fn below(
        &self,
        work: impl FnOnce(&Below) -> std::io::Result<()> + Send + 'static,
    ) -> Result<(), Error> {
        let path = self.path().to_owned();
        let work = tokio::task::spawn_blocking(move || work(&Below::open(&path)?));
        let done = work.await.map_err(|error| at(self.path())(std::io::Error::other(error)))?;
        done.map_err(at(self.path()))
    }

    /// A command may have led git in there to another repository, or removed
    /// the file; the project's tools look for it.
    fn restore_link(&self) -> Result<(), Error> {
        let link = self.path().join(LINK);
        let content = format!("gitdir: {}\n", utf8(&self.admin())?);
        let is_file = link.symlink_metadata().is_ok_and(|facts| facts.is_file());
        if is_file && std::fs::read(&link).is_ok_and(|found| found == content.as_bytes()) {
            return Ok(());
        }
        let below = Below::open(self.path()).map_err(at(self.path()))?;
        below.write(LINK, content.as_bytes()).map_err(at(link))
    }
}
