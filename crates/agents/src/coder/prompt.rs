//! What a coder is told and shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::CoderInput;
use crate::answers::Milestone;
use crate::asking::{Asking, Failed, Settings, Unwritable};
use crate::divide::Action;
use crate::earlier;
use crate::excerpts::Focus;
use crate::fence;
use crate::fit::{Part, Priority, Sheet};
use crate::idea::answers;
use crate::legible::legible;
use crate::source::{Known, View};

const MAX_CONTEXT_FILES: usize = 10;

const SYSTEM: &str = "You are a coder of an autonomous development system. You carry out your part of one milestone, \
completely: what you answer is checked, reviewed and committed as it is, and nobody fills gaps afterwards.

- Change only the files listed as yours. Others are being worked on by somebody else or are not part of this.
- One entry in files for each file: path; action (create, modify or delete); from, null; explanation, one sentence; and either \
content, the whole new text of the file, or edits. The other one is null; for a deletion both are.
- edits: each has search, a text that occurs exactly once in the file as it stands, copied exactly with its white space, \
and replace. They are applied in order. Use edits for existing files, unless they are short or most of the file changes.
- A file that is shown as excerpts is not shown whole: change it by edits only. The line numbers are not part of it.
- What is said to be missing of earlier milestones does not exist: do not import, call, link or test it, unless it is \
among your files.
- No placeholders, no left-out code, no `rest unchanged`: every function is written out and works.
- Keep to the style of the code around, and to what the project's own files (AGENTS.md and the like) say about working in \
it. Write or extend the tests that are among your files.
- notes: what you did. If nothing is to do, because it is done already: files empty, and notes `nothing to do: ` and why. \
That holds only if your files are all there as they should be: a file to create that is missing is never done already, nor \
is one to delete that is still there. A file that comes back as it was is no work.";

/// What a program is told that works on the files themselves.
const AT_WORK: &str = "You are a coder of an autonomous development system, at work in a copy of the repository: the \
folder you were started in. Carry out your part of one milestone there, completely, by changing the files. When you end, \
what lies in the files is checked, reviewed and committed as it is, and nobody fills gaps afterwards.

- Change only the files listed as yours. Others are being worked on by somebody else or are not part of this. Leave no \
other file behind, no backup and no report.
- Do not commit, switch branches, stash, push or change git's settings: nothing of that is taken, only the files are.
- What is said to be missing of earlier milestones does not exist: do not import, call, link or test it, unless it is \
among your files.
- No placeholders, no left-out code: every function is written out and works.
- Keep to the style of the code around, and to what the project's own files (AGENTS.md and the like) say about working in \
it. Write or extend the tests that are among your files.
- Nobody reads along or answers questions: decide yourself, and say in your last message what you decided.
- End with a short account of what you did. If nothing is to do, because it is done already, change nothing and say \
`nothing to do: ` and why.";

/// The files that lie before the coder, and what was asked for in vain.
pub(super) struct Desk {
    /// The texts, by path.
    pub(super) texts: BTreeMap<String, String>,
    /// The project's own rules among them.
    rules: Vec<String>,
    /// What the plan lets the coder read, then what it asked for.
    further: Vec<String>,
    /// What it asked for that is no text, or too large.
    unreadable: Vec<String>,
    /// Says which files no model writes.
    unwritable: Unwritable,
}

impl Desk {
    /// The item's files, those it reads, and the project's own rules.
    pub(super) async fn open(
        asking: &Asking<'_>,
        input: &CoderInput<'_>,
        view: &View<'_>,
        settings: &Settings,
    ) -> Result<Self, Failed> {
        let own: Vec<String> = input.item.files.iter().map(|file| file.path.clone()).collect();
        let not_own = |path: &&String| !own.contains(path);
        let rules: Vec<String> = settings
            .context_files
            .iter()
            .filter(not_own)
            .take(MAX_CONTEXT_FILES)
            .cloned()
            .collect();
        let further: Vec<String> = input
            .item
            .read
            .iter()
            .filter(not_own)
            .filter(|path| !rules.contains(path))
            .cloned()
            .collect();
        let wanted: Vec<String> = own.iter().chain(&rules).chain(&further).cloned().collect();
        let texts = view.read(asking, &wanted).await?;
        let unwritable = Arc::clone(&settings.unwritable);
        Ok(Self { texts, rules, further, unreadable: Vec::new(), unwritable })
    }

    /// What the coder saw, or was told that it cannot see.
    pub(super) fn seen(&self) -> impl Iterator<Item = &String> {
        self.texts.keys().chain(&self.unreadable)
    }

    /// Adds the files that the coder asked for.
    pub(super) async fn add(
        &mut self,
        asking: &Asking<'_>,
        view: &View<'_>,
        paths: &[String],
    ) -> Result<(), Failed> {
        let read = view.read(asking, paths).await?;
        for path in paths {
            let list =
                if read.contains_key(path) { &mut self.further } else { &mut self.unreadable };
            if !list.contains(path) {
                list.push(path.clone());
            }
        }
        self.texts.extend(read);
        Ok(())
    }
}

/// The prompt; `rounds` is how often the coder may still ask for files.
pub(super) fn changes(input: &CoderInput<'_>, known: &Known, desk: &Desk, rounds: u32) -> Sheet {
    let milestone = input.plan.milestones.get(input.milestone).cloned().unwrap_or_default();
    let focus = Arc::new(focus(input, &milestone));
    let mut parts = vec![
        Part::material("your files", Priority::Subject, &own_files(input, known, desk), &[])
            .required(),
        Part::material("idea", Priority::Near, &idea(input), &[8_000, 2_500, 800]).required(),
    ];
    parts.extend(answers::part(input.idea));
    parts.push(
        Part::material(
            "milestone",
            Priority::Subject,
            &describe(input, &milestone),
            &[5_000, 1_500],
        )
        .required(),
    );
    parts.extend(earlier::part(input.earlier));
    for file in &input.item.files {
        if let Some(text) = desk.texts.get(&file.path) {
            parts.push(Part::file(&file.path, text, Priority::Subject, &focus).required());
        }
    }
    let shown = |paths: &[String], priority, share| -> Vec<Part> {
        let texts = paths.iter().filter_map(|path| Some((path, desk.texts.get(path)?)));
        texts.map(|(path, text)| Part::file(path, text, priority, &focus).share(share)).collect()
    };
    if !desk.unreadable.is_empty() {
        let name = "asked for, but no text or too large";
        let unreadable = desk.unreadable.join("\n");
        parts.push(Part::material(name, Priority::Near, &unreadable, &[1_000]));
    }
    parts.extend(shown(&desk.further, Priority::Near, 60));
    parts.extend(shown(&desk.rules, Priority::Far, 15));
    if rounds > 0 {
        let ranked = focus.words.rank(known.visible(), &[]);
        parts.push(Part::paths("paths in the repository", Priority::Far, &ranked).share(15));
    }
    parts.extend(findings(input));
    Sheet {
        system: format!("{SYSTEM}{}\n\n{}", answers::rule(input.idea), fence::RULE),
        parts,
        closing: closing(input, known, rounds),
    }
}

/// The prompt of a program that reads and changes the files itself.
pub(super) fn work(
    input: &CoderInput<'_>,
    known: &Known,
    desk: &Desk,
    settings: &Settings,
) -> Sheet {
    let milestone = input.plan.milestones.get(input.milestone).cloned().unwrap_or_default();
    let own = own_files(input, known, desk);
    let mut parts = vec![
        Part::material("your files", Priority::Subject, &own, &[]).required(),
        Part::material("idea", Priority::Near, &idea(input), &[8_000]).required(),
    ];
    parts.extend(answers::part(input.idea));
    let described = describe(input, &milestone);
    parts.push(Part::material("milestone", Priority::Subject, &described, &[5_000]).required());
    parts.extend(earlier::part(input.earlier));
    parts.extend(findings(input));
    let mut closing = "Do your part of the milestone now, in the files.".to_owned();
    if settings.work.allow_outside {
        closing.push_str(
            " A further file that nobody else of the milestone has may be changed where your part needs it.",
        );
    }
    if !input.findings.is_empty() {
        closing.push_str(" Mend what stands under `what must be mended`.");
    }
    Sheet {
        system: format!("{AT_WORK}{}\n\n{}", answers::rule(input.idea), fence::RULE),
        parts,
        closing,
    }
}

/// What a review or a test run found. Its output comes with colours, and with whatever tests print.
fn findings(input: &CoderInput<'_>) -> Option<Part> {
    let findings = legible(&input.findings.join("\n\n"));
    let sizes = [16_000, 5_000, 1_500];
    let part = Part::material("what must be mended", Priority::Subject, &findings, &sizes);
    (!input.findings.is_empty()).then(|| part.required())
}

fn closing(input: &CoderInput<'_>, known: &Known, rounds: u32) -> String {
    let mut text = String::new();
    if rounds > 0 {
        text.push_str(
            "If you must see further existing files first, answer with files empty and their paths in needs_files; \
             you will be asked again with them.\n",
        );
    } else {
        text.push_str(
            "No more files can be had: needs_files stays empty or null. Work with what you see.\n",
        );
    }
    if may_rename(input, known) {
        text.push_str(
            "If one of your files to create is one of your files to delete under another path, say so in one entry: action \
             rename, path the new path, from the old one; content and edits are null, or say what changes in the text it \
             had. The deletion needs no entry then.\n",
        );
    }
    if !input.findings.is_empty() {
        text.push_str("An earlier attempt at this milestone had the faults under `what must be mended`; answer without them.\n");
    }
    text.push_str("Do your part of the milestone. Answer with one JSON object by schema changes, and with nothing else.");
    text
}

/// Whether the item has a file that may become another one.
fn may_rename(input: &CoderInput<'_>, known: &Known) -> bool {
    let has = |action: Action, exists: bool| {
        let files = &input.item.files;
        files.iter().any(|file| file.action == action && known.exists(&file.path) == exists)
    };
    has(Action::Delete, true) && has(Action::Create, false)
}

fn focus(input: &CoderInput<'_>, milestone: &Milestone) -> Focus {
    let paths: Vec<String> = input.item.files.iter().map(|file| file.path.clone()).collect();
    let mut texts =
        vec![input.idea.title.as_str(), milestone.name.as_str(), milestone.description.as_str()];
    texts.extend(milestone.tests.iter().map(String::as_str));
    texts.extend(input.findings.iter().map(String::as_str));
    Focus::of(texts, &paths)
}

fn own_files(input: &CoderInput<'_>, known: &Known, desk: &Desk) -> String {
    let line = |file: &crate::divide::PlannedFile| {
        if let Some(why) = (desk.unwritable)(&file.path) {
            return format!("{}: leave it out, {why}", file.path);
        }
        let state = match (known.exists(&file.path), desk.texts.contains_key(&file.path)) {
            (true, true) => "",
            (true, false) => " (exists; is no text that can be shown)",
            (false, _) if is_deleted(input, &file.path) => {
                " (deleted by this milestone; leave it out, unless it must come back)"
            }
            (false, _) if file.action == Action::Create => "",
            (false, _) => " (does not exist yet)",
        };
        format!("{} {}{state}", file.action.as_str(), file.path)
    };
    input.item.files.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Whether the plan deletes the file.
pub(super) fn is_deleted(input: &CoderInput<'_>, path: &str) -> bool {
    let planned = input.plan.milestones.get(input.milestone);
    planned.is_some_and(|planned| planned.files.delete.iter().any(|deleted| deleted == path))
}

fn idea(input: &CoderInput<'_>) -> String {
    let mut text = format!("{}\n\n{}\n", input.idea.title, input.idea.description);
    push_list(&mut text, "It is done when", &input.idea.criteria);
    text
}

fn describe(input: &CoderInput<'_>, milestone: &Milestone) -> String {
    let milestones = &input.plan.milestones;
    let mut text = format!(
        "Milestone {} of {}: {}\n{}\n",
        input.milestone + 1,
        milestones.len(),
        milestone.name,
        milestone.description
    );
    push_list(&mut text, "It is tested by", &milestone.tests);
    let own = |path: &&String| !input.item.files.iter().any(|file| file.path == **path);
    let others: Vec<String> = milestone.files.iter().filter(own).cloned().collect();
    push_list(&mut text, "Files of this milestone that others change at the same time", &others);
    let later: Vec<String> =
        milestones.iter().skip(input.milestone + 1).map(|later| later.name.clone()).collect();
    push_list(&mut text, "Later milestones, not to be done now", &later);
    text
}

fn push_list(text: &mut String, name: &str, list: &[String]) {
    if !list.is_empty() {
        text.push_str(&format!("\n{name}:\n- {}\n", list.join("\n- ")));
    }
}

#[cfg(test)]
mod tests;
