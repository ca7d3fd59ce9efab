//! What somebody else made, on any branch: fetched by the name that was given,
//! and what it changes, told from what is there without it. Nothing is moved.

use crate::error::Error;
use crate::git::Call;
use crate::objects::{CommitId, Person, TreeId};
use crate::remote::discreet;
use crate::repository::Repository;

/// The shortest beginning of an id that is looked up.
const SHORTEST: usize = 7;
/// The names of a whole id.
const WHOLE: [usize; 2] = [40, 64];
/// People named at most.
const MOST_AUTHORS: usize = 10;

impl Repository {
    /// The commit with this id, or beginning of one; a whole id that is not
    /// here is asked of the remote. `None` if there is none.
    ///
    /// # Errors
    ///
    /// `Git` if git cannot tell; `Cancelled`.
    pub async fn commit_named(
        &self,
        id: &str,
        remote: Option<&str>,
    ) -> Result<Option<CommitId>, Error> {
        let plain = id.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !plain || id.len() < SHORTEST {
            return Ok(None);
        }
        match (self.object(id).await?, remote) {
            (None, Some(remote)) if WHOLE.contains(&id.len()) => {
                let args = [
                    "fetch",
                    "--quiet",
                    "--no-tags",
                    "--no-write-fetch-head",
                    "--no-recurse-submodules",
                    "--refmap=",
                    "--",
                    remote,
                    id,
                ];
                // Servers have many words for an object that they do not have or give.
                match self
                    .caller()
                    .run(&self.over_the_network(remote, &args).await?)
                    .await
                    .map_err(discreet)
                {
                    Ok(_) => self.object(id).await,
                    Err(Error::Git { .. }) => Ok(None),
                    Err(error) => Err(error),
                }
            }
            (found, _) => Ok(found),
        }
    }

    async fn object(&self, id: &str) -> Result<Option<CommitId>, Error> {
        let found = self.ref_tip(id).await?;
        // A branch may have a name that looks like an id.
        Ok(found.filter(|found| found.as_str().starts_with(&id.to_ascii_lowercase())))
    }

    /// The paths that differ between two trees, submodules and links too.
    ///
    /// # Errors
    ///
    /// `Git` if one of them does not exist; `Unreadable` for paths that are not
    /// in UTF-8.
    pub async fn changed_paths(&self, from: &TreeId, to: &TreeId) -> Result<Vec<String>, Error> {
        let args = [
            "diff-tree",
            "-r",
            "-z",
            "--name-only",
            "--no-renames",
            "--no-ext-diff",
            from.as_str(),
            to.as_str(),
        ];
        let bytes = self.caller().bytes(&Call::new(&args)).await?;
        let text = String::from_utf8(bytes).map_err(|_| Error::Unreadable {
            command: "diff-tree".to_owned(),
            what: "paths in UTF-8".to_owned(),
        })?;
        Ok(text.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
    }

    /// Who wrote the commits that `to` has and none of `without` has, the
    /// newest first, each once.
    ///
    /// # Errors
    ///
    /// `Git` if one of them does not exist.
    pub async fn authors(&self, to: &CommitId, without: &[CommitId]) -> Result<Vec<Person>, Error> {
        let mut args = vec!["log", "--no-merges", "-z", "--format=%an%n%ae", "--no-show-signature"];
        args.extend(["--max-count=1000", to.as_str(), "--not"]);
        args.extend(without.iter().map(CommitId::as_str));
        let bytes = self.caller().bytes(&Call::new(&args)).await?;
        let text = String::from_utf8_lossy(&bytes);
        let mut authors: Vec<Person> = Vec::new();
        for entry in text.split('\0') {
            let Some((name, email)) = entry.trim().split_once('\n') else { continue };
            let plain = |text: &str| -> String {
                let kept = text.chars().filter(|c| !c.is_control() && !"<>".contains(*c));
                kept.take(100).collect::<String>().trim().to_owned()
            };
            let author = Person { name: plain(name), email: plain(email) };
            if authors.len() < MOST_AUTHORS && !author.name.is_empty() && !authors.contains(&author)
            {
                authors.push(author);
            }
        }
        Ok(authors)
    }
}
