//! Issues from outside: the same promises wherever they are kept, then the
//! folder's files as people see and edit them, then GitHub with all that goes
//! wrong on the way there.

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod files;
#[cfg(test)]
mod github;
#[cfg(test)]
mod hands;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod ideas;
#[cfg(test)]
mod looks;
#[cfg(test)]
mod lost;
#[cfg(test)]
mod once;
#[cfg(test)]
mod places;
#[cfg(test)]
mod pulls;
#[cfg(test)]
mod rights;
mod updates;

use std::fs;

use forge::{Folder, Issue, Marker, NewIssue};
use tempfile::TempDir;

/// A repository's top with a folder of issues in it.
struct Top {
    dir: TempDir,
    folder: Folder,
}

impl Top {
    #[expect(clippy::unwrap_used, reason = "a test may fail here")]
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(dir.path().to_owned());
        Self { dir, folder }
    }

    #[expect(clippy::unwrap_used, reason = "a test may fail here")]
    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.dir.path().join(path)).unwrap()
    }

    #[expect(clippy::unwrap_used, reason = "a test may fail here")]
    fn write(&self, path: &str, text: &str) {
        fs::write(self.dir.path().join(path), text).unwrap();
    }

    /// As a person does it in an editor.
    fn edit(&self, issue: &Issue, from: &str, to: &str) {
        let text = self.read(&issue.url);
        assert!(text.contains(from), "{from:?} is not in {text}");
        self.write(&issue.url, &text.replacen(from, to, 1));
    }

    #[expect(clippy::unwrap_used, reason = "a test may fail here")]
    fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path().join(folder)).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn issue(step: &str) -> NewIssue {
    NewIssue {
        title: format!("Milestone 2 needs a person: {step}"),
        body: "Nobody answered.\n\n## What to do\n\n- [ ] write `src/a.rs`".into(),
        labels: vec!["belay".into(), "manual task".into()],
        marker: Marker { run: "01JABCDEFGHJKMNPQRSTVWXYZ0".into(), step: step.into() },
    }
}
