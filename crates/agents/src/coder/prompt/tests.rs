//! What a coder really reads, and that its files are in it at any window.

use super::*;
use crate::answers::{Files, Plan};
use crate::divide::{PlannedFile, WorkItem};
use crate::idea::Idea;
use crate::source::SourceFile;
use model_providers::{Prompt, estimate_tokens};

struct Scene {
    idea: Idea,
    plan: Plan,
    item: WorkItem,
    known: Known,
}

fn scene(paths: &[&str], own: &[(&str, Action)]) -> Scene {
    let own_paths = |wanted: Action| {
        own.iter()
            .filter(|(_, action)| *action == wanted)
            .map(|(path, _)| (*path).to_owned())
            .collect::<Vec<_>>()
    };
    let files = Files {
        create: own_paths(Action::Create).into_iter().chain(["src/others.rs".to_owned()]).collect(),
        modify: own_paths(Action::Modify),
        delete: own_paths(Action::Delete),
    };
    let milestone = Milestone {
        name: "Reset passwords".to_owned(),
        description: "Write the reset.".to_owned(),
        files,
        read: vec!["src/mail.rs".to_owned()],
        tests: vec!["a mail is sent".to_owned()],
        waits_for_answer: None,
    };
    let later = Milestone { name: "Show the form".to_owned(), ..Milestone::default() };
    let settings = Settings {
        context_files: vec![],
        deny: vec!["**/.env".to_owned()],
        rounds: 0,
        max_milestones: 3,
        max_file_bytes: 1 << 20,
        max_questions: 3,
        unwritable: Arc::new(|_| None),
        path_guard: Arc::new(|_| Ok(())),
        work: crate::WorkRules::default(),
    };
    let listed: Vec<SourceFile> =
        paths.iter().map(|path| SourceFile { path: (*path).to_owned(), size: 10 }).collect();
    Scene {
        idea: Idea::parse("001", "# Reset a password\nBy mail.\n## Criteria\n- it is safe\n")
            .unwrap(),
        plan: Plan {
            milestones: vec![milestone, later],
            risks: vec![],
            success_criteria: vec![],
            confidence: 0.9,
        },
        item: WorkItem {
            files: own
                .iter()
                .map(|(path, action)| PlannedFile { path: (*path).to_owned(), action: *action })
                .collect(),
            read: vec!["src/mail.rs".to_owned()],
        },
        known: Known::new(&listed, &settings).unwrap(),
    }
}

impl Scene {
    fn input<'a>(&'a self, earlier: &'a [String], findings: &'a [String]) -> CoderInput<'a> {
        CoderInput {
            idea: &self.idea,
            plan: &self.plan,
            milestone: 0,
            item: &self.item,
            earlier,
            findings,
        }
    }
}

fn desk(texts: &[(&str, &str)], rules: &[&str], further: &[&str], unreadable: &[&str]) -> Desk {
    let own = |list: &[&str]| list.iter().map(|path| (*path).to_owned()).collect();
    Desk {
        texts: texts.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect(),
        rules: own(rules),
        further: own(further),
        unreadable: own(unreadable),
        unwritable: Arc::new(|_| None),
    }
}

fn render(sheet: &Sheet, window: u64) -> String {
    let messages = sheet.messages(Some(window)).unwrap();
    let tokens: u64 = messages.iter().map(|message| estimate_tokens(&message.content)).sum();
    assert!(tokens <= window, "{tokens} > {window}");
    messages.iter().map(|message| format!("{:?}:\n{}\n", message.role, message.content)).collect()
}

#[test]
fn the_prompt_reads_well() {
    let paths = ["src/reset.rs", "src/mail.rs", "src/old.rs", "AGENTS.md", "logo.png", ".env"];
    let own = [
        ("src/reset.rs", Action::Modify),
        ("src/new.rs", Action::Create),
        ("logo.png", Action::Delete),
    ];
    let scene = scene(&paths, &own);
    let desk = desk(
        &[
            ("src/reset.rs", "pub fn reset() {}\n"),
            ("src/mail.rs", "pub fn send() {}"),
            ("AGENTS.md", "Be brief.\n"),
        ],
        &["AGENTS.md"],
        &["src/mail.rs"],
        &["logo.ico"],
    );
    let (earlier, findings) = (
        ["1: src/mail.rs; still missing: src/queue.rs".to_owned()],
        ["[high] src/reset.rs:1: empty".to_owned()],
    );
    insta::assert_snapshot!(
        "first",
        render(&changes(&scene.input(&[], &[]), &scene.known, &desk, 2), 8000)
    );
    insta::assert_snapshot!(
        "mending",
        render(&changes(&scene.input(&earlier, &findings), &scene.known, &desk, 0), 8000)
    );
}

#[test]
fn a_coder_hears_of_renames_only_where_one_is_possible() {
    let said = |paths: &[&str], own: &[(&str, Action)]| {
        let scene = scene(paths, own);
        let sheet = changes(&scene.input(&[], &[]), &scene.known, &desk(&[], &[], &[], &[]), 0);
        render(&sheet, 8000).contains("action rename, path the new path")
    };
    let (old, new) = (("a/x.rs", Action::Delete), ("b/x.rs", Action::Create));
    assert!(said(&["a/x.rs"], &[old, new]));
    assert!(!said(&["a/x.rs"], &[old]) && !said(&["a/x.rs"], &[new]));
    assert!(!said(&["b/x.rs"], &[old, new]), "both are as planned");
}

#[test]
fn files_that_need_not_be_written_are_told_apart() {
    let own =
        [("src/a.rs", Action::Create), ("Cargo.lock", Action::Modify), ("b.rs", Action::Create)];
    let mut scene = scene(&["Cargo.lock"], &own);
    scene.plan.milestones[0].files.delete.push("b.rs".to_owned());
    let mut desk = desk(&[], &[], &[], &[]);
    desk.unwritable = Arc::new(|path| {
        (path == "Cargo.lock").then(|| format!("{path} is written by the project's own command"))
    });
    let text = render(&changes(&scene.input(&[], &[]), &scene.known, &desk, 0), 8000);
    let expected = "\ncreate src/a.rs\n\
                    Cargo.lock: leave it out, Cargo.lock is written by the project's own command\n\
                    create b.rs (deleted by this milestone; leave it out, unless it must come back)\n";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn findings_come_without_what_cannot_be_seen() {
    let scene = scene(&["src/reset.rs"], &[("src/reset.rs", Action::Modify)]);
    let findings = ["\u{1b}[31mFAILED\u{1b}[0m\0 a\u{202e}\r\n\tleft: 1".to_owned()];
    let desk = desk(&[], &[], &[], &[]);
    let text = render(&changes(&scene.input(&[], &findings), &scene.known, &desk, 0), 8000);
    assert!(text.contains("\nFAILED a\n\tleft: 1\n"), "{text}");
}

#[test]
fn a_large_file_becomes_excerpts_around_what_matters() {
    let text: String = (1..=4000)
        .map(|line| match line {
            2000 => "fn reset_password() {}\n".to_owned(),
            3000 => "let found = 3000;\n".to_owned(),
            _ => format!("let line{line} = {line};\n"),
        })
        .collect();
    let scene = scene(&["src/reset.rs"], &[("src/reset.rs", Action::Modify)]);
    let desk = desk(&[("src/reset.rs", &text)], &[], &[], &[]);
    let findings = ["[high] src/reset.rs:3000: wrong".to_owned()];
    let sheet = changes(&scene.input(&[], &findings), &scene.known, &desk, 1);
    for window in [2500, 4000, 10_000] {
        let small = render(&sheet, window);
        assert!(small.contains("of the large file src/reset.rs"), "{small}");
        assert!(
            small.contains(" 2000| fn reset_password() {}") && small.contains(" 3000| let found"),
            "{window}: {small}"
        );
        assert!(!small.contains("\nlet line"));
    }
    let whole = render(&sheet, 100_000);
    assert!(whole.contains(&text) && !whole.contains("2000| fn"));
}

#[test]
fn in_a_tree_of_400_files_the_item_s_files_come_first_at_any_window() {
    let paths: Vec<String> =
        (0..400).map(|number| format!("src/area{}/thing{number}.rs", number % 7)).collect();
    let own = [
        (paths[0].as_str(), Action::Modify),
        (paths[1].as_str(), Action::Modify),
        ("src/new.rs", Action::Create),
    ];
    let scene = scene(&paths.iter().map(String::as_str).collect::<Vec<_>>(), &own);
    let texts: Vec<(String, String)> = paths
        .iter()
        .take(30)
        .map(|path| (path.clone(), format!("// {path} line\n").repeat(300)))
        .collect();
    let texts: Vec<(&str, &str)> =
        texts.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let further: Vec<&str> = paths[2..30].iter().map(String::as_str).collect();
    let desk = desk(&texts, &[], &further, &[]);
    let sheet = changes(&scene.input(&[], &[]), &scene.known, &desk, 3);
    for window in [2500, 5000, 9000, 30_000, 90_000] {
        let text = render(&sheet, window);
        for (path, _) in &own[..2] {
            assert!(text.contains(&format!("// {path} line")), "{window}: {text}");
        }
        let shown = further.iter().filter(|path| text.contains(&format!("// {path} line"))).count();
        assert!(shown == further.len() || text.contains("left out for want of room"), "{window}");
    }
    assert!(render(&sheet, 9000).matches(&format!("\n// {} line", paths[0])).count() >= 290);
    assert!(sheet.messages(Some(500)).is_err());
}
