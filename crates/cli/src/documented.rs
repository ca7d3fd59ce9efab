//! What the pages say of the command line holds: every `belay ...` on them is one that it takes.

#[path = "../tests/it/markdown.rs"]
mod markdown;

use clap::Parser as _;
use clap::error::ErrorKind;

use self::markdown::{Written, commands, pages};
use crate::args::Cli;

/// What the parser says of a command that it does not take; nothing if it takes it.
fn refused(written: &Written) -> Option<String> {
    // Where any command may stand, one of them does.
    let words = written.words.iter().map(|word| if word == "COMMAND" { "run" } else { word });
    let error = Cli::try_parse_from(["belay"].into_iter().chain(words)).err()?;
    let is_fine = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => true,
        // A sentence may name a command without all that it takes.
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        | ErrorKind::MissingSubcommand
        | ErrorKind::MissingRequiredArgument => !written.in_block,
        // Or write `--parallel N`.
        ErrorKind::ValueValidation | ErrorKind::InvalidValue => {
            !written.in_block && written.words.iter().any(|word| is_placeholder(word))
        }
        _ => false,
    };
    (!is_fine).then(|| error.to_string().lines().next().unwrap_or_default().to_owned())
}

fn is_placeholder(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_uppercase() || "_-".contains(c))
}

#[test]
fn every_command_on_a_page_is_one_that_there_is() {
    let mut refusals = Vec::new();
    let mut seen = 0;
    for (page, text) in pages() {
        for written in commands(&text) {
            seen += 1;
            if let Some(why) = refused(&written) {
                let line =
                    format!("{page}:{}: belay {}: {why}", written.line, written.words.join(" "));
                refusals.push(line);
            }
        }
    }
    assert!(seen > 50, "only {seen} were found");
    assert!(refusals.is_empty(), "{}", refusals.join("\n"));
}

#[test]
fn a_flag_that_is_not_there_is_found_wherever_it_stands() {
    let page = "a `belay run --fersh` here\n\n```sh\nKEY=x belay idea new 'a b' > file && belay stauts # belay nothing\n```\n";
    let commands = commands(page);
    let words: Vec<&[String]> = commands.iter().map(|written| &written.words[..]).collect();
    assert_eq!(words, [&["run", "--fersh"][..], &["idea", "new", "a b"], &["stauts"]]);
    let refused: Vec<bool> = commands.iter().map(|written| refused(written).is_some()).collect();
    assert_eq!(refused, [true, false, true]);
}

#[test]
fn a_block_may_say_why_it_is_not_run() {
    let page = "<!-- not run: it kills -->\n```console\n$ belay run\nbelay is output\n```\n\n```sh\nbelay run\n```\n";
    let reasons: Vec<Option<String>> = commands(page).into_iter().map(|one| one.not_run).collect();
    assert_eq!(reasons, [Some("it kills".to_owned()), None]);
}
