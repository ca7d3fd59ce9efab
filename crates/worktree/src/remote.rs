//! The repository's remotes: where a branch stands there, and moving it.
//!
//! A remote may be slow, gone, or ahead, and its address may hold a password.
//! So every call has a limit, no branch is moved over commits that nobody here
//! knows, and what git says of an address is told without its credentials.

use std::time::Duration;

use crate::error::Error;
use crate::git::Call;
use crate::mirror::RefMove;
use crate::objects::CommitId;
use crate::refs::commit_id;
use crate::repository::Repository;

/// For one call over the network: long enough for a slow line, short enough
/// that an hourly run is not eaten by a dead one.
const LIMIT: Duration = Duration::from_secs(60);

/// What git would do besides, asked for by a config: push tags, sign the push,
/// push submodules.
pub(crate) const OPTIONS: [&str; 3] =
    ["push.followTags=false", "push.gpgSign=false", "push.recurseSubmodules=no"];

impl Repository {
    /// Whether the repository has a remote of this name.
    ///
    /// # Errors
    ///
    /// `Git` if the config cannot be read.
    pub async fn has_remote(&self, remote: &str) -> Result<bool, Error> {
        let key = format!("remote.{remote}.url");
        Ok(self.caller().ask(&Call::new(&["config", "--get", &key])).await?.is_some())
    }

    /// The address of the remote as git uses it, without a name or a password
    /// that stands in it; `None` if there is no such remote.
    ///
    /// # Errors
    ///
    /// `Git` if the config cannot be read.
    pub async fn remote_url(&self, remote: &str) -> Result<Option<String>, Error> {
        if !self.has_remote(remote).await? {
            return Ok(None);
        }
        let url = self.caller().line(&Call::new(&["remote", "get-url", "--", remote])).await?;
        Ok(Some(without_credentials(&url)))
    }

    /// Where the branch stands on the remote; `None` if it has none of the
    /// name. Asks the remote, within a minute.
    ///
    /// # Errors
    ///
    /// `Git` if the remote cannot be asked, `BadBranchName`, `Cancelled`.
    pub async fn remote_tip(&self, remote: &str, branch: &str) -> Result<Option<CommitId>, Error> {
        let name = self.branch_ref(branch).await?;
        self.remote_ref(remote, &name).await
    }

    pub(crate) async fn remote_ref(
        &self,
        remote: &str,
        name: &str,
    ) -> Result<Option<CommitId>, Error> {
        let args = ["ls-remote", "--quiet", "--", remote, name];
        let list = self
            .caller()
            .line(&self.over_the_network(remote, &args).await?)
            .await
            .map_err(discreet)?;
        // The pattern also matches refs that only end like it.
        let mut tips = list.lines().filter_map(|line| line.split_once('\t'));
        let found = tips.find(|(_, found)| *found == name);
        found.map(|(id, _)| commit_id("ls-remote", id)).transpose()
    }

    /// Moves the branch on the remote to the commit, if it stands at `over`
    /// there; `None` means that it must not exist there yet. No hook is run,
    /// nothing else is pushed, and nobody is asked for a password.
    ///
    /// # Errors
    ///
    /// `Git` if it stands elsewhere, or the remote cannot be reached or
    /// refuses; `BadBranchName`, `Cancelled`. After an error it may have been
    /// moved all the same: see `remote_tip`.
    pub async fn push(
        &self,
        remote: &str,
        branch: &str,
        commit: &CommitId,
        over: Option<&CommitId>,
    ) -> Result<(), Error> {
        let name = self.branch_ref(branch).await?;
        let (to, over) = (commit.clone(), over.cloned());
        self.publish(remote, &[RefMove { name, to, over }]).await
    }
}

impl Repository {
    /// A call that speaks with this remote.
    pub(crate) async fn over_the_network<'a>(
        &self,
        remote: &str,
        args: &[&'a str],
    ) -> Result<Call<'a>, Error> {
        // Dropped where it takes too long: the end of a run has time for one push.
        let call = Call::new(args).within(LIMIT).asking_nobody().uninterrupted();
        let Some(login) = self.caller().login() else { return Ok(call) };
        let mut is_there = true;
        for push in [None, Some("--push")] {
            let args: Vec<&str> =
                ["remote", "get-url"].into_iter().chain(push).chain(["--", remote]).collect();
            let url = self.caller().line(&Call::new(&args).uninterrupted()).await?;
            is_there &= login.is_for(&without_credentials(&url));
        }
        Ok(if is_there { call.with_login() } else { call })
    }
}

/// An address may hold a name and a password.
pub(crate) fn discreet(error: Error) -> Error {
    match error {
        Error::Git { command, message } => {
            Error::Git { command, message: without_credentials(&message) }
        }
        error => error,
    }
}

/// Cuts what stands between `://` and an `@` of the same address.
fn without_credentials(text: &str) -> String {
    let mut parts = text.split("://");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| c.is_whitespace() || matches!(c, '/' | '\'' | '"'));
        let (authority, rest) = part.split_at(end.unwrap_or(part.len()));
        // What stands in a query may be a token.
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let ends = query.find(|c: char| c.is_whitespace() || matches!(c, '\'' | '"'));
        let after = ends.map_or("", |at| &query[at..]);
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        shown.push_str("://");
        shown.push_str(host);
        shown.push_str(rest);
        shown.push_str(after);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_without_its_credentials() {
        let told = |text| without_credentials(text);
        assert_eq!(
            told("fatal: unable to access 'https://ada:s3@cret@git.example/a@b.git/': 403"),
            "fatal: unable to access 'https://git.example/a@b.git/': 403"
        );
        assert_eq!(told("ssh://git@host x https://h/p"), "ssh://host x https://h/p");
        assert_eq!(told("no address @ all"), "no address @ all");
        assert_eq!(told("'http://h/x.git?token=S3/' not found"), "'http://h/x.git' not found");
    }
}
