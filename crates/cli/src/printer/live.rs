//! What is under way, a line each at the bottom of the terminal.
//!
//! Without it a person sees nothing for the minutes that a model takes, and
//! cannot tell waiting from hanging. Time is counted by the lines themselves.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// Short enough that no second is left out.
const TICK: Duration = Duration::from_millis(250);

/// What a live line is about; lines stand in this order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot {
    /// The work item, where several are done side by side.
    pub(crate) item: Option<usize>,
    /// The role, or what else is at work.
    pub(crate) who: &'static str,
}

/// The live lines; nothing where standard error is no terminal.
#[derive(Debug)]
pub(crate) struct Live {
    lines: Option<MultiProgress>,
    shown: Mutex<BTreeMap<Slot, ProgressBar>>,
}

impl Live {
    /// Draws on standard error, or nowhere.
    pub(crate) fn new(on: bool) -> Self {
        let draw = || MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        Self { lines: on.then(draw), shown: Mutex::default() }
    }

    /// Whether live lines are drawn.
    pub(crate) fn is_on(&self) -> bool {
        self.lines.is_some()
    }

    /// Shows a line until [`Live::end`]; one in the same slot is replaced.
    ///
    /// `text` must be clean; what has no room on one line is cut.
    pub(crate) fn begin(&self, slot: Slot, text: String) {
        let Some(lines) = &self.lines else { return };
        self.end(&slot);
        let mut shown = self.shown();
        let above = shown.range(..&slot).count();
        let bar = ProgressBar::new_spinner().with_style(style()).with_message(text);
        let bar = lines.insert(above, bar);
        bar.tick();
        bar.enable_steady_tick(TICK);
        shown.insert(slot, bar);
    }

    /// Takes a line away.
    pub(crate) fn end(&self, slot: &Slot) {
        let bar = self.shown().remove(slot);
        if let (Some(lines), Some(bar)) = (&self.lines, bar) {
            bar.finish_and_clear();
            lines.remove(&bar);
        }
    }

    /// Takes every line away.
    pub(crate) fn clear(&self) {
        let slots: Vec<Slot> = self.shown().keys().cloned().collect();
        slots.iter().for_each(|slot| self.end(slot));
    }

    /// Writes something permanent while the live lines are out of its way.
    pub(crate) fn aside(&self, write: impl FnOnce()) {
        match &self.lines {
            Some(lines) => lines.suspend(write),
            None => write(),
        }
    }

    fn shown(&self) -> MutexGuard<'_, BTreeMap<Slot, ProgressBar>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn style() -> ProgressStyle {
    let style = ProgressStyle::with_template("{time:>7}  {wide_msg}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
    style.with_key("time", |state: &ProgressState, to: &mut dyn Write| {
        // A line that cannot be drawn now is drawn at the next tick.
        let _drawn = to.write_str(&clock(state.elapsed()));
    })
}

/// Minutes and seconds, as a clock counts them.
fn clock(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use indicatif::{InMemoryTerm, TermLike};

    use super::*;

    fn on(width: u16) -> (Live, InMemoryTerm) {
        let term = InMemoryTerm::new(24, width);
        let target = ProgressDrawTarget::term_like(Box::new(term.clone()));
        let lines = Some(MultiProgress::with_draw_target(target));
        (Live { lines, shown: Mutex::default() }, term)
    }

    fn item(number: usize) -> Slot {
        Slot { item: Some(number), who: "coder" }
    }

    #[test]
    fn lines_stand_in_the_order_of_their_items_however_they_began() {
        let (live, term) = on(40);
        live.begin(item(2), "two".to_owned());
        live.begin(item(1), "one".to_owned());
        assert_eq!(term.contents(), "   0:00  one\n   0:00  two");
        live.begin(item(2), "two again".to_owned());
        assert_eq!(term.contents(), "   0:00  one\n   0:00  two again");
        live.end(&item(1));
        assert_eq!(term.contents(), "   0:00  two again");
        live.clear();
        assert_eq!(term.contents(), "");
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_and_never_wraps() {
        let (live, term) = on(20);
        live.begin(item(1), "abcdefghijklmnopqrstuvwxyz".to_owned());
        assert_eq!(term.contents(), "   0:00  abcdefghijk");
        live.clear();
    }

    #[test]
    fn what_is_permanent_stands_above() {
        let (live, term) = on(40);
        live.begin(item(1), "one".to_owned());
        live.aside(|| term.write_line("permanent").expect("a terminal in memory"));
        assert_eq!(term.contents(), "permanent\n   0:00  one");
        live.clear();
    }

    #[test]
    fn where_there_is_no_terminal_nothing_is_kept() {
        let live = Live::new(false);
        live.begin(item(1), "one".to_owned());
        assert!(live.shown().is_empty());
    }

    #[test]
    fn time_is_told_as_a_clock_tells_it() {
        assert_eq!(clock(Duration::from_millis(59_900)), "0:59");
        assert_eq!(clock(Duration::from_secs(3_725)), "62:05");
    }
}
