//! Plans of models, plans of templates, and what is said about bad ones.

use super::*;
use crate::source::SourceFile;
use serde_json::json;

pub(super) fn rules() -> PlanRules {
    rules_with(&["src/a.rs", "src/b.rs", ".env"])
}

/// The rules where these files are, and one that is too large.
pub(super) fn rules_with(files: &[&str]) -> PlanRules {
    let guard: PathGuard = Arc::new(|path| {
        if path.starts_with('/') || path.split('/').any(|part| part == ".." || part == ".git") {
            return Err("it lies outside of what may be written".to_owned());
        }
        Ok(())
    });
    let settings = Settings {
        context_files: vec![],
        deny: vec!["**/.env".to_owned()],
        rounds: 0,
        max_milestones: 3,
        max_file_bytes: 1000,
        max_questions: 3,
        unwritable: Arc::new(|_| None),
        path_guard: guard,
        work: crate::WorkRules::default(),
    };
    let file = |path: &str, size| SourceFile { path: path.to_owned(), size };
    let mut files: Vec<SourceFile> = files.iter().map(|path| file(path, 10)).collect();
    files.push(file("big.bin", 5000));
    PlanRules::new(&Arc::new(Known::new(&files, &settings).unwrap()), &settings)
}

pub(super) fn milestone(create: &[&str], modify: &[&str], delete: &[&str]) -> Value {
    json!({"name": "Do it", "description": "d", "tests": [],
           "files": {"create": create, "modify": modify, "delete": delete}})
}

pub(super) fn plan_of(milestones: &[Value]) -> Value {
    json!({"milestones": milestones, "risks": [], "success_criteria": [], "confidence": 0.8})
}

pub(super) fn read(milestones: &[Value]) -> Result<Plan, String> {
    rules().read(&plan_of(milestones), Giver::Model)
}

#[test]
fn slips_are_put_right() {
    let plan = read(&[
        milestone(
            &["./src/a.rs", "src/new.rs", " src/new.rs "],
            &["src/new.rs", "src/b.rs"],
            &["src/gone.rs"],
        ),
        milestone(&["src/new.rs"], &["src/other.rs"], &["src/a.rs"]),
        milestone(&["src/a.rs"], &[], &[]),
    ])
    .unwrap();
    let files: Vec<_> = plan
        .milestones
        .iter()
        .map(|milestone| {
            (
                milestone.files.create.join(" "),
                milestone.files.modify.join(" "),
                milestone.files.delete.join(" "),
            )
        })
        .collect();
    let expected = [
        ("src/new.rs", "src/a.rs src/b.rs", ""),
        ("src/other.rs", "src/new.rs", "src/a.rs"),
        ("src/a.rs", "", ""),
    ];
    assert_eq!(
        files,
        expected.map(|(create, modify, delete)| (
            create.to_owned(),
            modify.to_owned(),
            delete.to_owned()
        ))
    );
}

/// A symbolic link is no regular file, so its deletion is left out: not in silence.
#[test]
fn a_deletion_that_is_left_out_is_a_risk_of_the_plan() {
    let mut plan = plan_of(&[
        milestone(&["src/new.rs"], &[], &["link", "src/b.rs"]),
        milestone(&[], &["src/a.rs"], &["./link", "src/b.rs"]),
    ]);
    plan["risks"] = json!(["it is hard"]);
    let plan = rules().read(&plan, Giver::Model).unwrap();
    assert_eq!(plan.milestones[0].files.delete, ["src/b.rs"]);
    assert!(plan.milestones[1].files.delete.is_empty());
    assert_eq!(
        plan.risks,
        ["it is hard", "link could not be planned for deletion: no such regular file"]
    );
    let again = serde_json::to_value(&plan).unwrap();
    assert_eq!(rules().read(&again, Giver::Model).unwrap().risks, plan.risks);
    let alone = read(&[milestone(&[], &[], &["link"])]).unwrap_err();
    assert!(
        alone.ends_with("link could not be planned for deletion: no such regular file"),
        "{alone}"
    );
}

#[test]
fn what_cannot_be_planned_is_refused_with_the_reason() {
    for (create, modify, delete, said) in [
        (vec!["/etc/passwd"], vec![], vec![], "/etc/passwd: it lies outside"),
        (vec!["a/../../b"], vec![], vec![], "a/../../b: it lies outside"),
        (vec![], vec![], vec![".git/config"], ".git/config: it lies outside"),
        (vec!["deploy/.ENV"], vec![], vec![], "deploy/.ENV is off limits"),
        (vec!["src"], vec![], vec![], "src is a folder"),
        (vec!["new/"], vec![], vec![], "new/ is a folder"),
        (vec!["src/a.rs/b.rs"], vec![], vec![], "src/a.rs is a file"),
        (vec!["x", "x/y.rs"], vec![], vec![], "both a file and a folder"),
        (vec!["", "y"], vec![], vec![], "a path is empty"),
        (vec!["src/new.rs"], vec![], vec!["src/new.rs"], "both to be written and to be deleted"),
        (vec![], vec!["src/a.rs"], vec!["src/a.rs"], "both to be written and to be deleted"),
        (vec![], vec!["big.bin"], vec![], "big.bin is larger than the 1000 bytes"),
    ] {
        let error = read(&[milestone(&create, &modify, &delete)]).unwrap_err();
        assert!(error.starts_with("milestone 1 (Do it): ") && error.contains(said), "{error}");
    }
}

#[test]
fn too_many_milestones_files_or_none_are_refused() {
    let one = milestone(&["x.rs"], &[], &[]);
    assert!(read(&vec![one.clone(); 4]).unwrap_err().contains("4 milestones; at most 3"));
    assert!(read(&[]).unwrap_err().contains("no milestone"));
    assert!(
        read(&[milestone(&[], &[], &["gone.rs"])]).unwrap_err().contains("no milestone has a file")
    );
    let many: Vec<String> = (0..201).map(|number| format!("f{number}.rs")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(read(&[milestone(&many, &[], &[])]).unwrap_err().contains("201 files"));
    let mut nameless = one.clone();
    nameless["name"] = json!(" \n");
    assert!(read(&[one, nameless]).unwrap_err().contains("milestone 2 has no name"));
    let mut unsure = plan_of(&[]);
    unsure["confidence"] = json!(80);
    assert!(rules().read(&unsure, Giver::Model).unwrap_err().contains("confidence is 80"));
}

fn going_on(done: bool, asked: bool) -> PlanRules {
    PlanRules { goes_on: done, asked, ..rules() }
}

fn locked() -> PlanRules {
    let unwritable: Unwritable = Arc::new(|path| {
        path.ends_with(".lock").then(|| format!("{path} is written by the project's own command"))
    });
    PlanRules { unwritable, ..rules() }
}

#[test]
fn a_file_that_a_command_writes_is_dropped_with_a_risk() {
    let plan = plan_of(&[
        milestone(&["x.rs", "./Cargo.lock"], &["big.lock"], &["old.lock"]),
        milestone(&[], &["Cargo.lock"], &[]),
    ]);
    let plan = locked().read(&plan, Giver::Model).unwrap();
    assert_eq!(plan.milestones[0].files.iter().collect::<Vec<_>>(), ["x.rs"]);
    assert!(plan.milestones[1].is_note());
    assert_eq!(
        plan.risks,
        ["Cargo.lock", "big.lock", "old.lock"]
            .map(|path| format!("{path} is written by the project's own command"))
    );
    let alone = plan_of(&[milestone(&[], &["Cargo.lock"], &[])]);
    let error = locked().read(&alone, Giver::Model).unwrap_err();
    assert!(error.ends_with("; Cargo.lock is written by the project's own command"), "{error}");
    assert!(locked().read(&alone, Giver::Template).unwrap().milestones[0].is_note());
    let outside = plan_of(&[milestone(&["../Cargo.lock"], &[], &[])]);
    assert!(locked().read(&outside, Giver::Model).unwrap_err().contains("it lies outside"));
}

#[test]
fn nothing_is_left_to_plan_only_where_something_is_done() {
    let (none, notes) = (plan_of(&[]), plan_of(&[milestone(&[], &[], &[])]));
    assert!(going_on(true, false).read(&none, Giver::Model).unwrap().milestones.is_empty());
    assert!(going_on(false, true).read(&none, Giver::Model).unwrap_err().contains("no milestone"));
    let error = going_on(true, false).read(&notes, Giver::Model).unwrap_err();
    assert!(error.contains("or give no milestone if all is done"), "{error}");
}

#[test]
fn milestones_wait_only_while_a_question_is_open() {
    let mut waits = milestone(&["x.rs"], &[], &[]);
    waits["waits_for_answer"] = json!(true);
    let mut free = milestone(&["y.rs"], &[], &[]);
    free["waits_for_answer"] = json!(false);
    let plan = plan_of(&[waits, milestone(&[], &["x.rs"], &[]), free]);
    let waiting = |asked: bool| -> Vec<_> {
        let plan = going_on(false, asked).read(&plan, Giver::Model).unwrap();
        plan.milestones
            .iter()
            .map(|milestone| {
                (milestone.files.iter().cloned().collect(), milestone.waits_for_answer)
            })
            .collect::<Vec<(Vec<String>, Option<bool>)>>()
    };
    let own = |path: &str| vec![path.to_owned()];
    let asked = [(own("y.rs"), Some(false)), (own("x.rs"), Some(true)), (own("x.rs"), Some(true))];
    assert_eq!(waiting(true), asked);
    assert_eq!(waiting(false), ["x.rs", "x.rs", "y.rs"].map(|path| (own(path), None)));
}

#[test]
fn a_note_among_milestones_is_kept() {
    let plan = read(&[milestone(&[], &[], &[]), milestone(&["x.rs"], &[], &[])]).unwrap();
    assert!(plan.milestones[0].is_note() && !plan.milestones[1].is_note());
}

#[test]
fn a_template_may_plan_notes_only() {
    let notes = plan_of(&vec![milestone(&[], &[], &[]); 4]);
    assert_eq!(rules().read(&notes, Giver::Template).unwrap().milestones.len(), 4);
    let outside = plan_of(&[milestone(&["/etc/passwd"], &[], &[])]);
    assert!(rules().read(&outside, Giver::Template).is_err());
}

#[test]
fn only_what_exists_by_then_and_may_be_shown_is_read() {
    let mut first = milestone(&["x.rs"], &[], &[]);
    first["read"] = json!(["src/a.rs", "x.rs", ".env", "nowhere.rs", "./src/a.rs"]);
    let mut second = milestone(&["y.rs"], &[], &[]);
    second["read"] = json!(["x.rs"]);
    let plan = read(&[first, second]).unwrap();
    assert_eq!(plan.milestones[0].read, ["src/a.rs"]);
    assert_eq!(plan.milestones[1].read, ["x.rs"]);
    let mut outside = milestone(&["x.rs"], &[], &[]);
    outside["read"] = json!(["../secret"]);
    assert!(read(&[outside]).unwrap_err().contains("outside the repository"));
}

#[test]
fn long_texts_are_cut() {
    let mut long = milestone(&["x.rs"], &[], &[]);
    long["name"] = json!("n\n".repeat(1000));
    long["tests"] = json!(vec!["t"; 500]);
    let plan = read(&[long]).unwrap();
    assert!(
        plan.milestones[0].name.chars().count() <= 201 && !plan.milestones[0].name.contains('\n')
    );
    assert_eq!(plan.milestones[0].tests.len(), 50);
}
