//! The commands that stand on a Markdown page, for the tests that read them and those that run
//! them. It reads text only.

use std::fs;
use std::path::{Path, PathBuf};

/// A command of ours, as words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) line: usize,
    /// Without the program's own name.
    pub(crate) words: Vec<String>,
    /// Why it is not run, where the page says so.
    pub(crate) not_run: Option<String>,
    /// It stands in a block of commands, and not within a sentence.
    pub(crate) in_block: bool,
}

/// README.md and every page of docs/, with its name.
pub(crate) fn pages() -> Vec<(String, String)> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = vec![top.join("README.md")];
    let mut folders = vec![top.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "md") {
                files.push(path);
            }
        }
    }
    files.sort();
    let name = |path: &PathBuf| path.strip_prefix(&top).expect("inside").display().to_string();
    let text = |path: &PathBuf| fs::read_to_string(path).expect("text");
    files.iter().map(|path| (name(path), text(path))).collect()
}

/// Every `belay ...` of a page: in its blocks of commands, and in its inline code.
pub(crate) fn commands(page: &str) -> Vec<Written> {
    let mut found = Vec::new();
    // The fence that is open, and whether what stands in it is commands.
    let mut open: Option<(&str, &str)> = None;
    let mut not_run: Option<String> = None;
    for (index, text) in page.lines().enumerate() {
        let trimmed = text.trim_start();
        let fence = &trimmed[..trimmed.len() - trimmed.trim_start_matches('`').len()];
        match open {
            None if fence.len() >= 3 => open = Some((fence, trimmed[fence.len()..].trim())),
            Some((opened, _)) if trimmed == opened => {
                open = None;
                not_run = None;
            }
            None => {
                if let Some(reason) = trimmed.strip_prefix("<!-- not run: ") {
                    not_run = Some(reason.trim_end_matches("-->").trim().to_owned());
                } else if !trimmed.is_empty() {
                    not_run = None;
                }
                found.extend(inline(text).map(|words| written(index, words, None, false)));
            }
            Some((_, language)) => {
                let line = match language {
                    "sh" | "bash" => Some(trimmed),
                    "console" => trimmed.strip_prefix("$ "),
                    _ => None,
                };
                let ours = line.into_iter().flat_map(ours);
                found.extend(ours.map(|words| written(index, words, not_run.clone(), true)));
            }
        }
    }
    found
}

fn written(index: usize, words: Vec<String>, not_run: Option<String>, in_block: bool) -> Written {
    Written { line: index + 1, words, not_run, in_block }
}

fn inline(line: &str) -> impl Iterator<Item = Vec<String>> {
    let spans = line.split('`').enumerate().filter(|(number, _)| number % 2 == 1);
    spans.filter(|(_, span)| span.starts_with("belay ")).flat_map(|(_, span)| ours(span))
}

/// The calls of belay in a line of shell, which may have several commands and a comment.
fn ours(line: &str) -> Vec<Vec<String>> {
    let of_belay = |mut words: Vec<String>| {
        let is_variable = |word: &String| {
            let name = word.split('=').next().unwrap_or_default();
            word.contains('=') && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
        };
        let first = words.iter().position(|word| !is_variable(word))?;
        words.drain(..first);
        (words.first()? == "belay").then(|| words.split_off(1))
    };
    shell(line).into_iter().filter_map(of_belay).collect()
}

/// The commands of a line as words. What goes into or comes out of a file is left out.
fn shell(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut into_file = false;
    let mut rest = line.chars();
    let end = |word: &mut Option<String>, into_file: &mut bool, all: &mut Vec<Vec<String>>| {
        let Some(word) = word.take() else { return };
        if std::mem::take(into_file) {
            return;
        }
        all.last_mut().expect("one at least").push(word);
    };
    while let Some(c) = rest.next() {
        match c {
            '\'' | '"' => {
                let text: String = rest.by_ref().take_while(|next| *next != c).collect();
                word.get_or_insert_default().push_str(&text);
            }
            '#' if word.is_none() => break,
            ' ' => end(&mut word, &mut into_file, &mut commands),
            '>' | '<' => {
                end(&mut word, &mut into_file, &mut commands);
                into_file = true;
            }
            '|' | '&' | ';' => {
                end(&mut word, &mut into_file, &mut commands);
                commands.push(Vec::new());
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    end(&mut word, &mut into_file, &mut commands);
    commands
}
