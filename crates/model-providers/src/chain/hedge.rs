//! One visit, or two side by side where the first one is slow.
//!
//! A model that is merely slow fails no timer, and yet its fallback would have answered long ago.
//! The second visit is an ordinary one: it needs its own breaker's permit and its own part of the
//! budget. Whoever gives the first valid answer wins. The other is dropped, which closes its
//! connection and frees its permit without a verdict.

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::time::sleep_until;

use super::visit::Visit;
use super::walk::{Ending, Walk};

impl<'w> Walk<'w> {
    /// Visits a model, and the next one too if `hedge_after` passes meanwhile.
    pub(super) async fn visits(&mut self, first: Visit<'w>) -> Option<Ending> {
        let asking = self.asking;
        let run = |mut visit: Visit<'w>| async move {
            let outcome = asking.tries(&mut visit).await;
            (visit, outcome)
        };
        let position = first.position;
        let hedge_after = self.providers.settings.failover.hedge_after;
        // Two at work in one folder would have each other's files.
        let mut may_hedge = hedge_after.is_some() && asking.request.workplace.is_none();
        let hedge_at = self.providers.clock.after(hedge_after.unwrap_or_default());
        let mut running = FuturesUnordered::new();
        running.push(run(first));
        self.in_flight = 1;
        let mut ending = None;
        while ending.is_none() && !running.is_empty() {
            tokio::select! {
                biased;
                Some((visit, outcome)) = running.next() => {
                    self.in_flight -= 1;
                    ending = self.settle(visit, outcome);
                    // What follows a failure is the next model, at once; or the one under way.
                    may_hedge = false;
                }
                () = sleep_until(hedge_at), if may_hedge => {
                    may_hedge = false;
                    if let Some(second) = self.beside(position).await {
                        running.push(run(second));
                        self.in_flight += 1;
                    }
                }
            }
        }
        drop(running);
        self.in_flight = 0;
        if ending.is_some() {
            self.asking.log.lost();
        }
        ending
    }
}
