//! A disk that is full or dying: one call of belay's fails, or every one from
//! some on. The process ends by itself and says why; the next one goes on.

use std::time::Duration;

use super::finish::hold;
use super::scene::Scene;
use super::shim::{Class, Points};
use super::table::Outcome;
use super::{Undisturbed, all, is_possible, undisturbed};
use crate::dice::{Dice, number};
use crate::harness::Ran;

/// Far longer than any run here takes.
const LIMIT: Duration = Duration::from_secs(120);

/// How a call fails. The numbers are Linux's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Full,
    Broken,
    Short,
    /// Full from then on.
    StaysFull,
}

impl Fault {
    const ALL: [Self; 4] = [Self::Full, Self::Broken, Self::Short, Self::StaysFull];

    /// Only a write can be short.
    fn fits(self, class: Class) -> bool {
        self != Self::Short || class == Class::Write
    }

    fn number(self) -> i32 {
        match self {
            Self::Full | Self::StaysFull => 28,
            Self::Broken => 5,
            Self::Short => 0,
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Self::Full => "no space, once",
            Self::Broken => "input/output error, once",
            Self::Short => "a short write",
            Self::StaysFull => "no space from then on",
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Failing {
    class: Class,
    nth: usize,
    fault: Fault,
}

impl Failing {
    fn order(self) -> String {
        let on = if self.fault == Fault::StaysFull { "+" } else { "" };
        format!("{} {}{on} {}", self.class.name(), self.nth, self.fault.number())
    }
}

/// Every call of every class once, each with a fault that fits it.
fn every(points: &Points, dice: &mut Dice) -> Vec<Failing> {
    let mut cases = Vec::new();
    for class in Class::ALL {
        let faults: Vec<Fault> = Fault::ALL.into_iter().filter(|fault| fault.fits(class)).collect();
        for nth in 1..=points.calls(class) {
            cases.push(Failing { class, nth, fault: faults[dice.up_to(faults.len()) - 1] });
        }
    }
    cases
}

/// So many of them, of each class as many as can be.
fn sample(mut cases: Vec<Failing>, dice: &mut Dice, wanted: usize) -> Vec<Failing> {
    let mut drawn = Vec::new();
    for class in Class::ALL.into_iter().cycle() {
        if drawn.len() >= wanted || cases.is_empty() {
            break;
        }
        let of_class: Vec<usize> =
            (0..cases.len()).filter(|at| cases[*at].class == class).collect();
        if !of_class.is_empty() {
            drawn.push(cases.swap_remove(of_class[dice.up_to(of_class.len()) - 1]));
        }
    }
    drawn
}

/// It ended as a belay ends that could not save, or found another way. What
/// failed once is over before anybody can ask why.
fn check_end(ran: &Ran, fault: Fault) -> Result<(), String> {
    let told = || format!("exit {:?}: {}{}", ran.code, ran.stdout, ran.stderr);
    let completed = ran.stdout.contains("\"status\":\"completed\"");
    let causes = ["No space left", "nput/output error", "disk is full", "disk I/O error"];
    let unknown = "unable to open database file";
    let says_why = causes.iter().any(|cause| ran.stderr.contains(cause))
        || fault != Fault::StaysFull && ran.stderr.contains(unknown);
    hold(matches!(ran.code, Some(0..=2)), told)?;
    hold(completed || says_why, told)
}

async fn failed(failing: Failing, undisturbed: Undisturbed) -> Outcome {
    let mut outcome = Outcome::of(failing.fault.kind());
    outcome.result = fail(failing, &undisturbed, &mut outcome.killed).await;
    if outcome.result.is_err() {
        outcome.case = format!("{failing:?}");
    }
    outcome
}

async fn fail(
    failing: Failing,
    undisturbed: &Undisturbed,
    stopped: &mut usize,
) -> Result<(), String> {
    let scene = Scene::new().await;
    let orders = [("SHIM_FAIL", failing.order())];
    let ran = tokio::time::timeout(LIMIT, scene.work(&orders)).await;
    let ran = ran.map_err(|_| "hangs".to_owned())?;
    check_end(&ran, failing.fault)?;
    let mut known = scene.known().await;
    let mut deaths = Vec::new();
    let put_off = ran.stdout.contains("\"effect_deferred\"");
    if known.ended && put_off {
        known.forget_the_rest();
    }
    if !known.ended || put_off {
        *stopped += 1;
        deaths.push(known);
        let ran = scene.work(&[]).await;
        hold(ran.code == Some(0), || format!("resumed: {:?}: {}", ran.code, ran.stderr))?;
    }
    scene.check(&undisturbed.wanted, &deaths).await
}

/// `BELAY_FAULTS` says how many (12; 0 is every call), `BELAY_SEED` which (1).
#[tokio::test(flavor = "multi_thread")]
async fn a_run_on_a_failing_disk_says_so_and_the_next_one_goes_on() {
    if !is_possible() {
        return;
    }
    let undisturbed = undisturbed().await;
    let mut dice = Dice(number("BELAY_SEED", 1) as u64);
    let mut cases = every(&undisturbed.points, &mut dice);
    let wanted = number("BELAY_FAULTS", 12);
    if wanted > 0 {
        cases = sample(cases, &mut dice, wanted);
    }
    let table = all(cases, move |failing| failed(failing, undisturbed.clone())).await;
    table.show("a call fails", "ends it");
    table.all_well();
}
