//! Finding the repository that a folder belongs to, and asking it questions.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::git::{Call, Caller, Git, POINTERS, complaint};
use crate::known::Known;
use crate::login::Login;
use crate::objects::{CommitId, Person, TreeId, is_object_name};
use crate::text::{in_line, is_name};

/// A handle to one repository; clones share it. Its calls to git go one at a
/// time. Dropping a future of any of its methods kills the git it started.
#[derive(Debug, Clone)]
pub struct Repository {
    facts: Arc<Facts>,
    caller: Caller,
}

#[derive(Debug)]
struct Facts {
    top: PathBuf,
    git_dir: PathBuf,
    known: Known,
}

impl Repository {
    /// Finds the repository that `from` lies in: a folder anywhere inside the
    /// main worktree or a linked one. HEAD is then that of the worktree that
    /// `from` lies in.
    ///
    /// # Errors
    ///
    /// `NotARepository` (also for one that git refuses, such as another
    /// user's, and for the inside of a git directory), `Bare`, `NoCommit`.
    pub async fn discover(from: &Path, git: Git) -> Result<Self, Error> {
        let place = Place::find(from, &git).await?;
        let caller = Caller::new(git, place.top.clone());
        let is_main = place.own_dir == place.git_dir;
        let top = if is_main { None } else { main_top(&caller).await? };
        let top = top.unwrap_or(place.top);
        let facts = Facts { top, git_dir: place.git_dir, known: Known::default() };
        let repository = Self { facts: Arc::new(facts), caller };
        if place.has_commit {
            return Ok(repository);
        }
        match repository.resolve("HEAD").await {
            Err(Error::UnknownRevision { .. }) => {
                Err(Error::NoCommit { path: repository.top().to_owned() })
            }
            Err(error) => Err(error),
            Ok(_) => Ok(repository),
        }
    }

    /// The same repository, sharing everything, whose calls end with
    /// `Error::Cancelled` once the token is cancelled: git is asked to end and
    /// then killed, as `subprocess::run` does it, and no lock is waited for.
    /// Making a commit and moving a ref are let finish once they have begun.
    /// What is made from the handle, such as a `Worktree`, keeps the token.
    #[must_use]
    pub fn with_cancel(&self, token: CancellationToken) -> Repository {
        Self { facts: Arc::clone(&self.facts), caller: self.caller.with_cancel(token) }
    }

    /// The same repository, whose remotes on the login's server are answered
    /// with it where git has nothing else to answer: no helper of the person's,
    /// no header of a checkout.
    #[must_use]
    pub fn with_login(&self, login: Login) -> Repository {
        Self { facts: Arc::clone(&self.facts), caller: self.caller.with_login(login) }
    }

    /// The top of the main worktree; of the linked worktree it was found from
    /// if the main one is bare.
    #[must_use]
    pub fn top(&self) -> &Path {
        &self.facts.top
    }

    /// The git directory that all worktrees share.
    #[must_use]
    pub fn git_dir(&self) -> &Path {
        &self.facts.git_dir
    }

    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }

    pub(crate) fn known(&self) -> &Known {
        &self.facts.known
    }

    /// The commit that a name such as `HEAD`, a branch, a tag or an id means.
    ///
    /// # Errors
    ///
    /// `UnknownRevision` if it means none.
    pub async fn resolve(&self, rev: &str) -> Result<CommitId, Error> {
        let unknown = || Error::UnknownRevision { rev: rev.to_owned() };
        let commit = format!("{rev}^{{commit}}");
        let call = Call::new(&["rev-parse", "--verify", "--quiet", "--end-of-options", &commit]);
        let output = self.caller().ask(&call).await?.ok_or_else(unknown)?;
        CommitId::parse(output.stdout.text().trim()).ok_or_else(unknown)
    }

    /// The content of a commit.
    ///
    /// # Errors
    ///
    /// `Git` if there is no such commit.
    pub async fn tree_of(&self, commit: &CommitId) -> Result<TreeId, Error> {
        self.caller().check_cancelled()?;
        if let Some(known) = self.known().trees.get(commit) {
            return Ok(known);
        }
        let name = format!("{commit}^{{tree}}");
        let id = self.caller().line(&Call::new(&["rev-parse", "--verify", &name])).await?;
        let tree = tree_id("rev-parse", &id)?;
        self.known().trees.put(commit.clone(), tree.clone());
        Ok(tree)
    }

    /// Whether the tree is here.
    ///
    /// # Errors
    ///
    /// `Git` if git cannot be asked; `Cancelled`.
    pub async fn has_tree(&self, tree: &TreeId) -> Result<bool, Error> {
        let tree = format!("{tree}^{{tree}}");
        Ok(self.caller().try_run(&Call::new(&["cat-file", "-e", &tree])).await?.success())
    }

    /// Whether the commit is here.
    ///
    /// # Errors
    ///
    /// `Git` if git cannot be asked; `Cancelled`.
    pub async fn has_commit(&self, commit: &CommitId) -> Result<bool, Error> {
        let commit = format!("{commit}^{{commit}}");
        Ok(self.caller().try_run(&Call::new(&["cat-file", "-e", &commit])).await?.success())
    }

    /// Whether tracked files differ from HEAD, staged or not. Files that git
    /// does not know yet do not count. Where the program for large files is
    /// required but cannot be run, what lies there is compared as it is.
    ///
    /// # Errors
    ///
    /// `Git` if it cannot be told.
    pub async fn is_dirty(&self) -> Result<bool, Error> {
        let args = ["status", "--porcelain", "-z", "--untracked-files=no"];
        let call = || Call::new(&args).keep(1024);
        let output = match self.caller().run(&call()).await {
            Err(Error::Git { .. }) => self.caller().run(&call().options(&POINTERS)).await?,
            output => output?,
        };
        Ok(!output.stdout.bytes.is_empty())
    }

    /// The branch that is checked out; `None` for a detached HEAD.
    ///
    /// # Errors
    ///
    /// `Git` if HEAD cannot be read.
    pub async fn current_branch(&self) -> Result<Option<String>, Error> {
        let call = Call::new(&["symbolic-ref", "--quiet", "HEAD"]);
        let Some(output) = self.caller().ask(&call).await? else {
            return Ok(None);
        };
        let name = output.stdout.text();
        let branch = name.trim_end_matches('\n').strip_prefix("refs/heads/");
        Ok(branch.map(str::to_owned))
    }

    /// What changed between two trees, as a patch with renames found. Of more
    /// than `max_bytes` the head and the tail are kept, with a mark between.
    /// What is text is told from the content: a change must not hide itself by
    /// an attribute.
    ///
    /// # Errors
    ///
    /// `Git` if there are no such trees.
    pub async fn diff(
        &self,
        from: &TreeId,
        to: &TreeId,
        max_bytes: usize,
    ) -> Result<String, Error> {
        let args = [
            "diff-tree",
            "-r",
            "-p",
            "-M",
            "--no-color",
            "--no-ext-diff",
            "--no-textconv",
            "--src-prefix=a/",
            "--dst-prefix=b/",
            from.as_str(),
            to.as_str(),
        ];
        let call = Call::new(&args).env("GIT_ATTR_SOURCE", empty_tree(from)).keep(max_bytes);
        Ok(self.caller().run(&call).await?.stdout.text())
    }

    /// Who git's config says the person is; `None` if it does not say both, as
    /// on a bare runner, or says a name that no commit can bear, such as `<>`.
    /// Asked again only when the repository's own config file is another one.
    ///
    /// # Errors
    ///
    /// `Git` if the config cannot be read.
    pub async fn author(&self) -> Result<Option<Person>, Error> {
        let args = ["config", "-z", "--get-regexp", r"^user\.(name|email)$"];
        let said = self.settled("author", &Call::new(&args)).await?.unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        // The last one counts, as for git.
        let last = |key: &str| {
            let mut entries = said.split('\0').filter_map(|entry| entry.split_once('\n'));
            let value = entries.rfind(|(name, _)| *name == key)?.1.trim();
            (!value.is_empty()).then(|| value.to_owned())
        };
        let name = last("user.name").filter(|name| is_name(&in_line(name)));
        Ok(name.zip(last("user.email")).map(|(name, email)| Person { name, email }))
    }
}

/// The tree without any file, which every git knows, named as the hash of the
/// repository names it.
pub(crate) fn empty_tree(like: &TreeId) -> &'static str {
    if like.as_str().len() == 40 {
        "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
    } else {
        "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"
    }
}

pub(crate) fn tree_id(command: &str, text: &str) -> Result<TreeId, Error> {
    TreeId::parse(text).ok_or_else(|| Error::Unreadable {
        command: command.to_owned(),
        what: "the name of a tree".to_owned(),
    })
}

/// Where a folder lies, as one question to git answers it.
struct Place {
    /// Of the worktree that the folder is in.
    top: PathBuf,
    /// That of all worktrees.
    git_dir: PathBuf,
    /// That of this worktree.
    own_dir: PathBuf,
    /// Whether HEAD is known to lead to a commit.
    has_commit: bool,
}

impl Place {
    async fn find(from: &Path, git: &Git) -> Result<Self, Error> {
        let not_usable = |reason: String| Error::NotARepository { path: from.to_owned(), reason };
        if !from.is_dir() {
            return Err(not_usable("no such folder".to_owned()));
        }
        // Ends at the first that has no answer, after those before it.
        let args = [
            "rev-parse",
            "--path-format=absolute",
            "--is-bare-repository",
            "--is-inside-work-tree",
            "--git-common-dir",
            "--absolute-git-dir",
            "--show-toplevel",
            "HEAD^{commit}",
        ];
        let output = Caller::new(git.clone(), from.to_owned()).try_run(&Call::new(&args)).await?;
        let said = output.stdout.text();
        let said: Vec<&str> = said.lines().collect();
        match said[..] {
            [] => Err(not_usable(complaint(&output))),
            ["true", ..] => Err(Error::Bare { path: from.to_owned() }),
            ["false", "true", git_dir, own_dir, top, ref head @ ..] if head.len() <= 1 => {
                Ok(Self {
                    top: PathBuf::from(top),
                    git_dir: resolved(git_dir)?,
                    own_dir: resolved(own_dir)?,
                    has_commit: output.success() && head.iter().any(|name| is_object_name(name)),
                })
            }
            ["false", "true", ..] => Err(not_usable(match output.success() {
                true => "its path has a line break".to_owned(),
                false => complaint(&output),
            })),
            _ => Err(not_usable("this is the inside of a git directory".to_owned())),
        }
    }
}

fn resolved(dir: &str) -> Result<PathBuf, Error> {
    Path::new(dir).canonicalize().map_err(crate::error::at(dir))
}

/// The first entry of git's list is the main worktree; it may be bare, or for
/// a submodule not a worktree at all.
async fn main_top(caller: &Caller) -> Result<Option<PathBuf>, Error> {
    let list = caller.bytes(&Call::new(&["worktree", "list", "--porcelain", "-z"])).await?;
    let mut fields = list.split(|&b| b == 0).take_while(|field| !field.is_empty());
    let first = fields
        .next()
        .and_then(|field| std::str::from_utf8(field).ok())
        .and_then(|field| field.strip_prefix("worktree "));
    let Some(first) = first.filter(|_| !fields.any(|field| field == b"bare")) else {
        return Ok(None);
    };
    let first = PathBuf::from(first);
    if !first.is_dir() {
        return Ok(None);
    }
    let call = Call::new(&["rev-parse", "--show-toplevel"]).dir(&first);
    let output = caller.try_run(&call).await?;
    let top = output.stdout.text();
    Ok(output.success().then(|| PathBuf::from(top.trim_end_matches('\n'))))
}
