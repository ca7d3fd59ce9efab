//! Questions to a person: asked where the planner is not sure, and answered in
//! the issue that asks them. Enough confidence asks nothing.

use crate::settings::Settings;
use crate::state::State;

/// The answer of a person who closed a question without a word, and wants no more of them.
pub const DECIDE: &str = "There is no answer to this; decide, and say what was assumed.";

/// Questions that were asked together, in one issue.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// What the issue is known by.
    pub marker: String,
    /// The questions.
    pub questions: Vec<String>,
    /// A person answered.
    pub answered: bool,
}

/// What the issue of the next questions is known by.
pub fn marker(state: &State) -> String {
    format!("question-{}", state.asked.len() + 1)
}

/// What a person is to be asked because of the analysis, as far as the run may ask. A template
/// understood nothing, so it asks nothing.
pub fn to_ask(state: &State, settings: &Settings) -> Vec<String> {
    let Some(analysis) = state.analysis.as_ref().filter(|analysis| !analysis.degraded) else {
        return Vec::new();
    };
    let declined = state.answers.iter().any(|answer| answer.answer == DECIDE);
    if state.asked_about_analysis || declined {
        return Vec::new();
    }
    let asked: usize = state.asked.iter().map(|asked| asked.questions.len()).sum();
    let mut questions = analysis.value.questions.clone();
    if questions.is_empty() && is_unsure(state, settings) {
        questions.push(format!(
            "It is not clear enough what is wanted. This is what was understood: {} What is missing or wrong in that?",
            analysis.value.understanding
        ));
    }
    questions.truncate(settings.max_questions.saturating_sub(asked));
    questions
}

/// Questions that nobody has answered yet.
pub fn open(state: &State) -> impl Iterator<Item = &Asked> {
    state.asked.iter().filter(|asked| !asked.answered)
}

/// Whether a plan would be made of guesses: the analysis is not sure, and its questions are open.
pub fn must_wait(state: &State, settings: &Settings) -> bool {
    open(state).next().is_some() && is_unsure(state, settings)
}

fn is_unsure(state: &State, settings: &Settings) -> bool {
    let confidence = state.analysis.as_ref().map(|analysis| analysis.value.confidence);
    confidence.is_some_and(|confidence| confidence < settings.min_confidence)
}
