//! Questions and answers: what goes on without an answer, what waits, and what
//! is made anew when it comes.

use agents::Answer;
use serde_json::json;

use super::story::{FILES, Story, analysis, plan, settings};
use crate::event::{Event, IssueKind, Status, StepName};
use crate::fact::{Cause, Fact};
use crate::next::{Step, next};
use crate::settings::Settings;

/// An analysis with these questions, and this sure.
fn asking(questions: &[&str], confidence: f64) -> Story {
    let mut analysis = analysis();
    analysis.questions = questions.iter().map(|question| (*question).to_owned()).collect();
    analysis.confidence = confidence;
    let mut story = Story::begun();
    story.finish_step(StepName::Analyze, false, Fact::Analysis(analysis));
    story
}

fn asked(story: &mut Story, questions: &[&str]) {
    let questions: Vec<String> = questions.iter().map(|question| (*question).to_owned()).collect();
    let (kind, url, title) = (IssueKind::Question, "q".to_owned(), "t".to_owned());
    let marker = crate::questions::marker(&story.state);
    let (milestone, item) = (None, None);
    let created = Event::IssueCreated { kind, url, title, milestone, item, marker: marker.clone() };
    let (question, url) = (questions.join(" "), Some("q".to_owned()));
    story.tell(created).tell(Event::QuestionAsked { question, url, questions, marker });
}

fn answered(story: &mut Story) {
    let (question, url) = ("which?".to_owned(), Some("q".to_owned()));
    let answer = Answer { question: question.clone(), answer: "the red one".to_owned() };
    let marker = "question-1".to_owned();
    story.tell_fact(Event::QuestionAnswered { question, url, marker }, Fact::Answer(answer));
}

fn blocked(step: &Step) -> bool {
    matches!(step, Step::Finish { status: Status::Blocked, reason: Some(reason) } if reason.contains("which?"))
}

#[test]
fn enough_confidence_and_no_question_asks_nothing() {
    assert_eq!(asking(&[], 0.5).next(), Step::Plan);
}

#[test]
fn a_template_that_stands_in_for_the_planner_asks_nothing() {
    let mut story = Story::begun();
    let mut unsure = analysis();
    unsure.confidence = 0.1;
    story.finish_step(StepName::Analyze, true, Fact::Analysis(unsure));
    assert_eq!(story.next(), Step::Plan);
}

#[test]
fn little_confidence_asks_before_anything_is_planned_and_waits() {
    let mut story = asking(&[], 0.2);
    let Step::Ask { questions } = story.next() else { panic!("{:?}", story.next()) };
    assert!(
        questions.len() == 1 && questions[0].contains("what was understood: u"),
        "{questions:?}"
    );
    let mut story_with = asking(&["which?"], 0.2);
    assert_eq!(story_with.next(), Step::Ask { questions: vec!["which?".into()] });
    asked(&mut story_with, &["which?"]);
    assert!(blocked(&story_with.next()), "{:?}", story_with.next());
    asked(&mut story, &["which?"]);
    assert!(blocked(&story.next()), "asked once: {:?}", story.next());
}

#[test]
fn a_run_asks_so_many_questions_and_no_more() {
    let story = asking(&["1?", "2?", "3?", "4?", "5?"], 0.9);
    let Step::Ask { questions } = story.next() else { panic!("{:?}", story.next()) };
    assert_eq!(questions, ["1?", "2?", "3?"]);
    let none = Settings { max_questions: 0, ..settings() };
    assert_eq!(next(&story.state, &none), Step::Plan);
}

#[test]
fn what_does_not_depend_on_the_answer_goes_on_if_the_plan_says_so() {
    let mut story = asking(&["which?"], 0.9);
    asked(&mut story, &["which?"]);
    assert_eq!(story.next(), Step::Plan);
    let mut silent = asking(&["which?"], 0.9);
    asked(&mut silent, &["which?"]);
    let mut independent = plan();
    independent.milestones[0].waits_for_answer = Some(false);
    story.planned_as(independent, false);
    assert!(matches!(story.next(), Step::BeginRound { milestone: 1, .. }), "{:?}", story.next());
    story.round(Cause::Plan, &FILES).succeed(1).succeed(2).succeed(3).judge(true).test(true);
    assert!(blocked(&story.commit(1).next()), "{:?}", story.next());
    silent.planned_as(plan(), false);
    assert!(blocked(&silent.next()), "a plan that does not say so waits: {:?}", silent.next());
}

#[test]
fn an_answer_makes_anew_what_was_made_without_it_and_is_not_done() {
    let mut story = asking(&["which?"], 0.9);
    asked(&mut story, &["which?"]);
    let mut independent = plan();
    independent.milestones[0].waits_for_answer = Some(false);
    story.planned_as(independent, false);
    story.round(Cause::Plan, &FILES).succeed(1).succeed(2).succeed(3).judge(true).test(true);
    story.commit(1).resume(Status::Blocked);
    answered(&mut story);
    assert_eq!(story.next(), Step::Analyze);
    assert_eq!(story.state.answers[0].answer, "the red one");
    story.finish_step(StepName::Analyze, false, Fact::Analysis(analysis()));
    assert_eq!(story.next(), Step::Plan, "what is left is planned with the answer");
    assert_eq!(story.state.milestones.len(), 1, "what is done stays");
    let mut rest = plan();
    rest.milestones.remove(0);
    story.finish_step(StepName::Plan, false, Fact::Plan(rest));
    assert_eq!(story.state.milestones.len(), 2);
    assert!(matches!(story.next(), Step::BeginRound { milestone: 2, .. }), "{:?}", story.next());
}

/// An answer before anything was committed begins with the analysis again.
#[test]
fn an_answer_to_an_unsure_analysis_begins_anew() {
    let mut story = asking(&["which?"], 0.2);
    asked(&mut story, &["which?"]);
    story.resume(Status::Blocked);
    assert!(blocked(&story.next()), "no answer yet");
    answered(&mut story);
    assert_eq!(story.next(), Step::Analyze);
    let value = json!({ "understanding": "u", "complexity": "low", "confidence": 0.2, "risks": [], "questions": ["a?", "b?", "c?"] });
    let still: agents::Analysis = serde_json::from_value(value).unwrap();
    story.finish_step(StepName::Analyze, false, Fact::Analysis(still));
    assert_eq!(story.next(), Step::Ask { questions: vec!["a?".into(), "b?".into()] });
}
