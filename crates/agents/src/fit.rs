//! Fitting a prompt into a window.
//!
//! A prompt that is cut at its end loses the part that mattered, and one that overflows is refused
//! after it was paid for. So a prompt is made of parts with several forms each, from whole to least:
//! first the least of everything required, then richer forms, by priority, while there is room. What
//! had no room is named, so that nobody takes a missing file for one that does not exist.

use std::sync::Arc;

use model_providers::{Message, MessageRole, Prompt, TooLarge, estimate_tokens};

use crate::excerpts::Focus;
use crate::fence;

/// What is put into a window of unknown size at most, in tokens, unless more is required.
const UNKNOWN_WINDOW: u64 = 100_000;
/// Bytes of the excerpts of a file that is not shown whole.
const EXCERPTS: [usize; 4] = [48_000, 16_000, 5_000, 1_500];
/// How many paths a list of paths shows.
const PATHS: [usize; 8] = [4000, 2000, 1000, 500, 250, 120, 60, 25];
/// The longest list of left-out names, in bytes.
const LEFT_OUT_BYTES: usize = 900;

/// What comes first when there is little room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Priority {
    /// What is asked, and the files it is asked about.
    Subject,
    /// What the subject cannot be understood without.
    Near,
    /// What helps.
    Far,
}

/// One part of a prompt.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    name: String,
    priority: Priority,
    required: bool,
    /// The percentage of the window that this part may take.
    share: u64,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    /// The forms of a text, the richest first.
    Texts(Vec<String>),
    /// A file: whole, then ever shorter excerpts.
    File { text: String, focus: Arc<Focus> },
    /// Paths, the nearest first: ever fewer of them.
    Paths(Vec<String>),
}

impl Part {
    /// A text of ours, shown as it is.
    pub(crate) fn text(name: &str, priority: Priority, text: impl Into<String>) -> Self {
        Self::new(name, priority, Body::Texts(vec![text.into()]))
    }

    /// Material of others: whole, then with its middle cut out to each of these sizes in bytes.
    pub(crate) fn material(name: &str, priority: Priority, text: &str, sizes: &[usize]) -> Self {
        let whole = std::iter::once(fence::around(name, text));
        let shorter = sizes
            .iter()
            .filter(|size| text.len() > **size)
            .map(|size| fence::around(name, &shorten(text, *size)));
        Self::new(name, priority, Body::Texts(whole.chain(shorter).collect()))
    }

    /// A file, whole or as excerpts.
    pub(crate) fn file(path: &str, text: &str, priority: Priority, focus: &Arc<Focus>) -> Self {
        Self::new(path, priority, Body::File { text: text.to_owned(), focus: Arc::clone(focus) })
    }

    /// A list of paths, ranked.
    pub(crate) fn paths(name: &str, priority: Priority, ranked: &[&str]) -> Self {
        let ranked = ranked.iter().take(PATHS[0]).map(|path| (*path).to_owned()).collect();
        Self::new(name, priority, Body::Paths(ranked))
    }

    fn new(name: &str, priority: Priority, body: Body) -> Self {
        Self { name: name.to_owned(), priority, required: false, share: 100, body }
    }

    /// Without this part in its least form the prompt makes no sense.
    pub(crate) fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// Limits the part to a percentage of the window.
    pub(crate) fn share(self, percent: u64) -> Self {
        Self { share: percent, ..self }
    }

    /// How many forms there are.
    fn forms(&self) -> usize {
        match &self.body {
            Body::Texts(forms) => forms.len(),
            Body::File { text, .. } => {
                1 + EXCERPTS.iter().filter(|size| text.len() > **size).count()
            }
            Body::Paths(paths) => 1 + PATHS.iter().filter(|count| paths.len() > **count).count(),
        }
    }

    /// The form of this index; 0 is the richest.
    fn form(&self, index: usize) -> String {
        match &self.body {
            Body::Texts(forms) => forms.get(index).cloned().unwrap_or_default(),
            Body::File { text, .. } if index == 0 => {
                fence::around(&format!("file {}", self.name), text)
            }
            Body::File { text, focus } => {
                let sizes: Vec<usize> =
                    EXCERPTS.iter().copied().filter(|size| text.len() > *size).collect();
                let excerpt = focus.excerpt(
                    &self.name,
                    text,
                    sizes.get(index - 1).copied().unwrap_or_default(),
                );
                let name = format!(
                    "excerpts, with line numbers that are not part of it, of the large file {}",
                    self.name
                );
                fence::around(&name, &excerpt)
            }
            Body::Paths(paths) => self.path_list(paths, index),
        }
    }

    fn path_list(&self, paths: &[String], index: usize) -> String {
        let counts = PATHS.iter().copied().filter(|count| paths.len() > *count);
        let count = std::iter::once(paths.len()).chain(counts).nth(index).unwrap_or_default();
        let mut shown: Vec<&str> = paths.iter().take(count).map(String::as_str).collect();
        shown.sort_unstable();
        let cut = if count < paths.len() {
            format!(" (the {count} nearest; others exist)")
        } else {
            String::new()
        };
        fence::around(&format!("{}{cut}", self.name), &shown.join("\n"))
    }
}

/// A text with its middle cut out, the end kept longer than the beginning: errors stand at the end.
pub(crate) fn shorten(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let head = text.floor_char_boundary(bytes / 3);
    let tail = text.ceil_char_boundary(text.len() - bytes.saturating_sub(bytes / 3));
    format!("{}\n[… {} bytes are left out here …]\n{}", &text[..head], tail - head, &text[tail..])
}

/// A prompt: standing orders, parts in the order in which they are read, and what is asked at last.
#[derive(Clone, Debug)]
pub(crate) struct Sheet {
    pub(crate) system: String,
    pub(crate) parts: Vec<Part>,
    pub(crate) closing: String,
}

impl Prompt for Sheet {
    fn messages(&self, max_input_tokens: Option<u64>) -> Result<Vec<Message>, TooLarge> {
        let mut filling = Filling::least(self, max_input_tokens.unwrap_or(UNKNOWN_WINDOW));
        if let Some(available) = max_input_tokens
            && filling.used > available
        {
            return Err(TooLarge { needed: filling.used, available });
        }
        for priority in [Priority::Subject, Priority::Near, Priority::Far] {
            filling.enrich(self, priority);
        }
        Ok(vec![
            Message { role: MessageRole::System, content: self.system.clone() },
            Message { role: MessageRole::User, content: filling.render(self) },
        ])
    }
}

/// Which form of each part is taken, and what that costs.
struct Filling {
    /// The index of the form, and its text.
    taken: Vec<Option<(usize, String)>>,
    window: u64,
    used: u64,
}

impl Filling {
    fn least(sheet: &Sheet, window: u64) -> Self {
        let taken: Vec<_> =
            sheet.parts.iter().map(|part| part.required.then(|| last_form(part))).collect();
        let fixed = estimate_tokens(&sheet.system) + cost(&sheet.closing);
        let note = if sheet.parts.iter().all(|part| part.required) { 0 } else { left_out_tokens() };
        let used = fixed + note + taken.iter().flatten().map(|(_, text)| cost(text)).sum::<u64>();
        Self { taken, window, used }
    }

    /// Gives the parts of this priority richer forms while there is room, the poorest part first.
    fn enrich(&mut self, sheet: &Sheet, priority: Priority) {
        let mut open: Vec<usize> = (0..sheet.parts.len())
            .filter(|index| {
                sheet.parts[*index].priority == priority && sheet.parts[*index].forms() > 0
            })
            .collect();
        while let Some(next) = (0..open.len()).min_by_key(|at| self.cost_of(open[*at])) {
            let index = open[next];
            if !self.step(&sheet.parts[index], index) {
                open.remove(next);
            }
        }
    }

    fn cost_of(&self, index: usize) -> u64 {
        self.taken[index].as_ref().map_or(0, |(_, text)| cost(text))
    }

    /// Takes the next richer form; false when there is none or no room for it.
    fn step(&mut self, part: &Part, index: usize) -> bool {
        let (next, old) = match &self.taken[index] {
            Some((0, _)) => return false,
            Some((form, text)) => (form - 1, cost(text)),
            None => (part.forms() - 1, 0),
        };
        let text = part.form(next);
        let new = cost(&text);
        let limit = self.window.saturating_mul(part.share) / 100;
        if new > limit || self.used - old + new > self.window {
            return false;
        }
        self.used = self.used - old + new;
        self.taken[index] = Some((next, text));
        next > 0
    }

    fn render(self, sheet: &Sheet) -> String {
        let missing: Vec<&str> = sheet
            .parts
            .iter()
            .zip(&self.taken)
            .filter(|(part, taken)| taken.is_none() && part.forms() > 0)
            .map(|(part, _)| part.name.as_str())
            .collect();
        let mut text: String =
            self.taken.into_iter().flatten().map(|(_, text)| text + "\n").collect();
        if !missing.is_empty() {
            text.push_str(&left_out(&missing));
            text.push('\n');
        }
        text + &sheet.closing
    }
}

fn last_form(part: &Part) -> (usize, String) {
    let last = part.forms().saturating_sub(1);
    (last, part.form(last))
}

/// One more than the estimate, for the line between two parts.
fn cost(text: &str) -> u64 {
    estimate_tokens(text) + 1
}

fn left_out_tokens() -> u64 {
    estimate_tokens(&" ".repeat(LEFT_OUT_BYTES + 150))
}

/// Names what had no room, in at most [`LEFT_OUT_BYTES`] and a few.
fn left_out(names: &[&str]) -> String {
    let mut list = String::new();
    for (index, name) in names.iter().enumerate() {
        let name = crate::answers::one_line(name, 200);
        if list.len() + name.len() + 1 > LEFT_OUT_BYTES {
            list.push_str(&format!("and {} more\n", names.len() - index));
            break;
        }
        list.push_str(&name);
        list.push('\n');
    }
    fence::around("left out for want of room", &list)
}

#[cfg(test)]
mod tests;
