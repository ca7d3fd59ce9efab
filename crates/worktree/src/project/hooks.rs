//! The repository's own hooks, run on the worktree's content before a commit is
//! made of it. Commits are made from trees, which runs no hook; but what a
//! hook refuses would be refused to the person too.
//!
//! Hooks were written for a checkout that somebody works in: they stage files,
//! stash, commit, move branches. So git, as a hook sees it, is a stand-in with
//! the same objects, branches and settings, and with an index and a HEAD of its
//! own; it is gone when the hook has ended.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Access, access};
use tokio_util::sync::CancellationToken;

use super::contents::read_below;
use super::launch::{Launch, clear, temporary};
use super::standin::StandIn;
use super::{CommandOutcome, ProjectEnvironment};
use crate::edit::utf8;
use crate::error::{Error, at};
use crate::git::Call;
use crate::linked::Worktree;
use crate::objects::CommitId;

/// Where a hook finds the message; git's own name for it.
const MESSAGE: &str = "COMMIT_EDITMSG";

/// More than this is no message that a person reads.
const LONGEST_MESSAGE: u64 = 1024 * 1024;

/// A hook that is there.
struct Hook {
    path: PathBuf,
    /// For `sh -c`, with the hook's path as `$0`.
    script: &'static str,
}

impl Worktree {
    /// Runs the hook `pre-commit` of the repository, if it has one, as git
    /// would before a commit of the materialized tree on top of `onto`: in the
    /// worktree's folder, with that tree as the index. Call `materialize`
    /// before. What the hook writes to files of the worktree stays there, as
    /// after any command (see `contents`); what it does to the index, HEAD,
    /// branches and stash is done to a stand-in and gone afterwards.
    ///
    /// `core.hooksPath` counts, and only a file that may be executed is a hook.
    /// `None` if there is none. A hook that refuses, hangs until `timeout` or
    /// is cancelled is an outcome, not an error.
    ///
    /// # Errors
    ///
    /// `Git` or `Io` if the stand-in cannot be made, `Subprocess` if the hook
    /// could not be started.
    pub async fn pre_commit(
        &self,
        onto: &CommitId,
        environment: &ProjectEnvironment,
        timeout: Duration,
        cancel: &CancellationToken,
    ) -> Result<Option<CommandOutcome>, Error> {
        let Some(hook) = self.hook("pre-commit").await? else {
            return Ok(None);
        };
        let place = temporary(environment, "belay-hook-")?;
        let stand_in = StandIn::make(self, place.path(), onto.as_str()).await?;
        let launch = self.launch(&hook, &stand_in, Vec::new(), environment, timeout);
        let outcome = launch.run(self, cancel).await;
        clear(place).await;
        outcome.map(Some)
    }

    /// Runs the hook `commit-msg` of the repository, if it has one, on this
    /// message, as `pre_commit` runs the other. With the outcome comes the
    /// message as the hook left it; a hook that leaves none that can be read
    /// has not passed.
    ///
    /// # Errors
    ///
    /// As `pre_commit`.
    pub async fn commit_msg(
        &self,
        message: &str,
        environment: &ProjectEnvironment,
        timeout: Duration,
        cancel: &CancellationToken,
    ) -> Result<Option<(CommandOutcome, String)>, Error> {
        let Some(hook) = self.hook("commit-msg").await? else {
            return Ok(None);
        };
        let place = temporary(environment, "belay-hook-")?;
        let head = self.own_git(&["rev-parse", "--verify", "HEAD"]).await?;
        let head = String::from_utf8_lossy(&head).trim().to_owned();
        let stand_in = StandIn::make(self, place.path(), &head).await?;
        let file = stand_in.git_dir.join(MESSAGE);
        std::fs::write(&file, message).map_err(at(&file))?;
        let args = vec![utf8(&file)?.to_owned()];
        let launch = self.launch(&hook, &stand_in, args, environment, timeout);
        let outcome = launch.run(self, cancel).await;
        let left = read_below(&stand_in.git_dir, MESSAGE, LONGEST_MESSAGE);
        clear(place).await;
        let mut outcome = outcome?;
        let Some(left) = left.and_then(|bytes| String::from_utf8(bytes).ok()) else {
            outcome.passed = false;
            outcome.output.push_str("the hook left no message that can be read\n");
            return Ok(Some((outcome, message.to_owned())));
        };
        Ok(Some((outcome, left)))
    }

    fn launch<'a>(
        &self,
        hook: &Hook,
        stand_in: &StandIn,
        args: Vec<String>,
        environment: &'a ProjectEnvironment,
        timeout: Duration,
    ) -> Launch<'a> {
        let path = hook.path.display().to_string();
        let below = |folder: &Path| hook.path.strip_prefix(folder).ok();
        let shown = below(self.path()).map(|path| path.display().to_string());
        Launch {
            shown: shown.unwrap_or_else(|| path.clone()),
            script: hook.script.to_owned(),
            args: std::iter::once(path).chain(args).collect(),
            dir: self.path().to_owned(),
            env: stand_in.env(),
            writable: vec![stand_in.git_dir.clone()],
            environment,
            timeout,
        }
    }

    async fn hook(&self, name: &str) -> Result<Option<Hook>, Error> {
        let configured = self.hooks_path().await?;
        let folder = match &configured {
            Some(folder) => self.path().join(folder),
            None => self.repository().git_dir().join("hooks"),
        };
        let path = folder.join(name);
        if path.is_file() && access(&path, Access::EXEC_OK).is_ok() {
            // A shell runs what has no `#!` line, as git does.
            return Ok(Some(Hook { path, script: "exec \"$0\" \"$@\"" }));
        }
        // What husky puts there belongs to the person's checkout and is made
        // by installing; all that it does is to run the file above, so.
        let is_huskys = configured.is_some_and(|folder| folder.ends_with(".husky/_"));
        let path = self.path().join(".husky").join(name);
        let script = "PATH=\"node_modules/.bin:$PATH\" exec sh -e \"$0\" \"$@\"";
        Ok((is_huskys && !folder.exists() && path.is_file()).then_some(Hook { path, script }))
    }

    /// `core.hooksPath` as the person has it: our own calls switch hooks off.
    /// Asked again only when the repository's own config file is another one.
    async fn hooks_path(&self) -> Result<Option<PathBuf>, Error> {
        let args = ["config", "--show-scope", "--type=path", "-z", "--get-all", "core.hooksPath"];
        let call = self.own_call(&args)?;
        let listed = self.repository().settled("hooks", &call).await?.unwrap_or_default();
        let fields: Vec<&[u8]> = listed.split(|&byte| byte == 0).collect();
        let mut given = fields.chunks_exact(2).filter(|pair| pair[0] != b"command");
        let last = given.next_back().map(|pair| String::from_utf8_lossy(pair[1]).into_owned());
        Ok(last.filter(|path| !path.is_empty()).map(PathBuf::from))
    }

    /// The output of git in this worktree, whatever its `.git` file says.
    pub(super) async fn own_git(&self, args: &[&str]) -> Result<Vec<u8>, Error> {
        self.repository().caller().bytes(&self.own_call(args)?).await
    }

    fn own_call<'a>(&'a self, args: &[&'a str]) -> Result<Call<'a>, Error> {
        Ok(Call::new(args)
            .dir(self.path())
            .env("GIT_DIR", utf8(&self.admin())?)
            .env("GIT_WORK_TREE", utf8(self.path())?))
    }
}
