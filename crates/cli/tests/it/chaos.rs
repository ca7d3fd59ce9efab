//! `belay chaos` as people start it: small, but with real repositories, real sockets and every
//! part of a run.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::harness::{Bench, Ran, finish, until};
use crate::report::{browser, fits_a_phone, open};

/// A bench whose temporary files have a folder of their own, to see that none is left.
struct Chaos {
    bench: Bench,
    temporary: PathBuf,
}

impl Chaos {
    fn new() -> Self {
        let bench = Bench::with_files([("a.txt", "a\n")]);
        let temporary = bench.root().join("tmp");
        fs::create_dir(&temporary).expect("a folder");
        Self { bench, temporary }
    }

    fn command(&self, args: &[&str]) -> tokio::process::Command {
        let mut command = self.bench.command(&[&["chaos"], args].concat());
        command.env("TMPDIR", &self.temporary);
        command
    }

    async fn run(&self, args: &[&str]) -> Ran {
        finish(self.command(args).spawn().expect("belay starts")).await
    }

    /// The report of a run that went well.
    async fn report(&self, args: &[&str]) -> Value {
        let before = self.bench.persons_things();
        let ran = self.run(&[args, &["--format", "json"]].concat()).await.exits(0);
        assert_eq!(self.left(), 0, "nothing is left behind");
        assert_eq!(self.bench.persons_things(), before, "nor touched where the person stands");
        assert!(!self.bench.root().join("cache").exists(), "nor in the person's cache");
        serde_json::from_str(&ran.stdout).expect(&ran.stdout)
    }

    fn left(&self) -> usize {
        fs::read_dir(&self.temporary).expect("a folder").count()
    }
}

/// One field of every outcome.
fn all<'a>(report: &'a Value, field: &'a str) -> Vec<&'a Value> {
    let outcomes = report["outcomes"].as_array().expect("outcomes");
    outcomes.iter().map(|outcome| &outcome[field]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_faults_every_arm_completes_every_idea_with_the_fewest_calls() {
    let chaos = Chaos::new();
    let report = chaos.report(&["--runs", "3", "--rate", "0"]).await;
    assert_eq!(all(&report, "ending"), vec!["completed"; 12]);
    // An analysis, a plan, and for each milestone three change sets and a review.
    let calls: Vec<u64> = all(&report, "calls").iter().filter_map(|calls| calls.as_u64()).collect();
    assert_eq!(calls, [6, 14, 26].repeat(4));
    assert!(report["warning"].as_str().expect("a text").contains("injected"));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_one_model_fails_everything_on_completes() {
    let chaos = Chaos::new();
    let page = chaos.bench.root().join("plot.html").display().to_string();
    let args = ["--runs", "3", "--rate", "40", "--arms", "none,everything", "--html", &page];
    let report = chaos.report(&args).await;
    assert_eq!(report["rows"].as_array().map(Vec::len), Some(8));
    let (none, everything) = (&report["rows"][0], &report["rows"][4]);
    assert_eq!((&none["arm"], &everything["arm"]), (&"none".into(), &"everything".into()));
    assert_eq!(everything["done"]["percent"], 100.0, "{report:#}");
    assert!(none["done"]["percent"].as_f64() < Some(100.0), "{report:#}");
    assert!(none["manual"].as_f64() > Some(0.0), "{report:#}");
    let page = fs::read_to_string(page).expect("a plot");
    assert!(page.contains("<svg") && page.contains("--rate 40"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn once_all_models_are_back_later_processes_complete_every_run() {
    let chaos = Chaos::new();
    let args = ["--runs", "3", "--rate", "0", "--correlation", "all-out", "--arms", "everything"];
    let report = chaos.report(&args).await;
    assert!(all(&report, "first").iter().all(|first| *first == "degraded"), "{report:#}");
    assert!(all(&report, "processes").iter().all(|number| number.as_u64() > Some(2)));
    assert_eq!(all(&report, "ending"), vec!["completed"; 3], "{report:#}");
    assert_eq!(all(&report, "by_template"), vec![false; 3], "{report:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_it_and_nothing_is_left() {
    let chaos = Chaos::new();
    let mut command = chaos.command(&["--runs", "1000"]);
    let child = command.spawn().expect("belay starts");
    let pid = child.id().expect("a process").to_string();
    // Runs are under way once their folders are there, beside the three patterns.
    until(|| {
        let tops = fs::read_dir(&chaos.temporary).expect("a folder").flatten();
        tops.flat_map(|top| fs::read_dir(top.path()).into_iter().flatten()).count() > 4
    })
    .await;
    chaos.bench.kill("-INT", &pid);
    let ran = finish(child).await.exits(130);
    assert_eq!((ran.stdout.as_str(), chaos.left()), ("", 0), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plot_opens_in_a_browser_and_on_a_phone() {
    let Some(browser) = browser() else { return };
    let chaos = Chaos::new();
    let args = ["--runs", "3", "--rate", "0", "--arms", "none,everything", "--html", "plot.html"];
    chaos.run(&args).await.exits(0);
    let shown = open(&chaos.bench, browser, &chaos.bench.repo.join("plot.html")).await;
    assert!(!shown.stderr.contains("CONSOLE"), "{}", shown.stderr);
    let said = shown.stdout.as_str();
    for part in ["faults are injected", "everything", "complex", "100.0 %"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("<script") && !said.contains("://"), "{said}");
    fits_a_phone(&chaos.bench, browser, "plot.html").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_values_are_refused_before_anything_is_begun() {
    let chaos = Chaos::new();
    let refused: &[&[&str]] = &[
        &["--runs", "0"],
        &["--runs", "many"],
        &["--rate", "101"],
        &["--rate", "-1"],
        &["--rate", "NaN"],
        &["--mix", "weather"],
        &["--correlation", "independent,often"],
        &["--arms", "all"],
        &["--jobs", "0"],
        &["--html", "no/such/folder/plot.html"],
        &["--repo", "."],
    ];
    for args in refused {
        let ran = chaos.run(args).await.exits(2);
        assert!(ran.stdout.is_empty() && ran.stderr.starts_with("error"), "{}", ran.stderr);
    }
    assert_eq!(chaos.left(), 0);
}
