//! Milestones that cannot be spoiled: whichever coders fail, and however often,
//! what is on the branch is green at every commit, each planned file is there
//! or in one issue, and the run ends as the rules say.

mod fixture;
mod foretold;
mod found;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use self::fixture::{Coin, MILESTONES};
use self::foretold::{Foretold, Standing};
use crate::harness::{Bench, Ran, server};

/// How likely a coder fails.
const CHANCES: [(u64, u64); 5] = [(0, 1), (1, 3), (1, 2), (2, 3), (1, 1)];
/// Runs at a time.
const AT_ONCE: usize = 2;

/// What runs of one chance came to.
#[derive(Default)]
struct Tally {
    /// By how they ended.
    ended: BTreeMap<&'static str, usize>,
    commits: usize,
    requests: u64,
    /// Worked on once more, and what that came to.
    again: usize,
    completed_again: usize,
}

/// Three milestones of nine files, every coder failing by chance. `BELAY_SEEDS` says how many
/// seeds each chance gets (2); a part of the runs is gone on with when the models are well again.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_the_branch_is_green_and_nothing_is_lost() {
    let seeds: u64 =
        std::env::var("BELAY_SEEDS").map_or(2, |text| text.parse().expect("a whole number"));
    let mut waiting: Vec<(usize, u64)> = (0..CHANCES.len())
        .flat_map(|chance| (1..=seeds).map(move |seed| (chance, seed)))
        .rev()
        .collect();
    let mut tallies: [Tally; 5] = Default::default();
    let mut wrong = Vec::new();
    let mut running = tokio::task::JoinSet::new();
    while !waiting.is_empty() || !running.is_empty() {
        while running.len() < AT_ONCE
            && let Some((chance, seed)) = waiting.pop()
        {
            running.spawn(async move { (chance, run(chance, seed).await) });
        }
        if let Some(done) = running.join_next().await {
            match done {
                Ok((chance, one)) => add(&mut tallies[chance], one),
                // Which other runs are wrong too says more than the first one alone.
                Err(panic) => wrong.push(panic.to_string()),
            }
        }
    }
    eprintln!("{}", table(&tallies, seeds));
    assert_eq!(wrong, [""; 0]);
}

/// One run from its first request to its end, and for every second one the next run of its idea.
async fn run(chance: usize, seed: u64) -> Tally {
    let coin = Coin { seed, chance: CHANCES[chance] };
    let what = format!("chance {:?}, seed {seed}", coin.chance);
    let server = server(coin.script()).await;
    let bench = fixture::bench(&server);
    let mut foretold = Foretold::new(coin);
    foretold.work();
    let first = bench.belay(&["run", "001", "--format", "json"]).await.exits(0);
    let sent = changes_asked(&server);
    assert_eq!(found::turns(&first.events()), foretold.turns, "{what}\n{}", first.stderr);
    assert_eq!(sent, foretold.requests, "{what}: requests\n{}", first.stderr);
    let commits = as_foretold(&bench, &first, &foretold, &what).await;
    let mut tally = Tally { commits: commits - 1, requests: sent, ..Tally::default() };
    *tally.ended.entry(ending(&foretold)).or_default() += 1;

    let round = chance as u64 + seed;
    if round.is_multiple_of(2) && ending(&foretold) != "completed" {
        if round.is_multiple_of(4) {
            close_one(&bench, &mut foretold);
        }
        server.set_script(fixture::healthy());
        foretold.work_again();
        let again = bench.belay(&["run", "001", "--format", "json"]).await.exits(0);
        assert_eq!(
            found::turns(&again.events()),
            foretold.turns,
            "{what}, again\n{}",
            again.stderr
        );
        assert_eq!(changes_asked(&server), sent + foretold.requests, "{what}, again: requests");
        as_foretold(&bench, &again, &foretold, &format!("{what}, again")).await;
        if foretold.closed.is_empty() {
            assert_eq!(ending(&foretold), "completed", "{what}, again");
            assert_eq!(foretold.there.len(), fixture::files().count(), "{what}, again");
        }
        let seqs = first.events().into_iter().chain(again.events());
        let seqs: Vec<u64> = seqs.filter_map(|event| event["seq"].as_u64()).collect();
        assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>(), "{what}");
        tally.again = 1;
        tally.completed_again = usize::from(foretold.status == "completed");
    }
    server.stop().await;
    tally
}

/// Requests to coders since the server's start.
fn changes_asked(server: &simulated_models::Server) -> u64 {
    let requests = server.requests();
    requests.iter().filter(|request| request.schema.as_deref() == Some("changes")).count() as u64
}

/// What is there now is what was foretold; gives how many commits the branch has, its base included.
async fn as_foretold(bench: &Bench, ran: &Ran, foretold: &Foretold, what: &str) -> usize {
    let first = ran.events()[0]["seq"].as_u64().expect("a number");
    let gapless = (first..).zip(ran.events()).all(|(seq, event)| event["seq"] == seq);
    assert!(gapless, "{what}: every event has the number after the one before");

    let run = ran.events()[0]["run"].as_str().expect("a run").to_owned();
    let shown = bench.belay(&["runs", "show", &run, "--format", "json"]).await.exits(0);
    let shown: Value = serde_json::from_str(&shown.stdout).expect("JSON");
    assert_eq!(shown["status"], foretold.status, "{what}");
    assert_eq!(shown["partial"], foretold.partial(), "{what}");
    for (index, standing) in foretold.standing.iter().enumerate() {
        let expected = match standing {
            Standing::Pending => "pending",
            Standing::Committed if foretold.missing[index].is_empty() => "committed",
            Standing::Committed => "partial",
            Standing::GivenUp("degraded") => "manual",
            Standing::GivenUp(_) => "rolled_back",
        };
        assert_eq!(
            shown["milestones"][index]["status"],
            expected,
            "{what}: milestone {}",
            index + 1
        );
    }

    each_file_is_in_one_place(bench, &shown, foretold, what);
    let tree = found::tree(bench);
    let idea = |folder: &str| tree.contains(&format!("ideas/{folder}/001-shop.md"));
    let at = (idea("backlog"), idea("in-progress"), idea("completed"));
    let completed = foretold.status == "completed";
    let expected = (foretold.there.is_empty(), !foretold.there.is_empty() && !completed, completed);
    assert_eq!(at, expected, "{what}: the idea's file in backlog, in-progress, completed");

    let (red, commits) = found::red_commits(bench);
    assert_eq!(red, [""; 0], "{what}: commits at which the tests are red");
    commits
}

/// Every file of the plan is on the branch, or in one open issue, or in one that a person closed.
fn each_file_is_in_one_place(bench: &Bench, shown: &Value, foretold: &Foretold, what: &str) {
    let tree = found::tree(bench);
    let issues = found::issues(bench);
    let planned = shown["milestones"].as_array().into_iter().flatten();
    let planned = planned.filter(|milestone| milestone["rest_of"].is_null());
    let planned = planned.flat_map(|milestone| milestone["files"]["create"].as_array());
    let planned: Vec<&str> = planned.flatten().filter_map(Value::as_str).collect();
    assert_eq!(planned, fixture::files().map(|file| file.path).collect::<Vec<_>>(), "{what}");
    for path in planned {
        let open = issues.iter().filter(|issue| issue.open && issue.files.contains(path));
        let places = [
            usize::from(tree.contains(path)),
            open.count(),
            usize::from(foretold.closed.contains(path)),
        ];
        let expected = [
            usize::from(foretold.there.contains(path)),
            usize::from(!foretold.there.contains(path) && !foretold.closed.contains(path)),
            usize::from(foretold.closed.contains(path)),
        ];
        assert_eq!(
            places, expected,
            "{what}: {path} on the branch, in open issues, in closed ones\n{issues:#?}"
        );
    }
    let listed: Vec<&str> =
        shown["issues"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let open: Vec<&str> =
        issues.iter().filter(|issue| issue.open).map(|issue| issue.url.as_str()).collect();
    assert_eq!(listed, open, "{what}: the run knows its open issues");
}

/// A person wants no more of the first file that a committed milestone lacks, if there is one.
fn close_one(bench: &Bench, foretold: &mut Foretold) {
    let Some(path) = foretold.missing.iter().flatten().next().copied() else { return };
    let issues = found::issues(bench);
    let about = |issue: &&found::Issue| issue.open && issue.files.contains(path);
    found::close(bench, issues.iter().find(about).expect("an issue about it"));
    foretold.closed.insert(path);
}

fn ending(foretold: &Foretold) -> &'static str {
    match (foretold.status, foretold.partial()) {
        ("completed", true) => "partial",
        (status, _) => status,
    }
}

fn add(tally: &mut Tally, one: Tally) {
    for (ending, runs) in one.ended {
        *tally.ended.entry(ending).or_default() += runs;
    }
    tally.commits += one.commits;
    tally.requests += one.requests;
    tally.again += one.again;
    tally.completed_again += one.completed_again;
}

fn table(tallies: &[Tally], seeds: u64) -> String {
    let endings = ["completed", "partial", "degraded", "blocked"];
    let mut table = format!(
        "{seeds} seeds\n| chance | {} | commits | coder requests | again | then completed |\n",
        endings.join(" | ")
    );
    for ((of, in_all), tally) in CHANCES.iter().zip(tallies) {
        let ended = endings.map(|ending| tally.ended.get(ending).copied().unwrap_or(0).to_string());
        let Tally { commits, requests, again, completed_again, .. } = tally;
        let row = writeln!(
            table,
            "| {of}/{in_all} | {} | {commits} | {requests} | {again} | {completed_again} |",
            ended.join(" | ")
        );
        row.expect("memory");
    }
    table
}

/// The measure itself: the project's tests are green with nothing, red with a file whose needed
/// file is missing, and green with both.
#[test]
fn the_projects_tests_notice_a_file_that_is_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        std::fs::write(path, text).expect("a file");
    };
    place("test.sh", fixture::TESTS);
    assert!(found::passes(folder.path()));
    for file in MILESTONES.iter().rev().flat_map(|milestone| milestone.files.iter().rev()) {
        place(file.path, &fixture::content(file, 1));
        let lacks = |file: &fixture::Planned| {
            file.needs.is_some_and(|needs| {
                folder.path().join(file.path).exists() && !folder.path().join(needs).exists()
            })
        };
        let whole = !fixture::files().any(lacks);
        assert_eq!(found::passes(folder.path()), whole, "after {}", file.path);
    }
    assert!(found::passes(folder.path()));
    place("lib/add.sh", "[ 1 = 2 ]\n");
    assert!(!found::passes(folder.path()));
}
