//! What people are told when the demo is over: what was shown, where to look at
//! it, how to be rid of it.

use std::path::Path;

use super::evidence::{Evidence, Promise};
use super::folder::Folder;
use crate::environment::Surroundings;

/// What the demo promised, and whether it came out.
pub(crate) fn shown(evidence: &Evidence) -> Vec<String> {
    let heading = [String::new(), "What was shown".to_owned()];
    heading.into_iter().chain(evidence.promises.iter().map(told)).collect()
}

/// Commands that can be copied as they stand there, so they must not be wrapped.
pub(crate) fn commands(
    evidence: &Evidence,
    folder: &Folder,
    program: &Path,
    surroundings: &Surroundings,
) -> Vec<String> {
    let project = quoted(&folder.project);
    let belay = quoted(typed(program, surroundings));
    let run = &evidence.run;
    let mut lines = vec!["Look at it".to_owned()];
    lines.push(format!("  git -C {project} log --stat main..{}", run.branch));
    lines.push(format!("  {belay} --repo {project} runs show {}", run.run));
    lines.extend(
        run.issues.iter().map(|url| format!("  cat {}", quoted(&folder.project.join(url)))),
    );
    lines.push("Remove it".to_owned());
    lines.push(format!("  rm -r {}", quoted(&folder.top)));
    lines
}

/// The program as it can be typed from where the person stands.
fn typed<'a>(program: &'a Path, surroundings: &Surroundings) -> &'a Path {
    let below = program.strip_prefix(&surroundings.here).ok();
    // A bare name would be looked for on PATH.
    below.filter(|path| path.components().count() > 1).unwrap_or(program)
}

fn told(promise: &Promise) -> String {
    let mark = if promise.kept { "ok  " } else { "FAIL" };
    format!("  {mark} {}", promise.what)
}

/// A path as a shell reads it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_can_be_pasted_into_a_shell() {
        for (path, shown) in
            [("/tmp/demo-1", "/tmp/demo-1"), ("/a b", "'/a b'"), ("/it's", "'/it'\\''s'")]
        {
            assert_eq!(quoted(Path::new(path)), shown);
        }
    }
}
