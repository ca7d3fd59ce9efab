//! A Rust workspace: what cargo and its tools write themselves is theirs.

use simulated_models::FileAnswer;

use super::{BRANCH, changed, ends, plan, red, rounds, run, started};
use crate::harness::{Bench, finish, installed};

const LIB: &str = "crates/greeter/src/lib.rs";
const MANIFEST: &str = "crates/greeter/Cargo.toml";

fn report(last: &str) -> FileAnswer {
    FileAnswer::edit(
        "\n#[test]\n",
        format!(
            "\n/// One line for operators.\npub fn report(seconds: u64) -> String {{\n    {last}\n}}\n\n#[test]\nfn one_second_is_no_plural() {{ assert_eq!(report(1), \"ok, up 1 second\"); assert_eq!(report(0), \"ok, up 0 seconds\"); }}\n\n#[test]\n"
        ),
    )
}

/// A dependency comes in: cargo brings its lockfile up to date, the formatter puts the
/// milestone's file in form, and the linter's finding is mended by the coder.
#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_gets_its_lockfile_from_cargo_its_form_from_rustfmt_and_its_lint_from_clippy() {
    if !(installed("cargo-clippy") && installed("rustfmt")) {
        return eprintln!("left out: there is no clippy or rustfmt");
    }
    let bench = Bench::with_fixture("rust-workspace");
    // A model that wants to write the lockfile itself.
    let plan = plan(&[], &[LIB, MANIFEST, "Cargo.lock"]);
    let manifest =
        FileAnswer::edit("[dependencies]\n", "[dependencies]\nwords = { path = \"../words\" }\n");
    let lock = FileAnswer::modify("version = 4\n# by a model\n");
    let bad = report("return format!(\"ok, up {}\", words::count(seconds, \"second\"));");
    let good = FileAnswer::edit(
        "return format!(\"ok, up {}\", words::count(seconds, \"second\"));",
        "format!(\"ok, up {}\", words::count(seconds, \"second\"))",
    );
    let same = FileAnswer::edit("[dependencies]\n", "[dependencies]\n# One of the workspace.\n");
    let answers = rounds(
        plan,
        &[
            &[(LIB, bad), (MANIFEST, manifest), ("Cargo.lock", lock)],
            &[(LIB, good), (MANIFEST, same)],
        ],
    );
    let server = started(&bench, answers, "run: { parallel: 1 }\n").await;
    let ran = run(&bench).await;
    ends(&ran, "completed");
    assert_eq!(red(&ran), ["cargo clippy"]);
    assert_eq!(changed(&bench), ["Cargo.lock", MANIFEST, LIB]);
    assert!(bench.show(BRANCH, "Cargo.lock").contains("dependencies = [\n \"words\",\n]"));
    let lib = bench.show(BRANCH, LIB);
    assert!(
        lib.contains(
            "fn one_second_is_no_plural() {\n    assert_eq!(report(1), \"ok, up 1 second\");\n"
        ),
        "in form: {lib}"
    );
    for request in
        server.requests().iter().filter(|request| request.schema.as_deref() == Some("changes"))
    {
        let files = &request.body["messages"][1]["content"].as_str().expect("text");
        let (yours, _) = files.split_once(">>>").expect("the coder's files");
        assert!(!yours.contains("Cargo.lock"), "no coder is asked to write it: {yours}");
    }
    server.stop().await;
}

/// A machine on which cargo was never used: its folder has not even a registry.
#[tokio::test(flavor = "multi_thread")]
async fn a_build_works_where_cargo_was_never_used() {
    let bench = Bench::with_fixture("rust-greeter");
    let cargo = bench.root().join("home/.cargo");
    std::fs::create_dir_all(&cargo).expect("a folder");
    let server = started(&bench, super::reports(&["up\n"]), "").await;
    let mut command = bench.command(&["run", "001", "--format", "json"]);
    let ran = finish(command.env("CARGO_HOME", &cargo).spawn().expect("belay")).await.exits(0);
    ends(&ran, "completed");
    assert_eq!(red(&ran), [""; 0], "{:?}", ran.named("tests_failed"));
    assert!(
        cargo.join("registry").is_dir(),
        "what a build with dependencies would fetch has its place"
    );
    server.stop().await;
}
