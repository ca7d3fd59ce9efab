//! What the killed run is about: three milestones that take no time, and one
//! file that no coder can write, so that an issue stands at the end.

use serde_json::{Value, json};
use simulated_models::{Answers, Fault, FileAnswer, ModelScript, Script, Step};

/// The idea that is worked on.
pub(crate) const IDEA: &str = "001-numbers";

/// The file that every coder answers with a placeholder.
pub(crate) const UNWRITABLE: &str = "never.py";

/// One milestone of the plan. No path stands in two, so a path tells its milestone.
pub(crate) struct Milestone {
    name: &'static str,
    pub(crate) create: &'static [&'static str],
    pub(crate) modify: &'static [&'static str],
}

pub(crate) const MILESTONES: [Milestone; 3] = [
    Milestone { name: "One", create: &["one.py"], modify: &[] },
    Milestone { name: "Two", create: &["two.py", UNWRITABLE], modify: &[] },
    Milestone { name: "Three", create: &["three.py"], modify: &["list.py"] },
];

pub(crate) const ROLES: &str = "roles:\n  planner: { chain: [a/plan] }\n  coder: { chain: [a/code] }\n  reviewer: { chain: [a/review] }\nrun: { test_command: \"sh check.sh\", push: origin }\n";

/// The project: its check also sees that nothing of the test's reaches it.
pub(crate) const FILES: [(&str, &str); 3] = [
    ("check.sh", "test -z \"$LD_PRELOAD$SHIM_ROOT\"\n"),
    ("list.py", "LIST = []\n"),
    ("ideas/backlog/001-numbers.md", "# Numbers\n\nAdd numbers.\n"),
];

pub(crate) fn script() -> Script {
    let unwritable = ModelScript::steps([Step::path(UNWRITABLE, Fault::Placeholder)]);
    Script::with_model("code", unwritable).with_answers(answers())
}

fn answers() -> Answers {
    let created = ["one.py", "two.py", "three.py", UNWRITABLE]
        .map(|file| (file.to_owned(), FileAnswer::create(format!("# {file}\n"))));
    let modified = [("list.py".to_owned(), FileAnswer::edit("[]", "[1, 2, 3]"))];
    Answers {
        plan: json!({
            "milestones": MILESTONES.iter().map(planned).collect::<Vec<Value>>(),
            "risks": [], "success_criteria": [], "confidence": 0.9,
        }),
        changes: created.into_iter().chain(modified).collect(),
        ..Answers::default()
    }
}

fn planned(milestone: &Milestone) -> Value {
    json!({
        "name": milestone.name, "description": "",
        "files": { "create": milestone.create, "modify": milestone.modify, "delete": [] },
        "read": [], "tests": [],
    })
}
