//! Locks and durability between real processes: the test binary starts itself
//! as the other process and talks to it by lines.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use checkpoint_store::{Error, Holder, Lease, RunId, RunStore as _, SqliteStore};
use serde_json::json;

use crate::conformance::{batch, new_run, record, records};

const FOLDER: &str = "CHECKPOINT_STORE_TEST_FOLDER";
/// The test harness prints lines of its own; ours begin with this.
const SAYS: &str = "other says ";

/// The other process. Killed when dropped, so that no test leaves one behind.
struct Other {
    child: Child,
    orders: ChildStdin,
    lines: BufReader<ChildStdout>,
}

impl Other {
    fn start(dir: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "processes::the_other_process"])
            .args(["--nocapture", "--test-threads=1"])
            .env(FOLDER, dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = child.stdin.take().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let mut other = Self { child, orders, lines };
        assert_eq!(other.hear(), "ready");
        other
    }

    fn order(&mut self, order: &str) {
        writeln!(self.orders, "{order}").unwrap();
    }

    /// Its next line; empty when it is gone.
    fn hear(&mut self) -> String {
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).unwrap() == 0 {
                return String::new();
            }
            // The harness does not end its own line before a test speaks.
            if let Some((_, said)) = line.trim_end().split_once(SAYS) {
                return said.to_owned();
            }
        }
    }

    fn asked(&mut self, order: &str) -> String {
        self.order(order);
        self.hear()
    }

    /// SIGKILL: no destructor runs, nothing is flushed.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // Already dead is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn say(text: &str) {
    println!("{SAYS}{text}");
    std::io::stdout().flush().unwrap();
}

/// What the other process runs, at the orders of the real tests; without an
/// order it ends at once.
#[tokio::test]
async fn the_other_process() {
    let Some(dir) = std::env::var_os(FOLDER) else {
        return;
    };
    let store = SqliteStore::open(Path::new(&dir), "there").await.unwrap();
    let mut held: Option<Lease> = None;
    say("ready");
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        match line.split_once(' ').unwrap_or((&line, "")) {
            ("create", subject) => {
                let created = store.create(new_run(subject), records(1)).await;
                say(match &created {
                    Ok(_) => "won",
                    Err(Error::Held { .. } | Error::Unfinished { .. }) => "lost",
                    Err(error) => panic!("{error:?}"),
                });
                held = created.ok();
            }
            ("acquire", run) => {
                let lease = store.acquire(run.parse().unwrap()).await.unwrap();
                say(&lease.epoch().to_string());
                held = Some(lease);
            }
            ("commit-for-ever", _) => {
                let lease = held.as_ref().unwrap();
                loop {
                    let body = json!({"padding": "x".repeat(3000)});
                    let pair = vec![record("a", body.clone()), record("b", body)];
                    let entries = store.commit(lease, batch(pair)).await.unwrap();
                    say(&entries[1].seq.to_string());
                }
            }
            (order, _) => panic!("no such order: {order}"),
        }
    }
}

async fn holder(store: &SqliteStore, run: RunId) -> Option<Holder> {
    let heads = store.runs().await.unwrap();
    let head = heads.into_iter().find(|head| head.id == run).unwrap();
    head.holder
}

/// Trap 23: killed at any moment, in the middle of a commit too, nothing that
/// was acknowledged is lost, nothing torn is left, and the run is free.
#[tokio::test]
async fn a_killed_process_loses_nothing_acknowledged_and_frees_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path(), "here").await.unwrap();
    let lease = store.create(new_run("idea"), vec![]).await.unwrap();
    let run = lease.run();
    store.release(lease).await.unwrap();

    let mut acknowledged = 0;
    for round in 1..=4 {
        let mut other = Other::start(dir.path());
        let epoch: u64 = other.asked(&format!("acquire {run}")).parse().unwrap();
        other.order("commit-for-ever");
        for _ in 0..round * 5 {
            acknowledged = other.hear().parse().unwrap();
        }
        // While it writes, it can be watched: held, and only whole commits.
        let watched = holder(&store, run).await.unwrap();
        assert_eq!((watched.host.as_str(), watched.pid), ("there", other.child.id()));
        let seen = store.records(run, 0).await.unwrap();
        assert_eq!(seen.len() % 2, 0, "half a commit was seen");
        assert!(matches!(store.acquire(run).await, Err(Error::Held { .. })));
        other.kill();
        while let Ok(seq) = other.hear().parse() {
            acknowledged = seq;
        }

        assert_eq!(holder(&store, run).await, None);
        let entries = store.records(run, 0).await.unwrap();
        let seqs: Vec<u64> = entries.iter().map(|entry| entry.seq).collect();
        assert_eq!(seqs, (1..=entries.len() as u64).collect::<Vec<_>>());
        assert!(entries.len() as u64 >= acknowledged, "an acknowledged record is lost");
        assert_eq!(entries.len() % 2, 0, "half a commit is left");
        assert_eq!(entries.last().unwrap().epoch, epoch);
    }
    let lease = store.acquire(run).await.unwrap();
    let last = store.commit(&lease, batch(records(1))).await.unwrap();
    assert_eq!((last[0].epoch, last[0].kind.as_str()), (6, "k"));
}

#[tokio::test]
async fn of_two_processes_that_create_the_same_run_one_wins() {
    let dir = tempfile::tempdir().unwrap();
    let mut one = Other::start(dir.path());
    let mut two = Other::start(dir.path());
    for round in 0..20 {
        let order = format!("create idea {round}");
        one.order(&order);
        two.order(&order);
        let mut outcomes = [one.hear(), two.hear()];
        outcomes.sort();
        assert_eq!(outcomes, ["lost", "won"], "round {round}");
    }
    let store = SqliteStore::open(dir.path(), "here").await.unwrap();
    assert_eq!(store.runs().await.unwrap().len(), 20);
}

/// Two processes that open a fresh folder at the same moment both get it.
#[tokio::test]
async fn a_fresh_folder_can_be_opened_by_many_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let others: Vec<_> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..4).map(|_| scope.spawn(|| Other::start(dir.path()))).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    assert_eq!(others.len(), 4);
}

/// Trap 31: a child that outlives its run must not keep the run locked.
#[tokio::test]
async fn a_child_does_not_inherit_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path(), "here").await.unwrap();
    let lease = store.create(new_run("idea"), vec![]).await.unwrap();
    let run = lease.run();
    let elsewhere = tempfile::tempdir().unwrap();
    let child = Other::start(elsewhere.path());
    drop(lease);
    assert_eq!(holder(&store, run).await, None);
    assert_eq!(store.acquire(run).await.unwrap().epoch(), 2);
    drop(child);
}
