//! What each command says of itself.

use clap::{Command, CommandFactory as _};

use crate::args::{Cli, GLOBAL};

/// The width of a page of code.
const WIDTH: usize = 100;

const HEAD: &str = "\
## Commands

Each in its own words (`belay COMMAND -h`). The global options of the first stand at every command.
";

pub(super) fn part() -> String {
    let mut text = HEAD.to_owned();
    // What a variable holds now is this machine's.
    let program = Cli::command().mut_arg("config", |config| config.hide_env_values(true));
    let mut program = program.term_width(WIDTH);
    program.build();
    add(&program, "belay", &mut text);
    text
}

fn add(command: &Command, name: &str, text: &mut String) {
    let help = command.clone().term_width(WIDTH).render_help().to_string();
    // Said once, at the top.
    let help = match help.split_once(&format!("\n{GLOBAL}:")) {
        Some((own, _)) if name != "belay" => own.to_owned(),
        _ => help,
    };
    let lines = help.lines().map(str::trim_end).filter(|line| !is_help_flag(line));
    let help = lines.collect::<Vec<_>>().join("\n");
    text.push_str(&format!("\n### {name}\n\n```\n{}\n```\n", help.trim_end()));
    let visible = command.get_subcommands().filter(|one| one.get_name() != "help");
    for below in visible.filter(|one| !one.is_hide_set()) {
        add(below, &format!("{name} {}", below.get_name()), text);
    }
}

/// Every command has it.
fn is_help_flag(line: &str) -> bool {
    line.trim_start().starts_with("-h, --help")
}
