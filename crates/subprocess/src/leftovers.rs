//! What a process of ours left running when it was killed: found by the mark of
//! an owner that is gone, and ended. Hourly runs would else leave a few more
//! servers and watchers each time, until the machine is full of them.
//!
//! Only processes of this user, whose mark was set by an owner on this machine,
//! since it was started, and within this container, that is known to be gone;
//! never this process nor one that it descends from. Linux only: elsewhere
//! nothing is found, and [`Swept::complete`] says so.

use std::time::Duration;

use crate::mark::Mark;

/// A process whose owner is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// Its process id.
    pub pid: u32,
    /// Its program's name, cut off after 15 bytes.
    pub program: String,
    /// By which it was found.
    pub mark: Mark,
    /// With the process id, this process and no other.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "nothing is found"))]
    started: u64,
}

/// What became of the leftovers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// Those that have ended.
    pub ended: Vec<Leftover>,
    /// Those that have not: they hang inside the kernel.
    pub remaining: Vec<Leftover>,
    /// Whether all processes were looked at. Not so where the system does not
    /// show them, or when the time was over.
    pub complete: bool,
}

/// The leftovers there are now, at most 4096, by rising process id. Blocks for
/// some milliseconds as a rule.
#[must_use]
pub fn leftovers() -> Vec<Leftover> {
    #[cfg(target_os = "linux")]
    return linux::look(&|_| true).unwrap_or_default();
    #[cfg(not(target_os = "linux"))]
    return Vec::new();
}

/// Ends the leftovers and everybody who descends from them: SIGTERM, and after
/// half of `limit` SIGKILL to whoever is left, until nobody is found any more or
/// `limit` is over. Without leftovers it takes one look. From then on every
/// command of this process bears a [`Mark`].
///
/// When it is dropped it goes on in the background until then. Must be called
/// within a tokio runtime with time enabled; blocks none of its workers.
pub async fn sweep(limit: Duration) -> Swept {
    Mark::begin();
    #[cfg(target_os = "linux")]
    return linux::sweep(limit, |_| true).await;
    #[cfg(not(target_os = "linux"))]
    {
        let _nothing_to_wait_for = limit;
        Swept::default()
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeSet;
    use std::thread;
    use std::time::Duration;

    use rustix::process::{Signal, getpid};
    use tokio::task::spawn_blocking;
    use tokio::time::{Instant, timeout};

    use super::{Leftover, Swept};
    use crate::clock;
    use crate::descendants::Descendants;
    use crate::mark::Mark;
    use crate::processes::{self, Facts};

    /// More at once are not looked for.
    const MOST: usize = 4096;

    /// How often it is looked whether they have ended.
    const BEAT: Duration = Duration::from_millis(10);

    /// How long a look may take beyond the limit. Longer means that it hangs at
    /// a process that hangs itself.
    const SLACK: Duration = Duration::from_secs(1);

    /// No process has more ancestors; a loop cannot be, but for races.
    const GENERATIONS: usize = 1000;

    /// Those with a mark for which `wanted` holds.
    pub(super) async fn sweep(
        limit: Duration,
        wanted: impl Fn(&Mark) -> bool + Send + 'static,
    ) -> Swept {
        let begun = clock::now();
        let work = spawn_blocking(move || end(begun, limit, &wanted));
        match timeout(limit.saturating_add(SLACK), work).await {
            Ok(Ok(swept)) => swept,
            Ok(Err(error)) => {
                tracing::warn!(%error, "leftovers could not be swept");
                Swept::default()
            }
            Err(_) => {
                tracing::warn!("sweeping leftovers takes too long");
                Swept::default()
            }
        }
    }

    /// `None` where processes are not shown.
    pub(super) fn look(wanted: &dyn Fn(&Mark) -> bool) -> Option<Vec<Leftover>> {
        if !processes::are_ours() {
            return None;
        }
        let spared = ancestors();
        let mut buffer = Vec::new();
        let mut found: Vec<Leftover> = processes::all()?
            .filter(|pid| !spared.contains(pid))
            .filter_map(|pid| leftover(pid, wanted, &mut buffer))
            .take(MOST)
            .collect();
        found.sort_by_key(|one| one.pid);
        Some(found)
    }

    fn leftover(
        pid: i32,
        wanted: &dyn Fn(&Mark) -> bool,
        buffer: &mut Vec<u8>,
    ) -> Option<Leftover> {
        if !processes::is_this_users(pid) {
            return None;
        }
        let before = Facts::of(pid)?;
        let mark: Mark = processes::variable(pid, Mark::VARIABLE, buffer)?.parse().ok()?;
        if !mark.is_orphaned() || !wanted(&mark) {
            return None;
        }
        // The mark is this process's only if the number was still its own after
        // it was read.
        let Facts { name: program, started, ended, .. } = Facts::of(pid)?;
        let same = started == before.started && !ended;
        same.then(|| Leftover { pid: pid.unsigned_abs(), program, mark, started })
    }

    /// This process and those it descends from.
    fn ancestors() -> BTreeSet<i32> {
        let mut ancestors = BTreeSet::new();
        let mut pid = getpid().as_raw_nonzero().get();
        while pid > 0 && ancestors.len() < GENERATIONS && ancestors.insert(pid) {
            pid = Facts::of(pid).map_or(0, |facts| facts.parent);
        }
        ancestors
    }

    fn end(begun: Instant, limit: Duration, wanted: &dyn Fn(&Mark) -> bool) -> Swept {
        let Some(mut found) = look(wanted) else {
            return Swept::default();
        };
        let (polite, deadline) = (clock::after(begun, limit / 2), clock::after(begun, limit));
        let mut tree = Descendants::default();
        let mut complete = found.is_empty();
        add(&mut tree, &found);
        tree.observe();
        // One that was stopped hears it only when it goes on.
        tree.signal(Signal::TERM);
        tree.signal(Signal::CONT);
        while !tree.is_empty() && clock::now() < polite {
            thread::sleep(BEAT);
            tree.observe();
        }
        while !complete {
            // Who was started meanwhile, or lost its parents.
            let more = look(wanted).unwrap_or_default();
            add(&mut tree, &more);
            found.extend(more.into_iter().filter(|one| !is_among(&found, one)).collect::<Vec<_>>());
            tree.observe();
            complete = tree.is_empty();
            if !complete {
                tree.signal(Signal::KILL);
                if clock::now() >= deadline {
                    break;
                }
                thread::sleep(BEAT);
            }
        }
        let is_alive = |one: &Leftover| processes::started(id(one)) == Some(one.started);
        let (remaining, ended) = found.into_iter().partition(is_alive);
        Swept { ended, remaining, complete }
    }

    fn add(tree: &mut Descendants, found: &[Leftover]) {
        for one in found {
            tree.add(id(one), one.started);
        }
    }

    fn is_among(found: &[Leftover], one: &Leftover) -> bool {
        found.iter().any(|known| (known.pid, known.started) == (one.pid, one.started))
    }

    fn id(one: &Leftover) -> i32 {
        one.pid.cast_signed()
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// A shell that bears this mark, once it is ready.
    struct Marked {
        shell: Child,
        /// What it wrote before that.
        said: String,
    }

    impl Marked {
        fn new(mark: &str, script: &str) -> Self {
            #[expect(clippy::disallowed_methods, reason = "nobody may clear it away but a sweep")]
            let mut command = Command::new("sh");
            let mut shell = command
                .args(["-c", script])
                .env(Mark::VARIABLE, mark)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut said = String::new();
            BufReader::new(shell.stdout.as_mut().unwrap()).read_line(&mut said).unwrap();
            Self { shell, said: said.trim().to_owned() }
        }

        fn is_found(&self) -> bool {
            leftovers().iter().any(|one| one.pid == self.shell.id())
        }
    }

    impl Drop for Marked {
        fn drop(&mut self) {
            drop(self.shell.kill());
            drop(self.shell.wait());
        }
    }

    /// Of an owner that is gone, and that no other test has.
    fn orphaned(number: u64) -> String {
        let ours = Mark::next().unwrap().to_string();
        let parts: Vec<&str> = ours.split(':').collect();
        format!("{}:{}:{}:{number}:1", parts[0], parts[1], i32::MAX)
    }

    fn of(number: u64) -> impl Fn(&Mark) -> bool + Send + 'static {
        let mark: Mark = orphaned(number).parse().unwrap();
        move |one| *one == mark
    }

    async fn swept(number: u64, limit: Duration) -> Swept {
        linux::sweep(limit, of(number)).await
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn only_those_whose_owner_is_gone_are_leftovers() {
        let script = "echo up; read line";
        let left = Marked::new(&orphaned(1), script);
        let found = leftovers().into_iter().find(|one| one.pid == left.shell.id()).unwrap();
        assert_eq!((found.program.as_str(), found.mark.to_string()), ("sh", orphaned(1)));
        let ours = Mark::next().unwrap().to_string();
        let elsewhere = format!("another{}", orphaned(1));
        for mark in [ours.as_str(), elsewhere.as_str(), "no mark", ""] {
            assert!(!Marked::new(mark, script).is_found(), "{mark:?}");
        }
    }

    /// Trap 31.
    #[tokio::test]
    async fn a_polite_leftover_hears_of_it_also_when_it_is_stopped() {
        let script = "trap 'echo bye; exit 3' TERM; echo up; kill -STOP $$; \
                      while :; do sleep 0.05; done";
        let mut left = Marked::new(&orphaned(2), script);
        assert_eq!(left.said, "up");
        let pid = left.shell.id();
        let begun = crate::clock::now();
        let swept = swept(2, LONG).await;
        assert!(begun.elapsed() < LONG / 2);
        assert_eq!(swept.ended.iter().filter(|one| one.pid == pid).count(), 1);
        assert!(swept.complete && swept.remaining.is_empty());
        assert_eq!(left.shell.wait().unwrap().code(), Some(3));
    }

    /// Trap 31: also who bears no mark, in a session of its own.
    #[tokio::test]
    async fn a_deaf_leftover_is_killed_with_its_descendants() {
        let script = "trap '' TERM; \
                      env -i setsid sh -c 'trap \"\" TERM; echo $$; while :; do sleep 600; done' & \
                      wait; while :; do sleep 600; done";
        let mut left = Marked::new(&orphaned(3), script);
        let swept = swept(3, Duration::from_millis(600)).await;
        assert!(swept.ended.iter().any(|one| one.pid == left.shell.id()), "{swept:?}");
        assert!(swept.remaining.is_empty());
        assert!(!left.shell.wait().unwrap().success());
        let descendant = left.said.parse().unwrap();
        assert_eq!(crate::processes::started(descendant), None);
    }

    #[tokio::test]
    async fn without_leftovers_one_look_is_enough() {
        let swept = swept(4, LONG).await;
        assert_eq!(swept, Swept { complete: true, ..Swept::default() });
    }
}
