//! GitHub, where issues go there: the token, its rights, the repository.

use std::time::Duration;

use forge::{Condition, Error, Settings};
use tokio::time::timeout;

use super::{Check, Patient};
use crate::config::PullRequest;
use crate::wiring::{self, Use};

/// For all that is asked.
const LIMIT: Duration = Duration::from_secs(15);
const NAME: &str = "github";
const RIGHTS: &str = "give the token write access to issues and pull requests (a fine-grained \
                      token: Issues and Pull requests, read and write; a job's own: \
                      permissions: issues: write, pull-requests: write)";

/// One line about issues and, where they go to GitHub, one about pull requests.
pub(super) async fn checks(patient: &Patient) -> Vec<Check> {
    let files = "off: issues are files in .belay/issues";
    let Some(project) = patient.project() else { return vec![Check::ok(NAME, files)] };
    let settings = match wiring::chosen(&project).await {
        Ok(Use::On(settings)) => settings,
        Ok(Use::Off(why)) => return vec![Check::ok(NAME, format!("{files} ({why})"))],
        Err(error) => {
            let mend = "see docs/github.md for what it needs";
            return vec![Check::fail(NAME, error.line(), mend)];
        }
    };
    let repository = settings.repository();
    if patient.offline {
        return vec![
            Check::ok(NAME, format!("{repository}, not asked (--offline)")),
            pull_requests(patient, None),
        ];
    }
    let places = match wiring::forge(&project).await {
        Ok(places) => places,
        Err(error) => return vec![Check::fail(NAME, error.line(), "see docs/github.md")],
    };
    let Some(github) = places.github() else { return vec![Check::ok(NAME, files)] };
    match timeout(LIMIT, github.examine()).await {
        Ok(Ok(condition)) => {
            vec![judged(&settings, &condition), pull_requests(patient, Some(&condition))]
        }
        Ok(Err(error)) => vec![refused(&repository, &error)],
        Err(_) => vec![Check::warn(NAME, format!("{repository}: no answer in time"), LATER)],
    }
}

const PULLS: &str = "pull requests";
const JOBS: &str = "a job's own GITHUB_TOKEN";
/// Trap 40.
const OTHER_TOKEN: &str = "give belay the token of a GitHub App or of a person (docs/github.md, Pull requests); with \
     a job's own, switch on \"Allow GitHub Actions to create and approve pull requests\" in the \
     repository's settings (Actions, General), and approve or start the checks by hand";

/// When there is one, and what would keep its checks from being started.
fn pull_requests(patient: &Patient, found: Option<&Condition>) -> Check {
    let Some(config) = &patient.config else { return Check::ok(PULLS, "none") };
    let when = match config.github.pull_request {
        PullRequest::None => return Check::ok(PULLS, "none: github.pull_request is none"),
        PullRequest::Ready => "one for each run that is completed",
        PullRequest::Draft => "a draft with the first milestone, ready when the run is completed",
    };
    if config.pushes_to().is_none() {
        let said = "none: no branch is pushed, as neither run.push nor store.mirror names a remote";
        return Check::ok(PULLS, said);
    }
    let in_a_job = patient.surroundings.var("GITHUB_ACTIONS") == Some("true");
    // A person's token has an account; the job's own and an app's have none.
    if in_a_job && found.is_some_and(|found| found.login.is_none()) {
        let said = format!("{when}; if this is {JOBS}, GitHub starts no checks on it by itself");
        return Check::warn(PULLS, said, OTHER_TOKEN);
    }
    Check::ok(PULLS, format!("{when}; with {JOBS} GitHub would start no checks on it by itself"))
}

const LATER: &str = "nothing, if it is there again later: what cannot be told now is put off";

fn judged(settings: &Settings, found: &Condition) -> Check {
    let name = &found.full_name;
    if found.archived {
        return Check::fail(NAME, format!("{name} is archived"), "name another github.repository");
    }
    if !found.has_issues {
        let mend = "switch issues on in the repository's settings, or set github.enabled: false";
        return Check::fail(NAME, format!("issues are switched off in {name}"), mend);
    }
    let who = found.login.as_ref().map_or("as an app".to_owned(), |login| format!("as {login}"));
    if found.may_write == Some(false) {
        return Check::fail(NAME, format!("{name} {who}, who may not write there"), RIGHTS);
    }
    if !name.eq_ignore_ascii_case(&settings.repository()) {
        let said = format!("{} is called {name} now", settings.repository());
        return Check::warn(NAME, said, "write the new name into the config or the remote");
    }
    Check::ok(NAME, format!("issues go to {name} {who}"))
}

fn refused(repository: &str, error: &Error) -> Check {
    let said = format!("{repository}: {error}");
    match error {
        error if error.is_passing() => Check::warn(NAME, said, LATER),
        Error::BadToken { .. } => Check::fail(NAME, said, "make a new token"),
        Error::UnknownRepository { .. } => {
            Check::fail(NAME, said, "correct github.repository, or let the token see it")
        }
        _ => Check::fail(NAME, said, RIGHTS),
    }
}
