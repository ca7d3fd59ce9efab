//! Analysis and plan: from models, from templates, and when the files cannot be read.

use agents::{Action, Analysis, Failed, Idea, PlanInput, SourceFile, analyze, divide, plan};
use model_providers::{Class, Reason};
use serde_json::json;
use simulated_models::{Answers, Fault, ModelScript, Script};

use crate::scene::{Broken, Scene, files, idea, model, settings};

fn script() -> Script {
    let mut answers = Answers::creating([("src/names.rs", "pub fn name() {}\n")]);
    answers.analysis["relevant_files"] = json!(["src/greet.rs", ".env", "nowhere.rs"]);
    Script::default().with_answers(answers)
}

fn input<'a>(idea: &'a Idea, analysis: &'a Analysis) -> PlanInput<'a> {
    PlanInput { idea, analysis, done: &[], open_questions: &[] }
}

#[tokio::test]
async fn an_idea_becomes_work_items_and_nothing_denied_is_read_or_sent() {
    let scene = Scene::new(script(), &[("small", 16_000)]).await;
    let source = files();
    let analysis = analyze(&scene.asking(), &idea(), &source, &settings()).await.unwrap();
    assert_eq!((analysis.model, analysis.degraded), (Some(model("small")), false));
    let planned = plan(&scene.asking(), &input(&idea(), &analysis.value), &source, &settings())
        .await
        .unwrap();
    let items = divide(&planned.value.milestones[0], &std::collections::BTreeMap::new(), 3);
    assert_eq!(items.len(), 1);
    assert_eq!(
        (items[0].files[0].path.as_str(), items[0].files[0].action),
        ("src/names.rs", Action::Create)
    );
    let sent = scene.sent();
    assert!(
        sent.contains("Use short names.")
            && sent.contains("A greeter.")
            && sent.contains("pub fn greet()")
    );
    assert!(!sent.contains("hunter2") && !source.read.lock().unwrap().contains(&".env".to_owned()));
}

#[tokio::test]
async fn a_plan_that_reaches_outside_is_no_answer_and_the_template_stands_in() {
    let mut script = script();
    script.answers.plan["milestones"][0]["files"]["create"] = json!(["../../etc/cron.d/x"]);
    let scene = Scene::new(script, &[("small", 0), ("large", 0)]).await;
    let analysis = analyze(&scene.asking(), &idea(), &files(), &settings()).await.unwrap();
    let planned = plan(&scene.asking(), &input(&idea(), &analysis.value), &files(), &settings())
        .await
        .unwrap();
    assert!(planned.degraded && planned.model.is_none());
    assert!(planned.attempts.iter().all(|attempt| attempt.class == Some(Class::InvalidOutput)));
    assert!(planned.attempts[0].message.as_deref().unwrap().contains("../../etc/cron.d/x"));
    let files = &planned.value.milestones[1].files;
    assert_eq!(
        (&files.create[..], &files.modify[..]),
        (&["src/names.rs".to_owned()][..], &["src/greet.rs".to_owned()][..])
    );
    assert!(planned.value.milestones[0].is_note());
    // The model was told why before it was given up.
    assert!(scene.sent().contains("it may not be written"));
}

/// Trap 47: planner and reviewer degrade too.
#[tokio::test]
async fn without_any_model_the_templates_answer() {
    let scene = Scene::new(Script::default(), &[]).await;
    let analysis = analyze(&scene.asking(), &idea(), &files(), &settings()).await.unwrap();
    assert!(analysis.degraded && analysis.attempts.is_empty());
    let planned = plan(&scene.asking(), &input(&idea(), &analysis.value), &files(), &settings())
        .await
        .unwrap();
    assert!(planned.degraded && (planned.value.confidence - 0.5).abs() < f64::EPSILON);
    assert_eq!(planned.value.risks, ["AI planner unavailable - using template"]);
    let bare = agents::Idea::parse("002", "Just a wish").unwrap();
    let planned =
        plan(&scene.asking(), &input(&bare, &analysis.value), &files(), &settings()).await.unwrap();
    assert!(planned.value.milestones.iter().all(agents::Milestone::is_note));
    let strict = agents::Asking { degradation: None, ..scene.asking() };
    let failed = analyze(&strict, &idea(), &files(), &settings()).await.unwrap_err();
    assert!(
        matches!(failed, Failed::Unanswered(unanswered) if unanswered.reason == Reason::NoModel)
    );
}

/// A template does not plan again what earlier milestones committed.
#[tokio::test]
async fn a_template_plans_only_what_is_left() {
    let scene = Scene::new(Script::default(), &[]).await;
    let (idea, done) =
        (idea(), ["Milestone 1 \"Greet\": src/greet.rs; still missing: src/names.rs"]);
    let analysis = analyze(&scene.asking(), &idea, &files(), &settings()).await.unwrap();
    for (done, modified) in [(vec![], vec!["src/greet.rs"]), (done.to_vec(), vec![])] {
        let done: Vec<String> = done.into_iter().map(str::to_owned).collect();
        let input = PlanInput { done: &done, ..input(&idea, &analysis.value) };
        let planned = plan(&scene.asking(), &input, &files(), &settings()).await.unwrap();
        let files = &planned.value.milestones[1].files;
        assert_eq!(files.create, ["src/names.rs"]);
        assert_eq!(files.modify, modified);
    }
}

#[tokio::test]
async fn what_people_answered_reaches_the_planner_and_its_questions_are_limited() {
    let mut script = script();
    script.answers.analysis["questions"] = json!(["Which name?", "Which greeting?"]);
    let scene = Scene::new(script, &[("small", 0)]).await;
    let mut idea = idea();
    let digest = idea.digest();
    idea.answers.push(agents::Answer {
        question: "How long is a name?".to_owned(),
        answer: "Forty letters.".to_owned(),
    });
    assert_eq!(idea.digest(), digest);
    let settings = agents::Settings { max_questions: 1, ..settings() };
    let analysis = analyze(&scene.asking(), &idea, &files(), &settings).await.unwrap().value;
    assert_eq!(analysis.questions, ["Which name?"]);
    assert!(analysis.risks.contains(&"Not asked: Which greeting?".to_owned()));
    let open = ["Which name?".to_owned()];
    let input = PlanInput { open_questions: &open, ..input(&idea, &analysis) };
    plan(&scene.asking(), &input, &files(), &settings).await.unwrap();
    for request in scene.server.requests() {
        assert!(request.body.to_string().contains("Answer: Forty letters."));
    }
    assert!(scene.sent().contains("open questions"));
}

#[tokio::test]
async fn a_model_with_too_small_a_window_is_passed_over_without_being_asked() {
    let scene = Scene::new(script(), &[("tiny", 700), ("large", 32_000)]).await;
    let analysis = analyze(&scene.asking(), &idea(), &files(), &settings()).await.unwrap();
    assert_eq!(analysis.model, Some(model("large")));
    assert!(scene.server.requests().iter().all(|request| request.model == "large"));
}

#[tokio::test]
async fn a_prompt_fits_the_window_that_the_server_enforces() {
    let text = "fn filler() { let x = 1; }\n".repeat(4000);
    let source =
        crate::scene::Files::of([("README.md", text.as_str()), ("src/greet.rs", text.as_str())]);
    let script = script().and_model("small", ModelScript::good().with_context_window(4000));
    let scene = Scene::new(script, &[("small", 4000)]).await;
    let analysis = analyze(&scene.asking(), &idea(), &source, &settings()).await.unwrap();
    let planned = plan(&scene.asking(), &input(&idea(), &analysis.value), &source, &settings())
        .await
        .unwrap();
    assert!(!planned.degraded && planned.attempts.len() == 1);
}

#[tokio::test]
async fn files_that_cannot_be_read_are_an_error_and_a_hang_can_be_cancelled() {
    let scene = Scene::new(Script::all_failing(Fault::status(500)), &[("small", 0)]).await;
    let listed = vec![SourceFile { path: "README.md".to_owned(), size: 3 }];
    let failing = Broken { listed: listed.clone(), hangs: false };
    let failed = analyze(&scene.asking(), &idea(), &failing, &settings()).await.unwrap_err();
    assert!(matches!(&failed, Failed::Source(error) if error.to_string().contains("disk on fire")));
    let hanging = Broken { listed, hangs: true };
    let asking = scene.asking();
    let (idea, settings) = (idea(), settings());
    let (asked, ()) = tokio::join!(analyze(&asking, &idea, &hanging, &settings), async {
        scene.cancel.cancel();
    });
    assert!(
        matches!(asked, Err(Failed::Unanswered(unanswered)) if unanswered.reason == Reason::Cancelled)
    );
    assert_eq!(scene.server.request_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_hang_ends_by_itself() {
    let chain = crate::scene::chain_at("http://127.0.0.1:9/v1", &[]);
    let cancel = tokio_util::sync::CancellationToken::new();
    let asking = agents::Asking {
        chain: &chain,
        deadline: None,
        cancel: &cancel,
        observer: &(),
        degradation: None,
    };
    let hanging =
        Broken { listed: vec![SourceFile { path: "README.md".to_owned(), size: 3 }], hangs: true };
    let failed = analyze(&asking, &idea(), &hanging, &settings()).await.unwrap_err();
    assert!(failed.to_string().contains("too long") && failed.attempts().is_empty());
}
