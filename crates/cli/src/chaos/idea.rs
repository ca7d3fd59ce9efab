//! The ideas: of one, three or six milestones with three files each, and what a model that is well
//! answers. The files say nothing, so that only the faults decide what comes out.

use serde::Serialize;
use serde_json::{Value, json};
use simulated_models::{Answers, FileAnswer};

/// Files of a milestone, each a work item of its own.
const ITEMS: usize = 3;

/// How much an idea asks for.
#[derive(Serialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Complexity {
    Simple,
    Medium,
    Complex,
}

impl Complexity {
    pub(crate) const ALL: [Self; 3] = [Self::Simple, Self::Medium, Self::Complex];

    /// The complexity of the run with this number, counted from 0: they take turns.
    pub(crate) fn of_run(number: usize) -> Self {
        Self::ALL[number % Self::ALL.len()]
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Medium => "medium",
            Self::Complex => "complex",
        }
    }

    pub(crate) fn milestones(self) -> usize {
        match self {
            Self::Simple => 1,
            Self::Medium => 3,
            Self::Complex => 6,
        }
    }

    /// The idea's file, relative to the repository's top.
    pub(crate) fn path(self) -> String {
        format!("ideas/backlog/{}.md", self.name())
    }

    /// What stands in it.
    pub(crate) fn text(self) -> String {
        let files = (1..=self.milestones()).flat_map(files);
        let files: String = files.map(|path| format!("- `{path}`\n")).collect();
        format!("# A {} idea\n\nSome files are to be written.\n\n## Files\n\n{files}", self.name())
    }

    /// What models that are well answer.
    pub(crate) fn answers(self) -> Answers {
        let numbers = 1..=self.milestones();
        let milestones: Vec<Value> = numbers.clone().map(planned).collect();
        let written = |path: String| {
            let answer = FileAnswer::create(content(&path));
            (path, answer)
        };
        Answers {
            plan: json!({
                "milestones": milestones,
                "risks": [],
                "success_criteria": ["every file is there"],
                "confidence": 0.9,
            }),
            changes: numbers.flat_map(files).map(written).collect(),
            ..Answers::default()
        }
    }
}

/// The files of the milestone with this number, counted from 1. No two milestones share one, so a
/// path tells its milestone.
pub(crate) fn files(milestone: usize) -> impl Iterator<Item = String> {
    (1..=ITEMS).map(move |item| format!("src/part_{milestone}_{item}.rs"))
}

fn planned(milestone: usize) -> Value {
    json!({
        "name": format!("Write part {milestone}"),
        "description": "Write the files of this part.",
        "files": { "create": files(milestone).collect::<Vec<_>>(), "modify": [], "delete": [] },
        "read": [],
        "tests": [],
    })
}

fn content(path: &str) -> String {
    let name = path.trim_start_matches("src/").trim_end_matches(".rs");
    format!(
        "//! One file of the idea.\n\n/// Its name.\npub fn {name}() -> &'static str {{\n    \"{name}\"\n}}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plan_idea_and_answers_name_the_same_files() {
        for complexity in Complexity::ALL {
            let answers = complexity.answers();
            let planned = answers.plan["milestones"].as_array().map_or(0, Vec::len);
            assert_eq!(planned, complexity.milestones());
            assert_eq!(answers.changes.len(), planned * ITEMS);
            let text = complexity.text();
            assert!(answers.changes.keys().all(|path| text.contains(path.as_str())), "{text}");
        }
    }

    #[test]
    fn complexities_take_turns() {
        let turns: Vec<usize> = (0..4).map(|n| Complexity::of_run(n).milestones()).collect();
        assert_eq!(turns, [1, 3, 6, 1]);
    }
}
