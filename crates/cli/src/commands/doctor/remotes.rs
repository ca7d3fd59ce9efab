//! The base and the remotes that the config names: a run refuses what is not
//! there, and puts off what cannot be reached.

use super::{Check, Patient};
use crate::error::CommandError;

/// What the branch is taken from, and where it goes.
pub(super) async fn checks(patient: &Patient) -> Vec<Check> {
    let (Some(repository), Some(config)) = (&patient.repository, &patient.config) else {
        return Vec::new();
    };
    let mut checks = Vec::new();
    if let Some(base) = &config.run.base {
        let mend = "set run.base to a commit or a branch of this repository";
        checks.push(match repository.resolve(base).await {
            Ok(_) => Check::ok("base", base.clone()),
            Err(error) => Check::fail("base", CommandError::from(error).line(), mend),
        });
    }
    let Some(remote) = config.pushes_to() else { return checks };
    checks.push(match repository.has_remote(remote).await {
        Ok(false) => {
            Check::fail("remote", format!("there is no {remote}"), "git remote add NAME ADDRESS")
        }
        Err(error) => Check::fail("remote", CommandError::from(error).line(), "git remote -v"),
        Ok(true) if patient.offline => Check::ok("remote", format!("{remote}, not asked")),
        Ok(true) => match repository.remote_refs(remote, "refs/belay/").await {
            Ok(_) => Check::ok("remote", format!("{remote} answers")),
            Err(error) => {
                let mend = "see that git reaches it without a prompt: git ls-remote";
                Check::fail("remote", CommandError::from(error).line(), mend)
            }
        },
    });
    checks
}
