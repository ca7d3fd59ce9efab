//! Issues as Markdown files in `TOP/.belay/issues`, for where there is no
//! hosting service: a person reads, edits and closes them with an editor.
//!
//! One process at a time writes here, by a lock on the folder, and each file
//! is replaced whole. What a person has broken is left as it is and reported.

mod document;
mod place;

use std::path::{Path, PathBuf};

use async_trait::async_trait;

use crate::Forge;
use crate::error::Error;
use crate::issue::{Issue, IssueState, NewIssue, Seen};
use crate::text;

use place::{FOLDER, MAX_FILE_BYTES, Place};

/// The longest part of a file's name that comes from the title.
const MAX_SLUG_BYTES: usize = 50;

/// A folder of issues. Nothing is made on disk before the first issue.
#[derive(Clone, Debug)]
pub struct Folder {
    top: PathBuf,
    among_others: bool,
}

impl Folder {
    /// The folder below `top`, the top of a worktree.
    pub fn new(top: PathBuf) -> Self {
        Self { top, among_others: false }
    }

    /// The same folder, where other machines work on the same runs with folders of their own. An
    /// issue that is not in this one was then not removed by a person: it was never here.
    #[must_use]
    pub fn among_others(self) -> Self {
        Self { among_others: true, ..self }
    }

    /// Files are worked on away from the runtime's own threads.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let top = self.top.clone();
        tokio::task::spawn_blocking(move || work(&top)).await.map_err(|_| Error::Interrupted)?
    }
}

#[async_trait]
impl Forge for Folder {
    async fn open_issues(&self) -> Result<Vec<Issue>, Error> {
        self.work(open_issues).await
    }

    async fn create(&self, new: &NewIssue) -> Result<Issue, Error> {
        new.marker.check()?;
        if text::title(&new.title).is_empty() {
            return Err(Error::Invalid("an issue needs a title"));
        }
        let new = new.clone();
        self.work(move |top| create(top, &new)).await
    }

    async fn look(&self, url: &str) -> Result<Seen, Error> {
        let (url, among_others) = (url.to_owned(), self.among_others);
        self.work(move |top| match look(top, &url) {
            Err(Error::UnknownIssue { url }) if among_others => Err(Error::NotHere { url }),
            looked => looked,
        })
        .await
    }

    async fn comment(&self, url: &str, body: &str, marker: &str) -> Result<(), Error> {
        if marker.is_empty() {
            return Err(Error::Invalid("a comment needs a marker"));
        }
        let (url, body, marker) = (url.to_owned(), body.to_owned(), marker.to_owned());
        self.work(move |top| {
            change(top, &url, |_, text| Ok(document::with_comment(text, &marker, &body)))
        })
        .await
    }

    async fn update(&self, url: &str, body: &str) -> Result<(), Error> {
        let (url, body, among_others) = (url.to_owned(), body.to_owned(), self.among_others);
        let update = move |top: &Path| change(top, &url, |file, text| updated(file, text, &body));
        self.work(move |top| unless_elsewhere(update(top), among_others)).await
    }

    async fn close(&self, url: &str, reason: &str) -> Result<(), Error> {
        let (url, reason, among_others) = (url.to_owned(), reason.to_owned(), self.among_others);
        let close = move |top: &Path| change(top, &url, |file, text| closed(file, text, &reason));
        self.work(move |top| unless_elsewhere(close(top), among_others)).await
    }
}

/// What another machine's file should say is for whoever works there.
fn unless_elsewhere(changed: Result<(), Error>, among_others: bool) -> Result<(), Error> {
    match changed {
        Err(Error::UnknownIssue { .. }) if among_others => Ok(()),
        changed => changed,
    }
}

fn open_issues(top: &Path) -> Result<Vec<Issue>, Error> {
    let Some(place) = Place::find(top)? else {
        return Ok(Vec::new());
    };
    let mut issues = Vec::new();
    for (number, name) in place.names()? {
        match read(&place, number, &name) {
            Ok(Some(issue)) if issue.state == IssueState::Open => issues.push(issue),
            Ok(_) => {}
            Err(error @ Error::Damaged { .. }) => {
                tracing::warn!(%error, "an issue is passed over");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(issues)
}

fn create(top: &Path, new: &NewIssue) -> Result<Issue, Error> {
    let place = Place::make(top)?;
    let _lock = place.lock()?;
    let names = place.names()?;
    for (number, name) in &names {
        if let Some(issue) = known(&place, *number, name, new)? {
            return Ok(issue);
        }
    }
    let number = place.next_number(&names)?;
    let name = format!("{number:04}-{}.md", slug(&new.title));
    let damaged = |why| Error::Damaged { file: url_of(&name), why };
    let text = document::render(number, new).map_err(damaged)?;
    // Read back before it is written: what cannot be found again is not made.
    let issue = document::parse(&url_of(&name), number, &text).map_err(damaged)?;
    place.write(&name, &text)?;
    Ok(issue)
}

/// The file's issue, if it carries the marker of `new`. A file that a person
/// has spoilt but that still shows the marker counts: no second one is made.
fn known(place: &Place, number: u64, name: &str, new: &NewIssue) -> Result<Option<Issue>, Error> {
    let text = match place.read(name) {
        Ok(Some(text)) => text,
        Ok(None) => return Ok(None),
        Err(error @ Error::Damaged { .. }) => {
            tracing::warn!(%error, "an issue is passed over");
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    match document::parse(&url_of(name), number, &text) {
        Ok(issue) => Ok(Some(issue).filter(|issue| issue.marker.as_ref() == Some(&new.marker))),
        Err(_) if document::mentions(&text, &new.marker) => Ok(Some(Issue {
            url: url_of(name),
            number,
            title: text::title(&new.title),
            body: text::body(&new.body),
            labels: text::labels(&new.labels),
            state: IssueState::Open,
            marker: Some(new.marker.clone()),
        })),
        Err(_) => Ok(None),
    }
}

fn look(top: &Path, url: &str) -> Result<Seen, Error> {
    let unknown = || Error::UnknownIssue { url: url.to_owned() };
    let place = Place::find(top)?.ok_or_else(unknown)?;
    let (number, name) = located(&place, url)?;
    let text = place.read(&name)?.ok_or_else(unknown)?;
    let url = url_of(&name);
    document::seen(&url, number, &text).map_err(|why| Error::Damaged { file: url, why })
}

/// Changes one file under the lock; `None` from `edit` leaves it as it is.
fn change(
    top: &Path,
    url: &str,
    edit: impl FnOnce(&str, &str) -> Result<Option<String>, Error>,
) -> Result<(), Error> {
    let unknown = || Error::UnknownIssue { url: url.to_owned() };
    let place = Place::find(top)?.ok_or_else(unknown)?;
    let _lock = place.lock()?;
    let (_, name) = located(&place, url)?;
    let text = place.read(&name)?.ok_or_else(unknown)?;
    let Some(changed) = edit(&url_of(&name), &text)? else {
        return Ok(());
    };
    if changed.len() > MAX_FILE_BYTES {
        return Err(Error::TooLarge { file: url_of(&name), limit: MAX_FILE_BYTES });
    }
    place.write(&name, &changed)
}

/// The file of an address, with its number. A person may have renamed the
/// file; its number stays.
fn located(place: &Place, url: &str) -> Result<(u64, String), Error> {
    let unknown = || Error::UnknownIssue { url: url.to_owned() };
    let wanted = url
        .strip_prefix(FOLDER)
        .and_then(|rest| rest.strip_prefix('/'))
        .filter(|name| !name.contains('/'))
        .ok_or_else(unknown)?;
    let number = place::number_of(wanted).ok_or_else(unknown)?;
    let mut names = place.names()?;
    let at = names
        .iter()
        .position(|(_, name)| name == wanted)
        .or_else(|| names.iter().position(|(found, _)| *found == number))
        .ok_or_else(unknown)?;
    Ok(names.swap_remove(at))
}

fn updated(file: &str, text: &str, body: &str) -> Result<Option<String>, Error> {
    let damaged = |why| Error::Damaged { file: file.to_owned(), why };
    let seen = document::seen(file, 0, text).map_err(damaged)?;
    // What a person wrote into the body is not written over.
    if !seen.replies.is_empty() {
        return Ok(None);
    }
    Ok(document::with_body(text, body).filter(|changed| changed != text))
}

fn closed(file: &str, text: &str, reason: &str) -> Result<Option<String>, Error> {
    let damaged = |why| Error::Damaged { file: file.to_owned(), why };
    if document::parse(file, 0, text).map_err(damaged)?.state == IssueState::Closed {
        return Ok(None);
    }
    let changed = document::with_closed(text, reason);
    let is_closed = changed.as_deref().is_some_and(|changed| {
        document::parse(file, 0, changed).is_ok_and(|issue| issue.state == IssueState::Closed)
    });
    if is_closed {
        Ok(changed)
    } else {
        Err(damaged("its state cannot be set to closed".to_owned()))
    }
}

fn read(place: &Place, number: u64, name: &str) -> Result<Option<Issue>, Error> {
    let Some(text) = place.read(name)? else {
        return Ok(None);
    };
    document::parse(&url_of(name), number, &text)
        .map(Some)
        .map_err(|why| Error::Damaged { file: url_of(name), why })
}

fn url_of(name: &str) -> String {
    format!("{FOLDER}/{name}")
}

/// The part of a file's name that helps a person: plain letters and digits.
fn slug(title: &str) -> String {
    let mut slug = String::new();
    for c in title.chars() {
        if slug.len() >= MAX_SLUG_BYTES {
            break;
        }
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    match slug.trim_end_matches('-') {
        "" => "issue".to_owned(),
        slug => slug.to_owned(),
    }
}
