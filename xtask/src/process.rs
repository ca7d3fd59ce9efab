//! Programs that are started here and ended here, by their own id and with a limit.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context as _;

/// A command with nothing on its standard input, in this folder.
#[expect(
    clippy::disallowed_methods,
    reason = "the build tool starts programs; it uses no crate of the product, subprocess included"
)]
pub(crate) fn command(program: impl AsRef<OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).stdin(Stdio::null());
    command
}

/// Standard output of a command that is over at once, such as `--version`; none if it fails.
pub(crate) fn said(command: &mut Command) -> anyhow::Result<Option<String>> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("{name} cannot be started"))?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(output.status.success().then_some(text))
}
