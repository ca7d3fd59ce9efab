//! What lies on this machine: room, the cache, the state, the templates, and
//! how far the project's own commands can be confined.

use std::path::Path;

use checkpoint_store::RunStore;
use degradation_templates::Templates;
use rustix::fs::{Access, access, statvfs};

use super::{Check, Patient};
use crate::error::CommandError;
use crate::project::Project;
use crate::records;

/// Less than this stops a run sooner or later.
const TIGHT: u64 = 1 << 30;
/// Less than this stops it soon.
const FULL: u64 = 100 << 20;
/// Runs whose records are read; newest first.
const MOST_RUNS: usize = 50;

pub(super) async fn checks(patient: &Patient) -> Vec<Check> {
    let mut checks = Vec::new();
    let project = patient.project();
    if let Some(project) = &project {
        checks.push(room("disk", project.repository.git_dir(), "the git directory"));
    }
    checks.push(cache(patient, project.as_ref()));
    if let Some(project) = &project {
        checks.extend(state(project).await);
    }
    checks.extend(templates(patient));
    checks.push(confinement().await);
    checks
}

fn cache(patient: &Patient, project: Option<&Project>) -> Check {
    if let Some(Err(error)) = project.map(Project::cache_is_outside) {
        return Check::fail("cache", error.line(), "set XDG_CACHE_HOME to a place outside of it");
    }
    // The folder itself may not be there yet.
    let cache = patient.surroundings.cache();
    let there = cache.ancestors().find(|folder| folder.exists()).unwrap_or(&cache);
    room("cache", there, &cache.display().to_string())
}

/// Whether a folder can be written and has room.
fn room(name: &str, folder: &Path, called: &str) -> Check {
    if let Err(error) = access(folder, Access::WRITE_OK | Access::EXEC_OK) {
        let said = format!("{called} cannot be written: {error}");
        return Check::fail(name, said, "make it writable for this user");
    }
    let free = match statvfs(folder) {
        Ok(found) => found.f_bavail.saturating_mul(found.f_frsize),
        Err(error) => {
            let said = format!("the room in {called} cannot be told: {error}");
            return Check::warn(name, said, "see whether the disk is well: df");
        }
    };
    let said = format!("{} free in {called}", amount(free));
    match free {
        0..FULL => Check::fail(name, said, "make room"),
        FULL..TIGHT => Check::warn(name, said, "make room: worktrees and tests need some"),
        _ => Check::ok(name, said),
    }
}

fn amount(bytes: u64) -> String {
    const GIB: u64 = 1 << 30;
    if bytes < GIB {
        return format!("{} MiB", bytes >> 20);
    }
    format!("{}.{} GiB", bytes / GIB, bytes % GIB * 10 / GIB)
}

/// The runs so far, read as `status` reads them: none is held, and where there
/// are none nothing is made. The database does its own bookkeeping.
async fn state(project: &Project) -> Vec<Check> {
    if !project.has_state() {
        return vec![Check::ok("state", "no run yet")];
    }
    match runs(project).await {
        Ok(checks) => checks,
        Err(error) => {
            let mend = "see that the file is whole, on a local disk, and this user's";
            vec![Check::fail("state", error.line(), mend)]
        }
    }
}

async fn runs(project: &Project) -> Result<Vec<Check>, CommandError> {
    let store = project.open_store().await?;
    let heads = store.runs().await?;
    let mut checks = vec![Check::ok("state", format!("runs so far: {}", heads.len()))];
    for head in heads.iter().take(MOST_RUNS) {
        if let Err(why) = records::state(&store, head).await? {
            let said = format!("the run {} of {}: {why}", head.id, head.subject);
            let mend = "begin it anew: belay run IDEA --fresh; its branch keeps its commits";
            checks.push(Check::warn("state", said, mend));
        }
    }
    Ok(checks)
}

/// Each template is rendered with sample facts.
fn templates(patient: &Patient) -> Vec<Check> {
    let folder = patient.config.as_ref().and_then(|config| config.degradation.templates.as_deref());
    let all = Templates::names().len();
    let Some(folder) = folder else {
        return match Templates::built_in() {
            Ok(_) => vec![Check::ok("templates", format!("all {all} work"))],
            Err(error) => vec![Check::fail("templates", line(error), "this is a defect of belay")],
        };
    };
    let problems = Templates::check(&patient.top.join(folder));
    if problems.is_empty() {
        let said = format!("all {all} work, with those of {}", folder.display());
        return vec![Check::ok("templates", said)];
    }
    let mend = "correct the file or take it away; docs/templates.md has its facts and filters";
    problems.into_iter().map(|problem| Check::fail("templates", line(problem), mend)).collect()
}

/// What holds the project's own commands, where models wrote the code.
async fn confinement() -> Check {
    // Some milliseconds of system calls.
    let Ok(support) = tokio::task::spawn_blocking(subprocess::confined::support).await else {
        return Check::warn("tests", "their confinement cannot be told", "try again");
    };
    if support.is_full() {
        return Check::ok("tests", support.to_string());
    }
    let mend = "work in a container or on a machine that can be thrown away, if that matters";
    Check::warn("tests", support.to_string(), mend)
}

fn line(error: degradation_templates::Error) -> String {
    CommandError::from(anyhow::Error::from(error)).line()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_told_as_people_count_them() {
        let told: Vec<String> =
            [0, FULL, TIGHT - 1, TIGHT, TIGHT * 5 / 2].into_iter().map(amount).collect();
        assert_eq!(told, ["0 MiB", "100 MiB", "1023 MiB", "1.0 GiB", "2.5 GiB"]);
    }
}
