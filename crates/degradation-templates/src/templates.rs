//! The set of templates in use, each proved with sample facts when loaded.

use std::path::Path;
use std::sync::Arc;

use minijinja::Environment;
use serde::Serialize;
use serde_json::{Value, json};

use crate::name::Name;
use crate::{
    BlockedFacts, DamagedStateFacts, DegradedReviewFacts, Error, IdeaFacts, IssueText,
    ManualTaskFacts, ProgressFacts, PullRequestFacts, QuestionFacts, RecoveryFacts, ReviewFacts,
    context, engine, folder, issue, shape,
};

/// The best mark a review without a reviewer may give, of 100.
const BEST_DEGRADED_MARK: u64 = 70;

/// The templates in use. Cheap to clone; rendering takes `&self` and no lock.
#[derive(Clone, Debug)]
pub struct Templates {
    environment: Arc<Environment<'static>>,
}

impl Templates {
    /// The templates that come with the crate.
    ///
    /// # Errors
    /// As [`Templates::with_folder`]; with unchanged templates it does not fail.
    pub fn built_in() -> Result<Self, Error> {
        Self::proved(Vec::new())
    }

    /// The built-in templates, replaced by the files of `dir` that have their
    /// names. Reads the folder now and never again; hidden files are ignored.
    ///
    /// # Errors
    /// When the folder or a file cannot be read, a file's name is not one of
    /// [`Templates::names`], or a template does not give what it must for sample facts.
    pub fn with_folder(dir: &Path) -> Result<Self, Error> {
        Self::proved(folder::read(dir).into_iter().collect::<Result<_, _>>()?)
    }

    /// The file names by which templates can be replaced.
    #[must_use]
    pub const fn names() -> &'static [&'static str] {
        &Name::FILES
    }

    /// An analysis in the shape of a model's: `understanding`, `complexity`,
    /// `confidence`, `risks`, `questions`, `relevant_files`.
    ///
    /// # Errors
    /// When a replaced template fails on these facts.
    pub fn analysis(&self, facts: &IdeaFacts) -> Result<Value, Error> {
        self.answer(Name::Analysis, &json!({ "idea": facts }), shape::analysis)
    }

    /// A plan in the shape of a model's: a note, and one milestone with the idea's files.
    ///
    /// # Errors
    /// When a replaced template fails on these facts.
    pub fn plan(&self, facts: &IdeaFacts) -> Result<Value, Error> {
        self.answer(Name::Plan, &json!({ "idea": facts }), shape::plan)
    }

    /// A review in the shape of a model's. Whatever the template says, it is
    /// never approved with a high finding and never marked better than 70.
    ///
    /// # Errors
    /// When a replaced template fails on these facts.
    pub fn review(&self, facts: &ReviewFacts) -> Result<Value, Error> {
        let mut facts = facts.clone();
        // The grave ones first: long lists are cut, and they must not be what is lost.
        facts.findings.sort_by_key(|finding| rank(&finding.severity));
        let high = facts.findings.first().is_some_and(|finding| rank(&finding.severity) == 0);
        let mut review = self.answer(Name::Review, &facts, shape::review)?;
        if high && let Some(approved) = review.get_mut("approved") {
            *approved = Value::Bool(false);
        }
        if let Some(mark) = review.get_mut("code_quality")
            && mark.as_f64().is_none_or(|mark| mark > 70.0)
        {
            *mark = BEST_DEGRADED_MARK.into();
        }
        Ok(review)
    }

    /// The issue for a milestone that waits for a person.
    ///
    /// # Errors
    /// When a replaced template fails on these facts.
    pub fn manual_task(&self, facts: &ManualTaskFacts) -> Result<IssueText, Error> {
        self.issue(Name::ManualTask, facts)
    }

    /// The issue for a work item whose models answered but failed.
    ///
    /// # Errors
    /// When a replaced template fails on these facts.
    pub fn failed_item(&self, facts: &ManualTaskFacts) -> Result<IssueText, Error> {
        self.issue(Name::FailedItem, facts)
    }

    /// The issue for a run that needs a person's answer or decision.
    ///
    /// # Errors
    /// When a replaced template fails on these facts.
    pub fn blocked(&self, facts: &BlockedFacts) -> Result<IssueText, Error> {
        self.issue(Name::Blocked, facts)
    }

    /// The note for a run that was stopped with its state saved.
    ///
    /// # Errors
    /// When a replaced template fails on these facts.
    pub fn recovery(&self, facts: &RecoveryFacts) -> Result<IssueText, Error> {
        self.issue(Name::Recovery, facts)
    }

    /// The issue that says how a run stands.
    ///
    /// # Errors
    /// When a replaced template fails on these facts.
    pub fn progress(&self, facts: &ProgressFacts) -> Result<IssueText, Error> {
        self.issue(Name::Progress, facts)
    }

    /// The pull request of a run, its title and the part of its text that is kept current.
    ///
    /// # Errors
    /// When a replaced template fails on these facts.
    pub fn pull_request(&self, facts: &PullRequestFacts) -> Result<IssueText, Error> {
        self.issue(Name::PullRequest, facts)
    }

    /// The issue that asks a person for the review that no model gave.
    ///
    /// # Errors
    /// When a replaced template fails on these facts.
    pub fn degraded_review(&self, facts: &DegradedReviewFacts) -> Result<IssueText, Error> {
        self.issue(Name::DegradedReview, facts)
    }

    /// The issue that asks a person what the idea leaves open. Whatever the
    /// template says, it ends in the line `## Answer`, below which people write.
    ///
    /// # Errors
    /// When a replaced template fails on these facts.
    pub fn question(&self, facts: &QuestionFacts) -> Result<IssueText, Error> {
        self.issue(Name::Question, facts).map(IssueText::answerable)
    }

    /// The issue for a state that was found damaged and mended, with a loss.
    ///
    /// # Errors
    /// When a replaced template fails on these facts.
    pub fn damaged_state(&self, facts: &DamagedStateFacts) -> Result<IssueText, Error> {
        self.issue(Name::DamagedState, facts)
    }

    /// Loaded, but not proved yet.
    pub(crate) fn loaded(replacements: Vec<(Name, String)>) -> Result<Self, Error> {
        let failed = |name: Name, error: &minijinja::Error| Error::Render {
            name: name.file(),
            message: engine::describe(error),
        };
        // The engine's own set-up can only fail as the first template would.
        let mut environment =
            engine::environment().map_err(|error| failed(Name::Analysis, &error))?;
        let built_in = Name::ALL.map(|name| (name, name.built_in().to_owned()));
        for (name, source) in built_in.into_iter().chain(replacements) {
            environment
                .add_template_owned(name.file(), source)
                .map_err(|error| failed(name, &error))?;
        }
        Ok(Self { environment: Arc::new(environment) })
    }

    fn answer(
        &self,
        name: Name,
        facts: &impl Serialize,
        fits: fn(&Value) -> Result<(), String>,
    ) -> Result<Value, Error> {
        let wrong = |message| Error::Output { name: name.file(), message };
        let rendered = self.render(name, facts)?;
        let options = serde_yaml::options! { with_snippet: false, strict_booleans: true };
        let value: Value = serde_yaml::from_str_with_options(&rendered, options)
            .map_err(|error| wrong(error.to_string()))?;
        fits(&value).map_err(wrong)?;
        Ok(value)
    }

    fn issue(&self, name: Name, facts: &impl Serialize) -> Result<IssueText, Error> {
        let rendered = self.render(name, facts)?;
        issue::split(&rendered).map_err(|message| Error::Output { name: name.file(), message })
    }

    fn render(&self, name: Name, facts: &impl Serialize) -> Result<String, Error> {
        let failed = |message| Error::Render { name: name.file(), message };
        let context = context::context(facts).map_err(|error| failed(error.to_string()))?;
        self.environment
            .get_template(name.file())
            .and_then(|template| template.render(context))
            .map_err(|error| failed(engine::describe(&error)))
    }
}

/// High first; a word that is no severity counts as high.
fn rank(severity: &str) -> u8 {
    match severity {
        "low" => 2,
        "medium" => 1,
        _ => 0,
    }
}
