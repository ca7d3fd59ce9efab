//! Which tests fail, read from a test run's output.
//!
//! A project may be red before belay touches it. Then a later red run is held
//! against the change only if something fails that did not fail before, and
//! that needs names.

use std::collections::BTreeSet;

use worktree::CommandOutcome;

/// Names kept at most; a run with more is red beyond doubt.
const NAMES: usize = 1_000;

/// The names of failing tests, as cargo, pytest, unittest, node and go print them.
pub fn names(output: &str) -> BTreeSet<String> {
    output.lines().filter_map(name).take(NAMES).collect()
}

fn name(line: &str) -> Option<String> {
    let line = line.trim();
    let cargo = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED"));
    let after = |prefix: &str| line.strip_prefix(prefix);
    let rest = cargo
        .or_else(|| after("--- FAIL: "))
        .or_else(|| after("FAILED ").filter(|rest| rest.contains("::")))
        .or_else(|| after("FAIL: "))
        .or_else(|| after("ERROR: "))
        .or_else(|| after("not ok ").and_then(|rest| rest.split_once(" - ")).map(|(_, name)| name))
        .or_else(|| after("\u{2716} ").filter(|rest| !rest.starts_with("failing tests")))?;
    let name = without_time(rest.split(" - ").next().unwrap_or(rest)).trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// Drops a trailing duration such as `(0.00s)` or `(1.2ms)`, which differs between runs.
fn without_time(name: &str) -> &str {
    match name.rsplit_once(" (") {
        Some((head, tail))
            if tail.ends_with("s)") && tail.starts_with(|c: char| c.is_ascii_digit()) =>
        {
            head
        }
        _ => name,
    }
}

/// Whether a test run is no worse than the one before any change.
///
/// Green is green. Red is taken only if the run before was red too and every
/// failing test failed then; where the output names no test on either side,
/// red stays as red as it was.
pub fn no_worse(before: Option<&CommandOutcome>, after: &CommandOutcome) -> bool {
    if after.passed {
        return true;
    }
    // One that did not end by itself says nothing about what it did not come to.
    let Some(before) = before.filter(|before| !before.passed && after.exit.is_some()) else {
        return false;
    };
    let (known, now) = (names(&before.output), names(&after.output));
    if now.is_empty() {
        known.is_empty() && before.exit == after.exit
    } else {
        now.is_subset(&known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(passed: bool, output: &str) -> CommandOutcome {
        CommandOutcome {
            command: "t".into(),
            passed,
            exit: Some(i32::from(!passed)),
            ended: "exited".into(),
            output: output.into(),
            elapsed_ms: 1,
        }
    }

    #[test]
    fn reads_the_names_that_each_runner_prints() {
        let cases = [
            ("test health::tests::is_up ... FAILED", "health::tests::is_up"),
            ("FAILED tests/test_a.py::test_b - AssertionError: 1", "tests/test_a.py::test_b"),
            ("FAIL: test_up (test_health.Health.test_up)", "test_up (test_health.Health.test_up)"),
            ("ERROR: test_up (test_health.Health)", "test_up (test_health.Health)"),
            ("--- FAIL: TestUp (0.00s)", "TestUp"),
            ("not ok 3 - adds numbers", "adds numbers"),
            ("\u{2716} adds numbers (1.23ms)", "adds numbers"),
        ];
        for (line, expected) in cases {
            assert_eq!(names(line), BTreeSet::from([expected.to_owned()]), "{line}");
        }
        assert!(
            names("test a ... ok\nok 1 - b\nFAILED (failures=1)\n\u{2716} failing tests:")
                .is_empty()
        );
    }

    #[test]
    fn a_red_run_is_taken_only_where_nothing_new_fails() {
        let red = outcome(false, "test old ... FAILED");
        assert!(no_worse(None, &outcome(true, "")));
        assert!(!no_worse(None, &red));
        assert!(!no_worse(Some(&outcome(true, "")), &red));
        assert!(no_worse(Some(&red), &outcome(false, "test old ... FAILED")));
        assert!(!no_worse(Some(&red), &outcome(false, "test old ... FAILED\ntest new ... FAILED")));
        assert!(!no_worse(Some(&red), &outcome(false, "error: could not compile")));
        assert!(no_worse(Some(&outcome(false, "boom")), &outcome(false, "boom")));
        let hung = CommandOutcome { exit: None, ended: "timed_out".into(), ..outcome(false, "") };
        assert!(!no_worse(Some(&hung), &hung), "what hangs always proves nothing");
    }
}
