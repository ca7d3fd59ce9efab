//! A run as people watch it: lines that stay, and lines of what is under way.
//!
//! A minute without a sign is a hang to whoever looks at it, and what scrolls
//! past all night must be worth reading: what a live line shows, no other says.

mod lines;

use std::sync::{Arc, Mutex, PoisonError};

use orchestrator::event::StepName;
use orchestrator::{Event, Line, Listener, Role};

use crate::job::Annotations;
use crate::printer::live::{Live, Slot};
use crate::printer::text::flat;
use crate::printer::{Printer, Said};
use lines::{label, lines};

/// Shows every event: as JSON on standard output where asked for, and always
/// as lines on standard error; on a terminal also as what is under way.
pub(crate) struct Screen {
    printer: Arc<Printer>,
    annotations: Mutex<Annotations>,
}

impl Screen {
    pub(crate) fn new(printer: Arc<Printer>) -> Self {
        Self { printer, annotations: Mutex::default() }
    }

    /// The marks beside the job that the event brings.
    fn annotate(&self, event: &Event) {
        if self.printer.job().is_none() {
            return;
        }
        let mut annotations = self.annotations.lock().unwrap_or_else(PoisonError::into_inner);
        annotations.of(event).iter().for_each(|mark| self.printer.annotate(mark));
    }

    /// The lines of an event, less what is to be seen elsewhere.
    fn told(&self, event: &Event) -> Vec<Said> {
        let live = self.printer.is_live();
        match event {
            // The live line tells it, and the permanent line at its end.
            Event::AttemptStarted { attempt, .. } if live => {
                lines(event).into_iter().take(usize::from(*attempt == 1)).collect()
            }
            // The summary follows on standard output.
            Event::RunFinished { .. } if !self.printer.json() => Vec::new(),
            _ => lines(event),
        }
    }

    /// Takes away the live lines of what is over.
    fn end(&self, event: &Event) {
        let end = |slot: Slot| self.printer.on_live(move |live| live.end(&slot));
        match event {
            Event::AttemptFailed { role, item, .. }
            | Event::AttemptSucceeded { role, item, .. } => {
                end(slot(*role, *item));
            }
            Event::ItemSucceeded { item, .. } | Event::ItemFailed { item, .. } => {
                end(slot(Role::Coder, Some(*item)));
            }
            Event::StepStarted { .. } | Event::TestsPassed { .. } | Event::TestsFailed { .. } => {
                end(TESTS);
            }
            Event::MilestoneRolledBack { .. } | Event::RunFinished { .. } => {
                self.printer.on_live(Live::clear);
            }
            _ => {}
        }
    }

    /// Shows what is under way from now on.
    fn begin(&self, event: &Event) {
        let begin = |slot: Slot, text: String| {
            self.printer.on_live(move |live| live.begin(slot, text));
        };
        match event {
            Event::AttemptStarted { role, model, attempt, item, .. } => {
                let who = item.map(|_| format!("{role} ")).unwrap_or_default();
                let text = format!("{:<10}{who}{model} (try {attempt})", label(*role, *item));
                begin(slot(*role, *item), flat(&text));
            }
            Event::StepStarted { step: StepName::Prepare | StepName::Test, .. } => {
                begin(TESTS, "tests     running".to_owned());
            }
            _ => {}
        }
    }
}

/// The project's own tests, which may take as long as a model.
const TESTS: Slot = Slot { item: None, who: "tests" };

fn slot(role: Role, item: Option<usize>) -> Slot {
    Slot { item, who: role.as_str() }
}

impl Listener for Screen {
    fn event(&self, line: &Line) {
        if self.printer.json() {
            self.printer.data(&line.to_json());
        }
        self.end(&line.event);
        self.printer.say_all(&self.told(&line.event));
        self.annotate(&line.event);
        self.begin(&line.event);
    }
}

impl Drop for Screen {
    /// However the run ended, the terminal is left as it was found.
    fn drop(&mut self) {
        self.printer.on_live(Live::clear);
    }
}

/// The beginning of a commit id.
pub(crate) fn short(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}

/// Milliseconds as people read them.
pub(crate) fn seconds(millis: u64) -> String {
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..60_000 => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
        60_000..3_600_000 => format!("{} min {} s", millis / 60_000, millis % 60_000 / 1_000),
        // A rest for a key that is refused lasts as long as the process, and says a year.
        31_536_000_000.. => "the rest of this run".to_owned(),
        _ => format!("{} h {} min", millis / 3_600_000, millis % 3_600_000 / 60_000),
    }
}
