//! Templates are tried with sample facts before they are trusted: what is
//! broken is found at the start of a run, not in the hour when no model answers.

use std::path::Path;

use crate::name::Name;
use crate::{Error, IdeaFacts, IssueText, ReviewFacts, Templates, folder, samples};

impl Templates {
    /// Everything that is wrong with the files of `dir`, by file name; empty
    /// exactly when [`Templates::with_folder`] takes the folder. Each file is
    /// tried on its own beside the built-in others.
    #[must_use]
    pub fn check(dir: &Path) -> Vec<Error> {
        let mut sources = Vec::new();
        let mut problems = Vec::new();
        for read in folder::read(dir) {
            let tried = read.and_then(|(name, source)| {
                Self::loaded(vec![(name, source.clone())])?.prove(name)?;
                Ok((name, source))
            });
            match tried {
                Ok(replaced) => sources.push(replaced),
                Err(problem) => problems.push(problem),
            }
        }
        // One template may include another.
        if problems.is_empty() {
            problems.extend(Self::proved(sources).err());
        }
        problems
    }

    pub(crate) fn proved(replacements: Vec<(Name, String)>) -> Result<Self, Error> {
        let templates = Self::loaded(replacements)?;
        Name::ALL.into_iter().try_for_each(|name| templates.prove(name))?;
        Ok(templates)
    }

    /// Renders one template with full facts, and an answer with empty ones too,
    /// for a run goes on with whatever an answer says.
    fn prove(&self, name: Name) -> Result<(), Error> {
        let ideas = [samples::idea(), IdeaFacts::default()];
        let reviews = [samples::review(), ReviewFacts::default()];
        match name {
            Name::Analysis => ideas.iter().try_for_each(|idea| self.analysis(idea).map(drop)),
            Name::Plan => ideas.iter().try_for_each(|idea| self.plan(idea).map(drop)),
            Name::Review => reviews.iter().try_for_each(|facts| self.review(facts).map(drop)),
            Name::ManualTask => says_something(name, &self.manual_task(&samples::manual_task())?),
            Name::FailedItem => says_something(name, &self.failed_item(&samples::manual_task())?),
            Name::Blocked => says_something(name, &self.blocked(&samples::blocked())?),
            Name::Recovery => says_something(name, &self.recovery(&samples::recovery())?),
            Name::Progress => says_something(name, &self.progress(&samples::progress())?),
            Name::PullRequest => {
                says_something(name, &self.pull_request(&samples::pull_request())?)
            }
            Name::DegradedReview => {
                says_something(name, &self.degraded_review(&samples::degraded_review())?)
            }
            Name::Question => says_something(name, &self.question(&samples::question())?),
            Name::DamagedState => {
                says_something(name, &self.damaged_state(&samples::damaged_state())?)
            }
        }
    }
}

fn says_something(name: Name, issue: &IssueText) -> Result<(), Error> {
    if !issue.title.is_empty() && !issue.body.trim().is_empty() {
        return Ok(());
    }
    Err(Error::Output { name: name.file(), message: "the title or the body is empty".to_owned() })
}
