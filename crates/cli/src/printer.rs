//! The only place that writes to the terminal: data to standard output, what
//! is said along the way to standard error. Two writers would tear each
//! other's lines, and the live ones at the bottom.

pub(crate) mod frame;
pub(crate) mod live;
mod queue;
pub(crate) mod text;

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use serde::Serialize;
use terminal_size::{Height, Width, terminal_size_of};

use crate::args::{Color, Format, Global};
use crate::environment::Surroundings;
use crate::error::Code;
use crate::job::{Annotation, Job, command, harmless};
use live::Live;
use queue::Queue;
use text::{clean, flat, wrapped};

/// How what people read is emphasised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it is.
    Plain,
    /// Where something new begins.
    Strong,
    /// It went well.
    Good,
    /// Worth a look.
    Warn,
    /// It went wrong.
    Bad,
    /// Less important.
    Dim,
}

impl Tone {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "1",
            Self::Good => "32",
            Self::Warn => "33",
            Self::Bad => "31",
            Self::Dim => "2",
        }
    }
}

/// How long a print may take where the process is to end at once.
const AT_ONCE: Duration = Duration::from_millis(200);

/// Where the text of a line begins that has a label.
const TEXT_AT: usize = 12;

/// A line with a label in the left column, two columns in.
pub(crate) fn labelled(label: &str, text: &str) -> String {
    format!("  {label:<9} {}", flat(text))
}

/// How far in the continuation of a line stands: under the text that a label
/// has, else two columns further in than the line itself.
fn hang(line: &str) -> usize {
    let column = |at: usize| line.as_bytes().get(at);
    let has_label = line.starts_with("  ") && column(TEXT_AT - 1) == Some(&b' ');
    if has_label && column(TEXT_AT).is_some_and(|byte| *byte != b' ') {
        return TEXT_AT;
    }
    line.len() - line.trim_start().len() + 2
}

/// One line for people. Where it must be wrapped, what follows its first line
/// is indented by `hang` columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) tone: Tone,
    pub(crate) text: String,
    pub(crate) hang: usize,
}

impl Said {
    /// A line on its own; its continuation stands under its text.
    pub(crate) fn new(tone: Tone, text: &str) -> Self {
        let text = flat(text);
        let hang = hang(&text);
        Self { tone, text, hang }
    }

    /// A line with a label in the left column.
    pub(crate) fn labelled(tone: Tone, label: &str, text: &str) -> Self {
        Self { tone, text: labelled(label, text), hang: TEXT_AT }
    }
}

/// Writes what the commands say.
#[derive(Debug)]
pub(crate) struct Printer {
    format: Format,
    colored: bool,
    quiet: bool,
    /// The terminal can do nothing but print.
    dumb: bool,
    /// What is under way; drawn only where standard error is a terminal.
    live: Arc<Live>,
    /// Who prints while a run is worked on.
    queue: OnceLock<Queue>,
    /// That nobody reads was said.
    given_up: AtomicBool,
    /// What GitHub's runner is told besides.
    job: Option<Job>,
    /// Whether lines are folded under a heading there.
    grouped: AtomicBool,
    /// Values that nobody is shown.
    secrets: Vec<String>,
}

impl Printer {
    pub(crate) fn new(global: &Global, surroundings: &Surroundings) -> Self {
        let dumb = surroundings.var("TERM") == Some("dumb");
        let terminal = std::io::stderr().is_terminal() && !dumb;
        let colored = match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && surroundings.var("NO_COLOR").is_none(),
        };
        Self {
            format: global.format,
            colored,
            quiet: global.quiet,
            dumb,
            live: Arc::new(Live::new(terminal && !global.quiet)),
            queue: OnceLock::new(),
            given_up: AtomicBool::new(false),
            job: Job::of(surroundings),
            grouped: AtomicBool::new(false),
            secrets: surroundings.secrets(),
        }
    }

    /// From now on printing waits for no reader: it is done on a thread of its
    /// own, and given up where nobody reads. Other commands wait, as any does.
    pub(crate) fn detach(&self) -> std::io::Result<()> {
        let queue = Queue::begin()?;
        // The demo may begin a run more than once; the first queue stays.
        let _first = self.queue.set(queue);
        Ok(())
    }

    /// Waits until everything is printed, or nobody reads it.
    pub(crate) fn finish(&self) {
        if self.queue.get().is_some_and(|queue| !queue.finish(queue::STALLED)) {
            self.tell_given_up();
        }
    }

    /// Takes the live lines away at once, or leaves them.
    pub(crate) fn abandon(&self) {
        self.on_live(Live::clear);
        if let Some(queue) = self.queue.get() {
            let _all = queue.finish(AT_ONCE);
        }
    }

    fn tell_given_up(&self) {
        if !self.given_up.swap(true, Ordering::Relaxed) {
            last_words("nobody reads the output, so it ends here; `belay runs show` has the run");
        }
    }

    /// Whether live lines are drawn.
    pub(crate) fn is_live(&self) -> bool {
        self.live.is_on()
    }

    /// Changes the live lines, in their turn among what is printed.
    pub(crate) fn on_live(&self, change: impl FnOnce(&Live) + Send + 'static) {
        let live = Arc::clone(&self.live);
        match self.queue.get() {
            None => change(&live),
            Some(queue) => {
                if !queue.hand_over(Box::new(move || change(&live))) {
                    self.tell_given_up();
                }
            }
        }
    }

    pub(crate) fn json(&self) -> bool {
        self.format == Format::Json
    }

    /// One JSON value on one line of standard output.
    pub(crate) fn data(&self, value: &impl Serialize) {
        match serde_json::to_string(value) {
            Ok(line) => self.write_out(&format!("{line}\n")),
            Err(error) => self.error(
                Some(Code::System.slug()),
                &format!("a result could not be written as JSON: {error}"),
            ),
        }
    }

    /// A line of standard output for people; wrapped where that is a terminal.
    pub(crate) fn out(&self, line: &str) {
        let line = clean(line);
        self.write_out(&laid_out(&line, columns(std::io::stdout()), hang(&line), ""));
    }

    /// A line of standard output that is there to be copied: cleaned, never wrapped.
    pub(crate) fn verbatim(&self, line: &str) {
        self.write_out(&format!("{}\n", clean(line)));
    }

    /// A whole document on standard output, as it stands: whoever made it knows what it may hold.
    pub(crate) fn page(&self, text: &str) {
        self.write_out(text);
    }

    /// Whether what people read on standard output can be drawn over.
    pub(crate) fn draws(&self) -> bool {
        !self.json() && !self.dumb && std::io::stdout().is_terminal()
    }

    /// Columns and rows of standard output.
    pub(crate) fn size(&self) -> (usize, usize) {
        let size = terminal_size_of(std::io::stdout());
        let size = size.map(|(Width(columns), Height(rows))| (columns, rows));
        let (columns, rows) =
            size.filter(|(columns, rows)| *columns > 0 && *rows > 0).unwrap_or((80, 24));
        (usize::from(columns), usize::from(rows))
    }

    /// A line as [`Self::out`] prints it where there is no terminal.
    pub(crate) fn plain(&self, line: &str) -> String {
        laid_out(&clean(line), None, 0, "")
    }

    /// Standard output as it stands, and whether anybody reads it.
    pub(crate) fn draw(&self, text: &str) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        out.write_all(self.safe(text).as_bytes())?;
        out.flush()
    }

    /// A line of standard error, unless it is to be quiet.
    pub(crate) fn say(&self, tone: Tone, line: &str) {
        self.say_all(&[Said::new(tone, line)]);
    }

    /// Lines of standard error that stay together, unless it is to be quiet.
    pub(crate) fn say_all(&self, lines: &[Said]) {
        if self.quiet || lines.is_empty() {
            return;
        }
        let columns = columns(std::io::stderr());
        let line = |said: &Said| match (&self.job, said.tone) {
            (Some(_), Tone::Strong) => self.group(&clean(&said.text)),
            _ => {
                let text = clean(&said.text);
                self.safe(&laid_out(&text, columns, said.hang, self.code(said.tone)))
            }
        };
        // A heading stands apart there by being folded.
        let shown = lines.iter().filter(|said| self.job.is_none() || !said.text.is_empty());
        self.write_err(shown.map(line).collect());
    }

    /// What GitHub's runner is told besides, in a job of it.
    pub(crate) fn job(&self) -> Option<&Job> {
        self.job.as_ref()
    }

    /// A mark beside the job.
    pub(crate) fn annotate(&self, annotation: &Annotation) {
        let properties = annotation.properties();
        let properties: Vec<(&str, &str)> =
            properties.iter().map(|(key, value)| (*key, value.as_str())).collect();
        self.tell_runner(annotation.level.command(), &properties, &annotation.message);
    }

    /// Lines that follow stand under no heading.
    pub(crate) fn end_group(&self) {
        if self.grouped.swap(false, Ordering::Relaxed) {
            self.write_err(command("endgroup", &[], ""));
        }
    }

    /// A heading that the lines below it are folded under.
    fn group(&self, heading: &str) -> String {
        let ended = self.grouped.swap(true, Ordering::Relaxed);
        let ended = if ended { command("endgroup", &[], "") } else { String::new() };
        ended + &self.without_secrets(&command("group", &[], heading))
    }

    fn tell_runner(&self, name: &str, properties: &[(&str, &str)], message: &str) {
        let line = command(name, properties, &clean(message));
        self.write_err(self.without_secrets(&line));
    }

    /// Text of whatever origin as it may be printed.
    fn safe(&self, text: &str) -> String {
        let text = self.without_secrets(text);
        if self.job.is_some() { harmless(&text) } else { text }
    }

    /// The text less every value that nobody is shown.
    pub(crate) fn without_secrets(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| {
            if text.contains(secret.as_str()) { text.replace(secret.as_str(), "***") } else { text }
        })
    }

    /// A warning, unless it is to be quiet.
    pub(crate) fn warn(&self, line: &str) {
        if self.job.is_none() {
            self.say(Tone::Warn, &format!("warning: {line}"));
        } else if !self.quiet {
            self.tell_runner("warning", &[], line);
        }
    }

    /// An error by its name: always said, with the lines that it has.
    pub(crate) fn error(&self, code: Option<&str>, message: &str) {
        let code = code.map(|code| format!("[{code}]")).unwrap_or_default();
        if self.job.is_some() {
            self.end_group();
            return self.tell_runner("error", &[], &format!("error{code}: {message}"));
        }
        let columns = columns(std::io::stderr());
        let message = format!("error{code}: {}", clean(message));
        let code = self.code(Tone::Bad);
        let lines = message.lines().map(|line| laid_out(line, columns, 2, code));
        self.write_err(self.safe(&lines.collect::<String>()));
    }

    fn code(&self, tone: Tone) -> &'static str {
        if self.colored { tone.code() } else { "" }
    }

    /// A log line as it stands.
    pub(crate) fn log(&self, line: &str) {
        self.write_err(self.safe(&clean(line)));
    }

    fn write_out(&self, text: &str) {
        let text = self.safe(text);
        // A reader that went away ends the output, not the run.
        self.on_live(move |live| {
            live.aside(|| {
                let _ended = std::io::stdout().lock().write_all(text.as_bytes());
            });
        });
    }

    fn write_err(&self, text: String) {
        self.on_live(move |live| {
            live.aside(|| {
                let _ended = std::io::stderr().lock().write_all(text.as_bytes());
            });
        });
    }
}

/// A warning past everything that waits to be printed, where what waits may
/// hang. Waits for a moment at most.
pub(crate) fn last_words(line: &str) {
    let text = format!("warning: {line}\n");
    let (done, told) = mpsc::channel::<()>();
    let tell = move || {
        let _ended = std::io::stderr().lock().write_all(text.as_bytes());
        drop(done);
    };
    if thread::Builder::new().spawn(tell).is_ok() {
        let _told = told.recv_timeout(AT_ONCE);
    }
}

/// How wide the terminal is; nothing where there is none.
fn columns(stream: impl std::os::fd::AsFd) -> Option<usize> {
    terminal_size_of(stream).map(|(Width(columns), _)| usize::from(columns)).filter(|w| *w > 0)
}

/// A line of somebody's as the lines that have room.
pub(crate) fn broken(line: &str, columns: usize) -> Vec<String> {
    let line = flat(line);
    wrapped(&line, columns, hang(&line))
}

/// The line with its end, wrapped to the columns there are, each line in its colour.
fn laid_out(line: &str, columns: Option<usize>, hang: usize, code: &str) -> String {
    let lines = columns.map_or_else(|| vec![line.to_owned()], |width| wrapped(line, width, hang));
    let mut text = String::new();
    for line in lines {
        // Writing to a string cannot fail.
        let _written = if code.is_empty() || line.is_empty() {
            writeln!(text, "{line}")
        } else {
            writeln!(text, "\u{1b}[{code}m{line}\u{1b}[0m")
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_its_own_colour_and_its_end() {
        let text = laid_out("  one two three", Some(12), 4, "33");
        assert_eq!(text, "\u{1b}[33m  one two\u{1b}[0m\n\u{1b}[33m   three\u{1b}[0m\n");
    }

    #[test]
    fn without_a_terminal_nothing_is_wrapped_or_coloured() {
        let long = "word ".repeat(40);
        assert_eq!(laid_out(&long, None, 2, ""), format!("{long}\n"));
    }

    #[test]
    fn what_has_a_label_goes_on_under_its_text() {
        assert_eq!(hang(&labelled("next", "look at it")), 12);
        assert_eq!(hang("  [one] two"), 4);
        assert_eq!(hang("Run completed"), 2);
    }

    #[test]
    fn what_is_said_is_one_line_whatever_it_holds() {
        let said = Said::new(Tone::Plain, "  a\nRun completed\u{1b}[2J");
        assert_eq!((said.text.as_str(), said.hang), ("  a Run completed[2J", 4));
    }
}
