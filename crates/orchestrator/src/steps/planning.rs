//! Analysis and plan: the planner's two answers.

use std::sync::Arc;

use super::command::redact;
use super::implement::earlier;
use crate::Error;
use crate::driver::Driver;
use crate::event::{Event, Role, StepName};
use crate::fact::Fact;
use crate::questions;
use crate::source::TreeSource;

impl Driver {
    pub(super) async fn analyze(&self) -> Result<(), Error> {
        self.begin(StepName::Analyze, None).await?;
        let idea = self.idea()?;
        let source = self.source(self.tip_tree().await?).await?;
        let place = self.place(Role::Planner, None, None);
        let asking = self.asking(&self.parts.chains.planner, &place);
        let answered = agents::analyze(&asking, &idea, &source, &self.parts.agents).await?;
        self.unless_out_of_time(answered.degraded, &answered.attempts)?;
        let event = Event::StepFinished {
            step: StepName::Analyze,
            milestone: None,
            model: answered.model,
            degraded: answered.degraded,
            summary: Some(self.shown(&answered.value.understanding)),
        };
        self.journal.append_fact(event, Fact::Analysis(answered.value)).await
    }

    pub(super) async fn plan(&self) -> Result<(), Error> {
        self.begin(StepName::Plan, None).await?;
        let idea = self.idea()?;
        let analysis =
            self.journal.state().analysis.as_ref().map(|analysis| analysis.value.clone());
        let analysis = analysis.ok_or(Error::Inconsistent("a plan before the analysis"))?;
        let source = self.source(self.tip_tree().await?).await?;
        let place = self.place(Role::Planner, None, None);
        let asking = self.asking(&self.parts.chains.planner, &place);
        let (done, open_questions) = {
            let state = self.journal.state();
            let open = questions::open(&state).flat_map(|asked| asked.questions.clone());
            (earlier(&state, state.milestones.len() + 1), open.collect::<Vec<String>>())
        };
        let input = agents::PlanInput {
            idea: &idea,
            analysis: &analysis,
            done: &done,
            open_questions: &open_questions,
        };
        let settings = self.with_generated(&source).await?;
        let answer = agents::plan(&asking, &input, &source, &settings);
        let (answered, ()) = tokio::join!(answer, self.prepare_ahead());
        let answered = answered?;
        self.unless_out_of_time(answered.degraded, &answered.attempts)?;
        let names: Vec<&str> =
            answered.value.milestones.iter().map(|milestone| milestone.name.as_str()).collect();
        let event = Event::StepFinished {
            step: StepName::Plan,
            milestone: None,
            summary: Some(self.shown(&format!(
                "{}: {}",
                milestones(names.len()),
                names.join("; ")
            ))),
            model: answered.model,
            degraded: answered.degraded,
        };
        self.journal.append_fact(event, Fact::Plan(answered.value)).await
    }

    /// A line for an event, without the value of any secret.
    fn shown(&self, text: &str) -> String {
        short(&redact(text, &self.parts.settings.secrets))
    }

    /// Files that a command makes are left out of plans: what a model wrote into them would be
    /// lost the next time that the command is run.
    async fn with_generated(&self, source: &TreeSource) -> Result<agents::Settings, Error> {
        let generated = self.parts.repository.generated(source.tree(), &source.paths()).await?;
        let mut settings = self.parts.agents.clone();
        if !generated.is_empty() {
            let before = Arc::clone(&settings.unwritable);
            settings.unwritable = Arc::new(move |path| {
                let why = || format!("{path} is a generated file");
                before(path).or_else(|| generated.contains(path).then(why))
            });
        }
        Ok(settings)
    }

    pub(super) async fn begin(
        &self,
        step: StepName,
        milestone: Option<usize>,
    ) -> Result<(), Error> {
        let name =
            milestone.map(|number| self.planned(number)).transpose()?.map(|planned| planned.name);
        self.journal.append(Event::StepStarted { step, milestone, name, items: None }).await
    }

    /// The end of a step whose result stands in a row of its own.
    pub(super) async fn end(&self, step: StepName, milestone: usize) -> Result<(), Error> {
        let milestone = Some(milestone);
        let event =
            Event::StepFinished { step, milestone, model: None, degraded: false, summary: None };
        self.journal.append(event).await
    }

    /// The idea, with what people answered.
    pub(super) fn idea(&self) -> Result<agents::Idea, Error> {
        let state = self.journal.state();
        let started = state.started.as_ref().ok_or(Error::Inconsistent("no idea"))?;
        Ok(agents::Idea { answers: state.answers.clone(), ..started.idea.clone() })
    }
}

fn milestones(number: usize) -> String {
    if number == 1 { "1 milestone".to_owned() } else { format!("{number} milestones") }
}

/// One line, short enough for an event.
fn short(text: &str) -> String {
    const MOST: usize = 300;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}...", &line[..at]),
        None => line,
    }
}
