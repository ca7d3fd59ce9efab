//! The planner: what an idea means, and by which milestones it is built.
//!
//! Both answers have a template behind them, since an idea that nobody analyses still becomes a
//! plan with its files, and from it a manual task that says what is to be done.

mod check;
mod draft;
mod prompt;

use std::collections::BTreeMap;
use std::sync::Arc;

use degradation_templates::{FileFact, IdeaFacts};

use crate::answers::{Analysis, Plan, read_analysis, tidy_path};
use crate::asking::{Answered, Asking, Failed, Question, Settings};
use crate::idea::Idea;
use crate::schema;
use crate::source::{Source, View};
use check::PlanRules;

pub use draft::{Draft, expand};

/// The most files whose content is read for a plan.
const MAX_RELEVANT: usize = 30;

/// What a plan is made from.
#[derive(Clone, Copy, Debug)]
pub struct PlanInput<'a> {
    /// The idea, with what people answered.
    pub idea: &'a Idea,
    /// What the planner understood of it.
    pub analysis: &'a Analysis,
    /// What earlier milestones did already, one line each; empty for a first plan.
    pub done: &'a [String],
    /// Questions to a person that are open; each milestone then says whether it waits for them.
    pub open_questions: &'a [String],
}

/// Asks the planner what an idea means. Where `asking.degradation` is there, a template stands in.
///
/// # Errors
/// [`Failed::Unanswered`] when no model answered and nothing stands in, or on cancellation;
/// [`Failed::Source`] when files cannot be read; [`Failed::Template`] when the template is broken.
pub async fn analyze(
    asking: &Asking<'_>,
    idea: &Idea,
    source: &dyn Source,
    settings: &Settings,
) -> Result<Answered<Analysis>, Failed> {
    let view = View::new(source, settings)?;
    let rules = PlanRules::new(&view.known, settings);
    let stand_in = match asking.degradation {
        Some(templates) => Some(templates.analysis(&facts(idea, &rules))?),
        None => None,
    };
    let background = prompt::background(&view.known, settings, idea);
    let texts = view.read(asking, &background).await?;
    let most = settings.max_questions;
    let question = Question {
        name: "analysis",
        schema: schema::of::<Analysis>(),
        prompt: Arc::new(prompt::analysis(idea, &view.known, &background, &texts, most)),
        read: Arc::new(move |value, _| read_analysis(value, most)),
        stand_in,
        workplace: None,
    };
    question.ask(asking).await
}

/// Asks the planner for the milestones of an analysed idea. Where `asking.degradation` is there, a
/// template stands in; its plan may consist of notes. A plan may be without milestones if `done` is
/// not empty. Milestones that wait for an answer come last, with those that build on their files.
///
/// # Errors
/// As [`analyze`].
pub async fn plan(
    asking: &Asking<'_>,
    input: &PlanInput<'_>,
    source: &dyn Source,
    settings: &Settings,
) -> Result<Answered<Plan>, Failed> {
    let PlanInput { idea, analysis, .. } = *input;
    let view = View::new(source, settings)?;
    let rules = PlanRules::new(&view.known, settings).going_on(input);
    let stand_in = match asking.degradation {
        Some(templates) => Some(templates.plan(&left(facts(idea, &rules), input.done))?),
        None => None,
    };
    let background = prompt::background(&view.known, settings, idea);
    let relevant = relevant(idea, analysis, &view);
    let wanted: Vec<String> = background.iter().chain(&relevant).cloned().collect();
    let texts: BTreeMap<String, String> = view.read(asking, &wanted).await?;
    let material =
        prompt::PlanMaterial { background: &background, relevant: &relevant, texts: &texts };
    let sheet = prompt::plan(input, &view.known, &material, settings.max_milestones);
    let question = Question {
        name: "plan",
        schema: schema::of::<Plan>(),
        prompt: Arc::new(sheet),
        read: Arc::new(move |value, giver| rules.read(value, giver)),
        stand_in,
        workplace: None,
    };
    question.ask(asking).await
}

/// The files to show: those the analysis asked for, and those the idea names.
fn relevant(idea: &Idea, analysis: &Analysis, view: &View<'_>) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    for path in analysis.relevant_files.iter().chain(&idea.files).map(|path| tidy_path(path)) {
        if view.known.is_visible(&path) && !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths.truncate(MAX_RELEVANT);
    paths
}

/// What a template may still plan: not the files that earlier milestones are said to have done.
/// A line may name files that are missing; those are left.
fn left(mut facts: IdeaFacts, done: &[String]) -> IdeaFacts {
    let is_done = |path: &str| {
        done.iter().any(|line| {
            let made = line.split("missing:").next().unwrap_or_default();
            made.split(|letter: char| {
                letter.is_whitespace() || matches!(letter, ',' | ';' | '`' | '"')
            })
            .any(|word| word == path)
        })
    };
    facts.files.retain(|file| !is_done(&file.path));
    facts
}

/// What the templates may say about the idea: of its files those that a plan may name.
fn facts(idea: &Idea, rules: &PlanRules) -> IdeaFacts {
    let files = idea.files.iter().filter(|path| rules.allows(path));
    IdeaFacts {
        id: idea.id.clone(),
        title: idea.title.clone(),
        description: idea.description.clone(),
        criteria: idea.criteria.clone(),
        files: files
            .map(|path| FileFact { path: path.clone(), exists: rules.exists(path) })
            .collect(),
    }
}
