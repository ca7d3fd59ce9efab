//! Ideas in issues on GitHub: what is taken of one, and what is said where none is.
//!
//! Whoever opens an issue may be anybody. So nothing is taken but what somebody with write access
//! put the label on, as it stood then; what is taken goes into the run's first record, and the
//! issue is not read again.

use agents::Idea;
use forge::{Forge as _, GitHub, Places, Unfit};

use super::Found;
use crate::error::{Code, CommandError, fail};
use crate::project::Project;
use crate::wiring::{self, Use};

const EDITED: &str = "This issue was edited after its label `belay:idea` was put, so belay does not take it: \
only a text that somebody with write access has agreed to counts. If you agree to what it says now, take the \
label off and put it again.";

/// The id of an issue's idea.
pub(crate) fn id(number: u64) -> String {
    format!("issue-{number}")
}

/// The number of the issue that is named by `#12`, `issue-12` or `12`. `012` is none: that is how
/// files are numbered.
pub(crate) fn number(name: &str) -> Option<u64> {
    let digits = name.strip_prefix('#').or(name.strip_prefix("issue-")).unwrap_or(name);
    let plain = digits.starts_with(|c: char| c.is_ascii_digit() && c != '0')
        && digits.bytes().all(|byte| byte.is_ascii_digit());
    // GitHub takes no larger ones.
    digits.parse::<u32>().ok().filter(|number| plain && *number <= i32::MAX as u32).map(u64::from)
}

/// The places of issues, where GitHub is used now.
pub(crate) async fn places(
    project: &Project,
    number: u64,
) -> Result<std::sync::Arc<Places>, CommandError> {
    let places = wiring::forge(project).await?;
    if places.github().is_some() {
        return Ok(places);
    }
    let why = match wiring::chosen(project).await? {
        Use::Off(why) => format!(": {why}"),
        Use::On(_) => String::new(),
    };
    Err(fail(
        Code::IdeaUnknown,
        format!("no such idea: issue {number} (GitHub is not used here{why})"),
    ))
}

/// The idea in an issue that was named.
pub(crate) async fn needed(
    project: &Project,
    number: u64,
    tell: bool,
) -> Result<Found, CommandError> {
    let places = places(project, number).await?;
    match look(&places, number, tell).await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(why)) => Err(fail(
            Code::IdeaUnreadable,
            format!("the issue {number} is not taken as an idea: {why}"),
        )),
        Err(error) => Err(CommandError {
            code: if error.is_passing() { Code::IdeaOutOfReach } else { Code::IdeaUnreadable },
            cause: anyhow::Error::from(error).context(format!("the issue {number}")),
        }),
    }
}

/// The idea in an issue, or why it is not taken; `tell` says that there, once, where somebody can
/// mend it.
pub(crate) async fn look(
    places: &Places,
    number: u64,
    tell: bool,
) -> Result<Result<Found, String>, forge::Error> {
    let Some(github) = places.github() else { return Ok(Err("GitHub is not used".to_owned())) };
    let issue = match github.idea(number).await? {
        Ok(issue) => issue,
        Err(unfit) => {
            if let Unfit::Edited { url, labelled_at } = &unfit
                && tell
            {
                say_edited(github, url, labelled_at).await;
            }
            return Ok(Err(unfit.to_string()));
        }
    };
    let text = format!("# {}\n\n{}\n", issue.title, issue.text);
    let parsed = Idea::parse(&id(number), &text).map_err(|error| error.to_string());
    Ok(parsed.map(|idea| Found { idea, path: None, issue: Some(issue.url) }))
}

/// That it cannot be said is no reason to stop; the next process says it.
async fn say_edited(github: &GitHub, url: &str, labelled_at: &str) {
    let marker = format!("idea-edited-{labelled_at}");
    if let Err(error) = github.comment(url, EDITED, &marker).await {
        tracing::warn!(%error, "nobody is told in {url} why it is not taken");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issue_is_named_by_its_number() {
        for name in ["#12", "issue-12", "12"] {
            assert_eq!(number(name), Some(12), "{name}");
        }
        for name in ["", "#", "#0", "012", "001", "issue-", "issue-x", "#1a", "+1", "#99999999999"]
        {
            assert_eq!(number(name), None, "{name}");
        }
    }
}
