//! What is printed while a run is worked on, on a thread of its own: a pipe
//! that nobody reads, or a terminal that is held, would else hold the journal's
//! writer, and with it signals and the time limit.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, io, thread};

use crate::clock;

/// Prints kept while the output is slow.
const MOST: usize = 4096;
/// How long, in all, a full queue may hold up whoever prints.
const PATIENCE: Duration = Duration::from_secs(3);
/// Output that takes nothing for as long as this at the end has no reader.
pub(crate) const STALLED: Duration = Duration::from_secs(2);

type Print = Box<dyn FnOnce() + Send>;

/// A handle to the thread that prints, in the order in which it is handed over.
pub(crate) struct Queue {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Print>,
    /// One is being printed at this moment.
    printing: bool,
    /// How many were printed.
    printed: u64,
    /// How long a full queue has held somebody up.
    held_up: Duration,
    given_up: bool,
}

impl Queue {
    /// Starts the thread; it ends with the process.
    pub(crate) fn begin() -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let printing = Arc::clone(&shared);
        thread::Builder::new().name("printer".to_owned()).spawn(move || printing.print_all())?;
        Ok(Self { shared })
    }

    /// Has it printed soon. Waits only while the queue is full; false where
    /// that took too long, from then on for every print.
    pub(crate) fn hand_over(&self, print: Print) -> bool {
        let mut state = self.shared.state();
        if !state.given_up && state.waiting.len() >= MOST {
            let since = clock::now();
            let left = PATIENCE.saturating_sub(state.held_up);
            let full = |state: &mut State| state.waiting.len() >= MOST && !state.given_up;
            state = self.shared.wait(state, left, full);
            state.held_up += since.elapsed();
            if state.waiting.len() >= MOST {
                state.give_up();
                self.shared.changed.notify_all();
            }
        }
        if !state.given_up {
            state.waiting.push_back(print);
            self.shared.changed.notify_all();
        }
        !state.given_up
    }

    /// Waits until all is printed; false where nothing could be printed for as
    /// long as `stalled`.
    pub(crate) fn finish(&self, stalled: Duration) -> bool {
        let mut state = self.shared.state();
        while state.printing || !state.waiting.is_empty() {
            let before = state.printed;
            let same = |state: &mut State| state.printed == before && !state.given_up;
            state = self.shared.wait(state, stalled, same);
            if state.given_up || state.printed == before {
                state.give_up();
                return false;
            }
        }
        true
    }
}

impl State {
    fn give_up(&mut self) {
        self.given_up = true;
        self.waiting.clear();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while the condition holds, at most for as long as `limit`.
    fn wait<'a>(
        &self,
        state: MutexGuard<'a, State>,
        limit: Duration,
        condition: impl FnMut(&mut State) -> bool,
    ) -> MutexGuard<'a, State> {
        let waited = self.changed.wait_timeout_while(state, limit, condition);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn print_all(&self) {
        loop {
            let state = self.state();
            let state = self.changed.wait_while(state, |state| state.waiting.is_empty());
            let mut state = state.unwrap_or_else(PoisonError::into_inner);
            let Some(print) = state.waiting.pop_front() else { continue };
            state.printing = true;
            drop(state);
            print();
            let mut state = self.state();
            state.printing = false;
            state.printed += 1;
            drop(state);
            self.changed.notify_all();
        }
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn prints_in_order_and_to_the_end() {
        let queue = Queue::begin().expect("a thread");
        let (sender, printed) = mpsc::channel();
        for number in 0..10_000 {
            let sender = sender.clone();
            assert!(queue.hand_over(Box::new(move || sender.send(number).expect("a reader"))));
        }
        assert!(queue.finish(STALLED));
        assert!(printed.try_iter().eq(0..10_000));
    }

    #[test]
    fn output_that_nobody_reads_is_given_up_and_holds_nobody_up_again() {
        let queue = Queue::begin().expect("a thread");
        let (release, held) = mpsc::channel::<()>();
        queue.hand_over(Box::new(move || assert!(held.recv().is_err())));
        // One is being printed, or all of them wait.
        let taken = (0..=MOST + 1).filter(|_| queue.hand_over(Box::new(|| ()))).count();
        assert!(taken <= MOST, "{taken}");
        assert!(!queue.hand_over(Box::new(|| ())));
        assert!(!queue.finish(STALLED));
        drop(release);
    }
}
