//! What the planner is told.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::PlanInput;
use crate::answers::Analysis;
use crate::asking::Settings;
use crate::excerpts::Focus;
use crate::fence;
use crate::fit::{Part, Priority, Sheet};
use crate::idea::{Idea, answers};
use crate::legible::legible;
use crate::source::Known;
use crate::words::Words;

/// Files that say what a project is made of.
const MANIFESTS: [&str; 17] = [
    "Cargo.toml",
    "package.json",
    "pyproject.toml",
    "go.mod",
    "requirements.txt",
    "setup.py",
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
    "Gemfile",
    "composer.json",
    "mix.exs",
    "CMakeLists.txt",
    "Makefile",
    "justfile",
    "tsconfig.json",
    "deno.json",
];
const MAX_MANIFESTS: usize = 8;
const MAX_CONTEXT_FILES: usize = 10;

const ANALYSIS: &str = "You are the planner of an autonomous development system. People hand in ideas; you say what an \
idea means for this repository before anything is planned.

- understanding: what is to be built, concretely, in a few sentences.
- complexity: low, medium or high.
- confidence: from 0 to 1, how likely it is that what gets built from this text is what its author wants. 0.9: nothing \
that matters is open. 0.7: you had to choose defaults, and each would be accepted. Below 0.5: two readings lead to \
different work, and the wrong one would be thrown away. Do not lower it because the work is hard.
- risks: what may go wrong, short; also the defaults that you chose for what is not written.
- relevant_files: the existing files whose content is needed to plan, most needed first, at most 20.";

const DRAFT: &str = "You are the planner of an autonomous development system. Somebody said in a sentence what they want; you \
write it down so that it can be planned and checked later, and add no wish of your own.

- title: one line, in the imperative.
- description: what is wanted and why, in a few sentences, in the words of this repository. What is not said and matters \
stands here as the default that you chose.
- criteria: how one sees that it is done, at most 8, one sentence each, such that a test can tell.
- files: the paths that will probably change or be made; empty if you cannot tell.";

const PLAN: &str = "You are the planner of an autonomous development system. You turn an analysed idea into milestones \
that coders carry out one after the other; each milestone becomes one commit and leaves the project working.

- Name every file that changes, with its path from the repository's top, under create, modify or delete. A coder can \
write the files of its milestone and no others. A file stands in one of the three lists only.
- Keep a milestone small: one purpose, few files. Put a new file and its test, or a function and its caller, into the \
same milestone.
- To move or rename a file, name its old path under delete and its new one under create of the same milestone.
- Do not name lockfiles and generated files: the project's own commands write them.
- read: existing files that the coder has to see but not to change.
- tests: how the milestone is tested, one sentence each.
- name: short, in the imperative, fit for a commit's subject.
- success_criteria: how one sees that the whole idea is done. risks: what may go wrong. confidence: from 0 to 1.";

/// What a question is, for an analysis that may ask some.
fn asking(most: usize) -> String {
    if most == 0 {
        return "- questions: nobody can be asked, so none. Choose the most reasonable default and name it under risks.".to_owned();
    }
    format!(
        "- questions: at most {most}, the most needed first, and usually none. Each stops work until a person answers, so \
         ask only what blocks: what the text and the files do not say, what no reasonable default answers, and what would \
         lead to other work if the answer were another. If your confidence is low, ask what would raise it. Never ask for approval, for taste, or for what was answered \
         already. One sentence each, with the choices that you see, for a reader who has not read the code."
    )
}

/// What an earlier part of the run means for a plan.
const GOING_ON: &str = "- Milestones of this idea were committed already; `already committed` lists them, and the files are shown as they \
left them. Plan only what is left, and nothing twice. What is said to be missing there was not made: plan it if the idea needs it. If \
nothing is left, milestones is empty.";

/// What open questions mean for a plan.
const OPEN: &str = "- `open questions` are put to a person, and no answer is there yet. waits_for_answer, for each milestone: true if \
an answer could change what it does or if it builds on a milestone that waits, else false. Put as much as you can, and safely, into \
milestones that do not wait; they come first. Do not guess answers.";

/// The manifests, the README and the project's own rules: what is read for every idea.
pub(super) fn background(known: &Known, settings: &Settings, idea: &Idea) -> Vec<String> {
    let mut chosen: Vec<String> = settings
        .context_files
        .iter()
        .filter(|path| known.is_visible(path))
        .take(MAX_CONTEXT_FILES)
        .cloned()
        .collect();
    let readme = known
        .visible()
        .find(|path| !path.contains('/') && path.to_lowercase().starts_with("readme"));
    chosen.extend(readme.map(str::to_owned));
    let manifests = known.visible().filter(|path| {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        MANIFESTS.contains(&name) && folder.matches('/').count() < 3
    });
    let mut manifests = words(idea).rank(manifests, &[]);
    manifests.sort_by_key(|path| path.contains('/'));
    chosen.extend(manifests.into_iter().take(MAX_MANIFESTS).map(str::to_owned));
    let mut seen = std::collections::BTreeSet::new();
    chosen.retain(|path| seen.insert(path.clone()));
    chosen
}

pub(super) fn analysis(
    idea: &Idea,
    known: &Known,
    background: &[String],
    texts: &BTreeMap<String, String>,
    max_questions: usize,
) -> Sheet {
    let focus = Arc::new(Focus::of([idea.text.as_str()], &[]));
    let mut parts = vec![whole_idea(idea)];
    parts.extend(answers::part(idea));
    parts.push(tree(idea, known, &[]));
    parts.extend(background_parts(background, texts, &focus));
    let asking = asking(max_questions);
    Sheet {
        system: format!("{ANALYSIS}\n{asking}{}\n\n{}", answers::rule(idea), fence::RULE),
        parts,
        closing: "Analyse the idea. Answer with one JSON object by schema analysis, and with nothing else.".to_owned(),
    }
}

pub(super) fn draft(
    sentence: &Idea,
    known: &Known,
    background: &[String],
    texts: &BTreeMap<String, String>,
) -> Sheet {
    let focus = Arc::new(Focus::of([sentence.text.as_str()], &[]));
    let mut parts = vec![whole_idea(sentence), tree(sentence, known, &[])];
    parts.extend(background_parts(background, texts, &focus));
    Sheet {
        system: format!("{DRAFT}\n\n{}", fence::RULE),
        parts,
        closing:
            "Write the idea down. Answer with one JSON object by schema idea, and with nothing else."
                .to_owned(),
    }
}

/// What a plan is made from.
pub(super) struct PlanMaterial<'a> {
    pub(super) background: &'a [String],
    pub(super) relevant: &'a [String],
    pub(super) texts: &'a BTreeMap<String, String>,
}

pub(super) fn plan(
    input: &PlanInput<'_>,
    known: &Known,
    material: &PlanMaterial<'_>,
    max_milestones: usize,
) -> Sheet {
    let PlanInput { idea, analysis, .. } = *input;
    let understood = understood(analysis);
    let focus = Arc::new(Focus::of([idea.text.as_str(), understood.as_str()], material.relevant));
    let mut parts = vec![whole_idea(idea)];
    parts.extend(answers::part(idea));
    parts
        .push(Part::material("analysis", Priority::Subject, &understood, &[3000, 1000]).required());
    parts.extend(list("already committed", input.done, &[6000, 2000]));
    parts.extend(list("open questions", input.open_questions, &[3000, 1000]));
    parts.push(tree(idea, known, &analysis.relevant_files));
    let shown = material.relevant.iter().filter_map(|path| Some((path, material.texts.get(path)?)));
    parts
        .extend(shown.map(|(path, text)| Part::file(path, text, Priority::Near, &focus).share(40)));
    let others: Vec<String> = material
        .background
        .iter()
        .filter(|path| !material.relevant.contains(path))
        .cloned()
        .collect();
    parts.extend(background_parts(&others, material.texts, &focus));
    let mut system = format!("{PLAN}\n- At most {max_milestones} milestones.");
    for (rule, applies) in [(GOING_ON, &input.done), (OPEN, &input.open_questions)] {
        if !applies.is_empty() {
            system.push('\n');
            system.push_str(rule);
        }
    }
    Sheet {
        system: format!("{system}{}\n\n{}", answers::rule(idea), fence::RULE),
        parts,
        closing:
            "Plan the idea. Answer with one JSON object by schema plan, and with nothing else."
                .to_owned(),
    }
}

/// Lines of others, if there are any.
fn list(name: &str, lines: &[String], sizes: &[usize]) -> Option<Part> {
    let text = legible(&lines.join("\n"));
    (!lines.is_empty()).then(|| Part::material(name, Priority::Subject, &text, sizes).required())
}

fn words(idea: &Idea) -> Words {
    Words::of([idea.text.as_str()])
}

fn whole_idea(idea: &Idea) -> Part {
    Part::material("idea", Priority::Subject, &idea.text, &[40_000, 12_000, 4_000, 1_500])
        .required()
}

fn tree(idea: &Idea, known: &Known, relevant: &[String]) -> Part {
    let named: Vec<String> = idea.files.iter().chain(relevant).cloned().collect();
    let ranked = words(idea).rank(known.visible(), &named);
    Part::paths("paths in the repository", Priority::Near, &ranked).share(30).required()
}

fn background_parts(
    paths: &[String],
    texts: &BTreeMap<String, String>,
    focus: &Arc<Focus>,
) -> Vec<Part> {
    let shown = paths.iter().filter_map(|path| Some((path, texts.get(path)?)));
    shown.map(|(path, text)| Part::file(path, text, Priority::Far, focus).share(15)).collect()
}

fn understood(analysis: &Analysis) -> String {
    let mut text = analysis.understanding.clone();
    for (name, list) in [("Risks", &analysis.risks), ("Questions", &analysis.questions)] {
        if !list.is_empty() {
            text.push_str(&format!("\n{name}:\n- {}", list.join("\n- ")));
        }
    }
    text
}

#[cfg(test)]
mod tests;
