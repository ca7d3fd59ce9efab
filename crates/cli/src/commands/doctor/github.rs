//! GitHub, where issues go there: the token, its rights, the repository.

use std::time::Duration;

use forge::{Condition, Error, Settings};
use tokio::time::timeout;

use super::{Check, Patient};
use crate::wiring::{self, Use};

/// For all that is asked.
const LIMIT: Duration = Duration::from_secs(15);
const NAME: &str = "github";
const RIGHTS: &str = "give the token write access to issues (a fine-grained token: Issues, read \
                      and write; a job's own: permissions: issues: write)";

/// One line about it.
pub(super) async fn check(patient: &Patient) -> Check {
    let files = "off: issues are files in .belay/issues";
    let Some(project) = patient.project() else { return Check::ok(NAME, files) };
    let settings = match wiring::chosen(&project).await {
        Ok(Use::On(settings)) => settings,
        Ok(Use::Off(why)) => return Check::ok(NAME, format!("{files} ({why})")),
        Err(error) => {
            return Check::fail(NAME, error.line(), "see docs/github.md for what it needs");
        }
    };
    let repository = settings.repository();
    if patient.offline {
        return Check::ok(NAME, format!("{repository}, not asked (--offline)"));
    }
    let github = match wiring::forge(&project).await {
        Ok(places) => places,
        Err(error) => return Check::fail(NAME, error.line(), "see docs/github.md"),
    };
    let Some(github) = github.github() else { return Check::ok(NAME, files) };
    match timeout(LIMIT, github.examine()).await {
        Ok(Ok(condition)) => judged(&settings, &condition),
        Ok(Err(error)) => refused(&repository, &error),
        Err(_) => Check::warn(NAME, format!("{repository}: no answer in time"), LATER),
    }
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
