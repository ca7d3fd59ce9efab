//! Which checks a tree of the project has to pass, and when.
//!
//! Found afresh for each tree, since a milestone may be the one that brings
//! the project its tests.

use std::time::Duration;

use worktree::{Check, CheckKind, ProjectCommand};

use super::command::{ProjectTree, fixed, proves_nothing};
use crate::driver::Driver;
use crate::fact::Checked;
use crate::settings::{CheckSetting, ChecksSetting, Gate, ProjectCommandSetting};
use crate::state::State;

/// What people call the check that is the repository's own hook.
pub(super) const PRE_COMMIT: &str = "pre-commit";

/// A check of a tree.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Due {
    /// What people call it.
    pub(super) name: String,
    /// What it looks at.
    pub(super) kind: CheckKind,
    /// What is run.
    pub(super) run: Run,
    /// A person wrote it into the config, as against found.
    pub(super) configured: bool,
    gate: Gate,
}

/// What is run for a check.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Run {
    /// A command of the project.
    Command(Check),
    /// The repository's pre-commit hook.
    PreCommit,
}

impl Due {
    /// The command as results of it are known by.
    pub(super) fn command(&self) -> &str {
        match &self.run {
            Run::Command(check) => &check.command.command,
            Run::PreCommit => PRE_COMMIT,
        }
    }

    /// How long it may take, where it has a limit of its own.
    pub(super) fn limit(&self) -> Option<Duration> {
        match &self.run {
            Run::Command(check) => check.timeout_ms.map(Duration::from_millis),
            Run::PreCommit => None,
        }
    }

    fn new(check: Check, configured: bool, gate: Gate) -> Self {
        let (name, kind) = (check.name.clone(), check.kind);
        Self { name, kind, run: Run::Command(check), configured, gate }
    }
}

impl Driver {
    /// Every check that the project has, in the order in which they are run: as configured, with
    /// the tests last where they are not among them.
    pub(super) fn checks(&self, project: &ProjectTree) -> Vec<Due> {
        let settings = &self.parts.settings;
        let gate = |kind, own: Option<Gate>| match kind {
            CheckKind::Build | CheckKind::Test => own.unwrap_or(settings.gate),
            _ => own.unwrap_or_default(),
        };
        let mut checks: Vec<Due> = match &settings.checks {
            ChecksSetting::Auto => {
                // In the order of their kinds, the quick ones first.
                let found = worktree::detect_checks(&project.files, &project.contents);
                found
                    .into_iter()
                    .map(|check| (gate(check.kind, None), check))
                    .map(|(gate, check)| Due::new(check, false, gate))
                    .collect()
            }
            ChecksSetting::Fixed(list) => list
                .iter()
                .map(|CheckSetting { check, gate: own }| {
                    Due::new(check.clone(), true, gate(check.kind, *own))
                })
                .collect(),
        };
        if !checks.iter().any(|check| check.kind == CheckKind::Test)
            && let Some((command, configured)) = self.test_command(project)
        {
            let check = Check {
                name: "test".to_owned(),
                kind: CheckKind::Test,
                command,
                look: None,
                timeout_ms: None,
            };
            checks.push(Due::new(check, configured, gate(CheckKind::Test, None)));
        }
        checks
    }

    fn test_command(&self, project: &ProjectTree) -> Option<(ProjectCommand, bool)> {
        match &self.parts.settings.test_command {
            ProjectCommandSetting::Off => None,
            ProjectCommandSetting::Fixed(command) => Some((fixed(command), true)),
            ProjectCommandSetting::Auto => {
                Some((worktree::detect_test(&project.files, &project.contents)?, false))
            }
        }
    }

    /// The checks that the base is held against before anything changes.
    pub(super) fn due_before(&self, project: &ProjectTree) -> Vec<Due> {
        let due = |check: &Due| check.kind != CheckKind::Format && check.gate == Gate::Milestone;
        self.checks(project).into_iter().filter(due).collect()
    }

    /// The checks that a milestone's tree has to pass before its commit.
    pub(super) fn due_at(&self, milestone: usize, project: &ProjectTree) -> Vec<Due> {
        let state = self.journal.state();
        let is_last = is_last(&state, milestone);
        let due = |check: &Due| {
            let usable = check.configured
                || baseline(&state, &check.name)
                    .and_then(|checked| checked.outcome.as_ref())
                    .is_none_or(|outcome| proves_nothing(outcome).is_none());
            check.kind != CheckKind::Format && usable && (check.gate == Gate::Milestone || is_last)
        };
        let mut checks: Vec<Due> = self.checks(project).into_iter().filter(due).collect();
        if self.parts.settings.hooks {
            checks.push(Due {
                name: PRE_COMMIT.to_owned(),
                kind: CheckKind::Test,
                run: Run::PreCommit,
                configured: false,
                gate: Gate::Milestone,
            });
        }
        checks
    }

    /// The formatters that the project keeps to.
    pub(super) fn formatters(&self, project: &ProjectTree) -> Vec<Check> {
        let state = self.journal.state();
        let kept = |check: &Check| !state.formatters_not_kept_to.contains(&check.name);
        let formats = self.checks(project).into_iter().filter(|due| due.kind == CheckKind::Format);
        let checks = formats.filter_map(|due| match due.run {
            Run::Command(check) => Some(check),
            Run::PreCommit => None,
        });
        checks.filter(kept).collect()
    }
}

/// How a check went before any change.
pub(super) fn baseline<'a>(state: &'a State, name: &str) -> Option<&'a Checked> {
    state.baseline.iter().rev().find(|checked| checked.name == name)
}

/// Whether no milestone with files comes after this one; what the plan does not have stands behind
/// all of them, wherever it is done.
fn is_last(state: &State, milestone: usize) -> bool {
    let plan = state.plan.iter().flat_map(|plan| &plan.value.milestones);
    let mut others = plan.zip(&state.milestones).enumerate().filter(|(at, _)| at + 1 != milestone);
    !others.any(|(at, (planned, other))| {
        let is_after = at >= milestone || state.updating() == Some(milestone);
        is_after && !planned.is_note() && other.is_planned() && !other.ended()
    })
}
