//! Tests emptied, skipped or stripped of their assertions: the cheapest way to
//! make a red suite green, and one that no run of the suite can notice.
//! Counting is by pattern; it compares a file with itself and with the rest of
//! the change, so it does not need to be exact to see that something is gone.

use std::sync::LazyLock;

use regex::Regex;

use crate::language::{self, Language};
use crate::lexer::Class;
use crate::patterns::pattern;
use crate::source::{Line, Source};
use crate::{Change, Finding, Rule, Severity, content};

/// Matches counted in one line.
const CANDIDATES: usize = 100;

struct Patterns {
    test: Regex,
    assertion: Regex,
    /// An assertion that cannot fail.
    trivial: Regex,
    skip: Regex,
}

static RUST: LazyLock<Patterns> = LazyLock::new(|| Patterns {
    test: pattern(r"#\[(?:\w+::)*(?:test|rstest|test_case)\b"),
    assertion: pattern(r"\b(?:debug_|prop_)?assert\w*!|#\[should_panic|\bpanic!"),
    trivial: pattern(
        r"\bassert!\s*\(\s*(?:true|1\s*==\s*1)\s*[,)]|\bassert_eq!\s*\(\s*(?:1\s*,\s*1|true\s*,\s*true)\s*[,)]",
    ),
    skip: pattern(
        r"#!?\[(?:ignore\b|cfg\(\s*(?:any\(\s*\)|not\(\s*all\(\s*\)\s*\)|FALSE|false)\s*\)|cfg_attr\(\s*(?:all\(\s*\)|test|true)\s*,\s*ignore\b)",
    ),
});

static PYTHON: LazyLock<Patterns> = LazyLock::new(|| Patterns {
    test: pattern(r"^\s*(?:async\s+)?def\s+test\w*\s*\("),
    assertion: pattern(r"\bassert\b|\.assert_?\w+\s*\(|\bpytest\.(?:raises|warns|fail|approx)\b"),
    trivial: pattern(
        r"^\s*assert\s+(?:True|1|1\s*==\s*1)\s*(?:$|#|,)|\.assert(?:True\(\s*True|Equal\(\s*1\s*,\s*1|Equal\(\s*True\s*,\s*True)\s*[,)]",
    ),
    skip: pattern(
        r"@(?:pytest\.mark\.(?:skip|xfail)\b|unittest\.(?:skip\b|expectedFailure))|@(?:pytest\.mark\.skipif|unittest\.skipIf)\(\s*(?:True|1)\b|\bpytestmark\s*=\s*\[?\s*pytest\.mark\.(?:skip|xfail)\b|\bmarks\s*=\s*\[?\s*pytest\.mark\.(?:skip|xfail)\b|\bpytest\.(?:skip|xfail)\s*\(|\braise\s+(?:unittest\.)?SkipTest\b|\.skipTest\s*\(",
    ),
});

static SCRIPT: LazyLock<Patterns> = LazyLock::new(|| Patterns {
    test: pattern(
        r"(?:^|[^\w.$])(?:it|test|specify)(?:\.(?:each|only|concurrent|sequential|skip|todo|failing|fails|skipIf|runIf))*\s*[(`]|(?:^|[^\w.$])[xf](?:it|test|specify)(?:\.each)?\s*[(`]",
    ),
    assertion: pattern(
        r"\bexpect\w*\s*\(|\bassert(?:\.\w+)*\s*\(|\.should\b|\bt\.(?:is|deepEqual|truthy|throws\w*|equal|ok)\s*\(",
    ),
    trivial: pattern(
        r"\bexpect\s*\(\s*(?:true\s*\)\s*\.\s*(?:to(?:Be|Equal|StrictEqual)\s*\(\s*true|toBeTruthy\s*\(|to\.be\.true\b)|false\s*\)\s*\.\s*(?:to(?:Be|Equal|StrictEqual)\s*\(\s*false|toBeFalsy\s*\()|1\s*\)\s*\.\s*to(?:Be|Equal)\s*\(\s*1\s*\))|\bassert(?:\.ok)?\s*\(\s*true\s*[,)]|\bassert\.(?:strictEqual|equal)\s*\(\s*(?:1\s*,\s*1|true\s*,\s*true)\s*[,)]",
    ),
    skip: pattern(
        r"(?:^|[^\w.$])(?:it|test|describe|context|specify|suite)(?:\.(?:describe|concurrent|sequential|parallel|serial|each))*\.(?:(?:skip|todo|only|fixme)\b|(?:skipIf|runIf)\(\s*(?:true|false|1|0)\s*\))|(?:^|[^\w.$])[xf](?:it|test|describe|context|specify)(?:\.each)?\s*[(`]|\bthis\.skip\s*\(",
    ),
});

static GO: LazyLock<Patterns> = LazyLock::new(|| Patterns {
    test: pattern(r"^func\s+(?:\([^)]*\)\s*)?(?:Test|Fuzz|Example)\w*\s*\("),
    assertion: pattern(
        r"\b[tbf]\.(?:Error|Errorf|Fatal|Fatalf|Fail|FailNow)\s*\(|\b(?:assert|require|is|qt)\.\w+\s*\(|// (?:Unordered output|Output):",
    ),
    trivial: pattern(r"\b(?:assert|require)\.True\s*\(\s*t\s*,\s*true\s*[,)]"),
    skip: pattern(r"\b[tbf]\.Skip(?:f|Now)?\s*\("),
});

fn patterns(language: Language) -> Option<&'static Patterns> {
    match language {
        Language::Rust => Some(&RUST),
        Language::Python => Some(&PYTHON),
        Language::Script => Some(&SCRIPT),
        Language::Go => Some(&GO),
        _ => None,
    }
}

/// What a file, or a whole change, tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Strength {
    tests: usize,
    /// Without those that cannot fail.
    assertions: usize,
}

impl Strength {
    fn of(path: &str, text: Option<&str>) -> Self {
        let language = Language::of(path);
        let (Some(patterns), Some(text)) = (patterns(language), text) else {
            return Self::default();
        };
        if !language::is_test_path(path, language) {
            return Self::default();
        }
        let source = Source::new(path, None, text);
        let mut strength = Self::default();
        for (_, line) in source.numbered().filter(|(_, line)| source.is_code_line(line)) {
            strength.tests += count(&source, line, &patterns.test);
            let assertions = count(&source, line, &patterns.assertion);
            strength.assertions +=
                assertions - count(&source, line, &patterns.trivial).min(assertions);
        }
        // Assertions of code without a test guard the code; they are not tests.
        if strength.tests == 0 { Self::default() } else { strength }
    }
}

/// How much a whole change tests, before and after: tests may move between files.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Balance {
    before: Strength,
    after: Strength,
}

impl Balance {
    pub(crate) fn of(change: &Change<'_>, limit: u64) -> Self {
        let read = |bytes: Option<&[u8]>| {
            let text = bytes.filter(|bytes| bytes.len() as u64 <= limit).and_then(content::decode);
            Strength::of(change.path, text)
        };
        Self { before: read(change.before), after: read(change.after) }
    }

    pub(crate) const fn had_tests(self) -> bool {
        self.before.tests > 0
    }

    pub(crate) fn join(self, other: Self) -> Self {
        let add = |a: Strength, b: Strength| Strength {
            tests: a.tests + b.tests,
            assertions: a.assertions + b.assertions,
        };
        Self { before: add(self.before, other.before), after: add(self.after, other.after) }
    }
}

/// What the file as a whole lost, unless the change has it elsewhere.
pub(crate) fn check_loss(change: &Change<'_>, own: Balance, whole: Balance) -> Option<Finding> {
    let Balance { before, after } = own;
    let fewer_tests = after.tests < before.tests && whole.after.tests < whole.before.tests;
    let fewer_assertions =
        after.assertions < before.assertions && whole.after.assertions < whole.before.assertions;
    let finding = |severity, message| Finding {
        path: change.path.to_owned(),
        line: None,
        severity,
        rule: Rule::WeakenedTest,
        message,
        suggestion: "Bring the tests back, and mend the code until they pass.".to_owned(),
    };
    if fewer_tests && change.after.is_none() {
        let message = format!("A file with {} tests is deleted.", before.tests);
        return Some(finding(Severity::Medium, message));
    }
    if fewer_tests && after.tests == 0 {
        let message = format!("All {} tests of the file are gone.", before.tests);
        return Some(finding(Severity::High, message));
    }
    if fewer_assertions && after.assertions == 0 {
        let message = format!("All {} assertions of the tests are gone.", before.assertions);
        return Some(finding(Severity::High, message));
    }
    if fewer_tests {
        let gone = before.tests - after.tests;
        let message = format!("{gone} of {} tests are gone.", before.tests);
        return Some(finding(Severity::Medium, message));
    }
    if fewer_assertions && after.assertions * 2 < before.assertions {
        let gone = before.assertions - after.assertions;
        let message = format!("{gone} of {} assertions are gone.", before.assertions);
        return Some(finding(Severity::Medium, message));
    }
    (change.before.is_none() && after.tests > 0 && after.assertions == 0).then(|| Finding {
        suggestion: "Assert what the code must do.".to_owned(),
        ..finding(Severity::Low, "The tests of this file assert nothing.".to_owned())
    })
}

/// Added lines that skip a test or assert nothing.
pub(crate) fn check_lines(source: &Source<'_>, had_tests: bool) -> Vec<Finding> {
    let Some(patterns) = patterns(source.language) else {
        return Vec::new();
    };
    if !language::is_test_path(source.path, source.language) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (number, line) in source.added().filter(|(_, line)| source.is_code_line(line)) {
        let (severity, message, suggestion) =
            if count(source, line, &patterns.skip) > 0 && !is_conditional(source, number) {
                let severity = if had_tests { Severity::High } else { Severity::Medium };
                (
                    severity,
                    "A test is switched off, or keeps others from running.",
                    "Let every test run, and mend the code until they pass.",
                )
            } else if count(source, line, &patterns.trivial) > 0 {
                (Severity::Medium, "An assertion cannot fail.", "Assert what the code must do.")
            } else {
                continue;
            };
        findings.push(Finding {
            path: source.path.to_owned(),
            line: Some(number),
            severity,
            rule: Rule::WeakenedTest,
            message: message.to_owned(),
            suggestion: suggestion.to_owned(),
        });
    }
    findings
}

/// A skip under an `if` says when the test cannot run (no network, a short run).
fn is_conditional(source: &Source<'_>, number: u32) -> bool {
    let at = usize::try_from(number).unwrap_or(usize::MAX).saturating_sub(1);
    let above = source.lines.get(..at).unwrap_or_default();
    let opener = |text: &str| {
        let text = text.trim_start().trim_start_matches(['}', ' ']);
        let always = ["if true", "if (true)", "if True", "if 1 ", "if 1:"];
        if always.iter().any(|word| text.starts_with(word)) {
            return false;
        }
        ["if ", "elif ", "else if ", "except ", "except:", "case "]
            .iter()
            .any(|word| text.starts_with(word))
    };
    above
        .iter()
        .rev()
        .map(|line| line.text)
        .find(|text| !text.trim().is_empty())
        .is_some_and(opener)
}

/// Matches that begin in code.
fn count(source: &Source<'_>, line: &Line<'_>, wanted: &Regex) -> usize {
    wanted
        .find_iter(line.text)
        .take(CANDIDATES)
        .filter(|found| source.class(line, found.start()) == Class::Code)
        .count()
}
