//! Issues in two places: new ones on GitHub where that is used, old ones where
//! they were made.
//!
//! The failure this prevents: GitHub is switched on or off in the middle of a
//! run, the issues of the other place cannot be found any more, and that looks
//! as if a person had removed them.

use async_trait::async_trait;

use crate::Forge;
use crate::error::Error;
use crate::folder::Folder;
use crate::github::GitHub;
use crate::issue::{Issue, NewIssue, Seen};
use crate::pull_request::{NewPullRequest, PullRequest, PullRequests};

/// A folder of issues, and perhaps GitHub before it.
pub struct Places {
    folder: Folder,
    github: Option<GitHub>,
}

impl Places {
    /// With GitHub, if it is used now.
    pub fn new(folder: Folder, github: Option<GitHub>) -> Self {
        Self { folder, github }
    }

    /// GitHub, if it is used now.
    pub fn github(&self) -> Option<&GitHub> {
        self.github.as_ref()
    }

    fn now(&self) -> &dyn Forge {
        self.github.as_ref().map_or(&self.folder, |github| github)
    }

    fn of(&self, url: &str) -> Result<&dyn Forge, Error> {
        match &self.github {
            _ if !GitHub::is_address(url) => Ok(&self.folder),
            Some(github) => Ok(github),
            None => Err(Error::Elsewhere { url: url.to_owned() }),
        }
    }
}

#[async_trait]
impl Forge for Places {
    async fn open_issues(&self) -> Result<Vec<Issue>, Error> {
        self.now().open_issues().await
    }

    async fn create(&self, new: &NewIssue) -> Result<Issue, Error> {
        self.now().create(new).await
    }

    async fn look(&self, url: &str) -> Result<Seen, Error> {
        self.of(url)?.look(url).await
    }

    async fn comment(&self, url: &str, body: &str, marker: &str) -> Result<(), Error> {
        self.of(url)?.comment(url, body, marker).await
    }

    async fn update(&self, url: &str, body: &str) -> Result<(), Error> {
        self.of(url)?.update(url, body).await
    }

    async fn close(&self, url: &str, reason: &str) -> Result<(), Error> {
        self.of(url)?.close(url, reason).await
    }
}

/// On GitHub, if it is used now; else there are none.
#[async_trait]
impl PullRequests for Places {
    async fn open_pull_request(&self, new: &NewPullRequest) -> Result<Option<PullRequest>, Error> {
        match &self.github {
            Some(github) => github.open_pull_request(new).await,
            None => Ok(None),
        }
    }

    async fn update_pull_request(
        &self,
        url: &str,
        body: &str,
        ready: bool,
    ) -> Result<PullRequest, Error> {
        match &self.github {
            Some(github) => github.update_pull_request(url, body, ready).await,
            None => Err(Error::Elsewhere { url: url.to_owned() }),
        }
    }
}
