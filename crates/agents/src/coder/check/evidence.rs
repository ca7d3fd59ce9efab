//! Whether an answer is evidence that the work was done.
//!
//! A model that is out of its depth gives back what it got, a blank line more, an empty file, or the
//! claim that all is there already. Each of these would be committed as done. So what the plan wants
//! has to be seen in the changes or in the tree, and only what cannot be seen there is believed, and
//! only when it is said in so many words.

use super::{ItemRules, NAMED};
use crate::coder::ResolvedChange;
use crate::divide::{Action, PlannedFile};

/// Letters that a reason has at least, beside the words that say that nothing is to do.
const REASON_LETTERS: usize = 8;

impl ItemRules {
    /// Trap 43: an answer that changes nothing is none, unless it says why nothing is to do.
    pub(super) fn check_evidence(
        &self,
        changes: &[ResolvedChange],
        unchanged: &[String],
        notes: &str,
    ) -> Result<(), String> {
        self.check_missing(changes)?;
        if changes.is_empty() && !says_nothing_to_do(notes) {
            return Err(nothing_changed(unchanged));
        }
        self.check_coverage(changes, notes)?;
        self.check_emptied(changes)?;
        if !changes.is_empty()
            && !self.mending
            && changes.iter().all(is_idle)
            && !says_why_idle(notes)
        {
            return Err("the answer changes nothing but white space. Give the changes that the milestone asks for; only \
                        if it asks for just that, write `only white space: ` and the reason into notes"
                .to_owned());
        }
        Ok(())
    }

    /// A file that is not there cannot be done already, nor one that is to go and is still there,
    /// whatever the notes say.
    fn check_missing(&self, changes: &[ResolvedChange]) -> Result<(), String> {
        let undone = |file: &&PlannedFile| {
            let wanted = file.action != Action::Delete;
            self.known.exists(&file.path) != wanted && self.is_left_out(file, changes)
        };
        let named: Vec<String> = self
            .files
            .iter()
            .filter(undone)
            .take(NAMED)
            .map(|file| match file.action {
                Action::Delete => format!("{} (still there)", file.path),
                Action::Create | Action::Modify => format!("{} (not there yet)", file.path),
            })
            .collect();
        if named.is_empty() {
            return Ok(());
        }
        Err(format!(
            "these files of yours are left out: {}. They cannot be done already. Give all of your files in one answer",
            named.join(", ")
        ))
    }

    /// A file that was to be made and is there already may not be passed over in silence: it is
    /// perhaps another one. One that is to be modified may need no change.
    fn check_coverage(&self, changes: &[ResolvedChange], notes: &str) -> Result<(), String> {
        let left_out =
            |file: &&PlannedFile| file.action == Action::Create && self.is_left_out(file, changes);
        let left_out: Vec<&str> =
            self.files.iter().filter(left_out).map(|file| file.path.as_str()).take(NAMED).collect();
        if left_out.is_empty() || says_nothing_to_do(notes) {
            return Ok(());
        }
        Err(format!(
            "these files of yours are left out: {}. Give all of your files in one answer",
            left_out.join(", ")
        ))
    }

    /// A file without text is no work, unless it is of a kind that has none or is said to have none.
    fn check_emptied(&self, changes: &[ResolvedChange]) -> Result<(), String> {
        for change in changes {
            let Some(after) = change.after.as_deref().filter(|after| after.trim().is_empty())
            else {
                continue;
            };
            let path = &change.path;
            match self.text_before(change) {
                Some(before) if !before.trim().is_empty() => {
                    return Err(format!(
                        "{path}: nothing is left of the file's text; give its whole new text, or edits"
                    ));
                }
                Some(before) if before == after => {}
                _ if may_be_empty(path) || change.explanation.to_lowercase().contains("empty") => {}
                _ => {
                    return Err(format!(
                        "{path} has no text. Give its content, or say in its explanation that it is to be empty"
                    ));
                }
            }
        }
        Ok(())
    }

    fn is_left_out(&self, file: &PlannedFile, changes: &[ResolvedChange]) -> bool {
        !self.optional.contains(&file.path)
            && !changes.iter().any(|change| change.path == file.path)
    }
}

fn nothing_changed(unchanged: &[String]) -> String {
    let mut why = "the answer changes nothing".to_owned();
    if !unchanged.is_empty() {
        let named: Vec<&str> = unchanged.iter().take(NAMED).map(String::as_str).collect();
        why.push_str(&format!(": these files come back as they were: {}", named.join(", ")));
    }
    why.push_str(
        ". Give the changes that the milestone asks for; only if really nothing is to do, write `nothing to do: ` and \
         the reason into notes",
    );
    why
}

/// Whether only blanks at line ends and blank lines differ.
fn is_idle(change: &ResolvedChange) -> bool {
    let (Some(before), Some(after)) = (&change.before, &change.after) else {
        return false;
    };
    fn lines(text: &str) -> impl Iterator<Item = &str> {
        text.lines().map(str::trim_end).filter(|line| !line.is_empty())
    }
    lines(before).eq(lines(after))
}

/// Files whose being there is all that they are for.
fn may_be_empty(path: &str) -> bool {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    name.starts_with('.')
        || matches!(name, "__init__.py" | "__init__.pyi" | "py.typed" | "conftest.py")
}

fn says_why_idle(notes: &str) -> bool {
    says(notes, &["only white space", "only whitespace"])
}

/// Whether a sentence of the notes begins by saying that nothing is to do, and there is a reason.
fn says_nothing_to_do(notes: &str) -> bool {
    const WORDINGS: [&str; 11] = [
        "nothing to do",
        "nothing is to do",
        "nothing needs to be done",
        "nothing to change",
        "nothing needs to change",
        "no change is needed",
        "no change is required",
        "no changes needed",
        "no changes are needed",
        "no changes are required",
        "no changes are necessary",
    ];
    says(notes, &WORDINGS)
}

fn says(notes: &str, wordings: &[&str]) -> bool {
    let notes = notes.to_lowercase();
    let letters = |text: &str| text.chars().filter(|letter| letter.is_alphanumeric()).count();
    notes.split(['.', '!', ';', ':', ',', '\n']).any(|sentence| {
        let bare = sentence.trim_start_matches(|letter: char| !letter.is_alphanumeric());
        let bare = ["there is ", "there's ", "there was ", "so ", "therefore "]
            .iter()
            .find_map(|start| bare.strip_prefix(start))
            .unwrap_or(bare);
        wordings.iter().any(|words| {
            bare.starts_with(words) && letters(&notes) >= letters(words) + REASON_LETTERS
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_nothing_is_to_do_counts_only_with_a_reason() {
        for (notes, expected) in [
            ("nothing to do: `greet` takes a name already", true),
            ("Nothing to do - `greet` takes a name already", true),
            ("The form is there. No changes are needed.", true),
            ("src/a.rs: nothing to do, it has the field", true),
            ("There is nothing to change because b calls c already", true),
            ("nothing to do", false),
            ("Nothing to do.", false),
            ("nothing to do: ok", false),
            ("done", false),
            ("It is not so that nothing to do remains in the code", false),
            ("Removed the branch that had nothing to do with mail", false),
            ("", false),
        ] {
            assert_eq!(says_nothing_to_do(notes), expected, "{notes:?}");
        }
    }
}
