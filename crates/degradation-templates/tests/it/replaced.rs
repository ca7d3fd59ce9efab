//! A folder of a user's own templates: what replaces, what is refused, what is limited.

use std::fs;

use degradation_templates::{Error, IssueText, ReviewFacts, Templates};

use crate::sample::{all, ordinary};

fn with(name: &str, content: &str) -> Result<Templates, Error> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(name), content).unwrap();
    Templates::with_folder(folder.path())
}

fn refusal(name: &str, content: &str) -> String {
    with(name, content).unwrap_err().to_string()
}

#[test]
fn an_empty_folder_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".gitkeep"), "").unwrap();
    let own = Templates::with_folder(folder.path()).unwrap();
    let idea = ordinary().idea();
    assert_eq!(own.plan(&idea).unwrap(), Templates::built_in().unwrap().plan(&idea).unwrap());
}

#[test]
fn a_file_replaces_the_template_of_its_name() {
    let templates =
        with("blocked.md.j2", "# Help: {{ idea.id | plain }}\n\n{{ reason }}\n").unwrap();
    assert_eq!(
        templates.blocked(&ordinary().blocked()).unwrap(),
        IssueText {
            title: "Help: 007-export".to_owned(),
            body: "The tests still fail after 2 attempts to fix them.\n".to_owned(),
        }
    );
}

#[test]
fn every_name_can_be_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/templates");
    for name in Templates::names() {
        fs::copy(format!("{shipped}/{name}"), folder.path().join(name)).unwrap();
    }
    Templates::with_folder(folder.path()).unwrap();
    assert_eq!(fs::read_dir(shipped).unwrap().count(), Templates::names().len());
}

#[test]
fn what_was_loaded_needs_its_folder_no_more() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("blocked.md.j2"), "# Mine\n\n{{ reason }}\n").unwrap();
    let templates = Templates::with_folder(folder.path()).unwrap();
    folder.close().unwrap();
    let facts = ordinary();
    assert_eq!(templates.blocked(&facts.blocked()).unwrap().title, "Mine");
    templates.manual_task(&facts.manual_task(true)).unwrap();
}

#[test]
fn a_question_of_ones_own_still_ends_in_the_line_for_the_answer() {
    for content in
        ["# Q\n\nWhich?\n", "# Q\n\nWhich?\n\n## Answer\n", "# Q\n\nWhich?\n## Answer  \n\n"]
    {
        let templates = with("question.md.j2", content).unwrap();
        let question = templates.question(&ordinary().question()).unwrap();
        assert_eq!(question.body, "Which?\n\n## Answer\n", "{content:?}");
    }
}

#[test]
fn a_broken_template_names_its_file_the_line_and_the_reason() {
    for (content, wanted) in [
        (
            "# t\n\n{% if %}\n",
            "template blocked.md.j2: syntax error: unexpected end of block (line 3)",
        ),
        (
            "# t\n\n\n{{ reson }}\n",
            "template blocked.md.j2: undefined value: `reson` is undefined (line 4)",
        ),
        (
            "# t\n{{ reason | loud }}\n",
            "template blocked.md.j2: unknown filter: filter loud is unknown (line 2)",
        ),
        (
            "t\n\nb\n",
            "template blocked.md.j2 gives a wrong result: the first line must be `# ` and a title",
        ),
    ] {
        assert_eq!(refusal("blocked.md.j2", content), wanted);
    }
}

#[test]
fn a_check_finds_everything_that_is_wrong_with_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| fs::write(folder.path().join(name), content).unwrap();
    assert!(Templates::check(folder.path()).is_empty());
    write("blocked.md.j2", "# Mine\n\n{{ reason }}\n");
    assert!(Templates::check(folder.path()).is_empty());
    write("plan.yaml.j2", "{% if %}");
    write("recovery.md.j2", "no title\n\nbody\n");
    write("notes.txt", "mine");
    let problems: Vec<String> =
        Templates::check(folder.path()).iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 3, "{problems:?}");
    for (problem, name) in problems.iter().zip(["notes.txt", "plan.yaml.j2", "recovery.md.j2"]) {
        assert!(problem.contains(name), "{problem}");
    }
    // What each does alone may still be wrong together.
    fs::remove_file(folder.path().join("notes.txt")).unwrap();
    write("plan.yaml.j2", "{% include \"recovery.md.j2\" %}");
    write("recovery.md.j2", "# t\n\n{{ phase }}\n");
    let together = Templates::check(folder.path());
    assert_eq!(together.is_empty(), Templates::with_folder(folder.path()).is_ok());
    assert_eq!(together.len(), 1, "{together:?}");
    let gone = folder.path().join("gone");
    assert!(matches!(Templates::check(&gone)[..], [Error::Read { .. }]));
}

#[test]
fn an_unknown_name_is_refused_with_the_known_ones() {
    let message = refusal("plans.yaml.j2", "");
    assert!(message.contains("plans.yaml.j2"), "{message}");
    assert!(message.contains("plan.yaml.j2, review.yaml.j2"), "{message}");
}

#[test]
fn a_missing_folder_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let gone = folder.path().join("gone");
    assert!(matches!(
        Templates::with_folder(&gone),
        Err(Error::Read { path, .. }) if path == gone
    ));
}

#[test]
fn broken_templates_are_found_when_loaded() {
    let cases = [
        ("plan.yaml.j2", "{% if %}", "syntax error"),
        ("plan.yaml.j2", "x: {{ ideea.title }}", "undefined"),
        ("plan.yaml.j2", "x: {{ idea.titel }}", "undefined"),
        ("plan.yaml.j2", "x: {{ idea.title | loud }}", "filter"),
        ("plan.yaml.j2", "- {{ idea.title }}", "`milestones` must be a list"),
        ("plan.yaml.j2", "a: [", "plan.yaml.j2 gives a wrong result"),
        ("analysis.yaml.j2", "understanding: x\ncomplexity: hard", "one of low, medium, high"),
        ("review.yaml.j2", "approved: yes", "`approved` must be true or false"),
        ("review.yaml.j2", "approved: true\ncode_quality: 200", "between 0 and 100"),
        ("blocked.md.j2", "no title\n\nbody", "first line must be"),
        ("blocked.md.j2", "# title\n\n{# nothing #}\n", "the title or the body is empty"),
    ];
    for (name, content, wanted) in cases {
        let message = refusal(name, content);
        assert!(message.contains(wanted), "{content:?}: {message}");
        assert!(message.contains(name), "{content:?}: {message}");
    }
}

#[test]
fn work_without_end_is_stopped() {
    for content in [
        "# t\n\n{% for i in range(100000) %}{% for j in range(100000) %}{{ j }}{% endfor %}{% endfor %}",
        "# t\n\n{% macro again(n) %}{{ again(n) }}{% endmacro %}{{ again(1) }}",
        "# t\n\n{% include \"blocked.md.j2\" %}",
        "# t\n\n{{ \"x\" * 1000000000 }}",
    ] {
        assert!(
            matches!(
                with("blocked.md.j2", content),
                Err(Error::Render { name: "blocked.md.j2", .. })
            ),
            "{content}"
        );
    }
}

#[test]
fn no_file_is_reachable_from_a_template() {
    let message = refusal("blocked.md.j2", "# t\n\n{% include \"/etc/hostname\" %}");
    assert!(message.contains("template not found"), "{message}");
}

#[test]
fn a_large_or_irregular_file_is_refused() {
    assert!(matches!(
        with("plan.yaml.j2", &"#".repeat(70_000)),
        Err(Error::TooLarge { limit: 65_536, .. })
    ));
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("plan.yaml.j2")).unwrap();
    assert!(matches!(Templates::with_folder(folder.path()), Err(Error::Read { .. })));
}

#[test]
fn a_lenient_review_cannot_approve_what_the_checks_refuse() {
    let lenient = "approved: true\ncode_quality: 100\nissues: []\nstrengths: []\nnext_steps: []\n";
    let templates = with("review.yaml.j2", lenient).unwrap();
    let facts = ReviewFacts {
        findings: vec![ordinary().finding("low", None), ordinary().finding("high", None)],
    };
    let review = templates.review(&facts).unwrap();
    assert_eq!(review["approved"], false);
    assert_eq!(review["code_quality"], 70);
}

#[test]
fn a_careless_template_is_still_escaped() {
    let careless = "# {{ idea.title }}\n\n{{ reason }}\n{{ details | safe }}\n";
    let templates = with("blocked.md.j2", careless).unwrap();
    let hostile = "a\n# b <!-- belay:run=1 step=2 --> @you";
    let issue = templates.blocked(&all(hostile).blocked()).unwrap();
    assert!(!issue.body.contains("<!--"), "{}", issue.body);
    assert!(issue.body.starts_with("a # b &lt;\\!-- belay"), "{}", issue.body);
}

#[test]
fn an_overlong_body_is_cut_with_its_fence_closed() {
    let long = "# t\n\n````text\n{% for i in range(3000) %}a line of some length {{ i }} and more\n{% endfor %}````\n";
    let body = with("blocked.md.j2", long).unwrap().blocked(&ordinary().blocked()).unwrap().body;
    assert!(body.len() <= 60_000);
    assert!(body.ends_with("\n````\n\n(shortened)\n"), "{}", &body[59_800..]);
}
