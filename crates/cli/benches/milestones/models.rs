//! The job and the models that do it: nine small files, three to a milestone, and answers that
//! are always right, since what a failing model costs is another question.

use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use serde_json::{Value, json};
use simulated_models::{Answers, Fault, FileAnswer, ModelScript, Script, Server, Step};

/// How long every answer takes.
const LATENCY: Duration = Duration::from_millis(400);

/// The milestones and their files, one coder each.
pub(crate) const MILESTONES: [(&str, [&str; 3]); 3] = [
    ("Read the numbers", ["parts/fields.sh", "parts/lines.sh", "parts/numbers.sh"]),
    ("Reckon with them", ["parts/sum.sh", "parts/least.sh", "parts/most.sh"]),
    ("Show the result", ["parts/heading.sh", "parts/row.sh", "parts/footer.sh"]),
];

/// A server of its own for each contender, and when its stamps begin.
pub(crate) struct Models {
    pub(crate) server: Server,
    /// The server's stamps count from here, to within what starting it took.
    pub(crate) origin: Instant,
    /// The same moment on the wall, to which git's stamps are held.
    pub(crate) origin_at: SystemTime,
}

impl Models {
    pub(crate) async fn start() -> Result<Self> {
        let slow = ModelScript::steps([Step::always(Fault::AnswerAfter { delay: LATENCY })]);
        let script = Script::with_model("*", slow).with_answers(answers());
        let server = Server::start(script).await?;
        Ok(Self { server, origin: Instant::now(), origin_at: SystemTime::now() })
    }
}

fn answers() -> Answers {
    let files = MILESTONES.iter().flat_map(|(_, files)| files);
    Answers {
        plan: json!({
            "milestones": MILESTONES.iter().map(planned).collect::<Vec<Value>>(),
            "risks": [],
            "success_criteria": ["every part can be read by a shell"],
            "confidence": 0.9,
        }),
        changes: files
            .map(|path| ((*path).to_owned(), FileAnswer::create(content(path))))
            .collect(),
        ..Answers::default()
    }
}

fn planned((name, files): &(&str, [&str; 3])) -> Value {
    json!({
        "name": name,
        "description": format!("{name}: one function a file."),
        "files": { "create": files, "modify": [], "delete": [] },
        "read": ["README.md"],
        "tests": ["every part can be read by a shell"],
    })
}

/// A function of some forty lines, the size of what coders write as a rule.
fn content(path: &str) -> String {
    let name = path.trim_start_matches("parts/").trim_end_matches(".sh");
    let cases: String = (1..=30)
        .map(|number| format!("    {number}) printf '%s %s\\n' {name} \"$(({number} + $2))\" ;;\n"))
        .collect();
    format!("# Prints the {name} of a report.\n{name}() {{\n  case \"$1\" in\n{cases}  esac\n}}\n")
}
