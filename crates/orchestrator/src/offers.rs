//! Work that people did elsewhere and name in the issue about it: `Done in` and
//! a commit, a branch or a pull request, on a line of its own.
//!
//! A person is the last link of the coders' chain: what they name is one more
//! change set, and passes what every other one passes. Only what people with
//! write access say is read here; see [`forge::Seen`].

use worktree::CommitId;

use crate::event::IssueKind;
use crate::state::{IssueState, State};

/// Longer words name nothing.
const LONGEST: usize = 250;

/// What a person names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// A commit, by its id or the beginning of it.
    Commit(String),
    /// A pull request, by its number.
    PullRequest(u64),
    /// A branch.
    Branch(String),
}

/// Work that was named and is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What the issue is known by.
    pub marker: String,
    /// What the person wrote.
    pub named: String,
    /// What that was when it was looked at.
    pub commit: CommitId,
    /// It was not taken, and is not tried again.
    pub refused: bool,
}

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Commit(id) => f.write_str(id),
            Self::PullRequest(number) => write!(f, "#{number}"),
            Self::Branch(name) => f.write_str(name),
        }
    }
}

/// What the last line of this form names.
pub fn named(said: &str) -> Option<Named> {
    said.lines().rev().find_map(named_on)
}

fn named_on(line: &str) -> Option<Named> {
    let line = line.trim();
    let (words, name) = line.rsplit_once(char::is_whitespace)?;
    let words: Vec<String> = words.split_whitespace().map(str::to_ascii_lowercase).collect();
    let name = name.trim_end_matches('.').trim_matches('`');
    let is_form =
        matches!(words.iter().map(String::as_str).collect::<Vec<_>>()[..], ["done", "in"]);
    if !is_form || name.is_empty() || name.len() > LONGEST || name.starts_with('-') {
        return None;
    }
    if let Some(number) = pull_request(name) {
        return Some(Named::PullRequest(number));
    }
    let is_id = (7..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_hexdigit());
    if is_id {
        return Some(Named::Commit(name.to_ascii_lowercase()));
    }
    let plain = |c: char| c.is_alphanumeric() || "-_./+@".contains(c);
    (name.chars().all(plain) && !name.contains("..")).then(|| Named::Branch(name.to_owned()))
}

/// `#12`, or the address of a pull request.
fn pull_request(name: &str) -> Option<u64> {
    let digits = name.strip_prefix('#').or_else(|| {
        let (before, number) = name.rsplit_once('/')?;
        before.ends_with("/pull").then_some(number)
    })?;
    digits.parse().ok().filter(|number| *number > 0)
}

/// Whether work on the issue's files may be named in it.
pub(crate) fn may_be_named_in(issue: &IssueState) -> bool {
    matches!(issue.kind, IssueKind::ManualTask | IssueKind::FailedItem) && !issue.files.is_empty()
}

impl State {
    /// The newest work offered for exactly these files or more, unless it was refused.
    pub fn offer_for(&self, files: &[String]) -> Option<&Offer> {
        let about = |offer: &&Offer| {
            let issue = self.issues.iter().find(|issue| issue.marker == offer.marker);
            issue.is_some_and(|issue| files.iter().all(|file| issue.files.contains(file)))
        };
        self.offers.iter().rev().find(about).filter(|offer| !offer.refused)
    }

    /// Whether this was looked at before, for this issue.
    pub(crate) fn knows_offer(&self, marker: &str, commit: &CommitId) -> bool {
        self.offers.iter().any(|offer| offer.marker == marker && offer.commit == *commit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_named_on_a_line_of_its_own() {
        let commit = |id: &str| Some(Named::Commit(id.to_owned()));
        let branch = |name: &str| Some(Named::Branch(name.to_owned()));
        for (said, wanted) in [
            ("Done in 1234567", commit("1234567")),
            ("done in `ABCDEF0123`.", commit("abcdef0123")),
            ("Hello,\n  Done in fix/numbers\nthanks", branch("fix/numbers")),
            ("Done in #45", Some(Named::PullRequest(45))),
            ("Done in https://github.com/o/r/pull/45", Some(Named::PullRequest(45))),
            ("Done in first\nDone in second", branch("second")),
            ("Done in 123456", branch("123456")),
            ("> Done in 1234567", None),
            ("It is done in 1234567", None),
            ("Done in the evening", None),
            ("Done in --upload-pack=x", None),
            ("Done in a..b", None),
            ("Done in a:b", None),
            ("Done in #0", None),
            ("Done in", None),
            ("", None),
        ] {
            assert_eq!(named(said), wanted, "{said:?}");
        }
    }
}
