//! What the simulated GitHub knows: one repository with its issues, labels and people, and what
//! people do to them there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// An issue. Its fields may be read and changed by a test as by an administrator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Issue {
    /// Its number, never given twice.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: String,
    /// Who made it.
    pub author: String,
    /// The names of its labels.
    pub labels: Vec<String>,
    /// Who it is assigned to.
    pub assignees: Vec<String>,
    /// Whether it is closed.
    pub closed: bool,
    /// Who closed it, while it is closed.
    pub closed_by: Option<String>,
    /// Why, in GitHub's words.
    pub state_reason: Option<String>,
    /// Whether nobody may comment.
    pub locked: bool,
    /// Whether it was removed: it answers 410 from then on.
    pub deleted: bool,
    /// Whether it is a pull request, which listings of issues hold too.
    pub pull_request: bool,
    /// In order.
    pub comments: Vec<Comment>,
    /// What was done to it, in order.
    pub happenings: Vec<Happened>,
    pub(crate) edited_at: Option<u64>,
    /// Listings that it is still missing from.
    pub(crate) unlisted: u32,
    pub(crate) created_at: u64,
    pub(crate) updated_at: u64,
}

/// Something that was done to an issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    /// What.
    pub what: Happening,
    /// Who did it.
    pub who: String,
    pub(crate) at: u64,
}

/// What can be done to an issue and leaves an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// It got this label.
    Labelled(String),
    /// This label was taken off.
    Unlabelled(String),
    /// It got another title.
    Renamed,
}

/// What a pull request has besides what it has as an issue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pull {
    /// The branch that it brings.
    pub head: String,
    /// The branch that it is for.
    pub base: String,
    /// Whether it is not to be reviewed yet.
    pub draft: bool,
    /// Whether it was merged.
    pub merged: bool,
}

/// A comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// Its number, over all issues.
    pub id: u64,
    /// Who wrote it.
    pub author: String,
    /// Its text.
    pub body: String,
    pub(crate) created_at: u64,
}

/// Everything, as it stands.
#[derive(Clone, Debug)]
pub struct World {
    /// The owner's name.
    pub owner: String,
    /// The repository's name.
    pub name: String,
    /// Names, as `owner/name`, that lead to it by a redirect.
    pub old_names: Vec<String>,
    /// The token that is taken.
    pub token: String,
    /// Who the token is; a name that ends in `[bot]` is an app, which has no `/user`.
    pub login: String,
    /// `admin`, `write` or `read` by name; whoever is not in it has no right.
    pub permissions: BTreeMap<String, String>,
    /// Whether the token may write issues, labels and comments.
    pub may_write: bool,
    /// Whether the token may make labels.
    pub may_label: bool,
    /// Whether the token may ask for the rights of others.
    pub may_look_up: bool,
    /// Whether the token may write pull requests.
    pub may_open_pulls: bool,
    /// Whether the jobs of the repository may open pull requests with their own token.
    pub jobs_may_open_pulls: bool,
    /// Whether there are drafts, as where the plan has them.
    pub has_drafts: bool,
    /// Whether issues are switched off.
    pub issues_disabled: bool,
    /// Whether nothing can be written any more.
    pub archived: bool,
    /// New issues stay out of so many listings: GitHub's are not always up to date.
    pub listing_lag: u32,
    /// The longest body taken, in characters.
    pub longest_body: usize,
    /// Requests left in the hour.
    pub remaining: u64,
    /// Seconds since 1970 by the clock of the service.
    pub now: u64,
    /// Labels there are.
    pub labels: BTreeSet<String>,
    /// Issues by number, those that are pull requests included.
    pub issues: BTreeMap<u64, Issue>,
    /// What they have besides.
    pub pulls: BTreeMap<u64, Pull>,
    /// Branches there are, besides those of `remote`.
    pub branches: BTreeSet<String>,
    /// A bare repository beside it, whose branches are there too.
    pub remote: Option<PathBuf>,
    last_comment: u64,
}

impl World {
    pub(crate) fn new(repository: &str, token: &str) -> Self {
        let (owner, name) = repository.split_once('/').unwrap_or((repository, "demo"));
        let login = "belay-writer".to_owned();
        Self {
            owner: owner.to_owned(),
            name: name.to_owned(),
            old_names: Vec::new(),
            token: token.to_owned(),
            permissions: BTreeMap::from([(login.clone(), "write".to_owned())]),
            login,
            may_write: true,
            may_label: true,
            may_look_up: true,
            may_open_pulls: true,
            jobs_may_open_pulls: true,
            has_drafts: true,
            issues_disabled: false,
            archived: false,
            listing_lag: 0,
            longest_body: 65_536,
            remaining: 5_000,
            now: 1_800_000_000,
            labels: BTreeSet::new(),
            issues: BTreeMap::new(),
            pulls: BTreeMap::new(),
            branches: BTreeSet::from(["main".to_owned()]),
            remote: None,
            last_comment: 0,
        }
    }

    /// `owner/name`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    /// Issues that are there, the oldest first, without pull requests.
    pub fn live(&self) -> Vec<Issue> {
        let live = self.issues.values().filter(|issue| !issue.deleted && !issue.pull_request);
        live.cloned().collect()
    }

    /// Somebody makes an issue; its number.
    pub fn open(&mut self, author: &str, title: &str, body: &str) -> u64 {
        self.now += 1;
        let number = self.issues.len() as u64 + 1;
        let issue = Issue {
            number,
            title: title.to_owned(),
            body: body.to_owned(),
            author: author.to_owned(),
            unlisted: self.listing_lag,
            created_at: self.now,
            updated_at: self.now,
            ..Issue::default()
        };
        self.issues.insert(number, issue);
        number
    }

    /// Somebody opens a pull request; its number.
    pub fn open_pull(&mut self, author: &str, title: &str, body: &str, pull: Pull) -> u64 {
        let number = self.open(author, title, body);
        if let Some(issue) = self.issues.get_mut(&number) {
            issue.pull_request = true;
        }
        self.pulls.insert(number, pull);
        number
    }

    /// Somebody merges a pull request.
    pub fn merge(&mut self, number: u64, who: &str) {
        self.set_closed(number, who, true);
        if let Some(pull) = self.pulls.get_mut(&number) {
            pull.merged = true;
        }
    }

    /// Every pull request with what it is as an issue, the oldest first.
    pub fn live_pulls(&self) -> Vec<(Issue, Pull)> {
        let all = self.pulls.iter();
        all.filter_map(|(number, pull)| Some((self.issues.get(number)?.clone(), pull.clone())))
            .collect()
    }

    /// Where a branch stands, if there is one; some commit where that is not known.
    pub(crate) fn branch(&self, name: &str) -> Option<String> {
        let told = || self.branches.contains(name).then(|| format!("{name:0<40.40}"));
        self.remote.as_ref().and_then(|remote| tip(remote, name)).or_else(told)
    }

    /// Somebody comments; nothing where there is no such issue.
    pub fn comment(&mut self, number: u64, author: &str, body: &str) -> Option<Comment> {
        self.now += 1;
        let issue = self.issues.get_mut(&number)?;
        self.last_comment += 1;
        let (id, created_at) = (self.last_comment, self.now);
        let comment = Comment { id, author: author.to_owned(), body: body.to_owned(), created_at };
        issue.comments.push(comment.clone());
        issue.updated_at = self.now;
        Some(comment)
    }

    /// Somebody puts a label on an issue.
    pub fn label(&mut self, number: u64, who: &str, label: &str) {
        self.labels.insert(label.to_owned());
        let put = |issue: &mut Issue| issue.labels.push(label.to_owned());
        self.happen(number, who, Happening::Labelled(label.to_owned()), put);
    }

    /// Somebody takes a label off an issue.
    pub fn unlabel(&mut self, number: u64, who: &str, label: &str) {
        let take = |issue: &mut Issue| issue.labels.retain(|own| own != label);
        self.happen(number, who, Happening::Unlabelled(label.to_owned()), take);
    }

    /// Somebody gives an issue another title.
    pub fn rename(&mut self, number: u64, who: &str, title: &str) {
        let rename = |issue: &mut Issue| title.clone_into(&mut issue.title);
        self.happen(number, who, Happening::Renamed, rename);
    }

    fn happen(&mut self, number: u64, who: &str, what: Happening, change: impl FnOnce(&mut Issue)) {
        self.now += 1;
        if let Some(issue) = self.issues.get_mut(&number) {
            issue.happenings.push(Happened { what, who: who.to_owned(), at: self.now });
            issue.updated_at = self.now;
            change(issue);
        }
    }

    /// Somebody writes another text into an issue, which leaves no event.
    pub fn edit(&mut self, number: u64, body: &str) {
        self.now += 1;
        if let Some(issue) = self.issues.get_mut(&number) {
            body.clone_into(&mut issue.body);
            issue.edited_at = Some(self.now);
            issue.updated_at = self.now;
        }
    }

    /// Somebody closes or opens an issue.
    pub fn set_closed(&mut self, number: u64, who: &str, closed: bool) {
        self.now += 1;
        if let Some(issue) = self.issues.get_mut(&number).filter(|issue| issue.closed != closed) {
            issue.closed = closed;
            issue.closed_by = closed.then(|| who.to_owned());
            issue.state_reason = Some(if closed { "completed" } else { "reopened" }.to_owned());
            issue.updated_at = self.now;
        }
    }
}

/// Where a branch of a repository stands, by the two places where git writes that down.
fn tip(repository: &Path, branch: &str) -> Option<String> {
    let name = format!("refs/heads/{branch}");
    if let Ok(text) = fs::read_to_string(repository.join(&name)) {
        return Some(text.trim().to_owned());
    }
    let packed = fs::read_to_string(repository.join("packed-refs")).ok()?;
    let mut lines = packed.lines().filter_map(|line| line.split_once(' '));
    lines.find(|(_, found)| *found == name).map(|(commit, _)| commit.to_owned())
}
