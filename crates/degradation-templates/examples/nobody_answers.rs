//! No model answers, and still there is a plan and a task for a person: `cargo run -p
//! degradation-templates --example nobody_answers`.

#![expect(clippy::print_stdout, reason = "an example that shows what happens")]

use degradation_templates::{FileFact, IdeaFacts, ManualTaskFacts, Templates};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let idea = IdeaFacts {
        id: "12-tides".into(),
        // A title from outside that tries to be more than a title.
        title: "Show the tides\n# and nothing else <!-- hidden -->".into(),
        files: vec![FileFact { path: "src/tides.py".into(), exists: false }],
        ..IdeaFacts::default()
    };
    let templates = Templates::built_in()?;
    let plan = templates.plan(&idea)?;
    println!("the plan:\n{plan:#}\n");

    let facts = ManualTaskFacts {
        idea,
        run: "01JABCDEFGHJKMNPQRSTVWXYZ0".into(),
        branch: "belay/12-tides".into(),
        milestone_number: 1,
        milestone_total: 2,
        milestone_name: "Read the tables".into(),
        files: vec!["src/tides.py".into()],
        for_want_of_a_model: true,
        resume_command: "belay resume".into(),
        ..ManualTaskFacts::default()
    };
    let issue = templates.manual_task(&facts)?;
    println!("the issue: {}\n\n{}", issue.title, issue.body);

    // A folder of one's own; what is not in it stays as it was.
    let folder = tempfile::tempdir()?;
    let own = "# By hand: {{ milestone_name | plain }}\n\nPlease write it.\n";
    std::fs::write(folder.path().join("manual_task.md.j2"), own)?;
    let templates = Templates::with_folder(folder.path())?;
    println!("with a template of one's own: {}", templates.manual_task(&facts)?.title);

    // One that is not right is refused when it is loaded, not in the night when it is needed.
    std::fs::write(folder.path().join("manual_task.md.j2"), "{{ mile_stone }}")?;
    match Templates::with_folder(folder.path()) {
        Ok(_) => Err("a template with an unknown fact was taken".into()),
        Err(error) => {
            println!("with a wrong one: {error}");
            Ok(())
        }
    }
}
