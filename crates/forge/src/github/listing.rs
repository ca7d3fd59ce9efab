//! Listings, page by page and never without end.

use crate::error::Error;
use crate::issue::Issue;

use super::people::segment;
use super::rows::{self, CommentRow, IssueRow};
use super::wire::Wire;

const PAGE: u64 = 100;
/// A thousand rows.
const MOST_PAGES: u64 = 10;

const ACTION: &str = "list issues";

/// The newest issues of any state, pull requests left out; and whether those are all.
pub(super) async fn newest(wire: &Wire) -> Result<(Vec<IssueRow>, bool), Error> {
    let rows = page(wire, "state=all&direction=desc", 1).await?;
    let all = (rows.len() as u64) < PAGE;
    Ok((rows.into_iter().filter(|row| !row.is_pull_request()).collect(), all))
}

/// The newest issues with this label, of any state.
pub(super) async fn labelled(wire: &Wire, label: &str) -> Result<Vec<IssueRow>, Error> {
    pages(wire, &format!("state=all&direction=desc&labels={}", segment(label))).await
}

/// The numbers of the open issues with this label, the oldest first.
pub(super) async fn open_with(wire: &Wire, label: &str) -> Result<Vec<u64>, Error> {
    let query = format!("state=open&direction=asc&labels={}", segment(label));
    Ok(pages(wire, &query).await?.into_iter().map(|row| row.number).collect())
}

/// Every open issue, the oldest first.
pub(super) async fn open(wire: &Wire) -> Result<Vec<Issue>, Error> {
    let rows = pages(wire, "state=open&direction=asc").await?;
    Ok(rows.into_iter().map(IssueRow::into_issue).collect())
}

async fn pages(wire: &Wire, query: &str) -> Result<Vec<IssueRow>, Error> {
    let mut all = Vec::new();
    for number in 1..=MOST_PAGES {
        let rows = page(wire, query, number).await?;
        let is_last = (rows.len() as u64) < PAGE;
        all.extend(rows.into_iter().filter(|row| !row.is_pull_request()));
        if is_last {
            return Ok(all);
        }
    }
    wire.tell_once("there are more than 1,000 issues; the others are not looked at");
    Ok(all)
}

async fn page(wire: &Wire, query: &str, number: u64) -> Result<Vec<IssueRow>, Error> {
    let path = format!(
        "{}/issues?sort=created&{query}&per_page={PAGE}&page={number}",
        wire.repository_path()
    );
    rows::read(wire.get(path, ACTION).await?)
}

/// The comments of an issue in order; of very many the newest.
pub(super) async fn comments(wire: &Wire, row: &IssueRow) -> Result<Vec<CommentRow>, Error> {
    let last = row.comments.div_ceil(PAGE);
    let first = last.saturating_sub(MOST_PAGES) + 1;
    let mut all: Vec<CommentRow> = Vec::new();
    for number in first..=last {
        let path = format!(
            "{}/issues/{}/comments?per_page={PAGE}&page={number}",
            wire.repository_path(),
            row.number
        );
        let page: Vec<CommentRow> = rows::read(wire.get(path, "read comments").await?)?;
        all.extend(page);
    }
    Ok(all)
}
