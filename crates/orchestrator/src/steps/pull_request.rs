//! The run's pull request, opened or brought up to date. It is looked for by
//! its branch first, so that what a killed process opened is found; a GitHub
//! that is out of reach never stops a run.

use forge::{Marker, NewPullRequest, PullRequest, PullRequestState};
use worktree::{Mode, TreeFile};

use super::command::redact;
use crate::Error;
use crate::driver::Driver;
use crate::event::{Event, IssueKind, Status};
use crate::fact::Fact;
use crate::pull_request::{MARKER, facts, marker, told};
use crate::settings::PullRequestWhen;
use crate::update::short_name;

/// Where GitHub looks for the text that a new pull request begins with, in its order.
const FOLDERS: [&str; 3] = [".github/", "", "docs/"];
const NAMES: [&str; 2] = ["pull_request_template.md", "pull_request_template.txt"];
/// A longer one is no form that anybody fills in.
const MOST_TEMPLATE_BYTES: u64 = 64 * 1024;

impl Driver {
    pub(super) async fn pull_request(&self, status: Option<Status>) -> Result<(), Error> {
        let told = told(&self.journal.state(), status);
        let known = self.journal.state().pull_request.clone();
        let done = match &known {
            Some(known) => {
                self.update_pull_request(&known.url, status, known.draft).await.map(Some)
            }
            None => self.open_pull_request(status).await,
        };
        let event = match done {
            Ok(Some(found)) => event(found, known.is_some(), told.commit.as_ref()),
            Ok(None) => return self.put_it_off(status, "there are no pull requests here").await,
            Err(reason) => return self.put_it_off(status, &reason).await,
        };
        self.journal.append_fact(event, Fact::PullRequest(told)).await
    }

    async fn put_it_off(&self, status: Option<Status>, reason: &str) -> Result<(), Error> {
        let reason = redact(reason, &self.parts.settings.secrets);
        self.defer("pull request", reason, &marker(status)).await
    }

    async fn update_pull_request(
        &self,
        url: &str,
        status: Option<Status>,
        is_our_draft: bool,
    ) -> Result<PullRequest, String> {
        let (_, body) = self.pull_request_text(status)?;
        let ready = is_our_draft && status == Some(Status::Completed);
        let pulls = &self.parts.pull_requests;
        self.told(pulls.update_pull_request(url, &body, ready), IssueKind::Progress).await
    }

    async fn open_pull_request(
        &self,
        status: Option<Status>,
    ) -> Result<Option<PullRequest>, String> {
        let in_words = |error: Error| error.to_string();
        let (title, body) = self.pull_request_text(status)?;
        let wants_draft = self.parts.settings.pull_request == PullRequestWhen::Draft;
        let new = NewPullRequest {
            title,
            body,
            below: self.template_of_the_repository().await.map_err(in_words)?,
            head: self.branch().map_err(in_words)?,
            base: self.base_there().await?,
            draft: wants_draft && status != Some(Status::Completed),
            marker: Marker { run: self.run.to_string(), step: MARKER.to_owned() },
        };
        let pulls = &self.parts.pull_requests;
        self.told(pulls.open_pull_request(&new), IssueKind::Progress).await
    }

    /// Its title and our part of its text, which may be read by everybody.
    fn pull_request_text(&self, status: Option<Status>) -> Result<(String, String), String> {
        let facts = facts(&self.journal.state(), &self.run.to_string(), status);
        let text = self.parts.templates.pull_request(&facts).map_err(|error| error.to_string())?;
        let secrets = &self.parts.settings.secrets;
        Ok((redact(&text.title, secrets), redact(&text.body, secrets)))
    }

    /// The branch that the run began from, as it is called on the remote.
    async fn base_there(&self) -> Result<String, String> {
        let name = self.journal.state().started.as_ref().and_then(|one| one.base_branch.clone());
        let Some(name) = name else {
            return Err("the run began from a commit, not from a branch that the work could \
                        go into; run.base names one"
                .to_owned());
        };
        let followed = self.parts.repository.followed(&name).await;
        let there = followed.map_err(|error| error.to_string())?.filter(|(remote, _)| {
            // A branch of this repository that follows another remote has its own name on ours.
            name.starts_with("refs/remotes/")
                || Some(remote.as_str()) == self.parts.settings.push.as_deref()
        });
        let full = there.map_or(name, |(_, there)| there);
        Ok(short_name(&full).to_owned())
    }

    /// What the repository wants a pull request to say, from the base: nothing that the run
    /// itself wrote.
    async fn template_of_the_repository(&self) -> Result<String, Error> {
        let base = self.journal.state().base.clone();
        let base = base.ok_or(Error::Inconsistent("no base commit"))?;
        let repository = &self.parts.repository;
        let tree = repository.tree_of(&base).await?;
        let Some(path) = template_among(&repository.files(&tree).await?) else {
            return Ok(String::new());
        };
        let mut read =
            repository.read(&tree, std::slice::from_ref(&path), MOST_TEMPLATE_BYTES).await?;
        let text = read.remove(&path).and_then(|bytes| String::from_utf8(bytes).ok());
        Ok(redact(&text.unwrap_or_default(), &self.parts.settings.secrets))
    }
}

fn template_among(files: &[TreeFile]) -> Option<String> {
    let mut places = FOLDERS.iter().flat_map(|folder| NAMES.map(|name| format!("{folder}{name}")));
    places.find_map(|place| {
        let is_it = |file: &&TreeFile| {
            file.path.eq_ignore_ascii_case(&place)
                && matches!(file.mode, Mode::Regular | Mode::Executable)
        };
        files.iter().find(is_it).map(|file| file.path.clone())
    })
}

fn event(found: PullRequest, is_known: bool, commit: Option<&worktree::CommitId>) -> Event {
    let PullRequest { url, number, state, draft } = found;
    let state = match state {
        PullRequestState::Open => "open",
        PullRequestState::Closed => "closed",
        PullRequestState::Merged => "merged",
    };
    let (state, commit) = (state.to_owned(), commit.map(ToString::to_string).unwrap_or_default());
    if is_known {
        Event::PullRequestUpdated { url, number, draft, state, commit }
    } else {
        Event::PullRequestOpened { url, number, draft, state, commit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_where_github_looks_for_it() {
        let file = |path: &str, mode: Mode| TreeFile { path: path.to_owned(), mode, size: 1 };
        let found = |paths: &[&str]| {
            let files: Vec<_> = paths.iter().map(|path| file(path, Mode::Regular)).collect();
            template_among(&files)
        };
        let upper = ".github/PULL_REQUEST_TEMPLATE.md";
        assert_eq!(found(&["docs/pull_request_template.md", upper]).as_deref(), Some(upper));
        assert_eq!(
            found(&["Pull_Request_Template.TXT"]).as_deref(),
            Some("Pull_Request_Template.TXT")
        );
        // A folder holds several to choose from, none of which is the usual one.
        assert_eq!(found(&[".github/PULL_REQUEST_TEMPLATE/bug.md", "src/x.md"]), None);
        assert_eq!(template_among(&[file(upper, Mode::Symlink)]), None);
    }
}
