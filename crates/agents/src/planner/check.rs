//! Holding a plan against the repository.
//!
//! A plan is where a model could first reach outside its place: every path passes the worktree's
//! guard before anything is done. What can only be a slip (an existing file listed as new) is put
//! right; what would lose or mix up work is refused in words that a model can act on.

mod twins;
mod waiting;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use crate::answers::{Files, Milestone, Plan, read_plan, tidy_path};
use crate::asking::{Giver, PathGuard, Settings, Unwritable};
use crate::source::Known;

use super::PlanInput;

/// The most milestones that are looked at, whatever the settings allow.
const MOST_MILESTONES: usize = 50;
/// The most files of a whole plan, read and written.
const MOST_FILES: usize = 200;
/// How many refused paths are named.
const NAMED: usize = 8;

/// What a plan must keep to.
#[derive(Clone)]
pub(super) struct PlanRules {
    known: Arc<Known>,
    guard: PathGuard,
    unwritable: Unwritable,
    max_milestones: usize,
    /// Whether milestones were committed already, so that nothing may be left to plan.
    goes_on: bool,
    /// Whether questions are open, for whose answers a milestone may wait.
    asked: bool,
}

impl PlanRules {
    pub(super) fn new(known: &Arc<Known>, settings: &Settings) -> Self {
        Self {
            known: Arc::clone(known),
            guard: Arc::clone(&settings.path_guard),
            unwritable: Arc::clone(&settings.unwritable),
            max_milestones: settings.max_milestones.min(MOST_MILESTONES),
            goes_on: false,
            asked: false,
        }
    }

    /// The rules for what is left of a plan, and for one with open questions.
    pub(super) fn going_on(self, input: &PlanInput<'_>) -> Self {
        Self { goes_on: !input.done.is_empty(), asked: !input.open_questions.is_empty(), ..self }
    }

    pub(super) fn exists(&self, path: &str) -> bool {
        self.known.exists(path)
    }

    /// Whether a plan may name the path.
    pub(super) fn allows(&self, path: &str) -> bool {
        self.refuse(path).is_none()
    }

    /// Reads a plan, puts its slips right and refuses what is wrong.
    pub(super) fn read(&self, value: &Value, giver: Giver) -> Result<Plan, String> {
        let mut plan = read_plan(value)?;
        self.check_size(&plan, giver)?;
        let mut existing: BTreeSet<String> = BTreeSet::new();
        let mut gone: BTreeSet<String> = BTreeSet::new();
        let mut dropped: Vec<String> = Vec::new();
        for (index, milestone) in plan.milestones.iter_mut().enumerate() {
            let here = |why: String| format!("milestone {} ({}): {why}", index + 1, milestone.name);
            if milestone.name.is_empty() {
                return Err(format!("milestone {} has no name", index + 1));
            }
            let files = self.writable(&milestone.files, &mut dropped);
            let files = self.check_files(files).map_err(here)?;
            let there = |path: &str| {
                !gone.contains(path) && (existing.contains(path) || self.known.exists(path))
            };
            // What an earlier milestone deletes is only named twice; nothing is lost with it.
            let unknown = files.delete.iter().filter(|path| !there(path) && !gone.contains(*path));
            dropped.extend(unknown.map(|path| not_deleted(path)));
            milestone.files = agree(files, there);
            let read = self.readable(&milestone.read, there);
            milestone.read = read.map_err(|why| format!("milestone {}: {why}", index + 1))?;
            advance(&milestone.files, &mut existing, &mut gone);
        }
        self.check_work(&plan, giver, &dropped)?;
        waiting::settle(&mut plan.milestones, self.asked);
        twins::check(&self.known, &plan.milestones)?;
        for note in dropped {
            if !plan.risks.contains(&note) {
                plan.risks.push(note);
            }
        }
        Ok(plan)
    }

    /// A plan of notes changes nothing; only what is done already needs no milestone.
    fn check_work(&self, plan: &Plan, giver: Giver, dropped: &[String]) -> Result<(), String> {
        let is_over = self.goes_on && plan.milestones.is_empty();
        if giver == Giver::Template || is_over || !plan.milestones.iter().all(Milestone::is_note) {
            return Ok(());
        }
        let mut why =
            "no milestone has a file to create, modify or delete; name the files that are to change"
                .to_owned();
        if self.goes_on {
            why.push_str(", or give no milestone if all is done");
        }
        for note in dropped.iter().take(NAMED) {
            why.push_str("; ");
            why.push_str(note);
        }
        Err(why)
    }

    fn check_size(&self, plan: &Plan, giver: Giver) -> Result<(), String> {
        let count = plan.milestones.len();
        if count == 0 && !self.goes_on {
            return Err("the plan has no milestone".to_owned());
        }
        // A template cannot be told to be shorter, and its notes cost nothing.
        let most = if giver == Giver::Template { MOST_MILESTONES } else { self.max_milestones };
        if count > most {
            return Err(format!(
                "the plan has {count} milestones; at most {most} are allowed, so join some"
            ));
        }
        let files: usize = plan
            .milestones
            .iter()
            .map(|milestone| milestone.files.iter().count() + milestone.read.len())
            .sum();
        if files > MOST_FILES {
            return Err(format!("the plan names {files} files; at most {MOST_FILES} are allowed"));
        }
        Ok(())
    }

    /// The files with tidy paths and without repetitions, and without those that a command writes;
    /// of those a note is left.
    fn writable(&self, files: &Files, dropped: &mut Vec<String>) -> Files {
        let mut keep = |paths: &[String]| {
            let mut paths = tidy(paths);
            paths.retain(|path| {
                // What may not be named at all is refused, whoever writes it.
                let why = (self.guard)(path).ok().and_then(|()| (self.unwritable)(path));
                let Some(why) = why else {
                    return true;
                };
                dropped.push(if why.contains(path) { why } else { format!("{path}: {why}") });
                false
            });
            paths
        };
        Files {
            create: keep(&files.create),
            modify: keep(&files.modify),
            delete: keep(&files.delete),
        }
    }

    /// The files, or why they cannot be planned.
    fn check_files(&self, files: Files) -> Result<Files, String> {
        let refused: Vec<String> =
            files.iter().filter_map(|path| self.refuse(path)).take(NAMED).collect();
        if !refused.is_empty() {
            return Err(refused.join("; "));
        }
        let written: BTreeSet<&String> = files.create.iter().chain(&files.modify).collect();
        if let Some(path) = files.delete.iter().find(|path| written.contains(path)) {
            return Err(format!("{path} is both to be written and to be deleted; decide for one"));
        }
        if let Some(path) = written
            .iter()
            .find(|path| written.iter().any(|other| other.starts_with(&format!("{path}/"))))
        {
            return Err(format!("{path} is both a file and a folder of another file"));
        }
        Ok(files)
    }

    /// Why a path may not be written, if so.
    fn refuse(&self, path: &str) -> Option<String> {
        if path.is_empty() {
            return Some("a path is empty".to_owned());
        }
        if let Err(why) = (self.guard)(path) {
            return Some(if why.contains(path) { why } else { format!("{path}: {why}") });
        }
        if self.known.is_denied(path) {
            return Some(format!("{path} is off limits: it may be neither read nor written"));
        }
        if path.ends_with('/') || self.known.is_folder(path) {
            return Some(format!("{path} is a folder; name the files in it"));
        }
        if let Some(parent) = folders(path).find(|folder| self.known.exists(folder)) {
            return Some(format!("{path} cannot exist: {parent} is a file"));
        }
        self.known.is_oversized(path).then(|| {
            format!(
                "{path} is larger than the {} bytes a file may have",
                self.known.max_file_bytes()
            )
        })
    }

    /// The further files: those that exist by then and may be shown.
    fn readable(
        &self,
        read: &[String],
        there: impl Fn(&str) -> bool,
    ) -> Result<Vec<String>, String> {
        let paths = tidy(read);
        let outside = |path: &&String| {
            path.starts_with(['/', '\\', '~']) || path.split('/').any(|part| part == "..")
        };
        if let Some(path) = paths.iter().find(outside) {
            return Err(format!("{path} lies outside the repository; name paths from its top"));
        }
        Ok(paths.into_iter().filter(|path| there(path) && !self.known.is_denied(path)).collect())
    }
}

/// The note of a deletion that is left out. Symbolic links and submodules are no files here, so a
/// path that looks missing may be there: whoever reads the plan has to learn of it.
fn not_deleted(path: &str) -> String {
    format!("{path} could not be planned for deletion: no such regular file")
}

/// Each file under what really happens to it: created if it is not there, modified if it is.
fn agree(files: Files, there: impl Fn(&str) -> bool) -> Files {
    let mut agreed = Files::default();
    let mut seen = BTreeSet::new();
    for path in files.create.into_iter().chain(files.modify) {
        if !seen.insert(path.clone()) {
            continue;
        }
        if there(&path) {
            agreed.modify.push(path);
        } else {
            agreed.create.push(path);
        }
    }
    agreed.delete = files.delete.into_iter().filter(|path| there(path)).collect();
    agreed
}

/// What is there after a milestone.
fn advance(files: &Files, existing: &mut BTreeSet<String>, gone: &mut BTreeSet<String>) {
    for path in files.create.iter().chain(&files.modify) {
        existing.insert(path.clone());
        gone.remove(path);
    }
    for path in &files.delete {
        existing.remove(path);
        gone.insert(path.clone());
    }
}

fn tidy(paths: &[String]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    paths.iter().map(|path| tidy_path(path)).filter(|path| seen.insert(path.clone())).collect()
}

/// The folders that a path lies in, the outermost first.
fn folders(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

#[cfg(test)]
mod tests;
