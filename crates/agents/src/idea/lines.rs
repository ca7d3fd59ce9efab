//! Cutting Markdown into labelled parts.
//!
//! A full Markdown parser would normalise the text and lose what people wrote; all that is needed
//! here is where a part begins. Headings inside fenced code are code, not headings.

/// What a part of an idea is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    Title,
    Description,
    Criteria,
    Files,
    Priority,
    Complexity,
}

impl Label {
    /// The label that a heading, a key or a `Label:` line means, in any usual spelling.
    pub(super) fn of(text: &str) -> Option<Self> {
        let words: Vec<String> = text
            .to_lowercase()
            .split(|letter: char| !letter.is_alphabetic())
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect();
        if words.is_empty() || words.len() > 5 {
            return None;
        }
        Some(match words.join(" ").as_str() {
            "title" | "idea" | "name" | "feature" | "feature request" | "subject" => Self::Title,
            "description" | "summary" | "overview" | "what" | "details" | "body" => {
                Self::Description
            }
            "acceptance" | "criteria" | "requirements" | "definition of done" | "done when"
            | "acceptance tests" | "success criteria" | "done" => Self::Criteria,
            "priority" | "urgency" | "prio" => Self::Priority,
            "complexity"
            | "effort"
            | "size"
            | "difficulty"
            | "estimate"
            | "estimated complexity" => Self::Complexity,
            "paths" | "file list" => Self::Files,
            joined if joined.starts_with("acceptance criteri") => Self::Criteria,
            joined if names_files(joined) => Self::Files,
            _ => return None,
        })
    }

    /// Whether its value ends with its line, so that what follows belongs to what stood before.
    fn is_single_line(self) -> bool {
        matches!(self, Self::Title | Self::Priority | Self::Complexity)
    }
}

/// `Delete unused files` is a title; only these wordings are a list's heading.
fn names_files(words: &str) -> bool {
    const BEFORE: [&str; 12] = [
        "affected", "relevant", "changed", "related", "target", "involved", "modified", "new",
        "source", "key", "touched", "likely",
    ];
    const AFTER: [&str; 4] = ["affected", "changed", "involved", "touched"];
    match words.strip_prefix("files") {
        Some("") => true,
        Some(rest) => rest.starts_with(" to ") || AFTER.contains(&rest.trim_start()),
        None => {
            words.strip_suffix(" files").is_some_and(|word| BEFORE.contains(&word))
                || words == "file"
        }
    }
}

/// The text under one heading, or before the first.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// The heading's text; empty before the first heading and under a `Label:` line.
    pub(super) heading: String,
    /// What the heading means, if it is a known one.
    pub(super) label: Option<Label>,
    /// Whether nothing but known headings stood before it.
    pub(super) may_be_title: bool,
    /// The lines under it.
    pub(super) body: String,
}

/// Cuts a text at its headings and its `Label:` lines.
pub(super) fn parts(text: &str) -> Vec<Part> {
    let lines: Vec<&str> = text.lines().collect();
    let mut parts = vec![Part::default()];
    let mut fence: Option<String> = None;
    let mut free_text = false;
    let mut skip_underline = false;
    for (index, line) in lines.iter().enumerate() {
        if std::mem::take(&mut skip_underline) {
            continue;
        }
        track_fence(&mut fence, line);
        let within = parts.last().and_then(|part| part.label);
        let opening = if fence.is_some() {
            None
        } else {
            opening(line, lines.get(index + 1).copied(), within)
        };
        // `Name: ...` in the middle of a text is a sentence, not the idea's title.
        let opening = opening
            .filter(|begun| !(free_text && begun.inline && begun.part.label == Some(Label::Title)));
        if let Some(mut begun) = opening {
            skip_underline = begun.underlined;
            begun.part.may_be_title = !free_text;
            free_text |= begun.part.label.is_none();
            let ends_here = begun.inline && begun.part.label.is_some_and(Label::is_single_line);
            parts.push(begun.part);
            if ends_here {
                parts.push(Part { label: within, ..Part::default() });
            }
        } else if let Some(part) = parts.last_mut() {
            free_text |= part.label.is_none() && !line.trim().is_empty();
            part.body.push_str(line);
            part.body.push('\n');
        }
    }
    parts
}

fn track_fence(fence: &mut Option<String>, line: &str) {
    let line = line.trim_start();
    let Some(mark) = line.chars().next().filter(|mark| matches!(mark, '`' | '~')) else {
        return;
    };
    let run: String = line.chars().take_while(|letter| *letter == mark).collect();
    if run.len() < 3 {
        return;
    }
    match fence {
        Some(open) if run.starts_with(open.as_str()) && line.trim() == run => *fence = None,
        Some(_) => {}
        None => *fence = Some(run),
    }
}

struct Opening {
    part: Part,
    /// The next line is the heading's underline.
    underlined: bool,
    /// The value stands on the same line.
    inline: bool,
}

/// What begins at this line, if anything does.
fn opening(line: &str, next: Option<&str>, within: Option<Label>) -> Option<Opening> {
    let trimmed = line.trim();
    if let Some(heading) = atx(line) {
        return Some(headed(&heading, false));
    }
    if is_underline(next) && plain_start(trimmed) {
        return Some(headed(trimmed, true));
    }
    // A bullet of a list stays in its list: `- Size: at most 10` is a criterion.
    let listed = without_marker(trimmed) != trimmed
        && matches!(within, Some(Label::Criteria | Label::Files));
    let part = labelled(trimmed).filter(|_| !listed)?;
    let inline = !part.body.trim().is_empty();
    Some(Opening { part, underlined: false, inline })
}

fn headed(heading: &str, underlined: bool) -> Opening {
    let heading = bare(heading);
    match labelled(&heading) {
        Some(part) => Opening { inline: !part.body.trim().is_empty(), part, underlined },
        None => {
            let part = Part { label: Label::of(&heading), heading, ..Part::default() };
            Opening { part, underlined, inline: false }
        }
    }
}

fn atx(line: &str) -> Option<String> {
    let indent = line.len() - line.trim_start().len();
    let marks = line.trim_start().chars().take_while(|letter| *letter == '#').count();
    let text = line.trim_start().trim_start_matches('#');
    if indent > 3 || !(1..=6).contains(&marks) || !text.starts_with([' ', '\t']) {
        return None;
    }
    let text = text.trim();
    // Closing marks are marks only after a blank: `# About C#` is about C#.
    let unmarked = text.trim_end_matches('#');
    Some(if unmarked.ends_with([' ', '\t']) { unmarked.trim_end() } else { text }.to_owned())
}

fn is_underline(next: Option<&str>) -> bool {
    next.map(str::trim).is_some_and(|next| {
        next.len() >= 3
            && (next.bytes().all(|byte| byte == b'=') || next.bytes().all(|byte| byte == b'-'))
    })
}

fn plain_start(line: &str) -> bool {
    line.chars().next().is_some_and(|first| first.is_alphanumeric() || first == '*')
}

/// `**Files**`, `Files:`, `**Priority:** high`, `- Complexity: low`: a known label at a line's start.
fn labelled(line: &str) -> Option<Part> {
    let line = without_marker(line);
    let bold = line.starts_with("**") || line.starts_with("__");
    if let Some((name, value)) = line.split_once(':') {
        let label =
            Label::of(name).filter(|_| name.chars().count() <= 40 && !name.contains('`'))?;
        let value = value.trim_start_matches(['*', '_']).trim();
        return Some(Part { label: Some(label), body: format!("{value}\n"), ..Part::default() });
    }
    let name = line.trim_matches(['*', '_']);
    if bold && line.len() > name.len() + 3 {
        return Label::of(name).map(|label| Part { label: Some(label), ..Part::default() });
    }
    None
}

/// A line without its list marker and checkbox.
fn without_marker(line: &str) -> &str {
    let line = line.trim();
    let unmarked = ["- ", "* ", "+ ", "• ", "– "]
        .iter()
        .find_map(|mark| line.strip_prefix(mark))
        .or_else(|| {
            let rest = line.trim_start_matches(|letter: char| letter.is_ascii_digit());
            if rest.len() == line.len() {
                return None;
            }
            rest.strip_prefix(". ").or_else(|| rest.strip_prefix(") "))
        });
    let Some(text) = unmarked.map(str::trim_start) else {
        return line;
    };
    let boxed = ["[ ]", "[x]", "[X]", "[]"].iter().find_map(|mark| text.strip_prefix(mark));
    boxed.unwrap_or(text).trim()
}

/// A line without list marker, emphasis, heading marks and a closing colon.
pub(super) fn bare(line: &str) -> String {
    let line = without_marker(line.trim().trim_start_matches('#'));
    let line = line.trim().trim_end_matches(':').trim();
    for mark in ["**", "__", "`", "\"", "*", "_"] {
        let inner = line.strip_prefix(mark).and_then(|line| line.strip_suffix(mark));
        if let Some(inner) = inner.filter(|inner| !inner.contains(mark)) {
            return inner.trim_end_matches(':').trim().to_owned();
        }
    }
    line.to_owned()
}

/// The entries of a list: bullets with their continuation lines, else paragraphs' lines.
pub(super) fn items(text: &str) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        if line.trim().is_empty() {
            open = false;
            continue;
        }
        let unmarked = without_marker(line);
        let marked = unmarked != line.trim();
        match items.last_mut() {
            Some(last) if open && !marked && line.starts_with([' ', '\t']) => {
                last.push(' ');
                last.push_str(unmarked);
            }
            _ => items.push(unmarked.to_owned()),
        }
        open = true;
    }
    items.retain(|item| item.chars().any(char::is_alphanumeric));
    items
}
