//! Killed while a damaged state is mended: whatever was mended is told in one
//! issue, nothing is mended away, and nothing is done twice.

use std::fs;

use checkpoint_store::{RunStore as _, SqliteStore};
use orchestrator::event::IssueKind;
use orchestrator::journal::parse;
use orchestrator::{Event, Status};
use simulated_models::Server;

use super::finish::hold;
use super::shim::{self, Points, Stop};
use super::table::Outcome;
use super::{all, is_possible};
use crate::dice::{Dice, number};
use crate::harness::{Bench, Ran, finish, server};
use crate::mending::rest;
use crate::recovery::{self, ROLES};

const BRANCH: &str = "belay/001-numbers";

/// What is done to the state of a run that was stopped after its first milestone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Damage {
    /// A record in the middle.
    Middle,
    /// The first record.
    First,
    /// The file is no database any more.
    Garbage,
    /// The file is gone; its log has everything.
    Gone,
    /// A folder lies in its place; the log has everything.
    Folder,
}

impl Damage {
    const ALL: [Self; 5] = [Self::Middle, Self::First, Self::Garbage, Self::Gone, Self::Folder];

    fn kind(self) -> &'static str {
        match self {
            Self::Middle => "a bad middle",
            Self::First => "a bad first record",
            Self::Garbage => "no database",
            Self::Gone => "a file that is gone",
            Self::Folder => "a folder in its place",
        }
    }

    /// Whether the plan is lost, and the planner asked for the rest.
    fn loses_the_plan(self) -> bool {
        matches!(self, Self::First | Self::Garbage)
    }

    fn befall(self, bench: &Bench) {
        let state = bench.repo.join(".git/belay");
        let file = state.join("state.db");
        let sql = |statement: &str| {
            let connection = rusqlite::Connection::open(&file).expect("a state");
            connection.execute_batch(statement).expect(statement);
        };
        match self {
            Self::Middle => {
                sql("UPDATE records SET body = '{}' WHERE kind = 'milestone_committed'");
            }
            Self::First => sql("UPDATE records SET body = '{}' WHERE seq = 1"),
            Self::Garbage => {
                for log in ["state.db-wal", "state.db-shm"] {
                    let _none = fs::remove_file(state.join(log));
                }
                fs::write(&file, "garbage ".repeat(2000)).expect("a file");
            }
            Self::Gone | Self::Folder => {
                // As a process leaves it that was killed: everything in the log.
                let connection = rusqlite::Connection::open(&file).expect("a state");
                let text = "PRAGMA wal_autocheckpoint = 0; VACUUM;";
                connection.execute_batch(text).expect("every page is in the log");
                let log = fs::read(state.join("state.db-wal")).expect("a log");
                drop(connection);
                let _none = fs::remove_file(state.join("state.db-shm"));
                fs::remove_file(&file).expect("removed");
                fs::write(state.join("state.db-wal"), log).expect("a log");
                if self == Self::Folder {
                    fs::create_dir(&file).expect("a folder");
                    fs::write(file.join("note"), "mine").expect("a file");
                }
            }
        }
    }
}

struct Damaged {
    server: Server,
    bench: Bench,
    first: String,
}

impl Damaged {
    async fn new(damage: Damage) -> Self {
        let script = simulated_models::Script::default;
        let server = server(script().with_answers(recovery::answers())).await;
        let bench = recovery::bench();
        bench.config(&server, ROLES);
        let mut command = bench.command(&["run", "001", "--format", "json"]);
        command.env("MAX_ITERATIONS", "1");
        finish(command.spawn().expect("belay")).await.exits(0);
        let first = bench.git(&["rev-parse", BRANCH]);
        damage.befall(&bench);
        if damage.loses_the_plan() {
            server.set_script(script().with_answers(rest(1)));
        }
        Self { server, bench, first }
    }

    async fn work(&self, orders: &[(&str, String)]) -> Ran {
        let mut command = self.bench.command(&["run", "--format", "json"]);
        if !orders.is_empty() {
            command.env("LD_PRELOAD", shim::library().expect("a library"));
            command.env("SHIM_ROOT", self.bench.root());
            command.envs(orders.iter().map(|(name, value)| (*name, value)));
        }
        finish(command.spawn().expect("belay")).await
    }

    /// What must be so in the end.
    async fn check(&self, damage: Damage) -> Result<(), String> {
        let bench = &self.bench;
        let store = SqliteStore::open(&bench.repo.join(".git/belay"), "test").await;
        let store = store.map_err(|error| error.to_string())?;
        let heads = store.runs().await.map_err(|error| error.to_string())?;
        hold(heads.len() == 1, || format!("{} runs", heads.len()))?;
        let journal = store.records(heads[0].id, 0).await.map_err(|error| error.to_string())?;
        let (mut repairs, mut issues, mut completed) = (0, 0, 0);
        for (event, _) in journal.iter().filter_map(parse) {
            match event {
                Event::StateRepaired { .. } => repairs += 1,
                Event::IssueCreated { kind: IssueKind::DamagedState, .. } => issues += 1,
                Event::RunFinished { status: Status::Completed, .. } => completed += 1,
                _ => {}
            }
        }
        hold(repairs >= 1 && issues == repairs, || {
            format!("{issues} issues of {repairs} repairs")
        })?;
        hold(completed == 1, || format!("completed {completed} times"))?;
        let subjects = bench.git(&["log", "--format=%s", &format!("main..{BRANCH}")]);
        let parts: Vec<&str> =
            subjects.lines().filter_map(|line| line.rsplit(": ").next()).collect();
        hold(parts == ["Three", "Two", "One"], || format!("subjects: {subjects}"))?;
        let ours = bench.git(&["rev-list", &format!("main..{BRANCH}")]);
        hold(ours.ends_with(&self.first), || "the first commit is another one".to_owned())?;
        let branches = bench.git(&["branch", "--format=%(refname:short)", "--list", "belay/*"]);
        hold(branches == BRANCH, || format!("branches: {branches}"))?;
        if damage == Damage::Folder {
            let copies =
                fs::read_dir(bench.repo.join(".git/belay/set-aside")).into_iter().flatten();
            let notes = copies.flatten().filter(|copy| copy.path().join("note").is_file());
            hold(notes.count() == 1, || "the folder is gone".to_owned())?;
        }
        Ok(())
    }
}

/// The points of a mending up to its issue, and of what comes after it none.
async fn points(damage: Damage) -> usize {
    let damaged = Damaged::new(damage).await;
    let log = damaged.bench.root().join("points");
    damaged.work(&[("SHIM_LOG", log.display().to_string())]).await.exits(0);
    damaged.check(damage).await.expect("an undisturbed mending is as it must be");
    let log = fs::read_to_string(&log).expect("points");
    let told = log.lines().collect::<Vec<_>>().iter().rposition(|line| line.contains(" issues/"));
    Points::read(&log).total().min(told.expect("an issue") + 20)
}

async fn killed((damage, nth): (Damage, usize)) -> Outcome {
    let mut outcome = Outcome::of(damage.kind());
    let kill = async {
        let damaged = Damaged::new(damage).await;
        let ran = damaged.work(&[("SHIM_STOP", Stop::Nth(nth).order())]).await;
        outcome.killed += usize::from(ran.code.is_none());
        hold(ran.code.is_none(), || format!("{:?}: {}", ran.code, ran.stderr))?;
        let ran = damaged.work(&[]).await;
        hold(ran.code == Some(0), || format!("{:?}: {}", ran.code, ran.stderr))?;
        let checked = damaged.check(damage).await;
        damaged.server.stop().await;
        checked.map_err(|why| format!("{why}\n{}", ran.stderr))
    };
    outcome.result = kill.await;
    if outcome.result.is_err() {
        outcome.case = format!("{damage:?} at {nth}");
    }
    outcome
}

/// `BELAY_MENDED` says how many of each damage (3; 0 is every point), `BELAY_SEED` which (1).
#[tokio::test(flavor = "multi_thread")]
async fn a_state_whose_mending_is_killed_is_mended_and_told_once() {
    if !is_possible() {
        return;
    }
    let mut dice = Dice(number("BELAY_SEED", 1) as u64);
    let wanted = number("BELAY_MENDED", 3);
    let mut cases = Vec::new();
    for damage in Damage::ALL {
        let points = points(damage).await;
        match wanted {
            0 => cases.extend((1..=points).map(|nth| (damage, nth))),
            _ => cases.extend((0..wanted).map(|_| (damage, dice.up_to(points)))),
        }
    }
    let table = all(cases, killed).await;
    table.show("killed while it mends", "kills");
    table.all_well();
}
