//! `belay init`: what a repository needs to be worked in. Never overwrites.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::args::{Global, InitArgs};
use crate::config::Config;
use crate::environment::Surroundings;
use crate::error::{Code, CommandError, CommandResult, fail};
use crate::exit::Exit;
use crate::printer::Printer;
use crate::project;

/// Every line is a comment: without changes it means what no file means.
const CONFIG: &str = include_str!("../../data/belay.yaml");
const IDEAS: &str = include_str!("../../data/ideas-readme.md");
/// With `{minute}` and `{action}` left open.
const WORKFLOW: &str = include_str!("../../data/workflow.yml");
/// Hours are busy at their beginning.
const FIRST_MINUTE: u8 = 7;
const MINUTES: u8 = 50;

/// Runs the command; `--schema` prints the config's JSON Schema and writes nothing.
///
/// What stands in a config that is there already does not matter: what it lacks, such as a key,
/// may come later.
pub(crate) async fn run(
    global: &Global,
    surroundings: &Surroundings,
    printer: &Printer,
    args: &InitArgs,
) -> CommandResult {
    if args.schema {
        printer.data(&Config::json_schema());
        return Ok(Exit::Success);
    }
    let repository = project::repository(global, surroundings).await?;
    let top = repository.top();
    let workflow = workflow(top);
    let files = [
        ("belay.yaml", CONFIG),
        ("ideas/README.md", IDEAS),
        ("ideas/backlog/.gitkeep", ""),
        (".github/workflows/belay.yml", workflow.as_str()),
    ];
    // All are looked at before the first is written.
    for (path, _) in files {
        project::plain_folders(top, path)?;
    }
    let mut told = Vec::new();
    for (path, content) in files {
        let written = write_new(&top.join(path), content)?;
        if !printer.json() {
            let what = if written { "written" } else { "there already" };
            printer.out(&format!("{path}: {what}"));
        }
        told.push(json!({ "path": path, "written": written }));
    }
    if printer.json() {
        printer.data(&json!({ "files": told }));
    }
    Ok(Exit::Success)
}

/// The hourly workflow, which gets belay by the action of the same release. The minute is the
/// repository's own, so that not all begin at the same one.
fn workflow(top: &Path) -> String {
    let name = top.file_name().unwrap_or_default().as_encoded_bytes();
    let minute = FIRST_MINUTE + Sha256::digest(name)[0] % MINUTES;
    let repository = env!("CARGO_PKG_REPOSITORY").trim_start_matches("https://github.com/");
    let action = format!("{repository}@v{}", env!("CARGO_PKG_VERSION"));
    WORKFLOW.replace("{minute}", &minute.to_string()).replace("{action}", &action)
}

/// Whether the file was made; one that is there stays as it is.
fn write_new(path: &Path, content: &str) -> Result<bool, CommandError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => {
            file.write_all(content.as_bytes())?;
            Ok(true)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists && !path.is_file() => {
            Err(fail(Code::InTheWay, format!("{} is there and is no file", path.display())))
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error.into()),
    }
}
