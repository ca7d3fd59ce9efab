//! How the branch of a run is called: as configured, and never so that what
//! another run or a person has on theirs is touched.

use checkpoint_store::RunHead;

use crate::branches;
use crate::error::{Code, CommandError, fail};
use crate::ideas::{self, Found};
use crate::project::Project;

/// Branch suffixes tried before giving up.
pub(crate) const MOST_SUFFIXES: usize = 100;

/// The branch of a run, as its head tells it.
pub(crate) fn of(head: &RunHead) -> Option<&str> {
    head.attributes.get("branch")?.as_str()
}

/// The branch as configured, without a suffix.
pub(crate) fn name(project: &Project, found: &Found, heads: &[RunHead]) -> String {
    let id = &found.idea.id;
    let template = &project.config.run.branch;
    let name = template.replace("{idea}", &ideas::slug(id, 60));
    // Two ids may have one slug: `a b` and `a-b`.
    let elses = |head: &RunHead| head.subject != *id && of(head) == Some(&name);
    if template.contains("{idea}") && heads.iter().any(elses) {
        return template.replace("{idea}", &format!("{}-{}", ideas::slug(id, 60), ideas::hash(id)));
    }
    name
}

pub(crate) fn suffixed(name: &str, suffix: usize) -> String {
    if suffix == 1 { name.to_owned() } else { format!("{name}-{suffix}") }
}

/// The branch as configured; with a suffix where an earlier run of the same
/// idea has it, and with a hash where another idea's has. A branch of that name
/// that is nobody's run is not touched; where runs were lost it may be that of one.
pub(crate) async fn free(
    project: &Project,
    found: &Found,
    heads: &[RunHead],
    fresh: bool,
    after_loss: bool,
) -> Result<String, CommandError> {
    let id = &found.idea.id;
    let name = name(project, found, heads);
    let used = |name: &str| heads.iter().any(|head| head.subject == *id && of(head) == Some(name));
    for suffix in 1..MOST_SUFFIXES {
        let branch = suffixed(&name, suffix);
        if used(&branch) {
            continue;
        }
        if project.repository.branch_tip(&branch).await?.is_none() {
            neighbours_free(project, &branch).await?;
            return Ok(branch);
        }
        if !after_loss && (suffix == 1 || !fresh) {
            return Err(fail(
                Code::Branch,
                format!(
                    "the branch {branch} exists and is not from a known run of this idea; what is on it is kept, also commits with a Belay-Run trailer: name another one with --branch NAME, or rename or delete it"
                ),
            ));
        }
    }
    Err(fail(Code::Branch, format!("too many branches named {name}-N")))
}

/// Git keeps branches as paths: beside a branch `belay` there can be no
/// `belay/x`, and beside `belay/x` no `belay`.
async fn neighbours_free(project: &Project, branch: &str) -> Result<(), CommandError> {
    if let Some(below) = branches::below(project.repository.git_dir(), branch) {
        return Err(fail(
            Code::Branch,
            format!(
                "the branch {branch} cannot be made beside the branch {below}: name another one with --branch"
            ),
        ));
    }
    for (at, _) in branch.match_indices('/') {
        let parent = &branch[..at];
        if project.repository.branch_tip(parent).await?.is_some() {
            return Err(fail(
                Code::Branch,
                format!(
                    "the branch {branch} cannot be made beside the branch {parent}: name another one with --branch"
                ),
            ));
        }
    }
    Ok(())
}
