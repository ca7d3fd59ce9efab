//! `belay config show`: every setting as it is meant now, and where it came from. Changes nothing
//! and asks no model; of a key only its variable's name is shown.

use serde_json::{Value, json};

use crate::args::{ConfigCommand, Global};
use crate::config::{self, Setting, flow};
use crate::environment::Surroundings;
use crate::error::{Code, CommandResult, fail};
use crate::exit::Exit;
use crate::printer::Printer;
use crate::project;

/// A longer key or value pushes what follows it to the right.
const WIDEST_KEY: usize = 44;
const WIDEST_VALUE: usize = 48;

/// Runs the subcommand.
pub(crate) async fn run(
    global: &Global,
    surroundings: &Surroundings,
    printer: &Printer,
    command: ConfigCommand,
) -> CommandResult {
    let ConfigCommand::Show = command;
    let repository = project::repository(global, surroundings).await?;
    let file = global.config.as_deref().filter(|file| !file.as_os_str().is_empty());
    let text = project::config_text(file, repository.top(), surroundings)?;
    let environment = project::environment(text.as_ref(), surroundings, true).await?;
    let text = text.as_ref().map(|(name, text)| (name.as_str(), text.as_str()));
    let loaded = config::load(text, &environment).map_err(|why| fail(Code::Config, why))?;
    for warning in &loaded.warnings {
        printer.warn(warning);
    }
    let settings = config::settings(text, &environment, &loaded.config);
    let settings = settings.map_err(|why| fail(Code::Config, why))?;
    if printer.json() {
        let settings: Vec<Value> = settings.iter().map(object).collect();
        let file = text.map(|(name, _)| name);
        printer.data(&json!({ "file": file, "settings": settings }));
    } else {
        lines(&settings).iter().for_each(|line| printer.out(line));
    }
    Ok(Exit::Success)
}

fn object(setting: &Setting) -> Value {
    let mut object = json!({
        "key": setting.key,
        "value": setting.value,
        "source": setting.origin.name(),
    });
    if let Some(is_set) = setting.is_set {
        object["is_set"] = json!(is_set);
    }
    object
}

/// Those that somebody or something said first, then those that have their default.
fn lines(settings: &[Setting]) -> Vec<String> {
    let rows: Vec<[String; 3]> = settings.iter().map(row).collect();
    let width = |column: usize, most: usize| {
        let lengths =
            rows.iter().filter_map(|row| row.get(column).map(|text| text.chars().count()));
        lengths.filter(|length| *length <= most).max().unwrap_or(0)
    };
    let (keys, values) = (width(0, WIDEST_KEY), width(1, WIDEST_VALUE));
    let (said, default): (Vec<_>, Vec<_>) =
        rows.iter().partition(|[_, _, origin]| origin != "default");
    let gap = (!said.is_empty() && !default.is_empty()).then(String::new);
    let line =
        |[key, value, origin]: &[String; 3]| format!("{key:<keys$}  {value:<values$}  {origin}");
    said.into_iter().map(line).chain(gap).chain(default.into_iter().map(line)).collect()
}

fn row(setting: &Setting) -> [String; 3] {
    let value = flow(&setting.value);
    let value = match setting.is_set {
        Some(true) => format!("{value} (set)"),
        Some(false) => format!("{value} (not set)"),
        None => value,
    };
    [setting.key.clone(), value, setting.origin.name()]
}
