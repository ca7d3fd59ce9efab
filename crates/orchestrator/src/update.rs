//! The base moved on while the run was at work: what that does to the state.
//!
//! The update is a milestone of its own, begun before the next one: git's merge
//! is what it starts from, files in conflict are its work items, the project's
//! checks are run on it, and until it stands the branch is where it was.

use agents::{Files, Milestone};
use worktree::{CommitId, Replayed, TreeId};

use crate::fact::Update;
use crate::milestone::{MilestoneState, Origin};
use crate::state::{Given, State};

/// The step of an update as commits name it.
pub(crate) fn step_name(milestone: usize) -> String {
    format!("update-{milestone}")
}

/// A branch's name as people say it.
pub(crate) fn short_name(full: &str) -> &str {
    ["refs/heads/", "refs/remotes/"].iter().find_map(|kind| full.strip_prefix(kind)).unwrap_or(full)
}

/// The update as coders and reviewers find it in the plan.
fn planned(base: &str, files: Vec<String>) -> Milestone {
    let description = if files.is_empty() {
        format!("Makes the work fit {base} as it is now.")
    } else {
        format!(
            "Resolves the conflicts with {base} as it is now. The files hold conflict markers: \
             between <<<<<<< and ======= stands what this work has, from there to >>>>>>> what \
             {base} has. Keep what both sides mean, and leave no marker."
        )
    };
    Milestone {
        name: format!("Update to {base}"),
        description,
        files: Files { modify: files, ..Files::default() },
        read: Vec::new(),
        tests: Vec::new(),
        waits_for_answer: None,
    }
}

impl State {
    /// The update in progress, by its number.
    pub fn updating(&self) -> Option<usize> {
        let open =
            |milestone: &MilestoneState| milestone.update_to().is_some() && !milestone.ended();
        self.milestones.iter().position(open).map(|index| index + 1)
    }

    /// Whether anything is left that a newer base could matter to.
    pub(crate) fn has_work_left(&self) -> bool {
        self.plan.is_none() || self.milestones.iter().any(|milestone| !milestone.ended())
    }

    pub(crate) fn base_moved(&mut self, base: &str, to: CommitId, files: Vec<String>) {
        let Some(Given { value, .. }) = &mut self.plan else {
            return;
        };
        value.milestones.push(planned(base, files));
        let origin = Origin::Update(to);
        self.milestones.push(MilestoneState { origin, ..MilestoneState::default() });
    }

    /// The branch stands on the newer base: commits have other names, and what was found out
    /// about trees is found out again.
    pub(crate) fn base_updated(
        &mut self,
        milestone: Option<usize>,
        update: Update,
        base_tree: &TreeId,
    ) {
        let Update { to, onto, replayed, redo, .. } = update;
        let now = |commit: &CommitId| {
            let found = replayed.iter().find(|one: &&Replayed| one.from == *commit);
            found.map(|one| one.to.clone())
        };
        self.replaced.extend(replayed.iter().map(|one| one.from.clone()));
        for state in &mut self.milestones {
            if let Some(commit) = state.commit.as_ref().and_then(now) {
                state.commit = Some(commit);
            }
        }
        if let Some(state) =
            milestone.and_then(|number| self.milestones.get_mut(number.wrapping_sub(1)))
        {
            state.commit = Some(to.clone());
        } else {
            self.prepared = false;
        }
        self.baseline.retain(|checked| checked.tree == *base_tree);
        self.refused_base = None;
        self.base = Some(onto);
        self.tip = Some(to);
        self.milestones.iter_mut().for_each(|milestone| milestone.move_onto_newer(redo));
    }

    pub(crate) fn base_refused(&mut self, milestone: usize, for_good: Option<CommitId>) {
        self.refused_base = for_good.or(self.refused_base.take());
        if let Some(state) = self.milestones.get_mut(milestone.wrapping_sub(1)) {
            state.dropped = true;
        }
    }
}
