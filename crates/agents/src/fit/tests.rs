//! Whatever the parts and the window, the prompt fits or says that it cannot.

use super::*;
use proptest::prelude::*;

fn sheet(parts: Vec<Part>) -> Sheet {
    Sheet { system: "orders".to_owned(), parts, closing: "do it".to_owned() }
}

fn tokens(messages: &[Message]) -> u64 {
    messages.iter().map(|message| estimate_tokens(&message.content)).sum()
}

fn user(sheet: &Sheet, window: u64) -> String {
    let messages = sheet.messages(Some(window)).unwrap();
    assert!(tokens(&messages) <= window, "{} > {window}", tokens(&messages));
    messages[1].content.clone()
}

fn lines(name: &str, count: usize) -> String {
    (1..=count).map(|line| format!("{name} {line} of the file\n")).collect()
}

fn file(path: &str, lines_: usize, priority: Priority) -> Part {
    Part::file(path, &lines(path, lines_), priority, &Arc::default())
}

#[test]
fn what_is_required_and_does_not_fit_is_too_large() {
    let sheet = sheet(vec![Part::text("a", Priority::Subject, "x".repeat(3000)).required()]);
    let error = sheet.messages(Some(900)).unwrap_err();
    assert_eq!(error.available, 900);
    assert!(sheet.messages(Some(error.needed)).is_ok());
    assert!(sheet.messages(Some(error.needed - 1)).is_err());
    assert!(sheet.messages(None).is_ok());
}

#[test]
fn what_has_no_room_is_named() {
    let sheet = sheet(vec![
        file("src/a.rs", 20, Priority::Subject).required(),
        file("src/far.rs", 4000, Priority::Far),
        file("src/near.rs", 200, Priority::Near),
    ]);
    let small = user(&sheet, 700);
    assert!(small.contains("src/a.rs 20 of"), "{small}");
    assert!(
        small.contains("<<< left out for want of room")
            && small.contains("\nsrc/far.rs\nsrc/near.rs\n"),
        "{small}"
    );
    let larger = user(&sheet, 2600);
    assert!(
        larger.contains("src/near.rs 200 of the file") && !larger.contains("\nsrc/near.rs\n"),
        "{larger}"
    );
    let all = user(&sheet, 200_000);
    assert!(all.contains("src/far.rs 4000 of") && !all.contains("left out"));
}

#[test]
fn files_of_one_priority_share_the_room() {
    let parts = (0..4)
        .map(|number| file(&format!("f{number}"), 3000, Priority::Subject).required())
        .collect();
    let text = user(&sheet(parts), 12_000);
    for number in 0..4 {
        assert!(text.contains(&format!("f{number} 1 of the file")), "{text}");
    }
    assert_eq!(text.matches("of the large file").count(), 4);
}

#[test]
fn a_share_is_not_exceeded_and_an_unknown_window_is_not_filled_without_end() {
    let part = file("big", 20_000, Priority::Far);
    let capped = sheet(vec![part.clone().share(10)]);
    assert!(user(&capped, 10_000).len() < 5000);
    let unknown =
        sheet(vec![part.clone(), file("other", 20_000, Priority::Far)]).messages(None).unwrap();
    assert!(tokens(&unknown) <= UNKNOWN_WINDOW);
}

#[test]
fn ever_fewer_paths_are_shown_the_nearest_first() {
    let paths: Vec<String> = (0..400).map(|number| format!("src/f{number:03}.rs")).collect();
    let ranked: Vec<&str> = paths.iter().rev().map(String::as_str).collect();
    let sheet = sheet(vec![Part::paths("paths", Priority::Near, &ranked).required()]);
    let text = user(&sheet, 700);
    assert!(
        text.contains("(the 120 nearest; others exist)") && text.contains("src/f399.rs"),
        "{text}"
    );
    assert!(!text.contains("src/f100.rs"));
    assert!(user(&sheet, 10_000).contains("src/f000.rs"));
}

#[test]
fn a_text_is_cut_in_its_middle_between_letters() {
    assert_eq!(shorten("abcdef", 6), "abcdef");
    assert_eq!(shorten("ééééééééé", 6), "é\n[… 12 bytes are left out here …]\néé");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_prompt_never_exceeds_its_window(
        sizes in prop::collection::vec((0usize..3000, 0u8..3, any::<bool>(), 10u64..100), 0..12),
        window in 0u64..40_000,
    ) {
        let parts = sizes.iter().enumerate().map(|(number, (size, priority, required, share))| {
            let priority = [Priority::Subject, Priority::Near, Priority::Far][usize::from(*priority)];
            let part = match number % 3 {
                0 => file(&format!("dir/f{number}"), *size, priority),
                1 => Part::material("m", priority, &"ü".repeat(*size), &[400, 100]),
                _ => Part::paths("p", priority, &vec!["some/path.rs"; *size]),
            };
            let part = part.share(*share);
            if *required { part.required() } else { part }
        }).collect();
        let sheet = sheet(parts);
        match sheet.messages(Some(window)) {
            Ok(messages) => prop_assert!(tokens(&messages) <= window),
            Err(error) => prop_assert!(error.needed > window),
        }
    }
}
