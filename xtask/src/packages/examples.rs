//! The programs that readmes tell a stranger to start with: each must end by itself, and well.

use anyhow::{Context as _, ensure};

use crate::cargo::{Cargo, say};
use crate::metadata::{Package, Workspace};
use crate::process;

/// Seconds, and far more than any of them takes.
const LIMIT: &str = "60";

/// Built together, so that nothing is built for one of them alone.
pub(super) fn run(libraries: &[&Package], workspace: &Workspace) -> anyhow::Result<()> {
    let arguments = ["build", "--workspace", "--all-features", "--examples", "--quiet"];
    Cargo::new(&arguments).run(&workspace.top)?;
    for library in libraries {
        let folder = workspace.top.join("crates").join(&library.folder);
        let path = folder.join(library.readme.as_deref().unwrap_or("README.md"));
        let text = std::fs::read_to_string(&path);
        let text = text.with_context(|| format!("reading {}", path.display()))?;
        for name in named(&text) {
            end_well(name, workspace).with_context(|| format!("{}: {name}", library.name))?;
        }
    }
    Ok(())
}

fn end_well(name: &str, workspace: &Workspace) -> anyhow::Result<()> {
    let program = workspace.target.join("debug/examples").join(name);
    let mut command = process::command("timeout", &workspace.top);
    let output = command.arg(LIMIT).arg(program).output().context("timeout cannot be started")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}\n{said}", output.status);
    ensure!(!output.stdout.is_empty(), "it says nothing");
    say(&format!("example {name}: ended well"));
    Ok(())
}

/// Those that a text names, as in `cargo run -p forge --example issues`.
pub(super) fn named(text: &str) -> Vec<&str> {
    let after = text.split("--example ").skip(1);
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    let names = after.map(|rest| rest.split(|letter| !is_name(letter)).next().unwrap_or_default());
    let mut found: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_named_example_is_found_once() {
        let text = "`cargo run --example one_two`, or\ncargo run -p x --example b\n--example b.";
        assert_eq!(named(text), ["b", "one_two"]);
        assert_eq!(named("the examples of `--examples`"), [""; 0]);
    }
}
