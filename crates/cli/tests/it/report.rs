//! `belay runs report`: where the page goes, and how a browser shows it.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;

use crate::harness::{Bench, Ran, finish, server};
use crate::metrics::{bench, script};

/// What a model may name a milestone: markup, and a word that fits on no phone.
const HOSTILE: &str = "<script>alert(1)</script><img src=x onerror=alert(2)>wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww";

/// A repository with one run whose models failed and whose plan is hostile.
async fn ran() -> (Bench, String) {
    let server = server(script(HOSTILE)).await;
    let bench = bench(&server);
    bench.belay(&["run", "-q"]).await.exits(0);
    let listed = bench.belay(&["runs", "list", "--format", "json"]).await.exits(0);
    let listed: Value = serde_json::from_str(&listed.stdout).expect("JSON");
    let run = listed["runs"][0]["run"].as_str().expect("an id").to_owned();
    server.stop().await;
    (bench, run)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_written_where_git_does_not_see_it_or_where_it_is_asked_for() {
    let (bench, run) = ran().await;
    let before = bench.git(&["status", "--porcelain", "--ignored=no"]);
    let told = bench.belay(&["runs", "report", &run]).await.exits(0);
    assert_eq!(told.stdout, format!(".belay/reports/{run}.html\n"));
    assert_eq!(bench.git(&["status", "--porcelain", "--ignored=no"]), before);
    let written = std::fs::read_to_string(bench.repo.join(told.stdout.trim())).expect("a page");
    let printed = bench.belay(&["runs", "report", &run, "--output", "-"]).await.exits(0);
    assert_eq!(printed.stdout, written, "one run, one page");
    assert!(written.starts_with("<!DOCTYPE html>") && written.trim_end().ends_with("</html>"));
    assert!(written.contains("+N = 1"), "what a commit changed is on it");
    bench.belay(&["runs", "report", &run, "--output", "page.html"]).await.exits(0);
    assert_eq!(std::fs::read_to_string(bench.repo.join("page.html")).expect("a page"), written);
    let json = bench.belay(&["runs", "report", &run, "--format", "json"]).await.exits(0);
    assert_eq!(json.stdout, format!("{{\"report\":\".belay/reports/{run}.html\"}}\n"));
    let unknown = bench.belay(&["runs", "report", "01ZZZZ"]).await.exits(2);
    assert_eq!(unknown.stdout, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_leads_out_of_the_repository_is_not_followed() {
    let (bench, run) = ran().await;
    let outside = bench.root().join("outside");
    std::fs::create_dir(&outside).expect("a folder");
    let reports = bench.repo.join(".belay/reports");
    std::os::unix::fs::symlink(&outside, reports).expect("a link");
    let told = bench.belay(&["runs", "report", &run]).await.exits(2);
    assert!(told.stderr.contains("a symbolic link"), "{}", told.stderr);
    assert_eq!(std::fs::read_dir(&outside).expect("a folder").count(), 0, "nothing was written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_commit_that_is_gone_says_so() {
    let (bench, run) = ran().await;
    bench.git(&["update-ref", "-d", "refs/heads/belay/001-numbers"]);
    bench.git(&["reflog", "expire", "--expire=now", "--all"]);
    bench.git(&["gc", "-q", "--prune=now"]);
    let printed = bench.belay(&["runs", "report", &run, "-o", "-"]).await.exits(0);
    assert!(printed.stdout.contains("not in this repository any more"), "{}", printed.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_shows_every_row_and_complains_of_nothing() {
    let Some(browser) = browser() else { return };
    let (bench, run) = ran().await;
    let told = bench.belay(&["runs", "report", &run]).await.exits(0);
    let page = bench.repo.join(told.stdout.trim());
    let shown = open(&bench, browser, &page).await;
    assert!(!shown.stderr.contains("CONSOLE"), "{}", shown.stderr);
    let metrics = bench.belay(&["metrics", &run, "--format", "json"]).await.exits(0);
    let metrics: Value = serde_json::from_str(&metrics.stdout).expect("JSON");
    let rows = shown.stdout.matches("<td data-label=\"End\">").count();
    assert_eq!(Some(rows as u64), metrics["attempts"]["total"].as_u64());
    for element in ["<script", "<img", "onerror=\""] {
        assert!(!shown.stdout.contains(element), "{element}: {}", shown.stdout);
    }
    assert!(shown.stdout.contains("&lt;script&gt;alert(1)"), "the text itself is shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_has_to_scroll_in_one_direction_only() {
    let Some(browser) = browser() else { return };
    let (bench, run) = ran().await;
    bench.belay(&["runs", "report", &run, "-o", "page.html"]).await.exits(0);
    fits_a_phone(&bench, browser, "page.html").await;
}

/// Holds that a page of the repository's folder is no wider than a phone.
pub(crate) async fn fits_a_phone(bench: &Bench, browser: &str, page: &str) {
    let frame = bench.repo.join("frame.html");
    let text = "<iframe id=page src=PAGE width=360 height=700></iframe><p id=said></p><script>page.onload = () => { const seen = page.contentDocument.documentElement; said.textContent = `${seen.scrollWidth} on ${seen.clientWidth}`; };</script>";
    std::fs::write(&frame, text.replace("PAGE", page)).expect("a file");
    let shown = open(bench, browser, &frame).await;
    let said = shown.stdout.split("<p id=\"said\">").nth(1).and_then(|rest| rest.split('<').next());
    let (wide, room) = said.and_then(|said| said.split_once(" on ")).expect("two widths");
    assert_eq!(wide, room, "the page is wider than the phone");
    assert!(room.parse::<u32>().is_ok_and(|room| room <= 360), "{room}");
}

/// A browser without a window; nothing where none is installed.
pub(crate) fn browser() -> Option<&'static str> {
    let found = ["chromium", "chromium-headless-shell", "google-chrome"]
        .into_iter()
        .find(|name| crate::harness::installed(name));
    if found.is_none() {
        eprintln!("skipped: there is no chromium to open the page in");
    }
    found
}

/// Opens a file and prints what the browser made of it.
pub(crate) async fn open(bench: &Bench, browser: &str, file: &Path) -> Ran {
    let profile: PathBuf = bench.root().join("profile");
    let mut command = tokio::process::Command::new(browser);
    command
        // The page may run nothing, and a container has no place for the browser's own sandbox.
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"])
        .args(["--enable-logging=stderr", "--allow-file-access-from-files", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("file://{}", file.display()))
        .current_dir(&bench.repo)
        .env_clear()
        .envs(bench.env())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    finish(command.spawn().expect("the browser starts")).await.exits(0)
}
