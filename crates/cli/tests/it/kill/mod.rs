//! A whole run, killed anywhere: at named calls, at instants by chance, and
//! again while it recovers. However it was killed, the next run goes on and
//! ends as an undisturbed one does.
//!
//! `cargo xtask kill-anywhere` runs the same with many more cases.

mod failing;
mod finish;
mod mended;
mod power;
#[path = "../../../src/demo/record.rs"]
#[expect(clippy::duplicate_mod, reason = "it reads the milestones of the script beside it")]
mod record;
mod scene;
mod script;
mod shim;
mod table;

use std::collections::VecDeque;
use std::fmt::Debug;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use finish::{Wanted, hold};
use scene::Scene;
use shim::{Points, Stop};
use table::{Outcome, Table};

use crate::dice::{Dice, number};

/// What a run without any disturbance is like.
#[derive(Clone)]
struct Undisturbed {
    wanted: Wanted,
    points: Points,
    span: Duration,
}

async fn undisturbed() -> Undisturbed {
    let scene = Scene::new().await;
    let log = scene.bench.root().join("points");
    scene.work(&[("SHIM_LOG", log.display().to_string())]).await.exits(0);
    let points = Points::read(&std::fs::read_to_string(&log).expect("points"));
    let wanted = scene.result();
    scene.check(&wanted, &[]).await.expect("an undisturbed run is as it must be");

    let scene = Scene::new().await;
    let begun = Instant::now();
    scene.work_for(Duration::from_secs(60)).await.exits(0);
    let span = begun.elapsed();
    assert_eq!(scene.result().questions, wanted.questions, "the same run twice");
    Undisturbed { wanted, points, span }
}

/// Without a C compiler nothing can stand in between; this says so.
fn is_possible() -> bool {
    match shim::library() {
        Ok(_) => true,
        Err(reason) => {
            eprintln!("not tested: {reason}");
            false
        }
    }
}

/// Does the cases side by side, as many at once as there are processors.
async fn all<C, F>(cases: Vec<C>, case: impl Fn(C) -> F + Clone + Send + 'static) -> Table
where
    C: Debug + Send + 'static,
    F: Future<Output = Outcome> + Send + 'static,
{
    let left = Arc::new(Mutex::new(VecDeque::from(cases)));
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..std::thread::available_parallelism().map_or(2, usize::from).min(4) {
        let (left, case) = (Arc::clone(&left), case.clone());
        workers.spawn(async move {
            let mut table = Table::default();
            loop {
                let next = left.lock().expect("no panic before").pop_front();
                let Some(next) = next else { return table };
                let shown = format!("{next:?}");
                let done = tokio::spawn(case(next)).await;
                table.add(done.unwrap_or_else(|_| Outcome::broken_off(shown)));
            }
        });
    }
    workers.join_all().await.into_iter().fold(Table::default(), Table::and)
}

/// How the first process of a run dies, and at which point each one after it.
#[derive(Clone, Debug)]
struct Killing {
    first: How,
    again: Vec<Stop>,
}

#[derive(Clone, Debug)]
enum How {
    Stop(Stop),
    After(Duration),
}

/// Of ten cases seven die at a named point, two at an instant by chance; of all
/// every fourth is killed again while it recovers, every eighth twice.
fn draw(undisturbed: &Undisturbed, dice: &mut Dice, cases: usize) -> Vec<Killing> {
    let mut stops = undisturbed.points.draw(dice, cases).into_iter();
    let killing = |at: usize| {
        let first = match at % 10 {
            2 | 7 => How::After(dice.within(undisturbed.span)),
            _ => How::Stop(stops.next().expect("a stop a case")),
        };
        let again = if at % 8 == 3 { 2 } else { usize::from(at % 4 == 1) };
        // A recovery is mostly shorter than a run: early points come up more often.
        let total = undisturbed.points.total();
        let nth = |_| Stop::Nth(dice.up_to(total).min(dice.up_to(total)));
        Killing { first, again: (0..again).map(nth).collect() }
    };
    (0..cases).map(killing).collect()
}

async fn killed(killing: Killing, undisturbed: Undisturbed) -> Outcome {
    let mut outcome = Outcome::of(match (&killing.first, killing.again.len()) {
        (How::After(_), 0) => "an instant by chance",
        (How::Stop(Stop::At { name, .. }), 0) => shim::kind(name),
        _ => "and again while it recovers",
    });
    outcome.result = kill(&killing, &undisturbed, &mut outcome.killed).await;
    if outcome.result.is_err() {
        outcome.case = format!("{killing:?}");
    }
    outcome
}

async fn kill(
    killing: &Killing,
    undisturbed: &Undisturbed,
    times: &mut usize,
) -> Result<(), String> {
    let scene = Scene::new().await;
    let mut deaths = Vec::new();
    let firsts = [killing.first.clone()];
    for how in firsts.into_iter().chain(killing.again.iter().cloned().map(How::Stop)) {
        let ran = match how {
            How::Stop(stop) => scene.work(&[("SHIM_STOP", stop.order())]).await,
            How::After(limit) => scene.work_for(limit).await,
        };
        let known = scene.known().await;
        let ended = known.ended;
        if ran.code.is_none() {
            *times += 1;
            deaths.push(known);
        }
        hold(matches!(ran.code, None | Some(0)), || format!("{:?}: {}", ran.code, ran.stderr))?;
        if ended {
            break;
        }
    }
    // One more run of an idea that has ended would try again what it lacks.
    if !scene.known().await.ended {
        let ran = scene.work(&[]).await;
        hold(ran.code == Some(0), || format!("resumed: {:?}: {}", ran.code, ran.stderr))?;
    }
    scene.check(&undisturbed.wanted, &deaths).await
}

/// `BELAY_CASES` says how many (25), `BELAY_SEED` which (1).
#[tokio::test(flavor = "multi_thread")]
async fn a_run_killed_anywhere_ends_as_an_undisturbed_one() {
    if !is_possible() {
        return;
    }
    let undisturbed = undisturbed().await;
    let mut dice = Dice(number("BELAY_SEED", 1) as u64);
    let cases = draw(&undisturbed, &mut dice, number("BELAY_CASES", 25));
    let table = all(cases, move |killing| killed(killing, undisturbed.clone())).await;
    table.show("killed at", "kills");
    table.all_well();
}
