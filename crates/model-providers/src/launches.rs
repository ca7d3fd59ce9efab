//! Programs that die as soon as they are started.
//!
//! A program that is gone, has lost its login or does not run on this machine dies for every model,
//! item and role alike. With a count for each of these, a hundred items make a hundred dead starts
//! before anybody notices. So starts are counted by program: after three that died in a row it is
//! not started any more until one probe lives; and until a start has shown whether it lives, no more
//! are under way than may still die.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use circuit_breaker::{
    Event, OwnedPermit, Recorded, Registry, RegistrySnapshot, Settings, State, Status,
};
use tokio::sync::Notify;

use crate::clock::Clock;

/// A start that lasts so long without a word lives; one that has ended by then is dead.
pub(crate) const MOMENTS: Duration = Duration::from_secs(5);
/// So many dead ones in a row.
const MOST_DEAD: u32 = 3;

/// The starts of every program.
pub(crate) struct Launches {
    breakers: Registry<String, Clock>,
    /// By program, how many are in their first moments.
    starting: Mutex<BTreeMap<String, u32>>,
    /// Some start has shown whether it lives.
    shown: Notify,
}

/// One start. Dropped before it showed whether it lives, it says nothing.
pub(crate) struct Launch {
    launches: Arc<Launches>,
    key: String,
    permit: Mutex<Option<OwnedPermit<Clock>>>,
}

enum Entry {
    Entered(Launch),
    /// As many as may still die are under way.
    Full,
    /// Too many have died.
    Stopped,
}

impl Launches {
    /// As long as a model's breaker they stay open.
    pub(crate) fn new(settings: &Settings, clock: Clock) -> Arc<Self> {
        let settings = Settings {
            failure_threshold: MOST_DEAD,
            consecutive_failures: Some(MOST_DEAD),
            // Only those in a row count.
            monitoring_window: Duration::ZERO,
            failure_rate: None,
            probes: 1,
            successes_to_close: 1,
            ..settings.clone()
        };
        let breakers = Registry::new(settings, clock);
        Arc::new(Self { breakers, starting: Mutex::default(), shown: Notify::new() })
    }

    /// Leave to start a program, waited for while others show whether theirs live, which takes
    /// them moments. None if too many have died.
    pub(crate) async fn enter(self: &Arc<Self>, key: &str) -> Option<Launch> {
        loop {
            let mut shown = pin!(self.shown.notified());
            shown.as_mut().enable();
            match self.look(key) {
                Entry::Entered(launch) => return Some(launch),
                Entry::Stopped => return None,
                Entry::Full => shown.await,
            }
        }
    }

    /// The same without a wait.
    pub(crate) fn enter_now(self: &Arc<Self>, key: &str) -> Option<Launch> {
        match self.look(key) {
            Entry::Entered(launch) => Some(launch),
            Entry::Full | Entry::Stopped => None,
        }
    }

    fn look(self: &Arc<Self>, key: &str) -> Entry {
        let mut starting = self.starting();
        let breaker = self.breakers.breaker(&key.to_owned());
        let status = breaker.status();
        let under_way = starting.get(key).copied().unwrap_or_default();
        let may_die = MOST_DEAD.saturating_sub(status.failures).max(1);
        if status.state == State::Closed && under_way >= may_die {
            return Entry::Full;
        }
        let Ok(permit) = breaker.try_acquire_owned() else {
            return Entry::Stopped;
        };
        starting.insert(key.to_owned(), under_way.saturating_add(1));
        let permit = Mutex::new(Some(permit));
        Entry::Entered(Launch { launches: Arc::clone(self), key: key.to_owned(), permit })
    }

    /// How a program stands.
    pub(crate) fn status(&self, key: &str) -> Status {
        self.breakers.breaker(&key.to_owned()).status()
    }

    pub(crate) fn reset(&self, key: Option<&str>) {
        self.breakers.reset(key.map(str::to_owned).as_ref());
    }

    pub(crate) fn events(&self) -> Vec<Event<String>> {
        self.breakers.drain_events()
    }

    pub(crate) fn snapshot(&self) -> RegistrySnapshot<String> {
        self.breakers.snapshot()
    }

    pub(crate) fn restore(&self, known: &RegistrySnapshot<String>) {
        self.breakers.restore(known);
    }

    fn starting(&self) -> MutexGuard<'_, BTreeMap<String, u32>> {
        self.starting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Launch {
    /// It has said something, or has been there for a while.
    pub(crate) fn lives(&self) {
        self.show(OwnedPermit::success);
    }

    /// It could not be started, or ended in failure within moments without a word. Nothing where
    /// it has shown before that it lives.
    pub(crate) fn died(&self) {
        self.show(OwnedPermit::failure);
    }

    /// Under the lock, so that nobody enters between the verdict and the end of the start.
    fn show(&self, how: impl FnOnce(OwnedPermit<Clock>) -> Recorded) {
        let mut starting = self.launches.starting();
        let permit = self.permit.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(permit) = permit else {
            return;
        };
        if how(permit) == Recorded::Stale {
            tracing::debug!("a start showed whether it lives after its breaker had moved on");
        }
        if let Some(under_way) = starting.get_mut(&self.key) {
            *under_way = under_way.saturating_sub(1);
        }
        drop(starting);
        self.launches.shown.notify_waiters();
    }

    pub(crate) fn has_shown(&self) -> bool {
        self.permit.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}

impl Drop for Launch {
    fn drop(&mut self) {
        self.show(OwnedPermit::ignore);
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;
    use tokio::time::sleep;

    use super::*;

    fn launches() -> Arc<Launches> {
        Launches::new(&Settings::default(), Clock::new())
    }

    /// Trap 50: 99 items do not make 99 dead starts.
    #[tokio::test(start_paused = true)]
    async fn of_a_hundred_at_once_three_die_and_the_others_do_not_start() {
        let launches = launches();
        let asking = (0..100).map(|_| async {
            let Some(launch) = launches.enter("a").await else {
                return 0;
            };
            sleep(Duration::from_millis(300)).await;
            launch.died();
            1
        });
        assert_eq!(join_all(asking).await.into_iter().sum::<u32>(), 3);
        assert_eq!(launches.status("a").to_string(), "OPEN");
        assert_eq!(launches.status("b").to_string(), "CLOSED");
    }

    /// Also where they die one after the other, each at a time of its own.
    #[tokio::test(start_paused = true)]
    async fn no_more_are_under_way_than_may_still_die() {
        let launches = launches();
        let asking = (0..20).map(|number| {
            let launches = Arc::clone(&launches);
            async move {
                let launch = launches.enter("a").await?;
                sleep(Duration::from_millis(100 * (number + 1))).await;
                launch.died();
                Some(())
            }
        });
        assert_eq!(join_all(asking).await.into_iter().flatten().count(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_live_make_room_for_the_next() {
        let clock = Clock::new();
        let launches = Launches::new(&Settings::default(), clock);
        let began = clock.instant();
        let asking = (0..30).map(|_| async {
            let launch = launches.enter("a").await.unwrap();
            sleep(Duration::from_millis(100)).await;
            launch.lives();
            // Whatever comes later is no matter of the start.
            launch.died();
        });
        join_all(asking).await;
        assert_eq!(clock.instant().duration_since(began), Duration::from_secs(1));
        assert_eq!(launches.status("a").to_string(), "CLOSED");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_lives_begins_the_count_again() {
        let launches = launches();
        for shows in ["dies", "dies", "lives", "dies", "dies"] {
            sleep(Duration::from_millis(1)).await;
            let launch = launches.enter("a").await.unwrap();
            if shows == "dies" { launch.died() } else { launch.lives() }
        }
        assert_eq!(launches.status("a").to_string(), "MONITORING (2/3)");
    }

    #[tokio::test(start_paused = true)]
    async fn after_its_time_one_probe_finds_out_and_the_others_go_on_at_once() {
        let launches = launches();
        for _ in 0..3 {
            launches.enter("a").await.unwrap().died();
        }
        assert!(launches.enter("a").await.is_none());
        sleep(Duration::from_mins(1)).await;
        let probe = launches.enter("a").await.unwrap();
        assert!(launches.enter("a").await.is_none());
        assert!(launches.enter_now("a").is_none());
        // Given up by its caller: the next one is the probe.
        drop(probe);
        let probe = launches.enter("a").await.unwrap();
        probe.lives();
        assert!(launches.enter("a").await.is_some());
        assert_eq!(launches.status("a").to_string(), "CLOSED");
    }

    #[tokio::test(start_paused = true)]
    async fn a_start_that_was_given_up_says_nothing_and_holds_nobody_up() {
        let launches = launches();
        let given_up: Vec<Launch> = (0..3).filter_map(|_| launches.enter_now("a")).collect();
        assert!(launches.enter_now("a").is_none());
        let next = launches.enter("a");
        drop(given_up);
        assert!(next.await.is_some());
        assert_eq!(launches.status("a").to_string(), "CLOSED");
    }
}
