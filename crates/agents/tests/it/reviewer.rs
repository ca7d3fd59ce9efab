//! Reviews: by a model, and by the static checks alone.

use agents::{Milestone, Plan, ReviewInput, Severity, review};
use serde_json::json;
use simulated_models::{Fault, Script};
use static_checks::{Finding, Rule};

use crate::scene::{Scene, idea, model, settings};

const DIFF: &str =
    "diff --git a/src/a.rs b/src/a.rs\n--- a/src/a.rs\n+++ b/src/a.rs\n@@ -1 +1 @@\n-old\n+new\n";

fn plan() -> Plan {
    let milestone = Milestone { name: "Do it".to_owned(), ..Milestone::default() };
    Plan { milestones: vec![milestone], risks: vec![], success_criteria: vec![], confidence: 0.9 }
}

fn finding(severity: static_checks::Severity) -> Finding {
    Finding {
        path: "src/a.rs".to_owned(),
        line: Some(3),
        severity,
        rule: Rule::Secret,
        message: "looks like a key".to_owned(),
        suggestion: "remove it".to_owned(),
    }
}

#[tokio::test]
async fn a_model_reviews_the_diff_and_sees_the_findings() {
    let mut script = Script::default();
    script.answers.review = json!({
        "approved": false, "code_quality": 41.0, "strengths": [], "next_steps": ["mend it"],
        "issues": [
            {"severity": "low", "file": "src/a.rs", "line": null, "issue": "odd name", "suggestion": "rename"},
            {"severity": "high", "file": "src/a.rs", "line": 7, "issue": "wrong", "suggestion": "turn it"},
        ],
    });
    let scene = Scene::new(script, &[("small", 0)]).await;
    let (idea, plan, findings) = (idea(), plan(), [finding(static_checks::Severity::Medium)]);
    let input = ReviewInput {
        idea: &idea,
        plan: &plan,
        milestone: 0,
        diff: DIFF,
        findings: &findings,
        missing: &[],
        earlier: &[],
    };
    let answered = review(&scene.asking(), &input, &settings()).await.unwrap();
    assert_eq!(answered.model, Some(model("small")));
    assert_eq!((answered.value.approved, answered.value.code_quality), (false, 41));
    assert_eq!(
        (answered.value.issues[0].severity, answered.value.issues[0].line),
        (Severity::High, Some(7))
    );
    assert!(scene.sent().contains("looks like a key") && scene.sent().contains("+new"));
}

/// Trap 47: a reviewer that is limited does not block finished work.
#[tokio::test]
async fn when_no_model_reviews_the_static_checks_decide() {
    let scene = Scene::new(Script::all_failing(Fault::status(400)), &[("small", 0)]).await;
    let (idea, plan) = (idea(), plan());
    for (severity, approved) in
        [(static_checks::Severity::Low, true), (static_checks::Severity::High, false)]
    {
        let findings = [finding(severity)];
        let input = ReviewInput {
            idea: &idea,
            plan: &plan,
            milestone: 0,
            diff: DIFF,
            findings: &findings,
            missing: &[],
            earlier: &[],
        };
        let answered = review(&scene.asking(), &input, &settings()).await.unwrap();
        assert!(answered.degraded && answered.model.is_none());
        assert_eq!(answered.value.approved, approved);
        assert!(answered.value.code_quality <= 70);
        assert!(
            answered
                .value
                .issues
                .iter()
                .any(|issue| issue.issue == "AI reviewer unavailable - basic checks only")
        );
    }
}
