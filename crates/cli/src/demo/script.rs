//! What the demo's models do: their answers, their faults, and the config that
//! names them.
//!
//! The faults are chosen so that each protection has to act once, and the last
//! of them ends in front of a person: a demo in which all goes well shows nothing.
//! The tests read this file too, so that what they kill is what people see.

use serde_json::{Value, json};
use simulated_models::{Answers, Fault, FileAnswer, ModelScript, Script, Step};

/// The idea that is worked on.
pub(crate) const IDEA: &str = "001-word-report";

/// The file that every coder answers with a placeholder.
pub(crate) const UNWRITABLE: &str = "examples/top.rs";

/// One milestone of the plan.
pub(crate) struct Milestone {
    pub(crate) name: &'static str,
    description: &'static str,
    pub(crate) create: &'static [&'static str],
    pub(crate) modify: &'static [&'static str],
    tests: &'static [&'static str],
}

/// The plan. No path stands in two milestones, so a path tells its milestone.
pub(crate) const MILESTONES: [Milestone; 3] = [
    Milestone {
        name: "Count and rank words",
        description: "Words are made equal, counted, and ranked by number.",
        create: &["src/normal.rs", "src/count.rs", "src/report.rs"],
        modify: &["src/lib.rs"],
        tests: &["case and punctuation do not matter"],
    },
    Milestone {
        name: "Print the report",
        description: "A program prints the report; an example and a page show how.",
        create: &["src/main.rs", UNWRITABLE, "docs/report.md"],
        modify: &[],
        tests: &["the program builds"],
    },
    Milestone {
        name: "Test and describe the report",
        description: "The report is tested from outside and described in the README.",
        create: &["tests/report.rs"],
        modify: &["README.md"],
        tests: &["the most frequent words come first"],
    },
];

/// Every model with its faults, and the answers of those that answer.
pub(crate) fn script() -> Script {
    let unwritable = || ModelScript::steps([Step::path(UNWRITABLE, Fault::Placeholder)]);
    let down = ModelScript::failing(Fault::status(503));
    let silent = ModelScript::failing(Fault::Stall { after_chunks: 0 });
    let rubbish_once = ModelScript::steps([Step::calls(1..=1, Fault::NotJson)]);
    Script::with_model("oracle", down)
        .and_model("architect", ModelScript::good())
        .and_model("swift", silent)
        .and_model("steady", unwritable())
        .and_model("sturdy", unwritable())
        .and_model("critic", rubbish_once)
        .and_model("auditor", ModelScript::good())
        .with_answers(answers())
}

/// A config for a server at this URL. `first_token` is how long a silent model
/// is waited for; `tests` is the project's test command, or `auto`.
pub(crate) fn config(base_url: &str, first_token: &str, tests: &str) -> String {
    format!(
        r#"# The models of the demo: simulated ones, on this machine, with faults.
providers:
  simulated: {{ kind: openai, base_url: "{base_url}" }}
roles:
  planner:  {{ chain: [simulated/oracle, simulated/architect] }}
  coder:    {{ chain: [simulated/swift, simulated/steady, simulated/sturdy] }}
  reviewer: {{ chain: [simulated/critic, simulated/auditor] }}
failover: {{ first_token_timeout: {first_token} }}
circuit_breaker: {{ consecutive_failures: 5 }}
run: {{ parallel: 3, test_command: "{tests}" }}
commit: {{ author: "belay demo <demo@belay.invalid>" }}
"#
    )
}

fn answers() -> Answers {
    let changes = [
        ("src/normal.rs", include_str!("../../../../fixtures/demo-answers/normal.rs")),
        ("src/count.rs", include_str!("../../../../fixtures/demo-answers/count.rs")),
        ("src/report.rs", include_str!("../../../../fixtures/demo-answers/report.rs")),
        ("src/main.rs", include_str!("../../../../fixtures/demo-answers/main.rs")),
        (UNWRITABLE, include_str!("../../../../fixtures/demo-answers/top.rs")),
        ("docs/report.md", include_str!("../../../../fixtures/demo-answers/report.md")),
        ("tests/report.rs", include_str!("../../../../fixtures/demo-answers/report_test.rs")),
    ];
    let rewritten = [
        ("src/lib.rs", include_str!("../../../../fixtures/demo-answers/lib.rs")),
        ("README.md", include_str!("../../../../fixtures/demo-answers/README.md")),
    ];
    let created = changes.map(|(path, content)| (path.to_owned(), FileAnswer::create(content)));
    let modified = rewritten.map(|(path, content)| (path.to_owned(), FileAnswer::modify(content)));
    Answers {
        analysis: json!({
            "understanding": "A report of the most frequent words, as a library and as a program.",
            "complexity": "low", "confidence": 0.9, "risks": [], "questions": [],
        }),
        plan: json!({
            "milestones": MILESTONES.iter().map(planned).collect::<Vec<Value>>(),
            "risks": [],
            "success_criteria": ["the most frequent words come first"],
            "confidence": 0.9,
        }),
        changes: created.into_iter().chain(modified).collect(),
        ..Answers::default()
    }
}

fn planned(milestone: &Milestone) -> Value {
    json!({
        "name": milestone.name,
        "description": milestone.description,
        "files": { "create": milestone.create, "modify": milestone.modify, "delete": [] },
        "read": ["src/lib.rs"],
        "tests": milestone.tests,
    })
}
