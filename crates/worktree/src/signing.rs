//! Signed commits, as git's own config says how: OpenPGP, SSH or X.509, which
//! key, which program. A program that signs may ask for a passphrase, wait for
//! a key to be touched, or find no key at all; nobody is there to answer, so
//! it can ask nothing, has a limit, and what went wrong is told.
//!
//! A signature is another one each time, so a signed commit cannot be made
//! again to see whether it was made: it is looked at instead.

use std::time::Duration;

use crate::error::Error;
use crate::git::Call;
use crate::objects::{CommitId, CommitIntent};
use crate::repository::Repository;
use crate::text::in_lines;

/// Long enough for a person who is there to touch a key.
const LIMIT: Duration = Duration::from_secs(60);

/// What a program that wants a passphrase is to ask instead of a terminal: one
/// that answers nothing.
pub(crate) const NO_ANSWER: [(&str, &str); 2] =
    [("SSH_ASKPASS", "false"), ("SSH_ASKPASS_REQUIRE", "force")];

impl Repository {
    /// Whether commits are signed here: git's own config (`commit.gpgSign`).
    /// Asked again only when the repository's own config file is another one.
    ///
    /// # Errors
    ///
    /// `Git` if the config cannot be read or says neither yes nor no.
    pub async fn signs(&self) -> Result<bool, Error> {
        let call = Call::new(&["config", "--type=bool", "--get", "commit.gpgSign"]);
        let answer = self.settled("signs", &call).await?;
        Ok(answer.is_some_and(|said| said.trim_ascii() == b"true"))
    }

    /// Makes the commit that the call describes, signed.
    pub(crate) async fn signed(
        &self,
        intent: &CommitIntent,
        call: Call<'_>,
    ) -> Result<CommitId, Error> {
        let failed = match self.caller().line(&call.within(LIMIT).asking_nobody()).await {
            Ok(line) => return self.made(intent, &line),
            Err(Error::Git { command, message }) => (command, message),
            Err(error) => return Err(error),
        };
        let (command, message) = failed;
        let is_whole =
            self.has_tree(&intent.tree).await? && self.has_commit(&intent.parent).await?;
        if is_whole {
            return Err(Error::Unsigned { reason: message });
        }
        Err(Error::Git { command, message })
    }

    /// Whether `found` is a commit of this intent, signed or not: the same
    /// tree, the same only parent, the same message.
    ///
    /// # Errors
    ///
    /// `Git` if there is no such commit, `Cancelled`.
    pub async fn is_of(&self, found: &CommitId, intent: &CommitIntent) -> Result<bool, Error> {
        let call = Call::new(&["cat-file", "commit", found.as_str()]);
        let bytes = self.caller().bytes(&call).await?;
        let text = String::from_utf8_lossy(&bytes);
        // The lines of a signature are continued ones: the first empty line
        // ends the head.
        let Some((head, message)) = text.split_once("\n\n") else {
            return Ok(false);
        };
        let all = |key: &str| -> Vec<&str> {
            head.lines().filter_map(|line| line.strip_prefix(key)).collect()
        };
        Ok(all("tree ") == [intent.tree.as_str()]
            && all("parent ") == [intent.parent.as_str()]
            && message.trim_end() == in_lines(&intent.message).trim_end())
    }
}
